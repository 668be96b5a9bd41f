package target

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
)

// shareReader reads the share of another target, or of this one, in the order in which
// it was asked for. It is for one goroutine.
type shareReader interface {
	// next returns the next entry: the caller closes it before it asks for another.
	// Errors are the entry's; errShareBroken where no entry will come any more.
	next() (piece, error)
	close()
}

// errShareBroken is in what is said of each entry of a target that has gone away.
var errShareBroken = errors.New("the target that owns it does not answer")

// ownShare is what this target owns of a batch.
type ownShare struct {
	pieces  *pieces
	entries []peer.ShareEntry
	at      int
}

func (s *ownShare) next() (piece, error) {
	s.at++
	return s.pieces.open(&s.entries[s.at-1], s.entries[s.at:])
}

func (s *ownShare) close() { s.pieces.Close() }

// brokenShare is of a target that is down.
type brokenShare struct{ node string }

func (s brokenShare) next() (piece, error) {
	return piece{}, object.E("target.batch", s.node, object.Unavailable, errShareBroken)
}

func (brokenShare) close() {}

// readAhead is how much of another target's share is held here; what the connection
// holds comes on top.
const readAhead = 64 << 10

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readAhead) }}

// peerShare is another target's share, as it streams in.
type peerShare struct {
	node   cluster.Node
	stream *progressing
	reader *bufio.Reader
	stat   bool
	broken bool
	wait   func(time.Duration) // told how long it was waited for
}

// openPeerShare asks node for entries. Errors: Busy, and those that mean that the
// entries cannot be had.
func (t *Target) openPeerShare(b *batch, node cluster.Node, req peer.ShareRequest) (*peerShare, error) {
	if !t.cluster.State().IsLive(node.ID) {
		return nil, object.E("target.batch", node.ID, object.Unavailable, errShareBroken)
	}
	ctx, cancel := context.WithCancel(b.reading)
	timer := time.AfterFunc(t.cfg.PeerTimeout, cancel)
	body, err := t.caller.OpenShare(ctx, t.streams, node, b.grant, req)
	if !timer.Stop() && err == nil { // it came too late
		body.Close()
		err = object.E("target.batch", node.ID, object.Unavailable, errShareBroken)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	stream := &progressing{from: body, cancel: cancel, patience: t.cfg.BatchStall}
	reader := readers.Get().(*bufio.Reader)
	reader.Reset(stream)
	return &peerShare{node: node, stream: stream, reader: reader, stat: req.Stat, wait: t.metrics.batch.waited}, nil
}

func (s *peerShare) next() (piece, error) {
	if s.broken {
		return brokenShare{s.node.ID}.next()
	}
	began, held := time.Now(), s.reader.Buffered()
	h, err := peer.ReadShareHead(s.reader)
	if held == 0 {
		s.wait(time.Since(began))
	}
	if err != nil {
		s.broken = true
		return brokenShare{s.node.ID}.next()
	}
	if err := h.Err(); err != nil {
		return piece{}, err
	}
	left := h.Size
	if s.stat {
		left = 0
	}
	return piece{size: h.Size, etag: h.ETag, body: &shareBytes{s, left}}, nil
}

func (s *peerShare) close() {
	s.stream.Close()
	s.reader.Reset(nil)
	readers.Put(s.reader)
}

// shareBytes is the bytes of one entry. Close skips what was not read.
type shareBytes struct {
	share *peerShare
	left  int64
}

// Read implements io.Reader.
func (b *shareBytes) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if b.share.broken {
		return 0, errShareBroken
	}
	n, err := b.share.reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil {
		b.share.broken = true
		err = object.E("target.batch", b.share.node.ID, object.Unavailable, errShareBroken)
	}
	return n, err
}

// Close implements io.Closer.
func (b *shareBytes) Close() error {
	if b.left > 0 && !b.share.broken {
		_, err := pour(io.Discard, b)
		return err
	}
	return nil
}

// progressing is a stream that is given up where nothing comes for so long. Nobody
// but its reader waits for it: how slow who reads is makes no difference.
type progressing struct {
	from     io.ReadCloser
	cancel   context.CancelFunc
	patience time.Duration
}

// Read implements io.Reader.
func (p *progressing) Read(b []byte) (int, error) {
	timer := time.AfterFunc(p.patience, p.cancel)
	defer timer.Stop()
	return p.from.Read(b)
}

// Close implements io.Closer.
func (p *progressing) Close() error {
	p.cancel()
	return p.from.Close()
}
