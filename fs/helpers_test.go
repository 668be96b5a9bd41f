package fs_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// memConfig is a store of two mountpaths in memory, without background work.
func memConfig(o fs.OS) fs.Config {
	c := fs.DefaultConfig()
	c.Cluster, c.Target, c.Mountpaths = "cluster", "target", []string{"/m1", "/m2"}
	c.OS = o
	c.CacheBytes, c.MemTableBytes = 4<<20, 512<<10
	c.InlineMax = 1 << 10
	c.SweepEvery, c.CheckpointEvery = 0, 0
	return c
}

// diskConfig is a store on real directories.
func diskConfig(t testing.TB, mountpaths int) fs.Config {
	t.Helper()
	c := fs.DefaultConfig()
	c.Cluster, c.Target = "cluster", "target"
	for range mountpaths {
		c.Mountpaths = append(c.Mountpaths, t.TempDir())
	}
	c.SweepEvery, c.CheckpointEvery = 0, 0
	c.ReserveBytes = 0
	return c
}

func open(t testing.TB, c fs.Config) *fs.Store {
	t.Helper()
	s, err := fs.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func name(key string) object.Name { return object.Name{Bucket: 7, Key: key} }

// content returns size bytes that depend on seed, with no two blocks alike.
func content(size int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, uint64(size)))
	out := make([]byte, size)
	for i := 0; i < len(out); i += 8 {
		v := rng.Uint64()
		for j := 0; j < 8 && i+j < len(out); j++ {
			out[i+j] = byte(v >> (8 * j))
		}
	}
	return out
}

func etag(data []byte) string { return fmt.Sprintf("%x", md5.Sum(data)) }

// tryPut writes an object in odd pieces and returns what Commit says.
func tryPut(s *fs.Store, n object.Name, data []byte, c object.Cond, d object.Durability) (object.Meta, error) {
	w, err := s.Create(n, fs.WriteOptions{Size: int64(len(data)), Durability: d, Checksum: object.MD5})
	if err != nil {
		return object.Meta{}, err
	}
	defer w.Abort()
	for rest := data; len(rest) > 0; {
		p := rest[:min(len(rest), 100_003)]
		rest = rest[len(p):]
		if _, err := w.Write(p); err != nil {
			return object.Meta{}, err
		}
	}
	return w.Commit(object.Meta{ETag: etag(data), User: map[string]string{"seed": "x"}}, fs.Terms{Cond: c})
}

func put(t testing.TB, s *fs.Store, n object.Name, data []byte) object.Meta {
	t.Helper()
	m, err := tryPut(s, n, data, object.Cond{}, object.Power)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// get reads an object whole, validated.
func get(s *fs.Store, n object.Name) ([]byte, object.Meta, error) {
	r, err := s.Open(n, "")
	if err != nil {
		return nil, object.Meta{}, err
	}
	m := *r.Meta()
	c, err := r.Validated(0, m.Size)
	if err != nil {
		r.Close()
		return nil, m, err
	}
	defer c.Close()
	var buf bytes.Buffer
	if _, err := c.WriteTo(&buf); err != nil {
		return nil, m, err
	}
	return buf.Bytes(), m, nil
}

func wantContent(t testing.TB, s *fs.Store, n object.Name, want []byte) object.Meta {
	t.Helper()
	got, m, err := get(s, n)
	if err != nil {
		t.Fatalf("%s: %v", n.Key, err)
	}
	if !bytes.Equal(got, want) || m.Size != int64(len(want)) {
		t.Fatalf("%s: got %d bytes (size %d), want %d", n.Key, len(got), m.Size, len(want))
	}
	return m
}

func wantKind(t testing.TB, err error, want object.Kind) {
	t.Helper()
	if err == nil || object.KindOf(err) != want {
		t.Fatalf("error %v, want kind %v", err, want)
	}
}

func keys(t testing.TB, s *fs.Store, q object.Query) []string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	p, err := s.List(7, q)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range p.Entries {
		out = append(out, e.Key)
	}
	return out
}

// blobs counts the files under blobs/ of every mountpath.
func blobs(t testing.TB, o fs.OS, c fs.Config) int {
	t.Helper()
	n := 0
	for _, dir := range c.Mountpaths {
		for i := range 256 {
			names, err := o.List("test.list", fmt.Sprintf("%s/blobs/%02x", dir, i))
			if err != nil {
				t.Fatal(err)
			}
			n += len(names)
		}
	}
	return n
}

func sweep(t testing.TB, s *fs.Store) fs.SweepResult {
	t.Helper()
	r, err := s.Sweep(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// upload begins an upload and writes its parts, numbered from 1.
func upload(s *fs.Store, n object.Name, id string, d object.Durability, parts ...[]byte) ([]object.Listed, error) {
	if err := s.Begin(object.Upload{ID: id, Name: n}, d); err != nil {
		return nil, err
	}
	var listed []object.Listed
	for i, data := range parts {
		p, err := putPart(s, n, id, i+1, data, d)
		if err != nil {
			return nil, err
		}
		listed = append(listed, object.Listed{Number: i + 1, ETag: p.ETag})
	}
	return listed, nil
}

func putPart(s *fs.Store, n object.Name, id string, number int, data []byte, d object.Durability) (object.Part, error) {
	w, err := s.CreatePart(n, id, number, fs.WriteOptions{Size: int64(len(data)), Durability: d, Checksum: object.MD5})
	if err != nil {
		return object.Part{}, err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return object.Part{}, err
	}
	return w.CommitPart(object.Part{ETag: etag(data)})
}

func finish(parts []object.Part, u object.Upload) (object.Meta, error) {
	m := u.Meta
	m.ETag = object.MultipartETag(parts)
	return m, nil
}

func publish(s *fs.Store, n object.Name, id string, listed []object.Listed, d object.Durability) (object.Meta, error) {
	return s.Publish(n, id, listed, 0, finish, fs.Terms{}, d)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var errInjected = errors.New("injected")

var _ fs.OS = (*faultfs.FS)(nil)

// removeAll removes names from an unversioned bucket together.
func removeAll(s *fs.Store, d object.Durability, names ...object.Name) []error {
	list := make([]fs.Removal, len(names))
	for i, n := range names {
		list[i].Name = n
	}
	_, errs := s.RemoveMany(list, fs.Terms{}, d)
	return errs
}

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
