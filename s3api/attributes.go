package s3api

import (
	"slices"
	"strconv"
	"strings"

	"ais/object"
)

// maxPartList is the largest page of parts, and that of a request without
// x-amz-max-parts (S3: 1,000).
const maxPartList = 1000

// Attributes is what a GetObjectAttributes asks for.
type Attributes struct {
	ETag, Checksum, ObjectParts, StorageClass, ObjectSize bool

	MaxParts  int // in a page of parts
	AfterPart int // number of the part that the page comes after
}

// ParseAttributes reads x-amz-object-attributes, once or repeated, x-amz-max-parts
// and x-amz-part-number-marker.
func ParseAttributes(r *Request) (Attributes, error) {
	a := Attributes{MaxParts: maxPartList}
	names := r.amzHeader(hAttributes)
	if strings.TrimSpace(names) == "" {
		return a, InvalidRequest.Say("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "ETag":
			a.ETag = true
		case "Checksum":
			a.Checksum = true
		case "ObjectParts":
			a.ObjectParts = true
		case "StorageClass":
			a.StorageClass = true
		case "ObjectSize":
			a.ObjectSize = true
		default:
			return a, Argument("x-amz-object-attributes", name, "Invalid attribute name specified.")
		}
	}
	var err error
	if a.MaxParts, err = r.headerCount(hMaxParts, maxPartList); err != nil {
		return a, err
	}
	a.MaxParts = min(a.MaxParts, maxPartList)
	a.AfterPart, err = r.headerCount(hPartMarker, 0)
	return a, err
}

// headerCount reads a header that is a number from 0 up; absent is otherwise.
func (r *Request) headerCount(name string, otherwise int) (int, error) {
	v := string(r.peek(name))
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return 0, Argument(strings.ToLower(name), v, "Argument "+strings.ToLower(name)+" must be an integer between 0 and 2147483647")
	}
	return int(n), nil
}

// AppendAttributes appends the GetObjectAttributesResponse.
func AppendAttributes(b []byte, a Attributes, m *object.Meta) []byte {
	b = append(b, "<GetObjectAttributesResponse"+xmlns+">"...)
	if a.ETag {
		b = appendElement(b, "ETag", m.ETag)
	}
	if sums := appendSums(nil, m.Sums, len(m.Parts), true); a.Checksum && len(sums) > 0 {
		b = append(append(append(b, "<Checksum>"...), sums...), "</Checksum>"...)
	}
	if a.ObjectParts && len(m.Parts) > 0 {
		b = appendObjectParts(b, a, m.Parts)
	}
	if a.StorageClass {
		b = appendElement(b, "StorageClass", shownClass(m.StorageClass))
	}
	if a.ObjectSize {
		b = appendInt(b, "ObjectSize", m.Size)
	}
	return append(b, "</GetObjectAttributesResponse>"...)
}

// appendObjectParts appends a page of parts, which ascend by number.
func appendObjectParts(b []byte, a Attributes, parts []object.Part) []byte {
	begin, _ := slices.BinarySearchFunc(parts, a.AfterPart+1, func(p object.Part, n int) int { return p.Number - n })
	end := min(begin+a.MaxParts, len(parts))
	b = appendInt(append(b, "<ObjectParts>"...), "PartsCount", int64(len(parts)))
	b = appendInt(b, "PartNumberMarker", int64(a.AfterPart))
	next := a.AfterPart
	if end > begin {
		next = parts[end-1].Number
	}
	b = appendInt(b, "NextPartNumberMarker", int64(next))
	b = appendInt(b, "MaxParts", int64(a.MaxParts))
	b = appendBool(b, "IsTruncated", end < len(parts))
	for i := begin; i < end; i++ {
		b = appendInt(append(b, "<Part>"...), "PartNumber", int64(parts[i].Number))
		b = appendInt(b, "Size", parts[i].Size)
		b = append(appendSums(b, parts[i].Sums, 0, false), "</Part>"...)
	}
	return append(b, "</ObjectParts>"...)
}

// shownClass returns a storage class as S3 shows it.
func shownClass(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}
