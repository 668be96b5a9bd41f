package target

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"ais/backend"
	"ais/cluster"
	"ais/fs"
	"ais/object"
)

// Sizes of a fetch, in bytes, and its bounds.
const (
	fetchAlign   = 1 << 20  // where requests begin, so that block checksums need no second look
	heldBack     = 64 << 10 // of the end of an object, until it is verified and kept
	fetchWorkers = 8        // requests of one fetch at the same time …
	urgentMost   = 16       // … and besides these, for bytes that readers wait for
	extraMost    = 64       // requests of all fetches beyond the first of each
	bringTries   = 8        // of one request in a row that bring less than fetchAlign
)

// getter is where a fetch gets its bytes from: a backend.Backend, or the remote
// bucket as somebody else's signature opens it.
type getter interface {
	Get(ctx context.Context, key string, o backend.GetOptions) (*backend.Object, error)
}

// errChanged is why a fetch ends whose object was replaced at the remote meanwhile.
var errChanged = errors.New("the object has changed in the remote bucket while it was read")

// errNoRanges is why a fetch fails at a store that does not read ranges.
var errNoRanges = errors.New("the store has answered with another range than was asked for")

// fetch brings one version of an object here, for everybody who wants it. What has
// come can be read at once. It goes on when nobody reads any more.
//
// It begins with one request, for the beginning of the object or for what its first
// reader wants; what that does not bring comes by parallel requests for ranges of
// the version that the first has found.
type fetch struct {
	t        *Target
	bucket   *cluster.Bucket
	name     object.Name
	from     getter
	outdated *atomic.Bool  // what comes is not to be kept
	leave    func()        // the name's other users
	began    chan struct{} // closed when remote is known, or err
	ended    chan struct{} // closed when it is all over

	// Set before began is closed, and then constant.
	remote backend.Meta
	meta   object.Meta
	filler *fs.Filler // nil where it could not begin

	ctx     context.Context    // of the requests
	cancel  context.CancelFunc // likewise
	workers sync.WaitGroup
	atRest  object.Checksum // when verified

	mu      sync.Mutex // guards the rest
	spans   spans
	readers map[*joined]struct{}
	normal  int           // workers
	urgent  int           // workers, of urgentMost
	done    bool          // verified, and kept if it may be
	err     error         // why it has failed
	keptErr error         // why it was not kept
	changed chan struct{} // closed at the next change of the above; nil where nobody waits
	users   int           // of the filler
}

// run is the fetch from beginning to end.
func (f *fetch) run(hint int64) {
	defer f.t.fetches.running.Done()
	err := f.begin(hint)
	if err == nil {
		err = f.verify()
	}
	if err != nil {
		f.fail(err)
	}
	f.cancel()
	f.workers.Wait()
	var keptErr error
	if err == nil {
		keptErr = f.keep()
	}
	f.end(err, keptErr)
}

// begin makes the first request, and starts those that it leaves work for.
func (f *fetch) begin(hint int64) error {
	defer close(f.began)
	first, err := f.first(hint)
	if err != nil {
		f.fail(err)
		return err
	}
	f.remote, f.meta = first.Meta, metaOf(&first.Meta)
	f.filler, err = f.t.store.Fill(f.name, writeOptions(f.bucket, f.meta.Size))
	if err != nil {
		first.Body.Close()
		f.fail(err)
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users++
	f.spans.size = f.meta.Size
	if first.Range.Length == 0 {
		first.Body.Close()
		return nil
	}
	s := f.spans.take(first.Range.Offset, first.Range.Offset+first.Range.Length)
	f.start(worker{}, s, first)
	f.grow()
	return nil
}

// first makes the request that the fetch begins with. An object without bytes has
// no range, and one that ends before hint is begun at its beginning.
func (f *fetch) first(hint int64) (*backend.Object, error) {
	r := object.Range{Offset: hint - hint%fetchAlign, Length: f.t.cfg.FetchChunk}
	got, err := f.from.Get(f.ctx, f.name.Key, backend.GetOptions{Range: &r})
	if object.KindOf(err) == object.RangeInvalid && err != nil && r.Offset > 0 {
		r.Offset = 0
		got, err = f.from.Get(f.ctx, f.name.Key, backend.GetOptions{Range: &r})
	}
	if err != nil && object.KindOf(err) == object.RangeInvalid {
		got, err = f.from.Get(f.ctx, f.name.Key, backend.GetOptions{})
	}
	return got, err
}

// worker brings one chunk after the other.
type worker struct {
	urgent bool // it brings one, besides the others
	extra  bool // it holds one of the node's tokens
}

// start has another worker bring s, by the request that was made already, if one
// was, and then what else is to be brought.
func (f *fetch) start(w worker, s *span, first *backend.Object) {
	if w.urgent {
		f.urgent++
	} else {
		f.normal++
	}
	f.workers.Go(func() {
		for s != nil {
			if err := f.bring(s, first); err != nil {
				f.fail(err)
			}
			first = nil
			s = f.next(w, s)
		}
	})
}

// next ends the work on s and returns what the worker is to bring after it; nil
// where that is nothing.
func (f *fetch) next(w worker, s *span) *span {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spans.join(s)
	if w.urgent {
		f.urgent--
		return nil
	}
	if s = f.choose(); s != nil {
		f.grow()
		return s
	}
	f.normal--
	if w.extra {
		<-f.t.fetches.extra
	}
	return nil
}

// grow starts workers as long as there is something to bring and this node has
// room for more requests.
func (f *fetch) grow() {
	for f.normal < fetchWorkers {
		select {
		case f.t.fetches.extra <- struct{}{}:
		default:
			return
		}
		s := f.choose()
		if s == nil {
			<-f.t.fetches.extra
			return
		}
		f.start(worker{extra: true}, s, nil)
	}
}

// choose asks for a chunk: the one that the reader who is nearest to it will come
// to, else the first.
func (f *fetch) choose() *span {
	if f.err != nil {
		return nil
	}
	from, to, ok := f.spans.gap(0)
	if !ok {
		return nil
	}
	nearest := int64(-1)
	for r := range f.readers {
		if r.pos >= r.end {
			continue
		}
		a, b, ok := f.spans.gap(r.pos)
		if ok && a < r.end && (nearest < 0 || a-r.pos < nearest) {
			nearest, from, to = a-r.pos, a, b
		}
	}
	return f.take(from, to)
}

// take asks for a chunk of the gap between from and to: from the last place before
// from where requests begin that is in the gap.
func (f *fetch) take(from, to int64) *span {
	from = max(f.gapBegin(from), from-from%fetchAlign)
	end := from + f.t.cfg.FetchChunk
	return f.spans.take(from, min(to, end-end%fetchAlign))
}

// gapBegin returns where the gap begins that has pos.
func (f *fetch) gapBegin(pos int64) int64 {
	if i := f.spans.after(pos); i > 0 {
		return f.spans.list[i-1].end
	}
	return 0
}

// hurry has the byte at pos, which a reader waits for, brought at once. Where a
// request brings it that has far to go, patient says that this is good enough.
func (f *fetch) hurry(pos int64, patient bool) {
	if f.err != nil || f.done || f.urgent >= urgentMost {
		return
	}
	s := f.spans.at(pos)
	switch {
	case s == nil:
		_, to, _ := f.spans.gap(pos)
		s = f.take(pos, to)
	case patient || pos-s.claimed < fetchAlign:
		return
	default:
		s = f.spans.split(s, max(s.claimed, pos-pos%fetchAlign))
	}
	f.start(worker{urgent: true}, s, nil)
}

// bring brings what s lacks, first by a request that was made already, if one was.
// It tries again what failed, as long as there is progress.
func (f *fetch) bring(s *span, body *backend.Object) error {
	progress, mark, tries := time.Now(), f.got(s), 0
	for {
		err := f.bringOnce(s, body)
		if err == nil || !transient(err) || f.ctx.Err() != nil {
			return err
		}
		body = nil
		now := f.got(s)
		if now > mark {
			progress = time.Now()
		}
		if now-mark >= fetchAlign {
			tries = 0
		}
		mark = now
		if tries++; tries >= bringTries || time.Since(progress) >= f.t.cluster.State().Config.Backend.Timeout {
			return err
		}
		if !pause(f.ctx, tries) {
			return err
		}
	}
}

// pause waits before a try that is not the first: twice as long for each, and not
// everybody for the same time.
func pause(ctx context.Context, tries int) bool {
	most := min(50*time.Millisecond<<tries, 2*time.Second)
	timer := time.NewTimer(most/2 + rand.N(most/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// transient reports whether a failure of the remote may be over at the next try.
func transient(err error) bool {
	var ours localError
	if errors.As(err, &ours) || errors.Is(err, errChanged) {
		return false
	}
	kind := object.KindOf(err)
	return kind == object.Unavailable || kind == object.Busy || kind == object.Internal
}

// localError is a failure of this node's own store.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

func (f *fetch) got(s *span) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return s.got
}

// bringOnce brings what s lacks by one request.
func (f *fetch) bringOnce(s *span, body *backend.Object) error {
	if body == nil {
		f.mu.Lock()
		r := object.Range{Offset: s.got, Length: s.end - s.got}
		f.mu.Unlock()
		var err error
		if body, err = f.more(r); err != nil {
			return err
		}
	}
	defer body.Body.Close()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := body.Body.Read(*buf)
		complete, putErr := f.put(s, (*buf)[:n])
		switch {
		case putErr != nil:
			return localError{putErr}
		case complete:
			return nil
		case err != nil: // io.EOF too
			return object.E("target.fetch", f.name.Key, object.Unavailable, err)
		}
	}
}

// more makes a request for other bytes of the version that the first one found.
func (f *fetch) more(r object.Range) (*backend.Object, error) {
	got, err := f.from.Get(f.ctx, f.name.Key, backend.GetOptions{Range: &r, IfMatch: f.remote.ETag})
	switch {
	case err != nil && object.KindOf(err) == object.Precondition:
		return nil, object.E("target.fetch", f.name.Key, object.Busy, errChanged)
	case err != nil:
		return nil, err
	case got.Meta.ETag != f.remote.ETag || got.Meta.Size != f.remote.Size:
		got.Body.Close()
		return nil, object.E("target.fetch", f.name.Key, object.Busy, errChanged)
	case got.Range.Offset != r.Offset:
		got.Body.Close()
		return nil, object.E("target.fetch", f.name.Key, object.Unsupported, errNoRanges)
	}
	return got, nil
}

// put writes what came for s; complete says that s needs no more.
func (f *fetch) put(s *span, p []byte) (complete bool, err error) {
	f.mu.Lock()
	off := s.got
	p = p[:min(int64(len(p)), s.end-off)]
	s.claimed = off + int64(len(p))
	filler := f.filler
	f.mu.Unlock()
	if len(p) > 0 {
		if _, err := filler.WriteAt(p, off); err != nil {
			return false, err
		}
		f.t.metrics.coldBytes.Add(float64(len(p)))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s.got = off + int64(len(p))
	if len(p) > 0 {
		f.wake()
	}
	return s.complete(), nil
}

// wake tells those who wait that something has changed.
func (f *fetch) wake() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// change returns what the next wake closes.
func (f *fetch) change() <-chan struct{} {
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.changed
}

// fail ends the fetch, which must not have ended. Who comes from now on makes one of
// his own: what has failed may be over.
func (f *fetch) fail(err error) {
	f.t.fetches.remove(f)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
		f.cancel()
		f.wake()
	}
}

// keep commits what has come, and was verified, unless it is outdated.
func (f *fetch) keep() error {
	remote, _ := f.bucket.Remote()
	gate := func() error {
		now, ok := f.t.cluster.State().BucketByID(f.bucket.ID)
		if !ok {
			return object.E("target.fetch", f.name.Key, object.NoSuchBucket, nil)
		}
		if name, ok := now.Remote(); !ok || name != remote || now.Props.Remote != f.bucket.Props.Remote || f.outdated.Load() {
			return object.E("target.fetch", f.name.Key, object.Busy, errChanged)
		}
		if !f.t.mayKeep(now, f.name) {
			return object.E("target.fetch", f.name.Key, object.Busy, errElsewhere)
		}
		return nil
	}
	m := f.meta
	m.Checksum = f.atRest
	_, err := f.t.commit(f.bucket, func(object.Versioning) (object.Meta, error) {
		return f.filler.Commit(m, fs.Terms{Gate: gate, If: mayReplace, Versioning: object.Unversioned})
	})
	return err
}

// mayReplace says whether what is here may make way for what the remote bucket has:
// not what only we have.
func mayReplace(now *object.Meta) error {
	if now != nil && !fromRemote(now) {
		return object.E("target.fetch", "", object.Busy, errLocalOnly)
	}
	return nil
}

// end says to everybody what came of the fetch, and lets go of the name.
func (f *fetch) end(err, keptErr error) {
	switch {
	case err != nil:
		f.t.fetchFailed(f, err)
	case keptErr != nil:
		f.t.metrics.coldUnkept.Inc()
		f.t.cfg.Logger.Log(context.Background(), levelOf(keptErr), "a remote object was read and is not kept", "bucket", f.bucket.Name, "key", f.name.Key, "err", keptErr)
		f.filler.Abort()
	default:
		f.t.metrics.coldCount.Inc()
	}
	if f.filler != nil && err != nil {
		f.filler.Abort()
	}
	f.t.fetches.remove(f)
	f.leave()
	f.mu.Lock()
	f.done, f.keptErr = err == nil, keptErr
	f.wake()
	f.mu.Unlock()
	close(f.ended)
	if f.filler != nil {
		f.release()
	}
}

// release ends a use of the filler.
func (f *fetch) release() {
	f.mu.Lock()
	f.users--
	last := f.users == 0
	f.mu.Unlock()
	if last {
		f.filler.Close()
	}
}
