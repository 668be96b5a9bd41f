package proxy

import (
	"cmp"

	"ais/cluster"
	"ais/s3api"
)

// owners tells who owns what in a bucket, for listings. While auth is off it is
// always the same one.
func (p *Proxy) owners(b *cluster.Bucket) s3api.Owners {
	state := p.cluster.State()
	if !state.Config.Auth {
		return s3api.OwnedBy(s3api.Anyone)
	}
	return func(id string) s3api.Owner { return userAsOwner(state, cmp.Or(id, b.Owner)) }
}

// userAsOwner returns a user as listings and ACLs show one. Who is gone is shown by
// the id alone.
func userAsOwner(state *cluster.State, id string) s3api.Owner {
	if u, ok := state.User(id); ok {
		return s3api.Owner{ID: u.ID, DisplayName: cmp.Or(u.DisplayName, u.ID)}
	}
	if id == "" { // made before the cluster had users
		return s3api.Anyone
	}
	return s3api.Owner{ID: id, DisplayName: id}
}
