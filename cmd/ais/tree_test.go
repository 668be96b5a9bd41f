package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ais/api"
	"ais/object"
)

// sum returns the xxhash of a file in hex.
func sum(t *testing.T, name string) string {
	t.Helper()
	return object.Sum(object.XXHash, []byte(read(t, name))).Hex()
}

func TestTrees(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	for _, name := range []string{"d/a", "d/b c", "d/sub/ü?#%", "d/sub/deep/x"} {
		write(t, name, name)
	}
	r.want("put d ais://abc", "PUT 2 files (one directory, non-recursive) => ais://abc\n")
	r.want("put d ais://abc/prefix -r", "PUT 4 files (recursive) => ais://abc/prefix/\n")
	counted := r.run("ls", "ais://abc", "--count-only")
	if !strings.HasPrefix(counted.out, "Listed 6 names in ") {
		t.Error(counted)
	}
	r.want("ls ais://abc --limit 4 -H", tableText("a                3B", "b c              5B", "prefix/a         3B", "prefix/b c       5B"))
	r.want("ls ais://abc --nr --prefix prefix/", tableText("NAME             SIZE", "prefix/a         3B", "prefix/b c       5B", "prefix/sub/"))
	paged := r.run("ls", "ais://abc", "--page-size", "1", "--json", "--props", "name")
	var entries []api.Entry
	if err := json.Unmarshal([]byte(paged.out), &entries); err != nil || len(entries) != 6 {
		t.Errorf("%d entries, %v in %s", len(entries), err, paged.out)
	}
}

func TestHeldBackNames(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	write(t, "f", "content")
	for _, key := range []string{"a//b", "../up", "./here", "a%2Fb", "plus+and space", "trailing/", "q?x=1#y", "ü"} {
		put := r.run("put", "f", "ais://abc/dir/"+key+"end")
		if put.code != 0 {
			t.Errorf("%q: %s", key, put.err)
		}
		got := r.run("get", "ais://abc/dir/"+key+"end", "-")
		if got.out != "content" {
			t.Errorf("%q: %q %s", key, got.out, got.err)
		}
	}
	if n := len(r.fake.buckets["abc"].objects); n != 8 {
		t.Errorf("%d objects, want 8", n)
	}
}

func TestInput(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	r.stdin = strings.Repeat("piped ", 1<<20)
	r.want("put - ais://abc/piped", "PUT (standard input) => ais://abc/piped\n")
	if got := r.run("get", "ais://abc/piped", "-"); got.out != r.stdin {
		t.Errorf("%d bytes came back, %s", len(got.out), got.err)
	}
	r.fails("put - ais://abc", 2, "has no name")
}

func TestDamagedContentIsNotKept(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	write(t, "f", "content")
	write(t, "out", "before")
	r.want("put f ais://abc", "PUT \"f\" => ais://abc/f\n")
	r.fake.mu.Lock()
	r.fake.corrupt = true
	r.fake.mu.Unlock()
	r.fails("get ais://abc/f out", 1, "another xxhash")
	if read(t, "out") != "before" {
		t.Error("the file was replaced")
	}
	left, err := filepath.Glob(".ais-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestDestinations(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	write(t, "f", "content")
	if err := os.Mkdir("dir", 0o755); err != nil {
		t.Fatal(err)
	}
	r.want("put f ais://abc/x/y", "PUT \"f\" => ais://abc/x/y\n")
	r.want("get ais://abc/x/y", "GET x/y from ais://abc as y (7B)\n")
	r.want("get ais://abc/x/y dir", "GET x/y from ais://abc as dir/y (7B)\n")
	r.want("get ais://abc/x/y /dev/null", "GET x/y from ais://abc as /dev/null (7B)\n")
	r.fails("get ais://abc/x/y no/such/dir", 1, "no such file or directory")
	r.fails("put nosuch ais://abc", 1, "nosuch: no such file or directory")
	r.want("ls ais://abc --nr", "NAME     SIZE\nx/\n")
	if err := os.MkdirAll("empty/inside", 0o755); err != nil {
		t.Fatal(err)
	}
	r.fails("put empty ais://abc", 1, "put those as well with -r")
	r.fails("put empty ais://abc -r", 1, "there are no files in empty")
}
