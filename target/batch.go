package target

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"ais/api"
	"ais/archive"
	"ais/auth"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

// batch is a Get-Batch that this target answers: it reads the entries that it owns,
// asks every other target for its share, all at once, and writes what comes into one
// archive, in the order asked for. What it holds of each share is bounded; a share that
// is not read from waits, by the flow control of its connection.
//
// Nobody decides here about the entries of others: each owner does, in the name of who
// asks, under the read that answers.
type batch struct {
	t       *Target
	ctx     *fasthttp.RequestCtx
	reading context.Context // ends with the answer
	cancel  context.CancelFunc
	grant   auth.Ticket
	req     api.BatchRequest
	format  archive.Format
	uuid    string

	entries []batchEntry
	shares  []shareReader // by batchEntry.share
	closed  bool
}

// batchEntry is an entry and where it comes from.
type batchEntry struct {
	share int   // index of the share that it is the next of, −1 where it has failed
	err   error // then
	size  int64 // that was announced; −1 for none
	etag  string
}

// serveBatch answers Get-Batch.
func (t *Target) serveBatch(ctx *fasthttp.RequestCtx) error {
	req, err := api.ReadBatch(ctx)
	if err != nil {
		return err
	}
	format := archive.Tar
	if req.Format != "" {
		if format, err = archive.ParseFormat(req.Format); err != nil {
			return err
		}
	}
	err = t.batches.take()
	if err == nil {
		b := &batch{t: t, ctx: ctx, grant: t.grant(ctx), req: req, format: format, uuid: uuid.NewString()}
		b.reading, b.cancel = context.WithCancel(context.Background())
		if err = b.answer(); err != nil {
			b.Close()
		}
	}
	t.metrics.batch.began(err)
	return err
}

// answer makes the batch the body of the answer, or fails before a byte of it is sent.
func (b *batch) answer() error {
	placed := b.place()
	if !b.req.Stream {
		if err := b.look(placed); err != nil {
			return err
		}
	}
	if err := b.open(placed, false); err != nil {
		return err
	}
	if b.req.Stream {
		return b.begin()
	}
	body := &batchBody{batch: b, boundary: "ais-" + uuid.NewString()}
	b.ctx.SetContentType("multipart/form-data; boundary=" + body.boundary)
	b.ctx.Response.SetBodyStream(body, -1)
	return nil
}

// placement says which target owns which entries.
type placement struct {
	nodes   []cluster.Node
	entries [][]int // of each node, indexes into the batch's
}

// place finds the bucket and the owner of each entry.
func (b *batch) place() (p placement) {
	type found struct {
		bucket *cluster.Bucket
		err    error
	}
	buckets, shares := map[[2]string]found{}, map[string]int{}
	b.entries = make([]batchEntry, len(b.req.In))
	for i := range b.req.In {
		in := &b.req.In[i]
		e := &b.entries[i]
		*e = batchEntry{share: -1, size: -1}
		name := [2]string{in.Provider, in.Bucket}
		f, ok := buckets[name]
		if !ok {
			f.bucket, f.err = b.t.bucket(object.Provider(in.Provider), in.Bucket)
			buckets[name] = f
		}
		if e.err = f.err; e.err != nil {
			continue
		}
		node, err := b.t.owner(f.bucket, object.Name{Bucket: f.bucket.ID, Key: in.Key})
		if e.err = err; err != nil {
			continue
		}
		share, ok := shares[node.ID]
		if !ok {
			share = len(p.nodes)
			shares[node.ID] = share
			p.nodes, p.entries = append(p.nodes, node), append(p.entries, nil)
		}
		e.share = share
		p.entries[share] = append(p.entries[share], i)
	}
	return p
}

// open opens every share, all at once. Only that a target has too much to do fails the
// batch; what else is wrong with one is said of each of its entries.
func (b *batch) open(p placement, stat bool) error {
	b.shares = make([]shareReader, len(p.nodes))
	errs := make([]error, len(p.nodes))
	var wg sync.WaitGroup
	for i, node := range p.nodes {
		entries := b.shareOf(p.entries[i])
		if node.ID == b.t.cfg.ID {
			b.shares[i] = &ownShare{pieces: newPieces(b.reading, b.t, b.ctx), entries: entries}
			continue
		}
		if len(entries) == 0 {
			b.shares[i] = brokenShare{node.ID}
			continue
		}
		wg.Go(func() {
			share, err := b.t.openPeerShare(b, node, peer.ShareRequest{Entries: entries, Stat: stat})
			if errs[i] = err; err != nil {
				b.shares[i] = brokenShare{node.ID}
				return
			}
			b.shares[i] = share
		})
	}
	wg.Wait()
	for i, err := range errs {
		switch {
		case err == nil:
		case object.KindOf(err) == object.Busy:
			return err
		default:
			b.t.cfg.Logger.Warn("a share of a batch cannot be had", "node", p.nodes[i].ID, "batch", b.uuid, "err", err)
		}
	}
	return nil
}

// shareOf returns the entries as their owner is asked for them, without those that are
// known to fail.
func (b *batch) shareOf(indexes []int) []peer.ShareEntry {
	entries := make([]peer.ShareEntry, 0, len(indexes))
	for _, i := range indexes {
		if b.entries[i].err != nil {
			continue
		}
		in := &b.req.In[i]
		bucket, err := b.t.bucket(object.Provider(in.Provider), in.Bucket)
		if err != nil {
			b.entries[i].err, b.entries[i].share = err, -1
			continue
		}
		entries = append(entries, peer.ShareEntry{
			Bucket: bucket.ID, Key: in.Key, ArchPath: in.ArchPath, Start: in.Start, Length: in.Length, ETag: b.entries[i].etag,
		})
	}
	return entries
}

// look finds out what will come of each entry, for an answer that says so before the
// bytes. What is found is held to: an object that is another by the time that its bytes
// are sent breaks the answer.
func (b *batch) look(p placement) error {
	if err := b.open(p, true); err != nil {
		return err
	}
	for i := range b.entries {
		e := &b.entries[i]
		got, err := b.next(i)
		if err != nil && !b.req.ContinueOnError {
			return b.failed(i, err)
		}
		if e.err = err; err != nil {
			e.share = -1
			continue
		}
		got.body.Close()
		e.size, e.etag = got.size, got.etag
	}
	b.closeShares()
	return nil
}

// next opens entry i; the entries are opened in their order, each once.
func (b *batch) next(i int) (piece, error) {
	e := &b.entries[i]
	if e.share < 0 {
		return piece{}, e.err
	}
	p, err := b.shares[e.share].next()
	if err == nil && e.size >= 0 && p.size != e.size {
		p.body.Close()
		err = object.E("target.batch", b.req.In[i].Key, object.Busy, errChanged)
	}
	return p, err
}

func (b *batch) closeShares() {
	for _, s := range b.shares {
		if s != nil {
			s.close()
		}
	}
	b.shares = nil
}

// Close implements io.Closer. It may be called twice.
func (b *batch) Close() error {
	if !b.closed {
		b.closed = true
		b.cancel()
		b.closeShares()
		b.t.batches.give()
	}
	return nil
}

// answerOf is what is said of the entries in an answer that is not streamed.
func (b *batch) answerOf() api.BatchAnswer {
	out := api.BatchAnswer{UUID: b.uuid, Out: make([]api.BatchOut, len(b.entries))}
	for i := range b.entries {
		in := &b.req.In[i]
		failure := ""
		if err := b.entries[i].err; err != nil {
			failure = api.EntryError(in, err)
		}
		out.Out[i] = in.Out(max(b.entries[i].size, 0), failure)
	}
	return out
}

// wholePiece is the size up to which the bytes of an entry are all here before it is
// begun in the archive, so that what happens to them can be told in its place.
const wholePiece = copyBuffer

// whole reads a small piece into a pooled buffer. Where there is an error nothing of it
// was written.
func whole(p piece) (content *[]byte, err error) {
	buf := buffers.Get().(*[]byte)
	if _, err := io.ReadFull(p.body, (*buf)[:p.size]); err != nil {
		buffers.Put(buf)
		return nil, err
	}
	if err := atEnd(p.body); err != nil {
		buffers.Put(buf)
		return nil, err
	}
	return buf, nil
}

// atEnd makes sure that nothing follows, and that what came is what was put in, where
// its format says so.
func atEnd(r io.Reader) error {
	var one [1]byte
	n, err := r.Read(one[:])
	if n > 0 {
		return errors.New("there is more than was said")
	}
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// add writes entry i, opened as p or failed with err, into the archive. An error breaks
// the answer.
func (b *batch) add(w *archive.Writer, i int, p piece, err error) error {
	in := &b.req.In[i]
	m := archive.Member{Name: in.Name(b.req.OnlyNames), Size: p.size, Modified: b.t.cfg.Now().UTC()}
	if err == nil {
		err = b.copy(w, m, in, p)
		torn, isTorn := errors.AsType[tornError](err)
		if isTorn {
			b.cancel() // so that nobody reads on to what comes next
		}
		if p.body.Close(); err == nil {
			return nil
		}
		if isTorn {
			return torn.error
		}
	}
	if !b.req.ContinueOnError || b.entries[i].size >= 0 && b.entries[i].err == nil { // it was said that it would come
		return b.failed(i, err)
	}
	b.t.metrics.batch.soft.Inc()
	m.Name, m.Size = api.MissingFolder+"/"+m.Name, 0
	return w.Add(m, bytes.NewReader(nil))
}

// failed is what fails the whole batch because entry i has failed with err.
func (b *batch) failed(i int, err error) error {
	in := &b.req.In[i]
	return object.E("target.batch", in.Key, object.KindOf(err), errors.New(api.EntryError(in, err)))
}

// tornError is an error after something of an entry was written.
type tornError struct{ error }

// copy writes what was opened.
func (b *batch) copy(w *archive.Writer, m archive.Member, in *api.BatchIn, p piece) error {
	from := io.Reader(p.body)
	if p.size <= wholePiece {
		content, err := whole(p)
		if err != nil {
			return err
		}
		defer buffers.Put(content)
		from = bytes.NewReader((*content)[:p.size])
	}
	if err := w.Add(m, from); err != nil {
		if object.KindOf(err) == object.Invalid && errors.As(err, new(*object.Error)) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err // nothing was written
		}
		return tornError{err}
	}
	b.t.metrics.batch.sent(in.ArchPath != "", p.size)
	return nil
}
