package target

import (
	"encoding/hex"
	"fmt"
	"hash"

	"ais/backend"
	"ais/object"
)

// verify follows the bytes as they come, in their order, until it has seen all, and
// compares their digests with what is known of them. Corrupt where they differ.
func (f *fetch) verify() error {
	var expect []object.Checksum
	if f.bucket.Props.Checksum.ValidateColdGet {
		expect = digestsOf(&f.remote)
	}
	hashes := map[object.Algorithm]hash.Hash{}
	for _, c := range append(expect, object.Checksum{Algorithm: f.bucket.Props.Checksum.Type}) {
		if h := c.Algorithm.New(); h != nil {
			hashes[c.Algorithm] = h
		}
	}
	if err := f.digest(hashes); err != nil {
		return err
	}
	for _, want := range expect {
		if got := hashes[want.Algorithm].Sum(nil); string(got) != string(want.Value) {
			return object.E("target.fetch", f.name.Key, object.Corrupt,
				fmt.Errorf("the %s of what the remote bucket sent is %x, of the object %x", want.Algorithm, got, want.Value))
		}
	}
	if h := hashes[f.bucket.Props.Checksum.Type]; h != nil {
		f.atRest = object.Checksum{Algorithm: f.bucket.Props.Checksum.Type, Value: h.Sum(nil)}
	}
	return nil
}

// digestsOf returns what is known of an object's content: its MD5, where the ETag is
// that, and what AIS has noted.
func digestsOf(m *backend.Meta) []object.Checksum {
	var known []object.Checksum
	if sum, err := hex.DecodeString(m.ETag); err == nil && len(sum) == object.MD5.New().Size() && !m.Opaque {
		known = append(known, object.Checksum{Algorithm: object.MD5, Value: sum})
	}
	if h := m.Digest.Algorithm.New(); h != nil && len(m.Digest.Value) == h.Size() && !m.Digest.Composite {
		known = append(known, m.Digest)
	}
	return known
}

// digest gives all bytes of the object to the hashes.
func (f *fetch) digest(hashes map[object.Algorithm]hash.Hash) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for pos := int64(0); pos < f.meta.Size; {
		n, err := f.await(pos)
		if err != nil {
			return err
		}
		if len(hashes) == 0 {
			pos += n
			continue
		}
		piece := (*buf)[:min(n, int64(len(*buf)))]
		if _, err := f.filler.ReadAt(piece, pos); err != nil {
			return localError{err}
		}
		for _, h := range hashes {
			h.Write(piece)
		}
		pos += int64(len(piece))
	}
	return nil
}

// await waits until there are bytes at pos, and returns how many.
func (f *fetch) await(pos int64) (int64, error) {
	for {
		f.mu.Lock()
		n, err := f.spans.ready(pos), f.err
		if err != nil || n > 0 {
			f.mu.Unlock()
			return n, err
		}
		changed := f.change()
		f.mu.Unlock()
		select {
		case <-changed:
		case <-f.ctx.Done():
			return 0, object.E("target.fetch", f.name.Key, object.Unavailable, f.ctx.Err())
		}
	}
}
