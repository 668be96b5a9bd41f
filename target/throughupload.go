package target

import (
	"context"
	"errors"
	"strconv"

	"ais/backend"
	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// An upload to a bucket that is written to through is one at the remote as well,
// whose id and bucket are noted in Custom. A part is received, sent to the remote
// and then committed with the ETag that the remote gave it, so that a list of
// parts means the same bytes here and there.

// errUploadMoved is why an upload can only be aborted.
var errUploadMoved = errors.New("the bucket stands for another remote bucket, or for none, since the upload was begun: abort it and begin again")

// throughUpload is through for an upload, with the remote's id of it. Invalid
// where the bucket was not what it is now when the upload was begun.
func (t *Target) throughUpload(b *cluster.Bucket, u *object.Upload) (w *through, id string, err error) {
	if w, err = t.through(b); err != nil {
		return nil, "", err
	}
	id = u.Meta.Custom[object.CustomUpload]
	if w == nil && id != "" || w != nil && (id == "" || u.Meta.Custom[object.CustomBucket] != w.name) {
		return nil, "", object.E("target.upload", u.Name.Key, object.Invalid, errUploadMoved)
	}
	return w, id, nil
}

// begin begins the remote's upload, and then, by here, the one here.
func (w *through) begin(u *object.Upload, here func() error) error {
	uploads := w.remote.Uploads()
	id, err := uploads.Begin(context.Background(), u.Name.Key, u.Meta)
	if err != nil {
		return err
	}
	u.Meta.Custom = map[string]string{object.CustomUpload: id, object.CustomBucket: w.name}
	u.Meta.Tags, u.Meta.ACL = nil, ""
	if err = here(); err != nil {
		w.abandon(uploads, u.Name, id)
	}
	return err
}

// abandon ends a remote upload that nobody will ask for.
func (w *through) abandon(uploads backend.Uploads, n object.Name, id string) {
	if err := uploads.Abort(context.Background(), n.Key, id); err != nil {
		w.cfg.Logger.Warn("an upload was left behind at the remote bucket", "bucket", w.name, "key", n.Key, "upload", id, "err", err)
	}
}

// putPart sends a part that was received into staged to the remote, and commits it.
// Writes of one part take turns, so that the last one there is the last one here.
func (w *through) putPart(u *object.Upload, id string, part object.Part, staged *fs.Writer) (_ object.Part, err error) {
	defer w.parts.write(object.Name{Bucket: u.Name.Bucket, Key: u.ID + "/" + strconv.Itoa(part.Number)})()
	size := staged.Size()
	if part.ETag, err = w.remote.Uploads().Put(context.Background(), u.Name.Key, id, part.Number, bodyFrom(staged, size), size); err != nil {
		return object.Part{}, err
	}
	return staged.CommitPart(part)
}

// complete is Complete of an upload that has not ended here. The remote decides
// about the sizes of the parts.
func (w *through) complete(u *object.Upload, id string, listed []object.Listed, announced s3api.Completion, cond object.Cond) (object.Meta, error) {
	chosen, err := w.chosen(u, listed)
	if err != nil {
		return object.Meta{}, err
	}
	m, err := assembled(u, chosen, announced)
	if err != nil {
		return object.Meta{}, err
	}
	turn, err := w.take(u.Name, cond)
	if err != nil {
		return object.Meta{}, err
	}
	defer turn.end()
	there, err := w.completeThere(u.Name, id, chosen, turn.cond)
	if err != nil {
		return object.Meta{}, err
	}
	m = w.described(m, &there)
	kept, err := turn.keep(m, func(m object.Meta) (object.Meta, error) {
		same := func([]object.Part, object.Upload) (object.Meta, error) { return m, nil }
		return w.store.Publish(u.Name, u.ID, listed, 0, same, fs.Terms{Versioning: object.Unversioned}, w.bucket.Props.Durability)
	})
	if err == nil && !turn.kept { // nothing refers to the parts any more
		w.discard(u)
	}
	return kept, err
}

// discard removes an upload here.
func (w *through) discard(u *object.Upload) {
	if err := w.store.Discard(u.Name, u.ID); err != nil && object.KindOf(err) != object.NoSuchUpload {
		w.cfg.Logger.Warn("the parts of an upload that is complete could not be removed", "bucket", w.bucket.Name, "key", u.Name.Key, "err", err)
	}
}

// chosen returns the parts that are listed.
func (w *through) chosen(u *object.Upload, listed []object.Listed) ([]object.Part, error) {
	have, _, err := w.store.Parts(u.Name, u.ID, 0, object.MaxParts)
	if err != nil {
		return nil, err
	}
	return object.CheckParts(listed, have, 0)
}

// completeThere completes the remote's upload. Where that has happened before, and
// only its end was not seen here, the object that it made is there.
func (w *through) completeThere(n object.Name, id string, parts []object.Part, cond object.Cond) (backend.Meta, error) {
	listed := make([]object.Listed, len(parts))
	for i, p := range parts {
		listed[i] = object.Listed{Number: p.Number, ETag: p.ETag}
	}
	there, err := w.remote.Uploads().Complete(context.Background(), n.Key, id, listed, cond)
	if err == nil || object.KindOf(err) != object.NoSuchUpload {
		return there, err
	}
	there, headErr := w.remote.Head(context.Background(), n.Key, "")
	if headErr != nil || there.ETag != object.MultipartETag(parts) || there.Size != sizeOf(parts) {
		return backend.Meta{}, err
	}
	return there, nil
}

// abortThere ends the remote's upload, if u has one and its remote bucket can still
// be known.
func (t *Target) abortThere(b *cluster.Bucket, u *object.Upload) error {
	id := u.Meta.Custom[object.CustomUpload]
	if id == "" {
		return nil
	}
	remote, err := t.remoteNamed(u.Meta.Custom[object.CustomBucket], b.Props.Remote)
	if err == nil {
		err = remote.Uploads().Abort(context.Background(), u.Name.Key, id)
	}
	switch {
	case err == nil:
		return nil
	case object.KindOf(err) == object.NoSuchBucket, object.KindOf(err) == object.NoSuchUpload, object.KindOf(err) == object.Unsupported:
		return nil // nothing is left there, or nothing can be done about it from here
	}
	return err
}
