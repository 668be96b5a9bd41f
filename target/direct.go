package target

import (
	"bytes"
	"io"
	"math"
	"strings"

	"ais/backend"
	"ais/cluster"
	"ais/object"
)

// direct is an object that passes through from the remote bucket and is not kept: it
// is being written, there is no room for it, or it is not the current version.
type direct struct {
	name object.Name
	got  *backend.Object // nil where no byte was asked for that exists
}

// openDirect opens an object at the remote bucket, for the bytes that w asks for.
func (t *Target) openDirect(b *cluster.Bucket, n object.Name, w *wish) (*opened, error) {
	remote, err := t.remote(b)
	if err != nil {
		return nil, err
	}
	meta, got, err := t.getDirect(remote, n.Key, w)
	if err != nil {
		return nil, w.granted(&object.Meta{}, err)
	}
	t.metrics.coldPassed.Inc()
	return &opened{meta: metaOf(&meta), cold: &direct{n, got}}, nil
}

// getDirect makes the request for the bytes that w asks for. Those that are counted
// from the end of an object need its size first, and so does the answer that none
// of the bytes exist.
func (t *Target) getDirect(remote backend.Backend, key string, w *wish) (backend.Meta, *backend.Object, error) {
	o := backend.GetOptions{Version: w.version}
	if r, ok := fromStart(w.header); ok {
		o.Range = &r
	}
	if o.Range != nil || !strings.HasPrefix(w.header, "bytes=-") {
		got, err := remote.Get(t.fetches.ctx, key, o)
		if err == nil {
			return got.Meta, got, nil
		}
		if object.KindOf(err) != object.RangeInvalid {
			return backend.Meta{}, nil, err
		}
	}
	for range openTries {
		meta, err := remote.Head(t.fetches.ctx, key, w.version)
		if err != nil {
			return backend.Meta{}, nil, err
		}
		r, _, err := object.ParseRange(w.header, meta.Size)
		if err != nil {
			return meta, nil, nil // whoever asked will say so
		}
		o.Range, o.IfMatch = &r, meta.ETag
		if r.Length == 0 {
			o.Range = nil
		}
		got, err := remote.Get(t.fetches.ctx, key, o)
		if err == nil {
			return got.Meta, got, nil
		}
		if kind := object.KindOf(err); kind != object.Precondition && kind != object.RangeInvalid {
			return backend.Meta{}, nil, err
		}
	}
	return backend.Meta{}, nil, object.E("target.get", key, object.Busy, errChanged)
}

// section implements cold.
func (d *direct) section(r object.Range) (io.ReadCloser, error) {
	switch {
	case r.Length == 0:
		return passing{io.NopCloser(bytes.NewReader(nil))}, d.Close()
	case d.got == nil || d.got.Range != r:
		return nil, object.E("target.get", d.name.Key, object.Unsupported, errNoRanges)
	}
	return passing{d.got.Body}, nil
}

// Close implements cold.
func (d *direct) Close() error {
	if d.got == nil {
		return nil
	}
	return d.got.Body.Close()
}

// passing is a body that is copied with a pooled buffer.
type passing struct{ io.ReadCloser }

// SupportsBodyWriteTo tells fasthttp that WriteTo is better than Read.
func (p passing) SupportsBodyWriteTo() bool { return true }

// WriteTo implements io.WriterTo.
func (p passing) WriteTo(w io.Writer) (int64, error) { return pour(w, p.ReadCloser) }

// fromStart returns the range that a Range header names, where that is one that is
// counted from an object's beginning, of whatever size it may be.
func fromStart(header string) (r object.Range, ok bool) {
	r, partial, err := object.ParseRange(header, math.MaxInt64)
	if err != nil || !partial || strings.HasPrefix(strings.TrimSpace(header), "bytes=-") {
		return object.Range{}, false
	}
	if r.Offset+r.Length == math.MaxInt64 { // it has no end
		r.Length = -1
	}
	return r, true
}

// hintOf returns where the bytes begin that a Range header names, as far as that is
// known.
func hintOf(header string) int64 {
	r, _ := fromStart(header)
	return r.Offset
}
