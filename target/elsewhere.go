package target

import (
	"context"
	"errors"
	"sync"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// A remote bucket's names go from one target to another without what is kept of them.
// Three rules have nobody serve what the remote has no more:
//
//   - Who gets a name keeps nothing of it before all others know that they have it no more,
//     and their writes have ended: while the bucket moves.
//   - A write that ends elsewhere than at the owner is acknowledged after the owner has
//     forgotten what it keeps. These are uploads, which stay where they were begun.
//   - What is kept of names that were not a target's goes when they become its.

// errElsewhere is why what was written, or read from the remote, is not kept: another target answers for the name, or did
// until now.
var errElsewhere = errors.New("what is kept of the name is, or was until now, elsewhere")

// answersFor reports whether this target answers for a name by what it knows now.
func (t *Target) answersFor(n object.Name) bool {
	b, ok := t.cluster.State().BucketByID(n.Bucket)
	if !ok {
		return false
	}
	owner, err := t.owner(b, n)
	return err == nil && owner.ID == t.cfg.ID
}

// mayKeep reports whether what a remote bucket has of a name may be kept here; b is as it
// is now.
func (t *Target) mayKeep(b *cluster.Bucket, n object.Name) bool {
	if !t.answersFor(n) {
		return false
	}
	if !b.Moving() || b.Provider != object.AWS { // those of other buckets come with what is kept of them
		return true
	}
	old, err := t.cluster.State().CopiesBy(b, b.Placement, n)
	return err == nil && old.Owner().Node.ID == t.cfg.ID
}

// staying has an upload be changed here where it was begun, though another target answers
// for its name by now, until end is called.
func (t *Target) staying(uploadID string, b *cluster.Bucket, n object.Name) (end func()) {
	if uploadID == "" || b.Provider != object.AWS || t.cfg.Moves == nil || t.answersFor(n) {
		return func() {}
	}
	return t.cfg.Moves.Stays(n)
}

// tellOwner has the target that answers for a name by now, if that is another one, forget
// what it keeps of the remote's object: that was written here, or removed.
func (w *through) tellOwner(n object.Name) error { return w.tellOwners([]object.Name{n})[0] }

// tellOwners is tellOwner for names of one bucket. Each owner is told once.
func (w *through) tellOwners(names []object.Name) []error {
	errs := make([]error, len(names))
	if len(names) == 0 {
		return errs
	}
	b, ok := w.cluster.State().BucketByID(names[0].Bucket)
	if !ok || !w.behind(b) {
		return errs
	}
	type share struct {
		node cluster.Node
		at   []int
		keys []string
	}
	shares := map[string]*share{}
	for i, n := range names {
		owner, err := w.owner(b, n)
		if err != nil || owner.ID == w.cfg.ID {
			errs[i] = err
			continue
		}
		s := shares[owner.ID]
		if s == nil {
			s = &share{node: owner}
			shares[owner.ID] = s
		}
		s.at, s.keys = append(s.at, i), append(s.keys, n.Key)
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.cfg.PeerTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range shares {
		wg.Go(func() {
			err := w.caller.Ask(ctx, s.node, peer.PathForget, peer.ForgetRequest{Bucket: b.ID, Keys: s.keys}, &struct{}{})
			for _, i := range s.at {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return errs
}

// nodeForget answers peer.PathForget. What is being read from the remote is not kept.
func (t *Target) nodeForget(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.ForgetRequest](ctx)
	if err != nil {
		return err
	}
	b, err := t.bucketByID(req.Bucket)
	if err != nil {
		return err
	}
	w, err := t.through(b)
	if err != nil {
		return err
	}
	for _, key := range req.Keys {
		n := object.Name{Bucket: b.ID, Key: key}
		if !t.answersFor(n) {
			return object.E("target.forget", key, object.Unavailable, errElsewhere)
		}
		if err := forgetKept(w, n); err != nil {
			return err
		}
	}
	return write(ctx, struct{}{})
}

// forgetKept is nodeForget for one name; w is nil where the bucket is no remote one any more.
func forgetKept(w *through, n object.Name) error {
	if w == nil {
		return nil
	}
	defer w.names.write(n)()
	_, err := w.forget(n)
	return err
}
