package target

import (
	"context"
	"errors"
	"io"

	"ais/archive"
	"ais/cluster"
	"ais/fs"
	"ais/object"
)

// Appending is a file that is to be put into an archive.
type Appending struct {
	Member archive.Member
	Body   Payload
	Format archive.Format // of the archive; 0 for what its name or content says
	Owner  string         // of an archive that is made
	Must   bool           // there has to be an archive
	Anew   bool           // an archive that is there is not looked at
}

// appendTries bounds how often an archive is written because others have changed it:
// each time it was somebody else's turn, so as many may append at once.
const appendTries = 64

// Append stores a new version of the archive, with one file more; it takes the place
// of one of the same name. The archive is made where there is none. Nothing is seen
// before all is there, and of two that append at a time both files are in it.
// Errors: NotFound, Invalid, Busy, those of Put.
func (t *Target) Append(b *cluster.Bucket, n object.Name, p Appending) (object.Meta, error) {
	staged, err := t.store.Create(n, fs.WriteOptions{Size: p.Member.Size, Checksum: b.Props.Checksum.Type})
	if err != nil {
		return object.Meta{}, err
	}
	defer staged.Abort()
	if _, err := receive(staged, p.Body, object.NoChecksum); err != nil {
		return object.Meta{}, err
	}
	for range appendTries {
		meta, err := t.appendOnce(b, n, &p, staged)
		if err == nil || object.KindOf(err) != object.Precondition {
			return meta, err
		}
	}
	return object.Meta{}, object.E("target.append", n.Key, object.Busy, errors.New("others change the archive all the time"))
}

// appendOnce fails with Precondition where the archive has changed meanwhile.
func (t *Target) appendOnce(b *cluster.Bucket, n object.Name, p *Appending, staged *fs.Writer) (object.Meta, error) {
	old, err := t.appendable(b, n, p)
	if err != nil {
		return object.Meta{}, err
	}
	add := func(w *archive.Writer) error { return w.Add(p.Member, bodyFrom(staged, p.Member.Size)) }
	if old == nil {
		return t.appendFirst(b, n, p, add)
	}
	defer old.Close()
	meta := old.meta.Clone()
	meta.Checksum, meta.Sums, meta.Parts, meta.Custom = object.Checksum{}, nil, nil, nil
	meta.VersionID = ""
	meta.Modified = t.cfg.Now().UTC()
	replaced := func(name string) bool { return archive.Same(name, p.Member.Name) }
	body := newProduced(func(ctx context.Context, w io.Writer) error {
		return archive.Append(ctx, w, old.Archive, replaced, add)
	})
	defer body.Close()
	return t.Put(b, n, meta, object.Cond{IfMatch: `"` + old.meta.ETag + `"`}, body)
}

// appendable opens the archive that is there, nil for none.
func (t *Target) appendable(b *cluster.Bucket, n object.Name, p *Appending) (*archived, error) {
	if p.Anew {
		return nil, nil
	}
	mime := ""
	if p.Format != 0 {
		mime = p.Format.String()
	}
	old, err := t.openArchive(b, n, mime, func() (*opened, error) {
		if _, ok := b.Remote(); ok {
			return t.openRemote(b, n, wish{})
		}
		return t.openHere(n, "")
	})
	if kind := object.KindOf(err); err != nil && !p.Must && (kind == object.NotFound || kind == object.DeleteMarked) {
		return nil, nil
	}
	return old, err
}

// appendFirst makes the archive.
func (t *Target) appendFirst(b *cluster.Bucket, n object.Name, p *Appending, add func(*archive.Writer) error) (object.Meta, error) {
	format := p.Format
	if format == 0 {
		var ok bool
		if format, ok = archive.ByName(n.Key); !ok {
			return object.Meta{}, object.E("target.append", n.Key, object.Invalid, errors.New("say by archmime, or by the name's extension, what kind of archive it is to be"))
		}
	}
	body := newProduced(func(_ context.Context, w io.Writer) error {
		out, err := archive.NewWriter(w, format)
		if err == nil {
			err = add(out)
		}
		if err == nil {
			err = out.Close()
		}
		return err
	})
	defer body.Close()
	cond := object.Cond{IfNoneMatch: "*"}
	if p.Anew {
		cond = object.Cond{}
	}
	return t.Put(b, n, object.Meta{Owner: p.Owner}, cond, body)
}

// produced is a Payload that is made while it is read. Its size is known at the end.
type produced struct {
	stream
	from   *io.PipeReader
	cancel context.CancelFunc
	gone   chan struct{} // closed when nothing is made any more
	ended  bool
}

// newProduced returns what produce writes. The caller closes it.
func newProduced(produce func(ctx context.Context, w io.Writer) error) *produced {
	ctx, cancel := context.WithCancel(context.Background())
	from, to := io.Pipe()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		out := newGathered(to)
		defer out.release()
		err := produce(ctx, out)
		if err == nil {
			err = out.Flush()
		}
		to.CloseWithError(err)
	}()
	return &produced{from: from, cancel: cancel, gone: gone}
}

// Size implements Payload: −1 before the end.
func (p *produced) Size() int64 {
	if !p.ended {
		return -1
	}
	return p.read
}

// Read implements io.Reader.
func (p *produced) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.read += int64(n)
	for _, h := range p.hashes {
		h.hash.Write(b[:n])
	}
	p.ended = p.ended || err == io.EOF
	return n, err
}

// Close ends what produces. What it reads from may be closed afterwards.
func (p *produced) Close() {
	p.cancel()
	p.from.CloseWithError(io.ErrClosedPipe)
	<-p.gone
}
