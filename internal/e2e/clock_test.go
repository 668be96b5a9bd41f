package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Nodes whose clocks are twenty minutes apart work together: requests by way of any of
// them, redirects, what nodes ask each other, jobs, and who takes over when one dies.
func TestClocksDiffer(t *testing.T) {
	for _, mode := range []string{"never", "always"} {
		t.Run(mode, func(t *testing.T) {
			c := Start(t, Options{
				Proxies: 2, Targets: 3, Auth: true, Users: "main", Redirect: mode, Plain: true,
				Clocks: []string{"proxy1=-10m", "proxy2=10m", "target1=10m", "target2=-10m"},
			})
			main := c.As(t, "main")
			b, other := main.bucket(t), main.bucket(t)
			nodes := append(c.Names("proxy"), c.Names("target")...)
			var keys []string
			for i := range 30 {
				k := fmt.Sprintf("k%02d", i)
				keys = append(keys, k)
				body := random(uint64(i), 50_000)
				p := main.at(t, c, nodes[i%len(nodes)])
				p.following(t, "PUT", "/"+b+"/"+k, body).want(t, 200, "")
				for _, n := range nodes {
					a := main.at(t, c, n).following(t, "GET", "/"+b+"/"+k, nil).want(t, 200, "")
					if !slices.Equal(a.body, body) {
						t.Fatalf("%s at %s: %d bytes", k, n, len(a.body))
					}
				}
			}
			for _, n := range nodes {
				if got := main.at(t, c, n).list(t, b); !slices.Equal(got, keys) {
					t.Errorf("%s lists %q", n, got)
				}
			}
			for _, n := range c.Names("proxy") { // a target asks another for the source
				for i := range 6 {
					a := main.at(t, c, n).following(t, "PUT", fmt.Sprintf("/%s/%s-%d", other, n, i), nil, "x-amz-copy-source: /"+b+"/"+keys[i])
					a.want(t, 200, "")
				}
			}
			c.ShellAs(t, "root").run(t, "ais bucket cp ais://"+b+" ais://"+other+" --wait")
			if got := main.list(t, other); len(got) != len(keys)+12 {
				t.Errorf("copied: %q", got)
			}
			if mode == "never" { // a redirect to who is dead is the client's to try again
				c.takesOver(t, keys, nodes)
			}
			// The lease of a node whose clock is ahead, and of one whose is behind.
			for _, n := range []string{"target1", "target2"} {
				c.Kill(t, n)
				c.Restart(t, n)
			}
			Eventually(t, 30*time.Second, "everything is there", func() error {
				a := main.do(t, "GET", "/"+b+"?list-type=2", nil)
				if a.status != 200 || strings.Count(string(a.body), "<Key>") != len(keys) {
					return fmt.Errorf("%v", a)
				}
				return nil
			})
			for _, n := range c.Names("target") {
				if log := c.Log(t, n); strings.Contains(log, "the lease was lost") || strings.Contains(log, "ticket has expired") {
					t.Errorf("%s: %s", n, log)
				}
			}
		})
	}
}

// takesOver has a target whose clock is ahead die: another acts for what both have, as
// soon as its lease has ended.
func (c *Cluster) takesOver(t *testing.T, keys, nodes []string) {
	t.Helper()
	root, copied := c.As(t, "root"), bucketName(t)
	c.ShellAs(t, "root").run(t, "ais create ais://"+copied+" --props copies=2")
	for i, k := range keys {
		root.at(t, c, nodes[i%len(nodes)]).following(t, "PUT", "/"+copied+"/"+k, []byte(k)).want(t, 200, "")
	}
	c.Kill(t, "target1")
	for _, k := range keys {
		Eventually(t, 30*time.Second, k+" is read and written without a target", func() error {
			a := root.do(t, "GET", "/"+copied+"/"+k, nil)
			if a.status == 200 && string(a.body) == k {
				a = root.do(t, "PUT", "/"+copied+"/"+k, []byte(k))
			}
			if a.status != 200 {
				return fmt.Errorf("%v", a)
			}
			return nil
		})
	}
	c.Restart(t, "target1")
}
