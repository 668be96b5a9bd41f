package s3api

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ais/object"
)

// DefaultContentType is what an object has that was written without one.
const DefaultContentType = "binary/octet-stream"

// ParseHeader reads what a write says about the content: system metadata and
// user metadata, the latter with lower-case names without "x-amz-meta-" and the
// values byte for byte as they came. aws-chunked is not part of a
// Content-Encoding that is stored.
func ParseHeader(r *Request) (object.Header, map[string]string, error) {
	var h object.Header
	var user map[string]string
	size := 0
	for name, value := range r.ctx.Request.Header.All() {
		if len(name) < len("Expires") {
			continue
		}
		switch string(name) {
		case "Content-Type":
			h.ContentType = string(value)
		case "Content-Encoding":
			h.ContentEncoding = joinValues(h.ContentEncoding, storedEncoding(string(value)))
		case "Content-Disposition":
			h.ContentDisposition = string(value)
		case "Content-Language":
			h.ContentLanguage = string(value)
		case "Cache-Control":
			h.CacheControl = string(value)
		case "Expires":
			h.Expires = string(value)
		case hWebsite:
			h.WebsiteRedirect = string(value)
		default:
			short, ok := bytes.CutPrefix(name, []byte(hMetaPrefix))
			if !ok || len(short) == 0 {
				continue
			}
			if user == nil {
				user = make(map[string]string)
			}
			key := strings.ToLower(string(short))
			user[key] = joinValues(user[key], string(value))
			size += len(short) + len(value)
		}
	}
	if size > object.MaxUserMeta {
		return h, nil, MetadataTooLarge.With("Size", itoa(int64(size))).With("MaxSizeAllowed", itoa(object.MaxUserMeta))
	}
	return h, user, nil
}

// joinValues joins the values of a repeated header as HTTP allows.
func joinValues(before, value string) string {
	switch {
	case before == "":
		return value
	case value == "":
		return before
	}
	return before + "," + value
}

// storedEncoding returns a Content-Encoding without aws-chunked, which is a way
// to send a body and not a property of it.
func storedEncoding(value string) string {
	if !strings.Contains(strings.ToLower(value), "aws-chunked") {
		return value
	}
	var kept []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" && !strings.EqualFold(item, "aws-chunked") {
			kept = append(kept, item)
		}
	}
	return strings.Join(kept, ",")
}

// storageClasses are the classes that S3 lets a client ask for.
var storageClasses = [...]string{"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA",
	"INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "OUTPOSTS", "SNOW", "EXPRESS_ONEZONE"}

// ParseStorageClass reads x-amz-storage-class; STANDARD is "".
func ParseStorageClass(r *Request) (string, error) {
	v := r.amzHeader(hStorageClass)
	if v == "" || v == "STANDARD" {
		return "", nil
	}
	for _, class := range storageClasses {
		if v == class {
			return class, nil
		}
	}
	return "", InvalidStorageClass.With("StorageClassRequested", v)
}

// ParseMeta reads everything that a PutObject, CreateMultipartUpload or a
// replacing CopyObject says about the object to be.
func ParseMeta(r *Request) (m object.Meta, err error) {
	if m.Header, m.User, err = ParseHeader(r); err != nil {
		return m, err
	}
	m.StorageClass, err = ParseStorageClass(r)
	return m, err
}

// ParseCond reads the conditions of a request. A date that cannot be read is no
// condition, as RFC 9110 has it.
func ParseCond(r *Request) (object.Cond, error) {
	c := object.Cond{
		IfMatch:           string(r.peek("If-Match")),
		IfNoneMatch:       string(r.peek("If-None-Match")),
		IfModifiedSince:   httpTime(r.peek("If-Modified-Since")),
		IfUnmodifiedSince: httpTime(r.peek("If-Unmodified-Since")),
	}
	if !r.Op.Writes() {
		return c, nil
	}
	c.IfModifiedSince, c.IfUnmodifiedSince = time.Time{}, time.Time{} // writes have no such conditions in S3
	if c.IfNoneMatch == `"*"` {
		c.IfNoneMatch = "*"
	}
	if r.Op != DeleteObject {
		return c, nil
	}
	return c, r.deleteCond(&c)
}

// deleteCond reads the conditions that only DeleteObject has.
func (r *Request) deleteCond(c *object.Cond) error {
	if v := r.peek(hIfSize); len(v) > 0 {
		size, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || size < 0 {
			return Argument(hIfSize, string(v), "The size is not a number of bytes.")
		}
		c.IfSize = &size
	}
	if v := r.peek(hIfModified); len(v) > 0 {
		if c.IfModified = httpTime(v); c.IfModified.IsZero() {
			return Argument(hIfModified, string(v), "The time is not an HTTP date.")
		}
	}
	return nil
}

// ParseCopyCond reads the conditions on a copy's source.
func ParseCopyCond(r *Request) object.Cond {
	return object.Cond{
		IfMatch:           string(r.peek("X-Amz-Copy-Source-If-Match")),
		IfNoneMatch:       string(r.peek("X-Amz-Copy-Source-If-None-Match")),
		IfModifiedSince:   httpTime(r.peek("X-Amz-Copy-Source-If-Modified-Since")),
		IfUnmodifiedSince: httpTime(r.peek("X-Amz-Copy-Source-If-Unmodified-Since")),
	}
}

// httpTime reads an HTTP date; zero for none or a malformed one.
func httpTime(v []byte) time.Time {
	if len(v) == 0 {
		return time.Time{}
	}
	t, err := http.ParseTime(string(v))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// ParseCopySource reads x-amz-copy-source: "bucket/key" or "/bucket/key",
// percent-encoded, with or without "?versionId=…" after it.
func ParseCopySource(r *Request) (bucket, key, versionID string, err error) {
	return parseCopySource(r.peek(hCopySource))
}

func parseCopySource(v []byte) (bucket, key, versionID string, err error) {
	bad := InvalidArgument.Say("Copy Source must mention the source bucket and key: sourcebucket/sourcekey").
		With("ArgumentName", "x-amz-copy-source").With("ArgumentValue", strings.ToValidUTF8(string(v), "\uFFFD"))
	path := v
	if i := bytes.LastIndex(v, []byte("?versionId=")); i >= 0 {
		path, versionID = v[:i], string(v[i+len("?versionId="):])
	}
	path = bytes.TrimPrefix(path, []byte{'/'})
	name, err := unescapePath(path)
	if err != nil {
		return "", "", "", bad
	}
	bucket, key, ok := strings.Cut(name, "/")
	if !ok || bucket == "" || key == "" {
		return "", "", "", bad
	}
	if object.CheckBucketName(bucket) != nil {
		return "", "", "", InvalidBucketName.With("BucketName", bucket)
	}
	if err := checkKey(key); err != nil {
		return "", "", "", err
	}
	return bucket, key, versionID, checkAnyVersion(versionID)
}

// ParseDirective reads x-amz-metadata-directive: whether a copy takes its
// metadata from the request (REPLACE) and not from the source (COPY, or none).
func ParseDirective(r *Request) (replace bool, err error) {
	switch v := string(r.peek(hDirective)); v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, Argument("x-amz-metadata-directive", v, "Unknown metadata directive.")
	}
}

// ExpectsOwner reports whether a request says whose it takes the bucket to be.
func ExpectsOwner(r *Request) bool { return len(r.peek(hExpectOwner)) > 0 }

// CheckOwner returns AccessDenied where a request is meant for the bucket of
// somebody other than owner. Buckets without an owner are anybody's.
func CheckOwner(r *Request, owner string) error { return r.checkOwner(hExpectOwner, owner) }

// CheckSourceOwner is CheckOwner for the source of a copy.
func CheckSourceOwner(r *Request, owner string) error { return r.checkOwner(hSourceOwner, owner) }

func (r *Request) checkOwner(header, owner string) error {
	if v := r.peek(header); len(v) > 0 && owner != "" && string(v) != owner {
		return AccessDenied
	}
	return nil
}

// CopyRange returns x-amz-copy-source-range and whether it is there; see
// object.ParseCopyRange.
func CopyRange(r *Request) (header string, present bool) {
	v := r.peek(hCopyRange)
	return string(v), len(v) > 0
}

// ParseUploadSum reads which additional checksum a CreateMultipartUpload asks
// for, and whether it is to be composite.
func ParseUploadSum(r *Request) (a object.Algorithm, composite bool, err error) {
	name, kind := string(r.peek(hChecksumAlg)), string(r.peek(hChecksumType))
	if name == "" {
		if kind != "" {
			return 0, false, InvalidRequest.Say("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return object.NoChecksum, false, nil
	}
	if a, err = object.ParseAlgorithm(name); err != nil || !a.S3() {
		return 0, false, InvalidRequest.Say("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	crc := a == object.CRC32 || a == object.CRC32C || a == object.CRC64NVME
	switch {
	case kind == "":
		return a, a != object.CRC64NVME, nil
	case kind == "COMPOSITE" && a != object.CRC64NVME:
		return a, true, nil
	case kind == "FULL_OBJECT" && crc:
		return a, false, nil
	case kind != "COMPOSITE" && kind != "FULL_OBJECT":
		return 0, false, InvalidRequest.Say("Value for x-amz-checksum-type header is invalid.")
	}
	return 0, false, InvalidRequest.Say("The " + kind + " checksum type cannot be used with the " + a.String() + " checksum algorithm.")
}

// CheckVersion reports whether a version of an object that is here can be called id,
// which Request.VersionID or ParseCopySource has returned. Other stores have ids in
// other forms.
func CheckVersion(id string) error { return checkVersion(id) }

// maxVersion is the longest id of a version, in any store (S3, "Versioning").
const maxVersion = 1024

// checkAnyVersion reports whether a version can be called id in any store.
func checkAnyVersion(id string) error {
	if len(id) > maxVersion || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return Argument("versionId", id, "Invalid version id specified")
	}
	return nil
}

// checkVersion reports whether a version can be called id; "" stands for none. An
// id in another server's form is well-formed too, and there is no such version.
func checkVersion(id string) error {
	if id == "" || id == object.NullVersion {
		return nil
	}
	legal := len(id) == 32
	for i := range len(id) {
		c := id[i]
		legal = legal && (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-')
	}
	if !legal {
		return Argument("versionId", id, "Invalid version id specified")
	}
	return nil
}

// refused are headers that ask for something that is not built and whose
// neglect would lose or expose data.
var refused = [...]string{
	"X-Amz-Write-Offset-Bytes",
	"X-Amz-Server-Side-Encryption",
	"X-Amz-Server-Side-Encryption-Customer-Algorithm",
	"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm",
	"X-Amz-Object-Lock-Mode",
	"X-Amz-Object-Lock-Legal-Hold",
}

// checkFeatures refuses what a request asks for beyond its operation: versions
// that cannot exist, and features that do not.
func (r *Request) checkFeatures() error {
	if r.target.level == Object {
		if _, _, err := r.VersionID(); err != nil {
			return err
		}
	}
	switch r.Op {
	case PutObject, CopyObject, CreateMultipartUpload, UploadPart, UploadPartCopy:
		for _, name := range refused {
			if r.hasHeader(name) {
				return NotImplemented.Say("A header you provided implies functionality that is not implemented").With("Header", name)
			}
		}
	case CreateBucket:
		if strings.EqualFold(string(r.peek(hBucketLock)), "true") {
			return NotImplemented.With("Header", hBucketLock)
		}
	}
	return nil
}
