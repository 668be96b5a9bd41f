package target

import (
	"errors"
	"strconv"
	"strings"

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
	if path := archPath(c); path != "" {
		return t.getMember(c, version, path, cond)
	}
	for tries := 1; ; tries++ {
		err := t.get(c, version, cond)
		if tries == openTries || !errors.Is(err, errChanged) {
			return err
		}
	}
}

// get is one try to answer GetObject. It fails with errChanged where the object has
// changed in the remote bucket while the answer began.
func (t *Target) get(c *call, version string, cond object.Cond) error {
	o, err := t.open(c, version)
	if err != nil {
		return err
	}
	meta := o.meta // outlives what was opened
	part, err := choose(c.r, cond, &meta)
	if err != nil {
		o.Close()
		return err
	}
	if err := t.send(c.r.Ctx(), o, part.Range, c.bucket.Props.Checksum.ValidateWarmGet); err != nil {
		return err
	}
	c.showVersion(&meta)
	part.writeHeaders(c.r, &meta)
	t.showExpiry(c, &meta)
	return nil
}

// serveHead answers HeadObject: what serveGet would say, without the bytes.
func (t *Target) serveHead(c *call) error {
	cond, err := s3api.ParseCond(c.r)
	if err != nil {
		return err
	}
	if path := archPath(c); path != "" {
		return t.headMember(c, path, cond)
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
		if fromRemote(m) && partsOf(m.ETag) > 1 {
			return chosen{}, s3api.NotImplemented.Say("Where the parts of this object begin is not known here: it was written to the remote bucket. Ask for a range instead.")
		}
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

// partsOf returns the number of parts that an ETag, of S3's form for objects that
// were written in parts, says; 1 for any other ETag.
func partsOf(etag string) int {
	if _, number, ok := strings.Cut(etag, "-"); ok {
		if n, err := strconv.Atoi(number); err == nil {
			return n
		}
	}
	return 1
}

// firstBlock is how much of a validated read is verified before the answer begins.
const firstBlock = 1 << 20

// send makes bytes of the object the body of the answer, and closes o whatever
// comes. Where validate is set, those that are here are verified against the block
// checksums before they go out.
func (t *Target) send(ctx *fasthttp.RequestCtx, o *opened, r object.Range, validate bool) error {
	if o.here != nil {
		return t.sendHere(ctx, o.here, r, validate)
	}
	section, err := o.cold.section(r)
	if err != nil {
		o.Close()
		return err
	}
	t.metrics.getBytes.Add(float64(r.Length))
	ctx.Response.SetBodyStream(section, int(r.Length))
	return nil
}

// sendHere is send from this node's own store. A small payload is in memory already
// and goes out together with the headers, in one system call.
func (t *Target) sendHere(ctx *fasthttp.RequestCtx, reader *fs.Reader, r object.Range, validate bool) error {
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
