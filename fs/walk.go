package fs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

func compareNames(a, b object.Name) int {
	return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), strings.Compare(a.Key, b.Key))
}

// Known is a name that something is known of.
type Known struct {
	Name    object.Name
	Stamp   Stamp // see Store.Stamp
	Removed bool  // nothing but the stamp is left
	Dirty   bool
}

// WalkNames returns up to limit names after a name, by bucket and key, that anything
// is here of: versions, uploads, stamps, prepared changes; fewer are the last. bucket
// is 0 for all. Nothing stays open between two calls. It does not Enter. Unavailable
// where a mountpath is failed.
func (s *Store) WalkNames(bucket uint64, after object.Name, limit int) ([]Known, error) {
	if limit <= 0 {
		return nil, nil
	}
	var found []Known
	err := s.eachMountpath(bucket, func(x *index, has nameSet) error {
		for _, kind := range []byte{kindObject, kindVersion, kindUpload, kindStamp, kindPrepared} {
			out, err := x.known(kind, bucket, after, limit, has)
			if err != nil {
				return err
			}
			found = append(found, out...)
		}
		return nil
	})
	if err != nil {
		return nil, fault("fs.WalkNames", object.Name{}, err)
	}
	slices.SortStableFunc(found, func(a, b Known) int { return compareNames(a.Name, b.Name) })
	merged := found[:0]
	for _, k := range found {
		if last := len(merged) - 1; last < 0 || merged[last].Name != k.Name {
			if len(merged) == limit {
				break
			}
			merged = append(merged, k)
		} else {
			merged[last].merge(k)
		}
	}
	for i := range merged {
		if k := &merged[i]; k.Stamp.IsZero() && !k.Removed {
			k.Stamp = unstamped
		}
		merged[i].Dirty = s.Dirty(merged[i].Name)
	}
	return merged, nil
}

// merge adds what another kind of records, or mountpath, says of the name.
func (k *Known) merge(other Known) {
	k.Removed = k.Removed && other.Removed
	if k.Stamp.Less(other.Stamp) {
		k.Stamp = other.Stamp
	}
}

// known returns the first names after a name that have records of a kind.
func (x *index) known(kind byte, bucket uint64, behind object.Name, limit int, has nameSet) (out []Known, err error) {
	err = x.walkFrom(kind, bucket, behind, func(n object.Name, _ []byte, it *pebble.Iterator) (bool, error) {
		if last := len(out) - 1; last >= 0 && out[last].Name == n || !has(n) {
			return true, nil
		}
		if len(out) == limit {
			return false, nil
		}
		k := Known{Name: n, Removed: kind == kindStamp || kind == kindPrepared}
		if kind == kindStamp {
			v, err := it.ValueAndErr()
			if err != nil {
				return false, err
			}
			if k.Stamp, err = decodeStampRecord(string(v)); err != nil {
				return false, err
			}
		}
		out = append(out, k)
		return true, nil
	})
	return out, err
}

// CountListed is Count of what a listing shows, with Copying.Lists, by a walk over the
// bucket; Count has every copy that is here.
func (s *Store) CountListed(bucket uint64) (objects, bytes int64, err error) {
	return s.countNames(bucket, s.lists)
}

// countNames counts those of a bucket's names that are to be counted: in says so of the one
// that a cursor is at.
func (s *Store) countNames(bucket uint64, in func(n object.Name, at *cursor) bool) (objects, bytes int64, err error) {
	all, err := s.cursors(kindObject, bucket, "")
	if err != nil {
		return 0, 0, fault("fs.CountListed", object.Name{Bucket: bucket}, err)
	}
	start(all, nil)
	for c := least(all); c != nil && err == nil; c = least(all) {
		var e object.Entry
		var n object.Name
		if n.Bucket, n.Key, _, err = parseName(c.it.Key()); err == nil && in(n, c) {
			err = c.entry(&e, false)
			objects++
			bytes += e.Meta.Size
		}
		c.it.Next()
	}
	if cerr := closeCursors(all); err == nil {
		err = cerr
	}
	if err != nil {
		return 0, 0, fault("fs.CountListed", object.Name{Bucket: bucket}, err)
	}
	return objects, bytes, nil
}
