package target

import (
	"maps"
	"strings"
	"sync"

	"ais/backend"
	"ais/cluster"
	"ais/object"
)

// remotes are the stores behind remote buckets, each opened when it is first used.
type remotes struct {
	open     backend.Open
	reload   func()   // has open read credentials anew; nil for nothing
	byConfig sync.Map // backend.Config → backend.Backend
}

// forget has every remote bucket opened anew, with credentials as they are now.
func (r *remotes) forget() {
	if r.reload != nil {
		r.reload()
	}
	r.byConfig.Clear()
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
	if !t.cluster.State().Config.Backend.Enabled || t.remotes.open == nil {
		return nil, object.E("target.remote", name, object.Unsupported, cluster.ErrNoBackend)
	}
	key := t.remoteConfig(name, own)
	if there, ok := t.remotes.byConfig.Load(key); ok {
		return there.(backend.Backend), nil
	}
	opened, err := t.remotes.open(key)
	if err != nil {
		return nil, err
	}
	there, _ := t.remotes.byConfig.LoadOrStore(key, t.metrics.remote.counted(opened))
	return there.(backend.Backend), nil
}

// remoteConfig says where the remote bucket of that name, with settings of its own,
// lives.
func (t *Target) remoteConfig(name string, own cluster.RemoteProps) backend.Config {
	c := t.cluster.State().Config.Backend
	return backend.Config{
		Bucket: name, Endpoint: either(own.Endpoint, c.Endpoint), Region: either(own.Region, c.Region), Profile: either(own.Profile, c.Profile),
		PathStyle: backend.PathStyle(either(own.PathStyle, c.PathStyle)), Timeout: c.Timeout, PartSize: own.PartSize,
	}
}

func either(own, general string) string {
	if own != "" {
		return own
	}
	return general
}

// metaOf returns what is kept here of a remote object: its metadata, without what
// AIS itself has added to it there, and where it is from. The checksum at rest is
// the caller's.
func metaOf(m *backend.Meta) object.Meta {
	kept := m.Clone()
	kept.Checksum, kept.Parts = object.Checksum{}, nil
	kept.Version, kept.VersionID, kept.DeleteMarker = object.Version{}, "", false
	maps.DeleteFunc(kept.User, func(key, _ string) bool {
		key = strings.TrimPrefix(key, "x-amz-meta-") // AIStore has it twice
		return key == backend.MetaDigestType || key == backend.MetaDigestValue
	})
	if len(kept.User) == 0 {
		kept.User = nil
	}
	kept.Custom = map[string]string{object.CustomSource: string(object.AWS), object.CustomETag: kept.ETag}
	if m.Version != "" {
		kept.Custom[object.CustomVersion] = m.Version
	}
	return kept
}

// fromRemote reports whether m is of an object that came from a remote bucket, or
// was written through to it.
func fromRemote(m *object.Meta) bool { return m.Custom[object.CustomSource] != "" }
