package fs

import (
	"errors"
	"os"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// reconcile brings a restored index, which is older than the blobs, up to date:
// records whose blobs are gone are dropped (the object was overwritten or
// deleted since), and objects whose blobs nothing refers to are taken in again
// from their trailers, unless the index knows a later one of the name.
// docs/format.md says what this cannot bring back.
func (s *Store) reconcile(m *mountpath) error {
	x, err := m.use()
	if err != nil {
		return err
	}
	defer x.leave()
	moved, err := s.dropForeign(m, x)
	if err != nil {
		return err
	}
	dropped, err := m.dropDangling(x)
	if err != nil {
		return err
	}
	adopted := 0
	for dir := range 256 {
		n, err := s.adoptDir(m, x, byte(dir))
		adopted += n
		if err != nil {
			return err
		}
	}
	m.logger.Warn("the index was reconciled with the blobs", "moved", moved, "dropped", dropped, "adopted", adopted)
	return x.sync()
}

// belongs reports whether a name may be on the mountpath.
func (s *Store) belongs(m *mountpath, n object.Name) bool {
	return slices.Contains(s.layout.Load().by(n.Bucket).places(n.Digest()), m)
}

// dropForeign removes the names that were moved to other mountpaths since the copy
// of the index was made.
func (s *Store) dropForeign(m *mountpath, x *index) (dropped int, err error) {
	l := s.layout.Load()
	for _, kind := range placedKinds() {
		for from := []byte{kind}; from != nil; {
			var names []object.Name
			if names, from, err = m.strays(l, from, kind); err != nil {
				return dropped, err
			}
			for _, n := range names {
				if s.belongs(m, n) {
					continue
				}
				e, err := x.gather(n)
				if err == nil && e != nil {
					err = s.wipe(m, x, e)
				}
				if err != nil {
					return dropped, err
				}
				dropped++
			}
		}
	}
	return dropped, nil
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

// dropDangling removes the versions of which a blob is missing: those that are
// not current first, so that one which takes the place of another is whole.
func (m *mountpath) dropDangling(x *index) (dropped int, err error) {
	for _, kind := range []byte{kindVersion, kindObject} {
		n, err := m.dropDanglingOf(x, kind)
		dropped += n
		if err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

func (m *mountpath) dropDanglingOf(x *index, kind byte) (dropped int, err error) {
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return 0, err
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		bucket, key, rest, err := parseName(it.Key())
		if err != nil {
			return dropped, err
		}
		if _, version, err := keyCounter(rest); err != nil || kind == kindVersion && !version {
			if err != nil {
				return dropped, err
			}
			continue
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return dropped, err
		}
		r := new(record)
		if err := decodeRecord(string(v), r); err != nil {
			return dropped, err
		}
		gone, err := m.dropIfDangling(x, object.Name{Bucket: bucket, Key: key}, r)
		if err != nil {
			return dropped, err
		}
		if gone {
			dropped++
		}
	}
	return dropped, it.Error()
}

// dropIfDangling removes the version r if a blob of it is missing.
func (m *mountpath) dropIfDangling(x *index, n object.Name, r *record) (dropped bool, err error) {
	t := m.soloTxn(x, n)
	if r.Payload == payloadManifest {
		if err := x.readManifest(t.bodyKey(r), r); err != nil {
			return false, err
		}
	}
	for _, g := range r.Segments {
		there, err := m.blobExists(g.Blob)
		if err != nil {
			return false, err
		}
		if there {
			continue
		}
		if err := t.load(); err != nil {
			return false, err
		}
		now, err := t.named(object.ShownVersion(r.Meta.VersionID))
		if err != nil {
			return false, err
		}
		if err := t.erase(now); err != nil {
			return false, err
		}
		return true, t.apply(object.Process)
	}
	return false, nil
}

// soloTxn is a txn before anything else runs, without a lock. Its blobs are not
// released but left to the sweep.
func (m *mountpath) soloTxn(x *index, n object.Name) *txn {
	return &txn{s: &Store{config: *m.config}, m: m, x: x, n: n, b: x.db.NewBatch(), from: x.db, buf: &scratch{}, solo: true}
}

// adoptDir takes in the objects of a directory's unreferenced blobs.
func (s *Store) adoptDir(m *mountpath, x *index, dir byte) (adopted int, err error) {
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
		ok, err := s.adopt(m, x, id)
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
// part, stays an orphan. Of a name that has versions it becomes one more of them,
// with an id of its own, as the trailer cannot know the one that it had.
func (s *Store) adopt(m *mountpath, x *index, id blobID) (bool, error) {
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
	if err := decodeBlobInfo(end.Info, &info); err != nil || info.UploadID != "" || !s.belongs(m, info.Name) {
		return false, nil
	}
	t := m.soloTxn(x, info.Name)
	if err := t.load(); err != nil {
		return false, err
	}
	known, err := t.newestKnown()
	if err != nil || known != nil && !known.Meta.Modified.Before(info.Meta.Modified) {
		return false, err
	}
	versioning := object.Unversioned
	if known != nil && (t.past.Count > 0 || known.Meta.VersionID != "") {
		versioning = object.Versioned
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
	if err := t.set(r, nil, versioning); err != nil {
		return false, err
	}
	return true, t.apply(object.Process)
}

// newestKnown returns the newest version of the name, be it a delete marker; nil
// where there is none.
func (t *txn) newestKnown() (*record, error) {
	if t.old != nil || t.past.Count == 0 {
		return t.old, nil
	}
	r, _, err := t.others().newest(0)
	return r, err
}
