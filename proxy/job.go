package proxy

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeNames starts a job on objects of a bucket and answers its id.
func (p *Proxy) nativeNames(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	var names api.NamesMessage
	if err := message.Decode(&names); err != nil {
		return err
	}
	if err := names.Check(); err != nil {
		return err
	}
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	if err := p.mayJob(ctx, b, message.Action); err != nil {
		return err
	}
	return p.answerJob(ctx, b, message.Action, names)
}

// mayJob decides whether who makes the call may start a job on the objects of a
// bucket: who may do to each of them what the job does.
func (p *Proxy) mayJob(ctx *fasthttp.RequestCtx, b *cluster.Bucket, kind string) error {
	if _, remote := b.Remote(); !remote && kind != api.JobDelete {
		return object.E("native.job", b.URL(), object.Invalid, errors.New("it has no remote bucket behind it, so there is nothing to prefetch or evict"))
	}
	action := "s3:DeleteObject"
	if kind == api.JobPrefetch {
		action = "s3:GetObject"
	}
	return p.access.RequireHTTP(ctx, action, b, "*")
}

// nativeEvictBucket drops all that is kept here of a remote bucket, in a job whose
// id it answers. An aws:// bucket itself goes too, and at once, unless the call says
// that it is kept.
func (p *Proxy) nativeEvictBucket(ctx *fasthttp.RequestCtx, to api.Target) error {
	b, err := p.bucket(to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	if err := p.mayJob(ctx, b, api.JobEvictBucket); err != nil {
		return err
	}
	keep := strings.EqualFold(string(ctx.QueryArgs().Peek(api.QueryKeepBucket)), "true")
	if keep || b.Provider == object.AIS {
		return p.answerJob(ctx, b, api.JobEvictBucket, api.NamesMessage{})
	}
	if err := p.access.RequireHTTP(ctx, "s3:DeleteBucket", b, ""); err != nil {
		return err
	}
	return p.deleteBucket(b, true)
}

// answerJob starts a job at every live target of the bucket and answers its id.
func (p *Proxy) answerJob(ctx *fasthttp.RequestCtx, b *cluster.Bucket, kind string, m api.NamesMessage) error {
	nodes, err := p.cluster.State().Acting(b)
	if err != nil {
		return err
	}
	request := peer.JobRequest{Kind: kind, Bucket: b.ID, Owner: userID(ctx), Work: peer.JobWork{
		Keys: m.Names, Template: m.Template, Prefix: m.Prefix, Latest: m.Latest, Workers: m.Workers,
	}}
	id, err := p.startJob(nodes, request)
	if err != nil {
		return err
	}
	ctx.SetBodyString(id)
	return nil
}

// startJob starts a job at all of the nodes that are up, or at none, and returns
// its id. Of those that are down the job will say that their share was not done.
func (p *Proxy) startJob(nodes []cluster.Node, request peer.JobRequest) (id string, err error) {
	for _, n := range nodes {
		request.Targets = append(request.Targets, n.ID)
	}
	state := p.cluster.State()
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(n cluster.Node) bool { return !state.IsLive(n.ID) })
	if len(nodes) == 0 {
		return "", object.E("native.job", request.Kind, object.Unavailable, errors.New("no target is up"))
	}
	request.ID = "J" + rand.Text()[:9]
	err = p.askNodes(nodes, func(ctx context.Context, n cluster.Node) error {
		return p.caller.Ask(ctx, n, peer.PathJobStart, request, nil)
	})
	if err != nil {
		if stop := p.stopJob(request.ID); stop != nil {
			p.cfg.Logger.Warn("a job that did not start everywhere may be running", "job", request.ID, "err", stop)
		}
		return "", err
	}
	return request.ID, nil
}

// askNodes asks all of the nodes at once and returns the first error.
func (p *Proxy) askNodes(nodes []cluster.Node, ask func(context.Context, cluster.Node) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { errs[i] = ask(ctx, n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// nativeStart starts a job that is about no names, or about all of a bucket.
func (p *Proxy) nativeStart(ctx *fasthttp.RequestCtx, message api.ActionMessage) error {
	q, kind, b, err := p.jobQuery(message)
	if err != nil {
		return err
	}
	switch {
	case kind == api.JobRebalance:
		return p.nativeRebalance(ctx, true, b)
	case (kind == api.JobLRU || kind == api.JobResilver) && p.admin(ctx):
		nodes := p.cluster.State().Targets()
		if q.Node != "" {
			nodes = slices.DeleteFunc(slices.Clone(nodes), func(n cluster.Node) bool { return n.ID != q.Node })
		}
		request := peer.JobRequest{Kind: kind, Owner: userID(ctx)}
		if b != nil {
			request.Bucket = b.ID
		}
		id, err := p.startJob(nodes, request)
		if err != nil {
			return err
		}
		ctx.SetBodyString(id)
		return nil
	case kind == api.JobLRU || kind == api.JobResilver:
		return object.E("native.job", kind, object.Denied, errNotAdmin)
	case kind != api.JobPrefetch && kind != api.JobEvict && kind != api.JobEvictBucket || b == nil:
		return object.E("native.job", "", object.Invalid, errors.New("what can be started this way is rebalance, lru, resilver, and prefetch or evict of a bucket"))
	}
	if err := p.mayJob(ctx, b, kind); err != nil {
		return err
	}
	return p.answerJob(ctx, b, kind, api.NamesMessage{})
}

// nativeStop stops jobs: an administrator any, others those that they started.
func (p *Proxy) nativeStop(ctx *fasthttp.RequestCtx, message api.ActionMessage) error {
	q, kind, b, err := p.jobQuery(message)
	if err != nil {
		return err
	}
	if q.ID == "" && kind == "" && b == nil {
		return object.E("native.job", "", object.Invalid, errors.New("which job is to be stopped?"))
	}
	if kind == api.JobRebalance || api.IsRebalanceID(q.ID) {
		return p.nativeRebalance(ctx, false, b)
	}
	ask := peer.JobQuery{ID: q.ID, Kind: kind}
	if b != nil {
		ask.Bucket = b.ID
	}
	snaps, err := p.jobs(ctx, ask)
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, of := range snaps {
		for i := range of {
			ids[of[i].ID] = ids[of[i].ID] || of[i].Running()
		}
	}
	if q.ID != "" && len(ids) == 0 {
		return noSuchJob(q.ID)
	}
	for id, running := range ids {
		if !running {
			continue
		}
		err = errors.Join(err, p.stopJob(id))
	}
	return err
}

// stopJob stops a job wherever it runs.
func (p *Proxy) stopJob(id string) error {
	return p.askNodes(p.liveTargets(), func(ctx context.Context, n cluster.Node) error {
		return p.caller.Ask(ctx, n, peer.PathJobStop, peer.JobQuery{ID: id}, nil)
	})
}

func noSuchJob(id string) error {
	return object.E("native.job", id, object.NotFound, errors.New("no job "+id+" is known"))
}

// jobQuery reads the query in a message, the kind and the bucket that it names.
func (p *Proxy) jobQuery(message api.ActionMessage) (q api.JobQuery, kind string, b *cluster.Bucket, err error) {
	if err = message.Decode(&q); err != nil {
		return q, "", nil, err
	}
	if q.ID == "" {
		q.ID = message.Name
	}
	kind, b, err = p.jobScope(&q)
	return q, kind, b, err
}

// jobScope returns the kind and the bucket that a query names, nil for any.
func (p *Proxy) jobScope(q *api.JobQuery) (kind string, b *cluster.Bucket, err error) {
	switch {
	case len(q.Buckets) > 1:
		return "", nil, object.E("native.job", "", object.Unsupported, errors.New("a job of several buckets; start one for each"))
	case len(q.Buckets) == 1 && !q.HasBucket():
		q.Bucket = &q.Buckets[0]
	}
	if kind, err = api.JobKind(q.Kind); err != nil || !q.HasBucket() {
		return kind, nil, err
	}
	provider, err := object.ParseProvider(string(q.Bucket.Provider))
	if err != nil {
		return kind, nil, err
	}
	b, err = p.bucket(provider, q.Bucket.Name)
	return kind, b, err
}

// nativeJobs answers a question about jobs.
func (p *Proxy) nativeJobs(ctx *fasthttp.RequestCtx, what string) error {
	var q api.JobQuery
	if err := api.ReadMessage(ctx, &q); err != nil {
		return err
	}
	kind, b, err := p.jobScope(&q)
	if err != nil {
		return err
	}
	if what == api.WhatJobStatus && b == nil && (api.IsRebalanceID(q.ID) || q.ID == "" && kind == api.JobRebalance) {
		return api.WriteJSON(ctx, p.rebalanceStatus())
	}
	ask := peer.JobQuery{ID: q.ID, Kind: kind}
	if api.IsRebalanceID(q.ID) {
		ask = peer.JobQuery{Kind: api.JobRebalance}
	}
	if b != nil {
		ask.Bucket = b.ID
	}
	snaps, err := p.jobs(ctx, ask)
	if err != nil {
		return err
	}
	statuses := snaps.Statuses()
	if q.Running() || what == api.WhatRunningJobs {
		statuses = slices.DeleteFunc(statuses, func(s api.JobStatus) bool { return s.Ended != 0 })
		snaps = snaps.Of(statuses)
	}
	switch what {
	case api.WhatJobs:
		if q.Share != "" {
			maps.DeleteFunc(snaps, func(node string, _ []api.JobSnap) bool { return node != q.Share })
		}
		return api.WriteJSON(ctx, snaps)
	case api.WhatJobStatuses:
		return api.WriteJSON(ctx, statuses)
	case api.WhatRunningJobs:
		running := make([]string, len(statuses))
		for i, s := range statuses {
			running[i] = s.Kind + "[" + s.ID + "]"
		}
		return api.WriteJSON(ctx, running)
	}
	if len(statuses) == 0 {
		return noSuchJob(cmp.Or(q.ID, kind))
	}
	return api.WriteJSON(ctx, statuses[0])
}

func (p *Proxy) liveTargets() []cluster.Node {
	state := p.cluster.State()
	return slices.DeleteFunc(slices.Clone(state.Targets()), func(n cluster.Node) bool { return !state.IsLive(n.ID) })
}

// jobs asks every live target for its shares of jobs. One that does not answer has
// none: that is seen from what the others say. An administrator sees all jobs,
// others those that they started.
func (p *Proxy) jobs(ctx *fasthttp.RequestCtx, q peer.JobQuery) (api.JobSnaps, error) {
	shares, err := p.jobShares(ctx, q)
	if err != nil {
		return nil, err
	}
	snaps := api.JobSnaps{}
	state := p.cluster.State()
	for node, of := range shares {
		for i := range of {
			snaps[node] = append(snaps[node], jobSnap(state, &of[i]))
		}
	}
	return snaps, nil
}

// jobShares is jobs as the targets tell it.
func (p *Proxy) jobShares(ctx *fasthttp.RequestCtx, q peer.JobQuery) (map[string][]peer.Job, error) {
	shares := map[string][]peer.Job{}
	var mu sync.Mutex
	nodes := p.liveTargets()
	err := p.askNodes(nodes, func(wait context.Context, n cluster.Node) error {
		var answer peer.JobsAnswer
		if err := p.caller.Ask(wait, n, peer.PathJobs, q, &answer); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range answer.Jobs {
			if j := &answer.Jobs[i]; p.seesJob(ctx, j) {
				shares[n.ID] = append(shares[n.ID], *j)
			}
		}
		return nil
	})
	if err != nil {
		p.cfg.Logger.Warn("a target was not heard about its jobs", "err", err)
		if len(shares) == 0 {
			return nil, err
		}
	}
	return shares, nil
}

// seesJob reports whether who makes the call may know of a job.
func (p *Proxy) seesJob(ctx *fasthttp.RequestCtx, j *peer.Job) bool {
	return p.admin(ctx) || j.Owner != "" && j.Owner == userID(ctx)
}

// jobSnap is a target's share of a job as clients see it.
func jobSnap(state *cluster.State, j *peer.Job) api.JobSnap {
	s := api.JobSnap{
		ID: j.ID, Kind: j.Kind, About: j.About, Started: j.Started, Ended: j.Ended, Aborted: j.Aborted, Idle: !j.Ended.IsZero(),
		Stats: api.JobStats{Objects: j.Objects, Bytes: j.Bytes},
		Extra: api.JobExtra{Total: j.Total, Errors: j.Errors, Targets: j.Targets, Owner: j.Owner},
	}
	if j.Aborted {
		s.AbortErr = j.Err
	} else {
		s.Err = j.Err
	}
	if b, ok := state.BucketByID(j.Bucket); ok && j.Bucket != 0 {
		s.Bucket = api.BucketOf(b)
	}
	if b, ok := state.BucketByID(j.Dest); ok && j.Dest != 0 {
		s.Source, s.Dest = s.Bucket, api.BucketOf(b)
	}
	return s
}
