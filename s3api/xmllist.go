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
func AppendListV1(b []byte, bucket string, l *List, p *object.Page, owner Owner) []byte {
	k := keyWriter(l.EncodeURL)
	b = append(b, "<ListBucketResult"+xmlns+">"...)
	b = appendElement(b, "Name", bucket)
	b = k.element(b, "Prefix", l.Query.Prefix)
	b = k.element(b, "Marker", l.Marker)
	if p.Truncated {
		b = k.element(b, "NextMarker", p.Next())
	}
	b = appendPageHead(b, l, p)
	b = appendContents(b, k, p, &owner)
	return append(b, "</ListBucketResult>"...)
}

// AppendListV2 appends the ListBucketResult of a ListObjectsV2.
func AppendListV2(b []byte, bucket string, l *List, p *object.Page, owner Owner) []byte {
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
		b = appendContents(b, k, p, nil)
	} else {
		b = appendContents(b, k, p, &owner)
	}
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

// appendContents appends the objects, then the common prefixes.
func appendContents(b []byte, k keyWriter, p *object.Page, owner *Owner) []byte {
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Prefix {
			continue
		}
		b = append(b, "<Contents>"...)
		b = k.element(b, "Key", e.Key)
		b = appendStat(b, &e.Meta)
		if owner != nil {
			b = appendOwner(b, "Owner", *owner)
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
	if m.StorageClass == "" {
		return append(b, "</Size><StorageClass>STANDARD</StorageClass>"...)
	}
	return appendElement(append(b, "</Size>"...), "StorageClass", m.StorageClass)
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

// AppendListVersions appends the ListVersionsResult of a bucket that never had
// versions: each object is its own latest version, null.
func AppendListVersions(b []byte, bucket string, l *List, p *object.Page, owner Owner) []byte {
	k := keyWriter(l.EncodeURL)
	b = append(b, "<ListVersionsResult"+xmlns+">"...)
	b = appendElement(b, "Name", bucket)
	b = k.element(b, "Prefix", l.Query.Prefix)
	b = k.element(b, "KeyMarker", l.Marker)
	b = append(b, "<VersionIdMarker/>"...)
	if p.Truncated {
		b = k.element(b, "NextKeyMarker", p.Next())
		b = appendElement(b, "NextVersionIdMarker", "null")
	}
	b = appendPageHead(b, l, p)
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Prefix {
			continue
		}
		b = append(b, "<Version>"...)
		b = k.element(b, "Key", e.Key)
		b = append(b, "<VersionId>null</VersionId><IsLatest>true</IsLatest>"...)
		b = appendStat(b, &e.Meta)
		b = appendOwner(b, "Owner", owner)
		b = append(b, "</Version>"...)
	}
	b = appendPrefixes(b, k, p)
	return append(b, "</ListVersionsResult>"...)
}

// AppendListUploads appends the ListMultipartUploadsResult. The entries carry
// UploadID and, as Meta.Modified, when the upload began.
func AppendListUploads(b []byte, bucket string, l *List, p *object.Page, owner Owner) []byte {
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
		b = appendOwner(b, "Initiator", owner)
		b = appendOwner(b, "Owner", owner)
		b = append(b, "<StorageClass>STANDARD</StorageClass><Initiated>"...)
		b = append(appendTime(b, e.Meta.Modified), "</Initiated></Upload>"...)
	}
	b = appendPrefixes(b, k, p)
	return append(b, "</ListMultipartUploadsResult>"...)
}
