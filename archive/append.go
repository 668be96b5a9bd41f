package archive

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"io"
	"math"

	"ais/object"
)

// Append writes to w the archive a, in its format, with what add writes after all
// that it has. Files of a that replaced reports are left out; folders, links and
// whatever else is in it are kept. Errors: as of Each and Writer, and those of add.
func Append(ctx context.Context, w io.Writer, a *Archive, replaced func(name string) bool, add func(*Writer) error) error {
	src := &source{ctx: ctx, from: a.src, format: a.format}
	var out *Writer
	var err error
	switch a.format {
	case Tar:
		out, err = appendTar(w, src, a.size, replaced)
	case Zip:
		out, err = appendZip(w, src, a.size, replaced)
	default:
		out, err = a.repack(ctx, w, replaced)
	}
	if err != nil {
		return err
	}
	if err := add(out); err != nil {
		return err
	}
	return out.Close()
}

// appendTar copies a plain tar as it is, but for what is replaced and its end.
func appendTar(w io.Writer, src *source, size int64, replaced func(string) bool) (*Writer, error) {
	in := &window{from: src, size: size}
	reader := tar.NewReader(in)
	from, to, drop := int64(0), int64(0), false // what is to be copied, and whether what follows it is to be left out
	for {
		in.block = -1
		h, err := reader.Next()
		if err != nil && err != io.EOF {
			return nil, src.explain(Tar, err)
		}
		if next := min(max(in.block, 0), size); drop { // what was left out ends here
			from, to = next, next
		} else {
			to = next
		}
		drop = err == nil && h.Typeflag == tar.TypeReg && replaced(h.Name)
		if !drop && err == nil {
			continue
		}
		if _, cerr := copyTo(w, io.NewSectionReader(src, from, to-from)); cerr != nil {
			return nil, cerr
		}
		if from = to; err == io.EOF {
			return NewWriter(w, Tar)
		}
	}
}

// repack unpacks a compressed tar and packs it again.
func (a *Archive) repack(ctx context.Context, w io.Writer, replaced func(string) bool) (*Writer, error) {
	walk, src, err := a.walk(ctx)
	if err != nil {
		return nil, err
	}
	defer walk.close()
	out, err := NewWriter(w, a.format)
	if err != nil {
		return nil, err
	}
	reader := walk.(*tarWalker).reader // the formats that come here are tars
	for {
		h, err := reader.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, src.explain(a.format, err)
		}
		if h.Typeflag == tar.TypeReg && replaced(h.Name) {
			continue
		}
		if sparse(h) { // it is written out
			h.Typeflag, h.PAXRecords = tar.TypeReg, nil
		}
		h.Format = tar.FormatUnknown
		if err := out.tar.WriteHeader(h); err != nil {
			return nil, object.E("archive.Append", h.Name, object.Unsupported, err)
		}
		if h.Size == 0 {
			continue
		}
		if _, err := copyTo(out.tar, &explained{reader, src}); err != nil {
			return nil, err
		}
	}
}

// explained is a reader whose errors are this package's.
type explained struct {
	from io.Reader
	src  *source
}

// Read implements io.Reader.
func (e *explained) Read(p []byte) (int, error) {
	n, err := e.from.Read(p)
	if err != nil && err != io.EOF {
		err = e.src.explain(e.src.format, err)
	}
	return n, err
}

// maxDirectory bounds the directory of a zip that is appended to: it is in memory.
const (
	maxDirectory = 64 << 20
	maxEntries   = 1 << 18
)

// appendZip copies a zip's files, packed as they are.
func appendZip(w io.Writer, src *source, size int64, replaced func(string) bool) (*Writer, error) {
	d, err := findDirectory(src, size)
	if err != nil {
		return nil, src.explain(Zip, err)
	}
	if d.size > maxDirectory || d.entries > maxEntries {
		return nil, object.E("archive.Append", "", object.Unsupported, errors.New("a zip of so many files cannot be appended to"))
	}
	bounded := &budget{from: src, left: maxDirectory + 2*maxComment}
	in, err := zip.NewReader(bounded, size)
	bounded.left = math.MaxInt64
	if err != nil {
		return nil, src.explain(Zip, err)
	}
	out := newZipWriter(w)
	for _, f := range in.File {
		if replaced(f.Name) {
			continue
		}
		if err := out.Copy(f); err != nil {
			return nil, src.explain(Zip, err)
		}
	}
	return &Writer{zip: out}, nil
}

// budget is a source that ends after so many bytes were read: who reads a directory
// reads on for as long as there are entries, whatever their number was said to be.
type budget struct {
	from io.ReaderAt
	left int64
}

// ReadAt implements io.ReaderAt.
func (b *budget) ReadAt(p []byte, off int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errors.New("its directory is longer than it says")
	}
	return b.from.ReadAt(p, off)
}
