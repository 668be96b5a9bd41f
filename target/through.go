package target

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"ais/backend"
	"ais/cluster"
	"ais/fs"
	"ais/object"
)

// through is a bucket that is written to through to the remote bucket behind it.
//
// A write is acknowledged when the remote has it, and nothing is here that the
// remote does not have with the same bytes, whenever the process ends: the body is
// received and verified into a payload that nobody sees; then, in the name's turn,
// the conditions decide, what is kept of the name here is removed, the remote is
// written to, and the payload is committed with the ETag that the remote gave it.
//
// What was put into the bucket before it stood for a remote one is here only. It
// stays until the remote has what takes its place.
type through struct {
	*Target
	bucket *cluster.Bucket
	name   string // of the remote bucket
	remote backend.Backend
}

// through returns how b is written to, nil where no remote bucket is behind it.
// Errors: as remote.
func (t *Target) through(b *cluster.Bucket) (*through, error) {
	name, ok := b.Remote()
	if !ok {
		return nil, nil
	}
	remote, err := t.remote(b)
	if err != nil {
		return nil, err
	}
	return &through{Target: t, bucket: b, name: name, remote: remote}, nil
}

// lookFirst is the size from which on a conditional write asks the remote before
// the body is received too: one more question is less than such a body.
const lookFirst = 1 << 20

// put is Put.
func (w *through) put(n object.Name, m object.Meta, cond object.Cond, p Payload) (object.Meta, error) {
	if cond.Any() && p.Size() >= lookFirst {
		if _, err := w.check(n, cond.CheckWrite); err != nil {
			return object.Meta{}, err
		}
	}
	staged, err := w.store.Create(n, writeOptions(w.bucket, p.Size()))
	if err != nil {
		return object.Meta{}, err
	}
	defer staged.Abort()
	if m.Checksum, err = receive(staged, p, w.bucket.Props.Checksum.Type); err != nil {
		return object.Meta{}, err
	}
	m.Sums, m.Size = p.Sums(), staged.Size()
	turn, err := w.take(n, cond)
	if err != nil {
		return object.Meta{}, err
	}
	defer turn.end()
	there, err := w.remote.Put(context.Background(), n.Key, backend.PutOptions{Meta: m, Body: bodyFrom(staged, m.Size), Size: m.Size, Cond: turn.cond})
	if err != nil {
		return object.Meta{}, err
	}
	return turn.keep(w.described(m, &there), func(m object.Meta) (object.Meta, error) {
		return staged.Commit(m, fs.Terms{Versioning: object.Unversioned})
	})
}

// bodyFrom returns the payload of size bytes that was written to staged.
func bodyFrom(staged *fs.Writer, size int64) io.ReadSeeker {
	return io.NewSectionReader(staged, 0, size)
}

// described returns what is kept here of an object m that the remote has taken, and
// what a client hears. Owner, ACL and tags are the remote's affair: they would be
// gone with what is kept here.
func (w *through) described(m object.Meta, there *backend.Meta) object.Meta {
	kept := metaOf(there)
	m.ETag, m.Custom = kept.ETag, kept.Custom
	m.Owner, m.ACL, m.Tags = "", "", nil
	if m.Modified = there.Modified; m.Modified.IsZero() { // an S3 answer to a write does not say it
		m.Modified = w.cfg.Now().UTC().Truncate(time.Second)
	}
	return m
}

// turn is a write of one name between the decision that it may be made and its end.
type turn struct {
	*through
	n    object.Name
	own  bool        // there is an object that only this target has
	cond object.Cond // for the remote to check, so that what was decided about is what is written over
	kept bool        // it was committed here
	end  func()      // ends the turn
}

// take waits for the name's turn, decides about a write by cond, and removes what
// is kept here. The caller ends the turn unless there is an error.
func (w *through) take(n object.Name, cond object.Cond) (_ *turn, err error) {
	end := w.names.write(n)
	defer func() {
		if err != nil {
			end()
		}
	}()
	u := &turn{through: w, n: n, end: end}
	if cond.Any() {
		now, err := w.check(n, cond.CheckWrite)
		if err != nil {
			return nil, err
		}
		u.cond = unchanged(now)
	}
	u.own, err = w.forget(n)
	return u, err
}

// check decides by f about what is there now, nil for nothing, and returns it: the
// object that only this target has, else the remote's.
func (w *through) check(n object.Name, f func(*object.Meta) error) (*object.Meta, error) {
	if now, err := w.store.Stat(n, ""); err == nil && !fromRemote(&now) {
		return &now, f(&now)
	} else if err != nil && !absent(err) {
		return nil, err
	}
	there, err := w.remote.Head(context.Background(), n.Key, "")
	if err != nil && !absent(err) && object.KindOf(err) != object.DeleteMarked {
		return nil, err
	}
	if err != nil {
		return nil, f(nil)
	}
	now := metaOf(&there)
	return &now, f(&now)
}

// unchanged is the condition that what a decision was made about is still there.
func unchanged(now *object.Meta) object.Cond {
	switch {
	case now == nil:
		return object.Cond{IfNoneMatch: "*"}
	case !fromRemote(now):
		return object.Cond{}
	}
	return object.Cond{IfMatch: `"` + now.ETag + `"`}
}

// errOwn ends the removal of an object that only this target has.
var errOwn = errors.New("the object is here only")

// notOwn is the condition of a removal of what is kept of the remote's.
func notOwn(now *object.Meta) error {
	if now != nil && !fromRemote(now) {
		return errOwn
	}
	return nil
}

// forget removes what is kept here of the remote's object. It stays removed when
// the power fails: the remote is about to have another. own says that there is an
// object that is here only, which stays.
func (w *through) forget(n object.Name) (own bool, err error) {
	_, err = w.commit(w.bucket, func(object.Versioning) (object.Meta, error) {
		_, err := w.store.Remove(n, "", fs.Terms{If: notOwn, Versioning: object.Unversioned}, object.Power)
		return object.Meta{}, err
	})
	if errors.Is(err, errOwn) {
		return true, nil
	}
	if absent(err) {
		err = nil
	}
	return false, err
}

// keep commits here what the remote has, and returns what a client hears of it. A
// failure costs a fetch later and is no failure of the write, unless an object that
// is here only would hide it.
func (u *turn) keep(m object.Meta, commit func(object.Meta) (object.Meta, error)) (object.Meta, error) {
	kept, err := u.commit(u.bucket, func(object.Versioning) (object.Meta, error) {
		now, ok := u.cluster.State().BucketByID(u.bucket.ID)
		switch {
		case !ok || !u.behind(now):
			return object.Meta{}, errDetached
		case !u.mayKeep(now, u.n):
			return object.Meta{}, errElsewhere
		}
		if !u.keeps(u.n) {
			return object.Meta{}, errOutOfSpace
		}
		return commit(m)
	})
	if err == nil {
		u.kept = true
		return kept, nil
	}
	u.metrics.unkept.Inc()
	u.cfg.Logger.Log(context.Background(), levelOf(err), "an object was written to the remote bucket and is not kept here", "bucket", u.bucket.Name, "key", u.n.Key, "err", err)
	return m, u.notKept()
}

// notKept ends a write that is at the remote only.
func (u *turn) notKept() error { return cmp.Or(u.replaceOwn(), u.tellOwner(u.n)) }

// levelOf is how loudly a write is said not to be kept: a full target goes on so, and
// names move.
func levelOf(err error) slog.Level {
	if errors.Is(err, errOutOfSpace) || errors.Is(err, errElsewhere) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// errDetached is why a write is not kept.
var errDetached = errors.New("the bucket stands for another remote bucket by now, or for none")

// behind reports whether the remote bucket that is written to is still the one
// behind the bucket.
func (w *through) behind(now *cluster.Bucket) bool {
	name, ok := now.Remote()
	return ok && name == w.name
}

// replaceOwn removes the object that is here only, in whose place the remote has
// another.
func (u *turn) replaceOwn() error {
	if !u.own {
		return nil
	}
	_, err := u.store.Remove(u.n, "", fs.Terms{Versioning: object.Unversioned}, object.Power)
	if absent(err) {
		return nil
	}
	return err
}

// versionOf returns the id of an object's version: the remote's, where it is from
// there, else this bucket's; "" where it has none, or is the null version.
func versionOf(m *object.Meta) string {
	if fromRemote(m) {
		return m.Custom[object.CustomVersion]
	}
	return m.VersionID
}
