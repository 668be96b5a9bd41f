package etcd

import (
	"encoding/json"
	"errors"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"ais/cluster"
	"ais/object"
)

// keyspace is "/ais/<cluster>/", under which all keys of a cluster are:
//
//	map                        cluster.Map
//	nodes/<id>                 cluster.Node, member for good
//	live/<id>                  cluster.Live, on the node's lease
//	buckets/<provider>/<name>  cluster.Bucket
//	bucket-id                  the last bucket id given
//	bucket-id-reserved         who reserved ids last
//	config                     cluster.Config
//	ticketkeys                 sealedKeys
//	users/<id>                 storedUser, its secrets sealed
//	user-changes               a random id, new with every change of a user
type keyspace string

func newKeyspace(name string) keyspace { return keyspace("/ais/" + name + "/") }

func (k keyspace) clusterMap() string    { return string(k) + "map" }
func (k keyspace) node(id string) string { return string(k) + "nodes/" + id }
func (k keyspace) live(id string) string { return string(k) + "live/" + id }
func (k keyspace) bucketID() string      { return string(k) + "bucket-id" }
func (k keyspace) reserved() string      { return string(k) + "bucket-id-reserved" }
func (k keyspace) config() string        { return string(k) + "config" }
func (k keyspace) ticketKeys() string    { return string(k) + "ticketkeys" }
func (k keyspace) users() string         { return string(k) + "users/" }
func (k keyspace) user(id string) string { return k.users() + id }
func (k keyspace) userChanges() string   { return string(k) + "user-changes" }
func (k keyspace) bucket(provider object.Provider, name string) string {
	return string(k) + "buckets/" + string(provider) + "/" + name
}

// decoder turns keys and their values into events.
type decoder struct {
	keys   keyspace
	sealer sealer
}

// event returns what a key's change means; nil for a key that is of no interest
// to a State. The error is of kind Corrupt.
func (d decoder) event(kv *mvccpb.KeyValue, deleted bool) (cluster.Event, error) {
	rest, ok := strings.CutPrefix(string(kv.Key), string(d.keys))
	if !ok {
		return nil, nil
	}
	folder, id, _ := strings.Cut(rest, "/")
	read := d.set
	if deleted {
		read = d.gone
	}
	e, err := read(folder, id, kv)
	if err != nil {
		return nil, object.E("etcd.decode", string(kv.Key), object.Corrupt, err)
	}
	return e, nil
}

func (d decoder) set(folder, id string, kv *mvccpb.KeyValue) (cluster.Event, error) {
	switch folder {
	case "map":
		m, err := decodeJSON(kv, cluster.Map{})
		return cluster.MapSet{Map: m}, err
	case "nodes":
		n, err := decodeJSON(kv, cluster.Node{})
		n.ID = id
		return cluster.NodeSet{Node: n}, err
	case "live":
		l, err := decodeJSON(kv, cluster.Live{})
		l.ID = id
		return cluster.LiveSet{Live: l}, err
	case "buckets":
		b, err := decodeBucket(kv)
		return cluster.BucketSet{Bucket: b}, err
	case "config":
		c, err := decodeJSON(kv, cluster.DefaultConfig())
		return cluster.ConfigSet{Config: c}, err
	case "ticketkeys":
		keys, err := d.sealer.open(kv.Value)
		return cluster.TicketKeysSet{Keys: keys}, err
	case "users":
		u, err := d.sealer.openUser(kv)
		return cluster.UserSet{User: u}, err
	}
	return nil, nil
}

func (d decoder) gone(folder, id string, _ *mvccpb.KeyValue) (cluster.Event, error) {
	switch folder {
	case "map", "ticketkeys":
		return nil, errors.New("it was deleted, and no node does that")
	case "nodes":
		return cluster.NodeGone{ID: id}, nil
	case "live":
		return cluster.LiveGone{ID: id}, nil
	case "buckets":
		provider, name, _ := strings.Cut(id, "/")
		return cluster.BucketGone{Provider: object.Provider(provider), Name: name}, nil
	case "config":
		return cluster.ConfigSet{Config: cluster.DefaultConfig()}, nil
	case "users":
		return cluster.UserGone{ID: id}, nil
	}
	return nil, nil
}

// decodeBucket reads a bucket. A property that its writer did not know has its
// default.
func decodeBucket(kv *mvccpb.KeyValue) (cluster.Bucket, error) {
	b := cluster.Bucket{Props: cluster.DefaultProps(object.AIS, false, cluster.DefaultConfig())}
	b, err := decodeJSON(kv, b)
	b.Revision = kv.ModRevision
	return b, err
}

func decodeJSON[T any](kv *mvccpb.KeyValue, into T) (T, error) {
	err := json.Unmarshal(kv.Value, &into)
	return into, err
}

// encode returns v as JSON. Whatever is stored can be encoded.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
