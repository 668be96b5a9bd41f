package target

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// source is an object to be copied from: here, or on another target.
type source struct {
	target  *Target
	local   bool
	reader  *fs.Reader // where local
	node    cluster.Node
	from    CopySource
	version string // as S3 shows it; "" was the current one, the null version
	meta    object.Meta
}

// source opens what a copy is made from, wherever it lives, if it may be read.
// Errors: those of fs.Open.
func (t *Target) source(from CopySource) (*source, error) {
	s := &source{target: t, from: from, version: from.Version}
	err := s.open()
	meta := &object.Meta{}
	if err == nil {
		meta = s.Meta()
	}
	if err := from.Granted(meta, err); err != nil {
		s.Close()
		return nil, err
	}
	if meta.VersionID != "" { // it stays what it is when another becomes the current one
		s.version = meta.VersionID
	}
	return s, nil
}

func (s *source) open() (err error) {
	if s.node, err = s.target.owner(s.from.Bucket, s.from.Name); err != nil {
		return err
	}
	if s.node.ID == s.target.cfg.ID {
		if _, ok := s.from.Bucket.Remote(); ok {
			return s.openRemote()
		}
		s.reader, err = s.target.store.Open(s.from.Name, s.version)
		s.local = true
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.target.cfg.PeerTimeout)
	defer cancel()
	req := peer.NameRequest{Bucket: s.from.Bucket.ID, Key: s.from.Name.Key, VersionID: s.version, Latest: s.from.Latest, Synchronize: s.from.Sync}
	answer, err := s.target.caller.AskRaw(ctx, s.node, peer.PathStat, req)
	if err != nil {
		return err
	}
	s.meta, err = peer.DecodeMeta(answer)
	return err
}

// openRemote is open on this target, of a bucket with a remote one behind it. What
// is not here is opened when its bytes are asked for.
func (s *source) openRemote() (err error) {
	w := wish{version: s.version, latest: s.from.Latest, sync: s.from.Sync}
	reader, want, err := s.target.openKept(s.from.Bucket, s.from.Name, &w)
	switch {
	case err != nil:
		return err
	case reader != nil:
		s.reader, s.local = reader, true
		s.version = "" // of the store's versions it is the only one
		return nil
	case want != nil:
		s.meta = metaOf(want)
		return nil
	}
	s.meta, err = s.target.statRemote(s.from.Bucket, s.from.Name, w)
	return err
}

// Meta returns the object's metadata as it was when the source was opened.
func (s *source) Meta() *object.Meta {
	if s.local {
		return s.reader.Meta()
	}
	return &s.meta
}

// Range returns bytes of that same version; Busy where another target's object
// has changed since.
func (s *source) Range(r object.Range) (io.ReadCloser, error) {
	if r.Length == 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	if s.local {
		return s.reader.Range(r.Offset, r.Length)
	}
	if s.node.ID == s.target.cfg.ID {
		_, section, err := s.target.rangeRemote(s.from.Bucket, s.from.Name, wish{version: s.version, latest: s.from.Latest}, s.meta.ETag, r)
		return section, err
	}
	req := peer.ReadRequest{
		Bucket: s.from.Bucket.ID, Key: s.from.Name.Key, VersionID: s.version, Version: s.meta.Version, ETag: s.meta.ETag, Offset: r.Offset, Length: r.Length,
		Latest: s.from.Latest,
	}
	resp, err := s.target.caller.Open(context.Background(), s.target.streams, s.node, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, peer.ReadError(resp)
	}
	return resp.Body, nil
}

// Close releases the source.
func (s *source) Close() {
	if s.reader != nil {
		s.reader.Close()
	}
}
