package target

import (
	"errors"

	"ais/cluster"
	"ais/fs"
	"ais/object"
)

// errLocalOnly is why something is not evicted.
var errLocalOnly = errors.New("the object is not in the remote bucket, only here")

// evict removes what is kept here of an object of a remote bucket, and nothing at
// the remote. only, which may be nil, decides under the name's lock. Errors:
// NotFound, Precondition where the remote bucket does not have the object, and
// only's own.
func (t *Target) evict(b *cluster.Bucket, n object.Name, only func(*object.Meta) error) (object.Meta, error) {
	_, remote := b.Remote()
	return t.drop(n, func(m *object.Meta) error {
		if !remote || !fromRemote(m) { // of a bucket that was detached, what came from the remote is its own by now
			return object.E("target.evict", n.Key, object.Precondition, errLocalOnly)
		}
		if only == nil {
			return nil
		}
		return only(m)
	})
}

// drop removes an object here for good, if that is allowed. Where the power fails
// soon after, it may be there again as if it had not been dropped.
func (t *Target) drop(n object.Name, allowed func(*object.Meta) error) (object.Meta, error) {
	terms := fs.Terms{Versioning: object.Unversioned, If: func(now *object.Meta) error {
		if now == nil {
			return object.E("target.drop", n.Key, object.NotFound, nil)
		}
		return allowed(now)
	}}
	removed, err := t.store.Remove(n, "", terms, object.Process)
	return removed.Meta, err
}
