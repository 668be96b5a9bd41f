package replica

import (
	"context"
	"io"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// stall is how long bytes from another target may pause.
const stall = 20 * time.Second

// askEstate asks a target for all that it has of a name, but what is prepared.
func (k *Keeper) askEstate(from cluster.Node, n object.Name) (*fs.Estate, error) {
	ctx, cancel := context.WithTimeout(k.ctx, stall)
	defer cancel()
	m := nameMessage{sender: k.cfg.ID, name: n}
	answer, err := k.caller.Send(ctx, from, peer.PathEstate, m.encode())
	if err != nil {
		return nil, err
	}
	e, err := fs.DecodeEstate(answer)
	if err != nil {
		return nil, err
	}
	if e.Name != n {
		return nil, object.E("replica.pull", n.Key, object.Invalid, errMalformed)
	}
	return e, nil
}

// adopt makes what is here of a name what another target has. The name's turn is held.
func (k *Keeper) adopt(from cluster.Node, e *fs.Estate) error {
	k.metrics.pulls.Inc()
	if b, ok := k.members.State().BucketByID(e.Name.Bucket); ok {
		e.Durability = b.Props.Durability
	}
	return k.store.Adopt(e, k.fetcher(from, e.Name))
}

// fetcher returns what opens the blobs of a name at another target.
func (k *Keeper) fetcher(from cluster.Node, n object.Name) fs.Fetch {
	return func(b fs.Blob) (io.ReadCloser, error) {
		ctx, cancel := context.WithCancel(k.ctx)
		m := nameMessage{sender: k.cfg.ID, name: n, blob: b.ID}
		timer := time.AfterFunc(stall, cancel)
		body, err := k.caller.Fetch(ctx, k.streams, from, peer.PathBlob, m.encode())
		if err != nil {
			timer.Stop()
			cancel()
			return nil, err
		}
		return &pulled{k: k, body: body, timer: timer, cancel: cancel}, nil
	}
}

// pulled is a blob on its way here.
type pulled struct {
	k      *Keeper
	body   io.ReadCloser
	timer  *time.Timer // ends the pull when it fires
	cancel context.CancelFunc
}

// Read implements io.Reader.
func (p *pulled) Read(b []byte) (int, error) {
	p.timer.Reset(stall)
	n, err := p.body.Read(b)
	p.k.metrics.pulledBytes.Add(float64(n))
	return n, err
}

// Close implements io.Closer.
func (p *pulled) Close() error {
	p.timer.Stop()
	err := p.body.Close()
	p.cancel()
	return err
}
