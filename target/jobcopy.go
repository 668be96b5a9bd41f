package target

import (
	"context"
	"errors"
	"iter"
	"strings"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// copyTries bounds how often the copy of one object begins anew because the object
// changes.
const copyTries = 4

// copyJob copies the names that the job is about: the owner of a name asks the owner of
// the copy's name, which reads the object where it is, and commits it whole or not at
// all. It ends with what is to be removed of the copies, where that is asked for.
func (t *Target) copyJob(ctx context.Context, j *job) error {
	b, err := t.jobBucket(j)
	if err != nil {
		return err
	}
	list := t.sourceNames(ctx, b)
	if own := t.ownCopies(j); own != "" {
		list = without(own, list)
	}
	err = t.forNames(ctx, j, list, func(ctx context.Context, b *cluster.Bucket, n object.Name) (int64, bool, error) {
		size, done, err := t.copyName(ctx, j, b, n)
		if err != nil && object.KindOf(err) == object.NotFound && (j.Work.Template != "" || len(j.Work.Keys) == 0 || j.Work.Copy.Synchronize) {
			err = nil // a range may have holes, and what was listed may be gone since
		}
		return size, done, err
	})
	if err != nil || !j.Work.Copy.Synchronize || j.Work.Copy.DryRun || len(j.Work.Keys) > 0 || j.Work.Template != "" {
		return err
	}
	return t.dropCopies(ctx, j)
}

// ownCopies returns what the names begin with that this job makes, where it would meet
// them itself; "" where it would not.
func (t *Target) ownCopies(j *job) string {
	if j.Dest != j.Bucket || j.Work.Copy.Prepend == "" {
		return ""
	}
	return j.Work.Copy.Prepend + j.Work.Prefix
}

// sourceNames lists the names of a bucket, each once: those at the remote, and of an
// ais:// bucket those that only this target has.
func (t *Target) sourceNames(ctx context.Context, b *cluster.Bucket) func(prefix string) iter.Seq2[string, error] {
	if _, remote := b.Remote(); !remote {
		return t.localNames(b.ID, nil)
	}
	there := t.remoteNames(ctx, b.ID)
	if b.Provider == object.AWS {
		return there
	}
	own := func(m *object.Meta) bool { return !fromRemote(m) }
	hidden := func(key string) bool {
		m, err := t.store.Stat(object.Name{Bucket: b.ID, Key: key}, "")
		return err == nil && own(&m)
	}
	return both(filter(there, func(key string) bool { return !hidden(key) }), t.localNames(b.ID, own))
}

// without lists what does not begin with a prefix.
func without(prefix string, list func(string) iter.Seq2[string, error]) func(string) iter.Seq2[string, error] {
	return filter(list, func(key string) bool { return !strings.HasPrefix(key, prefix) })
}

// filter lists what is wanted of a list.
func filter(list func(string) iter.Seq2[string, error], wanted func(key string) bool) func(string) iter.Seq2[string, error] {
	return func(prefix string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for key, err := range list(prefix) {
				if (err != nil || wanted(key)) && !yield(key, err) {
					return
				}
			}
		}
	}
}

// copyName copies one object of the job, or in a dry run says only how large it is.
// NotFound where there is none; a copy of it is removed then, where the job
// synchronizes and names its objects one by one.
func (t *Target) copyName(ctx context.Context, j *job, b *cluster.Bucket, n object.Name) (size int64, done bool, err error) {
	to := object.Name{Bucket: j.Dest, Key: j.Work.Copy.Prepend + n.Key}
	if _, remote := b.Remote(); remote && j.Work.Latest && !j.Work.Copy.DryRun {
		if _, _, err = t.prefetch(ctx, b, n, true); err != nil && object.KindOf(err) != object.NoSpace {
			return 0, false, err
		}
	}
	switch {
	case j.Work.Copy.DryRun:
		m, err := t.statOf(b, n)
		return m.Size, err == nil, err
	case to == n: // the copy that is made here of a remote object is this one
		size, _, err = t.fetchAll(ctx, b, n)
		return size, err == nil, err
	}
	if err := object.CheckKey(to.Key); err != nil {
		return 0, false, err
	}
	size, err = t.askCopy(ctx, j, n, to)
	if err != nil && object.KindOf(err) == object.NotFound && j.Work.Copy.Synchronize {
		if dest, destErr := t.activeBucket(j.Dest); destErr == nil {
			return 0, false, errors.Join(err, t.dropCopy(ctx, j, b, dest, to, n))
		}
	}
	return size, err == nil, err
}

// statOf returns the metadata of an object that this target owns.
func (t *Target) statOf(b *cluster.Bucket, n object.Name) (object.Meta, error) {
	if _, remote := b.Remote(); remote {
		return t.statRemote(b, n, wish{})
	}
	return t.store.Stat(n, "")
}

// askCopy has the owner of a name copy to it, and waits until that is done.
func (t *Target) askCopy(ctx context.Context, j *job, from, to object.Name) (int64, error) {
	req := peer.CopyRequest{Source: from.Bucket, Key: from.Key, Dest: to.Bucket, To: to.Key, Owner: j.Owner, Limits: j.Work.Limits}
	for try := 1; ; try++ {
		size, err := t.askCopyOnce(ctx, req, to)
		if err == nil || object.KindOf(err) != object.Busy || try == copyTries || !pause(ctx, try) {
			return size, err
		}
	}
}

func (t *Target) askCopyOnce(ctx context.Context, req peer.CopyRequest, to object.Name) (int64, error) {
	dest, err := t.activeBucket(to.Bucket)
	if err != nil {
		return 0, err
	}
	node, err := t.owner(dest, to)
	if err != nil {
		return 0, err
	}
	if node.ID == t.cfg.ID {
		return t.copyHere(req)
	}
	ctx, cancel := t.whileAlive(ctx, node)
	defer cancel()
	var answer peer.CopyAnswer
	err = t.caller.AskLong(ctx, t.streams, node, peer.PathCopy, req, &answer)
	return answer.Size, err
}

// whileAlive returns a context that ends when the node is taken for dead, too.
func (t *Target) whileAlive(ctx context.Context, node cluster.Node) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			changes := t.cluster.Changes()
			if !t.cluster.State().IsLive(node.ID) {
				cancel()
			}
			select {
			case <-changes:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}

func (t *Target) nodeCopy(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.CopyRequest](ctx)
	if err != nil {
		return err
	}
	size, err := t.copyHere(req)
	if err != nil {
		return err
	}
	return write(ctx, peer.CopyAnswer{Size: size})
}

// errNotOwn is why a job does not read an object.
var errNotOwn = errors.New("it is another user's than the bucket's, or has tags, so that it is to be decided about by itself: copy it over S3")

// readable reports whether a job within the limits may read an object.
func readable(m *object.Meta, limits peer.Limits) bool {
	return (!limits.Owned || m.Owner == "") && (!limits.Untagged || len(m.Tags) == 0)
}

// copyHere copies an object to a name that this target owns, over what is there. Who
// asks for it was allowed to do so.
func (t *Target) copyHere(req peer.CopyRequest) (size int64, err error) {
	source, err := t.activeBucket(req.Source)
	if err != nil {
		return 0, err
	}
	dest, err := t.activeBucket(req.Dest)
	if err != nil {
		return 0, err
	}
	owner := req.Owner
	if owner == dest.Owner {
		owner = ""
	}
	meta, _, err := t.Copy(CopyRequest{
		Source: CopySource{
			Bucket: source, Name: object.Name{Bucket: source.ID, Key: req.Key},
			Granted: func(m *object.Meta, err error) error {
				if err == nil && !readable(m, req.Limits) {
					err = object.E("target.copy", req.Key, object.Denied, errNotOwn)
				}
				return err
			},
		},
		Bucket: dest, Name: object.Name{Bucket: dest.ID, Key: req.To}, Owner: owner,
	})
	if err == nil {
		t.metrics.putBytes.Add(float64(meta.Size))
	}
	return meta.Size, err
}
