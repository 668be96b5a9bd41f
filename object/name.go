package object

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/OneOfOne/xxhash"
)

// MaxKeyLength is the longest legal key in bytes of UTF-8 (S3: "Creating object key names").
const MaxKeyLength = 1024

// Name is an object's name as storage and placement know it: the bucket by its
// id, which is given once and never used again, and the key. A bucket that was
// removed and made anew therefore shares no name with its predecessor.
type Name struct {
	Bucket uint64
	Key    string
}

// digestSeed separates name digests from every other use of the hash.
const digestSeed = 0x61697320_6e616d65 // "ais name"

// Digest returns the 64-bit hash that places the name, on targets and on
// mountpaths: xxhash64 of the bucket id (8 bytes, big-endian) and the key.
func (n Name) Digest() uint64 {
	var buf [8 + MaxKeyLength]byte
	binary.BigEndian.PutUint64(buf[:8], n.Bucket)
	if len(n.Key) <= MaxKeyLength {
		return xxhash.Checksum64S(buf[:8+copy(buf[8:], n.Key)], digestSeed)
	}
	return xxhash.Checksum64S(append(buf[:8:8], n.Key...), digestSeed)
}

// HashString returns the 64-bit hash of an identity (a target's or mountpath's),
// to be mixed with name digests by Score.
func HashString(s string) uint64 { return xxhash.ChecksumString64S(s, digestSeed) }

// CheckKey reports whether key is a legal object key: 1 to MaxKeyLength bytes
// of UTF-8. The error is of kind Invalid or KeyTooLong.
func CheckKey(key string) error {
	switch {
	case key == "":
		return E("object.CheckKey", "", Invalid, errors.New("the key is empty"))
	case len(key) > MaxKeyLength:
		return E("object.CheckKey", key[:32]+"…", KeyTooLong, nil)
	case !utf8.ValidString(key):
		return E("object.CheckKey", "", Invalid, errors.New("the key is not UTF-8"))
	}
	return nil
}

// CheckBucketName reports whether name is a legal bucket name by S3's rules
// ("Bucket naming rules" for general purpose buckets) and is not one of the
// paths that this server keeps for itself. The error is of kind Invalid.
func CheckBucketName(name string) error {
	bad := func(why string) error {
		return E("object.CheckBucketName", name, Invalid, errors.New(why))
	}
	if len(name) < 3 || len(name) > 63 {
		return bad("a bucket name has 3 to 63 characters")
	}
	for i := range len(name) {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && c != '-' && c != '.' {
			return bad("a bucket name has lower-case letters, digits, hyphens and dots only")
		}
		if !alnum && (i == 0 || i == len(name)-1) {
			return bad("a bucket name begins and ends with a letter or digit")
		}
		if c == '.' && name[i-1] == '.' {
			return bad("a bucket name has no two dots in a row")
		}
		if i > 0 && (c == '.' && name[i-1] == '-' || c == '-' && name[i-1] == '.') {
			return bad("a bucket name has no hyphen next to a dot")
		}
	}
	if a, err := netip.ParseAddr(name); err == nil && a.Is4() {
		return bad("a bucket name is not formatted as an IP address")
	}
	if strings.HasPrefix(name, "xn--") || strings.HasPrefix(name, "sthree-") ||
		strings.HasSuffix(name, "-s3alias") || strings.HasSuffix(name, "--ol-s3") {
		return bad("the bucket name has a prefix or suffix that S3 reserves")
	}
	if name == "metrics" || name == "health" {
		return bad("the name is a path of this server")
	}
	return nil
}

// Provider says where a bucket's truth lives.
type Provider string

// The providers.
const (
	AIS Provider = "ais" // here
	AWS Provider = "aws" // in Amazon S3 or a store that speaks its protocol
)

// ParseProvider reads a provider's name or alias ("ais", "aws", "s3"; empty is
// AIS). The error is of kind Invalid.
func ParseProvider(s string) (Provider, error) {
	switch strings.ToLower(s) {
	case "", "ais":
		return AIS, nil
	case "aws", "s3":
		return AWS, nil
	}
	return "", E("object.ParseProvider", s, Invalid, errors.New("a provider is ais or aws (alias s3)"))
}
