package s3api

import (
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"ais/object"
)

// WriteObjectHeaders sets the headers of a GET or HEAD of an object, but for
// Content-Length and Content-Range. With checksums the additional checksums
// are among them; leave it false for a range.
func WriteObjectHeaders(r *Request, m *object.Meta, checksums bool) {
	h := &r.ctx.Response.Header
	r.Validators(m)
	r.writeValidators()
	h.Set("Accept-Ranges", "bytes")
	contentType := m.Header.ContentType
	if contentType == "" {
		contentType = DefaultContentType
	}
	h.SetContentType(contentType)
	setIf(h, "Content-Encoding", m.Header.ContentEncoding)
	setIf(h, "Content-Disposition", m.Header.ContentDisposition)
	setIf(h, "Content-Language", m.Header.ContentLanguage)
	setIf(h, "Cache-Control", m.Header.CacheControl)
	setIf(h, "Expires", m.Header.Expires)
	setIf(h, hWebsite, m.Header.WebsiteRedirect)
	setIf(h, hStorageClass, m.StorageClass)
	for name, value := range m.User {
		h.Set("x-amz-meta-"+name, value)
	}
	if checksums {
		WriteSums(r, m.Sums, len(m.Parts))
	}
	if len(r.target.query) > 0 {
		r.overrideHeaders()
	}
}

// WantsSums reports whether a GET or HEAD asks for the additional checksums.
func WantsSums(r *Request) bool { return strings.EqualFold(string(r.peek(hChecksumMode)), "ENABLED") }

// WriteSums sets the headers of additional checksums. A composite one ends in
// "-parts".
func WriteSums(r *Request, sums []object.Checksum, parts int) {
	for _, sum := range sums {
		if !sum.Algorithm.S3() {
			continue
		}
		r.SetHeader("x-amz-checksum-"+sum.Algorithm.String(), sumText(sum, parts))
		r.SetHeader(hChecksumType, sumType(sum))
	}
}

// WritePartSums sets the headers of the additional checksums of one part of an
// object: those that the object itself has, and with the object's type.
func WritePartSums(r *Request, p *object.Part, m *object.Meta) {
	for _, whole := range m.Sums {
		if sum, ok := object.Find(p.Sums, whole.Algorithm); ok {
			sum.Composite = whole.Composite
			WriteSums(r, []object.Checksum{sum}, 0)
		}
	}
}

// WriteUploadSum says in the answer to a CreateMultipartUpload which additional
// checksum the upload has.
func WriteUploadSum(r *Request, a object.Algorithm, composite bool) {
	r.SetHeader(hChecksumAlg, upper(a))
	r.SetHeader(hChecksumType, sumType(object.Checksum{Composite: composite}))
}

func sumText(sum object.Checksum, parts int) string {
	if sum.Composite && parts > 0 {
		return sum.Base64() + "-" + strconv.Itoa(parts)
	}
	return sum.Base64()
}

// The values of x-amz-checksum-type.
const (
	typeFullObject = "FULL_OBJECT"
	typeComposite  = "COMPOSITE"
)

func sumType(sum object.Checksum) string {
	if sum.Composite {
		return typeComposite
	}
	return typeFullObject
}

// WriteContentRange sets status 206 and Content-Range.
func WriteContentRange(r *Request, part object.Range, size int64) {
	r.Status(fasthttp.StatusPartialContent)
	b := append(make([]byte, 0, 64), "bytes "...)
	b = strconv.AppendInt(b, part.Offset, 10)
	b = strconv.AppendInt(append(b, '-'), part.Offset+part.Length-1, 10)
	b = strconv.AppendInt(append(b, '/'), size, 10)
	r.ctx.Response.Header.SetBytesV("Content-Range", b)
}

// WriteETag sets the ETag header, quoted.
func WriteETag(r *Request, etag string) { r.SetHeader("ETag", `"`+etag+`"`) }

// RangeError is InvalidRange as S3 details it.
func RangeError(header string, size int64) *Error {
	return InvalidRange.With("RangeRequested", header).With("ActualObjectSize", itoa(size))
}

// WriteVersion sets x-amz-version-id, for an object in a bucket that has or had
// versions.
func WriteVersion(r *Request, id string) { r.SetHeader(hVersionID, object.ShownVersion(id)) }

// WriteCopyVersion sets x-amz-copy-source-version-id, for a source in a bucket that
// has or had versions.
func WriteCopyVersion(r *Request, id string) { r.SetHeader(hCopyVersionID, object.ShownVersion(id)) }

// WriteDeleted says which version a DeleteObject has removed or, without one,
// made, and whether that is a delete marker.
func WriteDeleted(r *Request, version string, marker bool) {
	r.SetHeader(hVersionID, version)
	if marker {
		r.SetHeader(hDeleteMarker, "true")
	}
}

// Marker notes that what the request is about is a delete marker, which the error
// that it ends in will say.
func (r *Request) Marker(m *object.Meta) {
	r.marker, r.modified = object.ShownVersion(m.VersionID), m.Modified
}

// writeMarker sets the headers of an error that a delete marker is the reason of.
func (r *Request) writeMarker(status int) {
	r.SetHeader(hDeleteMarker, "true")
	r.SetHeader(hVersionID, r.marker)
	if status == fasthttp.StatusMethodNotAllowed {
		r.SetHeader("Allow", "DELETE")
		r.writeValidators()
	}
}

// writeValidators sets ETag and Last-Modified where they are known.
func (r *Request) writeValidators() {
	if r.etag != "" {
		WriteETag(r, r.etag)
	}
	if !r.modified.IsZero() {
		b := fasthttp.AppendHTTPDate(make([]byte, 0, 32), r.modified)
		r.ctx.Response.Header.SetBytesV("Last-Modified", b)
	}
}

// overrideHeaders applies the response-… parameters of a GET.
func (r *Request) overrideHeaders() {
	for name, value := range eachParam(r.target.query) {
		header := ""
		switch string(name) {
		case "response-content-type":
			header = "Content-Type"
		case "response-content-language":
			header = "Content-Language"
		case "response-expires":
			header = "Expires"
		case "response-cache-control":
			header = "Cache-Control"
		case "response-content-disposition":
			header = "Content-Disposition"
		case "response-content-encoding":
			header = "Content-Encoding"
		default:
			continue
		}
		r.ctx.Response.Header.SetBytesV(header, value)
	}
}

func setIf(h *fasthttp.ResponseHeader, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// WriteUnconfigured answers the read of a configuration that a bucket or object
// has not: S3's own "not configured" error, or an empty document. Call it once
// the bucket is known to exist.
func (r *Request) WriteUnconfigured() error {
	none := func(code, message string) error {
		return (&Error{Code: code, Status: 404, Message: message}).With("BucketName", r.Bucket)
	}
	switch r.Op {
	case GetBucketPolicy, GetBucketPolicyStatus:
		return none("NoSuchBucketPolicy", "The bucket policy does not exist")
	case GetBucketCors:
		return none("NoSuchCORSConfiguration", "The CORS configuration does not exist")
	case GetBucketLifecycle:
		return none("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
	case GetBucketTagging:
		return none("NoSuchTagSet", "The TagSet does not exist")
	case GetBucketWebsite:
		return none("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
	case GetBucketEncryption:
		return none("ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found")
	case GetPublicAccessBlock:
		return none("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	case GetBucketOwnershipControls:
		return none("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
	case GetBucketReplication:
		return none("ReplicationConfigurationNotFoundError", "The replication configuration was not found")
	case GetObjectLockConfiguration:
		return none("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
	}
	document := ""
	switch r.Op {
	case GetBucketVersioning:
		document = "<VersioningConfiguration" + xmlns + "/>"
	case GetBucketLogging:
		document = "<BucketLoggingStatus" + xmlns + "/>"
	case GetBucketRequestPayment:
		document = "<RequestPaymentConfiguration" + xmlns + "><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"
	case GetBucketNotification:
		document = "<NotificationConfiguration" + xmlns + "/>"
	case GetBucketAccelerate:
		document = "<AccelerateConfiguration" + xmlns + "/>"
	case GetObjectTagging:
		document = "<Tagging" + xmlns + "><TagSet/></Tagging>"
	default:
		return NotImplemented
	}
	r.WriteXML(func(b []byte) []byte { return append(b, document...) })
	return nil
}

// Unconfigured reports whether WriteUnconfigured is all that there is to say to
// the operation.
func (o Op) Unconfigured() bool { return o >= GetBucketWebsite && o <= GetBucketAccelerate }

// WriteRedirect answers 307 to another node's URL. endpoint is host:port with
// Prefix where the request had it: s3cmd takes it from the XML.
func (r *Request) WriteRedirect(location, endpoint string) {
	r.Status(fasthttp.StatusTemporaryRedirect)
	r.SetHeader("Location", location)
	r.SetHeader("Cache-Control", "no-store")
	if r.ctx.IsHead() {
		r.ctx.Response.SkipBody = true
		return
	}
	r.WriteXML(func(b []byte) []byte {
		b = append(b, "<Error><Code>TemporaryRedirect</Code><Message>Please re-send this request to the specified temporary endpoint. Continue to use the original request endpoint for future requests.</Message>"...)
		b = appendElement(b, "Endpoint", endpoint)
		b = appendElement(b, "Bucket", r.Bucket)
		b = appendElement(b, "RequestId", r.ID)
		return append(b, "</Error>"...)
	})
}
