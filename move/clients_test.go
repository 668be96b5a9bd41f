package move_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// What clients do, by way of proxies that are part of these functions.

// owner is the node that answers for a name, as the caller sees it.
func (c *nodes) owner(state *cluster.State, n object.Name) (*node, error) {
	b, ok := state.BucketByID(n.Bucket)
	if !ok {
		return nil, object.NoSuchBucket
	}
	at, live, err := state.Owner(b, n)
	if err != nil || !live {
		return nil, errors.Join(object.Unavailable, err)
	}
	return c.node(at.ID), nil
}

// onOwner calls do at the owner of a name until it does not fail for a reason that
// passes. lag is whether to begin with a state that may be old.
func (c *nodes) onOwner(n object.Name, do func(*fs.Store) error) error {
	state := c.keeper.State()
	deadline := time.Now().Add(30 * time.Second)
	for {
		at, err := c.owner(state, n)
		if err == nil {
			err = at.serve(n, state.Revision, do)
		}
		if err == nil || object.KindOf(err) != object.Unavailable || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
		state = c.state()
	}
}

// serve does something at a node that knows what the one who asks does.
func (n *node) serve(name object.Name, revision int64, do func(*fs.Store) error) error {
	n = n.now()
	if n.server == nil {
		return object.Unavailable
	}
	if _, err := n.members.SyncTo(n.in.t.Context(), revision); err != nil {
		return object.Unavailable
	}
	err := do(n.store)
	n.client("a client", name.Key, err)
	if err != nil && object.KindOf(err) == object.NotFound {
		// As a target does: it looks whether the name is still its own.
		if at, ownerErr := n.in.owner(n.members.State(), name); ownerErr != nil || at.id != n.id {
			return object.Unavailable
		}
	}
	return err
}

func (c *nodes) put(n object.Name, content string) error {
	return c.onOwner(n, func(s *fs.Store) error {
		w, err := s.Create(n, fs.WriteOptions{Size: int64(len(content)), Durability: c.durability})
		if err != nil {
			return err
		}
		defer w.Abort()
		if _, err := io.WriteString(w, content); err != nil {
			return err
		}
		_, err = w.Commit(object.Meta{ETag: fmt.Sprint(len(content))}, fs.Terms{})
		return err
	})
}

func (c *nodes) remove(n object.Name) error {
	err := c.onOwner(n, func(s *fs.Store) error {
		_, err := s.Remove(n, "", fs.Terms{}, c.durability)
		return err
	})
	if err != nil && object.KindOf(err) == object.NotFound {
		return nil
	}
	return err
}

// get returns "" for nothing.
func (c *nodes) get(n object.Name) (content string, err error) {
	err = c.onOwner(n, func(s *fs.Store) error {
		r, err := s.Open(n, "")
		if err != nil {
			return err
		}
		defer r.Close()
		buf := make([]byte, r.Meta().Size)
		_, err = r.ReadAt(buf, 0)
		if content = string(buf); err == io.EOF {
			err = nil
		}
		return err
	})
	if err != nil && object.KindOf(err) == object.NotFound {
		return "", nil
	}
	return content, err
}

// list returns all names of a bucket by pages, as a proxy does.
func (c *nodes) list(b *cluster.Bucket, prefix string, limit int) (keys []string, err error) {
	g := peer.Gatherer{State: c.keeper.State, Sync: c.keeper.Sync, Changes: c.keeper.Changes}
	q := object.Query{Prefix: prefix, Limit: limit}
	for {
		page, err := g.Page(c.context(), b.ID, limit, func(_ context.Context, to peer.Asked, last *object.Entry, limit int) (object.Page, error) {
			q := q
			q.Limit = limit
			if last != nil {
				q.After = last.Key
			}
			return c.node(to.Node.ID).list(b, q, to.View)
		})
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			keys = append(keys, e.Key)
		}
		if !page.Truncated {
			return keys, nil
		}
		q.After = page.Next()
	}
}

func (n *node) list(b *cluster.Bucket, q object.Query, v peer.View) (page object.Page, err error) {
	n = n.now()
	if n.server == nil {
		return object.Page{}, object.Unavailable
	}
	if v.Map != 0 {
		if err := n.keeper.TakenOver(n.in.context(), v.Map); err != nil {
			n.in.trace.note(nil, "%s has not taken over by map %d: %v", n.id, v.Map, err)
			return object.Page{}, err
		}
	}
	unclear := n.mover.Unclear()
	for range 2 {
		state := n.members.State()
		now, ok := state.BucketByID(b.ID)
		if !ok || !v.Is(state, now) {
			return object.Page{}, object.Conflict
		}
		if page.Entries == nil {
			if page, err = n.store.List(b.ID, q); err != nil {
				return page, err
			}
		}
	}
	if n.mover.Unclear() != unclear || v.Map != 0 && n.members.Fenced() {
		return object.Page{}, object.Unavailable
	}
	return page, nil
}
