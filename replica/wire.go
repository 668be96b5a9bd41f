package replica

import (
	"encoding/binary"
	"errors"

	"ais/fs"
	"ais/object"
)

// The messages are a byte, their version, and what follows in the order of the
// fields; numbers are varints, texts have their length before them.
const version = 1

// maxNames is how many names one message has at most.
const maxNames = 1000

type encoder []byte

func newMessage(size int) encoder { return append(make(encoder, 0, size+64), version) }

func (e *encoder) uint(n uint64) { *e = binary.AppendUvarint(*e, n) }
func (e *encoder) byte(b byte)   { *e = append(*e, b) }
func (e *encoder) bool(b bool) {
	if b {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

func (e *encoder) text(s string) { e.uint(uint64(len(s))); *e = append(*e, s...) }
func (e *encoder) name(n object.Name) {
	e.uint(n.Bucket)
	e.text(n.Key)
}

func (e *encoder) stamp(p fs.Stamp) {
	e.uint(p.Placement)
	e.uint(p.Term)
	e.uint(p.Seq)
}

// decoder takes values off a message. After a fault all that it returns is zero.
type decoder struct {
	rest []byte
	bad  bool
}

func readMessage(b []byte) *decoder {
	d := &decoder{rest: b}
	if d.byte() != version {
		d.fail()
	}
	return d
}

func (d *decoder) fail() { d.rest, d.bad = nil, true }

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) text() string { return string(d.bytes()) }

func (d *decoder) name() object.Name { return object.Name{Bucket: d.uint(), Key: d.text()} }

func (d *decoder) stamp() fs.Stamp {
	return fs.Stamp{Placement: d.uint(), Term: d.uint(), Seq: d.uint()}
}

// count reads a number of items, of which each takes a byte at least.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.rest)) || n > maxNames {
		d.fail()
		return 0
	}
	return int(n)
}

var errMalformed = errors.New("a message between copies is malformed")

// err is for the end of a message: nothing may follow.
func (d *decoder) err() error {
	if d.bad || len(d.rest) > 0 {
		return object.E("replica", "", object.Invalid, errMalformed)
	}
	return nil
}

// prepareMessage is a change on its way to a copy.
type prepareMessage struct {
	sender string
	again  bool // it was sent before, perhaps with other handoffs: what is prepared of it is to be dropped
	settle []settlement
	blobs  []carriedBlob // small ones that the change refers to
	change []byte
}

// carriedBlob is the file of a blob as fs.Store.OpenBlob reads it.
type carriedBlob struct {
	id    string
	bytes []byte
}

// encode returns the message in pieces: those with the change, or a blob's bytes, are
// these themselves.
func (m *prepareMessage) encode() [][]byte {
	e := newMessage(len(m.sender) + 64*len(m.settle))
	e.text(m.sender)
	e.bool(m.again)
	e.settlements(m.settle)
	e.uint(uint64(len(m.change)))
	pieces := append(make([][]byte, 0, 3+2*len(m.blobs)), e, m.change)
	e = binary.AppendUvarint(make([]byte, 0, 48), uint64(len(m.blobs)))
	for _, b := range m.blobs {
		e.text(b.id)
		e.uint(uint64(len(b.bytes)))
		pieces, e = append(pieces, e, b.bytes), nil
	}
	if len(e) > 0 {
		pieces = append(pieces, e)
	}
	return pieces
}

func decodePrepare(b []byte) (m prepareMessage, err error) {
	d := readMessage(b)
	m.sender = d.text()
	m.again = d.byte() == 1
	m.settle = d.settlements()
	m.change = d.bytes()
	for range d.count() {
		m.blobs = append(m.blobs, carriedBlob{id: d.text(), bytes: d.bytes()})
	}
	return m, d.err()
}

// settlement is what came of a change.
type settlement struct {
	name    object.Name
	stamp   fs.Stamp
	commit  bool
	missing []string // targets that may lack the change: who took over notes them
}

func (e *encoder) settlements(list []settlement) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.name(s.name)
		e.stamp(s.stamp)
		e.bool(s.commit)
		e.texts(s.missing)
	}
}

func (e *encoder) texts(list []string) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.text(s)
	}
}

func (d *decoder) texts() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = d.text()
	}
	return out
}

func (d *decoder) settlements() []settlement {
	n := d.count()
	if n == 0 {
		return nil
	}
	out := make([]settlement, n)
	for i := range out {
		out[i] = settlement{name: d.name(), stamp: d.stamp(), commit: d.byte() == 1, missing: d.texts()}
	}
	return out
}

// verdict is how a target answers a message about a name.
type verdict byte

const (
	done      verdict = iota
	stale             // the sender is not the owner, by the state of who answers
	later             // the copy, which is not in sync, will ask for the name itself
	inFlight          // of resolve: a change of the name is on its way
	undecided         // of resolve: a change by an owner that is gone is not settled yet
)

// verdictAnswer is the answer to prepare, resolve and bring.
type verdictAnswer struct {
	verdict  verdict
	revision int64    // of the state of who answers
	stamp    fs.Stamp // of resolve: the owner's
}

func (a verdictAnswer) encode() []byte {
	e := newMessage(32)
	e.byte(byte(a.verdict))
	e.uint(uint64(a.revision))
	e.stamp(a.stamp)
	return e
}

func decodeVerdict(b []byte) (a verdictAnswer, err error) {
	d := readMessage(b)
	a = verdictAnswer{verdict: verdict(d.byte()), revision: int64(d.uint()), stamp: d.stamp()}
	return a, d.err()
}

// nameMessage is a message about one name: resolve, estate, blob.
type nameMessage struct {
	sender string
	name   object.Name
	stamp  fs.Stamp // of resolve
	blob   string   // of blob and stage
}

func (m *nameMessage) encode() []byte {
	e := newMessage(len(m.sender) + len(m.name.Key) + len(m.blob) + 32)
	e.text(m.sender)
	e.name(m.name)
	e.stamp(m.stamp)
	e.text(m.blob)
	return e
}

func decodeName(b []byte) (m nameMessage, err error) {
	d := readMessage(b)
	m = nameMessage{sender: d.text(), name: d.name(), stamp: d.stamp(), blob: d.text()}
	return m, d.err()
}
