package target

import (
	"context"
	"fmt"
	"io"

	"ais/archive"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// piece is the bytes that answer one entry of a batch.
type piece struct {
	size int64
	etag string // of the object
	body io.ReadCloser
}

// pieces opens the entries of a batch that this target owns, one at a time, in the
// name of who sends the request. Close it at the end.
//
// Entries that follow each other are often files of one archive. So it is kept open,
// and which of its files are wanted is found in one go.
type pieces struct {
	t     *Target
	ctx   *fasthttp.RequestCtx
	read  context.Context // ends reads of archives
	shard *openShard
}

// openShard is an archive that was opened for an entry.
type openShard struct {
	*archived
	bucket uint64
	key    string
	files  map[string]archive.Member // that lie in it as they are; by name asked for
}

func newPieces(read context.Context, t *Target, ctx *fasthttp.RequestCtx) *pieces {
	return &pieces{t: t, ctx: ctx, read: read}
}

// Close releases what is kept open.
func (p *pieces) Close() {
	if p.shard != nil {
		p.shard.Close()
		p.shard = nil
	}
}

// open opens an entry; ahead are those that follow it. The caller closes the piece
// before it opens another. Errors: those of a GET of the object or file, and
// RangeInvalid where not all of the range is there.
func (p *pieces) open(e *peer.ShareEntry, ahead []peer.ShareEntry) (piece, error) {
	b, err := p.t.bucketByID(e.Bucket)
	if err != nil {
		return piece{}, err
	}
	if e.ArchPath != "" {
		return p.openFile(b, e, ahead)
	}
	o, err := p.object(b, e)
	if err != nil {
		return piece{}, err
	}
	r, err := rangeOf(e, o.meta.Size)
	if err != nil {
		o.Close()
		return piece{}, err
	}
	body, err := o.section(r, b.Props.Checksum.ValidateWarmGet)
	if err != nil {
		return piece{}, err
	}
	return piece{size: r.Length, etag: o.meta.ETag, body: body}, nil
}

// object opens the object that the entry names.
func (p *pieces) object(b *cluster.Bucket, e *peer.ShareEntry) (o *opened, err error) {
	n := object.Name{Bucket: b.ID, Key: e.Key}
	may := func(m *object.Meta, err error) error {
		return p.t.access.Allowed(p.ctx, "s3:GetObject", b, e.Key, m, err)
	}
	if _, ok := b.Remote(); ok {
		o, err = p.t.openRemote(b, n, wish{header: headerOf(e), may: may})
	} else if o, err = p.t.openHere(n, ""); err != nil {
		return nil, may(&object.Meta{}, err)
	} else if err = may(&o.meta, nil); err != nil {
		o.Close()
	}
	if err != nil {
		return nil, err
	}
	if e.ETag != "" && e.ETag != o.meta.ETag {
		o.Close()
		return nil, object.E("target.batch", e.Key, object.Busy, errChanged)
	}
	return o, nil
}

// headerOf is the entry's range as a header; "" for one in a file of an archive.
func headerOf(e *peer.ShareEntry) string {
	switch {
	case e.ArchPath != "" || e.Start == 0 && e.Length <= 0:
		return ""
	case e.Length < 0:
		return fmt.Sprintf("bytes=%d-", e.Start)
	}
	return fmt.Sprintf("bytes=%d-%d", e.Start, e.Start+e.Length-1)
}

// rangeOf returns the bytes that the entry asks for of size. All of them must be
// there: who asks relies on their number.
func rangeOf(e *peer.ShareEntry, size int64) (object.Range, error) {
	switch {
	case e.Length > 0 && e.Length <= size && e.Start <= size-e.Length:
		return object.Range{Offset: e.Start, Length: e.Length}, nil
	case e.Length <= 0 && (e.Start == 0 || e.Start < size):
		return object.Range{Offset: e.Start, Length: size - e.Start}, nil
	}
	return object.Range{}, object.E("target.batch", e.Key, object.RangeInvalid, fmt.Errorf("it has %d bytes", size))
}

// section returns bytes of what was opened. It closes it, at once where there is an
// error.
func (o *opened) section(r object.Range, validate bool) (io.ReadCloser, error) {
	open := func(off, n int64) (io.ReadCloser, error) {
		if validate {
			return o.here.Validated(off, n)
		}
		return o.here.Range(off, n)
	}
	if o.here == nil {
		open = func(off, n int64) (io.ReadCloser, error) { return o.cold.section(object.Range{Offset: off, Length: n}) }
	}
	section, err := open(r.Offset, r.Length)
	if err != nil {
		o.Close()
		return nil, err
	}
	return section, nil
}

// openFile opens a file in an archive.
func (p *pieces) openFile(b *cluster.Bucket, e *peer.ShareEntry, ahead []peer.ShareEntry) (piece, error) {
	s := p.shard
	if s == nil || s.bucket != e.Bucket || s.key != e.Key || e.ETag != "" && s.meta.ETag != e.ETag {
		var err error
		if s, err = p.openShard(b, e, ahead); err != nil {
			return piece{}, err
		}
	}
	out := piece{etag: s.meta.ETag}
	if m, ok := s.files[e.ArchPath]; ok {
		r, err := rangeOf(e, m.Size)
		if err != nil {
			return piece{}, err
		}
		out.size = r.Length
		out.body = io.NopCloser(io.NewSectionReader(s.source, m.Offset+r.Offset, r.Length))
		return out, nil
	}
	f, err := s.Find(p.read, e.ArchPath)
	if err != nil {
		return piece{}, err
	}
	r, err := rangeOf(e, f.Size)
	if err != nil {
		f.Close()
		return piece{}, err
	}
	body := &memberBody{archived: &archived{}, file: f, left: r.Length}
	if err := body.skip(r.Offset); err != nil {
		body.Close()
		return piece{}, err
	}
	out.size, out.body = r.Length, body
	return out, nil
}

// openShard opens the archive that the entry names and makes it the one that is kept.
func (p *pieces) openShard(b *cluster.Bucket, e *peer.ShareEntry, ahead []peer.ShareEntry) (*openShard, error) {
	p.Close()
	n := object.Name{Bucket: b.ID, Key: e.Key}
	a, err := p.t.openArchive(b, n, "", func() (*opened, error) { return p.object(b, e) })
	if err != nil {
		return nil, err
	}
	s := &openShard{archived: a, bucket: e.Bucket, key: e.Key}
	p.shard = s
	wanted := map[string]bool{}
	for i := range ahead {
		if ahead[i].Bucket != e.Bucket || ahead[i].Key != e.Key {
			break
		}
		wanted[ahead[i].ArchPath] = true
	}
	if len(wanted) == 0 || a.Format() != archive.Tar {
		return s, nil
	}
	wanted[e.ArchPath] = true
	if s.files, err = filesIn(p.read, a, wanted); err != nil {
		return nil, err
	}
	return s, nil
}

// filesIn returns which of the files wanted lie in a tar as they are. What is damaged
// behind them is not looked at.
func filesIn(ctx context.Context, a *archived, wanted map[string]bool) (map[string]archive.Member, error) {
	files, left := map[string]archive.Member{}, len(wanted)
	err := a.Each(ctx, func(m archive.Member, _ func() (*archive.File, error)) (bool, error) {
		for _, name := range archive.Spellings(m.Name) {
			if wanted[name] {
				wanted[name] = false // the first of a name
				left--
				if m.Offset >= 0 {
					files[name] = m
				}
			}
		}
		return left > 0, nil
	})
	if object.KindOf(err) == object.Invalid && err != nil {
		err = nil // who asks for a file that was not found learns it
	}
	return files, err
}
