package signed

import (
	"errors"
	"io"
	"sync"
	"time"

	"ais/object"
)

// replayed is how much of a body is kept, so that it can be sent again to another
// address.
const replayed = 64 << 10

// body is the client's body, through one attempt to send it or several.
type body struct {
	from io.Reader
	mu   sync.Mutex // held while from is read; guards the rest
	now  *attempt   // the one that may read
	kept []byte     // what was read, while that is not more than replayed
	lost bool       // more was read than is kept
	err  error      // of from, but for its end
}

// attempt returns the body from its beginning on, in the place of an older attempt.
func (b *body) attempt(w *watch) *attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = &attempt{of: b, watch: w}
	return b.now
}

// end waits until the body is not being read, and will not be.
func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = nil
}

// spent reports whether the body cannot be sent once more.
func (b *body) spent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost || b.err != nil
}

func (b *body) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// attempt is the body as one request sends it.
type attempt struct {
	of    *body
	given int // bytes of of.kept
	watch *watch
}

var errEnded = errors.New("the request has ended")

// Read implements io.Reader. While the client is waited for, the store is not.
func (a *attempt) Read(p []byte) (int, error) {
	a.watch.stop()
	defer a.watch.start()
	b := a.of
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now != a {
		return 0, errEnded
	}
	if a.given < len(b.kept) {
		n := copy(p, b.kept[a.given:])
		a.given += n
		return n, nil
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if !b.lost && len(b.kept)+n <= replayed {
		b.kept = append(b.kept, p[:n]...)
		a.given = len(b.kept)
	} else if n > 0 {
		b.lost = true
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// again returns the attempt if it has all of the body before it.
func (a *attempt) again() (io.ReadCloser, error) {
	if a.of.spent() {
		return nil, errEnded
	}
	return a, nil
}

// Close implements io.Closer. That the body is not being read any more is seen to
// where the request ends: here a Read may be waiting for the client.
func (a *attempt) Close() error { return nil }

// watch calls late when nothing has happened for a time while it runs.
type watch struct {
	mu    sync.Mutex // guards ended
	timer *time.Timer
	limit time.Duration
	ended bool
}

// newWatch returns a watch that does not run yet.
func newWatch(limit time.Duration, late func()) *watch {
	w := &watch{timer: time.AfterFunc(time.Hour, late), limit: limit}
	w.timer.Stop()
	return w
}

func (w *watch) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.timer.Reset(w.limit)
	}
}

func (w *watch) stop() { w.timer.Stop() }

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}

// answerBody is the body of an answer, that fails where it stalls.
type answerBody struct {
	from  io.ReadCloser
	watch *watch
	host  string
	cause func() error
	end   func()
	once  sync.Once
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	b.watch.start()
	n, err := b.from.Read(p)
	b.watch.stop()
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := b.cause(); cause != nil {
			err = cause
		}
		err = object.E("signed.Read", b.host, object.Unavailable, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *answerBody) Close() error {
	err := b.from.Close()
	b.once.Do(b.end)
	return err
}
