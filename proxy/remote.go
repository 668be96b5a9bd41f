package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"ais/access"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/singleflight"
)

// s3Bucket finds the bucket that an S3 request names, as bucket does: that of the
// provider in the query, else of two that share the name that of the setting
// s3.provider. What nobody knows here is looked for at the remote.
func (p *Proxy) s3Bucket(r *s3api.Request) (*cluster.Bucket, error) {
	provider, err := s3api.ParseProvider(r)
	if err != nil {
		return nil, err
	}
	if b, ok := p.cluster.State().S3Bucket(provider, r.Bucket); ok && b.State == cluster.BucketActive {
		return b, nil
	}
	return p.freshS3Bucket(r)
}

// freshS3Bucket is s3Bucket as etcd has it now.
func (p *Proxy) freshS3Bucket(r *s3api.Request) (*cluster.Bucket, error) {
	provider, err := s3api.ParseProvider(r)
	if err != nil {
		return nil, err
	}
	b, err := p.freshBy(r.Bucket, func(s *cluster.State) (*cluster.Bucket, bool) { return s.S3Bucket(provider, r.Bucket) })
	if object.KindOf(err) == object.NoSuchBucket && err != nil && provider != object.AIS {
		return p.firstUse(r.Ctx(), r.Bucket, err)
	}
	return b, err
}

// named finds the bucket that a native call names, as bucket does. What nobody
// knows here is looked for at the remote.
func (p *Proxy) named(ctx *fasthttp.RequestCtx, provider object.Provider, name string) (*cluster.Bucket, error) {
	b, err := p.bucket(provider, name)
	if object.KindOf(err) == object.NoSuchBucket && err != nil && provider == object.AWS {
		return p.firstUse(ctx, name, err)
	}
	return b, err
}

// Look-ups at the remote.
const (
	absentFor  = 10 * time.Second // that there is none is believed
	maxAbsent  = 4096             // names of which that is known
	maxLookups = 32               // at a time
)

// lookups are the questions whether a remote has a bucket that is not known here,
// one at a time for a name.
type lookups struct {
	group  singleflight.Group
	slots  chan struct{}
	mu     sync.Mutex // guards absent
	absent map[string]absence
}

type absence struct {
	until time.Time
	err   error
}

func newLookups() *lookups {
	return &lookups{slots: make(chan struct{}, maxLookups), absent: map[string]absence{}}
}

// known returns the error that the last look-up of the name ended with, while that
// is to be believed.
func (l *lookups) known(name string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.absent[name]
	if !ok || !now.Before(a.until) {
		return nil
	}
	return a.err
}

// forget forgets what is known of the name.
func (l *lookups) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.absent, name)
}

func (l *lookups) note(name string, now time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.absent) >= maxAbsent {
		for name, a := range l.absent {
			if !now.Before(a.until) {
				delete(l.absent, name)
			}
		}
		if len(l.absent) >= maxAbsent {
			clear(l.absent)
		}
	}
	l.absent[name] = absence{now.Add(absentFor), err}
}

// firstUse adds the remote bucket of that name if there is one, and returns missing,
// the error that it is not known here, if there is none, and where nothing is
// looked for: no remote is configured, or nobody knows who asks.
//
// Nobody owns what is added so: while the cluster has users, administrators say who
// may use it.
func (p *Proxy) firstUse(ctx *fasthttp.RequestCtx, name string, missing error) (*cluster.Bucket, error) {
	if !p.cluster.State().Config.Backend.Enabled || object.CheckBucketName(name) != nil || p.access.On() && access.Who(ctx).Anonymous() {
		return nil, missing
	}
	if err := p.lookups.known(name, p.cfg.Now()); err != nil {
		return nil, err
	}
	made, err, _ := p.lookups.group.Do(name, func() (any, error) {
		answer, err := p.lookUp(name, cluster.RemoteProps{})
		if err != nil {
			if kind := object.KindOf(err); kind == object.NoSuchBucket || kind == object.Denied {
				p.lookups.note(name, p.cfg.Now(), err)
			}
			return nil, err
		}
		return p.addRemote(cluster.Bucket{
			Provider: object.AWS, Name: name, Region: answer.Region,
			Props: cluster.DefaultProps(object.AWS, false, p.cluster.State().Config),
		})
	})
	if err != nil {
		return nil, err
	}
	return made.(*cluster.Bucket), nil
}

// createRemote adds a remote bucket because somebody asks for it, with b's
// properties; with a look-up, only one that is there: nothing is made at the remote.
// Exists comes with the one that is known here already. Where the cluster has users
// it is for administrators: the cluster goes to the remote in its own name.
func (p *Proxy) createRemote(ctx *fasthttp.RequestCtx, b cluster.Bucket, look bool) (*cluster.Bucket, error) {
	const op = "proxy.createRemote"
	if !p.admin(ctx) {
		return nil, object.E(op, b.Name, object.Denied, errNotAdmin)
	}
	if b.Props.BackendBck != "" {
		return nil, object.E(op, b.Name, object.Invalid, errors.New("backend_bck is for ais:// buckets: this one is remote itself"))
	}
	if !p.cluster.State().Config.Backend.Enabled {
		return nil, object.E(op, b.Name, object.Unsupported, cluster.ErrNoBackend)
	}
	if look {
		answer, err := p.lookUp(b.Name, b.Props.Remote)
		if err != nil {
			return nil, err
		}
		b.Region = answer.Region
	}
	made, err := p.createBucket(b)
	p.lookups.forget(b.Name)
	return &made, err
}

// checkBackend refuses properties that say where a bucket's objects are, if they are
// to change from what b has and cannot: a remote bucket must be there, and where the
// cluster has users only administrators may lend them its credentials.
//
// Before another remote bucket is put behind it than the last, nothing may be kept of
// that: it would be taken for the new one's.
//
// Objects and uploads that the bucket has stay. What was put while no remote was
// there is the bucket's own, and never leaves for one; an upload that was begun before
// ends with an error.
func (p *Proxy) checkBackend(ctx *fasthttp.RequestCtx, b *cluster.Bucket, to *cluster.Props) error {
	const op = "proxy.checkBackend"
	if to.BackendBck == b.Props.BackendBck && to.Remote == b.Props.Remote {
		return nil
	}
	switch {
	case !p.admin(ctx):
		return object.E(op, b.Name, object.Denied, errNotAdmin)
	case to.BackendBck != "" && b.Provider != object.AIS:
		return object.E(op, b.Name, object.Invalid, errors.New("backend_bck is for ais:// buckets: this one is remote itself"))
	case to.BackendBck != "" && b.Versioning != object.Unversioned:
		return object.E(op, b.Name, object.Invalid, errors.New("the bucket keeps versions, which one in front of a remote cannot"))
	case to.BackendBck != "" && b.Documents.Lifecycle != "":
		return object.E(op, b.Name, object.Invalid, errors.New("the bucket has lifecycle rules, which one in front of a remote cannot"))
	case to.BackendBck == "" && b.Provider == object.AIS:
		return nil // detached, or not attached yet
	}
	after := cluster.Bucket{Provider: b.Provider, Name: b.Name, Props: *to}
	name, _ := after.Remote()
	if !p.cluster.State().Config.Backend.Enabled {
		return object.E(op, name, object.Unsupported, cluster.ErrNoBackend)
	}
	if last := b.LastRemote; last != "" && to.BackendBck != last {
		kept, err := p.holds(b, "", func(m *object.Meta) bool { return m.Custom[object.CustomSource] != "" })
		if err != nil {
			return err
		}
		if kept {
			return object.E(op, name, object.Invalid, errors.New("there are objects here of "+last+": while that is behind the bucket, 'ais evict "+b.URL()+"' drops them"))
		}
	}
	if to.BackendBck == b.Props.BackendBck {
		return nil // how to get there is for whoever says so to know
	}
	_, err := p.lookUp(name, to.Remote)
	if object.KindOf(err) == object.NoSuchBucket && err != nil {
		return object.E(op, name, object.Invalid, errors.New("the remote store has no bucket of this name"))
	}
	return err
}

// knowSource looks at the remote for the bucket that a request copies from, if it is
// not known here; the target that makes the copy finds it then, or says that there is
// none.
func (p *Proxy) knowSource(r *s3api.Request) error {
	if r.Op != s3api.CopyObject && r.Op != s3api.UploadPartCopy || !p.cluster.State().Config.Backend.Enabled {
		return nil
	}
	bucket, _, _, err := s3api.ParseCopySource(r)
	if err != nil || bucket == r.Bucket {
		return nil
	}
	find := func(s *cluster.State) (*cluster.Bucket, bool) { return s.S3Bucket("", bucket) }
	if _, ok := find(p.cluster.State()); ok {
		return nil
	}
	if _, err = p.freshBy(bucket, find); err == nil || object.KindOf(err) != object.NoSuchBucket {
		return err
	}
	if _, err = p.firstUse(r.Ctx(), bucket, err); object.KindOf(err) == object.NoSuchBucket {
		return nil
	}
	return err
}

// addRemote adds a bucket that another node may be adding as well.
func (p *Proxy) addRemote(b cluster.Bucket) (*cluster.Bucket, error) {
	made, err := p.createBucket(b)
	if object.KindOf(err) == object.Exists && err != nil && made.State == cluster.BucketActive {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	p.lookups.forget(b.Name)
	return &made, nil
}

// lookUp asks the remote about a bucket, by way of a target. Errors: NoSuchBucket,
// Denied, Unavailable, Unsupported where no remote is configured.
func (p *Proxy) lookUp(name string, own cluster.RemoteProps) (answer peer.LookupAnswer, err error) {
	state := p.cluster.State()
	ctx, cancel := context.WithTimeout(context.Background(), state.Config.Backend.LookupTimeout()+time.Second) // the target has the exact deadline
	defer cancel()
	select {
	case p.lookups.slots <- struct{}{}:
		defer func() { <-p.lookups.slots }()
	case <-ctx.Done():
		return answer, object.E("proxy.lookUp", name, object.Busy, errors.New("too many look-ups at the remote"))
	}
	err = object.E("proxy.lookUp", name, object.Unavailable, errors.New("no target is alive"))
	for _, node := range state.LookUpNodes(name) {
		err = p.caller.Ask(ctx, node, peer.PathLookup, peer.LookupRequest{Bucket: name, Remote: own}, &answer)
		if err == nil || object.KindOf(err) != object.Unavailable || ctx.Err() != nil || peer.Answered(err) {
			break
		}
	}
	return answer, lookupError(name, err)
}

// lookupError says what a client is told of a look-up that failed.
func lookupError(name string, err error) error {
	const op = "proxy.lookUp"
	if err == nil {
		return nil
	}
	switch kind := object.KindOf(err); kind {
	case object.NoSuchBucket, object.Unsupported:
		return object.E(op, name, kind, errors.New(text(err)))
	case object.Denied:
		return object.E(op, name, kind, say(s3api.AccessDenied, "The remote store denies access to a bucket of this name: "+text(err)))
	default:
		return object.E(op, name, object.Unavailable, say(s3api.ServiceUnavailable, "No bucket of this name is known here, and the remote store did not answer: "+text(err)))
	}
}

// text is what a node said of its failure.
func text(err error) string {
	var e *object.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// told is a cause that clients of both interfaces are told.
type told struct{ answer *s3api.Error }

func (t told) Error() string { return t.answer.Message }
func (t told) Unwrap() error { return t.answer }

// say returns the cause of an error that S3 clients are told as the S3 error with
// that message, and native ones in these words.
func say(as *s3api.Error, message string) error { return told{as.Say(message)} }
