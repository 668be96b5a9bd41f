package proxy

import (
	"ais/access"
	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// foreign finds out whether a request was signed for S3 itself, and which target
// is to execute it there: the owner of the object, or any where the bucket is not
// known here. passes is false for every other request.
func (p *Proxy) foreign(r *s3api.Request) (node cluster.Node, passes bool, err error) {
	f, err := p.access.Foreign(r)
	if f == nil || err != nil {
		return node, false, err
	}
	if f.Bucket == nil && !p.access.On() { // with the cluster's own credentials it may be found
		if b, err := p.s3Bucket(r); err == nil && b.Provider == object.AWS {
			f.Bucket = b
		}
	}
	if f.Bucket != nil {
		node, err = p.owner(f.Bucket, r.Key)
		return node, true, err
	}
	for _, node := range p.cluster.State().LookUpNodes(r.Bucket) {
		if p.cluster.State().IsLive(node.ID) {
			return node, true, nil
		}
	}
	return node, true, object.E("proxy.pass", r.Bucket, object.Unavailable, nil)
}

// pass sends a request that was signed for S3 itself to the target that executes it
// there: it is relayed always, since the client's signature is not for this cluster.
func (p *Proxy) pass(r *s3api.Request) (passed bool, err error) {
	node, passes, err := p.foreign(r)
	if err != nil || !passes {
		return passes, err
	}
	p.metrics.relays.Inc()
	return true, p.caller.Forward(r.Ctx(), node, r.ID, p.access.Grant(r.Ctx()))
}

// passExpect is pass for a request whose body was not asked for yet.
func (p *Proxy) passExpect(r *s3api.Request) (passed, answered bool, err error) {
	node, passes, err := p.foreign(r)
	if err != nil || !passes {
		return passes, false, err
	}
	status, err := p.caller.ForwardExpect(r.Ctx(), node, r.ID, p.access.Grant(r.Ctx()))
	return true, status != fasthttp.StatusContinue, err
}

// passesOn reports whether a request is sent on to S3.
func passesOn(control *access.Control) func(*s3api.Request) bool {
	return func(r *s3api.Request) bool {
		f, err := control.Foreign(r)
		return f != nil && err == nil
	}
}
