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
	target *Target
	local  bool
	reader *fs.Reader // where local
	node   cluster.Node
	bucket *cluster.Bucket
	name   object.Name
	meta   object.Meta
}

// source opens an object wherever it lives. Errors: NotFound, Unavailable.
func (t *Target) source(b *cluster.Bucket, n object.Name) (*source, error) {
	owner, err := t.owner(b, n)
	if err != nil {
		return nil, err
	}
	s := &source{target: t, node: owner, bucket: b, name: n}
	if owner.ID == t.cfg.ID {
		if s.reader, err = t.store.Open(n, ""); err != nil {
			return nil, err
		}
		s.local = true
		return s, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.PeerTimeout)
	defer cancel()
	answer, err := t.caller.AskRaw(ctx, owner, peer.PathStat, peer.NameRequest{Bucket: b.ID, Key: n.Key})
	if err != nil {
		return nil, err
	}
	s.meta, err = peer.DecodeMeta(answer)
	return s, err
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
	req := peer.ReadRequest{Bucket: s.bucket.ID, Key: s.name.Key, Version: s.meta.Version, Offset: r.Offset, Length: r.Length}
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
