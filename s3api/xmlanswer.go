package s3api

import (
	"strings"

	"ais/object"
)

// upper returns an algorithm's name as S3 writes it.
func upper(a object.Algorithm) string { return strings.ToUpper(a.String()) }

// AppendListBuckets appends the ListAllMyBucketsResult. Each bucket also names
// its provider, in the element that AIStore has for it. more says that there are
// buckets after these.
func AppendListBuckets(b []byte, owner Owner, q ListBucketsQuery, buckets []BucketEntry, more bool) []byte {
	b = append(b, "<ListAllMyBucketsResult"+xmlns+">"...)
	b = appendOwner(b, "Owner", owner)
	b = append(b, "<Buckets>"...)
	for _, bucket := range buckets {
		b = append(b, "<Bucket>"...)
		b = appendElement(b, "Name", bucket.Name)
		b = append(b, "<CreationDate>"...)
		b = append(appendTime(b, bucket.Created), "</CreationDate>"...)
		provider := "Provider: " + string(bucket.Provider)
		if bucket.Note != "" {
			provider += " " + bucket.Note
		}
		b = appendElement(b, "String", provider)
		b = append(b, "</Bucket>"...)
	}
	b = append(b, "</Buckets>"...)
	if q.Prefix != "" {
		b = appendElement(b, "Prefix", q.Prefix)
	}
	if more {
		b = append(b, "<ContinuationToken>"...)
		b = append(appendToken(b, buckets[len(buckets)-1].Position()), "</ContinuationToken>"...)
	}
	return append(b, "</ListAllMyBucketsResult>"...)
}

// AppendLocation appends the LocationConstraint of a bucket as it was given; a
// bucket made without one has S3's empty one.
func AppendLocation(b []byte, region string) []byte {
	if region == "" {
		return append(b, "<LocationConstraint"+xmlns+"/>"...)
	}
	b = append(b, "<LocationConstraint"+xmlns+">"...)
	return append(appendText(b, region), "</LocationConstraint>"...)
}

// AppendInitiate appends the InitiateMultipartUploadResult.
func AppendInitiate(b []byte, bucket, key, uploadID string) []byte {
	b = append(b, "<InitiateMultipartUploadResult"+xmlns+">"...)
	b = appendElement(b, "Bucket", bucket)
	b = appendElement(b, "Key", key)
	b = appendElement(b, "UploadId", uploadID)
	return append(b, "</InitiateMultipartUploadResult>"...)
}

// AppendComplete appends the CompleteMultipartUploadResult.
func AppendComplete(b []byte, location, bucket, key string, m *object.Meta) []byte {
	b = append(b, "<CompleteMultipartUploadResult"+xmlns+">"...)
	b = appendElement(b, "Location", location)
	b = appendElement(b, "Bucket", bucket)
	b = appendElement(b, "Key", key)
	b = appendETag(b, m.ETag)
	b = appendSums(b, m.Sums, len(m.Parts), true)
	return append(b, "</CompleteMultipartUploadResult>"...)
}

// AppendCopyObject appends the CopyObjectResult.
func AppendCopyObject(b []byte, m *object.Meta) []byte {
	b = append(b, "<CopyObjectResult"+xmlns+"><LastModified>"...)
	b = append(appendTime(b, m.Modified), "</LastModified>"...)
	b = appendETag(b, m.ETag)
	b = appendSums(b, m.Sums, len(m.Parts), true)
	return append(b, "</CopyObjectResult>"...)
}

// AppendCopyPart appends the CopyPartResult.
func AppendCopyPart(b []byte, p *object.Part) []byte {
	b = append(b, "<CopyPartResult"+xmlns+"><LastModified>"...)
	b = append(appendTime(b, p.Modified), "</LastModified>"...)
	b = appendETag(b, p.ETag)
	b = appendSums(b, p.Sums, 0, false)
	return append(b, "</CopyPartResult>"...)
}

// appendSums appends the additional checksums, one element each.
func appendSums(b []byte, sums []object.Checksum, parts int, withType bool) []byte {
	for _, sum := range sums {
		if !sum.Algorithm.S3() {
			continue
		}
		b = appendElement(b, "Checksum"+upper(sum.Algorithm), sumText(sum, parts))
		if withType {
			b = appendElement(b, "ChecksumType", sumType(sum))
		}
	}
	return b
}

// PartsPage is a page of an upload's parts.
type PartsPage struct {
	Bucket, Key  string
	Upload       object.Upload
	After, Limit int
	EncodeURL    bool
	Parts        []object.Part
	Truncated    bool
}

// AppendListParts appends the ListPartsResult.
func AppendListParts(b []byte, p *PartsPage, owner Owner) []byte {
	b = append(b, "<ListPartsResult"+xmlns+">"...)
	b = appendElement(b, "Bucket", p.Bucket)
	b = keyWriter(p.EncodeURL).element(b, "Key", p.Key)
	b = appendElement(b, "UploadId", p.Upload.ID)
	b = appendInt(b, "PartNumberMarker", int64(p.After))
	next := p.After
	if n := len(p.Parts); n > 0 {
		next = p.Parts[n-1].Number
	}
	b = appendInt(b, "NextPartNumberMarker", int64(next))
	b = appendInt(b, "MaxParts", int64(p.Limit))
	b = appendBool(b, "IsTruncated", p.Truncated)
	b = appendOwner(b, "Initiator", owner)
	b = appendOwner(b, "Owner", owner)
	b = append(b, "<StorageClass>STANDARD</StorageClass>"...)
	if a := p.Upload.Algorithm; a.S3() {
		b = appendElement(b, "ChecksumAlgorithm", upper(a))
		b = appendElement(b, "ChecksumType", sumType(object.Checksum{Composite: p.Upload.Composite}))
	}
	for i := range p.Parts {
		part := &p.Parts[i]
		b = append(b, "<Part>"...)
		b = appendInt(b, "PartNumber", int64(part.Number))
		b = append(b, "<LastModified>"...)
		b = append(appendTime(b, part.Modified), "</LastModified>"...)
		b = appendETag(b, part.ETag)
		b = appendInt(b, "Size", part.Size)
		b = appendSums(b, part.Sums, 0, false)
		b = append(b, "</Part>"...)
	}
	return append(b, "</ListPartsResult>"...)
}

// Deleted is the outcome of one key of a DeleteObjects: deleted if Err is nil, or
// of kind object.NotFound or object.NoSuchVersion. An error that says NoSuchKey
// (s3api.NoSuchKey) is one.
type Deleted struct {
	Key       string
	VersionID string // as the client named it, "" for none
	Err       error

	// Marker is set where a delete marker was made or, with VersionID, removed;
	// MarkerID is its version.
	Marker   bool
	MarkerID string
}

// gone reports whether what was to be deleted is not there any more, or never was.
func (d *Deleted) gone() bool {
	if d.Err == nil {
		return true
	}
	kind := object.KindOf(d.Err)
	return kind == object.NotFound || kind == object.NoSuchVersion
}

// AppendDeleted appends the DeleteResult. Quiet leaves out what was deleted.
func AppendDeleted(b []byte, results []Deleted, quiet bool) []byte {
	b = append(b, "<DeleteResult"+xmlns+">"...)
	for i := range results {
		d := &results[i]
		failed := !d.gone()
		if !failed && quiet {
			continue
		}
		name := "Deleted"
		if failed {
			name = "Error"
		}
		b = append(append(append(b, '<'), name...), '>')
		b = appendElement(b, "Key", d.Key)
		if d.VersionID != "" {
			b = appendElement(b, "VersionId", d.VersionID)
		}
		switch {
		case failed:
			e := FromError(d.Err)
			b = appendElement(b, "Code", e.Code)
			b = appendElement(b, "Message", e.Message)
		case d.Marker:
			b = appendBool(b, "DeleteMarker", true)
			b = appendElement(b, "DeleteMarkerVersionId", object.ShownVersion(d.MarkerID))
		}
		b = append(append(append(b, "</"...), name...), '>')
	}
	return append(b, "</DeleteResult>"...)
}
