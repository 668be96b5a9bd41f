package proxy

import (
	"context"

	"ais/access"
	"ais/auth"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/s3api"
)

// newAccess returns what decides about requests to this node.
func newAccess(cfg *Config, members *etcd.Store) (*access.Control, error) {
	return access.New(access.Config{
		State: members.State, Sync: members.Sync, Seal: members.Seal, Unseal: members.Unseal,
		Domains: cfg.Domains, PublicHosts: cfg.PublicHosts, PublicURL: members.Self().PublicURL,
		SyncTimeout: cfg.SyncTimeout, Now: cfg.Now, Logger: cfg.Logger, Registerer: cfg.Registry,
	})
}

// identify finds out who sends the request: a target that it came through says so
// in a ticket, a client signs.
func (p *Proxy) identify(r *s3api.Request) error {
	if access.Who(r.Ctx()) == nil && len(r.Header(peer.HeaderTicket)) > 0 && p.access.On() {
		ticket, _, err := p.caller.Verify(r.Ctx())
		if err != nil || ticket.Principal == peer.NodePrincipal {
			return s3api.AccessDenied
		}
		if err := p.access.Accept(r.Ctx(), ticket, false); err != nil {
			return err
		}
	}
	_, err := p.access.Identify(r)
	return err
}

// admit decides whether the request may be served, as far as this node can, and
// returns the bucket it is about: nil while auth is off, and where the operation
// is about none or decides for itself.
func (p *Proxy) admit(r *s3api.Request) (*cluster.Bucket, error) {
	if !p.access.On() {
		return nil, nil
	}
	if err := p.identify(r); err != nil {
		return nil, err
	}
	switch r.Op {
	case s3api.ListBuckets:
		return nil, p.access.Admit(r, nil)
	case s3api.CreateBucket: // of a user's it depends on the body, too
		if r.Who.Anonymous() {
			return nil, p.access.Admit(r, nil)
		}
		return nil, nil
	case s3api.DeleteObjects, s3api.PostObject: // what they are about is in their bodies
		return nil, nil
	}
	b, err := p.s3Bucket(r)
	if err != nil {
		return nil, err
	}
	return b, p.access.Admit(r, b)
}

// denyDeletes marks the keys of a multi-delete that who asks may not delete, each
// decided about by itself.
func (p *Proxy) denyDeletes(r *s3api.Request, b *cluster.Bucket, keys []s3api.DeleteKey) {
	for i := range keys {
		k := &keys[i]
		if k.Err != nil || r.Who == nil {
			continue
		}
		verdict := p.access.DecideDelete(r, b, k.Key, k.VersionID, nil)
		if verdict == auth.NeedsObject {
			rules, err := p.objectRules(b, k.Key, k.VersionID)
			if err != nil {
				k.Err = err
				continue
			}
			verdict = p.access.DecideDelete(r, b, k.Key, k.VersionID, rules)
		}
		if verdict != auth.Allow {
			k.Err = s3api.AccessDenied
		}
	}
}

// objectRules asks the owner of an object, or of a version of one, for what a decision depends on.
func (p *Proxy) objectRules(b *cluster.Bucket, key, version string) (*auth.ObjectRules, error) {
	var answer []byte
	err := p.asksOwner(b, key, func(ctx context.Context, node cluster.Node) (err error) {
		answer, err = p.caller.AskRaw(ctx, node, peer.PathStat, peer.NameRequest{Bucket: b.ID, Key: key, VersionID: version})
		return err
	})
	if access.Absent(err) {
		return p.access.Object(nil, err), nil
	}
	if err != nil {
		return nil, err
	}
	m, err := peer.DecodeMeta(answer)
	if err != nil {
		return nil, err
	}
	return p.access.Object(&m, nil), nil
}
