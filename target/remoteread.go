package target

import (
	"fmt"
	"io"

	"ais/backend"
	"ais/cluster"
	"ais/fs"
	"ais/object"
)

// wish is how an object of a bucket with a remote one behind it is to be read.
type wish struct {
	version     string                                // as the remote shows it; "" is the current one
	latest      bool                                  // what is here is compared with the remote's, though the bucket does not ask for it
	sync        bool                                  // likewise, and where the remote has none, what is here goes
	header      string                                // Range, as the client sent it
	may         func(m *object.Meta, err error) error // ends the decision about the read, as Target.granted; nil allows it
	unreachable func()                                // told where what is here should have been compared and could not be; may be nil
}

func (w *wish) granted(m *object.Meta, err error) error {
	if w.may == nil {
		return err
	}
	return w.may(m, err)
}

// opened is a version of an object, open for reading: here, or on its way.
type opened struct {
	meta object.Meta
	here *fs.Reader // nil where it is not here
	cold cold       // where here is nil
}

// cold is an object that comes from a remote bucket. section returns bytes of it,
// once, as soon as the first of them are there.
type cold interface {
	section(r object.Range) (io.ReadCloser, error)
	io.Closer
}

// Close releases what was opened.
func (o *opened) Close() {
	if o.here != nil {
		o.here.Close()
		return
	}
	_ = o.cold.Close()
}

// openHere opens a version of an object in this node's own store.
func (t *Target) openHere(n object.Name, version string) (*opened, error) {
	reader, err := t.store.Open(n, version)
	if err != nil {
		return nil, err
	}
	return &opened{meta: *reader.Meta(), here: reader}, nil
}

// openTries bounds how often a read begins anew because of what others do.
const openTries = 4

// openRemote opens an object of a bucket with a remote one behind it: what is here,
// if that will do; else what comes from there, which is kept if it may be. Errors:
// those of backend.Get and fs.Open.
func (t *Target) openRemote(b *cluster.Bucket, n object.Name, w wish) (*opened, error) {
	for range openTries {
		reader, want, err := t.openKept(b, n, &w)
		switch {
		case err != nil:
			return nil, w.granted(&object.Meta{}, err)
		case reader != nil:
			return &opened{meta: *reader.Meta(), here: reader}, nil
		case w.version != "" || !t.keeps(n):
			return t.openDirect(b, n, &w)
		}
		remote, err := t.remote(b)
		if err != nil {
			return nil, err
		}
		j, again, err := t.fetching(b, n, remote, hintOf(w.header), want)
		switch {
		case err != nil:
			return nil, w.granted(&object.Meta{}, err)
		case j != nil:
			return &opened{meta: j.f.meta, cold: j}, nil
		case !again:
			return t.openDirect(b, n, &w)
		}
	}
	return t.openDirect(b, n, &w)
}

// openKept opens what is here of an object, nil where that is nothing that will do.
// want is what the remote bucket has in its place, if that is known.
func (t *Target) openKept(b *cluster.Bucket, n object.Name, w *wish) (reader *fs.Reader, want *backend.Meta, err error) {
	reader, err = t.store.Open(n, "")
	m := &object.Meta{}
	if err == nil {
		m = reader.Meta()
	} else if err = t.lacks(b, n, err); err != nil {
		return nil, nil, err
	}
	if err := w.granted(m, nil); err != nil || reader == nil {
		return nil, nil, closing(reader, err)
	}
	good, want, err := t.good(b, n, m, w)
	if err != nil || !good {
		return nil, want, closing(reader, err)
	}
	return reader, nil, nil
}

func closing(reader *fs.Reader, err error) error {
	if reader != nil {
		reader.Close()
	}
	return err
}

// lacks returns nil where err says no more than that an object is not here. One
// whose bytes are lost, but not at the remote, is evicted.
func (t *Target) lacks(b *cluster.Bucket, n object.Name, err error) error {
	switch object.KindOf(err) {
	case object.NotFound:
		return nil
	case object.Corrupt:
		if _, evictErr := t.evict(b, n, nil); evictErr == nil {
			return nil
		}
	}
	return err
}

// statRemote returns what openRemote would find: of an object that is not here, what
// the remote bucket says of it. Such metadata has no Mountpath.
func (t *Target) statRemote(b *cluster.Bucket, n object.Name, w wish) (object.Meta, error) {
	m, err := t.store.Stat(n, "")
	here := err == nil
	if !here {
		if err = t.lacks(b, n, err); err != nil {
			return object.Meta{}, w.granted(&object.Meta{}, err)
		}
		m = object.Meta{}
	}
	if err := w.granted(&m, nil); err != nil {
		return object.Meta{}, err
	}
	var want *backend.Meta
	if here {
		good, now, err := t.good(b, n, &m, &w)
		if good || err != nil {
			return m, w.failed(err)
		}
		want = now
	}
	if want == nil {
		remote, err := t.remote(b)
		if err != nil {
			return object.Meta{}, err
		}
		head, err := remote.Head(t.fetches.ctx, n.Key, w.version)
		if err != nil {
			return object.Meta{}, w.granted(&object.Meta{}, err)
		}
		want = &head
	}
	return metaOf(want), nil
}

// failed is granted where there is an error.
func (w *wish) failed(err error) error {
	if err == nil {
		return nil
	}
	return w.granted(&object.Meta{}, err)
}

// rangeRemote opens bytes of an object of a bucket with a remote one behind it, of
// the version with that ETag: Busy where it has another by now. The section closes
// what was opened.
func (t *Target) rangeRemote(b *cluster.Bucket, n object.Name, w wish, etag string, r object.Range) (*opened, io.ReadCloser, error) {
	if r.Length > 0 {
		w.header = fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+r.Length-1)
	}
	o, err := t.openRemote(b, n, w)
	if err != nil {
		return nil, nil, err
	}
	var section io.ReadCloser
	switch {
	case o.meta.ETag != etag || r.Offset+r.Length > o.meta.Size:
		err = object.E("target.read", n.Key, object.Busy, errChanged)
	case o.here != nil:
		section, err = o.here.Range(r.Offset, r.Length)
	default:
		section, err = o.cold.section(r)
	}
	if err != nil {
		o.Close()
		return nil, nil, err
	}
	return o, section, nil
}

// remoteBacked returns the bucket of that id where it has a remote one behind it.
func (t *Target) remoteBacked(id uint64) (*cluster.Bucket, bool) {
	b, ok := t.cluster.State().BucketByID(id)
	if !ok {
		return nil, false
	}
	_, ok = b.Remote()
	return b, ok
}

// open opens the version that the call names, if its sender may have the operation.
func (t *Target) open(c *call, version string) (*opened, error) {
	if _, ok := c.bucket.Remote(); ok {
		return t.openRemote(c.bucket, c.name, t.wish(c, version))
	}
	o, err := t.openHere(c.name, version)
	if err != nil {
		marker, _ := fs.Marker(err)
		return nil, t.seen(c, &marker, err)
	}
	if err := t.granted(c, &o.meta, nil); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// wish returns how the call wants its object.
func (t *Target) wish(c *call, version string) wish {
	return wish{
		version: version, header: c.r.Header("Range"),
		may:         func(m *object.Meta, err error) error { return t.seen(c, m, err) },
		unreachable: func() { c.r.SetHeader(headerRemote, remoteUnreachable) },
	}
}

// headerRemote says how an answer came about without the remote bucket.
const (
	headerRemote      = "X-Ais-Remote"
	remoteUnreachable = "unreachable" // what is here was not compared with what is there
)
