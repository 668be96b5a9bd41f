package s3api

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io"

	"ais/object"
)

// Bounds of the XML that clients send.
const (
	MaxControlBody  = 2 << 20 // Delete and CompleteMultipartUpload: 10,000 parts or 1,000 keys
	MaxConfigBody   = 64 << 10
	MaxDeleteKeys   = 1000
	maxElementDepth = 16
)

// unmarshal reads a document whose root must be called root, in any namespace or
// none. What is not well-formed, has junk around it or is nested too deeply is
// MalformedXML.
func unmarshal(data []byte, root string, into any) error {
	d := xml.NewTokenDecoder(&depthGuard{decoder: xml.NewDecoder(bytes.NewReader(data))})
	start, err := firstElement(d)
	if err != nil || start.Name.Local != root {
		return MalformedXML
	}
	if err := d.DecodeElement(into, &start); err != nil {
		return MalformedXML
	}
	for {
		switch t, err := d.Token(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return MalformedXML
		default:
			switch t := t.(type) {
			case xml.CharData:
				if len(bytes.TrimSpace(t)) > 0 {
					return MalformedXML
				}
			case xml.Comment:
			default:
				return MalformedXML
			}
		}
	}
}

// firstElement skips the declaration, comments and space.
func firstElement(d *xml.Decoder) (xml.StartElement, error) {
	for {
		t, err := d.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return t, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return xml.StartElement{}, MalformedXML
			}
		case xml.Directive: // a DOCTYPE: S3 takes none
			return xml.StartElement{}, MalformedXML
		}
	}
}

// depthGuard refuses elements nested deeper than maxElementDepth.
type depthGuard struct {
	decoder *xml.Decoder
	depth   int
}

func (g *depthGuard) Token() (xml.Token, error) {
	t, err := g.decoder.Token()
	switch t.(type) {
	case xml.StartElement:
		if g.depth++; g.depth > maxElementDepth {
			return nil, MalformedXML
		}
	case xml.EndElement:
		g.depth--
	}
	return t, err
}

// DeleteKey is one key of a DeleteObjects. Err is set where the key alone
// condemns it, or its version; it is then to be reported and not deleted.
type DeleteKey struct {
	Key       string
	VersionID string
	Cond      object.Cond
	Err       error
}

// ParseDelete reads the Delete document of a DeleteObjects.
func ParseDelete(data []byte) (keys []DeleteKey, quiet bool, err error) {
	var doc struct {
		Quiet  bool
		Object []struct {
			Key              *string
			VersionID        string `xml:"VersionId"`
			ETag             string
			LastModifiedTime string
			Size             *int64
		}
	}
	if err := unmarshal(data, "Delete", &doc); err != nil {
		return nil, false, err
	}
	if len(doc.Object) == 0 || len(doc.Object) > MaxDeleteKeys {
		return nil, false, MalformedXML
	}
	keys = make([]DeleteKey, len(doc.Object))
	for i, o := range doc.Object {
		if o.Key == nil {
			return nil, false, MalformedXML
		}
		k := DeleteKey{Key: *o.Key, VersionID: o.VersionID, Err: checkKey(*o.Key)}
		if k.Err == nil {
			k.Err = checkVersion(o.VersionID)
		}
		k.Cond.IfMatch = o.ETag
		if o.LastModifiedTime != "" {
			if k.Cond.IfModified = httpTime([]byte(o.LastModifiedTime)); k.Cond.IfModified.IsZero() {
				return nil, false, MalformedXML
			}
		}
		k.Cond.IfSize = o.Size
		keys[i] = k
	}
	return keys, doc.Quiet, nil
}

// ParseComplete reads the CompleteMultipartUpload document.
func ParseComplete(data []byte) ([]object.Listed, error) {
	var doc struct {
		Part []struct {
			PartNumber        *int
			ETag              *string
			ChecksumCRC32     string
			ChecksumCRC32C    string
			ChecksumCRC64NVME string
			ChecksumSHA1      string
			ChecksumSHA256    string
		}
	}
	if err := unmarshal(data, "CompleteMultipartUpload", &doc); err != nil {
		return nil, err
	}
	if len(doc.Part) == 0 || len(doc.Part) > object.MaxParts {
		return nil, MalformedXML
	}
	list := make([]object.Listed, len(doc.Part))
	for i, p := range doc.Part {
		if p.PartNumber == nil || p.ETag == nil {
			return nil, MalformedXML
		}
		if *p.PartNumber < 1 || *p.PartNumber > object.MaxParts {
			return nil, Argument("partNumber", itoa(int64(*p.PartNumber)), "Part number must be an integer between 1 and 10000, inclusive")
		}
		list[i] = object.Listed{Number: *p.PartNumber, ETag: object.Unquote(string(bytes.TrimSpace([]byte(*p.ETag))))}
		for _, c := range [...]struct {
			algorithm object.Algorithm
			value     string
		}{
			{object.CRC32, p.ChecksumCRC32}, {object.CRC32C, p.ChecksumCRC32C}, {object.CRC64NVME, p.ChecksumCRC64NVME},
			{object.SHA1, p.ChecksumSHA1}, {object.SHA256, p.ChecksumSHA256},
		} {
			if c.value == "" {
				continue
			}
			sum, err := base64.StdEncoding.DecodeString(c.value)
			if err != nil || len(sum) != digestSizes[c.algorithm] {
				return nil, InvalidRequest.Say("The checksum of part " + itoa(int64(*p.PartNumber)) + " is invalid.")
			}
			list[i].Sums = append(list[i].Sums, object.Checksum{Algorithm: c.algorithm, Value: sum})
		}
	}
	return list, nil
}

// ParseCreateBucket reads the CreateBucketConfiguration document; an empty body
// is the default location, "".
func ParseCreateBucket(data []byte) (location string, err error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return "", nil
	}
	var doc struct{ LocationConstraint string }
	if err := unmarshal(data, "CreateBucketConfiguration", &doc); err != nil {
		return "", err
	}
	return doc.LocationConstraint, nil
}
