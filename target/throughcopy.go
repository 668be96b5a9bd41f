package target

import (
	"context"
	"errors"
	"maps"

	"ais/backend"
	"ais/object"
)

// errMoveBytes is why a copy is not the store's.
var errMoveBytes = errors.New("the bytes have to be moved")

// copy is Copy for an object of another remote bucket of the same store, or of the
// same one: the store does it. The copy is not kept here, since its bytes are not.
// errMoveBytes where the bytes have to pass through here.
func (w *through) copy(req *CopyRequest) (_ object.Meta, from string, err error) {
	copier, ok := w.remote.(backend.Copier)
	source, err := w.copiesFrom(req)
	if err != nil {
		return object.Meta{}, "", err
	}
	if !ok || source == nil {
		return object.Meta{}, "", errMoveBytes
	}
	src, err := source.remote.Head(context.Background(), req.Source.Name.Key, req.Source.Version)
	seen := metaOf(&src)
	if err = req.Source.Granted(&seen, err); err != nil {
		return object.Meta{}, "", err
	}
	if err := req.SourceCond.CheckCopy(&seen); err != nil {
		return object.Meta{}, "", err
	}
	if src.Size > object.MaxPutSize { // more than a store copies at once
		return object.Meta{}, "", errMoveBytes
	}
	meta, err := w.copyThere(req, copier, source.name, &src)
	return meta, src.Version, err
}

// copiesFrom returns the remote bucket that the store can copy from for req; nil
// where it cannot, or the object may be one that the remote does not have.
func (w *through) copiesFrom(req *CopyRequest) (*through, error) {
	from := req.Source.Bucket
	if req.Algorithm != object.NoChecksum || req.ReplaceTags && len(req.Tags) == 0 {
		return nil, nil // to be computed; not to be said to a store
	}
	source, err := w.through(from)
	if err != nil || source == nil {
		return nil, err
	}
	there, here := w.remoteConfig(source.name, from.Props.Remote), w.remoteConfig(w.name, w.bucket.Props.Remote)
	there.Bucket, there.PartSize = here.Bucket, here.PartSize
	if there != here || !w.onlyRemote(&req.Source) {
		return nil, nil
	}
	return source, nil
}

// onlyRemote reports whether it is certain that the source is the remote's object,
// and not one that was put into its bucket before that stood for a remote one.
func (t *Target) onlyRemote(from *CopySource) bool {
	if from.Bucket.Provider == object.AWS {
		return true
	}
	owner, err := t.owner(from.Bucket, from.Name)
	if err != nil || owner.ID != t.cfg.ID {
		return false
	}
	now, err := t.store.Stat(from.Name, "")
	return err == nil && fromRemote(&now) || absent(err)
}

// copyThere has the store copy src of the bucket from.
func (w *through) copyThere(req *CopyRequest, copier backend.Copier, from string, src *backend.Meta) (object.Meta, error) {
	meta := req.describe(&src.Meta)
	var told *object.Meta // nil: as the source has it
	if req.Replace || req.ReplaceTags || req.StorageClass != "" {
		if !req.Replace {
			meta.User = maps.Clone(metaOf(src).User)
		}
		meta.Checksum, told = src.Digest, &meta
	}
	turn, err := w.take(req.Name, req.Cond)
	if err != nil {
		return object.Meta{}, err
	}
	defer turn.end()
	there, err := copier.Copy(context.Background(), from, req.Source.Name.Key, src.Version, req.Name.Key, told)
	if err != nil {
		if object.KindOf(err) == object.Unsupported {
			err = errMoveBytes
		}
		return object.Meta{}, err
	}
	meta.Size = src.Size
	return w.described(meta, &there), turn.notKept()
}
