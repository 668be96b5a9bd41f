package target

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"ais/archive"
	"ais/cluster"
	"ais/fs"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// archived is an object that is read as an archive.
type archived struct {
	*archive.Archive
	meta   object.Meta
	source io.ReaderAt
	here   *fs.Reader // nil where it is read from the remote bucket, piece by piece
}

// Close releases the object.
func (a *archived) Close() {
	if a.here != nil {
		a.here.Close()
	}
}

// openArchive opens the object that open gives as an archive of the kind that mime
// says, or its name or content where mime is empty. One that has to come from a
// remote bucket is fetched whole, as any read does: an archive is not read in order.
func (t *Target) openArchive(b *cluster.Bucket, n object.Name, mime string, open func() (*opened, error)) (*archived, error) {
	o, err := open()
	if err == nil && o.here == nil {
		o, err = t.fetched(o, open)
	}
	if err != nil {
		return nil, err
	}
	a := &archived{meta: o.meta, here: o.here}
	var src io.ReaderAt
	switch {
	case o.here == nil: // there is no room for it
		o.Close()
		src = &remoteAt{t: t, b: b, n: n, etag: o.meta.ETag, size: o.meta.Size}
	case b.Props.Checksum.ValidateWarmGet:
		src = &validatedAt{reader: o.here, block: -1}
	default:
		src = o.here
	}
	format, err := archive.Choose(mime, n.Key, src, a.meta.Size)
	if err != nil {
		a.Close()
		return nil, err
	}
	a.source = src
	a.Archive = archive.Open(src, a.meta.Size, format)
	return a, nil
}

// fetched reads what is on its way to its end, and opens what is here then.
func (t *Target) fetched(o *opened, open func() (*opened, error)) (*opened, error) {
	section, err := o.cold.section(object.Range{Length: o.meta.Size})
	if err == nil {
		_, err = pour(io.Discard, section)
		section.Close()
	}
	if o.Close(); err != nil {
		return nil, err
	}
	return open()
}

// validatedAt is a reader of what is here that checks each block before a byte of
// it is given out.
type validatedAt struct {
	reader *fs.Reader
	mu     sync.Mutex // guards block
	block  int64      // that was checked last
}

// ReadAt implements io.ReaderAt.
func (v *validatedAt) ReadAt(p []byte, off int64) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for block := off / firstBlock; block <= (off+int64(len(p))-1)/firstBlock; block++ {
		if block == v.block {
			continue
		}
		if err := v.reader.Verify(block*firstBlock, firstBlock); err != nil {
			return 0, err
		}
		v.block = block
	}
	return v.reader.ReadAt(p, off)
}

// remoteAt reads an object where it is, at the remote, in requests of copyBuffer
// bytes: of the version that has the ETag.
type remoteAt struct {
	t    *Target
	b    *cluster.Bucket
	n    object.Name
	etag string
	size int64

	mu  sync.Mutex // guards what follows
	buf []byte
	at  int64 // where buf begins
}

// ReadAt implements io.ReaderAt.
func (r *remoteAt) ReadAt(p []byte, off int64) (total int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(p) > 0 && off < r.size {
		if inside := off - r.at; inside < 0 || inside >= int64(len(r.buf)) {
			if err := r.fill(off); err != nil {
				return total, err
			}
		}
		n := copy(p, r.buf[off-r.at:])
		total, p, off = total+n, p[n:], off+int64(n)
	}
	if len(p) > 0 {
		return total, io.EOF
	}
	return total, nil
}

func (r *remoteAt) fill(off int64) error {
	wanted := object.Range{Offset: off, Length: min(copyBuffer, r.size-off)}
	_, section, err := r.t.rangeRemote(r.b, r.n, wish{}, r.etag, wanted)
	if err != nil {
		return err
	}
	defer section.Close()
	if cap(r.buf) < copyBuffer {
		r.buf = make([]byte, copyBuffer)
	}
	r.buf, r.at = r.buf[:wanted.Length], off
	if _, err := io.ReadFull(section, r.buf); err != nil {
		r.buf = r.buf[:0]
		return err
	}
	return nil
}

// wholeMember is the size up to which a member that has to be unpacked is read
// before the answer begins, so that what is wrong with it becomes an error.
const wholeMember = 64 << 10

// sendMember makes bytes of a file of the archive the body of the answer, and closes
// both whatever comes. A file that lies in the archive as it is goes out as any bytes
// of an object do.
func (t *Target) sendMember(ctx *fasthttp.RequestCtx, a *archived, f *archive.File, r object.Range, validate bool) error {
	if a.here != nil && f.Offset >= 0 {
		f.Close()
		return t.sendHere(ctx, a.here, object.Range{Offset: f.Offset + r.Offset, Length: r.Length}, validate)
	}
	body := &memberBody{archived: a, file: f, left: r.Length}
	if err := body.skip(r.Offset); err != nil {
		body.Close()
		return err
	}
	t.metrics.getBytes.Add(float64(r.Length))
	if r.Length > wholeMember {
		ctx.Response.SetBodyStream(body, int(r.Length))
		return nil
	}
	defer body.Close()
	var whole bytes.Buffer
	if _, err := pour(&whole, body); err != nil {
		return err
	}
	ctx.Response.SetBody(whole.Bytes())
	return nil
}

// memberBody is bytes of a file of an archive. Close closes both.
type memberBody struct {
	*archived
	file *archive.File
	left int64
}

func (b *memberBody) skip(n int64) error {
	_, err := pour(io.Discard, io.LimitReader(b.file, n))
	return err
}

// Read implements io.Reader. After the last byte of the file the rest of it is
// checked.
func (b *memberBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.file.Read(p[:min(int64(len(p)), b.left)])
	if b.left -= int64(n); b.left > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if b.left == 0 && err == nil {
		if more, end := b.file.Read(make([]byte, 1)); more == 0 && end != nil && end != io.EOF {
			return 0, end // wrong content is cut, not given out to the end
		}
	}
	return n, err
}

// SupportsBodyWriteTo tells fasthttp that WriteTo is better than Read.
func (b *memberBody) SupportsBodyWriteTo() bool { return true }

// WriteTo implements io.WriterTo, with one pooled buffer.
func (b *memberBody) WriteTo(w io.Writer) (int64, error) { return pour(w, b) }

// Close implements io.Closer.
func (b *memberBody) Close() error {
	err := b.file.Close()
	b.archived.Close()
	return err
}

// matches is the body of an answer: a tar of the files of an archive that are chosen.
type matches struct {
	*archived
	choose archive.Matcher
	ctx    context.Context
	cancel context.CancelFunc
	sent   func(n int64)
}

// Read is not called: see SupportsBodyWriteTo.
func (m *matches) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// SupportsBodyWriteTo tells fasthttp to use WriteTo.
func (m *matches) SupportsBodyWriteTo() bool { return true }

// WriteTo implements io.WriterTo.
func (m *matches) WriteTo(to io.Writer) (int64, error) {
	out := newGathered(to)
	defer out.release()
	w, err := archive.NewWriter(out, archive.Tar)
	if err != nil {
		return 0, err
	}
	err = m.Each(m.ctx, func(member archive.Member, open func() (*archive.File, error)) (bool, error) {
		if !m.choose.Match(member.Name) {
			return true, nil
		}
		f, err := open()
		if err == nil {
			err = w.Add(member, f)
		}
		return true, err
	})
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	m.sent(out.total)
	return out.total, err
}

// Close implements io.Closer.
func (m *matches) Close() error {
	m.cancel()
	m.archived.Close()
	return nil
}
