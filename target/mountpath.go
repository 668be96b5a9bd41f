package target

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"ais/api"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nodeMountpath does something with a mountpath of this target.
func (t *Target) nodeMountpath(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.MountpathRequest](ctx)
	if err != nil {
		return err
	}
	var answer peer.MountpathAnswer
	if answer.Job, err = t.changeMountpath(req); err != nil {
		return err
	}
	return write(ctx, answer)
}

// changeMountpath does what is asked, and starts the job that moves names because of
// it, whose id it returns.
func (t *Target) changeMountpath(req peer.MountpathRequest) (id string, err error) {
	switch req.Action {
	case api.ActionAttachMountpath:
		err = t.store.Attach(req.Dir)
	case api.ActionDetachMountpath:
		if err = t.giveUp(req.Dir, req.Force); err != nil {
			return "", err
		}
		err = t.store.Detach(req.Dir, req.Force)
	case api.ActionEnableMountpath:
		err = t.store.Enable(req.Dir)
	case api.ActionDisableMountpath:
		err = t.store.Disable(req.Dir, req.Force)
	case api.ActionRescanMountpath:
		err = t.store.HasMountpath(req.Dir)
	case api.ActionCheckMountpath:
		return "", t.store.CheckMountpath(req.Dir)
	default:
		err = object.E("target.mountpath", req.Action, object.Unsupported, nil)
	}
	if err != nil {
		return "", err
	}
	t.cfg.Logger.Info("mountpaths were changed", "action", req.Action, "dir", req.Dir, "force", req.Force, "by", req.Owner)
	if !t.store.Unsettled() && req.Action != api.ActionRescanMountpath {
		return "", nil
	}
	j, err := t.startResilver(req.Owner, false)
	if err != nil {
		return "", err
	}
	return j.ID, nil
}

// startResilver starts the job that moves names to the mountpaths where they belong.
func (t *Target) startResilver(owner string, byItself bool) (*job, error) {
	request := peer.JobRequest{ID: "resilver-" + rand.Text()[:8], Kind: api.JobResilver, Owner: owner, Targets: []string{t.cfg.ID}}
	j := &job{JobRequest: request, started: t.cfg.Now(), byItself: byItself}
	return j, t.runJob(j, (*Target).resilverJob)
}

// The intervals of resilvers.
const (
	resilverLook  = 500 * time.Millisecond // between looks at how far one is
	resilverAgain = time.Minute            // before names that are left are tried again
)

// resilverJob moves names to the mountpaths where they belong.
func (t *Target) resilverJob(ctx context.Context, j *job) error {
	t.setMirrors()
	progress := &fs.Progress{}
	ended := make(chan error, 1)
	go func() { ended <- t.store.Resilver(ctx, progress) }()
	// Where ctx ends, the resilver does, and says so.
	return follow(context.Background(), ended, func() {
		j.objects.Store(progress.Objects.Load())
		j.bytes.Store(progress.Bytes.Load())
		j.failed.Store(progress.Failed.Load())
		j.total.Store(progress.Total.Load())
	})
}

// keepResilvering goes on, at the start and now and then, with what a resilver has
// left. One that was stopped on request is not started again before the next start.
func (t *Target) keepResilvering(ctx context.Context) {
	tick, look := time.NewTicker(resilverAgain), time.NewTicker(disksLook)
	defer tick.Stop()
	defer look.Stop()
	for seen, again := uint64(0), true; ; {
		changes := t.cluster.Changes() // before the look, so that none is missed
		t.setMirrors()
		if now := t.store.Generation(); now != seen || again {
			if t.store.Unsettled() && t.resilverWanted() {
				if _, err := t.startResilver("", true); err != nil {
					t.cfg.Logger.Warn("a resilver does not start", "err", err)
				}
			}
			seen = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			again = true
		case <-changes:
			again = false
		case <-look.C:
			again = t.store.TakesBack()
		}
	}
}

// setMirrors has the store keep as many copies of each bucket's names as its
// properties say.
func (t *Target) setMirrors() {
	for _, b := range t.cluster.State().Buckets() {
		want := b.Props.Mirror.Count()
		if now, _ := t.store.Copies(b.ID); now == want {
			t.mirrorless.Delete(b.ID)
			continue
		}
		err := t.store.SetCopies(b.ID, want)
		if err == nil {
			t.cfg.Logger.Info("copies on mountpaths were set", "bucket", b.Name, "copies", want)
			continue
		}
		if said, _ := t.mirrorless.Swap(b.ID, err.Error()); said != err.Error() {
			t.cfg.Logger.Warn("a bucket does not have the copies on mountpaths that it is to have", "bucket", b.Name, "copies", want, "err", err)
		}
	}
}

// resilverWanted reports whether no resilver runs, and none was stopped on request.
func (t *Target) resilverWanted() bool {
	latest := t.jobs.find(peer.JobQuery{Kind: api.JobResilver})
	if len(latest) == 0 {
		return true
	}
	j := latest[0]
	j.mu.Lock()
	defer j.mu.Unlock()
	return !j.ended.IsZero() && !errors.Is(j.err, errJobStopped)
}
