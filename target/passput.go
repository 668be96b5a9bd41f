package target

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"ais/backend/signed"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// passPut passes a PutObject on while its bytes come, and keeps them here if S3
// says yes. Until all of them are here and are what the client announced, the last
// one is held back: before that goes, what was kept of the object goes, and no
// other write of the name is on its way.
func (t *Target) passPut(p *pass) error {
	if p.r.WireSize() == 0 {
		return t.passEmpty(p)
	}
	body, err := p.r.Body()
	if err != nil {
		return err
	}
	staged := t.stage(p, body.Size())
	defer staged.Abort()
	out := newOutlet(p.r.WireSize())
	body.Tee(out)
	body.Want(object.MD5)
	var answer *signed.Answer
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		answer, failed = t.execute(p, out, p.r.WireSize(), nil)
		out.shut()
	}()
	select {
	case <-out.wanted:
	case <-done: // S3 wants no body
		return p.relayOr(answer, failed)
	}
	sum, err := receive(staged, body, staged.algorithm)
	if err != nil {
		out.fail(err)
		if <-done; out.refused { // S3 has said why
			return p.relayOr(answer, failed)
		}
		answer.Drop()
		return err
	}
	if p.bucket != nil {
		end := t.names.write(p.name)
		defer end()
		if err := t.forget(p); err != nil {
			out.fail(err)
			<-done
			answer.Drop()
			return err
		}
	}
	out.release()
	<-done
	if failed == nil && answer.OK() {
		t.learn(p)
		t.keepPut(p, staged, answer, sum, body.Sum(object.MD5), body.Sums())
		t.metrics.putBytes.Add(float64(body.Size()))
	}
	return p.relayOr(answer, failed)
}

// errAnswered is what a body fails with that S3 wants no more of.
var errAnswered = errors.New("the store has answered already")

func (p *pass) relayOr(answer *signed.Answer, err error) error {
	if err != nil {
		p.r.Drain()
		return err
	}
	return p.relay(answer, answer.Body)
}

// passEmpty passes a PutObject without bytes on.
func (t *Target) passEmpty(p *pass) error {
	staged := t.stage(p, 0)
	defer staged.Abort()
	if p.bucket != nil {
		end := t.names.write(p.name)
		defer end()
		if err := t.forget(p); err != nil {
			return err
		}
	}
	answer, err := t.ask(p, nil, 0, nil)
	if err != nil {
		return err
	}
	if answer.OK() {
		t.keepPut(p, staged, answer, object.Sum(staged.algorithm, nil), object.Sum(object.MD5, nil), nil)
	}
	return p.relay(answer, answer.Body)
}

// keepPut commits what was staged as what S3 now has, if that is the same as far as
// its ETag tells. That it cannot be kept is no error: it is there.
func (t *Target) keepPut(p *pass, staged *stage, answer *signed.Answer, sum, md5 object.Checksum, sums []object.Checksum) {
	meta, err := s3api.ParseMeta(p.r)
	said := signed.Meta(answer.Header, 0)
	if err != nil || p.bucket == nil || staged.w == nil || staged.err != nil || said.ETag == "" {
		return
	}
	if there, ok := etagMD5(&said); ok && !bytes.Equal(there, md5.Value) {
		t.cfg.Logger.Warn("an object is not kept: S3 says that it has other bytes", "bucket", p.bucket.URL(), "key", p.name.Key, "etag", said.ETag)
		return
	}
	said.Header, said.User, said.StorageClass = meta.Header, meta.User, meta.StorageClass
	kept := metaOf(&said)
	kept.Checksum, kept.Sums = sum, sums
	staged.commit(t, p, kept, nil)
}

// stage takes the bytes of an object for as long as there is room for them; without
// that it takes none, and the object is not kept.
type stage struct {
	w         *fs.Writer // nil where nothing is to be kept
	algorithm object.Algorithm
	err       error
}

// stage begins to keep the object that p is about.
func (t *Target) stage(p *pass, size int64) *stage {
	s := &stage{}
	private := false
	p.r.EachHeader(func(name, _ string) { private = private || s3api.IsCustomerKey(name) })
	if p.bucket == nil || private {
		return s
	}
	s.algorithm = p.bucket.Props.Checksum.Type
	if s.w, s.err = t.store.Create(p.name, writeOptions(p.bucket, size)); s.err != nil {
		s.w = nil
	}
	return s
}

// Write implements io.Writer. It does not fail.
func (s *stage) Write(b []byte) (int, error) {
	if s.w != nil && s.err == nil {
		_, s.err = s.w.Write(b)
	}
	return len(b), nil
}

// Abort forgets what was not committed.
func (s *stage) Abort() {
	if s.w != nil {
		s.w.Abort()
	}
}

// commit keeps what was staged as m, unless allowed, which may be nil, says no.
func (s *stage) commit(t *Target, p *pass, m object.Meta, allowed func(*object.Meta) error) {
	_, err := t.commit(p.bucket, func(object.Versioning) (object.Meta, error) {
		return s.w.Commit(m, fs.Terms{Versioning: object.Unversioned, If: allowed})
	})
	if err != nil && !errors.Is(err, errOutdated) {
		t.cfg.Logger.Warn("an object that S3 has is not kept", "bucket", p.bucket.URL(), "key", p.name.Key, "err", err)
	}
}

// errOutdated is why what was read is not kept.
var errOutdated = errors.New("the object was written meanwhile")

// outlet is the body of a PutObject on its way to S3: what is written to it is read
// from it, but for the last byte, which waits for release.
type outlet struct {
	*io.PipeReader
	to     *io.PipeWriter
	size   int64         // in all; −1 is not known, and the end waits
	wanted chan struct{} // closed with the first Read
	once   sync.Once
	sent   int64
	last   []byte
	// refused says that a Write failed since nobody reads any more.
	refused bool
}

func newOutlet(size int64) *outlet {
	r, w := io.Pipe()
	return &outlet{PipeReader: r, to: w, size: size, wanted: make(chan struct{})}
}

// Read implements io.Reader.
func (o *outlet) Read(b []byte) (int, error) {
	o.once.Do(func() { close(o.wanted) })
	return o.PipeReader.Read(b)
}

// Write implements io.Writer.
func (o *outlet) Write(b []byte) (int, error) {
	n := len(b)
	if o.size >= 0 && o.sent+int64(n) >= o.size {
		held := max(o.size-1-o.sent, 0)
		o.last = append(o.last, b[held:]...)
		b = b[:held]
	}
	if len(b) > 0 {
		if _, err := o.to.Write(b); err != nil {
			o.refused = true
			return 0, err
		}
	}
	o.sent += int64(n)
	return n, nil
}

// release lets the rest go.
func (o *outlet) release() {
	if _, err := o.to.Write(o.last); err == nil {
		_ = o.to.Close() // never fails
	}
}

// fail ends the body with an error, so that S3 gets no whole one.
func (o *outlet) fail(err error) { _ = o.to.CloseWithError(err) } // never fails

// shut ends the writing: nobody reads any more.
func (o *outlet) shut() { _ = o.CloseWithError(errAnswered) } // never fails
