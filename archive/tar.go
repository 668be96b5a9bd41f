package archive

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"strings"

	"ais/object"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"
)

// tarWalker walks the files of a tar. Only of a plain one, which it seeks in, are
// offsets known.
type tarWalker struct {
	reader *tar.Reader
	seeks  *window // nil where the tar is compressed
	member Member
	closer io.Closer // of what unpacks; nil for none
}

func newTarWalker(src *source, size int64) *tarWalker {
	w := &window{from: src, size: size}
	return &tarWalker{reader: tar.NewReader(w), seeks: w}
}

// unpackBuffer is how much of a compressed archive is read at a time.
const unpackBuffer = 64 << 10

func newTgzWalker(src *source, size int64) (*tarWalker, error) {
	unpacked, err := gzip.NewReader(bufio.NewReaderSize(io.NewSectionReader(src, 0, size), unpackBuffer))
	if err != nil {
		return nil, err
	}
	return &tarWalker{reader: tar.NewReader(unpacked), closer: unpacked}, nil
}

func newLz4Walker(src *source, size int64) *tarWalker {
	unpacked := lz4.NewReader(bufio.NewReaderSize(io.NewSectionReader(src, 0, size), unpackBuffer))
	return &tarWalker{reader: tar.NewReader(unpacked)}
}

func (w *tarWalker) next() (*Member, error) {
	for {
		h, err := w.reader.Next()
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
			continue
		}
		if h.Size > object.MaxSize {
			return nil, errors.New("a file in it is larger than any object")
		}
		w.member = Member{Name: h.Name, Size: h.Size, Offset: -1, Mode: h.FileInfo().Mode(), Modified: h.ModTime}
		if w.seeks != nil && !sparse(h) {
			w.member.Offset = w.seeks.off
		}
		return &w.member, nil
	}
}

// sparse reports whether a tar leaves out bytes of the file that are zero.
func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (w *tarWalker) open() (io.Reader, error) { return w.reader, nil }

func (w *tarWalker) close() {
	if w.closer != nil {
		_ = w.closer.Close() // it reads only
		w.closer = nil
	}
}

const (
	windowSize = 4 << 10
	blockSize  = 512 // of a tar
)

// window is a tar as archive/tar reads it: header by header, seeking over the
// bodies. What it reads around a header is a page of it.
type window struct {
	from  io.ReaderAt
	size  int64
	off   int64
	buf   []byte // what lies at from
	at    int64  // where in from buf begins
	block int64  // where the first whole block was read since it was made −1
}

// Read implements io.Reader.
func (w *window) Read(p []byte) (int, error) {
	if len(p) == blockSize && w.block < 0 {
		w.block = w.off
	}
	if w.off >= w.size {
		return 0, io.EOF
	}
	if inside := w.off - w.at; inside >= 0 && inside < int64(len(w.buf)) {
		n := copy(p, w.buf[inside:])
		w.off += int64(n)
		return n, nil
	}
	if len(p) >= windowSize {
		n, err := w.from.ReadAt(p[:min(int64(len(p)), w.size-w.off)], w.off)
		w.off += int64(n)
		if n > 0 {
			err = nil
		}
		return n, err
	}
	if w.buf == nil {
		w.buf = make([]byte, 0, windowSize)
	}
	n, err := w.from.ReadAt(w.buf[:min(windowSize, w.size-w.off)], w.off)
	w.buf, w.at = w.buf[:n], w.off
	if n == 0 {
		return 0, noEOF(err)
	}
	n = copy(p, w.buf)
	w.off += int64(n)
	return n, nil
}

// noEOF is err of a source that has ended before its size.
func noEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Seek implements io.Seeker, from the start or from here.
func (w *window) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent {
		offset += w.off
	}
	if offset < 0 || whence == io.SeekEnd {
		return 0, errors.New("a file in it is longer than any can be")
	}
	w.off = offset
	return offset, nil
}
