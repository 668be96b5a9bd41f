package target

import (
	"crypto/rand"
	"io"
	"sync"

	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// Payload is the bytes of an object on their way in. Its Read fails at the end
// where the bytes are not what was announced, so a bad payload is never
// committed; a buffer that was read into must stay as it is until the next Read.
type Payload interface {
	io.Reader
	Size() int64                          // bytes announced
	Want(object.Algorithm)                // before the first Read: Sum will be asked for
	Sum(object.Algorithm) object.Checksum // after the end
	Sums() []object.Checksum              // those to be stored with the object
}

// servePut answers PutObject.
func (t *Target) servePut(c *call) error {
	meta, err := s3api.ParseMeta(c.r)
	if err != nil {
		return err
	}
	if err := t.describe(c, &meta); err != nil {
		return err
	}
	cond, err := s3api.ParseCond(c.r)
	if err != nil {
		return err
	}
	body, err := c.r.Body()
	if err != nil {
		return err
	}
	meta, err = t.Put(c.bucket, c.name, meta, cond, body)
	if err != nil {
		return err
	}
	t.metrics.putBytes.Add(float64(meta.Size))
	c.newVersion(&meta)
	s3api.WriteETag(c.r, meta.ETag)
	s3api.WriteSums(c.r, meta.Sums, 0)
	t.showExpiry(c, &meta)
	return nil
}

// Put stores what p delivers as the object's new version, if cond holds when it
// is committed, and returns what was stored.
func (t *Target) Put(b *cluster.Bucket, n object.Name, m object.Meta, cond object.Cond, p Payload) (object.Meta, error) {
	if w, err := t.through(b); err != nil {
		return object.Meta{}, err
	} else if w != nil {
		return w.put(n, m, cond, p)
	}
	if cond.Any() { // spare the transfer where the outcome is certain already
		if err := t.mayWrite(n, cond); err != nil {
			return object.Meta{}, err
		}
	}
	w, err := t.store.Create(n, writeOptions(b, p.Size()))
	if err != nil {
		return object.Meta{}, err
	}
	defer w.Abort()
	if m.Checksum, err = receive(w, p, b.Props.Checksum.Type); err != nil {
		return object.Meta{}, err
	}
	m.ETag = etag(m.Checksum)
	m.Sums = p.Sums()
	return t.commit(b, func(v object.Versioning) (object.Meta, error) {
		return w.Commit(m, fs.Terms{Cond: cond, Versioning: v})
	})
}

// mayWrite checks cond against what is there now.
func (t *Target) mayWrite(n object.Name, cond object.Cond) error {
	now, err := t.store.Stat(n, "")
	switch {
	case err == nil:
		return cond.CheckWrite(&now)
	case object.KindOf(err) == object.NotFound:
		return cond.CheckWrite(nil)
	}
	return err
}

// writeOptions are the bucket's rules for a write of size bytes (−1: not known).
func writeOptions(b *cluster.Bucket, size int64) fs.WriteOptions {
	return fs.WriteOptions{Size: size, Durability: b.Props.Durability, Checksum: b.Props.Checksum.Type}
}

// etag returns the ETag that goes with a checksum at rest.
func etag(c object.Checksum) string {
	if c.Algorithm != object.NoChecksum {
		return object.ETagOf(c, nil)
	}
	var unique [8]byte
	rand.Read(unique[:]) // never fails (crypto/rand)
	return object.ETagOf(c, unique[:])
}

// copyBuffer is the size of the one buffer that a transfer costs.
const copyBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}

// receive copies p to w and returns the checksum of algorithm a, the zero value
// for NoChecksum.
func receive(w io.Writer, p Payload, a object.Algorithm) (object.Checksum, error) {
	if a != object.NoChecksum {
		p.Want(a)
	}
	if all, ok := p.(io.WriterTo); ok {
		if _, err := all.WriteTo(w); err != nil || a == object.NoChecksum {
			return object.Checksum{}, err
		}
		return p.Sum(a), nil
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := p.Read(*buf)
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return object.Checksum{}, err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return object.Checksum{}, err
		}
	}
	if a == object.NoChecksum {
		return object.Checksum{}, nil
	}
	return p.Sum(a), nil
}
