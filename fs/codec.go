package fs

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"time"

	"ais/object"
)

// The binary forms of docs/format.md: unsigned and zigzag varints, and texts
// with their length in front. A decoder notes its first failure and returns zero
// values from then on, so callers look at it once, at the end.

var (
	errBadKey    = errors.New("an index key is malformed")
	errBadRecord = errors.New("an index record is malformed")
)

func appendUint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }

func appendInt(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

func appendString[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return appendInt(dst, 0)
	}
	return appendInt(dst, t.UnixNano())
}

// The forms of an ETag: an MD5, or an MD5 and a number of parts, take 16 bytes
// and not 32.
const (
	etagText byte = iota
	etagMD5
	etagParts
)

func appendETag(dst []byte, etag string) []byte {
	if len(etag) >= 32 {
		var sum [16]byte
		if _, err := hex.Decode(sum[:], []byte(etag[:32])); err == nil && hex.EncodeToString(sum[:]) == etag[:32] {
			if len(etag) == 32 {
				return append(append(dst, etagMD5), sum[:]...)
			}
			n, err := strconv.ParseUint(etag[33:], 10, 32)
			if err == nil && etag[32] == '-' && strconv.FormatUint(n, 10) == etag[33:] {
				return appendUint(append(append(dst, etagParts), sum[:]...), n)
			}
		}
	}
	return appendString(append(dst, etagText), etag)
}

func appendSum(dst []byte, c object.Checksum) []byte {
	composite := byte(0)
	if c.Composite {
		composite = 1
	}
	return appendString(append(dst, byte(c.Algorithm), composite), c.Value)
}

func appendSums(dst []byte, sums []object.Checksum) []byte {
	dst = appendUint(dst, uint64(len(sums)))
	for _, c := range sums {
		dst = appendSum(dst, c)
	}
	return dst
}

func appendMap(dst []byte, m map[string]string) []byte {
	dst = appendUint(dst, uint64(len(m)))
	if len(m) == 0 {
		return dst
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		dst = appendString(appendString(dst, k), m[k])
	}
	return dst
}

// header lists the texts of a Header in their stored order.
func headerFields(h *object.Header) [7]*string {
	return [7]*string{&h.ContentType, &h.ContentEncoding, &h.ContentDisposition, &h.ContentLanguage,
		&h.CacheControl, &h.Expires, &h.WebsiteRedirect}
}

// appendHeader writes a byte that says which fields are there, then those.
func appendHeader(dst []byte, h *object.Header) []byte {
	at := len(dst)
	dst = append(dst, 0)
	for i, f := range headerFields(h) {
		if *f != "" {
			dst[at] |= 1 << i
			dst = appendString(dst, *f)
		}
	}
	return dst
}

func appendSegments(dst []byte, segments []segment) []byte {
	dst = appendUint(dst, uint64(len(segments)))
	for _, s := range segments {
		dst = append(dst, s.Blob[:]...)
		dst = appendUint(appendUint(appendUint(dst, uint64(s.Offset)), uint64(s.Length)), uint64(s.Slot))
	}
	return dst
}

func appendPartInfo(dst []byte, p *object.Part) []byte {
	dst = appendUint(appendUint(dst, uint64(p.Number)), uint64(p.Size))
	dst = appendTime(appendETag(dst, p.ETag), p.Modified)
	return appendSums(appendSum(dst, p.Checksum), p.Sums)
}

// decoder reads a record. The texts that it returns share one copy of it.
type decoder struct {
	s   string
	bad bool
}

func (d *decoder) fail() {
	d.s, d.bad = "", true
}

func (d *decoder) err() error {
	if d.bad {
		return errBadRecord
	}
	return nil
}

func (d *decoder) uint() uint64 {
	var v uint64
	for i := 0; i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		c := d.s[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.s = d.s[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

func (d *decoder) int() int64 {
	u := d.uint()
	return int64(u>>1) ^ -int64(u&1)
}

// size reads a number that must not be negative as an int64.
func (d *decoder) size() int64 {
	n := d.uint()
	if n > 1<<62 {
		d.fail()
		return 0
	}
	return int64(n)
}

func (d *decoder) take(n int) string {
	if n > len(d.s) {
		d.fail()
		return ""
	}
	out := d.s[:n]
	d.s = d.s[n:]
	return out
}

func (d *decoder) byte() byte {
	if s := d.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (d *decoder) fixed() uint64 {
	s := d.take(8)
	if s == "" {
		return 0
	}
	return binary.BigEndian.Uint64([]byte(s))
}

func (d *decoder) text() string {
	n := d.uint()
	if n > uint64(len(d.s)) {
		d.fail()
		return ""
	}
	return d.take(int(n))
}

// count reads how many items follow, each of at least least bytes.
func (d *decoder) count(least int) int {
	n := d.uint()
	if n > uint64(len(d.s)/least) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) time() time.Time {
	n := d.int()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func (d *decoder) etag() string {
	switch d.byte() {
	case etagText:
		return d.text()
	case etagMD5:
		return hex.EncodeToString([]byte(d.take(16)))
	case etagParts:
		sum := d.take(16)
		return hex.EncodeToString([]byte(sum)) + "-" + strconv.FormatUint(d.uint(), 10)
	}
	d.fail()
	return ""
}

func (d *decoder) sum() object.Checksum {
	c := object.Checksum{Algorithm: object.Algorithm(d.byte()), Composite: d.byte() == 1}
	if v := d.text(); v != "" {
		c.Value = []byte(v)
	}
	return c
}

func (d *decoder) sums() []object.Checksum {
	n := d.count(3)
	if n == 0 {
		return nil
	}
	out := make([]object.Checksum, n)
	for i := range out {
		out[i] = d.sum()
	}
	return out
}

func (d *decoder) dict() map[string]string {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	out := make(map[string]string, n)
	for range n {
		k := d.text()
		out[k] = d.text()
	}
	return out
}

func (d *decoder) header(h *object.Header) {
	have := d.byte()
	for i, f := range headerFields(h) {
		if have&(1<<i) != 0 {
			*f = d.text()
		}
	}
}

func (d *decoder) segments() []segment {
	n := d.count(len(blobID{}) + 3)
	if n == 0 {
		return nil
	}
	out := make([]segment, n)
	for i := range out {
		out[i] = d.segment()
	}
	return out
}

func (d *decoder) segment() (s segment) {
	copy(s.Blob[:], d.take(len(s.Blob)))
	s.Offset, s.Length = d.size(), d.size()
	s.Slot = uint32(d.uint())
	return s
}

func (d *decoder) part() (p object.Part) {
	p.Number = int(d.uint() & 0xffffffff)
	p.Size = d.size()
	p.ETag, p.Modified = d.etag(), d.time()
	p.Checksum, p.Sums = d.sum(), d.sums()
	return p
}
