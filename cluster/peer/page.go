package peer

import (
	"errors"

	"ais/object"
)

// A page on the wire: a format byte, a byte of flags, the number of entries, and
// for each a byte of flags, the key, the upload id where the flag says so, and
// the metadata (see meta.go). Numbers are varints, strings have their length before them.
const (
	pageFormat = 1

	pageTruncated = 1 << 0

	entryPrefix   = 1 << 0
	entryUploadID = 1 << 1
	entryMeta     = 1 << 2
	entryLatest   = 1 << 3
)

// EncodePage returns p in the form that nodes exchange.
func EncodePage(p object.Page) []byte {
	return AppendPage(make([]byte, 0, 64+160*len(p.Entries)), &p)
}

// AppendPage appends p in that form to dst.
func AppendPage(dst []byte, p *object.Page) []byte {
	flags := byte(0)
	if p.Truncated {
		flags |= pageTruncated
	}
	dst = append(dst, pageFormat, flags)
	dst = appendUint(dst, uint64(len(p.Entries)))
	for i := range p.Entries {
		e := &p.Entries[i]
		flags, mask := byte(0), maskOf(&e.Meta)
		if e.Prefix {
			flags |= entryPrefix
		}
		if e.UploadID != "" {
			flags |= entryUploadID
		}
		if mask != 0 {
			flags |= entryMeta
		}
		if e.Latest {
			flags |= entryLatest
		}
		dst = append(dst, flags)
		dst = appendString(dst, e.Key)
		if e.UploadID != "" {
			dst = appendString(dst, e.UploadID)
		}
		if mask != 0 {
			dst = appendMeta(dst, &e.Meta, mask)
		}
	}
	return dst
}

// DecodePage is the inverse of EncodePage. Times come back in UTC, empty maps and
// slices as nil. The error is of kind Invalid.
func DecodePage(b []byte) (object.Page, error) {
	d := decoder{rest: string(b)}
	if d.byte() != pageFormat {
		d.fail()
	}
	p := object.Page{Truncated: d.byte()&pageTruncated != 0}
	if n := d.count(2); n > 0 {
		p.Entries = make([]object.Entry, n)
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		flags := d.byte()
		e.Prefix, e.Latest = flags&entryPrefix != 0, flags&entryLatest != 0
		e.Key = d.string()
		if flags&entryUploadID != 0 {
			e.UploadID = d.string()
		}
		if flags&entryMeta != 0 {
			d.meta(&e.Meta)
		}
		if d.bad {
			break
		}
	}
	if d.bad || d.rest != "" {
		return object.Page{}, object.E("peer.DecodePage", "", object.Invalid, errEncoding)
	}
	return p, nil
}

var errEncoding = errors.New("not the encoding that nodes exchange")
