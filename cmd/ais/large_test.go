package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// largeTest is a size of content that goes in parts, of which there are 5.
const largeTest = 64<<10 + 1

func content(seed uint64, size int) []byte {
	var key [32]byte
	key[0] = byte(seed)
	data := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(data) // never fails
	return data
}

func writeBytes(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, want %d, or others", what, len(got), len(want))
	}
}

// set changes the fake between two commands.
func (r *runner) set(change func(*fake)) {
	r.fake.mu.Lock()
	defer r.fake.mu.Unlock()
	change(r.fake)
}

// stored returns what the fake has under a name, nil for nothing.
func (r *runner) stored(key string) []byte {
	r.fake.mu.Lock()
	defer r.fake.mu.Unlock()
	return r.fake.buckets["abc"].objects[key].data
}

func newLargeRunner(t *testing.T) *runner {
	t.Helper()
	r := newRunner(t)
	r.sizes = sizes{large: 64 << 10, part: 1 << 10, input: 16 << 10}
	r.env["XDG_CACHE_HOME"] = t.TempDir()
	r.want("create ais://abc", "\"ais://abc\" created\n")
	return r
}

func leftUploads(t *testing.T, r *runner) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(r.env["XDG_CACHE_HOME"], "ais", "uploads", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// A put that was interrupted goes on with the parts that are missing; when the file
// has changed, or a part is not what it was, that is sent anew.
func TestPutGoesOn(t *testing.T) {
	r := newLargeRunner(t)
	data := content(1, largeTest)
	writeBytes(t, "f", data)
	const put = "put f ais://abc --part-size 16KiB --workers 1"
	r.set(func(f *fake) { f.partsUntil = 3 })
	got := r.run(strings.Fields(put)...)
	if got.code != 1 || !strings.Contains(got.err, "3 of 5 parts are in the cluster, and nothing under ais://abc/f; the same command goes on") {
		t.Fatal(got)
	}
	if r.stored("f") != nil {
		t.Fatal("something is there under the final name")
	}
	r.set(func(f *fake) {
		f.partsUntil = 0
		f.uploads["u1"].parts[2][7] ^= 1 // is found out
		f.uploads["u1"].sent = 0
	})
	upload := r.fake.uploads["u1"]
	r.want(put, "PUT \"f\" => ais://abc/f\n")
	same(t, "the object", r.stored("f"), data)
	if upload.sent != 3 || len(r.fake.uploads) > 0 {
		t.Errorf("%d parts were sent, want 3; uploads %v", upload.sent, r.fake.uploads)
	}
	if left := leftUploads(t, r); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPutBeginsAnew(t *testing.T) {
	r := newLargeRunner(t)
	data := content(1, largeTest)
	const put = "put f ais://abc --part-size 16KiB --workers 1"
	for name, again := range map[string]func() string{
		"changed": func() string {
			data = content(2, largeTest)
			writeBytes(t, "f", data)
			if err := os.Chtimes("f", time.Time{}, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			return put
		},
		"--restart":   func() string { return put + " --restart" },
		"--no-resume": func() string { return put + " --no-resume" },
		"aborted":     func() string { r.set(func(f *fake) { clear(f.uploads) }); return put },
	} {
		writeBytes(t, "f", data)
		r.set(func(f *fake) { clear(f.uploads); f.partsUntil = 3 })
		if got := r.run(strings.Fields(put)...); got.code != 1 {
			t.Fatal(got)
		}
		r.set(func(f *fake) { f.partsUntil = 0 })
		r.want(again(), "PUT \"f\" => ais://abc/f\n")
		same(t, name, r.stored("f"), data)
		if len(r.fake.uploads) > 0 || len(leftUploads(t, r)) > 0 {
			t.Errorf("%s: left behind: %v %v", name, r.fake.uploads, leftUploads(t, r))
		}
	}
	r.set(func(f *fake) { f.partsUntil = 3 })
	if got := r.run(strings.Fields(put + " --no-resume")...); got.code != 1 || len(r.fake.uploads) > 0 || len(leftUploads(t, r)) > 0 {
		t.Errorf("%v, %v %v", got, r.fake.uploads, leftUploads(t, r))
	}
}

// Input of any length goes in parts, and what cannot be finished is aborted.
func TestLongInput(t *testing.T) {
	r := newLargeRunner(t)
	for _, size := range []int{0, 1, 16<<10 - 1, 16 << 10, 16<<10 + 1, 32 << 10, 300<<10 + 5} {
		data := content(3, size)
		r.stdin = string(data)
		r.want("put - ais://abc/in", "PUT (standard input) => ais://abc/in\n")
		same(t, "input", r.stored("in"), data)
	}
	r.set(func(f *fake) { f.partsUntil = 2 })
	r.fails("put - ais://abc/other", 1, "space")
	if r.stored("other") != nil || len(r.fake.uploads) > 0 {
		t.Errorf("left behind: %v", r.fake.uploads)
	}
	if inputPartSize(16, 1) != 16 || inputPartSize(16, 2001) != 32 || inputPartSize(16, 10000) != 256 {
		t.Error(inputPartSize(16, 1), inputPartSize(16, 2001), inputPartSize(16, 10000))
	}
}

// A get that was interrupted goes on with the ranges that are missing.
func TestGetGoesOn(t *testing.T) {
	r := newLargeRunner(t)
	data := content(4, largeTest)
	r.set(func(f *fake) { f.buckets["abc"].objects["big"] = f.buckets["abc"].object(data) })
	const get = "get ais://abc/big out --workers 1 --part-size 16KiB"
	r.set(func(f *fake) {
		reads := 0
		f.beforeGet = func() {
			if reads++; reads > 2 {
				f.failReads = true
			}
		}
	})
	writeBytes(t, "out", []byte("before"))
	got := r.run(strings.Fields(get)...)
	if got.code != 1 || !strings.Contains(got.err, "32.00KiB of 64.00KiB are in .out.ais-partial, and nothing under out; the same command goes on with them") {
		t.Fatal(got)
	}
	if read(t, "out") != "before" {
		t.Error("the file was touched")
	}
	r.set(func(f *fake) { f.beforeGet, f.failReads, f.ranges = nil, false, nil })
	r.want(get, "GET big from ais://abc as out (64.00KiB)\n")
	same(t, "the file", []byte(read(t, "out")), data)
	slices.Sort(r.fake.ranges)
	if want := []string{"bytes=32768-49151", "bytes=49152-65535", "bytes=65536-65536"}; !slices.Equal(r.fake.ranges, want) {
		t.Errorf("read %v", r.fake.ranges)
	}
	nothingLeft(t)
}

func nothingLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(".*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// An object that is replaced while it is read is read again, and never mixed; one
// that was replaced since is begun with anew.
func TestGetOfWhatChanges(t *testing.T) {
	r := newLargeRunner(t)
	one, two := content(5, largeTest), content(6, largeTest+5)
	replaceAfter := func(n int) {
		r.set(func(f *fake) {
			b := f.buckets["abc"]
			b.objects["big"] = b.object(one)
			reads := 0
			f.beforeGet = func() {
				if reads++; reads == n {
					b.objects["big"] = b.object(two)
				}
			}
		})
	}
	replaceAfter(3)
	r.want("get ais://abc/big out --part-size 16KiB", "GET big from ais://abc as out (64.01KiB)\n")
	same(t, "replaced", []byte(read(t, "out")), two)
	nothingLeft(t)

	replaceAfter(0)
	r.set(func(f *fake) { f.beforeGet, f.corrupt = nil, true })
	r.fails("get ais://abc/big other", 1, "another xxhash")
	if _, err := os.Lstat("other"); err == nil {
		t.Error("damaged content is there under the final name")
	}
	nothingLeft(t)
}
