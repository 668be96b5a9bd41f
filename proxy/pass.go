package proxy

import (
	"time"

	"ais/access"
	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// foreign finds out whether a request was signed for S3 itself, and returns what
// finds the target that is to execute it there: the owner of the object, or any where
// the bucket is not known here. It is nil for every other request.
func (p *Proxy) foreign(r *s3api.Request) (find func() ([]cluster.Node, error), err error) {
	f, err := p.access.Foreign(r)
	if f == nil || err != nil {
		return nil, err
	}
	if f.Bucket == nil && !p.access.On() { // with the cluster's own credentials it may be found
		if b, err := p.s3Bucket(r); err == nil && b.Provider == object.AWS {
			f.Bucket = b
		}
	}
	if f.Bucket != nil {
		return func() ([]cluster.Node, error) { return p.candidates(place{bucket: f.Bucket, key: r.Key}, false) }, nil
	}
	return func() ([]cluster.Node, error) {
		for _, node := range p.cluster.State().LookUpNodes(r.Bucket) {
			if p.cluster.State().IsLive(node.ID) {
				return []cluster.Node{node}, nil
			}
		}
		return nil, object.E("proxy.pass", r.Bucket, object.Unavailable, nil)
	}, nil
}

// pass sends a request that was signed for S3 itself to the target that executes it
// there: it is relayed always, since the client's signature is not for this cluster.
func (p *Proxy) pass(r *s3api.Request) (passed bool, err error) {
	find, err := p.foreign(r)
	if err != nil || find == nil {
		return false, err
	}
	return true, p.relay(r.Ctx(), find, func(node cluster.Node, _ time.Duration) error {
		p.metrics.relays.Inc()
		return p.caller.TryForward(r.Ctx(), node, r.ID, p.access.Grant(r.Ctx()), 0)
	})
}

// passExpect is pass for a request whose body was not asked for yet.
func (p *Proxy) passExpect(r *s3api.Request) (passed, answered bool, err error) {
	find, err := p.foreign(r)
	if err != nil || find == nil {
		return false, false, err
	}
	var status int
	err = p.relay(r.Ctx(), find, func(node cluster.Node, _ time.Duration) (err error) {
		status, err = p.caller.ForwardExpect(r.Ctx(), node, r.ID, p.access.Grant(r.Ctx()))
		return err
	})
	return true, status != fasthttp.StatusContinue, err
}

// passesOn reports whether a request is sent on to S3.
func passesOn(control *access.Control) func(*s3api.Request) bool {
	return func(r *s3api.Request) bool {
		f, err := control.Foreign(r)
		return f != nil && err == nil
	}
}
