package fs

import (
	"errors"
	"hash"
	"sync"

	"ais/object"
)

// blockSums computes the checksums of a blob's blocks while its bytes are written
// in any order. A block whose bytes come one run after the other, from its start
// on, is hashed as they come, so that they need not be read again; any other one is
// read back at the end.
type blockSums struct {
	size   int64
	hashes *sync.Pool // of hash.Hash64

	mu    sync.Mutex // guards the rest
	sums  []uint64
	state []blockState
	open  map[int64]*openBlock // of those that are hashing or scattered
}

type blockState byte

const (
	blockEmpty     blockState = iota // nothing was written
	blockHashing                     // written from its start on
	blockScattered                   // to be read back
	blockDone                        // its sum is known
)

// openBlock is a block of which not all was written, or not in order.
type openBlock struct {
	hash    hash.Hash64 // nil unless it is hashing
	next    int64       // offset in the blob of what it lacks next
	taken   bool        // by a goroutine that hashes
	written int64       // bytes that came, those that came twice counted twice
}

func newBlockSums(size int64, hashes *sync.Pool) *blockSums {
	n := (size + blockSize - 1) / blockSize
	return &blockSums{size: size, hashes: hashes, sums: make([]uint64, n), state: make([]blockState, n), open: make(map[int64]*openBlock)}
}

// end returns where block i ends.
func (b *blockSums) end(i int64) int64 { return min((i+1)*blockSize, b.size) }

// wrote notes that p is in the blob at off.
func (b *blockSums) wrote(p []byte, off int64) {
	for len(p) > 0 {
		i := off / blockSize
		part := p[:min(int64(len(p)), b.end(i)-off)]
		if o := b.take(i, off, len(part)); o != nil {
			o.hash.Write(part)
			b.put(i, o, int64(len(part)))
		}
		p, off = p[len(part):], off+int64(len(part))
	}
}

// failed notes that a write at off failed, and so left nobody knows what.
func (b *blockSums) failed(n int, off int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := off / blockSize; i*blockSize < off+int64(n); i++ {
		b.scatter(i)
	}
}

// take returns the block for the caller to hash n bytes at off with, and then to
// put; nil where they are not what it lacks next.
func (b *blockSums) take(i, off int64, n int) *openBlock {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.open[i]
	if b.state[i] == blockEmpty && off == i*blockSize {
		o = &openBlock{hash: b.hashes.Get().(hash.Hash64), next: off}
		o.hash.Reset()
		b.open[i], b.state[i] = o, blockHashing
	}
	if b.state[i] == blockHashing && !o.taken && o.next == off {
		o.taken = true
		return o
	}
	b.scatter(i).written += int64(n)
	return nil
}

// put gives back a block of which n more bytes were hashed.
func (b *blockSums) put(i int64, o *openBlock, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.taken = false
	o.next += n
	o.written += n
	switch {
	case b.state[i] != blockHashing: // somebody else wrote to it meanwhile
	case o.next < b.end(i):
		return
	default:
		b.sums[i], b.state[i] = o.hash.Sum64(), blockDone
		delete(b.open, i)
	}
	b.hashes.Put(o.hash)
	o.hash = nil
}

// scatter makes block i one to be read back.
func (b *blockSums) scatter(i int64) *openBlock {
	o := b.open[i]
	if o == nil {
		o = &openBlock{}
		if b.state[i] == blockDone { // and is written once more
			o.written = b.end(i) - i*blockSize
		}
		b.open[i] = o
	}
	b.state[i] = blockScattered
	if o.hash != nil && !o.taken {
		b.hashes.Put(o.hash)
		o.hash = nil
	}
	return o
}

// finish returns the sums of all blocks; f is read for those that did not come in
// order. Incomplete where bytes were never written.
func (b *blockSums) finish(f File, buf []byte) ([]uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.state {
		at := int64(i) * blockSize
		o := b.open[int64(i)]
		switch {
		case b.state[i] == blockDone:
			continue
		case b.state[i] != blockScattered || o.written < b.end(int64(i))-at:
			return nil, object.E("fs.Filler", "", object.Incomplete, errors.New("not every byte was written"))
		}
		h := b.hashes.Get().(hash.Hash64)
		err := hashRange(h, f, at, b.end(int64(i)), buf)
		b.sums[i], b.state[i] = h.Sum64(), blockDone
		b.hashes.Put(h)
		if err != nil {
			return nil, err
		}
	}
	return b.sums, nil
}
