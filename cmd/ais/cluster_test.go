package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"ais/api"
)

func TestCluster(t *testing.T) {
	r := newRunner(t)
	got := r.run("show", "cluster")
	want := tableText(
		"PROXY            MEM USED(%)      MEM AVAIL        LOAD AVERAGE     UPTIME   STATUS   VERSION",
		"p[proxy1]        0.50%            4.00GiB          [0.4 0.3 0.2]    17m      online   1.0",
		"",
		"TARGET           MEM USED(%)      MEM AVAIL        CAP USED(%)      CAP AVAIL        LOAD AVERAGE     UPTIME   STATUS   VERSION",
		"t[target1]       0.50%            4.00GiB          25%              3.00GiB          [0.4 0.3 0.2]    17m      online   1.0",
		"t[target2]       -                -                -                -                -                -        offline  -",
		"",
		"Summary:",
		"   Proxies:             1",
		"   Targets:             2 (2 mountpaths)",
		"   Capacity:            used 1.00GiB (25%), available 3.00GiB",
		"   Objects:             15",
		"   Cluster Map:         version 4, UUID c1",
		"   Software:            1.0",
		"   Status:              2 online, 1 not")
	if got.out != want || got.code != 0 {
		t.Errorf("wrote\n%s\nwant\n%s\n%s", got.out, want, got.err)
	}
	r.want("cluster show target1 -H", "t[target1]       0.50%    4.00GiB  25%      3.00GiB  [0.4 0.3 0.2]    17m      online   1.0\n")
	r.fails("show cluster nosuch", 1, `there is no node "nosuch"`)
	if got := r.run("show", "cluster", "smap"); !strings.Contains(got.out, "version 4, UUID c1, created 2026-11-22 15:13:00") {
		t.Error(got)
	}
}

func TestNodeState(t *testing.T) {
	online := &api.NodeStatus{Status: "online"}
	for _, tt := range []struct {
		node   api.Node
		status *api.NodeStatus
		want   string
	}{
		{api.Node{Live: true, State: "active"}, online, "online"},
		{api.Node{Live: true, State: "active"}, nil, "no answer"},
		{api.Node{State: "down"}, nil, "offline"},
		{api.Node{State: "down", Behind: 7}, nil, "offline, behind"},
		{api.Node{Live: true, State: "active", Behind: 7}, online, "online, syncing"},
		{api.Node{Live: true, State: "maintenance"}, online, "maintenance"},
		{api.Node{Live: true, State: "leaving", Buckets: 2}, online, "leaving, 2 buckets to move"},
		{api.Node{State: "leaving", Behind: 7, Buckets: 1}, nil, "leaving, offline, behind, 1 bucket to move"},
		{api.Node{State: "leaving", Behind: 7, Lost: true}, nil, "leaving, offline, given up"},
	} {
		if got := (&nodeRow{tt.node, tt.status}).state(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.node, got, tt.want)
		}
	}
}

func TestConfig(t *testing.T) {
	r := newRunner(t)
	r.want("config cluster redirect", tableText("PROPERTY         VALUE", "redirect         auto"))
	r.want("config cluster redirect=always durability=process", tableText(
		"Cluster config successfully updated", `"durability" set to: "process" (was: "power")`, `"redirect" set to: "always" (was: "auto")`))
	r.want("show config cluster redirect -H", "redirect         always\n")
	r.fails("config cluster redirect=sometimes", 1, "auto, always or never")
	r.want("config cluster features S3-Presigned-Request", tableText("Cluster config successfully updated", `"features" set to: "S3-Presigned-Request" (was: "none")`))
	r.fails("config cluster nosuch", 2, "there is no property")
}

func TestUsage(t *testing.T) {
	r := newRunner(t)
	r.fails("nosuch", 2, `there is no "nosuch" in 'ais'`)
	r.fails("shw cluster", 2, "did you mean 'show'?")
	r.fails("show nosuch", 2, `there is no "nosuch" in 'ais show'`)
	r.fails("ls --nosuch", 2, "unknown flag")
	r.fails("put f", 2, "missing a file and a bucket")
	r.fails("get ais://abc", 2, "names no object")
	r.fails("get abc/x", 2, "write provider://bucket/object")
	r.fails("get gs://abc/x", 2, "ais or aws")
	r.fails("ls ais://abc --props nosuch", 2, `there is no property "nosuch"`)
	r.fails("ls ais://abc --limit x", 2, "invalid argument")
	r.fails("get ais://abc/x --length 0", 2, "--length is 1 or more")
	if got := r.run("--version"); got.code != 0 || got.out != "ais development\n" {
		t.Error(got)
	}
}

func TestReaching(t *testing.T) {
	r := newRunner(t)
	live := r.env["AIS_ENDPOINT"]
	r.env["AIS_ENDPOINT"] = "http://127.0.0.1:1"
	r.fails("ls", 1, "cannot reach AIS at http://127.0.0.1:1: connection refused")
	r.fails("ls", 1, "AIS_ENDPOINT")
	r.want("ls --endpoint "+live, "AIS Buckets (0)\n")
	r.env["AIS_ENDPOINT"] = strings.Replace(live, "http:", "https:", 1)
	r.fails("ls", 1, "Use http:// in --endpoint")
	r.env["AIS_ENDPOINT"] = "ftp://x"
	r.fails("ls", 1, "not a URL like http://localhost:8080")
	delete(r.env, "AIS_ENDPOINT")
	r.env["XDG_CONFIG_HOME"] = "."
	write(t, "ais/cli.json", `{"endpoint": "`+live+`"}`)
	r.want("ls", "AIS Buckets (0)\n")
	write(t, "ais/cli.json", `{"endpont": "x"}`)
	r.fails("ls", 1, "it may hold endpoint")
}

func TestCompletion(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	write(t, "f", "x")
	r.want("put f ais://abc/dir/f", "PUT \"f\" => ais://abc/dir/f\n")
	for _, c := range []struct{ args, want string }{
		{"ls ais", "ais://abc\n:4\n"},
		{"get ais://", "ais://abc/\n:6\n"},
		{"get ais://abc/", "ais://abc/dir/\n:6\n"},
		{"get ais://abc/dir/", "ais://abc/dir/f\n:6\n"},
		{"put f ais://a", "ais://abc/\n:6\n"},
		{"put f REA", ":0\n"},
		{"bucket props ais://abc dur", "durability=\n:6\n"},
		{"config cluster redi", "redirect=\n:6\n"},
		{"show cluster tar", "target\ntarget1\ntarget2\n:4\n"},
	} {
		got := r.run(append([]string{"__complete"}, strings.Fields(c.args)...)...)
		lines := strings.Split(got.out, "\n")
		if strings.HasPrefix(c.args, "show cluster") && len(lines) > 3 && lines[1] > lines[2] { // from a map
			lines[1], lines[2] = lines[2], lines[1]
		}
		if strings.Join(lines, "\n") != c.want {
			t.Errorf("%s completes to %q, want %q", c.args, got.out, c.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int64
	}{{"0", 0}, {"10", 10}, {"10B", 10}, {"4KiB", 4096}, {"4k", 4096}, {"1MB", 1_000_000}, {"2GiB", 2 << 30}, {"1T", 1 << 40}} {
		if n, err := parseSize(c.text); n != c.n || err != nil {
			t.Errorf("%q is %d, %v", c.text, n, err)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1KiX", "KiB", "9999999999999T", "1BK", "1.5K"} {
		if n, err := parseSize(bad); err == nil {
			t.Errorf("%q is %d", bad, n)
		}
	}
	for n, want := range map[int64]string{0: "0B", 14: "14B", 1023: "1023B", 1075: "1.05KiB", 10689: "10.44KiB", 81472612: "77.70MiB", 5 << 40: "5.00TiB"} {
		if got := formatSize(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// A shell that waits for a completion does not wait long for a cluster that hangs.
func TestCompletionOfWhatHangs(t *testing.T) {
	r := newRunner(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r.env["AIS_ENDPOINT"] = ln.Addr().String()
	begun := time.Now()
	if got := r.run("__complete", "ls", "ais://"); got.code != 0 || got.out != ":4\n" || time.Since(begun) > 3*completeTimeout {
		t.Error(got, time.Since(begun))
	}
}
