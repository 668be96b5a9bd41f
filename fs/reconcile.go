package fs

import (
	"errors"
	"os"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// reconcile brings a restored index, which is older than the blobs, up to date:
// records whose blobs are gone are dropped (the object was overwritten or
// deleted since), and objects whose blobs nothing refers to are taken in again
// from their trailers, unless the index knows a later one of the name.
// docs/format.md says what this cannot bring back.
func (m *mountpath) reconcile() error {
	x, err := m.use()
	if err != nil {
		return err
	}
	defer x.leave()
	dropped, err := m.dropDangling(x)
	if err != nil {
		return err
	}
	adopted := 0
	for dir := range 256 {
		n, err := m.adoptDir(x, byte(dir))
		adopted += n
		if err != nil {
			return err
		}
	}
	m.logger.Warn("the index was reconciled with the blobs", "dropped", dropped, "adopted", adopted)
	return x.sync()
}

// blobExists asks the file system.
func (m *mountpath) blobExists(id blobID) (bool, error) {
	f, err := m.config.OS.OpenFile("blob.stat", m.blobs.path(id), os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// dropDangling removes the records of which a blob is missing.
func (m *mountpath) dropDangling(x *index) (dropped int, err error) {
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindObject}, UpperBound: []byte{kindObject + 1}})
	if err != nil {
		return 0, err
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		bucket, key, _, err := parseName(it.Key())
		if err != nil {
			return dropped, err
		}
		t := m.soloTxn(x, object.Name{Bucket: bucket, Key: key})
		if err := t.load(); err != nil || t.old == nil {
			return dropped, err
		}
		if t.old.Payload == payloadManifest {
			if err := x.readManifest(t.key(kindBody), t.old); err != nil {
				return dropped, err
			}
		}
		for _, g := range t.old.Segments {
			there, err := m.blobExists(g.Blob)
			if err != nil {
				return dropped, err
			}
			if there {
				continue
			}
			if err = t.remove(); err == nil {
				err = t.apply(object.Process)
			}
			if err != nil {
				return dropped, err
			}
			dropped++
			break
		}
	}
	return dropped, it.Error()
}

// soloTxn is a txn before anything else runs, without a lock. Its blobs are not
// released but left to the sweep.
func (m *mountpath) soloTxn(x *index, n object.Name) *txn {
	return &txn{s: &Store{config: *m.config}, m: m, x: x, n: n, b: x.db.NewBatch(), buf: &scratch{}}
}

// adoptDir takes in the objects of a directory's unreferenced blobs.
func (m *mountpath) adoptDir(x *index, dir byte) (adopted int, err error) {
	names, err := m.config.OS.List("blobs.list", m.blobs.dir(dir))
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		id, err := parseBlobID(name)
		if err != nil {
			continue
		}
		if used, err := x.referenced(id); err != nil || used {
			if err != nil {
				return adopted, err
			}
			continue
		}
		ok, err := m.adopt(x, id)
		if err != nil {
			return adopted, err
		}
		if ok {
			adopted++
		}
	}
	return adopted, nil
}

// adopt makes a record from a blob's trailer. A blob without a good one, or of a
// part, stays an orphan.
func (m *mountpath) adopt(x *index, id blobID) (bool, error) {
	f, err := m.config.OS.OpenFile("blob.open", m.blobs.path(id), os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	end, err := readTrailer(f)
	if err != nil {
		return false, nil
	}
	var info blobInfo
	if err := decodeBlobInfo(end.Info, &info); err != nil || info.UploadID != "" {
		return false, nil
	}
	t := m.soloTxn(x, info.Name)
	if err := t.load(); err != nil {
		return false, err
	}
	if t.old != nil && !t.old.Meta.Modified.Before(info.Meta.Modified) {
		return false, nil
	}
	use, err := newUse(m.config.Rand)
	if err != nil {
		return false, err
	}
	r := &record{Meta: info.Meta, Use: use, Payload: payloadBlob, Segments: []segment{{Blob: id, Length: end.Size}}}
	r.Meta.Size = end.Size
	if err := t.hold(use, r.Segments); err != nil {
		return false, err
	}
	if err := t.set(r, nil); err != nil {
		return false, err
	}
	return true, t.apply(object.Process)
}
