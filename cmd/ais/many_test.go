package main

import (
	"os"
	"strings"
	"testing"
)

func TestPutMany(t *testing.T) {
	r := newLargeRunner(t)
	for _, name := range []string{"a.txt", "b.txt", "c.tmp", "d/e.txt", "d/f.tmp", "d/deep/g.txt"} {
		write(t, name, name)
	}
	writeBytes(t, "d/large", content(1, largeTest))
	r.want("put a.txt b.txt ais://abc/x", "PUT 2 files (2 names) => ais://abc/x/\n")
	r.want("put *.txt ais://abc/y/", "PUT 2 files (2 names) => ais://abc/y/\n")
	r.want("put a.txt d ais://abc/z -r", "PUT 5 files (2 names) => ais://abc/z/\n")
	r.want("ls ais://abc --prefix z -H", tableText("z/a.txt          5B", "z/d/deep/g.txt   12B", "z/d/e.txt        7B", "z/d/f.tmp        7B", "z/d/large        64.00KiB"))
	same(t, "a large one among many", r.stored("z/d/large"), content(1, largeTest))
	r.fails("put a.txt d ais://abc/z", 2, "-r puts its files as well")
	r.fails("put *.nosuch ais://abc", 1, `no file matches "*.nosuch"`)
	r.want("put d ais://abc/i -r --include *.txt --exclude deep/*", "PUT 1 file (recursive) => ais://abc/i/\n")
	r.want("put d ais://abc -r --include *.txt --dry-run", tableText(
		`would put "d/deep/g.txt" => ais://abc/deep/g.txt (12B)`, `would put "d/e.txt" => ais://abc/e.txt (7B)`, "would put 2 files (19B)"))
	r.want("put a.txt ais://abc/w --dry-run", "would put \"a.txt\" => ais://abc/w\n")
	r.fails("put d ais://abc --include [", 2, "is not a pattern")
	r.fails("put d ais://abc --workers 0", 2, "--workers")
	r.fails("put d ais://abc --part-size 1", 2, "--part-size")
}

// Files that cannot be put are named at the end; the others are there.
func TestPutNamesWhatItCannotRead(t *testing.T) {
	r := newLargeRunner(t)
	write(t, "d/a", "a")
	write(t, "d/z", "z")
	write(t, "outside/inner", "x")
	for _, link := range [][2]string{{"nowhere", "d/dangling"}, {"z", "d/to-file"}, {"../outside", "d/to-dir"}} {
		if err := os.Symlink(link[0], link[1]); err != nil {
			t.Fatal(err)
		}
	}
	r.fails("put d ais://abc -r", 1, "1 was not put, 3 were:\n  d/dangling: no such file or directory")
	r.want("ls ais://abc -H", tableText("a        1B", "to-file  1B", "z        1B"))
}

func TestGetMany(t *testing.T) {
	r := newLargeRunner(t)
	big := content(1, largeTest)
	r.set(func(f *fake) {
		b := f.buckets["abc"]
		for _, key := range []string{"d/a", "d/b c", "d/sub/x", "d/empty/", "other", "dd"} {
			b.objects[key] = b.object([]byte(key))
		}
		b.objects["d/empty/"] = b.object(nil)
		b.objects["d/big"] = b.object(big)
	})
	r.want("get ais://abc/d out -r", "GET 4 objects from ais://abc/d/ as out (64.02KiB)\n")
	same(t, "a large one among many", []byte(read(t, "out/big")), big)
	if read(t, "out/b c") != "d/b c" || read(t, "out/sub/x") != "d/sub/x" {
		t.Error("wrong contents")
	}
	if info, err := os.Stat("out/empty"); err != nil || !info.IsDir() {
		t.Error("the folder is not there", err)
	}
	r.want("get ais://abc all --prefix d/s", "GET 1 object from ais://abc/d/s as all (7B)\n")
	if read(t, "all/d/sub/x") != "d/sub/x" {
		t.Error("wrong contents")
	}
	r.fails("get ais://abc/nosuch out -r", 1, `no objects in ais://abc begin with "nosuch/"`)
	r.fails("get ais://abc/d - -r", 2, "to a directory")
	r.fails("get ais://abc/d out -r --length 1", 2, "of one object")
	r.fails("get ais://abc/d out --prefix x", 2, "--prefix")
}

// No name of an object leads out of the directory, nor a link that is in it.
func TestGetManyStaysInside(t *testing.T) {
	r := newLargeRunner(t)
	bad := []string{"../up", "/abs", "a//b", "a/./b", "a/../../up", "trailing/", ".", "nul\x00l", "link/x"}
	r.set(func(f *fake) {
		b := f.buckets["abc"]
		for _, key := range append(bad, "good") {
			b.objects["p/"+key] = b.object([]byte("evil"))
		}
	})
	if err := os.MkdirAll("in/out", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../..", "in/out/link"); err != nil {
		t.Fatal(err)
	}
	got := r.run("get", "ais://abc/p", "in/out", "-r")
	if got.code != 1 || !strings.Contains(got.err, "9 were not got, 1 was:") || !strings.Contains(got.err, "its name cannot be that of a file here") {
		t.Error(got)
	}
	if read(t, "in/out/good") != "evil" {
		t.Error("the good one is not there")
	}
	for dir, want := range map[string]int{".": 1, "in": 1, "in/out": 2} {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != want {
			t.Errorf("%s has %v, %v", dir, entries, err)
		}
	}
}
