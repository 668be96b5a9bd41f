package target

import (
	"errors"
	"sync"

	"ais/backend"
	"ais/cluster"
	"ais/object"
)

// remotes are the stores behind remote buckets, each opened when it is first used.
type remotes struct {
	open     backend.Open
	byConfig sync.Map // backend.Config → backend.Backend
}

// remote returns the remote bucket behind b, nil where it has none. Unsupported
// where the cluster uses no remote buckets.
func (t *Target) remote(b *cluster.Bucket) (backend.Backend, error) {
	name, ok := b.Remote()
	if !ok {
		return nil, nil
	}
	return t.remoteNamed(name, b.Props.Remote)
}

// remoteNamed is remote for a bucket that may not be known here: of that name at
// the remote, with settings of its own.
func (t *Target) remoteNamed(name string, own cluster.RemoteProps) (backend.Backend, error) {
	c := t.cluster.State().Config.Backend
	if !c.Enabled || t.remotes.open == nil {
		return nil, object.E("target.remote", name, object.Unsupported, errors.New("remote buckets are not enabled: ais config cluster backend.aws.enabled=true"))
	}
	key := backend.Config{
		Bucket: name, Endpoint: either(own.Endpoint, c.Endpoint), Region: either(own.Region, c.Region), Profile: either(own.Profile, c.Profile),
		PathStyle: backend.PathStyle(either(own.PathStyle, c.PathStyle)), Timeout: c.Timeout, PartSize: own.PartSize,
	}
	if there, ok := t.remotes.byConfig.Load(key); ok {
		return there.(backend.Backend), nil
	}
	opened, err := t.remotes.open(key)
	if err != nil {
		return nil, err
	}
	there, _ := t.remotes.byConfig.LoadOrStore(key, opened)
	return there.(backend.Backend), nil
}

func either(own, general string) string {
	if own != "" {
		return own
	}
	return general
}
