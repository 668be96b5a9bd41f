package fs

import (
	"io"
	"os"
)

// Section is a run of an object's bytes, to be read once. Close closes its
// Reader too, so that a Section can be handed on as the whole body of an answer.
type Section struct {
	r        *Reader
	off      int64 // of the next byte
	size     int64
	left     int64
	validate bool
	closed   bool

	file     File // of the current segment
	own      bool // to be closed here
	sent     bool // from file, whose position has moved
	seg      int
	start    int64    // of the segment in the object
	trailer  *trailer // of its blob, for validation
	verified int64    // end in the object of what was validated
}

// Size returns how many bytes the section has in all.
func (c *Section) Size() int64 { return c.size }

// SupportsBodyWriteTo tells fasthttp that WriteTo is better than Read.
func (c *Section) SupportsBodyWriteTo() bool { return true }

// Close closes the section and its Reader, once.
func (c *Section) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.leaveSegment()
	return c.r.Close()
}

func (c *Section) leaveSegment() {
	if c.own {
		c.file.Close()
	}
	c.file, c.own, c.sent, c.trailer = nil, false, false, nil
}

// next is nextAt, from a mirror where what is at home cannot be read.
func (c *Section) next() (int64, error) {
	n, err := c.nextAt()
	for err != nil && c.switchOver(err) {
		n, err = c.nextAt()
	}
	return n, err
}

// switchOver goes on with the next mirror.
func (c *Section) switchOver(err error) bool {
	own := c.own
	if !c.r.switchOver(err) {
		return false
	}
	if c.own = own; own {
		c.leaveSegment()
	}
	c.file, c.own, c.sent, c.trailer, c.verified = nil, false, false, nil, 0
	return true
}

// nextAt makes the segment of the next byte current and returns how many bytes
// from there can be given out as they are: to the segment's end or, when
// validating, to the end of a block that was just checked.
func (c *Section) nextAt() (int64, error) {
	if c.file == nil || c.off >= c.start+c.r.segs[c.seg].Length {
		c.leaveSegment()
		c.seg, c.start = c.r.segmentAt(c.off)
		f, own, err := c.r.openSegment(c.seg)
		if err != nil {
			return 0, err
		}
		c.file, c.own, c.verified = f, own, 0
	}
	g := c.r.segs[c.seg]
	n := min(c.left, c.start+g.Length-c.off)
	if !c.validate {
		return n, nil
	}
	if c.verified > c.off {
		return min(n, c.verified-c.off), nil
	}
	if c.trailer == nil {
		t, err := readTrailer(c.file)
		if err != nil {
			return 0, c.r.corrupt(err)
		}
		c.trailer = t
	}
	at := g.Offset + c.off - c.start // in the blob
	n = min(n, blockSize-at%blockSize)
	if err := c.r.verifyFile(c.file, c.trailer, at, n); err != nil {
		return 0, err
	}
	c.verified = c.off + n
	return n, nil
}

func (c *Section) advance(n int64) {
	c.off += n
	c.left -= n
}

// Read implements io.Reader.
func (c *Section) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if c.r.inline != nil {
		n := copy(p, (*c.r.inline)[c.off:c.off+c.left])
		c.advance(int64(n))
		return n, nil
	}
	n, err := c.next()
	if err != nil {
		return 0, err
	}
	got, err := c.file.ReadAt(p[:min(int64(len(p)), n)], c.r.segs[c.seg].Offset+c.off-c.start)
	c.advance(int64(got))
	if err != nil {
		if err = c.r.readFault(err); c.switchOver(err) {
			return got, nil
		}
	}
	return got, err
}

// WriteTo implements io.WriterTo. Where w can read from a file by itself
// (fasthttp's own writer and a TCP connection can, with sendfile), it is given
// the file, positioned; else the bytes pass through one pooled buffer.
func (c *Section) WriteTo(w io.Writer) (int64, error) {
	total := int64(0)
	if c.r.inline != nil {
		n, err := w.Write((*c.r.inline)[c.off : c.off+c.left])
		c.advance(int64(n))
		return int64(n), err
	}
	for c.left > 0 {
		n, err := c.next()
		if err != nil {
			return total, err
		}
		sent, err := c.send(w, n)
		total += sent
		c.advance(sent)
		if err != nil && c.switchOver(err) {
			continue
		}
		if err != nil {
			return total, err
		}
		if sent < n && !c.switchOver(c.r.corrupt(io.ErrUnexpectedEOF)) {
			return total, c.r.readFault(io.ErrUnexpectedEOF)
		}
	}
	return total, nil
}

// send passes n bytes of the current segment on.
func (c *Section) send(w io.Writer, n int64) (int64, error) {
	at := c.r.segs[c.seg].Offset + c.off - c.start
	file, isFile := c.file.(*os.File)
	from, canReadFrom := w.(io.ReaderFrom)
	if isFile && canReadFrom {
		// A file that was just opened for this section is at its beginning.
		if at != 0 || !c.own || c.sent {
			if _, err := file.Seek(at, io.SeekStart); err != nil {
				return 0, c.r.readFault(err)
			}
		}
		c.sent = true
		return from.ReadFrom(&io.LimitedReader{R: file, N: n})
	}
	buf := c.r.s.pieces.Get().(*[]byte)
	defer c.r.s.pieces.Put(buf)
	total := int64(0)
	for total < n {
		piece := (*buf)[:min(int64(len(*buf)), n-total)]
		got, err := c.file.ReadAt(piece, at+total)
		if err != nil {
			return total, c.r.readFault(err)
		}
		put, err := w.Write(piece[:got])
		total += int64(put)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
