package target

import "io"

// gathered is a writer that gathers what is written in small pieces in one pooled
// buffer. It is for one goroutine.
type gathered struct {
	to    io.Writer
	buf   *[]byte
	used  int
	total int64 // that were written to to
}

// newGathered returns a writer to to; where that is nil, what is written must fit into
// the buffer until to is set.
func newGathered(to io.Writer) *gathered {
	return &gathered{to: to, buf: buffers.Get().(*[]byte)}
}

// Write implements io.Writer.
func (g *gathered) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := copy((*g.buf)[g.used:], p)
		g.used += n
		written += n
		if p = p[n:]; g.used < len(*g.buf) {
			continue
		}
		if err := g.Flush(); err != nil {
			return written, err
		}
	}
	return written, nil
}

// Flush passes on what is held.
func (g *gathered) Flush() error {
	if g.used == 0 {
		return nil
	}
	if g.to == nil {
		return io.ErrShortBuffer
	}
	n, err := g.to.Write((*g.buf)[:g.used])
	g.total += int64(n)
	g.used = 0
	return err
}

// release gives the buffer back.
func (g *gathered) release() {
	if g.buf != nil {
		buffers.Put(g.buf)
		g.buf = nil
	}
}
