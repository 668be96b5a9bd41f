package fs

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// versionWalk walks the versions of a bucket, by name and then newest first. On
// each mountpath it has two cursors that see the same moment: one at current
// versions, one at the others.
type versionWalk struct {
	bucket  uint64
	current []cursor
	past    []cursor
	name    []byte // of the last version seen, as it is in keys after the kind
}

func (s *Store) versionWalk(bucket uint64, prefix string) (*versionWalk, error) {
	w := &versionWalk{bucket: bucket}
	var err error
	if w.current, err = s.cursors(kindObject, bucket, prefix); err != nil {
		return nil, err
	}
	low := appendText(appendBucket(nil, kindVersion, bucket), prefix)
	bounds := pebble.IterOptions{LowerBound: low, UpperBound: after(bytes.Clone(low))}
	for _, c := range w.current {
		it, err := c.it.Clone(pebble.CloneOptions{IterOptions: &bounds})
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.past = append(w.past, cursor{m: c.m, x: c.x, bucket: bucket, it: it, only: c.only, mirror: c.mirror})
	}
	return w, nil
}

// close ends the walk and returns what went wrong in it.
func (w *versionWalk) close() error {
	var errs error
	for _, c := range w.past { // inside the same entry to the index as its twin
		errs = errors.Join(errs, c.it.Error(), c.it.Close(), c.closeStamps())
	}
	return errors.Join(errs, closeCursors(w.current))
}

// start puts the walk where the query begins.
func (w *versionWalk) start(q object.Query) error {
	if q.AfterVersion == "" || q.After < q.Prefix || q.SkipsUnder() {
		start(w.current, listStart(kindObject, w.bucket, q))
		start(w.past, listStart(kindVersion, w.bucket, q))
		return nil
	}
	n := object.Name{Bucket: w.bucket, Key: q.After}
	start(w.current, appendName(nil, kindObject, n.Bucket, n.Key))
	start(w.past, appendName(nil, kindVersion, n.Bucket, n.Key))
	return w.startAfter(n, q.AfterVersion)
}

// startAfter goes on to what is older than a version of the name n, before whose
// first record the walk is. Where that is the null version and it is gone, how old
// it was is not known, and n is listed from its newest version.
func (w *versionWalk) startAfter(n object.Name, version string) error {
	counter, isID := versionCounter(version)
	if !isID && version != object.NullVersion {
		return object.E("fs.List", n.Key, object.Invalid, errors.New("malformed version id"))
	}
	var top uint64 // the newest version's counter
	current, err := recordAt(w.current, appendName(nil, kindObject, n.Bucket, n.Key))
	if err != nil {
		return err
	}
	if current != nil {
		top = current.Meta.Version.Counter
		if !isID && current.Meta.VersionID == "" {
			counter = top
		}
	}
	if c := cursorAt(w.past, appendName(nil, kindVersion, n.Bucket, n.Key)); c != nil {
		h, err := c.history()
		if err != nil {
			return err
		}
		if !isID && counter == 0 {
			counter = h.Null
		}
		if current == nil && c.it.Next() {
			if top, err = c.counter(); err != nil {
				return err
			}
		}
	}
	if counter == 0 {
		return nil
	}
	if top >= counter {
		w.name = appendName(nil, kindObject, n.Bucket, n.Key)[1:]
	}
	if current != nil && top >= counter {
		seek(w.current, append(appendName(nil, kindObject, n.Bucket, n.Key), 0))
	}
	seek(w.past, append(appendVersionKey(nil, n, counter), 0))
	return nil
}

// cursorAt returns the cursor that is at key, nil for none.
func cursorAt(all []cursor, key []byte) *cursor {
	if c := least(all); c != nil && bytes.Equal(c.it.Key(), key) {
		return c
	}
	return nil
}

// recordAt returns the record that a cursor has at key, nil for none.
func recordAt(all []cursor, key []byte) (*record, error) {
	c := cursorAt(all, key)
	if c == nil {
		return nil, nil
	}
	v, err := c.it.ValueAndErr()
	if err != nil {
		return nil, err
	}
	r := new(record)
	return r, decodeRecord(string(v), r)
}

func (c *cursor) history() (history, error) {
	v, err := c.it.ValueAndErr()
	if err != nil {
		return history{}, err
	}
	return decodeHistory(string(v))
}

// counter returns that of the version that the cursor is at.
func (c *cursor) counter() (uint64, error) {
	_, _, rest, err := parseName(c.it.Key())
	if err != nil {
		return 0, err
	}
	counter, ok, err := keyCounter(rest)
	if err == nil && !ok {
		err = errBadKey
	}
	return counter, err
}

// next returns the cursor at the next version, nil at the end: of a name the
// current one, then the others.
func (w *versionWalk) next() *cursor {
	for {
		current, past := least(w.current), least(w.past)
		switch {
		case past == nil:
			return current
		case current != nil && bytes.Compare(current.it.Key()[1:], past.it.Key()[1:]) <= 0:
			return current
		case w.isHistory(past):
			past.it.Next()
		default:
			return past
		}
	}
}

// isHistory reports whether a cursor is at a history and not at a version. A
// malformed key is none.
func (w *versionWalk) isHistory(c *cursor) bool {
	_, _, rest, err := parseName(c.it.Key())
	return err == nil && len(rest) == 0
}

// first notes the name of the version that a cursor is at and reports whether it
// is the first of that name.
func (w *versionWalk) first(c *cursor, rest []byte) bool {
	key := c.it.Key()
	name := key[1 : len(key)-len(rest)]
	if bytes.Equal(w.name, name) {
		return false
	}
	w.name = append(w.name[:0], name...)
	return true
}

// listVersions is List with q.Versions.
func (s *Store) listVersions(bucket uint64, q object.Query) (page object.Page, err error) {
	w, err := s.versionWalk(bucket, q.Prefix)
	if err != nil {
		return object.Page{}, fault("fs.List", object.Name{Key: q.Prefix}, err)
	}
	defer func() {
		if cerr := w.close(); err == nil && cerr != nil {
			err = cerr
		}
		if err != nil {
			page, err = object.Page{}, fault("fs.List", object.Name{Key: q.Prefix}, err)
		}
	}()
	if err := w.start(q); err != nil {
		return object.Page{}, err
	}
	page.Entries = make([]object.Entry, 0, min(q.Limit, 1000))
	for c := w.next(); c != nil; c = w.next() {
		_, key, rest, err := parseName(c.it.Key())
		if err != nil {
			return object.Page{}, err
		}
		if !s.lists(object.Name{Bucket: bucket, Key: key}, c) {
			c.it.Next()
			continue
		}
		if len(page.Entries) == q.Limit {
			page.Truncated = true
			break
		}
		if prefix := q.CommonPrefix(key); prefix != "" {
			page.Entries = append(page.Entries, object.Entry{Key: prefix, Prefix: true})
			seek(w.current, after(appendText(appendBucket(nil, kindObject, bucket), prefix)))
			seek(w.past, after(appendText(appendBucket(nil, kindVersion, bucket), prefix)))
			continue
		}
		e := object.Entry{Key: key, Latest: w.first(c, rest)}
		if err := c.entry(&e, q.Full); err != nil {
			return object.Page{}, err
		}
		page.Entries = append(page.Entries, e)
		c.it.Next()
	}
	return page, nil
}
