package archive

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"ais/object"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"
)

// Writer writes an archive. It is for one goroutine.
type Writer struct {
	tar    *tar.Writer // nil for a zip
	zip    *zip.Writer // nil for a tar
	packer io.Closer   // under the tar; nil for a plain one
}

// NewWriter returns a Writer of an archive to w, which is complete after Close.
func NewWriter(w io.Writer, f Format) (*Writer, error) {
	a := &Writer{}
	switch f {
	case Tar:
		a.tar = tar.NewWriter(w)
	case Tgz:
		packer, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return nil, object.E("archive.NewWriter", "", object.Internal, err)
		}
		a.tar, a.packer = tar.NewWriter(packer), packer
	case TarLz4:
		packer := lz4.NewWriter(w)
		a.tar, a.packer = tar.NewWriter(packer), packer
	case Zip:
		a.zip = newZipWriter(w)
	default:
		return nil, object.E("archive.NewWriter", f.String(), object.Invalid, errors.New("not a format of archives"))
	}
	return a, nil
}

func newZipWriter(w io.Writer) *zip.Writer {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	return z
}

// Add writes a file of m's name, mode, time and size with the bytes of body, which
// must be as many. Where the error is of kind Invalid, the format cannot have such a
// file and nothing was written; after any other the archive is of no use.
func (w *Writer) Add(m Member, body io.Reader) error {
	to, err := w.begin(m)
	if err != nil {
		return err
	}
	n, err := copyTo(to, body)
	if err == nil && n != m.Size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && w.tar != nil {
		err = w.tar.Flush() // so that the padding is not held back
	}
	return err
}

func (w *Writer) begin(m Member) (io.Writer, error) {
	if m.Mode == 0 {
		m.Mode = 0o644
	}
	switch {
	case m.Name == "" || strings.IndexByte(m.Name, 0) >= 0:
		return nil, object.E("archive.Add", m.Name, object.Invalid, errors.New("an archive cannot have a file of that name"))
	case w.zip != nil && strings.HasSuffix(m.Name, "/"):
		return nil, object.E("archive.Add", m.Name, object.Invalid, errors.New("what ends in a slash is a folder in a zip"))
	case w.zip != nil:
		h := &zip.FileHeader{Name: m.Name, Method: zip.Deflate, Modified: m.Modified}
		h.SetMode(m.Mode.Perm())
		return w.zip.CreateHeader(h)
	}
	if err := w.tar.WriteHeader(header(m)); err != nil {
		kind := object.Internal
		if errors.Is(err, tar.ErrHeader) {
			kind = object.Invalid
		}
		return nil, object.E("archive.Add", m.Name, kind, err)
	}
	return w.tar, nil
}

func header(m Member) *tar.Header {
	return &tar.Header{
		Typeflag: tar.TypeReg, Name: m.Name, Size: m.Size, Mode: int64(m.Mode & fs.ModePerm),
		ModTime: m.Modified.Truncate(time.Second), // what is finer needs headers of its own
	}
}

// TarSize returns how many bytes Add writes to a plain tar for m; 0 where a tar
// cannot have it.
func TarSize(m Member) int64 {
	var n counted
	if m.Mode == 0 {
		m.Mode = 0o644
	}
	if err := tar.NewWriter(&n).WriteHeader(header(m)); err != nil {
		return 0
	}
	return int64(n) + (m.Size+blockSize-1)/blockSize*blockSize
}

// TarEnd is how many bytes Close writes to a plain tar.
const TarEnd = 2 * blockSize

type counted int64

func (c *counted) Write(p []byte) (int, error) {
	*c += counted(len(p))
	return len(p), nil
}

// Close ends the archive. It does not close what it was written to.
func (w *Writer) Close() error {
	if w.zip != nil {
		return w.zip.Close()
	}
	err := w.tar.Close()
	if w.packer != nil {
		err = errors.Join(err, w.packer.Close())
	}
	return err
}

// pieces bound what a copy holds.
const pieceSize = 64 << 10

var pieces = sync.Pool{New: func() any { b := make([]byte, pieceSize); return &b }}

// copyTo copies with one pooled buffer.
func copyTo(w io.Writer, from io.Reader) (total int64, err error) {
	buf := pieces.Get().(*[]byte)
	defer pieces.Put(buf)
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
			if err == io.EOF {
				err = nil
			}
			return total, err
		}
	}
}
