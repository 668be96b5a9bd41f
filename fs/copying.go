package fs

import (
	"errors"
	"io"

	"ais/object"
)

// Copying is how a Store takes part in keeping copies of names on several targets.
// Its functions may be called by many goroutines at once. Those that say so are
// called under the name's lock: they must not call the store for that name, but for
// Estate, OpenBlob, Stamp and Dirty, which take no lock.
//
// A change of a name that Sends goes: Enter, the name's lock, Term, Send, the index
// write, Sent. The index write is what makes it visible here.
type Copying struct {
	// Enter is called before a name is read or changed, without locks; its error is
	// returned to the caller. Where a change takes long it is called again before
	// the name is locked.
	Enter func(n object.Name, write bool) error
	// Sends reports whether the name's changes are to be stamped and sent. It is
	// called under the name's lock and must cost little.
	Sends func(n object.Name) bool
	// Term returns what the stamp of a change has, under the name's lock. Conflict
	// where this target is not the owner.
	Term func(n object.Name) (placement, term uint64, err error)
	// Send brings a change to the other copies, under the name's lock. It may set
	// c.Handoff, before it encodes c. Its error is returned to the caller, and
	// nothing is applied here. c is not to be used after Sent has returned.
	Send func(c *Change) error
	// Sent is called after each Send that succeeded, under the name's lock, with
	// the error of applying the change here. Where it returns an error that takes
	// the place of success.
	Sent func(c *Change, err error) error
	// Stream returns what takes the bytes of a new blob of the name while they are
	// written: the file as OpenBlob reads it. It may be nil, and may return nil. A
	// failing Write ends the stream and hurts nobody. Close follows in any case, and
	// must not wait for the receivers: a stream that was given up lacks the end.
	Stream func(n object.Name, blob string) io.WriteCloser
	// Lists reports whether a listing or count shows the name. It may be nil: all. then
	// returns the name's stamp at the moment that is shown; by now it may be another.
	Lists func(n object.Name, then func() (Stamp, error)) bool
}

// What the methods for copies answer besides the kinds of an object.Error, with
// errors.Is. All are Conflict, but ErrInDoubt, which is Busy.
var (
	ErrBehind  = errors.New("the copy is not in the state that the change begins with")
	ErrStale   = errors.New("the copy has a change by a later owner")
	ErrInDoubt = errors.New("a change of the name is prepared and not settled")
)

// conflict makes the error of a name that is not as it has to be.
func conflict(op string, n object.Name, why error) error {
	return object.E(op, n.Key, object.Conflict, why)
}

// sends reports whether changes of a name are to be sent.
func (s *Store) sends(n object.Name) bool {
	c := s.config.Copying
	return c != nil && c.Sends(n)
}

// enter is called before a name is read or changed.
func (s *Store) enter(n object.Name, write bool) error {
	if c := s.config.Copying; c != nil {
		return c.Enter(n, write)
	}
	return nil
}

// lists reports whether a listing shows the name that a cursor is at.
func (s *Store) lists(n object.Name, at *cursor) bool {
	c := s.config.Copying
	return c == nil || c.Lists == nil || c.Lists(n, func() (Stamp, error) { return at.stamp(n) })
}
