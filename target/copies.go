package target

import (
	"context"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nodeCopies answers what another target says about copies of names; ok is false for
// any other call.
func (t *Target) nodeCopies(ctx *fasthttp.RequestCtx) (ok bool, err error) {
	if t.cfg.Copies == nil {
		return false, nil
	}
	path := string(ctx.Path())
	switch path {
	case peer.PathStage:
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		return true, t.cfg.Copies.ServeStage(bodyOf(ctx), *buf)
	case peer.PathBlob:
		blob, size, err := t.cfg.Copies.ServeBlob(ctx.Request.Body())
		if err != nil {
			return true, err
		}
		ctx.Response.SetBodyStream(passing{blob}, int(size))
		return true, nil
	}
	answer, ok, err := t.cfg.Copies.Serve(path, ctx.Request.Body())
	if ok && err == nil {
		ctx.Response.SetBodyRaw(answer)
	}
	return ok, err
}

// readsHere reports whether this target may answer a read of the name from a copy of
// its own, or has to: where a name has one copy, only its owner may.
func (t *Target) readsHere(n object.Name) bool { return t.cfg.Copies != nil && t.cfg.Copies.Reads(n) }

// readHome returns the node that answers a read of the name: this one, if it may.
func (t *Target) readHome(b *cluster.Bucket, n object.Name) (cluster.Node, error) {
	if t.readsHere(n) {
		return t.cluster.Self(), nil
	}
	return t.owner(b, n)
}

// otherCopy returns who is to answer a read of a name that failed here with err, because
// the copy here is damaged, or cannot be read now; a damaged one is replaced. hops is how
// often the request was sent on before: no two targets send one to and fro.
func (t *Target) otherCopy(n object.Name, hops string, err error) (cluster.Node, bool) {
	kind := object.KindOf(err)
	if err == nil || t.cfg.Copies == nil || kind != object.Corrupt && kind != object.Unavailable {
		return cluster.Node{}, false
	}
	if kind == object.Corrupt {
		t.cfg.Copies.Mend(n)
	}
	others := t.cfg.Copies.Others(n)
	if len(others) == 0 || hops > "1" {
		return cluster.Node{}, false
	}
	return others[0], true
}

// leased is Unavailable where this target has no lease: by a version of the map it may
// have shown names that others act for by now.
func (t *Target) leased(version uint64) error {
	if version != 0 && t.cluster.Fenced() {
		return object.E("target.leased", t.cfg.ID, object.Unavailable, nil)
	}
	return nil
}

// tookOver waits until lists here show what an owner that is gone has left, by a
// version of the map.
func (t *Target) tookOver(version uint64) error {
	if t.cfg.Copies == nil || version == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.PeerTimeout)
	defer cancel()
	return t.cfg.Copies.TakenOver(ctx, version)
}
