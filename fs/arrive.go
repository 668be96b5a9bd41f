package fs

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	"ais/object"
)

// A blob arrives at a mountpath when it comes from elsewhere, another target or
// another mountpath, under the id that it has there. Of one that several names are
// about to refer to only one copy is made: the others wait for it. While it is being
// written, and until whoever needs it has referred to it, it is busy.

// arrival is a blob that is being written.
type arrival struct{ done chan struct{} }

// arrivals is the blobs that are being written, and those that wait for a change to
// refer to them.
type arrivals struct {
	mu     sync.Mutex // guards the rest
	coming map[blobID]*arrival
	staged map[blobID]time.Time // busy, since when
}

// claim registers a blob that is to be written; where somebody is writing it
// already, that is returned, not ours.
func (k *arrivals) claim(id blobID) (a *arrival, ours bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.coming[id]; a != nil {
		return a, false
	}
	if k.coming == nil {
		k.coming = make(map[blobID]*arrival)
	}
	a = &arrival{done: make(chan struct{})}
	k.coming[id] = a
	return a, true
}

// unclaim ends what claim began.
func (k *arrivals) unclaim(id blobID, a *arrival) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.coming, id)
	close(a.done)
}

// stage keeps a busy blob until a change refers to it.
func (k *arrivals) stage(id blobID, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.staged == nil {
		k.staged = make(map[blobID]time.Time)
	}
	k.staged[id] = now
}

func (k *arrivals) isStaged(id blobID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, staged := k.staged[id]
	return staged
}

// unstage returns those of the blobs that were staged, and are not any more; they
// are busy.
func (k *arrivals) unstage(ids []blobID) (out []blobID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		if _, staged := k.staged[id]; staged {
			delete(k.staged, id)
			out = append(out, id)
		}
	}
	return out
}

// expired returns the blobs that were staged at a time or before, which are not any more.
func (k *arrivals) expired(before time.Time) (ids []blobID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, since := range k.staged {
		if !since.After(before) {
			delete(k.staged, id)
			ids = append(ids, id)
		}
	}
	return ids
}

// source opens the file of a blob elsewhere.
type source func() (io.ReadCloser, error)

// need makes sure that a blob is on the mountpath: where it is not, it is taken from
// the first of sources that has it whole. It is busy from then on, until letGo.
// intact asks for a look at every block of a blob that is there; without, one that is
// referred to, or was staged, is believed. breathe may be nil; see load.
func (m *mountpath) need(id blobID, intact bool, d object.Durability, breathe func() error, sources ...source) error {
	m.keep.hold(id)
	a, ours := m.arrivals.claim(id)
	for !ours {
		<-a.done
		a, ours = m.arrivals.claim(id)
	}
	there, err := m.believable(id, intact)
	if err == nil && !there {
		err = os.ErrNotExist
		for i := 0; i < len(sources) && err != nil; i++ {
			err = m.receive(id, d, sources[i], breathe)
		}
	}
	m.arrivals.unclaim(id, a)
	if err != nil {
		m.letGo(id)
	}
	return err
}

// removeOrphan removes a blob that nothing refers to, and that nobody holds. It may be about to
// arrive anew under the same id: that waits, or this is left to it.
func (m *mountpath) removeOrphan(x *index, id blobID) (removed bool, err error) {
	a, ours := m.arrivals.claim(id)
	if !ours {
		return false, nil // who writes it holds it
	}
	defer m.arrivals.unclaim(id, a)
	if m.keep.isBusy(id) || m.index.Load() != x { // one that was opened anew may know more
		return false, nil
	}
	if used, err := x.referenced(id); err != nil || used {
		return false, err
	}
	err = m.config.OS.Remove("blob.remove", m.blobs.path(id))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// letGo ends the hold of need. Blobs that nothing refers to then are removed.
func (m *mountpath) letGo(ids ...blobID) {
	x, err := m.use()
	if err != nil {
		m.keep.unhold(ids) // what nothing refers to is swept
		return
	}
	defer x.leave()
	m.unlink(x, ids)
}

// believable reports whether a blob is there.
func (m *mountpath) believable(id blobID, intact bool) (bool, error) {
	f, err := m.config.OS.OpenFile("blob.open", m.blobs.path(id), os.O_RDONLY, 0)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) { // most often, and cheaper to know than who refers to it
			err = nil
		}
		return false, err
	}
	defer f.Close()
	if !m.arrivals.isStaged(id) {
		x, err := m.use()
		if err != nil {
			return false, err
		}
		used, err := x.referenced(id)
		x.leave()
		if err != nil || !used {
			return false, err
		}
	}
	t, err := readTrailer(f)
	if err != nil || !intact {
		return err == nil, nil
	}
	h := m.hashes.Get().(hash.Hash64)
	defer m.hashes.Put(h)
	buf := m.pieces.Get().(*[]byte)
	defer m.pieces.Put(buf)
	return verifyBlocks(f, t, 0, t.Size, *buf, h) == nil, nil
}

// receive writes a blob.
func (m *mountpath) receive(id blobID, d object.Durability, from source, breathe func() error) error {
	r, err := from()
	if err != nil {
		return err
	}
	w, err := m.newArriving(id, d)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	err = w.copy(r, breathe)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		w.discard()
	}
	return err
}

// has returns the source of a blob that a mountpath has.
func (m *mountpath) has(id blobID) source {
	return func() (io.ReadCloser, error) {
		return m.config.OS.OpenFile("blob.open", m.blobs.path(id), os.O_RDONLY, 0)
	}
}

// arriving writes the file of a blob as it is elsewhere, trailer and all, and checks
// that its blocks are those that the trailer tells of.
type arriving struct {
	m     *mountpath
	id    blobID
	path  string // of the file while it is written
	file  File
	d     object.Durability
	size  int64       // of the file, so far
	bytes int64       // of the payload, once it is whole
	block hash.Hash64 // of the current block
	sums  []uint64    // of the full blocks before it, the last of which may not be payload
	whole bool        // what was written first is a whole blob, which was checked instead
}

// newSuffix ends the name of a file that is to take the place of another one.
const newSuffix = ".new"

func (m *mountpath) newArriving(id blobID, d object.Durability) (*arriving, error) {
	w := &arriving{m: m, id: id, path: m.blobs.path(id), d: d}
	var err error
	w.file, err = m.config.OS.OpenFile("blob.create", w.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) { // damaged, or left by a crash, or a reader has it open still
		w.path += newSuffix
		w.file, err = m.config.OS.OpenFile("blob.create", w.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	}
	if err != nil {
		return nil, err
	}
	w.block = m.hashes.Get().(hash.Hash64)
	w.block.Reset()
	return w, nil
}

// Write implements io.Writer.
func (w *arriving) Write(p []byte) (int, error) {
	if err := w.m.space.admitMore(len(p)); err != nil {
		return 0, err
	}
	if err := w.goOn(); err != nil {
		return 0, err
	}
	n, err := w.file.Write(p)
	w.m.space.wrote(n)
	if w.size == 0 && err == nil && w.isWhole(p) {
		w.whole, w.size = true, int64(n)
		return n, nil
	}
	w.hash(p[:n])
	return n, err
}

// isWhole reports whether p is a whole blob, and its blocks are those that its trailer
// tells of: most blobs come in one piece.
func (w *arriving) isWhole(p []byte) bool {
	t, err := readTrailerAt(bytes.NewReader(p), int64(len(p)))
	if err != nil {
		return false
	}
	defer w.block.Reset()
	for i, want := range t.Sums {
		w.block.Reset()
		w.block.Write(p[int64(i)*blockSize : min(int64(i+1)*blockSize, t.Size)])
		if w.block.Sum64() != want {
			return false
		}
	}
	w.bytes = t.Size
	return true
}

// goOn takes back that the blob was whole: the payload itself begins with what looks
// like one.
func (w *arriving) goOn() error {
	if !w.whole {
		return nil
	}
	left := w.size
	w.whole, w.size = false, 0
	buf := w.m.pieces.Get().(*[]byte)
	defer w.m.pieces.Put(buf)
	for left > 0 {
		n, err := w.file.ReadAt((*buf)[:min(left, int64(len(*buf)))], w.size)
		if err != nil {
			return err
		}
		w.hash((*buf)[:n])
		left -= int64(n)
	}
	return nil
}

func (w *arriving) hash(p []byte) {
	for len(p) > 0 {
		part := p[:min(int64(len(p)), blockSize-w.size%blockSize)]
		w.block.Write(part)
		w.size += int64(len(part))
		p = p[len(part):]
		if w.size%blockSize == 0 {
			w.sums = append(w.sums, w.block.Sum64())
			w.block.Reset()
		}
	}
}

// finish checks the blob, makes it durable, and gives it its name.
func (w *arriving) finish() error {
	if err := w.check(); err != nil {
		return err
	}
	if w.d == object.Power {
		if err := dataSync(w.file); err != nil {
			return err
		}
	}
	if err := w.close(); err != nil {
		return err
	}
	if path := w.m.blobs.path(w.id); path != w.path {
		if err := w.m.config.OS.Rename("blob.rename", w.path, path); err != nil {
			return err
		}
	}
	return w.m.blobs.sync(w.id[0], w.d)
}

// check compares the blocks with the trailer. Only the last one is read again, as
// nobody could know where it ends.
func (w *arriving) check() error {
	if w.whole {
		return nil
	}
	t, err := readTrailer(w.file)
	if err != nil {
		return fmt.Errorf("blob %s: %w: %w", w.id, err, object.Corrupt)
	}
	w.bytes = t.Size
	for i, want := range t.Sums {
		end := min(int64(i+1)*blockSize, t.Size)
		var got uint64
		if end == int64(i+1)*blockSize {
			got = w.sums[i]
		} else {
			buf := w.m.pieces.Get().(*[]byte)
			err := hashRange(w.block, w.file, int64(i)*blockSize, end, *buf)
			w.m.pieces.Put(buf)
			if err != nil {
				return err
			}
			got = w.block.Sum64()
		}
		if got != want {
			return fmt.Errorf("blob %s: block %d does not match its checksum: %w", w.id, i, object.Corrupt)
		}
	}
	return nil
}

func (w *arriving) close() error {
	if w.file == nil {
		return nil
	}
	w.m.hashes.Put(w.block)
	err := w.file.Close()
	w.file, w.block = nil, nil
	return err
}

// discard removes what was written.
func (w *arriving) discard() {
	_ = w.close()
	_ = w.m.config.OS.Remove("blob.remove", w.path) // else the sweep does
}

// copy writes all that r has.
func (w *arriving) copy(r io.Reader, breathe func() error) error {
	if all, ok := r.(io.WriterTo); ok && breathe == nil { // it is in memory
		_, err := all.WriteTo(w)
		return err
	}
	buf := w.m.pieces.Get().(*[]byte)
	defer w.m.pieces.Put(buf)
	since := int64(0)
	for {
		n, err := r.Read(*buf)
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if since += int64(n); since >= carryPiece && breathe != nil {
			since = 0
			if err := breathe(); err != nil {
				return err
			}
		}
	}
}
