package fs

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// The current version of a name is under kindObject, where listings walk, unless
// it is a delete marker. Every other version, and every marker, is under
// kindVersion, newest first, after the name's history. The null version of a name
// is found through its history, any other one by the counter in its id. Versions
// move between the kinds as they are; their bodies and blobs stay where they are.

// history is what is noted of a name that has, or had, more than its current
// version; the zero value is that of any other name.
type history struct {
	Last  uint64 // the highest counter of a version under kindVersion or gone: none is given twice
	Null  uint64 // counter of the null version where it is under kindVersion, else 0
	Count uint64 // of the records under kindVersion
}

func appendHistory(dst []byte, h history) []byte {
	return appendUint(appendUint(appendUint(append(dst, recordVersion), h.Last), h.Null), h.Count)
}

func decodeHistory(value string) (history, error) {
	d := decoder{s: value}
	if d.byte() != recordVersion {
		d.fail()
	}
	h := history{Last: d.uint(), Null: d.uint(), Count: d.uint()}
	return h, d.err()
}

// appendVersionKey appends the key of the version with that counter.
func appendVersionKey(dst []byte, n object.Name, counter uint64) []byte {
	return binary.BigEndian.AppendUint64(appendName(dst, kindVersion, n.Bucket, n.Key), ^counter)
}

// keyCounter returns the counter in what follows the name in a version's key; ok
// is false for the key of a history.
func keyCounter(rest []byte) (counter uint64, ok bool, err error) {
	switch len(rest) {
	case 0:
		return 0, false, nil
	case 8:
		return ^binary.BigEndian.Uint64(rest), true, nil
	}
	return 0, false, errBadKey
}

// appendBodyKey appends the key of a record's body. The null version, of which
// there is one, has the name's own; the others have one for each use.
func appendBodyKey(dst []byte, n object.Name, r *record) []byte {
	dst = appendName(dst, kindBody, n.Bucket, n.Key)
	if r.Meta.VersionID != "" {
		dst = binary.BigEndian.AppendUint64(dst, r.Use)
	}
	return dst
}

// past is the versions of a name under kindVersion, as one moment has them.
type past struct {
	from pebble.Reader
	n    object.Name
	buf  *scratch
}

func (p past) history() (history, error) {
	p.buf.key = appendName(p.buf.key[:0], kindVersion, p.n.Bucket, p.n.Key)
	value, found, err := get(p.from, p.buf.key)
	if err != nil || !found {
		return history{}, err
	}
	return decodeHistory(value)
}

// find returns the version with that id, as S3 shows it; NoSuchVersion where
// there is none.
func (p past) find(h history, version string) (*record, string, error) {
	counter, ok := h.Null, h.Null != 0
	if version != object.NullVersion {
		counter, ok = versionCounter(version)
	}
	if !ok || h.Count == 0 {
		return nil, "", object.NoSuchVersion
	}
	p.buf.key = appendVersionKey(p.buf.key[:0], p.n, counter)
	value, found, err := get(p.from, p.buf.key)
	if err != nil {
		return nil, "", err
	}
	if !found {
		return nil, "", object.NoSuchVersion
	}
	r := new(record)
	if err := decodeRecord(value, r); err != nil {
		return nil, "", err
	}
	if object.ShownVersion(r.Meta.VersionID) != version {
		return nil, "", object.NoSuchVersion
	}
	return r, value, nil
}

// newest returns the newest version but the one with the counter skip; nil where
// there is none.
func (p past) newest(skip uint64) (r *record, value string, err error) {
	it, err := p.from.NewIter(&pebble.IterOptions{
		LowerBound: append(appendName(nil, kindVersion, p.n.Bucket, p.n.Key), 0), // after the history
		UpperBound: after(appendName(nil, kindVersion, p.n.Bucket, p.n.Key)),
	})
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, "", err
		}
		r, value = new(record), string(v)
		if err := decodeRecord(value, r); err != nil {
			return nil, "", err
		}
		if r.Meta.Version.Counter != skip {
			return r, value, nil
		}
	}
	return nil, "", it.Error()
}

// read reads the record of a version, named as for Stat.
func (x *index) read(buf *scratch, n object.Name, version string, r *record) error {
	found, err := readCurrent(x.db, buf, n, r)
	switch {
	case err != nil:
		return err
	case found && (version == "" || version == object.ShownVersion(r.Meta.VersionID)):
		return nil
	case x.versions.Load():
		return x.readPast(buf, n, version, r)
	case version == "":
		return object.NotFound
	}
	return object.NoSuchVersion
}

func readCurrent(from pebble.Reader, buf *scratch, n object.Name, r *record) (found bool, err error) {
	buf.key = appendName(buf.key[:0], kindObject, n.Bucket, n.Key)
	value, found, err := get(from, buf.key)
	if err == nil && found {
		err = decodeRecord(value, r)
	}
	return found, err
}

// readPast decides about a version that is not the current one. It looks at one
// moment: between two, versions move from one place to the other.
func (x *index) readPast(buf *scratch, n object.Name, version string, r *record) error {
	moment := x.db.NewSnapshot()
	defer func() { _ = moment.Close() }() // it is only read
	*r = record{}
	found, err := readCurrent(moment, buf, n, r)
	if err != nil || found && (version == "" || version == object.ShownVersion(r.Meta.VersionID)) {
		return err
	}
	p := past{moment, n, buf}
	h, err := p.history()
	if err != nil {
		return err
	}
	var old *record
	kind := object.DeleteMarked
	if version != "" {
		old, _, err = p.find(h, version)
	} else if kind = object.NotFound; h.Count == 0 {
		err = object.NotFound
	} else if old, _, err = p.newest(0); err == nil && old == nil {
		err = object.NotFound
	}
	if err != nil {
		return err
	}
	*r = *old
	if r.Meta.DeleteMarker {
		return &markerError{kind, r.Meta}
	}
	return nil
}

// markerError is NotFound, or DeleteMarked, because of a delete marker.
type markerError struct {
	kind object.Kind
	meta object.Meta
}

func (e *markerError) Error() string { return "version " + e.meta.VersionID + " is a delete marker" }

func (e *markerError) Unwrap() error { return e.kind }

// Marker returns the metadata of the delete marker that made Stat or Open fail
// with err; ok is false where it was none.
func Marker(err error) (m object.Meta, ok bool) {
	var e *markerError
	if errors.As(err, &e) {
		return e.meta, true
	}
	return object.Meta{}, false
}
