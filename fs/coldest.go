package fs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Idle is an object that may be evicted.
type Idle struct {
	Name     object.Name
	Size     int64
	Accessed time.Time // of the last read; where none is known, of the last write
}

// Coldest returns at most n objects of the buckets on the mountpath with that
// directory, those first that were not read for longest. Where only is not nil, it
// chooses: it sees the current version's metadata without Parts, with Accessed as
// in Idle. Coldest walks the buckets' part of the index and keeps no more than 2n
// objects in memory. Errors: NotFound for the mountpath, Unavailable where it is
// failed, and the context's.
func (s *Store) Coldest(ctx context.Context, dir string, buckets []uint64, n int, only func(bucket uint64, m *object.Meta) bool) ([]Idle, error) {
	all := s.layout.Load().all
	i := slices.IndexFunc(all, func(m *mountpath) bool { return m.dir == dir })
	if i < 0 {
		return nil, object.E("fs.Coldest", dir, object.NotFound, fmt.Errorf("there is no mountpath %s", dir))
	}
	m := all[i]
	x, err := m.use()
	if err != nil {
		return nil, fault("fs.Coldest", object.Name{}, err)
	}
	defer x.leave()
	c := coldest{most: max(n, 1), only: only}
	for _, bucket := range buckets {
		if err := c.walk(ctx, m, x, bucket); err != nil {
			return nil, fault("fs.Coldest", object.Name{Bucket: bucket}, err)
		}
	}
	c.cut()
	return c.found[:min(len(c.found), max(n, 0))], nil
}

// coldest collects the objects with the earliest access.
type coldest struct {
	most  int
	only  func(uint64, *object.Meta) bool
	found []Idle
	limit time.Time // no object as late as that is wanted; zero while there is room
}

// cut leaves the coldest, in order.
func (c *coldest) cut() {
	slices.SortFunc(c.found, func(a, b Idle) int {
		return cmp.Or(a.Accessed.Compare(b.Accessed), cmp.Compare(a.Name.Bucket, b.Name.Bucket), cmp.Compare(a.Name.Key, b.Name.Key))
	})
	if len(c.found) >= c.most {
		c.found = c.found[:c.most]
		c.limit = c.found[c.most-1].Accessed
	}
}

func (c *coldest) wants(at time.Time) bool { return c.limit.IsZero() || at.Before(c.limit) }

// walk looks at the objects of a bucket. Their access times are in the same order
// in the index, so one walk goes along with the other.
func (c *coldest) walk(ctx context.Context, m *mountpath, x *index, bucket uint64) (err error) {
	objects, err := x.walk(kindObject, bucket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, objects.Close()) }()
	reads, err := x.walk(kindAccess, bucket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reads.Close()) }()
	reads.First()
	for objects.First(); objects.Valid(); objects.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.look(m, objects, reads); err != nil {
			return err
		}
	}
	return errors.Join(objects.Error(), reads.Error())
}

// walk opens an iterator over the keys of one kind in a bucket.
func (x *index) walk(kind byte, bucket uint64) (*pebble.Iterator, error) {
	low := appendBucket(nil, kind, bucket)
	return x.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: after(bytes.Clone(low))})
}

// look takes the object that a walk is at, if it is wanted. The whole record is
// decoded only then.
func (c *coldest) look(m *mountpath, it, reads *pebble.Iterator) error {
	bucket, key, _, err := parseName(it.Key())
	if err != nil {
		return err
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	var r record
	if err := decodeHead(string(v[:min(len(v), maxHead)]), &r.Meta); err != nil {
		return err
	}
	n := object.Name{Bucket: bucket, Key: key}
	at := m.accessedAlong(reads, it.Key(), n)
	if at.IsZero() {
		at = r.Meta.Modified
	}
	if !c.wants(at) {
		return nil
	}
	if c.only != nil {
		if err := decodeRecord(string(v), &r); err != nil {
			return err
		}
		meta := m.result(&r)
		if meta.Accessed = at; !c.only(bucket, &meta) {
			return nil
		}
	}
	c.found = append(c.found, Idle{Name: n, Size: r.Meta.Size, Accessed: at})
	if len(c.found) >= 2*c.most {
		c.cut()
	}
	return nil
}
