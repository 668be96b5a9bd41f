package s3

import (
	"encoding/hex"
	"maps"
	"net/url"
	"strings"
	"time"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// noType is what S3 takes an object for whose content type nobody said.
const noType = "binary/octet-stream"

// noVersion is S3's version id of what has none.
const noVersion = "null"

// seen is what an answer says of an object, whichever the operation was.
type seen struct {
	size         int64
	modified     *time.Time
	etag         *string
	version      *string
	class        types.StorageClass
	encryption   types.ServerSideEncryption
	customerKey  *string
	metadata     map[string]string
	contentType  *string
	encoding     *string
	disposition  *string
	language     *string
	cacheControl *string
	expires      *string
	redirect     *string
}

// meta returns it as every Backend does.
func (s seen) meta() backend.Meta {
	m := backend.Meta{
		Version: version(s.version),
		Meta: object.Meta{
			Size: s.size, ETag: object.Unquote(aws.ToString(s.etag)), StorageClass: class(string(s.class)),
			Header: object.Header{
				ContentType: aws.ToString(s.contentType), ContentEncoding: aws.ToString(s.encoding), ContentDisposition: aws.ToString(s.disposition),
				ContentLanguage: aws.ToString(s.language), CacheControl: aws.ToString(s.cacheControl), Expires: aws.ToString(s.expires),
				WebsiteRedirect: aws.ToString(s.redirect),
			},
		},
	}
	if s.modified != nil {
		m.Modified = s.modified.UTC()
	}
	m.Opaque = opaque(m.ETag, s.encryption, s.customerKey)
	m.User, m.Digest = user(s.metadata)
	return m
}

func class(s string) string {
	if s == string(types.StorageClassStandard) {
		return ""
	}
	return s
}

func version(id *string) string {
	if v := aws.ToString(id); v != noVersion {
		return v
	}
	return ""
}

// opaque reports whether an ETag looks like an MD5 and is none: with a key of the
// customer's, or of the key service, it is not of the content.
func opaque(etag string, encryption types.ServerSideEncryption, customerKey *string) bool {
	if strings.Contains(etag, "-") {
		return false
	}
	raw, err := hex.DecodeString(etag)
	return err != nil || len(raw) != 16 || customerKey != nil || encryption != "" && encryption != types.ServerSideEncryptionAes256
}

// user returns an object's user metadata without what AIS noted there, and that.
func user(metadata map[string]string) (map[string]string, object.Checksum) {
	if len(metadata) == 0 {
		return nil, object.Checksum{}
	}
	out := make(map[string]string, len(metadata))
	for k, v := range metadata {
		out[strings.ToLower(k)] = v
	}
	kind, digest := take(out, backend.MetaDigestType), take(out, backend.MetaDigestValue)
	algorithm, err := object.ParseAlgorithm(kind)
	value, err2 := hex.DecodeString(digest)
	if h := algorithm.New(); err != nil || err2 != nil || h == nil || h.Size() != len(value) {
		return out, object.Checksum{}
	}
	return out, object.Checksum{Algorithm: algorithm, Value: value}
}

// take removes what AIS noted, or AIStore, which has the header's prefix in the name.
func take(metadata map[string]string, key string) string {
	value := metadata[key]
	if value == "" {
		value = metadata["x-amz-meta-"+key]
	}
	delete(metadata, key)
	delete(metadata, "x-amz-meta-"+key)
	return value
}

// metadata is the inverse of user.
func metadata(m *object.Meta) map[string]string {
	out := maps.Clone(m.User)
	if m.Checksum.Algorithm == object.NoChecksum || m.Checksum.Composite {
		return out
	}
	if out == nil {
		out = map[string]string{}
	}
	out[backend.MetaDigestType], out[backend.MetaDigestValue] = m.Checksum.Algorithm.String(), m.Checksum.Hex()
	return out
}

// given returns a header's value to send, nil where there is none.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func contentType(s string) *string {
	if s == "" {
		s = noType
	}
	return &s
}

func tagging(tags map[string]string) *string {
	if len(tags) == 0 {
		return nil
	}
	values := url.Values{}
	for k, v := range tags {
		values.Set(k, v)
	}
	return aws.String(values.Encode())
}

func seenGet(out *s3.GetObjectOutput, size int64) seen {
	return seen{
		size: size, modified: out.LastModified, etag: out.ETag, version: out.VersionId, class: out.StorageClass,
		encryption: out.ServerSideEncryption, customerKey: out.SSECustomerAlgorithm, metadata: out.Metadata,
		contentType: out.ContentType, encoding: out.ContentEncoding, disposition: out.ContentDisposition, language: out.ContentLanguage,
		cacheControl: out.CacheControl, expires: out.ExpiresString, redirect: out.WebsiteRedirectLocation,
	}
}

func seenHead(out *s3.HeadObjectOutput) seen {
	return seen{
		size: aws.ToInt64(out.ContentLength), modified: out.LastModified, etag: out.ETag, version: out.VersionId, class: out.StorageClass,
		encryption: out.ServerSideEncryption, customerKey: out.SSECustomerAlgorithm, metadata: out.Metadata,
		contentType: out.ContentType, encoding: out.ContentEncoding, disposition: out.ContentDisposition, language: out.ContentLanguage,
		cacheControl: out.CacheControl, expires: out.ExpiresString, redirect: out.WebsiteRedirectLocation,
	}
}
