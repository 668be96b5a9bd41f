package target

import (
	"errors"
	"io"
	"mime/multipart"
	"net/textproto"

	"ais/api"
	"ais/archive"
)

// batchBody is the body of the answer to a batch: the archive, or in an answer that is
// not streamed two parts, of which it is the second.
type batchBody struct {
	*batch
	boundary string // "" for the archive alone

	// Of an archive alone, what was written into it before the answer begins.
	out  *gathered
	w    *archive.Writer
	next int    // entry that comes next
	open *piece // it, where it is open already
}

// Names of the parts.
const (
	metadataPart = "metadata"
	archivePart  = "archive"
)

// Read is not called: see SupportsBodyWriteTo.
func (b *batchBody) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// SupportsBodyWriteTo tells fasthttp to use WriteTo.
func (b *batchBody) SupportsBodyWriteTo() bool { return true }

// WriteTo implements io.WriterTo. An error cuts the answer.
func (b *batchBody) WriteTo(to io.Writer) (int64, error) {
	out := b.out
	if out == nil {
		out = newGathered(nil)
		defer out.release()
	}
	out.to = to
	err := b.writeParts(out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		b.t.metrics.batch.errors.Inc()
		b.t.cfg.Logger.Warn("a batch was cut", "batch", b.uuid, "err", err)
	}
	return out.total, err
}

func (b *batchBody) writeParts(out io.Writer) error {
	if b.boundary == "" {
		return b.write()
	}
	parts := multipart.NewWriter(out)
	if err := parts.SetBoundary(b.boundary); err != nil {
		return err
	}
	text, err := api.Encode(b.answerOf())
	if err != nil {
		return err
	}
	part, err := parts.CreatePart(partHeader(metadataPart, api.ContentJSON))
	if err == nil {
		_, err = part.Write(text)
	}
	if err == nil {
		part, err = parts.CreatePart(partHeader(archivePart, b.format.ContentType()))
	}
	if err == nil {
		b.w, err = archive.NewWriter(part, b.format)
	}
	if err == nil {
		err = b.write()
	}
	if err == nil {
		err = parts.Close()
	}
	return err
}

func partHeader(name, contentType string) textproto.MIMEHeader {
	return textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="` + name + `"`}, "Content-Type": {contentType},
	}
}

// write writes the archive from the next entry on.
func (b *batchBody) write() error {
	for ; b.next < len(b.entries); b.next++ {
		if err := b.writeNext(); err != nil {
			return err
		}
	}
	return b.w.Close()
}

func (b *batchBody) writeNext() error {
	if p := b.open; p != nil {
		b.open = nil
		return b.add(b.w, b.next, *p, nil)
	}
	p, err := b.batch.next(b.next)
	return b.add(b.w, b.next, p, err)
}

// Bounds of what is written before the answer begins: what a file costs besides its
// bytes, and an archive besides its files.
const (
	fileCost    = 6 << 10
	archiveCost = 8 << 10
)

// begin answers with the archive alone. As much of it as one buffer holds is made
// before the answer begins: what fails until then fails the request, and a small batch
// has a length.
func (b *batch) begin() (err error) {
	body := &batchBody{batch: b, out: newGathered(nil)}
	defer func() {
		if err != nil {
			body.release()
		}
	}()
	if body.w, err = archive.NewWriter(body.out, b.format); err != nil {
		return err
	}
	room := int64(copyBuffer - archiveCost)
	for ; body.next < len(b.entries); body.next++ {
		p, err := b.next(body.next)
		if room -= p.size + fileCost; room < 0 && err == nil {
			body.open = &p
			break
		}
		if err := b.add(body.w, body.next, p, err); err != nil {
			return err
		}
	}
	b.ctx.SetContentType(b.format.ContentType())
	if body.next < len(b.entries) {
		b.ctx.Response.SetBodyStream(body, -1)
		return nil
	}
	if err := body.w.Close(); err != nil {
		return err
	}
	b.ctx.Response.SetBody((*body.out.buf)[:body.out.used])
	return body.Close()
}

// release releases all but the batch.
func (b *batchBody) release() {
	if b.open != nil {
		b.open.body.Close()
		b.open = nil
	}
	if b.out != nil {
		b.out.release()
	}
}

// Close implements io.Closer. It may be called twice.
func (b *batchBody) Close() error {
	b.cancel()
	b.release()
	return b.batch.Close()
}
