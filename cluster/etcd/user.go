package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"ais/cluster"
	"ais/object"
)

// storedUser is the value of /users/<id>: a user, with the secrets sealed.
type storedUser struct {
	cluster.User
	Keys []storedKey `json:"keys"` // in the place of User's
}

type storedKey struct {
	ID       string    `json:"id"`
	Created  time.Time `json:"created"`
	Disabled bool      `json:"disabled,omitempty"`
	Sealed   string    `json:"sealed"` // bound to the path of the user and the key's id
}

// sealUser returns the value to store of a user.
func (s sealer) sealUser(u cluster.User) ([]byte, error) {
	stored := storedUser{User: u, Keys: make([]storedKey, len(u.Keys))}
	for i, k := range u.Keys {
		sealed, err := s.seal([]byte(k.Secret), s.keys.user(u.ID)+"/"+k.ID)
		if err != nil {
			return nil, err
		}
		stored.Keys[i] = storedKey{ID: k.ID, Created: k.Created, Disabled: k.Disabled, Sealed: sealed}
	}
	return encode(stored), nil
}

// openUser is the inverse of sealUser.
func (s sealer) openUser(kv *mvccpb.KeyValue) (cluster.User, error) {
	var stored storedUser
	if err := json.Unmarshal(kv.Value, &stored); err != nil {
		return cluster.User{}, err
	}
	u := stored.User
	if string(kv.Key) != s.keys.user(u.ID) {
		return cluster.User{}, fmt.Errorf("it has the id %q", u.ID)
	}
	u.Revision = kv.ModRevision
	u.Keys = make([]cluster.AccessKey, len(stored.Keys))
	for i, k := range stored.Keys {
		secret, err := s.unseal(k.Sealed, string(kv.Key)+"/"+k.ID)
		if err != nil {
			return cluster.User{}, fmt.Errorf("access key %s: %w", k.ID, err)
		}
		u.Keys[i] = cluster.AccessKey{ID: k.ID, Secret: cluster.Secret(secret), Created: k.Created, Disabled: k.Disabled}
	}
	return u, nil
}

// NewAccessKey returns a random access key, by default from the system's source.
func NewAccessKey(random io.Reader) cluster.AccessKey {
	return cluster.AccessKey{ID: "AIS" + randomText(random, 17), Secret: cluster.Secret(randomText(random, 40))}
}

// randomText returns n letters and digits: 5.9 bits each.
func randomText(random io.Reader, n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz"
	out := make([]byte, 0, n)
	for len(out) < n {
		var b [1]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			panic(err) // the system's source never fails
		}
		if i := int(b[0]) & 63; i < len(letters) {
			out = append(out, letters[i])
		}
	}
	return string(out)
}

// CreateUser creates a user of u's ID, Keys and properties and returns it as
// stored. Name and DisplayName are the ID where they are empty. Errors: Exists
// for an id, name or access key that another user has; Invalid.
func (s *Store) CreateUser(ctx context.Context, u cluster.User) (cluster.User, error) {
	const op = "cluster.CreateUser"
	setDefault(&u.Name, u.ID)
	setDefault(&u.DisplayName, u.ID)
	u.Created, u.Root = s.config.Now().UTC(), false
	for i := range u.Keys {
		u.Keys[i].Created = u.Created
	}
	return s.changeUser(ctx, op, u.ID, func(now *cluster.User) (*cluster.User, error) {
		if now != nil && !now.Created.Equal(u.Created) { // else made by a transaction whose answer was lost
			return nil, object.E(op, u.ID, object.Exists, errors.New("there is a user of that id"))
		}
		return &u, nil
	})
}

// UpdateUser changes the user and returns it as stored. edit is given the user as
// it is, and may be called several times; its error is returned. A new key needs
// no Created. Errors: NotFound; Exists as for CreateUser; Invalid.
func (s *Store) UpdateUser(ctx context.Context, id string, edit func(*cluster.User) error) (cluster.User, error) {
	const op = "cluster.UpdateUser"
	return s.changeUser(ctx, op, id, func(now *cluster.User) (*cluster.User, error) {
		if now == nil {
			return nil, object.E(op, id, object.NotFound, errors.New("no such user"))
		}
		u := now.Clone()
		if err := edit(&u); err != nil {
			return nil, err
		}
		u.ID, u.Created, u.Root = now.ID, now.Created, now.Root
		if u.Root && (u.Disabled || !u.Admin || len(u.Keys) == 0) {
			return nil, object.E(op, id, object.Invalid, errors.New("root stays an admin who has an access key"))
		}
		for i := range u.Keys {
			if u.Keys[i].Created.IsZero() {
				u.Keys[i].Created = s.config.Now().UTC()
			}
		}
		return &u, nil
	})
}

// changeUser stores what edit makes of the user with that id, nil where there is
// none.
func (s *Store) changeUser(ctx context.Context, op, id string, edit func(*cluster.User) (*cluster.User, error)) (cluster.User, error) {
	var stored cluster.User
	err := s.changeUsers(ctx, op, id, func(state *cluster.State) (write, error) {
		now, _ := state.User(id)
		u, err := edit(now)
		if err != nil {
			return write{}, err
		}
		if err := u.Check(); err != nil {
			return write{}, err
		}
		others := []cluster.User{*u}
		for _, other := range state.Users() {
			if other.ID != id {
				others = append(others, *other)
			}
		}
		if err := cluster.CheckUsers(others); err != nil {
			return write{}, err
		}
		value, err := s.decoder.sealer.sealUser(*u)
		stored = *u
		return write{key: s.keys.user(id), value: value}, err
	})
	return stored, err
}

// RemoveUser removes a user. Errors: NotFound, NotEmpty while the user owns a
// bucket, Invalid for root.
func (s *Store) RemoveUser(ctx context.Context, id string) error {
	const op = "cluster.RemoveUser"
	tried := false
	return s.changeUsers(ctx, op, id, func(state *cluster.State) (write, error) {
		u, ok := state.User(id)
		switch {
		case !ok && tried: // by a transaction whose answer was lost
			return write{}, nil
		case !ok:
			return write{}, object.E(op, id, object.NotFound, errors.New("no such user"))
		case u.Root:
			return write{}, object.E(op, id, object.Invalid, errors.New("root cannot be removed"))
		}
		for _, b := range state.Buckets() {
			if b.Owner == id {
				return write{}, object.E(op, id, object.NotEmpty, errors.New("the user owns the bucket "+b.URL()))
			}
		}
		tried = true
		return write{key: s.keys.user(id)}, nil
	})
}

// changeUsers writes what decide says, if anything, seeing all users and buckets as they are:
// names and access keys are unique, so changes of users go one by one.
func (s *Store) changeUsers(ctx context.Context, op, id string, decide func(*cluster.State) (write, error)) error {
	if err := cluster.CheckAccessKey(id); err != nil {
		return object.E(op, id, object.Invalid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
	defer cancel()
	keys := []string{s.keys.userChanges(), s.keys.bucketID()}
	revision, err := s.swap(ctx, keys, s.readUsers, func(read values, revision int64) ([]write, error) {
		state, err := s.usersOf(read, revision)
		if err != nil {
			return nil, object.E(op, id, object.Corrupt, err)
		}
		w, err := decide(state)
		if err != nil || w.key == "" {
			return nil, err
		}
		return []write{w, {key: s.keys.userChanges(), value: []byte(newID(s.config.Rand))}}, nil
	})
	if err != nil {
		return failure(op, id, err)
	}
	_ = s.await(ctx, revision)
	return nil
}

// readUsers reads what changes of users depend on, linearizably.
func (s *Store) readUsers(ctx context.Context, keys []string) (values, int64, error) {
	ops := []clientv3.Op{
		clientv3.OpGet(s.keys.users(), clientv3.WithPrefix()),
		clientv3.OpGet(string(s.keys)+"buckets/", clientv3.WithPrefix()),
	}
	for _, key := range keys {
		ops = append(ops, clientv3.OpGet(key))
	}
	resp, err := s.client.Txn(ctx).Then(ops...).Commit()
	if err != nil {
		return nil, 0, err
	}
	found := values{}
	for _, r := range resp.Responses {
		for _, kv := range r.GetResponseRange().Kvs {
			found[string(kv.Key)] = kv
		}
	}
	return found, resp.Header.Revision, nil
}

// usersOf returns a State of the users and buckets alone.
func (s *Store) usersOf(read values, revision int64) (*cluster.State, error) {
	c := cluster.Contents{Revision: revision}
	for key, kv := range read {
		if !strings.HasPrefix(key, s.keys.users()) && !strings.HasPrefix(key, string(s.keys)+"buckets/") {
			continue
		}
		event, err := s.decoder.event(kv, false)
		if err != nil {
			return nil, err
		}
		switch e := event.(type) {
		case cluster.UserSet:
			c.Users = append(c.Users, e.User)
		case cluster.BucketSet:
			c.Buckets = append(c.Buckets, e.Bucket)
		}
	}
	return cluster.NewState(c), nil
}

// rootName is the name of the user that a cluster is made with.
const rootName = "root"

func (s *Store) rootUser(now time.Time) cluster.User {
	return cluster.User{
		ID: s.root.ID, Name: rootName, DisplayName: rootName, Root: true, Admin: true, Created: now.UTC(),
		Keys: []cluster.AccessKey{s.root},
	}
}

// MadeRoot returns the access key that root was given at random, if this store
// has made the cluster just now: nobody knows it yet.
func (s *Store) MadeRoot() (cluster.AccessKey, bool) {
	if s.config.Root.ID != "" {
		return cluster.AccessKey{}, false
	}
	_, made := s.State().UserByKey(s.root.ID)
	return s.root, made
}

// replaceRoot gives root the configured access key, and no other, if it has not
// got it.
func (s *Store) replaceRoot(ctx context.Context) error {
	for _, u := range s.State().Users() {
		if !u.Root {
			continue
		}
		if key, ok := u.Key(s.root.ID); ok && key.Secret == s.root.Secret && !key.Disabled {
			return nil
		}
		s.log.Warn("root gets the configured access key, its others are void", "access_key", s.root.ID)
		_, err := s.UpdateUser(ctx, u.ID, func(u *cluster.User) error {
			u.Keys = []cluster.AccessKey{s.root}
			return nil
		})
		return err
	}
	return object.E("etcd.Open", s.config.Self.ID, object.Corrupt, errors.New("the cluster has no root user"))
}
