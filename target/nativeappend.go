package target

import (
	"context"
	"errors"
	"strconv"
	"time"

	"ais/api"
	"ais/cluster"
	"ais/fs"
	"ais/object"
)

// An append is an upload that nobody sees: each call brings a part, from number 2
// on, and the flush completes it with the object as it is then as part 1, whose
// bytes are shared. A handle is the upload's id and the number of the next part, so
// that a call that is sent again with its handle brings the same part again.

// appendLife is how long an append that is not gone on with is kept.
const appendLife = 24 * time.Hour

var (
	errAppendRemote = errors.New("an object of a remote bucket is written as a whole: append needs a bucket of the cluster's own")
	errAppendAgain  = errors.New("other bytes were appended with this handle: go on with the handle of the last answer")
	errAppendLong   = errors.New("an append takes at most " + strconv.Itoa(object.MaxParts-1) + " pieces: flush it, and begin another")
)

// nativeExtend takes bytes that are to follow the object's, and makes them its own
// at the flush.
func (t *Target) nativeExtend(c *nativeCall) error {
	if _, remote := c.bucket.Remote(); remote {
		return object.E("target.append", c.name.Key, object.Unsupported, errAppendRemote)
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	h := c.asks.Append
	if h.ID == "" {
		if h.Flush && body.Size() == 0 {
			return object.E("target.append", api.QueryAppendHandle, object.Invalid, errors.New("a flush needs the handle of what is to be flushed"))
		}
		u, err := t.CreateUpload(c.bucket, object.Upload{
			Name: c.name, Meta: object.Meta{Owner: t.ownerNative(c), Custom: map[string]string{object.CustomAppend: "true"}},
		})
		if err != nil {
			return err
		}
		h.ID = u.ID
	}
	if body.Size() != 0 {
		size, err := t.appendPart(c.bucket, c.name, h, body)
		if err != nil {
			return err
		}
		t.metrics.putBytes.Add(float64(size))
		h.Next++
	}
	if !h.Flush {
		api.SetAppendHandle(&c.ctx.Response.Header, h)
		return nil
	}
	meta, err := t.Flush(c.bucket, c.name, h.ID, h.Next)
	if err != nil {
		return err
	}
	info := api.NewObjectInfo(api.BucketOf(c.bucket), c.name.Key, &meta, t.cfg.ID)
	api.SetObjectHeaders(&c.ctx.Response.Header, &info)
	return nil
}

// appending returns the append of that id.
func (t *Target) appending(n object.Name, id string) (object.Upload, error) {
	u, err := t.store.Upload(n, id)
	if err == nil && u.Meta.Custom[object.CustomAppend] == "" {
		err = object.E("target.append", n.Key, object.NoSuchUpload, nil)
	}
	return u, err
}

// appendPart stores a piece. Where the handle has brought one before, it has to be
// the same.
func (t *Target) appendPart(b *cluster.Bucket, n object.Name, h api.AppendHandle, p Payload) (int64, error) {
	u, err := t.appending(n, h.ID)
	if err != nil {
		return 0, err
	}
	if h.Next > object.MaxParts {
		return 0, object.E("target.append", n.Key, object.Invalid, errAppendLong)
	}
	defer t.parts.write(object.Name{Bucket: n.Bucket, Key: u.ID + "/" + strconv.Itoa(h.Next)})()
	w, err := t.store.CreatePart(n, u.ID, h.Next, writeOptions(b, p.Size()))
	if err != nil {
		return 0, err
	}
	defer w.Abort()
	sum, err := receive(w, p, b.Props.Checksum.Type)
	if err != nil {
		return 0, err
	}
	before, _, err := t.store.Parts(n, u.ID, h.Next-1, 1)
	if err != nil {
		return 0, err
	}
	if len(before) > 0 {
		old := before[0]
		if old.Number > h.Next || old.Size != w.Size() || sum.Algorithm == object.NoChecksum || string(old.Checksum.Value) != string(sum.Value) {
			return 0, object.E("target.append", n.Key, object.Conflict, errAppendAgain)
		}
		return old.Size, nil
	}
	part, err := w.CommitPart(object.Part{Number: h.Next, ETag: etag(sum), Checksum: sum})
	return part.Size, err
}

// flushTries bounds how often a flush begins anew because the object was written
// meanwhile.
const flushTries = 10

// Flush makes what was appended, in parts up to the one before next, the end of the
// object, or all of it where there is none. It may be called again where it is not
// known what came of the call before.
func (t *Target) Flush(b *cluster.Bucket, n object.Name, id string, next int) (meta object.Meta, err error) {
	if _, err := t.appending(n, id); object.KindOf(err) == object.NoSuchUpload && err != nil {
		return t.flushed(b, n, id, next)
	} else if err != nil {
		return object.Meta{}, err
	}
	for range flushTries {
		if meta, err = t.flush(b, n, id, next); err == nil || object.KindOf(err) != object.Precondition {
			return meta, err
		}
	}
	return object.Meta{}, object.E("target.append", n.Key, object.Busy, nil)
}

// appendedParts lists the parts of an append.
func appendedParts(next int, withOld bool) (listed []object.Listed) {
	first := 2
	if withOld {
		first = 1
	}
	for number := first; number < next; number++ {
		listed = append(listed, object.Listed{Number: number, Any: true})
	}
	return listed
}

// flush is one try. Precondition where the object was written meanwhile.
func (t *Target) flush(b *cluster.Bucket, n object.Name, id string, next int) (object.Meta, error) {
	old, err := t.store.Stat(n, "")
	found := err == nil
	if err != nil && object.KindOf(err) != object.NotFound {
		return object.Meta{}, err
	}
	if next == api.FirstAppend { // nothing was appended
		return t.flushNothing(b, n, id, old, found)
	}
	same := func(now *object.Meta) error {
		switch {
		case now == nil && !found:
			return nil
		case now == nil || !found:
			return object.Precondition
		}
		return sameWrite(now, &old)
	}
	withOld := found && old.Size > 0
	if withOld {
		all := object.Range{Length: old.Size}
		_, err := t.store.CopyPart(n, "", all, n, id, 1, func(now *object.Meta) error { return same(now) }, nil, writeOptions(b, old.Size))
		if err != nil && object.KindOf(err) == object.NotFound {
			err = object.Precondition
		}
		if err != nil {
			return object.Meta{}, err
		}
	}
	finish := func(parts []object.Part, u object.Upload) (object.Meta, error) {
		m := object.Meta{Owner: u.Meta.Owner}
		if found {
			m = old.Clone()
			m.Modified, m.Checksum, m.Sums, m.Custom = time.Time{}, object.Checksum{}, nil, object.OwnCustom(old.Custom)
			m.Version, m.VersionID = object.Version{}, ""
		}
		if withOld {
			parts[0].ETag = old.ETag // its bytes were not read
		}
		m.ETag, m.Size = object.MultipartETag(parts), sizeOf(parts)
		return m, nil
	}
	return t.commit(b, func(v object.Versioning) (object.Meta, error) {
		return t.store.Publish(n, id, appendedParts(next, withOld), 0, finish, fs.Terms{If: same, Versioning: v}, b.Props.Durability)
	})
}

// flushNothing ends an append that brought nothing: the object stays as it is, or
// is made empty where there is none.
func (t *Target) flushNothing(b *cluster.Bucket, n object.Name, id string, old object.Meta, found bool) (object.Meta, error) {
	if !found {
		u, err := t.appending(n, id)
		if err != nil {
			return object.Meta{}, err
		}
		old, err = t.Put(b, n, object.Meta{Owner: u.Meta.Owner}, object.Cond{IfNoneMatch: "*"}, newStream(nil, 0, nil))
		if err != nil {
			return object.Meta{}, err
		}
	}
	return old, t.store.Discard(n, id)
}

// flushed answers the flush of an append that is not there any more as the first
// one was answered; NoSuchUpload where there was none.
func (t *Target) flushed(b *cluster.Bucket, n object.Name, id string, next int) (meta object.Meta, err error) {
	none := func([]object.Part, object.Upload) (object.Meta, error) {
		return object.Meta{}, object.E("target.append", n.Key, object.NoSuchUpload, nil)
	}
	for _, withOld := range []bool{true, false} {
		meta, err = t.store.Publish(n, id, appendedParts(next, withOld), 0, none, fs.Terms{}, b.Props.Durability)
		if err == nil || object.KindOf(err) != object.NoSuchUpload {
			return meta, err
		}
	}
	return meta, err
}

// dropAppends removes the appends in a bucket that were begun and not gone on with.
func (t *Target) dropAppends(ctx context.Context, b *cluster.Bucket, now time.Time) error {
	q := object.Query{Limit: lifecyclePage}
	for marker := ""; ctx.Err() == nil; {
		page, err := t.store.Uploads(b.ID, q, marker)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if e.Meta.Custom[object.CustomAppend] == "" {
				continue
			}
			if err := t.dropAppend(object.Name{Bucket: b.ID, Key: e.Key}, e.UploadID, e.Meta.Modified, now); err != nil {
				return err
			}
		}
		if !page.Truncated {
			return nil
		}
		last := page.Entries[len(page.Entries)-1]
		q.After, marker = last.Key, last.UploadID
	}
	return nil
}

// dropAppend removes an append of which no part is younger than appendLife.
func (t *Target) dropAppend(n object.Name, id string, latest, now time.Time) error {
	parts, _, err := t.store.Parts(n, id, 0, object.MaxParts)
	for _, p := range parts {
		if p.Modified.After(latest) {
			latest = p.Modified
		}
	}
	if err == nil && now.Sub(latest) > appendLife {
		err = t.store.Discard(n, id)
	}
	if err != nil && object.KindOf(err) == object.NoSuchUpload { // it was flushed meanwhile
		return nil
	}
	return err
}
