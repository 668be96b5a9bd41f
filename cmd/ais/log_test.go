package main

import "testing"

func TestLog(t *testing.T) {
	r := newRunner(t)
	r.want("log show target1", "2026-11-22 15:13:00.500 INFO  serving listen=:8090\n2026-11-22 15:13:01.000 ERROR disk err=\"I/O error\" tries=3\nnot JSON\n")
	r.want("show log t[target1] --lines 1 --json", "not JSON\n")
	r.want("log show target1 --lines 9 --json", fakeLog)
	r.fails("log show", 2, "missing the node")
	r.fails("log get cluster -", 2, "go to a directory")
}

func TestPerformance(t *testing.T) {
	r := newRunner(t)
	r.want("performance capacity", tableText(
		"TARGET           MOUNTPATHS       OBJECTS  CAP USED(%)      CAP AVAIL        FULLEST(%)",
		"t[target1]       2                15       25%              3.00GiB          25%",
		"t[target2]       -                -        -                -                -"))
	r.want("show performance latency target1 --refresh 1ms -H", "t[target1]       0        -        0        -        0        -        0        -\n")
	r.fails("performance counters nosuch", 1, `there is no target "nosuch"`)
	r.fails("performance --count -1", 2, "over 0")
}
