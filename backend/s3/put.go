package s3

import (
	"context"
	"encoding/base64"
	"errors"
	"io"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Put implements backend.Backend. An object of several parts' size is uploaded in
// parts, so that it has the ETag of such a one.
func (b *bucket) Put(ctx context.Context, key string, p backend.PutOptions) (backend.Meta, error) {
	if p.Size > object.MaxSize {
		return backend.Meta{}, object.E("s3.put", key, object.TooLarge, nil)
	}
	if p.Size >= b.config.PartSize && p.Size > 0 {
		return b.putParts(ctx, key, p)
	}
	o := b.begin(ctx, "put", key, moved)
	defer o.end()
	c, err := b.client(o.ctx)
	if err != nil {
		return backend.Meta{}, o.fail(err)
	}
	start, err := p.Body.Seek(0, io.SeekCurrent)
	if err != nil {
		return backend.Meta{}, object.E("s3.put", key, object.KindOf(err), err)
	}
	body := &own{section(p.Body, start, p.Size), o}
	m := &p.Meta
	in := &s3.PutObjectInput{
		Bucket: &b.config.Bucket, Key: &key, Body: body, ContentLength: &p.Size,
		ContentType: contentType(m.Header.ContentType), ContentEncoding: given(m.Header.ContentEncoding),
		ContentDisposition: given(m.Header.ContentDisposition), ContentLanguage: given(m.Header.ContentLanguage),
		CacheControl: given(m.Header.CacheControl), WebsiteRedirectLocation: given(m.Header.WebsiteRedirect),
		StorageClass: types.StorageClass(m.StorageClass), Metadata: metadata(m), Tagging: tagging(m.Tags),
		IfMatch: given(p.Cond.IfMatch), IfNoneMatch: given(p.Cond.IfNoneMatch),
	}
	if m.Checksum.Algorithm == object.MD5 {
		in.ContentMD5 = aws.String(base64.StdEncoding.EncodeToString(m.Checksum.Value))
	}
	out, err := c.PutObject(o.ctx, in, o.options, header("Expires", m.Header.Expires), payload(m.Checksum))
	if err != nil {
		return backend.Meta{}, o.fail(err)
	}
	if aws.ToString(out.ETag) == "" {
		return backend.Meta{}, o.fail(errNonsense)
	}
	s := seen{size: p.Size, etag: out.ETag, version: out.VersionId, encryption: out.ServerSideEncryption, customerKey: out.SSECustomerAlgorithm}
	return s.meta(), nil
}

// header adds a header that the SDK would have parsed.
func header(name, value string) func(*s3.Options) {
	return func(o *s3.Options) {
		if value != "" {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue(name, value))
		}
	}
}

// unsigned is what a request says of its body whose digest is in another header.
const unsigned = "UNSIGNED-PAYLOAD"

// payload says what is known of the body, so that it need not be read once more for
// its signature.
func payload(c object.Checksum) func(*s3.Options) {
	hash := ""
	switch {
	case c.Composite:
	case c.Algorithm == object.SHA256:
		hash = c.Hex()
	case c.Algorithm == object.MD5:
		hash = unsigned
	}
	return func(o *s3.Options) {
		if hash != "" {
			o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error { return stack.Finalize.Add(payloadHash(hash), middleware.Before) })
		}
	}
}

type payloadHash string

// ID implements middleware.FinalizeMiddleware.
func (payloadHash) ID() string { return "KnownPayloadHash" }

// HandleFinalize implements middleware.FinalizeMiddleware.
func (h payloadHash) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	return next.HandleFinalize(v4.SetPayloadHash(ctx, string(h)), in)
}

var errSeek = errors.New("the body cannot be read from there")

// section returns size bytes of a body, from start on. Where the body cannot be read
// otherwise, only one section may be in use, and moves its position.
func section(body io.ReadSeeker, start, size int64) io.ReadSeeker {
	if at, ok := body.(io.ReaderAt); ok {
		return io.NewSectionReader(at, start, size)
	}
	return &seeking{from: body, start: start, size: size, moved: true}
}

// seeking is a section of a body that is not an io.ReaderAt.
type seeking struct {
	from        io.ReadSeeker
	start, size int64
	at          int64
	moved       bool // the body's position is not ours
}

// Read implements io.Reader.
func (s *seeking) Read(p []byte) (int, error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	if s.moved {
		if _, err := s.from.Seek(s.start+s.at, io.SeekStart); err != nil {
			return 0, err
		}
		s.moved = false
	}
	n, err := s.from.Read(p[:min(int64(len(p)), s.size-s.at)])
	s.at += int64(n)
	if err == io.EOF && s.at < s.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Seek implements io.Seeker.
func (s *seeking) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errSeek
	}
	s.at, s.moved = offset, true
	return offset, nil
}
