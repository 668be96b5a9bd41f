package etcd

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/wal"

	"ais/object"
)

// embedServer starts the embedded server as the member that it is or is to
// become, and returns once it takes part.
func (s *Store) embedServer(ctx context.Context) error {
	e := *s.config.Embed
	e.token = s.memberToken()
	if err := s.checkOwner(e); err != nil {
		return err
	}
	if e.Join && !e.hasData() {
		var err error
		if e.Initial, err = s.enlist(ctx, e); err != nil {
			return err
		}
		e.joins = true
	}
	if e.Restore != "" && !e.hasData() {
		if err := s.restore(e); err != nil {
			return err
		}
		s.restored = true
	}
	var err error
	if s.server, err = startServer(ctx, e, s.log); err != nil {
		return err
	}
	if !e.several() {
		return nil
	}
	return s.settleMember(ctx, e)
}

// hasData reports whether the server has been started before: etcd then goes by
// what it kept, whatever the settings say.
func (c Embed) hasData() bool { return wal.Exist(filepath.Join(c.Dir, "member", "wal")) }

// memberToken is a text that members of one cluster have in common: etcd makes its
// own cluster's id of it, so that members of two never take each other for theirs.
func (s *Store) memberToken() string {
	mac := hmac.New(sha256.New, s.config.ClusterKey)
	mac.Write([]byte("etcd of " + string(s.keys)))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// owner is the content of a file beside etcd's data that says whose it is. Token
// is that of the cluster.
type owner struct {
	Cluster string `json:"cluster"`
	Member  string `json:"member,omitempty"`
	Token   string `json:"token"`
}

const ownerFile = "ais.json"

// checkOwner refuses data that are another cluster's or another member's, and notes
// whose they are. Two processes with one member's identity would break what etcd
// promises, so this comes before the server starts.
func (s *Store) checkOwner(e Embed) error {
	const op = "etcd.Embed"
	name := filepath.Join(e.Dir, ownerFile)
	self := owner{Cluster: s.config.Cluster, Member: e.Name, Token: e.token}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(e.Dir, 0o700); err == nil {
			err = os.WriteFile(name, append(encode(self), '\n'), 0o600)
		}
		if err != nil {
			return object.E(op, e.Dir, object.Unavailable, err)
		}
		return nil
	}
	var is owner
	if err == nil {
		err = json.Unmarshal(data, &is)
	}
	bad := func(format string, args ...any) error {
		return object.E(op, e.Dir, object.Invalid, fmt.Errorf(format, args...))
	}
	switch {
	case err != nil:
		return bad("%s: %w", name, err)
	case is.Cluster != self.Cluster:
		return bad("the etcd data are those of cluster %q, and this node is of cluster %q: give it the --data-dir of its own cluster, or an empty one", is.Cluster, self.Cluster)
	case is.Token != self.Token:
		return bad("the etcd data are those of another cluster %q, made with another cluster key than this node has: give it the --cluster-key that belongs to the data, or the --data-dir of its own cluster, or an empty one", is.Cluster)
	case is.Member != self.Member && e.several():
		return bad("the etcd data are those of member %q, and this node is %q: give it its own --data-dir, or an empty one", is.Member, self.Member)
	}
	return nil
}

// others returns a client of the members besides this one.
func (s *Store) others(e Embed) (*clientv3.Client, error) {
	endpoints := slices.DeleteFunc(slices.Clone(s.config.Endpoints), func(u string) bool { return sameURL(u, e.ClientURL) })
	if len(endpoints) == 0 {
		return nil, errors.New("there is no endpoint of another member")
	}
	return s.dial(endpoints)
}

func sameURL(a, b string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/") }

// enlist adds this member to a running etcd and returns the members for the first
// start of its server. A member of the same name is taken to be lost, unless it
// answers. It adds a learner, which has no vote: most of the members that vote
// are there, whatever becomes of this one.
func (s *Store) enlist(ctx context.Context, e Embed) (initial string, err error) {
	const op = "etcd.Join"
	c, err := s.others(e)
	if err != nil {
		return "", object.E(op, e.Name, object.Invalid, err)
	}
	defer func() { _ = c.Close() }()
	list, err := s.memberList(ctx, c)
	if err != nil {
		return "", failure(op, e.Name, err)
	}
	for _, m := range list {
		if m.Name != e.Name && !slices.ContainsFunc(m.PeerURLs, func(u string) bool { return sameURL(u, e.PeerURL) }) {
			continue
		}
		if err := s.dismissMember(ctx, c, m); err != nil {
			return "", failure(op, e.Name, err)
		}
	}
	_, err = retried(ctx, s, func(ctx context.Context) (any, error) { return c.MemberAddAsLearner(ctx, []string{e.PeerURL}) })
	if err != nil && !errors.Is(err, rpctypes.ErrPeerURLExist) { // an answer that was lost
		return "", failure(op, e.Name, err)
	}
	if list, err = s.memberList(ctx, c); err != nil {
		return "", failure(op, e.Name, err)
	}
	var entries []string
	for _, m := range list {
		for _, u := range m.PeerURLs {
			name := m.Name
			if name == "" || sameURL(u, e.PeerURL) {
				name = e.Name
			}
			entries = append(entries, name+"="+u)
		}
	}
	return strings.Join(entries, ","), nil
}

func (s *Store) memberList(ctx context.Context, c *clientv3.Client) ([]*etcdserverpb.Member, error) {
	return retried(ctx, s, func(ctx context.Context) ([]*etcdserverpb.Member, error) {
		resp, err := c.MemberList(ctx)
		if err != nil {
			return nil, err
		}
		return resp.Members, nil
	})
}

// dismissMember removes a member that is lost. The error is of kind Exists for one
// that answers.
func (s *Store) dismissMember(ctx context.Context, c *clientv3.Client, m *etcdserverpb.Member) error {
	for _, u := range m.ClientURLs {
		soon, cancel := s.attempt(ctx)
		_, err := c.Status(soon, u)
		cancel()
		if err == nil {
			return object.E("etcd.Join", m.Name, object.Exists, fmt.Errorf("a member of this name runs at %s: only one that is lost can be replaced", u))
		}
	}
	s.log.Warn("a lost member of etcd is replaced", "member", m.Name, "urls", m.PeerURLs)
	_, err := retried(ctx, s, func(ctx context.Context) (any, error) { return c.MemberRemove(ctx, m.ID) })
	if errors.Is(err, rpctypes.ErrMemberNotFound) {
		return nil
	}
	return err
}

// settleMember makes the running member what it is to be: a voter, once it has
// caught up, under the URL that it is reached at now.
func (s *Store) settleMember(ctx context.Context, e Embed) error {
	const op = "etcd.Join"
	etcd := s.server.etcd.Server
	me := etcd.Cluster().Member(etcd.MemberID())
	if me == nil {
		return object.E(op, e.Name, object.Unavailable, errors.New("the member does not know itself"))
	}
	moved := len(me.PeerURLs) != 1 || !sameURL(me.PeerURLs[0], e.PeerURL)
	if !me.IsLearner && !moved {
		return nil
	}
	c, err := s.others(e)
	if err != nil {
		return object.E(op, e.Name, object.Invalid, err)
	}
	defer func() { _ = c.Close() }()
	if moved {
		_, err = retried(ctx, s, func(ctx context.Context) (any, error) {
			return c.MemberUpdate(ctx, uint64(me.ID), []string{e.PeerURL})
		})
		if err != nil {
			return failure(op, e.Name, err)
		}
		s.log.Info("this member of etcd is reached elsewhere now", "was", me.PeerURLs, "is", e.PeerURL)
	}
	if !me.IsLearner {
		return nil
	}
	_, err = retried(ctx, s, func(ctx context.Context) (any, error) { return c.MemberPromote(ctx, uint64(me.ID)) })
	if err != nil && !errors.Is(err, rpctypes.ErrMemberNotLearner) {
		return failure(op, e.Name, err)
	}
	s.log.Info("this node is a member of etcd now", "member", e.Name)
	return nil
}

// retried calls f until it succeeds, fails for good, or ctx ends. What may pass is
// an etcd that does not answer, or members that have yet to meet.
func retried[T any](ctx context.Context, s *Store, f func(context.Context) (T, error)) (T, error) {
	logged := false
	for {
		attempt, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
		value, err := f(attempt)
		cancel()
		passing := transient(err) || errors.Is(err, rpctypes.ErrMemberLearnerNotReady) || errors.Is(err, rpctypes.ErrMemberNotEnoughStarted)
		if err == nil || !passing {
			return value, err
		}
		if !logged {
			s.log.Warn("the members of etcd cannot be changed yet", "error", err)
			logged = true
		}
		if s.pause(ctx, memberPause) != nil {
			return value, err
		}
	}
}

// memberPause is how long to wait before a change of members is tried again: they
// have to have been in touch for five seconds.
const memberPause = 500 * time.Millisecond
