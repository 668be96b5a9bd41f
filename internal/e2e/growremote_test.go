package e2e

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Targets join and leave while clients read and write a remote bucket: nothing fails, the
// remote has all that was written, and uploads that were begun before are completed where
// they were begun; what the targets that have the names by then keep of the objects that
// were there is not served any more.
func TestRemoteWhileTargetsJoin(t *testing.T) {
	t.Parallel()
	r := SecondAIS(t)
	c := Start(t, Options{Proxies: 2, Targets: 2, Remote: r, Plain: true})
	b := r.bucket(t)
	s := c.fillBucket(t, b, 80)
	s.watch()
	f := startTraffic(t, c, b, 3)
	p, parts := c.Plain(), [][]byte{random(1, partSize), random(2, partSize), random(3, 1000)}
	uploads := map[string]*upload{}
	for _, key := range []string{"upload/a", "upload/b", "upload/c", "upload/d"} {
		p.put(t, b, key, []byte("before"))
		uploads[key] = p.begin(t, b, key)
		uploads[key].part(t, 1, parts[0]).want(t, 200, "")
	}
	f.goesOn("the start")
	joined := []string{c.Join(t), c.Join(t)}
	for _, u := range uploads {
		u.part(t, 2, parts[1]).want(t, 200, "")
	}
	f.goesOn("two targets have joined")
	c.moved(t, time.Minute)
	f.goesOn("names belong to four")
	for key, u := range uploads {
		p.same(t, b, key, []byte("before")) // and it is kept where the name is now
		u.part(t, 3, parts[2]).want(t, 200, "")
		u.complete(t, u.manifest(1, 2, 3)).want(t, 200, "")
		for _, at := range []plain{p, r.plain()} {
			if a := at.do(t, "GET", u.target, nil); a.status != 200 || !bytes.Equal(a.body, bytes.Join(parts, nil)) {
				t.Errorf("%s at %s: %d, %d bytes", u.target, at.endpoint, a.status, len(a.body))
			}
		}
	}
	left := []string{"target1", joined[0]}
	c.ais(t, "cluster decommission "+strings.Join(left, " "))
	for _, name := range left {
		c.gone(t, name)
		f.goesOn(name + " has left")
	}
	f.stop()
	s.stop()
	s.whole()
	remote := r.plain()
	for i, key := range s.keys {
		remote.same(t, b, key, s.data(i))
	}
	t.Logf("%d requests, the slowest took %s; %d complete lists, %d reads", f.requests.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond), s.lists.Load(), s.reads.Load())
}
