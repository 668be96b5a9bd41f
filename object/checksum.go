package object

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"strings"

	"github.com/OneOfOne/xxhash"
	"github.com/minio/crc64nvme"
)

// Algorithm is a way to digest bytes. The values are stored on disk: never
// renumber them.
type Algorithm uint8

// The algorithms. XXHash is xxhash64, as AIStore's "xxhash".
const (
	NoChecksum Algorithm = 0
	XXHash     Algorithm = 1
	MD5        Algorithm = 2
	CRC32      Algorithm = 3
	CRC32C     Algorithm = 4
	CRC64NVME  Algorithm = 5
	SHA1       Algorithm = 6
	SHA256     Algorithm = 7
)

// algorithmNames holds each algorithm's name in bucket properties and, where S3
// has one, in S3's x-amz-checksum-algorithm (there in upper case).
var algorithmNames = [...]string{"none", "xxhash", "md5", "crc32", "crc32c", "crc64nvme", "sha1", "sha256"}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// String returns the lower-case name ("xxhash", "crc32c", "none").
func (a Algorithm) String() string {
	if int(a) < len(algorithmNames) {
		return algorithmNames[a]
	}
	return "unknown"
}

// ParseAlgorithm reads a name in any case. The error is of kind Invalid.
func ParseAlgorithm(s string) (Algorithm, error) {
	s = strings.ToLower(s)
	for i, name := range algorithmNames {
		if name == s {
			return Algorithm(i), nil
		}
	}
	return 0, E("object.ParseAlgorithm", s, Invalid, errors.New("no such checksum type"))
}

// AtRest reports whether a bucket may have a as its checksum.type.
func (a Algorithm) AtRest() bool {
	switch a {
	case NoChecksum, XXHash, MD5, CRC32C, SHA256:
		return true
	}
	return false
}

// S3 reports whether a is one of S3's additional checksums, those that have an
// x-amz-checksum- header.
func (a Algorithm) S3() bool {
	switch a {
	case CRC32, CRC32C, CRC64NVME, SHA1, SHA256:
		return true
	}
	return false
}

// New returns a new hash of the algorithm; nil for NoChecksum and unknown ones.
func (a Algorithm) New() hash.Hash {
	switch a {
	case XXHash:
		return xxhash.New64()
	case MD5:
		return md5.New()
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(castagnoli)
	case CRC64NVME:
		return crc64nvme.New()
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	}
	return nil
}

// Checksum is a digest and how it was made. A composite one is the digest of
// the parts' digests of a multipart object (S3's checksum type COMPOSITE);
// any other is of the whole content (FULL_OBJECT).
type Checksum struct {
	Algorithm Algorithm
	Composite bool
	Value     []byte
}

// Hex returns the value in lower-case hexadecimal.
func (c Checksum) Hex() string { return hex.EncodeToString(c.Value) }

// Base64 returns the value as S3's headers carry it.
func (c Checksum) Base64() string { return base64.StdEncoding.EncodeToString(c.Value) }

// Sum returns the checksum of data.
func Sum(a Algorithm, data []byte) Checksum {
	h := a.New()
	if h == nil {
		return Checksum{}
	}
	h.Write(data)
	return Checksum{Algorithm: a, Value: h.Sum(nil)}
}

// Find returns the checksum of algorithm a among sums.
func Find(sums []Checksum, a Algorithm) (Checksum, bool) {
	for _, c := range sums {
		if c.Algorithm == a {
			return c, true
		}
	}
	return Checksum{}, false
}

// ETagOf returns the ETag of an object that was written in one piece with the
// checksum c at rest: the MD5 in hex where c is one, as S3 clients expect;
// otherwise an opaque text with a dash, which no client takes for an MD5. With
// no checksum at all, unique (8 random bytes or so) stands in.
func ETagOf(c Checksum, unique []byte) string {
	switch c.Algorithm {
	case MD5:
		return c.Hex()
	case NoChecksum:
		return hex.EncodeToString(unique) + "-none"
	}
	return c.Hex() + "-" + c.Algorithm.String()
}

// Hash64 returns xxhash64 of data, without allocating: what XXHash.New gives as
// a number.
func Hash64(data []byte) uint64 { return xxhash.Checksum64(data) }
