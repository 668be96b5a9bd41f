package fs

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"ais/object"
)

// The first byte of an index key. The values are stored on disk.
const (
	kindObject    byte = 0x01 // bucket, name → head and metadata of the current version
	kindBody      byte = 0x02 // bucket, name, use but of the null version → inline payload, or manifest of parts and segments
	kindRef       byte = 0x03 // blob, use, slot → nothing: the use holds the blob
	kindUpload    byte = 0x04 // bucket, name, upload id → upload
	kindPart      byte = 0x05 // use, number → part
	kindCompleted byte = 0x06 // bucket, name, upload id → outcome of a Publish, for a while
	kindCounter   byte = 0x07 // bucket → objects and bytes, a merge of differences
	kindAccess    byte = 0x08 // bucket, name → time of the last read
	kindVersion   byte = 0x09 // bucket, name, counter, descending → a version that is not the current one; without counter: history
	kindMoving    byte = 0x0A // bucket, name → uuid of the mountpath that the name comes from, and may be at still
	kindStamp     byte = 0x0B // bucket, name → stamp, of a name with copies on other targets
	kindPrepared  byte = 0x0C // bucket, name, stamp → a change that is not settled
	kindHandoff   byte = 0x0D // bucket, name, target → term of the last change that the target misses
	kindDoubt     byte = 0x0F // bucket, name, use → in a shadow: the home may not have the last change of the name
)

// blobID names a blob. The first byte is its directory.
type blobID [16]byte

func (id blobID) String() string { return hex.EncodeToString(id[:]) }

// parseBlobID is the inverse of String.
func parseBlobID(s string) (id blobID, err error) {
	if len(s) != 2*len(id) || strings.ToLower(s) != s {
		return id, fmt.Errorf("%q is not a blob id", s)
	}
	_, err = hex.Decode(id[:], []byte(s))
	return id, err
}

// A key's text is stored with 0x00 as 0x00 0xFF and ends with 0x00 0x00, so
// that stored keys have the order of the texts, no text's key begins another's,
// and what follows the end (an upload id, a version's counter, a use) sorts inside
// its name.

func appendText(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), 0x00, 0xFF)
		s = s[i+1:]
	}
}

// splitText decodes a text at the start of b and returns what follows its end.
func splitText(b []byte) (text string, rest []byte, err error) {
	escaped := 0
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		switch b[i+1] {
		case 0xFF:
			escaped++
			i++
		case 0x00:
			return unescape(b[:i], escaped), b[i+2:], nil
		default:
			return "", nil, errBadKey
		}
	}
	return "", nil, errBadKey
}

func unescape(b []byte, escaped int) string {
	if escaped == 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b)-escaped)
	for i := 0; i < len(b); i++ {
		out = append(out, b[i])
		if b[i] == 0 {
			i++
		}
	}
	return string(out)
}

// appendBucket appends the beginning of all keys of one kind in a bucket.
func appendBucket(dst []byte, kind byte, bucket uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, kind), bucket)
}

// appendName appends the key of a name: kind, bucket, text, end.
func appendName(dst []byte, kind byte, bucket uint64, key string) []byte {
	return append(appendText(appendBucket(dst, kind, bucket), key), 0, 0)
}

// parseName is the inverse of appendName; rest is what follows the end.
func parseName(b []byte) (bucket uint64, key string, rest []byte, err error) {
	if len(b) < 9 {
		return 0, "", nil, errBadKey
	}
	key, rest, err = splitText(b[9:])
	return binary.BigEndian.Uint64(b[1:9]), key, rest, err
}

// appendRef appends the key of a reference. The slot is the part's number, 0 for
// an object written in one piece.
func appendRef(dst []byte, id blobID, use uint64, slot uint32) []byte {
	dst = append(append(dst, kindRef), id[:]...)
	dst = binary.BigEndian.AppendUint64(dst, use)
	return binary.BigEndian.AppendUint32(dst, slot)
}

// The lengths of keys that have no name.
const (
	refKeySize  = 1 + 16 + 8 + 4
	partKeySize = 1 + 8 + 4
)

// appendBlobRefs appends the beginning of all references to a blob.
func appendBlobRefs(dst []byte, id blobID) []byte {
	return append(append(dst, kindRef), id[:]...)
}

// appendPreparedKey appends the key of a prepared change. Those of a name sort as
// they follow one another.
func appendPreparedKey(dst []byte, n object.Name, p Stamp) []byte {
	dst = appendName(dst, kindPrepared, n.Bucket, n.Key)
	dst = binary.BigEndian.AppendUint64(dst, p.Placement)
	dst = binary.BigEndian.AppendUint64(dst, p.Term)
	return binary.BigEndian.AppendUint64(dst, p.Seq)
}

func appendPart(dst []byte, use uint64, number int) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, kindPart), use)
	return binary.BigEndian.AppendUint32(dst, uint32(number))
}

// after returns the least key greater than every key that begins with b, in
// place; nil where there is none.
func after(b []byte) []byte {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]++; b[i] != 0 {
			return b[:i+1]
		}
	}
	return nil
}

// newBlobID draws an id whose first byte is dir.
func newBlobID(random io.Reader, dir byte) (id blobID, err error) {
	_, err = io.ReadFull(random, id[1:])
	id[0] = dir
	return id, err
}

func newUse(random io.Reader) (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(random, b[:])
	return binary.BigEndian.Uint64(b[:]), err
}
