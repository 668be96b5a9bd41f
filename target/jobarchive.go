package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync/atomic"

	"ais/api"
	"ais/archive"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
)

// archiveJob makes one archive of the objects that the job is about, wherever they
// are. The archive is there when all are in it, or not at all. Only its owner does it.
func (t *Target) archiveJob(ctx context.Context, j *job) error {
	b, err := t.jobBucket(j)
	if err != nil {
		return err
	}
	dest, err := t.activeBucket(j.Dest)
	if err != nil {
		return err
	}
	format, err := archive.Choose(j.Work.Archive.Format, j.Work.Archive.Key, strings.NewReader(""), 0)
	if err != nil {
		return err
	}
	keys, err := t.archiveKeys(ctx, j, b)
	if err != nil {
		return err
	}
	j.total.Store(int64(len(keys)))
	p := packing{t: t, ctx: ctx, j: j, from: b, to: dest, name: object.Name{Bucket: dest.ID, Key: j.Work.Archive.Key}, format: format, keys: keys}
	for range appendTries {
		if err = p.pack(); err == nil || !j.Work.Archive.Append || object.KindOf(err) != object.Precondition {
			return err
		}
	}
	return object.E("target.archive", p.name.Key, object.Busy, errors.New("others change the archive all the time"))
}

// archiveKeys returns the names of the job's objects, in the order in which they go
// into the archive.
func (t *Target) archiveKeys(ctx context.Context, j *job, b *cluster.Bucket) (keys []string, err error) {
	if len(j.Work.Keys) > 0 {
		return j.Work.Keys, nil
	}
	names := t.everyName(ctx, b, j.Work.Prefix)
	if j.Work.Template != "" {
		parsed, err := api.ParseTemplate(j.Work.Template)
		if err != nil {
			return nil, err
		}
		names = func(yield func(string, error) bool) {
			for key := range parsed.Names() {
				if !yield(key, nil) {
					return
				}
			}
		}
	}
	for key, err := range names {
		if err != nil {
			return nil, err
		}
		if j.Bucket == j.Dest && key == j.Work.Archive.Key {
			continue // not into itself
		}
		if keys = append(keys, key); len(keys) > api.MaxArchiveNames {
			return nil, object.E("target.archive", j.Work.Archive.Key, object.Invalid, fmt.Errorf("more than %d objects for one archive", api.MaxArchiveNames))
		}
	}
	return keys, nil
}

// everyName lists the names of a bucket, whoever owns them.
func (t *Target) everyName(ctx context.Context, b *cluster.Bucket, prefix string) iter.Seq2[string, error] {
	_, remote := b.Remote()
	here := pages(object.Query{Prefix: prefix, Limit: jobPage, Full: true}, func(m *object.Meta) bool { return !remote || !fromRemote(m) },
		func(q object.Query) (object.Page, error) { return t.everyPage(ctx, b, q) })
	if !remote {
		return here
	}
	return both(t.remoteNames(ctx, b.ID), func(string) iter.Seq2[string, error] { return here })(prefix)
}

// everyPage returns a page of what all targets have of a bucket.
func (t *Target) everyPage(ctx context.Context, b *cluster.Bucket, q object.Query) (object.Page, error) {
	wait, cancel := context.WithTimeout(ctx, t.cfg.PeerTimeout)
	defer cancel()
	all := peer.Gatherer{State: t.cluster.State, Sync: t.cluster.Sync, Changes: t.cluster.Changes}
	return all.Page(wait, b.ID, q.Limit, func(ctx context.Context, to peer.Asked, last *object.Entry, limit int) (object.Page, error) {
		q := q
		q.Limit = limit
		if last != nil {
			q.After = last.Key
		}
		return t.caller.AskPage(ctx, to.Node, peer.PathList, peer.ListRequest{Bucket: b.ID, Query: q, View: to.View})
	})
}

// packing is the making of one archive.
type packing struct {
	t      *Target
	ctx    context.Context // of the job
	j      *job
	from   *cluster.Bucket
	to     *cluster.Bucket
	name   object.Name // of the archive
	format archive.Format
	keys   []string
}

// pack fails with Precondition where the archive that is appended to has changed
// meanwhile.
func (p *packing) pack() error {
	owner := p.j.Owner
	if owner == p.to.Owner {
		owner = ""
	}
	made := object.Meta{Owner: owner, Header: object.Header{ContentType: p.format.ContentType()}}
	var old *archived
	var cond object.Cond
	if p.j.Work.Archive.Append {
		var err error
		if old, err = p.t.appendable(p.to, p.name, &Appending{Format: p.format}); err != nil {
			return err
		}
		cond.IfNoneMatch = "*"
	}
	produce := p.anew
	if old != nil {
		defer old.Close()
		cond = object.Cond{IfMatch: `"` + old.meta.ETag + `"`}
		made.Owner, made.ACL, made.Header, made.User, made.Tags = old.meta.Owner, old.meta.ACL, old.meta.Header, old.meta.User, old.meta.Tags
		produce = func(ctx context.Context, w io.Writer) error {
			return archive.Append(ctx, w, old.Archive, p.replaces(), p.add)
		}
	}
	p.j.objects.Store(0)
	p.j.bytes.Store(0)
	var failed atomic.Pointer[error] // of the objects, not of the archive
	body := newProduced(func(ctx context.Context, w io.Writer) error {
		err := produce(ctx, w)
		if err != nil {
			failed.Store(&err)
		}
		return err
	})
	defer body.Close()
	meta, err := p.t.Put(p.to, p.name, made, cond, body)
	if why := failed.Load(); err != nil && why != nil {
		return *why
	}
	if err == nil {
		p.t.metrics.putBytes.Add(float64(meta.Size))
	}
	return err
}

func (p *packing) anew(_ context.Context, w io.Writer) error {
	out, err := archive.NewWriter(w, p.format)
	if err == nil {
		err = p.add(out)
	}
	if err == nil {
		err = out.Close()
	}
	return err
}

// member returns the name of an object in the archive.
func (p *packing) member(key string) string {
	if p.j.Work.Archive.BucketName {
		return p.from.Name + "/" + key
	}
	return key
}

// replaces returns which files of an archive that is there the new ones take the place
// of.
func (p *packing) replaces() func(name string) bool {
	names := make(map[string]bool, len(p.keys))
	for _, key := range p.keys {
		names[p.member(key)] = true
	}
	return func(name string) bool { return names[name] }
}

// add puts the objects into the archive, one after the other.
func (p *packing) add(w *archive.Writer) error {
	for _, key := range p.keys {
		if p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
		size, err := p.addOne(w, key)
		switch {
		case err == nil:
			p.j.objects.Add(1)
			p.j.bytes.Add(size)
		case p.j.Work.Template != "" && object.KindOf(err) == object.NotFound: // a range may have holes
		case p.j.Work.Archive.GoOn && !errors.Is(err, errHalfWritten):
			if err := p.j.did(0, false, err); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

// errHalfWritten is why an archive cannot be gone on with.
var errHalfWritten = errors.New("an object could not be read to its end")

func (p *packing) addOne(w *archive.Writer, key string) (int64, error) {
	src, err := p.t.source(CopySource{
		Bucket: p.from, Name: object.Name{Bucket: p.from.ID, Key: key},
		Granted: func(m *object.Meta, err error) error {
			if err == nil && !readable(m, p.j.Work.Limits) {
				err = object.E("target.archive", key, object.Denied, errNotOwn)
			}
			return err
		},
	})
	if err != nil {
		return 0, named(key, err)
	}
	defer src.Close()
	m := src.Meta()
	body, err := src.Range(object.Range{Length: m.Size})
	if err != nil {
		return 0, named(key, err)
	}
	defer body.Close()
	err = w.Add(archive.Member{Name: p.member(key), Size: m.Size, Modified: m.Modified}, body)
	if err != nil && object.KindOf(err) != object.Invalid {
		err = object.E("target.archive", key, object.KindOf(err), errors.Join(errHalfWritten, err))
	}
	return m.Size, err
}

// named says of which object an error is that is to be told.
func named(key string, err error) error {
	var e *object.Error
	if errors.As(err, &e) && e.Name == key {
		return err
	}
	return object.E("target.archive", key, object.KindOf(err), err)
}
