package fs

import (
	"encoding/binary"
	"hash"
	"time"

	"ais/object"
)

// recordVersion begins every value of the index. An object's record with one of
// the flags beyond flagDeleted, an upload's record and a blob's info with rights
// begin with recordRights, so that a program that does not know those refuses
// them; without, their form is as it ever was. A reader refuses any other.
const (
	recordVersion = 1
	recordRights  = 2
)

// segment is a run of bytes of a blob. The slot tells apart the uses that one
// object makes of blobs: the number of the part that brought it.
type segment struct {
	Blob   blobID
	Offset int64
	Length int64
	Slot   uint32
}

// Where an object's bytes are.
type payload byte

const (
	payloadNone     payload = iota // there are none
	payloadInline                  // in the body record
	payloadBlob                    // one segment, in the record itself
	payloadManifest                // parts and segments, in the body record
)

// The flags of an object's record.
const (
	flagDeleted = 1 << iota // a delete marker
	flagVersion             // the head ends in a version id
	flagOwner               // and then in an owner
	flagRights              // an ACL and tags follow the details
	flagsKnown  = 1<<iota - 1
)

// record is the value of an object's key.
type record struct {
	Meta     object.Meta // without Parts, Accessed and Mountpath
	Use      uint64      // who holds the blobs; also pairs the record with its body
	Payload  payload
	Segments []segment // of the one blob, or from the manifest once that was read
	Parts    []object.Part
}

// appendRecord writes the head, which is what a listing needs, then the rest.
func appendRecord(dst []byte, r *record) []byte {
	flags := flagsOf(&r.Meta)
	version := byte(recordVersion)
	if flags > flagDeleted {
		version = recordRights
	}
	dst = append(dst, version, flags)
	dst = appendTime(appendUint(dst, uint64(r.Meta.Size)), r.Meta.Modified)
	dst = appendString(appendETag(dst, r.Meta.ETag), r.Meta.StorageClass)
	if flags&flagVersion != 0 {
		dst = appendVersionID(dst, r.Meta.VersionID)
	}
	if flags&flagOwner != 0 {
		dst = appendString(dst, r.Meta.Owner)
	}
	// end of the head
	dst = binary.BigEndian.AppendUint64(dst, r.Use)
	dst = append(dst, byte(r.Payload))
	if r.Payload == payloadBlob {
		dst = appendSegments(dst, r.Segments[:1])
	}
	dst = appendUint(appendUint(dst, r.Meta.Version.Term), r.Meta.Version.Counter)
	dst = appendDetails(dst, &r.Meta)
	if flags&flagRights != 0 {
		dst = appendMap(appendString(dst, r.Meta.ACL), r.Meta.Tags)
	}
	return dst
}

func flagsOf(m *object.Meta) (flags byte) {
	if m.DeleteMarker {
		flags |= flagDeleted
	}
	if m.VersionID != "" {
		flags |= flagVersion
	}
	if m.Owner != "" {
		flags |= flagOwner
	}
	if m.ACL != "" || len(m.Tags) > 0 {
		flags |= flagRights
	}
	return flags
}

// appendRights writes who owns an object to be and who may do what with it, of
// which uploads and trailers keep all or nothing: beginRights says which.
func appendRights(dst []byte, m *object.Meta) []byte {
	if beginRights(m) == recordVersion {
		return dst
	}
	return appendMap(appendString(appendString(dst, m.Owner), m.ACL), m.Tags)
}

// beginRights returns the version that begins a record which ends in rights.
func beginRights(m *object.Meta) byte {
	if m.Owner == "" && m.ACL == "" && len(m.Tags) == 0 {
		return recordVersion
	}
	return recordRights
}

// version reads the first byte of a record that may end in rights.
func (d *decoder) version() byte {
	v := d.byte()
	if v != recordVersion && v != recordRights {
		d.fail()
	}
	return v
}

// rights reads what appendRights wrote in a record that begins with version.
func (d *decoder) rights(version byte, m *object.Meta) {
	if version == recordRights {
		m.Owner, m.ACL, m.Tags = d.text(), d.text(), d.dict()
	}
}

// appendDetails writes what trailers, uploads and objects say of the content.
func appendDetails(dst []byte, m *object.Meta) []byte {
	dst = appendSums(appendSum(dst, m.Checksum), m.Sums)
	dst = appendHeader(dst, &m.Header)
	return appendMap(appendMap(dst, m.User), m.Custom)
}

func (d *decoder) details(m *object.Meta) {
	m.Checksum, m.Sums = d.sum(), d.sums()
	d.header(&m.Header)
	m.User, m.Custom = d.dict(), d.dict()
}

// head reads the first part of a record into m and returns its flags.
func (d *decoder) head(m *object.Meta) (flags byte) {
	version := d.version()
	flags = d.byte()
	if version == recordVersion && flags > flagDeleted || flags > flagsKnown {
		d.fail()
	}
	m.DeleteMarker = flags&flagDeleted != 0
	m.Size, m.Modified = d.size(), d.time()
	m.ETag, m.StorageClass = d.etag(), d.text()
	if flags&flagVersion != 0 {
		m.VersionID = d.versionID()
	}
	if flags&flagOwner != 0 {
		m.Owner = d.text()
	}
	return flags
}

// decodeHead reads only what a listing shows.
func decodeHead(value string, m *object.Meta) error {
	d := decoder{s: value}
	d.head(m)
	return d.err()
}

// decodeRecord reads a record whole.
func decodeRecord(value string, r *record) error {
	d := decoder{s: value}
	flags := d.head(&r.Meta)
	r.Use = d.fixed()
	r.Payload = payload(d.byte())
	if r.Payload > payloadManifest {
		d.fail()
	}
	if r.Payload == payloadBlob {
		r.Segments = d.segments()
		if len(r.Segments) != 1 {
			d.fail()
		}
	}
	r.Meta.Version = object.Version{Term: d.uint(), Counter: d.uint()}
	d.details(&r.Meta)
	if flags&flagRights != 0 {
		r.Meta.ACL, r.Meta.Tags = d.text(), d.dict()
	}
	return d.err()
}

// inlineHead is the length of what precedes an inline payload in a body record:
// version, use, xxhash of the payload.
const inlineHead = 1 + 8 + 8

func appendInline(dst []byte, use uint64, data []byte) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, recordVersion), use)
	dst = binary.BigEndian.AppendUint64(dst, object.Hash64(data))
	return append(dst, data...)
}

// splitInline returns the use, the hash and the payload of an inline body.
func splitInline(value []byte) (use, sum uint64, data []byte, err error) {
	if len(value) < inlineHead || value[0] != recordVersion {
		return 0, 0, nil, errBadRecord
	}
	return binary.BigEndian.Uint64(value[1:]), binary.BigEndian.Uint64(value[9:]), value[inlineHead:], nil
}

func appendManifest(dst []byte, use uint64, segments []segment, parts []object.Part) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, recordVersion), use)
	dst = appendSegments(dst, segments)
	dst = appendUint(dst, uint64(len(parts)))
	for i := range parts {
		dst = appendPartInfo(dst, &parts[i])
	}
	return dst
}

func decodeManifest(value string) (use uint64, segments []segment, parts []object.Part, err error) {
	d := decoder{s: value}
	if d.byte() != recordVersion {
		d.fail()
	}
	use, segments = d.fixed(), d.segments()
	if n := d.count(8); n > 0 {
		parts = make([]object.Part, n)
		for i := range parts {
			parts[i] = d.part()
		}
	}
	return use, segments, parts, d.err()
}

// uploadRecord is the value of an upload's key.
type uploadRecord struct {
	Use    uint64
	Upload object.Upload
}

func appendUploadRecord(dst []byte, u *uploadRecord) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, beginRights(&u.Upload.Meta)), u.Use)
	composite := byte(0)
	if u.Upload.Composite {
		composite = 1
	}
	dst = append(appendTime(dst, u.Upload.Initiated), byte(u.Upload.Algorithm), composite)
	dst = appendString(dst, u.Upload.Meta.StorageClass)
	return appendRights(appendDetails(dst, &u.Upload.Meta), &u.Upload.Meta)
}

// decodeUploadRecord reads all but the id and the name, which are in the key.
func decodeUploadRecord(value string, u *uploadRecord) error {
	d := decoder{s: value}
	version := d.version()
	u.Use = d.fixed()
	u.Upload.Initiated = d.time()
	u.Upload.Algorithm, u.Upload.Composite = object.Algorithm(d.byte()), d.byte() == 1
	u.Upload.Meta.StorageClass = d.text()
	d.details(&u.Upload.Meta)
	d.rights(version, &u.Upload.Meta)
	return d.err()
}

// partRecord is the value of a part's key.
type partRecord struct {
	Part     object.Part
	Segments []segment // none for an empty part
}

func appendPartRecord(dst []byte, p *partRecord) []byte {
	return appendSegments(appendPartInfo(append(dst, recordVersion), &p.Part), p.Segments)
}

func decodePartRecord(value string, p *partRecord) error {
	d := decoder{s: value}
	if d.byte() != recordVersion {
		d.fail()
	}
	p.Part, p.Segments = d.part(), d.segments()
	return d.err()
}

// completedRecord lets a repeated Publish be answered like the first.
type completedRecord struct {
	At     time.Time
	List   uint64 // digest of the list that was published
	Object record // as it was then, without manifest
}

func appendCompleted(dst []byte, c *completedRecord) []byte {
	dst = appendTime(append(dst, recordVersion), c.At)
	dst = binary.BigEndian.AppendUint64(dst, c.List)
	return appendRecord(dst, &c.Object)
}

func decodeCompleted(value string, c *completedRecord) error {
	d := decoder{s: value}
	if d.byte() != recordVersion {
		d.fail()
	}
	c.At, c.List = d.time(), d.fixed()
	if d.bad {
		return d.err()
	}
	return decodeRecord(d.s, &c.Object)
}

// listDigest identifies a list of parts, however its ETags are quoted.
func listDigest(listed []object.Listed) uint64 {
	h := object.XXHash.New().(hash.Hash64)
	var buf []byte
	for _, l := range listed {
		buf = appendSums(appendString(appendUint(buf[:0], uint64(l.Number)), object.Unquote(l.ETag)), l.Sums)
		h.Write(buf)
	}
	return h.Sum64()
}
