package main

import "testing"

// What a copy or a new name cannot be is said before anything is asked of the cluster;
// what it does is tested against a real one, in internal/e2e.
func TestCopyUsage(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	asked := len(r.fake.asked)
	for command, part := range map[string]string{
		"cp ais://abc":                                        "missing",
		"cp ais://abc new":                                    "ais://new",
		"cp ais://abc/f ais://abc/f":                          "to itself",
		"cp ais://abc/f ais://new --wait":                     "for buckets",
		"cp ais://abc ais://new/x --prepend y":                "given twice",
		"bucket cp ais://abc ais://new --list a --template b": "one of them",
		"bucket mv ais://abc s3://abc":                        "stays with its provider",
		"bucket mv ais://abc/f ais://new":                     "ais object mv",
		"bucket mv ais://abc ais://new/x":                     "names an object",
		"bucket summary ais://abc/x --prefix y":               "given twice",
	} {
		r.fails(command, 2, part)
	}
	r.fails("object mv ais://abc/f ais://other/f", 1, "stays in its bucket")
	if len(r.fake.asked) != asked {
		t.Errorf("%d calls were made", len(r.fake.asked)-asked)
	}
}
