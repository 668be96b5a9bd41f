package fs

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Stamp is the state of a name of which there are copies on several targets. Two
// copies with the same stamp are the same in every record; see Change. The zero
// value is that of a name of which nothing is here.
type Stamp struct {
	Placement uint64 // by which the name was placed when it was changed last
	Term      uint64 // of the owner that made the change
	Seq       uint64 // of the change: in the high 32 bits one more than its base has, below the owner's count of tries
}

// unstamped is the stamp of a name that is here from before it had copies.
var unstamped = Stamp{Seq: 1}

// Compare returns a negative number where p is older than q, and 0 where they are
// the same.
func (p Stamp) Compare(q Stamp) int {
	return cmp.Or(p.CompareTerm(q), cmp.Compare(p.Seq, q.Seq))
}

// CompareTerm is Compare for the owners that made the changes, not for the changes.
func (p Stamp) CompareTerm(q Stamp) int {
	return cmp.Or(cmp.Compare(p.Placement, q.Placement), cmp.Compare(p.Term, q.Term))
}

// Less reports whether p is older than q.
func (p Stamp) Less(q Stamp) bool { return p.Compare(q) < 0 }

// IsZero reports whether p is the stamp of a name of which nothing is here.
func (p Stamp) IsZero() bool { return p == Stamp{} }

// String returns placement.term.number.
func (p Stamp) String() string { return fmt.Sprintf("%d.%d.%x", p.Placement, p.Term, p.Seq) }

// next returns the stamp of a change after p. try grows with each change that the
// owner tries: of two after the same one, of which the first was given up, nobody
// takes one for the other, and a copy that hears of the first one late knows that. It
// goes on from the clock in a process that comes after another one, whose last try a
// copy may have still.
func (p Stamp) next(try uint32, placement, term uint64) Stamp {
	return Stamp{Placement: placement, Term: term, Seq: (p.Seq>>32+1)<<32 | uint64(try)}
}

func appendStamp(dst []byte, p Stamp) []byte {
	return appendUint(appendUint(appendUint(dst, p.Placement), p.Term), p.Seq)
}

func (d *decoder) stamp() Stamp {
	return Stamp{Placement: d.uint(), Term: d.uint(), Seq: d.uint()}
}

// appendStampRecord is the value of a stamp's key, and of a mark's.
func appendStampRecord(dst []byte, p Stamp) []byte {
	return appendStamp(append(dst, recordVersion), p)
}

func decodeStampRecord(value string) (Stamp, error) {
	d := decoder{s: value}
	if d.byte() != recordVersion {
		d.fail()
	}
	p := d.stamp()
	return p, d.err()
}

// readStamp returns the stamp of a name as it is stored, zero for none.
func readStamp(from pebble.Reader, n object.Name) (Stamp, error) {
	value, found, err := get(from, appendName(nil, kindStamp, n.Bucket, n.Key))
	if err != nil || !found {
		return Stamp{}, err
	}
	return decodeStampRecord(value)
}

// stamp returns the stamp of a name; that of one with data and without a stamp is
// unstamped.
func (x *index) stamp(n object.Name) (Stamp, error) {
	p, err := readStamp(x.db, n)
	if err != nil || !p.IsZero() {
		return p, err
	}
	there, err := x.hasData(n)
	if err == nil && there {
		p = unstamped
	}
	return p, err
}

// hasData reports whether a version, a marker or an upload of a name is there.
func (x *index) hasData(n object.Name) (bool, error) {
	_, closer, err := x.db.Get(appendName(nil, kindObject, n.Bucket, n.Key))
	if err == nil {
		return true, closer.Close()
	}
	if errors.Is(err, pebble.ErrNotFound) {
		err = nil
	}
	found := false
	if err == nil && x.uploads.Load() {
		found, err = x.hasKind(kindUpload, n)
	}
	if err == nil && !found && x.versions.Load() {
		found, err = x.hasKind(kindVersion, n)
	}
	return found, err
}

// Stamp returns the state of a name: the zero value where nothing is here, not even
// a note that it was removed. Prepared changes do not count. Unavailable where its
// mountpath is failed.
func (s *Store) Stamp(n object.Name) (Stamp, error) {
	var out Stamp
	err := s.eachPlace(n, func(p place) (done bool, err error) {
		out, err = p.x.stamp(n)
		return !out.IsZero(), err
	})
	return out, fault("fs.Stamp", n, err)
}

// eachPlace calls f for the places where a name may be, where it belongs first,
// until f is done. It begins anew where the mountpaths change meanwhile and f was
// never done.
func (s *Store) eachPlace(n object.Name, f func(p place) (done bool, err error)) error {
	digest := n.Digest()
	for {
		l := s.layout.Load()
		v := l.by(n.Bucket)
		places := []*mountpath{v.sets[0].of(digest)}
		if !v.settled() {
			places = v.places(digest)
			places = append(places, places[0]) // see lookup
		}
		done, err := false, error(nil)
		for i := 0; i < len(places) && !done && err == nil; i++ {
			done, err = places[i].visit(f)
		}
		if err != nil {
			s.mayFailOver(n.Bucket, err, places...)
		}
		if done || l == s.layout.Load() {
			return err
		}
	}
}

// visit calls f inside the mountpath's index.
func (m *mountpath) visit(f func(p place) (done bool, err error)) (done bool, err error) {
	x, err := m.use()
	if err != nil {
		return false, err
	}
	defer x.leave()
	return f(place{m, x})
}
