package main

import (
	"crypto/md5"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

func printMedians(subjects []*subject) {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "load\tserver\tCPU ms each\tops/s\tMB/s\tp50 ms\tp99 ms\tRSS max MiB\t")
	for _, s := range subjects {
		fmt.Fprintf(t, "%s\t%s\t%.4f\t%.0f\t%.1f\t%.3f\t%.3f\t%.0f\t\n", s.group, s.server, s.median(cpuOf),
			s.median(func(r *report) float64 { return r.OpsPerSec }), s.median(func(r *report) float64 { return r.MBPerSec }),
			s.median(func(r *report) float64 { return r.P50 }), s.median(func(r *report) float64 { return r.P99 }), mib(s.maxRSS()))
	}
	t.Flush() //nolint:errcheck // the terminal
}

// maxRSS is the peak of the largest process, over all rounds.
func (s *subject) maxRSS() (n int64) {
	for _, r := range s.reports {
		for _, c := range r.Servers {
			n = max(n, c.MaxRSS)
		}
	}
	return n
}

// referenceNginx is what nginx took for a GET of 4 KiB where the limits in
// milliseconds were set: they are scaled by what it takes here.
const referenceNginx = 0.013

// checks prints the ratios that were aimed at.
type checks struct {
	t        *tabwriter.Writer
	subjects []*subject
}

func (c *checks) find(group, server string) *subject {
	for _, s := range c.subjects {
		if s.group == group && s.server == server {
			return s
		}
	}
	return nil
}

// cost is the median CPU of a load, 0 where it was not run.
func (c *checks) cost(group, server string) float64 {
	if s := c.find(group, server); s != nil {
		return s.median(cpuOf)
	}
	return 0
}

func (c *checks) check(what string, value, limit float64, note string) {
	if value == 0 || limit == 0 {
		return
	}
	verdict := "reached"
	if value > limit {
		verdict = fmt.Sprintf("missed by %.0f %%", (value/limit-1)*100)
	}
	fmt.Fprintf(c.t, "%s\t%.3g\tof %.3g\t%s\t%s\n", what, value, limit, verdict, note)
}

func (c *checks) ratio(group, server, base string, limit float64) {
	if b := c.cost(group, base); b > 0 {
		c.check(group+" "+server+" / "+base, c.cost(group, server)/b, limit, "")
	}
}

func printChecks(subjects []*subject, o *options) {
	fmt.Println()
	c := &checks{tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0), subjects}
	c.ratio("GET 4KiB", "direct", "nginx", 2)
	c.ratio("GET 128KiB", "direct", "nginx", 1.4)
	c.ratio("GET 1MiB", "direct", "nginx", 1.15)
	c.ratio("GET 64MiB", "direct", "nginx", 1.15)
	c.ratio("GET 1MiB", "relayed", "direct", 2.3)
	c.ratio("GET 64MiB", "relayed", "direct", 2.3)
	c.ratio("PUT 10MiB", "relayed xxhash", "sink", 2.5)
	if sink := c.cost("PUT 10MiB", "sink"); sink > 0 {
		digest := md5Cost(10 << 20)
		c.check("PUT 10MiB (relayed md5 - MD5) / sink", (c.cost("PUT 10MiB", "relayed md5")-digest)/sink, 2.5, fmt.Sprintf("MD5 alone takes %.1f ms", digest))
	}
	c.scaled()
	c.peers(o.peers)
	rss := int64(0)
	for _, s := range subjects {
		if s.server != "nginx" && s.server != "sink" && !o.peers.has(s.server) {
			rss = max(rss, s.maxRSS())
		}
	}
	c.check("RSS of the largest process, MiB", mib(rss), 100, "")
	c.t.Flush() //nolint:errcheck // the terminal
}

// scaled checks the limits in milliseconds.
func (c *checks) scaled() {
	scale, note := c.cost("GET 4KiB", "nginx")/referenceNginx, ""
	if scale == 0 {
		scale, note = 1, "not scaled: nginx was not measured"
	} else {
		fmt.Fprintf(c.t, "this machine / the one of the limits below\t%.2f\t\t\t(nginx, GET 4KiB: %.4f ms to %.4f)\n", scale, scale*referenceNginx, referenceNginx)
	}
	for _, l := range []struct {
		group, server string
		limit         float64
	}{
		{"GET 4KiB", "relayed", 0.09}, {"PUT 4KiB", "relayed process", 0.20}, {"PUT 4KiB", "relayed power", 0.23},
		{"HEAD 4KiB", "relayed", 0.06}, {"DELETE 100 keys", "relayed", 1.5}, {"307", "proxy", 0.020},
		{"LIST page", "relayed", 8}, {"LIST page, delimiter", "relayed", 8},
	} {
		c.check(l.group+" "+l.server+", ms", c.cost(l.group, l.server), l.limit*scale, note)
	}
	if s := c.find("COMPLETE 1000 parts", "relayed"); s != nil {
		c.check("COMPLETE 1000 parts, p50 ms", s.median(func(r *report) float64 { return r.P50 }), 50*scale, note)
	}
}

// peers says how much more other servers take.
func (c *checks) peers(peers peerFlags) {
	for _, p := range peers {
		for _, l := range [][2]string{{"GET 4KiB", "relayed"}, {"PUT 4KiB", "relayed power"}, {"PUT 4KiB", "relayed process"}, {"HEAD 4KiB", "relayed"}} {
			if own, other := c.cost(l[0], l[1]), c.cost(l[0], p.name); own > 0 && other > 0 {
				fmt.Fprintf(c.t, "%s %s / AIS %s\t%.3g\t\t\t\n", l[0], p.name, l[1], other/own)
			}
		}
	}
}

// md5Cost measures what MD5 takes for n bytes, in ms.
func md5Cost(n int) float64 {
	data := make([]byte, n)
	best := time.Hour
	for range 5 {
		start := time.Now()
		md5.Sum(data)
		best = min(best, time.Since(start))
	}
	return best.Seconds() * 1000
}
