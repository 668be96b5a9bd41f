package object

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Upload is a multipart upload that has begun and not ended.
type Upload struct {
	ID        string // names the home target; see NewUploadID in package cluster
	Name      Name
	Initiated time.Time
	Meta      Meta      // headers and user metadata of the object to be
	Algorithm Algorithm // of the additional checksum asked for, or NoChecksum
	Composite bool      // that checksum is composite, not of the full object
}

// Part is a part of an upload, or of the object made from it.
type Part struct {
	Number   int // from 1 to MaxParts
	Size     int64
	ETag     string
	Modified time.Time
	Checksum Checksum   // at rest
	Sums     []Checksum // S3's additional checksums
}

// Listed is one part as a client lists it when it completes an upload.
type Listed struct {
	Number int
	ETag   string     // quotes optional
	Sums   []Checksum // to be compared where given
	Any    bool       // whatever part has the number: the ETag is not compared
}

// CheckParts decides whether an upload can be completed from listed, given the
// parts that it has (ascending by number), and returns the parts chosen. Every
// part but the last must have at least minSize bytes. Errors: Invalid for an
// empty list, InvalidPartOrder, InvalidPart, TooSmall, TooLarge.
func CheckParts(listed []Listed, have []Part, minSize int64) ([]Part, error) {
	const op = "object.CheckParts"
	if len(listed) == 0 {
		return nil, E(op, "", Invalid, errors.New("no parts are listed"))
	}
	chosen := make([]Part, 0, len(listed))
	last, next := 0, 0
	var size int64
	for _, l := range listed {
		if l.Number <= last {
			return nil, E(op, strconv.Itoa(l.Number), InvalidPartOrder, nil)
		}
		last = l.Number
		for next < len(have) && have[next].Number < l.Number {
			next++
		}
		if next == len(have) || have[next].Number != l.Number {
			return nil, E(op, strconv.Itoa(l.Number), InvalidPart, errors.New("no such part"))
		}
		p := have[next]
		if !l.Any && Unquote(l.ETag) != p.ETag {
			return nil, E(op, strconv.Itoa(l.Number), InvalidPart, errors.New("the ETag is another"))
		}
		for _, want := range l.Sums {
			if got, ok := Find(p.Sums, want.Algorithm); !ok || string(got.Value) != string(want.Value) {
				return nil, E(op, strconv.Itoa(l.Number), InvalidPart, errors.New("the checksum is another"))
			}
		}
		size += p.Size
		chosen = append(chosen, p)
	}
	for _, p := range chosen[:len(chosen)-1] {
		if p.Size < minSize {
			return nil, E(op, strconv.Itoa(p.Number), TooSmall, fmt.Errorf("part %d has %d bytes, the minimum is %d", p.Number, p.Size, minSize))
		}
	}
	if size > MaxSize {
		return nil, E(op, "", TooLarge, nil)
	}
	return chosen, nil
}

// MultipartETag returns the ETag of an object made of parts: the MD5 of the
// concatenated part MD5s and "-N", as S3's, where every part's ETag is an MD5;
// else the MD5 of the concatenated ETags, with the same suffix.
func MultipartETag(parts []Part) string {
	h := md5.New()
	for _, p := range parts {
		raw, err := hex.DecodeString(p.ETag)
		if err != nil || len(raw) != md5.Size {
			raw = []byte(p.ETag)
		}
		h.Write(raw)
	}
	return hex.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
}

// CompositeSum returns the composite checksum of parts in algorithm a: the
// digest of the concatenated part digests. ok is false where a part lacks one.
func CompositeSum(a Algorithm, parts []Part) (c Checksum, ok bool) {
	h := a.New()
	if h == nil {
		return Checksum{}, false
	}
	for _, p := range parts {
		s, ok := Find(p.Sums, a)
		if !ok {
			return Checksum{}, false
		}
		h.Write(s.Value)
	}
	return Checksum{Algorithm: a, Composite: true, Value: h.Sum(nil)}, true
}
