package fs

import (
	"bytes"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// cursor walks one mountpath's names of a bucket in order.
type cursor struct {
	m      *mountpath
	x      *index
	bucket uint64
	it     *pebble.Iterator
	reads  *pebble.Iterator           // of the access times of the same names; nil where they are not asked for
	stamps *pebble.Iterator           // of the stamps of the same names; nil before one is asked for
	mirror func(object.Name) []string // of a mirrored bucket
	only   func(key []byte) bool      // which names are to be seen; nil for all
}

// cursors opens a walk over every mountpath. A list that leaves out a mountpath
// would be short without a word, so one that is failed is an error: Unavailable.
func (s *Store) cursors(kind byte, bucket uint64, prefix string) ([]cursor, error) {
	for {
		l := s.layout.Load()
		out, err := s.cursorsOver(l, kind, bucket, prefix)
		s.mayFailOver(bucket, err, l.listed(bucket)...)
		if l == s.layout.Load() {
			return out, err
		}
		_ = closeCursors(out) // nothing was read
	}
}

// cursorsOver is cursors over a layout. Where that is not settled no name is moved
// between the moments that the cursors see: it would be at both places, or none.
func (s *Store) cursorsOver(l *layout, kind byte, bucket uint64, prefix string) ([]cursor, error) {
	defer s.stillMoves(l)()
	all := l.listed(bucket)
	out := make([]cursor, 0, len(all))
	low := appendText(appendBucket(nil, kind, bucket), prefix)
	high := after(bytes.Clone(low))
	for _, m := range all {
		x, err := m.use()
		if err != nil {
			_ = closeCursors(out) // nothing was read
			return nil, err
		}
		it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
		if err != nil {
			x.leave()
			_ = closeCursors(out)
			return nil, err
		}
		c := cursor{m: m, x: x, bucket: bucket, it: it}
		if l.by(bucket) != l {
			c.mirror = s.mirrorDirs
		}
		if m.parent != nil {
			c.only = func(key []byte) bool { return l.isTakenFrom(m, key) }
		}
		out = append(out, c)
	}
	return out, nil
}

// listed returns the mountpaths that have names of a bucket, and the shadows that
// have some.
func (l *layout) listed(bucket uint64) []*mountpath {
	v := l.by(bucket)
	if v == l {
		return l.all
	}
	out := slices.DeleteFunc(slices.Clone(l.all), func(m *mountpath) bool { return l.set.isLost(m.id) })
	if len(v.ghosts) > 0 {
		for _, sh := range l.shadows() {
			if !l.set.isLost(sh.id) {
				out = append(out, sh)
			}
		}
	}
	return out
}

// isTakenFrom reports whether the name of a record in a shadow is to be taken over.
func (l *layout) isTakenFrom(shadow *mountpath, key []byte) bool {
	bucket, name, _, err := parseName(key)
	return err == nil && l.isStray(shadow, object.Name{Bucket: bucket, Key: name})
}

// followAccess has the cursors know the access times of the names as well.
func followAccess(all []cursor, bucket uint64, prefix string) (err error) {
	low := appendText(appendBucket(nil, kindAccess, bucket), prefix)
	high := after(bytes.Clone(low))
	for i := range all {
		if all[i].reads, err = all[i].x.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high}); err != nil {
			return err
		}
	}
	return nil
}

// closeCursors ends the walks and returns what went wrong in them.
func closeCursors(all []cursor) error {
	var errs error
	for _, c := range all {
		errs = errors.Join(errs, c.it.Error(), c.it.Close())
		if c.reads != nil {
			errs = errors.Join(errs, c.reads.Close())
		}
		errs = errors.Join(errs, c.closeStamps())
		c.x.leave()
	}
	return errs
}

// least returns the cursor with the least key, nil at the end of all. Of a record
// that is at two mountpaths, being moved, one is passed over.
func least(all []cursor) *cursor {
	var best *cursor
	for i := range all {
		c := &all[i]
		for c.it.Valid() {
			if c.only != nil && !c.only(c.it.Key()) {
				c.it.Next()
				continue
			}
			d := -1
			if best != nil {
				d = bytes.Compare(c.it.Key(), best.it.Key())
			}
			if d < 0 {
				best = c
			}
			if d != 0 {
				break
			}
			c.it.Next()
		}
	}
	return best
}

// start puts every cursor at key, at the beginning for nil.
func start(all []cursor, key []byte) {
	for i := range all {
		if key == nil {
			all[i].it.First()
		} else {
			all[i].it.SeekGE(key)
		}
		if all[i].reads != nil && all[i].it.Valid() {
			all[i].reads.SeekGE(append([]byte{kindAccess}, all[i].it.Key()[1:]...))
		}
	}
}

// seek moves every cursor that is before key to it.
func seek(all []cursor, key []byte) {
	for i := range all {
		if it := all[i].it; it.Valid() && bytes.Compare(it.Key(), key) < 0 {
			it.SeekGE(key)
		}
	}
}

// List returns a page of a bucket's names, with q.Versions of all versions of each
// and the delete markers, newest first. It costs the entries of the page, not what
// lies under a common prefix, nor what comes before the page; without q.Versions
// old versions cost nothing. With q.Full the metadata is whole but for Parts, and
// without q.Versions it has the time of the last read.
// Names that Copying does not list are left out. Errors: Unavailable where a mountpath is failed, since the page would lack its
// names; Invalid for a version id to go on after that can be none.
func (s *Store) List(bucket uint64, q object.Query) (page object.Page, err error) {
	if q.Limit <= 0 {
		return object.Page{}, nil
	}
	list := s.listCurrent
	if q.Versions {
		list = s.listVersions
	}
	page, err = list(bucket, q)
	for try := 0; try < listTries && s.awaitVerdict(bucket, err); try++ {
		page, err = list(bucket, q)
	}
	return page, err
}

// listTries is how often a listing is begun anew because of disks that fail.
const listTries = 4

// listCurrent is List without q.Versions.
func (s *Store) listCurrent(bucket uint64, q object.Query) (page object.Page, err error) {
	all, err := s.cursors(kindObject, bucket, q.Prefix)
	if err != nil {
		return object.Page{}, fault("fs.List", object.Name{Key: q.Prefix}, err)
	}
	defer func() {
		if cerr := closeCursors(all); err == nil && cerr != nil {
			page, err = object.Page{}, fault("fs.List", object.Name{Key: q.Prefix}, cerr)
		}
	}()
	if q.Full {
		if err := followAccess(all, bucket, q.Prefix); err != nil {
			return object.Page{}, fault("fs.List", object.Name{Key: q.Prefix}, err)
		}
	}
	start(all, listStart(kindObject, bucket, q))
	page.Entries = make([]object.Entry, 0, min(q.Limit, 1000))
	var skip []byte
	for c := least(all); c != nil; c = least(all) {
		_, key, _, err := parseName(c.it.Key())
		if err != nil {
			return object.Page{}, fault("fs.List", object.Name{}, err)
		}
		if !s.lists(object.Name{Bucket: bucket, Key: key}, c) {
			c.it.Next()
			continue
		}
		if prefix := q.CommonPrefix(key); prefix != "" {
			if len(page.Entries) == q.Limit {
				page.Truncated = true
				return page, nil
			}
			page.Entries = append(page.Entries, object.Entry{Key: prefix, Prefix: true})
			skip = after(appendText(appendBucket(skip[:0], kindObject, bucket), prefix))
			seek(all, skip)
			continue
		}
		e := object.Entry{Key: key}
		if len(page.Entries) == q.Limit {
			page.Truncated = true
			return page, nil
		}
		if err := c.entry(&e, q.Full); err != nil {
			return object.Page{}, fault("fs.List", object.Name{Key: key}, err)
		}
		page.Entries = append(page.Entries, e)
		c.it.Next()
	}
	return page, nil
}

// entry decodes the current record.
func (c *cursor) entry(e *object.Entry, full bool) error {
	v, err := c.it.ValueAndErr()
	if err != nil {
		return err
	}
	if !full {
		if len(v) > maxHead {
			v = v[:maxHead]
		}
		return decodeHead(string(v), &e.Meta)
	}
	var r record
	err = decodeRecord(string(v), &r)
	e.Meta = c.m.result(&r)
	if c.mirror != nil {
		e.Meta.Mirrors = c.mirror(object.Name{Bucket: c.bucket, Key: e.Key})
	}
	if c.reads != nil {
		e.Meta.Accessed = c.m.accessedAlong(c.reads, c.it.Key(), object.Name{Bucket: c.bucket, Key: e.Key})
	}
	return err
}

// stamp returns the stamp of a name that the cursor has data of, as of the moment that
// it sees.
func (c *cursor) stamp(n object.Name) (Stamp, error) {
	if c.stamps == nil {
		low := appendBucket(nil, kindStamp, c.bucket)
		bounds := pebble.IterOptions{LowerBound: low, UpperBound: after(bytes.Clone(low))}
		it, err := c.it.Clone(pebble.CloneOptions{IterOptions: &bounds})
		if err != nil {
			return Stamp{}, err
		}
		c.stamps = it
	}
	key := appendName(nil, kindStamp, n.Bucket, n.Key)
	if !c.stamps.SeekGE(key) || !bytes.Equal(c.stamps.Key(), key) {
		return unstamped, c.stamps.Error()
	}
	v, err := c.stamps.ValueAndErr()
	if err != nil {
		return Stamp{}, err
	}
	return decodeStampRecord(string(v))
}

func (c *cursor) closeStamps() error {
	if c.stamps == nil {
		return nil
	}
	return c.stamps.Close()
}

// maxHead is more than a head takes: an ETag, a storage class and a user's id are
// short. A longer text is refused when it is written.
const maxHead = 1 << 10

// listStart returns where a listing begins: after q.After, and after all under
// it where it is a common prefix; nil for the beginning.
func listStart(kind byte, bucket uint64, q object.Query) []byte {
	if q.After == "" || q.After < q.Prefix {
		return nil
	}
	if q.SkipsUnder() {
		return after(appendText(appendBucket(nil, kind, bucket), q.After))
	}
	return after(appendName(nil, kind, bucket, q.After))
}
