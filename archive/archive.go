package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"time"

	"ais/object"
)

// Member is a file in an archive.
type Member struct {
	Name     string
	Size     int64 // bytes, unpacked
	Offset   int64 // where in the archive its bytes lie just as they are; −1 where they do not, or it is not known
	Mode     fs.FileMode
	Modified time.Time // zero for not known
}

// Archive is an archive to be read from src. It may be used by many goroutines
// at a time, if src may.
type Archive struct {
	format Format
	src    io.ReaderAt
	size   int64
}

// Open returns the archive of size bytes in src. Nothing is read yet.
func Open(src io.ReaderAt, size int64, f Format) *Archive {
	return &Archive{format: f, src: src, size: size}
}

// Format returns the archive's format.
func (a *Archive) Format() Format { return a.format }

// walker goes through the files of an archive. What it returns is valid until the
// next call.
type walker interface {
	next() (*Member, error) // io.EOF at the end; the walk is over after an error
	open() (io.Reader, error)
	close()
}

// File is a member that is open for reading: Read gives Size bytes and then io.EOF;
// an error where that many there are not, or not those that were put in.
type File struct {
	Member
	reader io.Reader
	left   int64
	walk   walker
	src    *source
}

// Find opens the first member of that name. The caller closes the file. Errors:
// NoSuchMember, Invalid, Unsupported, and those of the archive's source and of ctx,
// which are looked for as long as the file is read.
func (a *Archive) Find(ctx context.Context, name string) (*File, error) {
	w, src, err := a.walk(ctx)
	if err != nil {
		return nil, err
	}
	for {
		m, err := w.next()
		if err == nil && !Same(m.Name, name) {
			continue
		}
		var f *File
		if err == nil {
			f, err = opened(w, src, m)
		}
		switch {
		case err == nil:
			return f, nil
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			err = object.E("archive.Find", name, object.NoSuchMember, errors.New(strconv.Quote(name)))
		default:
			err = src.explain(a.format, err)
		}
		w.close()
		return nil, err
	}
}

func opened(w walker, src *source, m *Member) (*File, error) {
	r, err := w.open()
	if err != nil {
		return nil, err
	}
	return &File{Member: *m, reader: r, left: m.Size, walk: w, src: src}, nil
}

// Each calls visit for each file, in the archive's order, until it returns false.
// open opens the file at hand, whose Close does nothing; it must be read before
// visit returns. Errors: as Find, and those of visit as they are.
func (a *Archive) Each(ctx context.Context, visit func(m Member, open func() (*File, error)) (bool, error)) error {
	w, src, err := a.walk(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	for {
		m, err := w.next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return src.explain(a.format, err)
		}
		more, err := visit(*m, func() (*File, error) {
			f, err := opened(w, src, m)
			if err != nil {
				return nil, src.explain(a.format, err)
			}
			f.walk = nil
			return f, nil
		})
		if err != nil || !more {
			return err
		}
	}
}

func (a *Archive) walk(ctx context.Context) (w walker, src *source, err error) {
	src = &source{ctx: ctx, from: a.src, format: a.format}
	switch a.format {
	case Tar:
		w = newTarWalker(src, a.size)
	case Tgz:
		w, err = newTgzWalker(src, a.size)
	case TarLz4:
		w = newLz4Walker(src, a.size)
	case Zip:
		w, err = newZipWalker(src, a.size)
	default:
		err = object.E("archive.Open", "", object.Unsupported, errors.New("not a format of archives"))
	}
	if err != nil {
		return nil, nil, src.explain(a.format, err)
	}
	return w, src, nil
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, f.end()
	}
	n, err := f.reader.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && f.left > 0:
		return n, f.src.explain(f.src.format, io.ErrUnexpectedEOF)
	case err != nil && !errors.Is(err, io.EOF):
		return n, f.src.explain(f.src.format, err)
	}
	return n, nil
}

// end makes sure that nothing follows and, where the format has a checksum of each
// file, that it is right.
func (f *File) end() error {
	if f.reader == nil {
		return io.EOF
	}
	var one [1]byte
	n, err := f.reader.Read(one[:])
	for n == 0 && err == nil {
		n, err = f.reader.Read(one[:])
	}
	if n > 0 {
		err = fmt.Errorf("%q is longer than it says", f.Name)
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		f.reader = nil
		return io.EOF
	}
	return f.src.explain(f.src.format, err)
}

// Close releases what the file was read with. It may be called twice.
func (f *File) Close() error {
	if f.walk != nil {
		f.walk.close()
		f.walk = nil
	}
	return nil
}

// source reads an archive until its context ends, and remembers why it could not
// be read, so that a damaged archive is told from one that nobody can read now.
type source struct {
	ctx    context.Context
	from   io.ReaderAt
	format Format
	failed error
}

// ReadAt implements io.ReaderAt.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.failed = err
		return 0, err
	}
	n, err := s.from.ReadAt(p, off)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

// explain makes err, of whoever reads the source, an error of this package.
func (s *source) explain(f Format, err error) error {
	var known *object.Error
	switch {
	case s.failed != nil:
		return s.failed
	case errors.As(err, &known):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		err = errors.New("it ends early")
	}
	return object.E("archive.Read", "archive", object.Invalid, fmt.Errorf("not a readable %s: %w", f, err))
}
