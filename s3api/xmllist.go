package s3api

import (
	"strconv"

	"ais/object"
)

// keyWriter appends keys, percent-encoded where the client asked for it.
type keyWriter bool

func (encode keyWriter) element(b []byte, name, value string) []byte {
	if !encode {
		return appendElement(b, name, value)
	}
	b = append(append(append(b, '<'), name...), '>')
	b = appendURL(b, value)
	return append(append(append(b, "</"...), name...), '>')
}

// appendURL percent-encodes as S3 does in listings: all but letters, digits and
// "-_.*/" is escaped, a space as %20.
func appendURL(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	start := 0
	for i := range len(s) {
		if c := s[i]; !plainURL[c] {
			b = append(append(b, s[start:i]...), '%', digits[c>>4], digits[c&15])
			start = i + 1
		}
	}
	return append(b, s[start:]...)
}

// plainURL tells the characters that appendURL leaves alone.
var plainURL = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_' || c == '.' || c == '*' || c == '/'
	}
	return table
}()

// AppendListV1 appends the ListBucketResult of a ListObjects.
func AppendListV1(b []byte, bucket string, l *List, p *object.Page, owners Owners) []byte {
	k := keyWriter(l.EncodeURL)
	b = append(b, "<ListBucketResult"+xmlns+">"...)
	b = appendElement(b, "Name", bucket)
	b = k.element(b, "Prefix", l.Query.Prefix)
	b = k.element(b, "Marker", l.Marker)
	if p.Truncated {
		b = k.element(b, "NextMarker", p.Next())
	}
	b = appendPageHead(b, l, p)
	b = appendContents(b, k, p, owners)
	return append(b, "</ListBucketResult>"...)
}

// AppendListV2 appends the ListBucketResult of a ListObjectsV2.
func AppendListV2(b []byte, bucket string, l *List, p *object.Page, owners Owners) []byte {
	k := keyWriter(l.EncodeURL)
	b = append(b, "<ListBucketResult"+xmlns+">"...)
	b = appendElement(b, "Name", bucket)
	b = k.element(b, "Prefix", l.Query.Prefix)
	if l.HasToken {
		b = appendElement(b, "ContinuationToken", l.Continuation)
	}
	if l.StartAfter != "" {
		b = k.element(b, "StartAfter", l.StartAfter)
	}
	if p.Truncated {
		b = append(b, "<NextContinuationToken>"...)
		b = append(appendToken(b, p.Next()), "</NextContinuationToken>"...)
	}
	b = appendInt(b, "KeyCount", int64(len(p.Entries)))
	b = appendPageHead(b, l, p)
	if !l.FetchOwner {
		owners = nil
	}
	b = appendContents(b, k, p, owners)
	return append(b, "</ListBucketResult>"...)
}

// appendPageHead appends what both versions have in common.
func appendPageHead(b []byte, l *List, p *object.Page) []byte {
	b = appendInt(b, "MaxKeys", int64(l.Query.Limit))
	if l.Query.Delimiter != "" {
		b = keyWriter(l.EncodeURL).element(b, "Delimiter", l.Query.Delimiter)
	}
	if l.EncodeURL {
		b = appendElement(b, "EncodingType", "url")
	}
	return appendBool(b, "IsTruncated", p.Truncated)
}

// appendContents appends the objects, with their owners unless those are nil, then
// the common prefixes.
func appendContents(b []byte, k keyWriter, p *object.Page, owners Owners) []byte {
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Prefix {
			continue
		}
		b = append(b, "<Contents>"...)
		b = k.element(b, "Key", e.Key)
		b = appendStat(b, &e.Meta)
		if owners != nil {
			b = appendOwner(b, "Owner", owners(e.Meta.Owner))
		}
		b = append(b, "</Contents>"...)
	}
	return appendPrefixes(b, k, p)
}

func appendPrefixes(b []byte, k keyWriter, p *object.Page) []byte {
	for i := range p.Entries {
		if e := &p.Entries[i]; e.Prefix {
			b = append(b, "<CommonPrefixes>"...)
			b = k.element(b, "Prefix", e.Key)
			b = append(b, "</CommonPrefixes>"...)
		}
	}
	return b
}

// appendStat appends what every listing shows of an object.
func appendStat(b []byte, m *object.Meta) []byte {
	b = append(b, "<LastModified>"...)
	b = appendTime(b, m.Modified)
	b = append(b, "</LastModified>"...)
	b = appendETag(b, m.ETag)
	if len(m.Sums) > 0 && m.Sums[0].Algorithm.S3() {
		b = appendElement(b, "ChecksumAlgorithm", upper(m.Sums[0].Algorithm))
		b = appendElement(b, "ChecksumType", sumType(m.Sums[0]))
	}
	b = append(b, "<Size>"...)
	b = strconv.AppendInt(b, m.Size, 10)
	return appendElement(append(b, "</Size>"...), "StorageClass", shownClass(m.StorageClass))
}

func appendETag(b []byte, etag string) []byte {
	b = append(b, "<ETag>&quot;"...)
	b = appendText(b, etag)
	return append(b, "&quot;</ETag>"...)
}

func appendOwner(b []byte, name string, o Owner) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = appendElement(b, "ID", o.ID)
	b = appendElement(b, "DisplayName", o.DisplayName)
	return append(append(append(b, "</"...), name...), '>')
}

// AppendListVersions appends the ListVersionsResult: versions and delete markers in
// the order of the page, then the common prefixes.
func AppendListVersions(b []byte, bucket string, l *List, p *object.Page, owners Owners) []byte {
	k := keyWriter(l.EncodeURL)
	b = append(b, "<ListVersionsResult"+xmlns+">"...)
	b = appendElement(b, "Name", bucket)
	b = k.element(b, "Prefix", l.Query.Prefix)
	b = k.element(b, "KeyMarker", l.Marker)
	b = appendElement(b, "VersionIdMarker", l.Query.AfterVersion)
	if n := len(p.Entries); p.Truncated && n > 0 {
		b = k.element(b, "NextKeyMarker", p.Next())
		if last := &p.Entries[n-1]; !last.Prefix {
			b = appendElement(b, "NextVersionIdMarker", object.ShownVersion(last.Meta.VersionID))
		}
	}
	b = appendPageHead(b, l, p)
	for i := range p.Entries {
		if e := &p.Entries[i]; !e.Prefix {
			b = appendVersion(b, k, e, owners)
		}
	}
	b = appendPrefixes(b, k, p)
	return append(b, "</ListVersionsResult>"...)
}

// appendVersion appends one version or delete marker.
func appendVersion(b []byte, k keyWriter, e *object.Entry, owners Owners) []byte {
	begin, end := "<Version>", "</Version>"
	if e.Meta.DeleteMarker {
		begin, end = "<DeleteMarker>", "</DeleteMarker>"
	}
	b = k.element(append(b, begin...), "Key", e.Key)
	b = appendElement(b, "VersionId", object.ShownVersion(e.Meta.VersionID))
	b = appendBool(b, "IsLatest", e.Latest)
	if e.Meta.DeleteMarker {
		b = append(b, "<LastModified>"...)
		b = append(appendTime(b, e.Meta.Modified), "</LastModified>"...)
	} else {
		b = appendStat(b, &e.Meta)
	}
	return append(appendOwner(b, "Owner", owners(e.Meta.Owner)), end...)
}

// AppendListUploads appends the ListMultipartUploadsResult. The entries carry
// UploadID and, as Meta.Modified, when the upload began.
func AppendListUploads(b []byte, bucket string, l *List, p *object.Page, owners Owners) []byte {
	k := keyWriter(l.EncodeURL)
	b = append(b, "<ListMultipartUploadsResult"+xmlns+">"...)
	b = appendElement(b, "Bucket", bucket)
	b = k.element(b, "KeyMarker", l.Marker)
	b = appendElement(b, "UploadIdMarker", l.UploadMarker)
	if n := len(p.Entries); p.Truncated && n > 0 {
		b = k.element(b, "NextKeyMarker", p.Entries[n-1].Key)
		b = appendElement(b, "NextUploadIdMarker", p.Entries[n-1].UploadID)
	}
	b = k.element(b, "Prefix", l.Query.Prefix)
	if l.Query.Delimiter != "" {
		b = k.element(b, "Delimiter", l.Query.Delimiter)
	}
	b = appendInt(b, "MaxUploads", int64(l.Query.Limit))
	if l.EncodeURL {
		b = appendElement(b, "EncodingType", "url")
	}
	b = appendBool(b, "IsTruncated", p.Truncated)
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Prefix {
			continue
		}
		b = append(b, "<Upload>"...)
		b = k.element(b, "Key", e.Key)
		b = appendElement(b, "UploadId", e.UploadID)
		owner := owners(e.Meta.Owner)
		b = appendOwner(b, "Initiator", owner)
		b = appendOwner(b, "Owner", owner)
		b = appendElement(b, "StorageClass", shownClass(e.Meta.StorageClass))
		b = append(b, "<Initiated>"...)
		b = append(appendTime(b, e.Meta.Modified), "</Initiated></Upload>"...)
	}
	b = appendPrefixes(b, k, p)
	return append(b, "</ListMultipartUploadsResult>"...)
}
