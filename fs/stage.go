package fs

import (
	"errors"
	"time"

	"ais/object"
)

// stagedFor is how long a staged blob waits for the change that refers to it.
const stagedFor = 10 * time.Minute

// Staged takes the bytes of a blob of another target's, as OpenBlob there reads them,
// before the change that refers to it is prepared. It is for one goroutine.
type Staged struct {
	n     object.Name
	m     *mountpath
	w     *arriving
	claim *arrival
	ended bool
}

// Stage begins a blob of the name under the id that it has elsewhere. size is that of
// the payload, −1 if unknown. Who stages must end it, with Close or Abort: a Prepare
// of the blob waits for that. Errors: Exists where it is here, or being staged;
// NoSpace, Unavailable, Invalid for the id.
func (s *Store) Stage(n object.Name, id string, size int64, d object.Durability) (*Staged, error) {
	blob, err := parseBlobID(id)
	if err != nil {
		return nil, object.E("fs.Stage", n.Key, object.Invalid, err)
	}
	m, err := s.home(n)
	if err == nil && m.index.Load() == nil {
		err = object.Unavailable
	}
	if err == nil {
		err = m.space.admit(size)
	}
	if err != nil {
		return nil, fault("fs.Stage", n, err)
	}
	w := &Staged{n: n, m: m}
	return w, fault("fs.Stage", n, w.begin(blob, d))
}

func (w *Staged) begin(id blobID, d object.Durability) error {
	w.m.keep.hold(id)
	claim, ours := w.m.arrivals.claim(id)
	if !ours {
		w.m.letGo(id)
		return object.Exists
	}
	there, err := w.m.believable(id, false)
	if err == nil && there {
		err = object.Exists
	}
	if err == nil {
		w.w, err = w.m.newArriving(id, d)
	}
	if err != nil {
		w.m.arrivals.unclaim(id, claim)
		w.m.letGo(id)
		return err
	}
	w.claim = claim
	return nil
}

// Write implements io.Writer.
func (w *Staged) Write(p []byte) (int, error) {
	if w.ended {
		return 0, object.E("fs.Stage", w.n.Key, object.Internal, errEnded)
	}
	n, err := w.w.Write(p)
	return n, fault("fs.Stage", w.n, err)
}

// Close ends the blob, durable as it was asked for. Corrupt where the bytes are not
// whole, or not those that were written; then it is gone. A blob that no change is
// prepared for in stagedFor is removed.
func (w *Staged) Close() error {
	if w.ended {
		return nil
	}
	w.ended = true
	err := w.w.finish()
	if err != nil {
		w.w.discard()
	} else {
		w.m.arrivals.stage(w.w.id, w.m.config.Now())
	}
	w.m.arrivals.unclaim(w.w.id, w.claim)
	if err != nil {
		w.m.letGo(w.w.id)
	}
	return fault("fs.Stage", w.n, err)
}

// Abort removes the blob, unless it was closed.
func (w *Staged) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	w.w.discard()
	w.m.arrivals.unclaim(w.w.id, w.claim)
	w.m.letGo(w.w.id)
}

// unstageOld removes the blobs that no change came for in that time.
func (m *mountpath) unstageOld(age time.Duration) {
	if ids := m.arrivals.expired(m.config.Now().Add(-age)); len(ids) > 0 {
		m.letGo(ids...)
	}
}

// stream passes the bytes of a new blob on while they are written, as long as that
// goes well. A nil one passes on nothing.
type stream struct {
	to interface {
		Write(p []byte) (int, error)
		Close() error
	}
	failed bool
}

// stream begins to pass a blob on, if somebody wants it.
func (s *Store) stream(n object.Name, id blobID) *stream {
	c := s.config.Copying
	if c == nil || c.Stream == nil || !c.Sends(n) {
		return nil
	}
	to := c.Stream(n, id.String())
	if to == nil {
		return nil
	}
	return &stream{to: to}
}

func (t *stream) write(p []byte) {
	if t == nil || t.failed {
		return
	}
	if _, err := t.to.Write(p); err != nil {
		t.failed = true
	}
}

// close ends the stream; its receiver knows from the bytes whether it is whole.
func (t *stream) close() {
	if t != nil && t.to != nil {
		t.failed = errors.Join(t.to.Close()) != nil || t.failed
		t.to = nil
	}
}
