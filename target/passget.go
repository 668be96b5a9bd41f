package target

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"ais/backend"
	"ais/backend/signed"
	"ais/object"
	"ais/s3api"
)

// passGet passes a GetObject on. An object that is kept here is served once S3 has
// accepted the same signature for its first byte, and has the same object; one that
// is not is kept as it goes by.
func (t *Target) passGet(p *pass) error {
	if !p.plain() {
		return t.passAsItIs(p)
	}
	if served, err := t.passWarm(p); served || err != nil {
		return err
	}
	if p.r.Header("Range") != "" {
		return t.passAsItIs(p)
	}
	outdated, end := t.names.fetch(p.name)
	answer, err := t.ask(p, nil, 0, nil)
	if err != nil {
		end()
		return err
	}
	return t.passCold(p, answer, outdated, end)
}

// plain reports whether the request is for an object as it is, so that what is kept
// here may be the answer, or the answer be kept.
func (p *pass) plain() bool {
	if p.bucket == nil || p.Claim.Signs("range") || p.r.WireSize() != 0 {
		return false
	}
	plain := true
	p.r.EachHeader(func(name, _ string) {
		plain = plain && !s3api.IsCustomerKey(name) && !strings.EqualFold(name, "If-Range")
	})
	for _, name := range [...]string{"versionId", "partNumber", "response-content-type", "response-content-language", "response-expires",
		"response-cache-control", "response-content-disposition", "response-content-encoding"} {
		if _, there := p.r.Query(name); there {
			plain = false
		}
	}
	return plain
}

// passWarm answers from what is kept here, if that is what S3 lets the client have.
// What else S3 says is the answer too; served is false where the object is to be
// read anew.
func (t *Target) passWarm(p *pass) (served bool, err error) {
	now, err := t.store.Stat(p.name, "")
	if err != nil || !fromRemote(&now) || now.Size == 0 {
		return false, nil // whatever it is: S3 has it
	}
	answer, err := t.ask(p, nil, 0, func(h http.Header) { h.Set("Range", "bytes=0-0") })
	if err != nil {
		return false, err
	}
	switch {
	case answer.Status == http.StatusRequestedRangeNotSatisfiable:
		answer.Drop()
		return false, nil // it is empty now
	case !answer.OK():
		return true, p.relay(answer, answer.Body)
	}
	answer.Drop()
	if !sameObject(&now, answer.Header) {
		return false, nil
	}
	return t.passLocal(p, &now)
}

// sameObject reports whether S3's answer is about the object that is kept here.
func sameObject(m *object.Meta, h http.Header) bool {
	said := signed.Meta(h, 0)
	return said.ETag != "" && said.ETag == m.Custom[object.CustomETag] && (said.Version == "" || said.Version == m.Custom[object.CustomVersion])
}

// passLocal answers from here; not where that is no longer the same object. The
// conditions of the request S3 has checked.
func (t *Target) passLocal(p *pass, checked *object.Meta) (served bool, err error) {
	reader, err := t.store.Open(p.name, "")
	if err != nil {
		return false, nil // it was evicted meanwhile
	}
	meta := *reader.Meta()
	if meta.Version != checked.Version {
		reader.Close()
		return false, nil
	}
	part, err := choose(p.r, object.Cond{}, &meta)
	if err != nil {
		reader.Close()
		return true, err
	}
	if err := t.sendHere(p.r.Ctx(), reader, part.Range, p.bucket.Props.Checksum.ValidateWarmGet); err != nil {
		return true, err
	}
	if id := meta.Custom[object.CustomVersion]; id != "" {
		s3api.WriteVersion(p.r, id)
	}
	part.writeHeaders(p.r, &meta)
	return true, nil
}

// passCold relays an object and keeps it on the way.
func (t *Target) passCold(p *pass, answer *signed.Answer, outdated *atomic.Bool, end func()) error {
	if answer.Status != http.StatusOK || answer.Length < 0 || signed.ETag(answer.Header) == "" || signed.Private(answer.Header) {
		end()
		return p.relay(answer, answer.Body)
	}
	if p.bucket == nil { // somebody else has added it meanwhile
		end()
		return p.relay(answer, answer.Body)
	}
	meta := signed.Meta(answer.Header, answer.Length)
	stage := t.stage(p, answer.Length)
	if stage.w == nil {
		end()
		return p.relay(answer, answer.Body)
	}
	k := &keeping{t: t, pass: *p, from: answer.Body, left: answer.Length, meta: meta, stage: stage, outdated: outdated, end: end}
	k.call = &call{bucket: p.bucket, name: p.name} // the request will have ended
	k.sum, k.checks = stage.algorithm.New(), checksOf(&meta, p.bucket.Props.Checksum.ValidateColdGet)
	if k.left <= heldBack {
		if err := k.finish(); err != nil {
			k.Close() //nolint:errcheck // it has failed
			return err
		}
	}
	t.metrics.getBytes.Add(float64(answer.Length))
	return p.relay(answer, k)
}

// check is a digest that an object's bytes must have.
type check struct {
	hash.Hash
	want []byte
}

// checksOf returns what S3 says of the digests of an object's bytes.
func checksOf(m *backend.Meta, validate bool) (list []check) {
	if !validate {
		return nil
	}
	add := func(c object.Checksum) {
		if h := c.Algorithm.New(); h != nil {
			list = append(list, check{h, c.Value})
		}
	}
	if sum, ok := etagMD5(m); ok {
		add(object.Checksum{Algorithm: object.MD5, Value: sum})
	}
	add(m.Digest)
	return list
}

// etagMD5 returns the MD5 of an object's bytes where its ETag is that.
func etagMD5(m *backend.Meta) (sum []byte, ok bool) {
	sum, err := hex.DecodeString(m.ETag)
	return sum, err == nil && len(sum) == md5.Size && !m.Opaque
}

// keeping is an object on its way from S3 to a client, that is kept here too.
type keeping struct {
	pass
	t        *Target
	from     io.ReadCloser
	left     int64 // bytes that are to come from S3
	meta     backend.Meta
	stage    *stage
	sum      hash.Hash // by the bucket's checksum.type; nil for none
	checks   []check
	outdated *atomic.Bool
	end      func()
	tail     []byte // the rest of what is to be read
	err      error
}

// Read implements io.Reader.
func (k *keeping) Read(b []byte) (int, error) {
	if k.err == nil && k.left > 0 && k.left <= heldBack {
		k.err = k.finish()
	}
	switch {
	case k.err != nil:
		return 0, k.err
	case k.left == 0:
		n := copy(b, k.tail)
		if k.tail = k.tail[n:]; n == 0 && len(b) > 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	b = b[:min(int64(len(b)), k.left-heldBack)]
	n, err := k.from.Read(b)
	k.took(b[:n])
	if err != nil {
		k.err = broken(err)
		if n == 0 {
			return 0, k.err
		}
	}
	return n, nil
}

// broken is the error of an object that ends before its end.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return object.E("target.pass", "", object.Unavailable, io.ErrUnexpectedEOF)
	}
	return err
}

func (k *keeping) took(b []byte) {
	k.left -= int64(len(b))
	_, _ = k.stage.Write(b) // never fails
	if k.sum != nil {
		k.sum.Write(b)
	}
	for i := range k.checks {
		k.checks[i].Write(b)
	}
}

// finish reads what is left, verifies the whole, and commits it.
func (k *keeping) finish() error {
	k.tail = make([]byte, k.left)
	if _, err := io.ReadFull(k.from, k.tail); err != nil {
		return broken(err)
	}
	k.took(k.tail)
	for i := range k.checks {
		if string(k.checks[i].Sum(nil)) != string(k.checks[i].want) {
			return object.E("target.pass", k.name.Key, object.Unavailable, errors.New("S3 sent other bytes than it announced"))
		}
	}
	if k.stage.err != nil {
		return nil
	}
	kept := metaOf(&k.meta)
	if k.sum != nil {
		kept.Checksum = object.Checksum{Algorithm: k.stage.algorithm, Value: k.sum.Sum(nil)}
	}
	k.stage.commit(k.t, &k.pass, kept, func(*object.Meta) error {
		if k.outdated.Load() {
			return errOutdated
		}
		return nil
	})
	return nil
}

// Close implements io.Closer. What has not come to its end is not kept.
func (k *keeping) Close() error {
	if k.end != nil {
		k.end()
		k.end = nil
	}
	k.stage.Abort()
	return k.from.Close()
}
