package peer

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"ais/object"
)

// Metadata on the wire: a mask that says which fields follow, and those in this order.
const (
	metaSize = 1 << iota
	metaModified
	metaETag
	metaStorageClass
	metaVersion
	metaHeader
	metaUser
	metaCustom
	metaChecksum
	metaSums
	metaParts
	metaAccessed
	metaMountpath
	metaVersionID
	metaDeleteMarker // says it all
	metaOwner
	metaACL
	metaTags
	metaMirrors
	metaEnd
)

// EncodeMeta returns m in the form that nodes exchange.
func EncodeMeta(m *object.Meta) []byte { return appendMeta(nil, m, maskOf(m)) }

// DecodeMeta is the inverse of EncodeMeta, as DecodePage is of EncodePage.
func DecodeMeta(b []byte) (object.Meta, error) {
	d := decoder{rest: string(b)}
	var m object.Meta
	d.meta(&m)
	if d.bad || d.rest != "" {
		return object.Meta{}, object.E("peer.DecodeMeta", "", object.Invalid, errEncoding)
	}
	return m, nil
}

func maskOf(m *object.Meta) uint64 {
	return bit(metaSize, m.Size != 0) |
		bit(metaModified, !m.Modified.IsZero()) |
		bit(metaETag, m.ETag != "") |
		bit(metaStorageClass, m.StorageClass != "") |
		bit(metaVersion, m.Version != object.Version{}) |
		bit(metaHeader, m.Header != object.Header{}) |
		bit(metaUser, len(m.User) > 0) |
		bit(metaCustom, len(m.Custom) > 0) |
		bit(metaChecksum, m.Checksum.Algorithm != 0 || m.Checksum.Composite || len(m.Checksum.Value) > 0) |
		bit(metaSums, len(m.Sums) > 0) |
		bit(metaParts, len(m.Parts) > 0) |
		bit(metaAccessed, !m.Accessed.IsZero()) |
		bit(metaMountpath, m.Mountpath != "") |
		bit(metaVersionID, m.VersionID != "") |
		bit(metaDeleteMarker, m.DeleteMarker) |
		bit(metaOwner, m.Owner != "") |
		bit(metaACL, m.ACL != "") |
		bit(metaTags, len(m.Tags) > 0) |
		bit(metaMirrors, len(m.Mirrors) > 0)
}

func bit(field uint64, given bool) uint64 {
	if given {
		return field
	}
	return 0
}

func appendMeta(dst []byte, m *object.Meta, mask uint64) []byte {
	dst = appendUint(dst, mask)
	if mask&metaSize != 0 {
		dst = binary.AppendVarint(dst, m.Size)
	}
	if mask&metaModified != 0 {
		dst = appendTime(dst, m.Modified)
	}
	if mask&metaETag != 0 {
		dst = appendString(dst, m.ETag)
	}
	if mask&metaStorageClass != 0 {
		dst = appendString(dst, m.StorageClass)
	}
	if mask&metaVersion != 0 {
		dst = appendUint(appendUint(dst, m.Version.Term), m.Version.Counter)
	}
	if mask&metaHeader != 0 {
		for _, s := range headerFields(&m.Header) {
			dst = appendString(dst, *s)
		}
	}
	if mask&metaUser != 0 {
		dst = appendMap(dst, m.User)
	}
	if mask&metaCustom != 0 {
		dst = appendMap(dst, m.Custom)
	}
	if mask&metaChecksum != 0 {
		dst = appendChecksum(dst, m.Checksum)
	}
	if mask&metaSums != 0 {
		dst = appendSums(dst, m.Sums)
	}
	if mask&metaParts != 0 {
		dst = appendParts(dst, m.Parts)
	}
	if mask&metaAccessed != 0 {
		dst = appendTime(dst, m.Accessed)
	}
	if mask&metaMountpath != 0 {
		dst = appendString(dst, m.Mountpath)
	}
	if mask&metaVersionID != 0 {
		dst = appendString(dst, m.VersionID)
	}
	if mask&metaOwner != 0 {
		dst = appendString(dst, m.Owner)
	}
	if mask&metaACL != 0 {
		dst = appendString(dst, m.ACL)
	}
	if mask&metaTags != 0 {
		dst = appendMap(dst, m.Tags)
	}
	if mask&metaMirrors != 0 {
		dst = appendStrings(dst, m.Mirrors)
	}
	return dst
}

func (d *decoder) meta(m *object.Meta) {
	mask := d.uint()
	if mask >= metaEnd {
		d.fail()
	}
	if mask&metaSize != 0 {
		m.Size = d.int()
	}
	if mask&metaModified != 0 {
		m.Modified = d.time()
	}
	if mask&metaETag != 0 {
		m.ETag = d.string()
	}
	if mask&metaStorageClass != 0 {
		m.StorageClass = d.string()
	}
	if mask&metaVersion != 0 {
		m.Version = object.Version{Term: d.uint(), Counter: d.uint()}
	}
	if mask&metaHeader != 0 {
		for _, s := range headerFields(&m.Header) {
			*s = d.string()
		}
	}
	if mask&metaUser != 0 {
		m.User = d.stringMap()
	}
	if mask&metaCustom != 0 {
		m.Custom = d.stringMap()
	}
	if mask&metaChecksum != 0 {
		m.Checksum = d.checksum()
	}
	if mask&metaSums != 0 {
		m.Sums = d.sums()
	}
	if mask&metaParts != 0 {
		m.Parts = d.parts()
	}
	if mask&metaAccessed != 0 {
		m.Accessed = d.time()
	}
	if mask&metaMountpath != 0 {
		m.Mountpath = d.string()
	}
	if mask&metaVersionID != 0 {
		m.VersionID = d.string()
	}
	m.DeleteMarker = mask&metaDeleteMarker != 0
	if mask&metaOwner != 0 {
		m.Owner = d.string()
	}
	if mask&metaACL != 0 {
		m.ACL = d.string()
	}
	if mask&metaTags != 0 {
		m.Tags = d.stringMap()
	}
	if mask&metaMirrors != 0 {
		m.Mirrors = d.strings()
	}
}

func headerFields(h *object.Header) [7]*string {
	return [...]*string{
		&h.ContentType, &h.ContentEncoding, &h.ContentDisposition, &h.ContentLanguage,
		&h.CacheControl, &h.Expires, &h.WebsiteRedirect,
	}
}

func appendUint(dst []byte, n uint64) []byte { return binary.AppendUvarint(dst, n) }

func appendString(dst []byte, s string) []byte { return append(appendUint(dst, uint64(len(s))), s...) }

func appendStrings(dst []byte, list []string) []byte {
	dst = appendUint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendString(dst, s)
	}
	return dst
}

func appendTime(dst []byte, t time.Time) []byte {
	return appendUint(binary.AppendVarint(dst, t.Unix()), uint64(t.Nanosecond()))
}

func appendMap(dst []byte, m map[string]string) []byte {
	dst = appendUint(dst, uint64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		dst = appendString(appendString(dst, k), m[k])
	}
	return dst
}

func appendChecksum(dst []byte, c object.Checksum) []byte {
	composite := byte(0)
	if c.Composite {
		composite = 1
	}
	dst = append(dst, byte(c.Algorithm), composite)
	return append(appendUint(dst, uint64(len(c.Value))), c.Value...)
}

func appendSums(dst []byte, sums []object.Checksum) []byte {
	dst = appendUint(dst, uint64(len(sums)))
	for _, c := range sums {
		dst = appendChecksum(dst, c)
	}
	return dst
}

func appendParts(dst []byte, parts []object.Part) []byte {
	dst = appendUint(dst, uint64(len(parts)))
	for i := range parts {
		p := &parts[i]
		dst = binary.AppendVarint(appendUint(dst, uint64(p.Number)), p.Size)
		dst = appendTime(appendString(dst, p.ETag), p.Modified)
		dst = appendSums(appendChecksum(dst, p.Checksum), p.Sums)
	}
	return dst
}
