package s3api

import (
	"bytes"

	"ais/object"
)

// Completion is what a CompleteMultipartUpload announces of the object that its
// parts are to make.
type Completion struct {
	Sum  object.Checksum // of NoChecksum for none; a composite one is without its "-N"
	Type string          // FULL_OBJECT, COMPOSITE or "" for none
	Size int64           // bytes; −1 for none
}

// ParseCompletion reads the headers of a CompleteMultipartUpload about the object.
func ParseCompletion(r *Request) (Completion, error) {
	c := Completion{Size: -1, Type: string(r.peek(hChecksumType))}
	if c.Type != "" && c.Type != typeFullObject && c.Type != typeComposite {
		return c, InvalidRequest.Say("Value for x-amz-checksum-type header is invalid.")
	}
	if v := r.peek("X-Amz-Mp-Object-Size"); v != nil {
		n, ok := parseSize(v)
		if !ok {
			return c, InvalidRequest.Say("Value for x-amz-mp-object-size header is invalid.")
		}
		c.Size = n
	}
	for _, h := range checksumHeaders {
		v := r.peek(h.header)
		if v == nil {
			continue
		}
		if c.Sum.Algorithm != object.NoChecksum {
			return c, errManySums
		}
		digest, _, counted := bytes.Cut(v, []byte{'-'})
		sum, err := parseSum(h.algorithm, digest)
		if err != nil {
			return c, err
		}
		sum.Composite = counted || c.Type == typeComposite
		c.Sum = sum
	}
	return c, nil
}

// Check holds what was announced against the object that the parts of u make: its
// size and its additional checksums. A checksum that the upload does not keep
// cannot be compared. Clients leave out the "-N" of a composite one, so only the
// values count.
func (c *Completion) Check(u *object.Upload, size int64, sums []object.Checksum) error {
	if c.Size >= 0 && c.Size != size {
		return InvalidRequest.Say("The provided 'x-amz-mp-object-size' header value " + itoa(c.Size) +
			" does not match what was computed: " + itoa(size))
	}
	if c.Type != "" && u.Algorithm != object.NoChecksum && c.Type != sumType(object.Checksum{Composite: u.Composite}) {
		return InvalidRequest.Say("The upload was created using the " + sumType(object.Checksum{Composite: u.Composite}) +
			" checksum mode. The complete request must use the same checksum mode.")
	}
	got, ok := object.Find(sums, c.Sum.Algorithm)
	if c.Sum.Algorithm == object.NoChecksum || !ok {
		return nil
	}
	if !bytes.Equal(got.Value, c.Sum.Value) {
		return BadDigest.Say("The " + upper(c.Sum.Algorithm) + " you specified did not match the calculated checksum.")
	}
	return nil
}

// CheckPartSum compares the algorithm of the checksum that an UploadPart announces
// with the one that its upload was begun with. Where one of them has none there is
// nothing to compare.
func CheckPartSum(u *object.Upload, announced object.Algorithm) error {
	if u.Algorithm == object.NoChecksum || announced == object.NoChecksum || announced == u.Algorithm {
		return nil
	}
	return InvalidRequest.Say("Checksum Type mismatch occurred, expected checksum Type: " + u.Algorithm.String() +
		", actual checksum Type: " + announced.String())
}
