package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ais/cluster"
	"ais/object"
)

// values are the keys that a change read; a key that is not there is not in it.
type values map[string]*mvccpb.KeyValue

func (v values) revision(key string) int64 {
	if kv := v[key]; kv != nil {
		return kv.ModRevision
	}
	return 0
}

// write is one key that a change writes.
type write struct {
	key   string
	value []byte // nil deletes
	lease clientv3.LeaseID
}

func (w write) op() clientv3.Op {
	if w.value == nil {
		return clientv3.OpDelete(w.key)
	}
	return clientv3.OpPut(w.key, string(w.value), clientv3.WithLease(w.lease))
}

// decide says what to write, given what was read at revision. It may be called
// several times. No writes and no error is success.
type decide func(read values, revision int64) ([]write, error)

// change reads keys, decides, and writes in a transaction that holds only if
// none of the keys has changed since; else it begins again. It returns the
// revision at which the change was made or found unnecessary, once the State
// shows it. What decide returns as error is returned as it is.
func (s *Store) change(ctx context.Context, op, name string, keys []string, d decide) error {
	return s.changeBy(ctx, op, name, keys, s.readKeys, d)
}

// changeState is change for what depends on all of the cluster's state, of which keys
// are what must not have changed meanwhile.
func (s *Store) changeState(ctx context.Context, op, name string, keys []string, d func(*cluster.State) ([]write, error)) error {
	return s.changeBy(ctx, op, name, keys, s.readAll, func(read values, revision int64) ([]write, error) {
		state, err := s.assemble(read, revision)
		if err != nil {
			return nil, object.E(op, name, object.Corrupt, err)
		}
		return d(state)
	})
}

// changeBy is change with another way to read.
func (s *Store) changeBy(ctx context.Context, op, name string, keys []string, read reader, d decide) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
	defer cancel()
	revision, err := s.swap(ctx, keys, read, d)
	if err != nil {
		return failure(op, name, err)
	}
	// The change is made: a State that lags behind is no reason to deny it.
	_ = s.await(ctx, revision)
	return nil
}

// reader reads what a change depends on.
type reader func(ctx context.Context, keys []string) (values, int64, error)

func (s *Store) swap(ctx context.Context, keys []string, read reader, d decide) (int64, error) {
	// unsure is what a transaction would have written whose outcome is not known.
	// It may still come true after it was looked for and not found, and make
	// the next one fail: it is looked for every time.
	var unsure []write
	for {
		found, revision, err := read(ctx, keys)
		if err != nil {
			return 0, err
		}
		if unsure != nil && settled(found, unsure) {
			return revision, nil
		}
		writes, err := d(found, revision)
		if err != nil || len(writes) == 0 {
			return revision, err
		}
		conditions := make([]clientv3.Cmp, len(keys))
		for i, key := range keys {
			conditions[i] = clientv3.Compare(clientv3.ModRevision(key), "=", found.revision(key))
		}
		ops := make([]clientv3.Op, len(writes))
		for i, w := range writes {
			ops[i] = w.op()
		}
		attempt, cancel := s.attempt(ctx)
		resp, err := s.client.Txn(attempt).If(conditions...).Then(ops...).Commit()
		cancel()
		switch {
		case err == nil && resp.Succeeded:
			return resp.Header.Revision, nil
		case err == nil: // a key has changed
		case ctx.Err() == nil && transient(err):
			unsure = writes
			if err := s.pause(ctx, retryPause); err != nil {
				return 0, err
			}
		default:
			return 0, err
		}
	}
}

// settled reports whether the keys are as writes would have left them. Values
// carry times or random ids, so nobody else writes the same by chance.
func settled(found values, writes []write) bool {
	for _, w := range writes {
		kv, ok := found[w.key]
		if w.value == nil && ok || w.value != nil && (!ok || !bytes.Equal(kv.Value, w.value)) {
			return false
		}
	}
	return true
}

// readKeys reads keys at one revision, linearizably.
func (s *Store) readKeys(ctx context.Context, keys []string) (values, int64, error) {
	ops := make([]clientv3.Op, len(keys))
	for i, key := range keys {
		ops[i] = clientv3.OpGet(key)
	}
	resp, err := answered(ctx, s, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return s.client.Txn(ctx).Then(ops...).Commit()
	})
	if err != nil {
		return nil, 0, err
	}
	found := make(values, len(keys))
	for _, r := range resp.Responses {
		for _, kv := range r.GetResponseRange().Kvs {
			found[string(kv.Key)] = kv
		}
	}
	return found, resp.Header.Revision, nil
}

// readAll reads every key of the cluster, linearizably.
func (s *Store) readAll(ctx context.Context, _ []string) (values, int64, error) {
	resp, err := answered(ctx, s, func(ctx context.Context) (*clientv3.GetResponse, error) {
		return s.client.Get(ctx, string(s.keys), clientv3.WithPrefix())
	})
	if err != nil {
		return nil, 0, err
	}
	found := make(values, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		found[string(kv.Key)] = kv
	}
	return found, resp.Header.Revision, nil
}

// attempt returns the context of one try of several: it is short, because another
// member of etcd answers where one is silent, and a member that knows no leader
// says so at once.
func (s *Store) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(clientv3.WithRequireLeader(ctx), s.config.RequestTimeout/attempts)
}

// attempts is how many tries a request has time for.
const attempts = 4

// answered calls f, which reads, until etcd answers it, or ctx ends.
func answered[T any](ctx context.Context, s *Store, f func(context.Context) (T, error)) (T, error) {
	for {
		attempt, cancel := s.attempt(ctx)
		value, err := f(attempt)
		cancel()
		if err == nil || !transient(err) || ctx.Err() != nil || s.pause(ctx, retryPause) != nil {
			return value, err
		}
	}
}

// transient reports whether err of etcd's client may pass.
func transient(err error) bool {
	var e rpctypes.EtcdError
	if errors.As(err, &e) {
		return e.Code() == codes.Unavailable
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
		return true
	case codes.Unknown: // how etcd 3.4 says that its own time for the request has ended
		text := status.Convert(err).Message()
		return text == context.DeadlineExceeded.Error() || text == context.Canceled.Error()
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// failure makes an error of what etcd's client or a decision returned.
func failure(op, name string, err error) error {
	var e *object.Error
	switch {
	case errors.As(err, &e):
		return err
	case transient(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return object.E(op, name, object.Unavailable, fmt.Errorf("%w: %w", object.ErrEtcd, err))
	}
	return object.E(op, name, object.Internal, err)
}
