package replica

import (
	"context"
	"errors"
	"io"
	"sync"
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

// Mend has a name whose bytes here are damaged replaced by what another copy has, in the
// background.
func (k *Keeper) Mend(n object.Name) {
	if !k.started.Load() || !k.mending.begin(n) {
		return
	}
	k.wait.Go(func() {
		defer k.mending.end(n)
		if err := k.mend(n); err != nil {
			k.cfg.Logger.Warn("a damaged copy is not replaced", "bucket", n.Bucket, "key", n.Key, "err", err)
			return
		}
		k.metrics.repairs.Inc()
		k.cfg.Logger.Info("a damaged copy is replaced", "bucket", n.Bucket, "key", n.Key)
	})
}

// mend replaces what is damaged of a name, from the first of the other copies that is in
// the same state.
func (k *Keeper) mend(n object.Name) error {
	s, several, err := k.stand(n)
	if err != nil || !several || s.self < 0 {
		return err
	}
	unlock := k.turns.lock(n)
	defer unlock()
	err = object.E("replica.mend", n.Key, object.Unavailable, errors.New("no other copy is alive"))
	for i := range s.copies {
		if i == s.self || !s.copies[i].Live || !s.copies[i].InSync() {
			continue
		}
		var e *fs.Estate
		if e, err = k.askEstate(s.copies[i].Node, n); err != nil {
			continue
		}
		e.Durability = s.bucket.Props.Durability
		if err = k.store.Mend(e, k.fetcher(s.copies[i].Node, n)); err == nil {
			return nil
		}
	}
	return err
}

// Others returns the other targets that may answer reads of a name by now.
func (k *Keeper) Others(n object.Name) (nodes []cluster.Node) {
	if !k.started.Load() {
		return nil
	}
	s, several, err := k.stand(n)
	if err != nil || !several {
		return nil
	}
	for i := range s.copies {
		if i != s.self && s.copies[i].Live && (s.copies[i].InSync() || i == s.acting) {
			nodes = append(nodes, s.copies[i].Node)
		}
	}
	return nodes
}

// onces are names that something is done with, once at a time.
type onces struct {
	mu    sync.Mutex // guards the rest
	names map[object.Name]struct{}
}

func (o *onces) begin(n object.Name) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.names[n]; ok {
		return false
	}
	if o.names == nil {
		o.names = make(map[object.Name]struct{})
	}
	o.names[n] = struct{}{}
	return true
}

func (o *onces) end(n object.Name) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.names, n)
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
