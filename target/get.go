package target

import (
	"strconv"

	"ais/fs"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// serveGet answers GetObject, whole, by range or by part number.
func (t *Target) serveGet(c *call) error {
	version, _, err := c.r.VersionID()
	if err != nil {
		return err
	}
	cond, err := s3api.ParseCond(c.r)
	if err != nil {
		return err
	}
	reader, err := t.open(c, version)
	if err != nil {
		return err
	}
	meta := *reader.Meta() // outlives the reader
	part, err := choose(c.r, cond, &meta)
	if err != nil {
		reader.Close()
		return err
	}
	if err := t.send(c.r.Ctx(), reader, part.Range, c.bucket.Props.Checksum.ValidateWarmGet); err != nil {
		return err
	}
	c.showVersion(&meta)
	part.writeHeaders(c.r, &meta)
	t.showExpiry(c, &meta)
	return nil
}

// open opens the version that the call names, if its sender may have the operation.
func (t *Target) open(c *call, version string) (*fs.Reader, error) {
	reader, err := t.store.Open(c.name, version)
	if err != nil {
		marker, _ := fs.Marker(err)
		return nil, t.seen(c, &marker, err)
	}
	if err := t.granted(c, reader.Meta(), nil); err != nil {
		reader.Close()
		return nil, err
	}
	return reader, nil
}

// serveHead answers HeadObject: what serveGet would say, without the bytes.
func (t *Target) serveHead(c *call) error {
	cond, err := s3api.ParseCond(c.r)
	if err != nil {
		return err
	}
	meta, err := t.stat(c)
	if err != nil {
		return err
	}
	part, err := choose(c.r, cond, &meta)
	if err != nil {
		return err
	}
	part.writeHeaders(c.r, &meta)
	t.showExpiry(c, &meta)
	c.r.HeadOnly(part.Length)
	return nil
}

// chosen is the bytes of an object that a read asks for.
type chosen struct {
	object.Range
	partial bool         // answer 206
	whole   bool         // all bytes, so that the object's checksums apply
	parts   int          // of the object, where a part was asked for by number; else 0
	part    *object.Part // likewise
}

// choose checks the conditions of a read and resolves its range or part number.
func choose(r *s3api.Request, cond object.Cond, m *object.Meta) (chosen, error) {
	if cond.Any() {
		if err := cond.CheckRead(m); err != nil {
			r.Validators(m)
			return chosen{}, err
		}
	}
	header := r.Header("Range")
	if _, ok := r.Query("partNumber"); ok {
		if header != "" {
			return chosen{}, s3api.InvalidRequest.Say("Cannot specify both Range header and partNumber query parameter")
		}
		number, err := r.PartNumber()
		if err != nil {
			return chosen{}, err
		}
		return choosePart(m, number)
	}
	bytes, partial, err := object.ParseRange(header, m.Size)
	if err != nil {
		return chosen{}, s3api.RangeError(header, m.Size)
	}
	return chosen{Range: bytes, partial: partial, whole: bytes.Length == m.Size}, nil
}

// choosePart returns the bytes of part number. An object that was written in
// one piece has one part.
func choosePart(m *object.Meta, number int) (chosen, error) {
	if len(m.Parts) == 0 {
		if number != 1 {
			return chosen{}, object.E("target.get", strconv.Itoa(number), object.InvalidPart, nil)
		}
		return chosen{Range: object.Range{Length: m.Size}, partial: true, whole: true}, nil
	}
	var offset int64
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Number == number {
			return chosen{Range: object.Range{Offset: offset, Length: p.Size}, partial: true, parts: len(m.Parts), part: p}, nil
		}
		offset += p.Size
	}
	return chosen{}, object.E("target.get", strconv.Itoa(number), object.InvalidPart, nil)
}

// firstBlock is how much of a validated read is verified before the answer begins.
const firstBlock = 1 << 20

// send makes bytes of the object the body of the answer, and closes reader
// whatever comes. Where validate is set they are verified against the block
// checksums before they go out. A small payload is in memory already and goes
// out together with the headers, in one system call.
func (t *Target) send(ctx *fasthttp.RequestCtx, reader *fs.Reader, r object.Range, validate bool) error {
	if payload, ok := reader.Inline(); ok {
		defer reader.Close()
		if validate {
			if err := reader.Verify(r.Offset, r.Length); err != nil {
				return err
			}
		}
		t.metrics.getBytes.Add(float64(r.Length))
		ctx.Response.SetBody(payload[r.Offset : r.Offset+r.Length])
		return nil
	}
	open := reader.Range
	if validate {
		open = reader.Validated
		// Damage at the beginning becomes an error; further on it can but cut the answer.
		if err := reader.Verify(r.Offset, min(r.Length, firstBlock)); err != nil {
			reader.Close()
			return err
		}
	}
	section, err := open(r.Offset, r.Length)
	if err != nil {
		reader.Close()
		return err
	}
	t.metrics.getBytes.Add(float64(r.Length))
	ctx.Response.SetBodyStream(streamOf(ctx, section), int(r.Length))
	return nil
}

func (p chosen) writeHeaders(r *s3api.Request, m *object.Meta) {
	s3api.WriteObjectHeaders(r, m, p.whole && s3api.WantsSums(r))
	if p.part != nil && s3api.WantsSums(r) {
		s3api.WritePartSums(r, p.part, m)
	}
	s3api.WriteTagCount(r, m)
	if p.parts > 0 {
		r.SetHeader("x-amz-mp-parts-count", strconv.Itoa(p.parts))
	}
	switch {
	case p.partial && m.Size > 0:
		s3api.WriteContentRange(r, p.Range, m.Size)
	case p.partial:
		r.Status(fasthttp.StatusPartialContent)
	}
}
