package s3

import (
	"context"
	"io"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Uploads implements backend.Backend.
func (b *bucket) Uploads() backend.Uploads { return uploads{b} }

type uploads struct{ b *bucket }

// Begin implements backend.Uploads.
func (u uploads) Begin(ctx context.Context, key string, m object.Meta) (string, error) {
	o := u.b.begin(ctx, "begin", key, asked)
	defer o.end()
	c, err := u.b.client(o.ctx)
	if err != nil {
		return "", o.fail(err)
	}
	out, err := c.CreateMultipartUpload(o.ctx, &s3.CreateMultipartUploadInput{
		Bucket: &u.b.config.Bucket, Key: &key,
		ContentType: contentType(m.Header.ContentType), ContentEncoding: given(m.Header.ContentEncoding),
		ContentDisposition: given(m.Header.ContentDisposition), ContentLanguage: given(m.Header.ContentLanguage),
		CacheControl: given(m.Header.CacheControl), WebsiteRedirectLocation: given(m.Header.WebsiteRedirect),
		StorageClass: types.StorageClass(m.StorageClass), Metadata: metadata(&m), Tagging: tagging(m.Tags),
	}, o.options, header("Expires", m.Header.Expires))
	if err != nil {
		return "", o.fail(err)
	}
	if aws.ToString(out.UploadId) == "" {
		return "", o.fail(errNonsense)
	}
	return *out.UploadId, nil
}

// Put implements backend.Uploads.
func (u uploads) Put(ctx context.Context, key, id string, number int, body io.ReadSeeker, size int64) (string, error) {
	o := u.b.begin(ctx, "part", key, moved)
	defer o.end()
	c, err := u.b.client(o.ctx)
	if err != nil {
		return "", o.fail(err)
	}
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", object.E("s3.part", key, object.KindOf(err), err)
	}
	out, err := c.UploadPart(o.ctx, &s3.UploadPartInput{
		Bucket: &u.b.config.Bucket, Key: &key, UploadId: &id, PartNumber: aws.Int32(int32(number)),
		Body: &own{section(body, start, size), o}, ContentLength: &size,
	}, o.options)
	if err != nil {
		return "", o.fail(err)
	}
	if aws.ToString(out.ETag) == "" {
		return "", o.fail(errNonsense)
	}
	return object.Unquote(*out.ETag), nil
}

// Complete implements backend.Uploads.
func (u uploads) Complete(ctx context.Context, key, id string, parts []object.Listed, cond object.Cond) (backend.Meta, error) {
	o := u.b.begin(ctx, "complete", key, moved) // the store may be at it for long, and sends blanks meanwhile
	defer o.end()
	c, err := u.b.client(o.ctx)
	if err != nil {
		return backend.Meta{}, o.fail(err)
	}
	listed := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		listed[i] = types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)), ETag: aws.String(quoted(p.ETag))}
	}
	out, err := c.CompleteMultipartUpload(o.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.b.config.Bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: listed},
		IfMatch: given(cond.IfMatch), IfNoneMatch: given(cond.IfNoneMatch),
	}, o.options)
	if err != nil {
		return backend.Meta{}, o.fail(err)
	}
	if aws.ToString(out.ETag) == "" {
		return backend.Meta{}, o.fail(errNonsense)
	}
	s := seen{etag: out.ETag, version: out.VersionId, encryption: out.ServerSideEncryption}
	return s.meta(), nil
}

// Abort implements backend.Uploads.
func (u uploads) Abort(ctx context.Context, key, id string) error {
	o := u.b.begin(ctx, "abort", key, asked)
	defer o.end()
	c, err := u.b.client(o.ctx)
	if err != nil {
		return o.fail(err)
	}
	_, err = c.AbortMultipartUpload(o.ctx, &s3.AbortMultipartUploadInput{Bucket: &u.b.config.Bucket, Key: &key, UploadId: &id}, o.options)
	if err = o.fail(err); err != nil && object.KindOf(err) == object.NoSuchUpload {
		return nil
	}
	return err
}
