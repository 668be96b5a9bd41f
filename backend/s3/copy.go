package s3

import (
	"context"
	"net/url"
	"strings"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Copy implements backend.Copier.
func (b *bucket) Copy(ctx context.Context, from, key, version, to string, m *object.Meta) (backend.Meta, error) {
	o := b.begin(ctx, "copy", to, moved) // the store may be at it for long, and sends blanks meanwhile
	defer o.end()
	c, err := b.client(o.ctx)
	if err != nil {
		return backend.Meta{}, o.fail(err)
	}
	in := &s3.CopyObjectInput{Bucket: &b.config.Bucket, Key: &to, CopySource: given(copySource(from, key, version))}
	options := []func(*s3.Options){o.options}
	if m != nil {
		in.MetadataDirective, in.Metadata = types.MetadataDirectiveReplace, metadata(m)
		in.ContentType, in.ContentEncoding = contentType(m.Header.ContentType), given(m.Header.ContentEncoding)
		in.ContentDisposition, in.ContentLanguage = given(m.Header.ContentDisposition), given(m.Header.ContentLanguage)
		in.CacheControl, in.WebsiteRedirectLocation = given(m.Header.CacheControl), given(m.Header.WebsiteRedirect)
		in.StorageClass = types.StorageClass(m.StorageClass)
		if tags := tagging(m.Tags); tags != nil {
			in.TaggingDirective, in.Tagging = types.TaggingDirectiveReplace, tags
		}
		options = append(options, header("Expires", m.Header.Expires))
	}
	out, err := c.CopyObject(o.ctx, in, options...)
	if err != nil {
		return backend.Meta{}, o.fail(err)
	}
	made := out.CopyObjectResult
	if made == nil || aws.ToString(made.ETag) == "" {
		return backend.Meta{}, o.fail(errNonsense)
	}
	s := seen{version: out.VersionId, encryption: out.ServerSideEncryption, customerKey: out.SSECustomerAlgorithm, etag: made.ETag, modified: made.LastModified}
	return s.meta(), nil
}

// copySource names what is copied as x-amz-copy-source does: slashes as they are,
// everything else escaped.
func copySource(bucket, key, version string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(parts[i]), "+", "%20")
	}
	source := bucket + "/" + strings.Join(parts, "/")
	if version != "" {
		source += "?versionId=" + url.QueryEscape(version)
	}
	return source
}
