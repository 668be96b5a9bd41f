package target

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"ais/backend"
	"ais/backend/backendtest"
	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// paused is a store that stops after it has done, and before it answers to, what
// changes something: there the process ends.
type paused struct {
	*backendtest.Mem
	at       string        // the operation
	here     chan struct{} // closed when it stops
	released chan struct{} // goes on when closed
}

func (p *paused) stop(op string) {
	if op == p.at {
		close(p.here)
		<-p.released
	}
}

func (p *paused) Put(ctx context.Context, key string, o backend.PutOptions) (backend.Meta, error) {
	m, err := p.Mem.Put(ctx, key, o)
	p.stop(backendtest.OpPut)
	return m, err
}

func (p *paused) Delete(ctx context.Context, keys []string) []error {
	errs := p.Mem.Delete(ctx, keys)
	p.stop(backendtest.OpDelete)
	return errs
}

func (p *paused) Uploads() backend.Uploads { return pausedUploads{p.Mem.Uploads(), p} }

type pausedUploads struct {
	backend.Uploads
	p *paused
}

func (u pausedUploads) Complete(ctx context.Context, key, id string, parts []object.Listed, cond object.Cond) (backend.Meta, error) {
	m, err := u.Uploads.Complete(ctx, key, id, parts, cond)
	u.p.stop(backendtest.OpComplete)
	return m, err
}

// Wherever the process ends, what is found here after it has started again is what
// the remote has.
func TestThroughKilled(t *testing.T) {
	g := newRig(t)
	large := strings.Repeat("after ", 100_000)
	writes := map[string]func(key string) error{
		backendtest.OpPut:    func(key string) error { _, err := g.put(key, large, object.Cond{}); return err },
		backendtest.OpDelete: func(key string) error { return deleteAll(g, key)[0] },
		backendtest.OpComplete: func(key string) error {
			u, listed := g.begin(key, 7)
			_, err := g.complete(u, listed)
			return err
		},
	}
	for op, write := range writes {
		for _, before := range []string{"here", "only at the remote", "nowhere"} {
			for _, done := range []bool{false, true} {
				key := fmt.Sprintf("%s, it was %s, the remote is done %v", op, before, done)
				t.Run(key, func(t *testing.T) { g.kill(t, key, op, before, done, write) })
			}
		}
	}
}

// kill ends the process in the middle of a write, while the remote is at op.
func (g *rig) kill(t *testing.T, key, op, before string, done bool, write func(key string) error) {
	p := &paused{Mem: g.mem, here: make(chan struct{}), released: make(chan struct{})}
	g.replaceRemote(p)
	switch before {
	case "here":
		if _, err := g.put(key, "before", object.Cond{}); err != nil {
			t.Fatal(err)
		}
	case "only at the remote":
		g.mem.Set(key, "before")
	}
	if p.at = op; !done {
		p.at = ""
		g.mem.Hook(func(_ context.Context, o, _ string) error {
			if o == op {
				close(p.here)
				<-p.released
			}
			return nil
		})
		defer g.mem.Hook(nil)
	}
	ended := make(chan error, 1)
	go func() { ended <- write(key) }()
	<-p.here
	g.again(t).same(key)
	close(p.released)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	g.same(key)
}

// replaceRemote puts another store in the place of that of the rig's bucket.
func (g *rig) replaceRemote(b backend.Backend) {
	g.remotes.open = func(backend.Config) (backend.Backend, error) { return b, nil }
	g.remotes.byConfig.Clear()
}

// again returns a rig with what is on the disk now, as after kill -9 and a restart.
func (g *rig) again(t *testing.T) *rig {
	t.Helper()
	cfg := g.cfg.Store
	cfg.OS = cfg.OS.(*faultfs.FS).AfterKill()
	store, err := fs.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &rig{Target: &Target{store: store}, t: t, mem: g.mem, b: g.b}
}
