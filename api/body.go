package api

import (
	"errors"
	"io"
	"sync"

	"ais/object"
)

// expectOver is the size in bytes from which on a body is sent only after the
// server said 100 Continue, so that a redirect or a refusal costs no body.
const expectOver = 256 << 10

// body is what a call sends. A seekable one can be sent again to where a redirect
// leads; another only if nothing of it was read.
type body struct {
	source io.Reader
	seeker io.Seeker // nil where source cannot be read again
	start  int64
	size   int64
	last   *sending // nil before the first
}

// newBody returns a body of size bytes from where source stands.
func newBody(source io.Reader, size int64) *body {
	b := &body{source: source, size: size}
	if s, ok := source.(io.Seeker); ok {
		if start, err := s.Seek(0, io.SeekCurrent); err == nil {
			b.seeker, b.start = s, start
		}
	}
	return b
}

// untouched reports whether nothing of the body was read yet.
func (b *body) untouched() bool {
	if b.last == nil {
		return true
	}
	<-b.last.done
	return b.last.read == 0
}

// failed returns the error of the source that ended the last sending, nil for none:
// another sending would meet it too.
func (b *body) failed() error {
	if b.last == nil {
		return nil
	}
	<-b.last.done
	return b.last.err
}

// again returns the body from its start, for one sending. It waits for the end of
// the sending before: net/http may go on reading after it has returned an answer,
// but closes what it reads in the end. It is an http.Request.GetBody.
func (b *body) again() (io.ReadCloser, error) {
	if b.last != nil {
		<-b.last.done
		if b.last.read > 0 {
			if b.seeker == nil {
				return nil, object.E("api.Client", "", object.Unavailable, errors.New("the server sent the call on after it had taken a part of a body that cannot be read twice"))
			}
			if _, err := b.seeker.Seek(b.start, io.SeekStart); err != nil {
				return nil, object.E("api.Client", "", object.Internal, err)
			}
		}
	}
	b.last = &sending{body: b, done: make(chan struct{})}
	return b.last, nil
}

// sending reads a body once. What it was given stays open.
type sending struct {
	body *body
	done chan struct{} // closed by Close

	mu     sync.Mutex
	read   int64
	closed bool
	err    error // of the source, but the end
}

// ErrShortContent is the error of content that ends before its size.
var ErrShortContent = errors.New("the content ended before its size")

// Read implements io.Reader. A source that ends early is an error, and what it
// has beyond the size is left alone.
func (s *sending) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.body.size - s.read
	switch {
	case s.closed:
		return 0, io.ErrClosedPipe
	case left <= 0:
		return 0, io.EOF
	case int64(len(p)) > left:
		p = p[:left]
	}
	n, err := s.body.source.Read(p)
	s.read += int64(n)
	if err == io.EOF && int64(n) < left {
		err = ErrShortContent
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Close implements io.Closer.
func (s *sending) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	return nil
}
