package fs

import (
	"errors"
	"io"
	"time"

	"ais/object"
)

// Fetch opens the bytes of a blob at another target: those that OpenBlob reads
// there. NotFound where it is gone, which a later change of the name explains.
type Fetch func(b Blob) (io.ReadCloser, error)

// Prepare keeps a change of another target's durably, as c.Durability asks, hidden
// until Settle, or a later Prepare that begins with c.Stamp, commits it. Blobs that
// are missing are awaited, if they are being staged, copied from another mountpath, or
// fetched; fetch is called without locks. What is prepared after the state that c
// begins with is dropped: whoever made c knows that it was given up. Repeated, it
// does nothing. It does not Enter. Errors: Conflict with ErrBehind or ErrStale,
// Corrupt where a blob's bytes are not those that were written, NotFound where it is
// gone, Invalid, NoSpace, Unavailable, and those of fetch.
func (s *Store) Prepare(c *Change, fetch Fetch) error { return errUnbuilt }

// Settle commits the prepared change of a name with that stamp, and those before it,
// or drops it, and those after it. Where there is none it does nothing. An outcome
// is kept as object.Process does: what is lost with the power is in doubt again.
func (s *Store) Settle(n object.Name, p Stamp, commit bool) error { return errUnbuilt }

// InDoubt is a prepared change that is not settled.
type InDoubt struct {
	Name  object.Name
	Stamp Stamp
	Since time.Time // it was prepared, also where that was before Open
}

// InDoubt returns the prepared changes, those of a name in their order. It costs
// nothing where there are none.
func (s *Store) InDoubt() []InDoubt { return nil }

// Dirty reports whether a change of the name is prepared. It is cheap.
func (s *Store) Dirty(n object.Name) bool { return false }

// Touch makes a change of a name that does nothing but give it a new stamp, and is
// sent as any other: a copy that is behind, or has another placement, hears of it.
// The name need not exist; then the stamp is that of a removed one.
func (s *Store) Touch(n object.Name, d object.Durability) error { return errUnbuilt }

// Estate is all that a target has of a name, but what is prepared.
type Estate struct {
	Name       object.Name
	Stamp      Stamp
	Durability object.Durability // that Adopt is to have; Estate leaves it at Power
	Records    []byte            // see Change
	Blobs      []Blob            // that the records refer to, each once
}

// Removed reports whether nothing is left of the name but its stamp, if any.
func (e *Estate) Removed() bool { return false }

// Estate returns what is here of a name, as one moment has it; the stamp is zero, and
// Records are empty, where nothing is. It takes no lock and does not Enter.
func (s *Store) Estate(n object.Name) (*Estate, error) { return nil, errUnbuilt }

// Adopt makes what is here of e.Name what e has, durably as e.Durability asks: all
// else of the name, with what is prepared, is gone then, or all is as before. Missing
// blobs come as for Prepare. Where e.Stamp is that of the name here already, blobs are
// checked and the damaged ones replaced. It does not Enter. Errors: Conflict
// with ErrStale where the name has a change by a later owner, and those of Prepare.
func (s *Store) Adopt(e *Estate, fetch Fetch) error { return errUnbuilt }

// EncodeEstate returns the form of an estate that DecodeEstate reads.
func EncodeEstate(e *Estate) []byte { return nil }

// DecodeEstate reads what EncodeEstate wrote. Invalid where it is malformed.
func DecodeEstate(b []byte) (*Estate, error) { return nil, errUnbuilt }

// OpenBlob opens the file of a blob that the name holds, or that a change of it is
// about to: its payload, and after it the trailer, by which the receiver (Stage,
// Fetch) checks every block. size is that of the file. NotFound where it is gone.
func (s *Store) OpenBlob(n object.Name, id string) (r io.ReadCloser, size int64, err error) {
	return nil, 0, errUnbuilt
}

// Staged takes the bytes of a blob of another target's, as OpenBlob there reads them,
// before the change that refers to it is prepared. It is for one goroutine.
type Staged struct{}

// Stage begins a blob of the name under the id that it has elsewhere. size is that of
// the payload, −1 if unknown. Who stages must end it, with Close or Abort: a Prepare
// of the blob waits for that. Errors: Exists where it is here, or being staged;
// NoSpace, Unavailable, Invalid for the id.
func (s *Store) Stage(n object.Name, id string, size int64, d object.Durability) (*Staged, error) {
	return nil, errUnbuilt
}

// Write implements io.Writer.
func (w *Staged) Write(p []byte) (int, error) { return 0, errUnbuilt }

// Close ends the blob, durable as it was asked for. Corrupt where the bytes are not
// whole, or not those that were written; then it is gone. A blob that no change is
// prepared for in stagedFor is removed.
func (w *Staged) Close() error { return errUnbuilt }

// Abort removes the blob, unless it was closed.
func (w *Staged) Abort() {}

// Handoff is a name of which a target misses changes.
type Handoff struct {
	Name object.Name
	Term uint64 // of the last one
}

// Handoffs returns up to limit names after a name, by bucket and key, of which target
// misses changes; fewer are the last.
func (s *Store) Handoffs(target string, after object.Name, limit int) ([]Handoff, error) {
	return nil, errUnbuilt
}

// ForgetHandoffs removes what is noted for target of changes by terms below before.
func (s *Store) ForgetHandoffs(target string, before uint64) error { return errUnbuilt }

// Known is a name that something is known of.
type Known struct {
	Name    object.Name
	Stamp   Stamp // see Store.Stamp
	Removed bool  // nothing but the stamp is left
	Dirty   bool
	Yielded bool
}

// WalkNames returns up to limit names after a name, by bucket and key, that anything
// is here of: versions, uploads, stamps, prepared changes; fewer are the last. bucket is 0 for
// all. Nothing stays open between two calls. It does not Enter. Unavailable where a
// mountpath is failed.
func (s *Store) WalkNames(bucket uint64, after object.Name, limit int) ([]Known, error) {
	return nil, errUnbuilt
}

// ForgetRemoved removes the stamps of removed names of a bucket that forget chooses,
// and returns how many those were. A copy that comes back with such a name takes it
// for its own, so all must be in sync.
func (s *Store) ForgetRemoved(bucket uint64, forget func(n object.Name, p Stamp) bool) (int, error) {
	return 0, errUnbuilt
}

// Yield gives a name to another target, durably: from then on reads and changes of it
// are refused here with Conflict and ErrMoved, until Release, or Adopt, while Estate
// and OpenBlob go on. p is noted, for who asks again. Busy with ErrInDoubt where a
// change is not settled.
func (s *Store) Yield(n object.Name, p Stamp) error { return errUnbuilt }

// Yielded returns what Yield has noted. It is cheap.
func (s *Store) Yielded(n object.Name) (p Stamp, yielded bool) { return Stamp{}, false }

// Release removes all that is here of a name, durably, with what is prepared, its
// stamp, and that it was yielded.
func (s *Store) Release(n object.Name) error { return errUnbuilt }

// CountListed is Count of what a listing shows, with Copying.Lists, by a walk over the
// bucket; Count has every copy that is here.
func (s *Store) CountListed(bucket uint64) (objects, bytes int64, err error) {
	return 0, 0, errUnbuilt
}

var errUnbuilt = errors.New("not built")
