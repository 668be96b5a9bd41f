package backendtest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"ais/backend"
	"ais/object"
)

// The compiler checks that Mem is what the targets take.
var (
	_ backend.Backend = (*Mem)(nil)
	_ backend.Copier  = (*Mem)(nil)
)

func TestMem(t *testing.T) {
	m := NewMem()
	Run(t, func() backend.Backend { return m })
}

func TestMemVersions(t *testing.T) {
	m, ctx := NewMem(), context.Background()
	m.KeepVersions(true)
	first, second := m.Set("k", "one"), m.Set("k", "two")
	if first.Version == second.Version || first.Version == "" {
		t.Fatalf("versions %q and %q", first.Version, second.Version)
	}
	o, err := m.Get(ctx, "k", backend.GetOptions{Version: first.Version})
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(o.Body); string(body) != "one" {
		t.Errorf("the first version is %q", body)
	}
	m.Drop("k")
	if _, err := m.Head(ctx, "k", ""); !errors.Is(err, object.NotFound) {
		t.Errorf("after the removal: %v", err)
	}
	if _, err := m.Head(ctx, "k", second.Version); err != nil {
		t.Errorf("the version that was removed: %v", err)
	}
	if _, err := m.Head(ctx, "k", "none"); !errors.Is(err, object.NoSuchVersion) {
		t.Errorf("no such version: %v", err)
	}
}

func TestMemKnobs(t *testing.T) {
	m, ctx := NewMem(), context.Background()
	m.Set("k", "0123456789")
	m.Hook(func(_ context.Context, op, key string) error {
		if op == OpHead && key == "k" {
			return object.Unavailable
		}
		return nil
	})
	if _, err := m.Head(ctx, "k", ""); !errors.Is(err, object.Unavailable) || m.Calls(OpHead) != 1 || m.Calls(OpHead, "k") != 1 {
		t.Errorf("a hooked HEAD: %v, %d calls", err, m.Calls(OpHead))
	}
	m.Wrap(func(_ string, r io.ReadCloser) io.ReadCloser { return io.NopCloser(io.LimitReader(r, 4)) })
	o, err := m.Get(ctx, "k", backend.GetOptions{Range: &object.Range{Offset: 2, Length: -1}})
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(o.Body); string(body) != "2345" || o.Range != (object.Range{Offset: 2, Length: 8}) {
		t.Errorf("a wrapped GET: %q of %+v", body, o.Range)
	}
	if _, err := m.Bucket("other").Copy(ctx, "mem", "k", "", "copy", nil); err != nil {
		t.Fatal(err)
	}
	if body, ok := m.Bucket("other").Body("copy"); !ok || body != "0123456789" {
		t.Errorf("the copy: %q, %v", body, ok)
	}
	absent, err := m.Open(backend.Config{Bucket: "absent"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := absent.Put(ctx, "k", backend.PutOptions{Body: strings.NewReader(""), Size: 0}); !errors.Is(err, object.NoSuchBucket) {
		t.Errorf("a bucket that is not there: %v", err)
	}
}
