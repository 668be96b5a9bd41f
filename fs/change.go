package fs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Change is a change of one name as it goes to the other copies. All that it needs
// is in it, but the blobs.
type Change struct {
	Name       object.Name
	Base       Stamp // of the name before the change
	Stamp      Stamp // of the name after it
	Durability object.Durability
	Records    []byte   // what is set and deleted in the index; see records
	Blobs      []Blob   // that the new records refer to, each once
	Handoff    []string // targets that are to have the change and do not get it now
}

// Blob names the payload file of a name. It has the same id on every copy.
type Blob struct {
	ID   string // 32 hexadecimal digits
	Size int64  // at least so many bytes of payload are needed
}

// SizeOf returns the bytes of payload of the blobs together.
func SizeOf(blobs []Blob) (total int64) {
	for _, b := range blobs {
		total += b.Size
	}
	return total
}

// Empty reports whether the change does nothing but give the name a new stamp.
func (c *Change) Empty() bool {
	empty := true
	err := eachOp(c.Records, func(o op) error {
		empty = empty && o.key[0] == kindStamp
		return nil
	})
	return empty && err == nil
}

// The forms of what goes to other targets begin with a version; a decoder refuses
// any other, and what is longer than it may be.
const (
	wireVersion   = 1
	maxWire       = 64 << 20 // of a change or estate: more than 10,000 parts with all their sums take
	maxHandoff    = 1 << 10  // targets that miss one change
	maxTargetName = 1 << 10
)

// EncodeChange returns the form of a change that DecodeChange reads.
func EncodeChange(c *Change) []byte {
	size := 160 + len(c.Name.Key) + len(c.Records) + 32*len(c.Blobs)
	return appendChange(make([]byte, 0, size), c)
}

func appendChange(dst []byte, c *Change) []byte {
	dst = appendWireName(append(dst, wireVersion), c.Name)
	dst = appendStamp(appendStamp(dst, c.Base), c.Stamp)
	dst = append(dst, byte(c.Durability))
	dst = appendBlobs(appendString(dst, c.Records), c.Blobs)
	dst = appendUint(dst, uint64(len(c.Handoff)))
	for _, target := range c.Handoff {
		dst = appendString(dst, target)
	}
	return dst
}

// maxChangeHead is how long a change's form is at most before its records.
const maxChangeHead = object.MaxKeyLength + 128

// DecodeChange reads what EncodeChange wrote, which must not be changed as long as the
// Change's Records are used. Invalid where it is malformed, or has records that are not of its
// name.
func DecodeChange(b []byte) (*Change, error) {
	if len(b) > maxWire {
		return nil, object.E("fs.DecodeChange", "", object.Invalid, errTooLong)
	}
	head := b[:min(len(b), maxChangeHead)]
	d := decoder{s: string(head)}
	if d.byte() != wireVersion {
		d.fail()
	}
	c := &Change{Name: d.wireName(), Base: d.stamp(), Stamp: d.stamp(), Durability: d.durability()}
	c.Name.Key = strings.Clone(c.Name.Key) // which outlives the rest
	size := d.uint()
	if rest := b[len(head)-len(d.s):]; size <= uint64(len(rest)) && d.err() == nil {
		c.Records, d.s = rest[:size:size], string(rest[size:])
	} else {
		d.fail()
	}
	c.Blobs, c.Handoff = d.blobs(), d.handoff()
	err := d.end()
	if err == nil {
		err = checkRecords(c.Name, c.Records, c.Stamp)
	}
	if err != nil {
		return nil, object.E("fs.DecodeChange", c.Name.Key, object.Invalid, err)
	}
	return c, nil
}

func (d *decoder) handoff() (targets []string) {
	n := d.count(1)
	if n > maxHandoff {
		d.fail()
		n = 0
	}
	for range n {
		target := d.text()
		if len(target) > maxTargetName {
			d.fail()
		}
		targets = append(targets, target)
	}
	return targets
}

// bytesOf is text where d reads b to its end.
func (d *decoder) bytesOf(b []byte) []byte {
	n := len(d.text())
	end := len(b) - len(d.s)
	return b[end-n : end : end]
}

// end is err, and an error where something follows.
func (d *decoder) end() error {
	if d.s != "" {
		d.fail()
	}
	return d.err()
}

func appendWireName(dst []byte, n object.Name) []byte {
	return appendString(appendUint(dst, n.Bucket), n.Key)
}

func (d *decoder) wireName() object.Name {
	return object.Name{Bucket: d.uint(), Key: d.text()}
}

func (d *decoder) durability() object.Durability {
	v := object.Durability(d.byte())
	if v != object.Power && v != object.Process {
		d.fail()
	}
	return v
}

func appendBlobs(dst []byte, blobs []Blob) []byte {
	dst = appendUint(dst, uint64(len(blobs)))
	for _, b := range blobs {
		id, _ := parseBlobID(b.ID) // made by String
		dst = appendUint(append(dst, id[:]...), uint64(b.Size))
	}
	return dst
}

func (d *decoder) blobs() []Blob {
	n := d.count(len(blobID{}) + 1)
	if n == 0 {
		return nil
	}
	out := make([]Blob, n)
	for i := range out {
		var id blobID
		copy(id[:], d.take(len(id)))
		out[i] = Blob{ID: id.String(), Size: d.size()}
	}
	return out
}

// records are what is set and deleted in the index of one name: for each a byte,
// 0 for a deletion and 1 for a value, the key as a text, and the value as a text.
// They are those of the owner's index write without what each mountpath has for
// itself: counters, moves between mountpaths, and what is prepared. References to
// blobs are among them: they are the same on every copy, as blobs are.
const (
	opDelete byte = iota
	opSet
)

// op is one of records. Its slices are valid as long as those.
type op struct {
	delete     bool
	key, value []byte
}

func appendSetOp(dst, key, value []byte) []byte {
	return appendString(appendString(append(dst, opSet), key), value)
}

func appendDeleteOp(dst, key []byte) []byte {
	return appendString(append(dst, opDelete), key)
}

var (
	errBadRecords = errors.New("records of a change are malformed")
	errTooLong    = fmt.Errorf("a change or estate is longer than %d bytes", maxWire)
)

// eachOp calls f for each op.
func eachOp(records []byte, f func(o op) error) error {
	for b := records; len(b) > 0; {
		kind := b[0]
		o := op{delete: kind == opDelete}
		ok := kind <= opSet
		if ok {
			o.key, b, ok = splitBytes(b[1:])
		}
		if ok && !o.delete {
			o.value, b, ok = splitBytes(b)
		}
		if !ok || len(o.key) == 0 {
			return errBadRecords
		}
		if err := f(o); err != nil {
			return err
		}
	}
	return nil
}

// splitBytes decodes a text at the start of b.
func splitBytes(b []byte) (text, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	end := k + int(n)
	return b[k:end:end], b[end:], true
}

// travels reports whether records of a kind go to the other copies.
func travels(kind byte) bool {
	switch kind {
	case kindObject, kindBody, kindRef, kindUpload, kindPart, kindCompleted, kindVersion, kindStamp, kindHandoff:
		return true
	}
	return false
}

// checkRecords looks whether records are of the name and end in the stamp.
func checkRecords(n object.Name, records []byte, want Stamp) error {
	var got Stamp
	name := appendName(nil, 0, n.Bucket, n.Key)[1:] // the key of another one does not begin with it
	err := eachOp(records, func(o op) error {
		kind := o.key[0]
		switch {
		case !travels(kind):
			return errBadRecords
		case kind == kindRef:
			if len(o.key) != refKeySize || len(o.value) > 0 {
				return errBadRecords
			}
			return nil
		case kind == kindPart:
			if len(o.key) != partKeySize {
				return errBadRecords
			}
			return nil
		}
		if !bytes.HasPrefix(o.key[1:], name) || kind == kindStamp && o.delete {
			return errBadRecords
		}
		var err error
		if kind == kindStamp {
			got, err = decodeStampRecord(string(o.value))
		}
		return err
	})
	if err == nil && got != want {
		err = errBadRecords
	}
	return err
}

// recordsOf returns the records of a batch.
func recordsOf(b *pebble.Batch) (records []byte, err error) {
	records = make([]byte, 0, b.Len()+64)
	r := b.Reader()
	for {
		kind, key, value, ok, err := r.Next()
		if err != nil || !ok {
			return records, err
		}
		if len(key) == 0 || !travels(key[0]) {
			continue
		}
		switch kind {
		case pebble.InternalKeyKindSet:
			records = appendSetOp(records, key, value)
		case pebble.InternalKeyKindDelete:
			records = appendDeleteOp(records, key)
		default:
			return nil, errBadRecords
		}
	}
}

// blobList collects the blobs of segments, each once.
type blobList struct {
	list []Blob
	at   map[string]int // nil while there are few
}

const fewBlobs = 8

func (l *blobList) add(segments []segment) {
	for _, g := range segments {
		id := g.Blob.String()
		i, found := l.find(id)
		if !found {
			i = len(l.list)
			l.list = append(l.list, Blob{ID: id})
			l.note(id, i)
		}
		l.list[i].Size = max(l.list[i].Size, g.Offset+g.Length)
	}
}

func (l *blobList) find(id string) (int, bool) {
	if l.at != nil {
		i, found := l.at[id]
		return i, found
	}
	i := slices.IndexFunc(l.list, func(b Blob) bool { return b.ID == id })
	return i, i >= 0
}

func (l *blobList) note(id string, i int) {
	switch {
	case l.at != nil:
		l.at[id] = i
	case i >= fewBlobs:
		l.at = make(map[string]int)
		for i, b := range l.list {
			l.at[b.ID] = i
		}
	}
}
