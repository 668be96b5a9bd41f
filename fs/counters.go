package fs

import (
	"encoding/binary"
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// counters holds the number of objects and of their bytes, by bucket. The truth
// is in the index: each batch that changes what exists carries a merge of the
// differences, so a crash cannot part the two; this is the copy in memory.
type counters struct {
	mu      sync.Mutex
	buckets map[uint64]count
	total   count
}

// count is of current versions: what a listing shows.
type count struct{ objects, bytes int64 }

// minus takes off what was there before, nil for nothing.
func (n count) minus(old *record) count {
	if old == nil {
		return n
	}
	return count{n.objects - 1, n.bytes - old.Meta.Size}
}

func (c *counters) load(db *pebble.DB) error {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindCounter}, UpperBound: []byte{kindCounter + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	c.buckets = make(map[uint64]count)
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		n, ok := decodeCount(v)
		if !ok || len(it.Key()) != 9 {
			return errBadRecord
		}
		c.add(binary.BigEndian.Uint64(it.Key()[1:]), n)
	}
	return it.Error()
}

// add notes a difference that was committed.
func (c *counters) add(bucket uint64, n count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have := c.buckets[bucket]
	have.objects += n.objects
	have.bytes += n.bytes
	if have == (count{}) {
		delete(c.buckets, bucket)
	} else {
		c.buckets[bucket] = have
	}
	c.total.objects += n.objects
	c.total.bytes += n.bytes
}

func (c *counters) of(bucket uint64) count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buckets[bucket]
}

func (c *counters) all() count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// put adds a difference to a batch.
func (n count) put(b *pebble.Batch, bucket uint64) error {
	if n == (count{}) {
		return nil
	}
	var key, value [2 * binary.MaxVarintLen64]byte
	return b.Merge(appendBucket(key[:0], kindCounter, bucket), appendInt(appendInt(value[:0], n.objects), n.bytes), nil)
}

func decodeCount(v []byte) (n count, ok bool) {
	objects, i := binary.Varint(v)
	if i <= 0 {
		return n, false
	}
	bytes, j := binary.Varint(v[i:])
	return count{objects, bytes}, j > 0
}

// counterMerger adds differences up. Its name is stored in the index.
func counterMerger() *pebble.Merger {
	return &pebble.Merger{
		Name: "ais.counter.1",
		Merge: func(_, value []byte) (pebble.ValueMerger, error) {
			m := &counterSum{}
			return m, m.MergeNewer(value)
		},
	}
}

type counterSum struct{ sum count }

// MergeNewer implements pebble.ValueMerger.
func (m *counterSum) MergeNewer(value []byte) error {
	n, ok := decodeCount(value)
	if !ok {
		return errBadRecord
	}
	m.sum.objects += n.objects
	m.sum.bytes += n.bytes
	return nil
}

// MergeOlder implements pebble.ValueMerger.
func (m *counterSum) MergeOlder(value []byte) error { return m.MergeNewer(value) }

// Finish implements pebble.ValueMerger.
func (m *counterSum) Finish(bool) ([]byte, io.Closer, error) {
	return appendInt(appendInt(nil, m.sum.objects), m.sum.bytes), nil, nil
}
