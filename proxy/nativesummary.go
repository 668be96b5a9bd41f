package proxy

import (
	"errors"
	"strings"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeHeadBucket answers the properties of a bucket, with its revision as ETag, and
// where the query asks for a summary that of the bucket, or of the prefix that follows
// it in the path.
func (p *Proxy) nativeHeadBucket(ctx *fasthttp.RequestCtx, to api.Target) error {
	presence, err := api.ReadPresence(ctx)
	if err != nil {
		return err
	}
	b, err := p.present(ctx, to.Bucket, presence)
	if err == nil {
		err = p.access.RequireHTTP(ctx, "s3:ListBucket", b, "")
	}
	if err != nil {
		return err
	}
	if ctx.QueryArgs().Has(api.QuerySummary) {
		remote := strings.EqualFold(string(ctx.QueryArgs().Peek(api.QuerySummary)), "true")
		if err := p.headSummary(ctx, b, to.Key, remote, presence); err != nil {
			return err
		}
	}
	return api.WriteBucketProps(ctx, b)
}

// present finds a bucket if it is where presence says.
func (p *Proxy) present(ctx *fasthttp.RequestCtx, name api.Bucket, presence api.Presence) (*cluster.Bucket, error) {
	find := p.named
	if presence.Here() || presence == api.ExistingElsewhere {
		find = func(_ *fasthttp.RequestCtx, provider object.Provider, name string) (*cluster.Bucket, error) {
			return p.bucket(provider, name)
		}
	}
	b, err := find(ctx, name.Provider, name.Name)
	if err == nil && presence == api.ExistingElsewhere {
		return nil, object.E("native.head", name.String(), object.NoSuchBucket, errors.New("the bucket is in the cluster"))
	}
	if err != nil && object.KindOf(err) == object.NoSuchBucket && presence == api.ExistingElsewhere {
		return p.named(ctx, name.Provider, name.Name)
	}
	return b, err
}

// noSummary is the id of the job behind a summary that was not asked for: clients wait
// for one also where they want to know only whether there is a bucket.
const noSummary = "none"

// headSummary answers a HEAD of a bucket with its summary: 202 with the id of the job
// that counts, and while that runs, 206 as far as it is.
func (p *Proxy) headSummary(ctx *fasthttp.RequestCtx, b *cluster.Bucket, prefix string, remote bool, presence api.Presence) (err error) {
	id := string(ctx.QueryArgs().Peek(api.QueryUUID))
	switch {
	case id == "" && presence.NoProps():
		id = noSummary
	case id == noSummary:
		return nil
	case id == "":
		id, err = p.startSummary(ctx, b, prefix, remote)
	default:
		var sum api.Summary
		var running bool
		if sum, running, err = p.summary(ctx, b, id); err != nil {
			return err
		}
		if running {
			ctx.SetStatusCode(fasthttp.StatusPartialContent)
		}
		return api.WriteBucketSummary(ctx, sum)
	}
	if err != nil {
		return err
	}
	ctx.SetStatusCode(fasthttp.StatusAccepted)
	ctx.Response.Header.Set(api.HeaderJobID, id)
	return nil
}

// nativeSummary answers what a bucket holds, or what it holds under a prefix: first the
// id of the job that counts, and where that is asked with, the sum: 206 as far as it is.
func (p *Proxy) nativeSummary(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	var req api.SummaryMessage
	if err := message.Decode(&req); err != nil {
		return err
	}
	find := p.named
	if req.LocalOnly {
		find = func(_ *fasthttp.RequestCtx, provider object.Provider, name string) (*cluster.Bucket, error) {
			return p.bucket(provider, name)
		}
	}
	b, err := find(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err == nil {
		err = p.access.RequireHTTP(ctx, "s3:ListBucket", b, "")
	}
	if err != nil {
		return err
	}
	if req.UUID == "" {
		id, err := p.startSummary(ctx, b, req.Prefix, !req.Cached)
		if err != nil {
			return err
		}
		ctx.SetStatusCode(fasthttp.StatusAccepted)
		ctx.SetBodyString(id)
		return nil
	}
	sum, running, err := p.summary(ctx, b, req.UUID)
	if err != nil {
		return err
	}
	if running {
		ctx.SetStatusCode(fasthttp.StatusPartialContent)
	}
	return api.WriteJSON(ctx, []api.Summary{sum})
}

// startSummary starts the job that counts: on all targets, for a sum that leaves one out
// would be taken for the truth.
func (p *Proxy) startSummary(ctx *fasthttp.RequestCtx, b *cluster.Bucket, prefix string, remote bool) (string, error) {
	state := p.cluster.State()
	nodes, err := state.Acting(b)
	if err != nil {
		return "", err
	}
	for _, n := range nodes {
		if !state.IsLive(n.ID) {
			return "", object.E("native.summary", n.ID, object.Unavailable, errors.New("target "+n.ID+" is down"))
		}
	}
	request := peer.JobRequest{Kind: api.JobSummary, Bucket: b.ID, Owner: userID(ctx), Work: peer.JobWork{Prefix: prefix}}
	if _, isRemote := b.Remote(); isRemote && remote {
		for _, n := range state.LookUpNodes(b.Name + "/" + prefix) {
			if request.Work.RemoteAt == "" && placedOn(nodes, n) {
				request.Work.RemoteAt = n.ID
			}
		}
	}
	return p.startJob(nodes, request)
}

func placedOn(nodes []cluster.Node, n cluster.Node) bool {
	for i := range nodes {
		if nodes[i].ID == n.ID {
			return true
		}
	}
	return false
}

// summary returns what a job has counted, and whether it is still at it. Errors:
// NotFound for a job that is not known; Unavailable where it did not come to its end.
func (p *Proxy) summary(ctx *fasthttp.RequestCtx, b *cluster.Bucket, id string) (out api.Summary, running bool, err error) {
	shares, err := p.jobShares(ctx, peer.JobQuery{ID: id, Kind: api.JobSummary, Bucket: b.ID})
	if err != nil {
		return out, false, err
	}
	var sum peer.Summary
	snaps := api.JobSnaps{}
	for node, of := range shares {
		for i := range of {
			if of[i].Sum != nil {
				sum.Join(of[i].Sum)
			}
			snaps[node] = append(snaps[node], jobSnap(p.cluster.State(), &of[i]))
		}
	}
	statuses := snaps.Statuses()
	switch {
	case len(statuses) == 0:
		return out, false, noSuchJob(id)
	case statuses[0].Aborted:
		return out, false, object.E("native.summary", id, object.Unavailable, errors.New(statuses[0].Err))
	}
	return newSummary(b, &sum), statuses[0].Ended == 0, nil
}

// newSummary is a sum as clients see it.
func newSummary(b *cluster.Bucket, sum *peer.Summary) api.Summary {
	out := api.Summary{
		Bucket: api.BucketOf(b), Present: true, Objects: uint64(sum.Objects), Size: uint64(sum.Bytes), OnDisk: uint64(sum.Bytes),
		MinSize: sum.Min, MaxSize: sum.Max, RemoteObjects: uint64(sum.RemoteObjects), RemoteSize: uint64(sum.RemoteBytes),
		DisksSize: uint64(sum.Capacity),
	}
	if sum.Objects > 0 {
		out.AvgSize = sum.Bytes / sum.Objects
	}
	if sum.Capacity > 0 {
		out.UsedPct = float64(sum.Bytes) * 100 / float64(sum.Capacity)
	}
	return out
}
