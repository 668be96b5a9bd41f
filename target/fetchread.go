package target

import (
	"errors"
	"io"
	"time"

	"ais/backend"
	"ais/object"
)

// joined is a reader of what a fetch brings, for one goroutine.
type joined struct {
	f      *fetch
	first  bool // the fetch was begun for it
	closed bool
	direct io.ReadCloser // what remains to be read, where the fetch has failed and it may have that

	// Written by the reader alone, with f.mu held.
	pos, end int64 // the bytes that it has to give yet
	whole    bool  // it gives the whole object
}

// join adds a reader to a fetch that has begun. errHere where it has ended, and
// why it has failed where it has.
func (f *fetch) join(hint int64, first bool) (*joined, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return nil, f.err
	case f.users == 0:
		return nil, errHere
	}
	j := &joined{f: f, first: first, pos: hint, end: hint}
	f.users++
	f.readers[j] = struct{}{}
	return j, nil
}

// section makes r, which must lie inside the object, what is read, once, and waits
// until some of it is here.
func (j *joined) section(r object.Range) (io.ReadCloser, error) {
	j.f.mu.Lock()
	j.pos, j.end, j.whole = r.Offset, r.Offset+r.Length, r.Length == j.f.meta.Size
	j.f.mu.Unlock()
	if err := j.ready(); err != nil {
		return nil, err
	}
	return j, nil
}

// ready waits until there is something to give, or that is nothing.
func (j *joined) ready() error {
	_, err := j.await()
	if err != nil && j.first && object.KindOf(err) == object.NoSpace {
		return j.pass()
	}
	return j.seen(err)
}

// seen is a fetch's failure as readers have it: what is wrong with this node's own
// store is no fault of theirs.
func (j *joined) seen(err error) error {
	var ours localError
	if errors.As(err, &ours) {
		return object.E("target.fetch", j.f.name.Key, object.Unavailable, err)
	}
	return err
}

// pass has the rest come straight from the remote bucket: there is no room for it
// here.
func (j *joined) pass() error {
	r := object.Range{Offset: j.pos, Length: j.end - j.pos}
	got, err := j.f.from.Get(j.f.t.fetches.ctx, j.f.name.Key, backend.GetOptions{Range: &r, IfMatch: j.f.remote.ETag})
	if err != nil {
		return err
	}
	if got.Range != r {
		got.Body.Close()
		return object.E("target.fetch", j.f.name.Key, object.Unsupported, errNoRanges)
	}
	j.f.t.metrics.coldPassed.Inc()
	j.direct = got.Body
	return nil
}

// How long a reader waits for bytes that nobody has asked for, and for those that a
// request will come to, before it has them asked for at once.
const (
	gapPatience  = 5 * time.Millisecond
	spanPatience = 100 * time.Millisecond
)

// await waits until there is something to give, and returns how many bytes; 0 at the
// end.
func (j *joined) await() (int64, error) {
	f := j.f
	began, timer := time.Now(), (*time.Timer)(nil)
	for {
		f.mu.Lock()
		n, err := j.available()
		if n > 0 || err != nil || j.pos == j.end && (f.done || !j.whole) {
			f.mu.Unlock()
			return n, err
		}
		waited := time.Since(began)
		if waited >= gapPatience {
			f.hurry(j.pos, waited < spanPatience)
		}
		changed := f.change()
		f.mu.Unlock()
		if timer == nil {
			timer = time.NewTimer(gapPatience)
			defer timer.Stop()
		}
		select {
		case <-changed:
		case <-timer.C:
			timer.Reset(max(spanPatience-waited, time.Millisecond))
		}
	}
}

// available returns how many bytes can be given. The end of a whole object awaits
// that it was verified and, so that who has read it finds it here, kept. Of one that
// was found damaged there are none.
func (j *joined) available() (int64, error) {
	f := j.f
	n := min(f.spans.ready(j.pos), j.end-j.pos)
	if j.whole && !f.done {
		n = min(n, f.meta.Size-heldBack-j.pos)
	}
	if f.err != nil && (n <= 0 || object.KindOf(f.err) == object.Corrupt) {
		return 0, f.err
	}
	return max(n, 0), nil
}

// Size returns how many bytes are left.
func (j *joined) Size() int64 { return j.end - j.pos }

// Read implements io.Reader.
func (j *joined) Read(p []byte) (int, error) {
	if j.pos == j.end {
		return 0, io.EOF
	}
	n, err := j.read(p)
	j.f.mu.Lock()
	j.pos += int64(n)
	j.f.mu.Unlock()
	return n, err
}

func (j *joined) read(p []byte) (int, error) {
	if j.direct == nil {
		n, err := j.await()
		if err == nil {
			return j.f.filler.ReadAt(p[:min(n, int64(len(p)))], j.pos)
		}
		if !j.first || object.KindOf(err) != object.NoSpace {
			return 0, j.seen(err)
		}
		if err := j.pass(); err != nil {
			return 0, err
		}
	}
	n, err := j.direct.Read(p[:min(int64(len(p)), j.end-j.pos)])
	if errors.Is(err, io.EOF) && int64(n) < j.end-j.pos {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// SupportsBodyWriteTo tells fasthttp that WriteTo is better than Read.
func (j *joined) SupportsBodyWriteTo() bool { return true }

// WriteTo implements io.WriterTo, with one pooled buffer.
func (j *joined) WriteTo(w io.Writer) (int64, error) { return pour(w, j) }

// pour copies from to w with one pooled buffer.
func pour(w io.Writer, from io.Reader) (total int64, err error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := from.Read(*buf)
		if n > 0 {
			put, err := w.Write((*buf)[:n])
			total += int64(put)
			if err != nil {
				return total, err
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return total, err
		}
	}
}

// Close ends the reading; the fetch goes on. It may be called twice.
func (j *joined) Close() error {
	if j.closed {
		return nil
	}
	j.closed = true
	if j.direct != nil {
		j.direct.Close()
	}
	j.f.mu.Lock()
	delete(j.f.readers, j)
	j.f.mu.Unlock()
	j.f.release()
	return nil
}
