package api

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"time"

	"ais/object"
)

var errNoParts = errors.New("it lists no part")

// CompletedPart is one part in the value of an ActionCompleteUpload.
type CompletedPart struct {
	Number int    `json:"part-number"`
	ETag   string `json:"etag"` // "" is whatever part has the number
}

// UploadPart is a part that an upload has.
type UploadPart struct {
	Number       int       `json:"part-number"`
	Size         int64     `json:"size"` // bytes
	ETag         string    `json:"etag"`
	ChecksumType string    `json:"checksum-type,omitempty"`
	Checksum     string    `json:"checksum,omitempty"` // hexadecimal
	Modified     time.Time `json:"last-modified"`
}

// UploadStatus is what an upload has so far.
type UploadStatus struct {
	ID        string       `json:"upload-id"`
	Initiated time.Time    `json:"initiated"`
	Parts     []UploadPart `json:"parts"` // by number
}

// NewUploadStatus returns the status of an upload with parts, which are ascending.
func NewUploadStatus(u *object.Upload, parts []object.Part) UploadStatus {
	s := UploadStatus{ID: u.ID, Initiated: u.Initiated, Parts: make([]UploadPart, len(parts))}
	for i := range parts {
		s.Parts[i] = NewUploadPart(&parts[i])
	}
	return s
}

// NewUploadPart describes a part.
func NewUploadPart(p *object.Part) UploadPart {
	out := UploadPart{Number: p.Number, Size: p.Size, ETag: p.ETag, Modified: p.Modified}
	if verifiable(p.Checksum) {
		out.ChecksumType, out.Checksum = p.Checksum.Algorithm.String(), p.Checksum.Hex()
	}
	return out
}

// ParseParts reads the parts that an ActionCompleteUpload lists. Clients list them
// in the order in which they were sent, and one that was sent again twice: the
// order is by number here, and each is there once. Errors: Invalid for a number
// that no part can have and for two ETags of one number, and where none is listed.
func ParseParts(m ActionMessage) ([]object.Listed, error) {
	var parts []CompletedPart
	if err := m.Decode(&parts); err != nil {
		return nil, err
	}
	slices.SortFunc(parts, func(a, b CompletedPart) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.ETag, b.ETag))
	})
	parts = slices.Compact(parts)
	listed := make([]object.Listed, len(parts))
	for i, p := range parts {
		switch {
		case p.Number < 1 || p.Number > object.MaxParts:
			return nil, errPartNumber(strconv.Itoa(p.Number))
		case i > 0 && parts[i-1].Number == p.Number:
			return nil, object.E("api.ParseParts", "value", object.Invalid, errors.New("part "+strconv.Itoa(p.Number)+" is listed with two ETags"))
		}
		listed[i] = object.Listed{Number: p.Number, ETag: p.ETag, Any: p.ETag == ""}
	}
	if len(listed) == 0 {
		return nil, object.E("api.ParseParts", "value", object.Invalid, errNoParts)
	}
	return listed, nil
}
