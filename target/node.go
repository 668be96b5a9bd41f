package target

import (
	"context"
	"encoding/json"
	"errors"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nodeCalls are the requests that only other nodes of the cluster make.
var nodeCalls = map[string]func(*Target, *fasthttp.RequestCtx) error{
	peer.PathList:    (*Target).nodeList,
	peer.PathUploads: (*Target).nodeUploads,
	peer.PathDelete:  (*Target).nodeDelete,
	peer.PathEmpty:   (*Target).nodeEmpty,
	peer.PathStat:    (*Target).nodeStat,
	peer.PathRead:    (*Target).nodeRead,
	peer.PathStatus:  (*Target).nodeStatus,
	peer.PathAct:     (*Target).nodeAct,
	peer.PathLookup:  (*Target).nodeLookup,
	peer.PathMembers: (*Target).nodeMembers,
	peer.PathRename:  (*Target).nodeRename,

	peer.PathRemoteList: (*Target).nodeRemoteList,
	peer.PathForget:     (*Target).nodeForget,

	peer.PathJobStart: (*Target).nodeJobStart,
	peer.PathJobStop:  (*Target).nodeJobStop,
	peer.PathJobs:     (*Target).nodeJobs,
	peer.PathCopy:     (*Target).nodeCopy,

	peer.PathMountpath: (*Target).nodeMountpath,
}

// serveNode answers another node: 200, or a peer.ErrorAnswer.
func (t *Target) serveNode(ctx *fasthttp.RequestCtx) {
	err := t.answerNode(ctx)
	if err == nil {
		return
	}
	kind := object.KindOf(err)
	if kind == object.Internal || kind == object.Corrupt {
		t.cfg.Logger.Error("node request failed", "path", string(ctx.Path()), "err", err)
	}
	body, _ := json.Marshal(peer.ErrorAnswer{Kind: kind.Error(), Message: err.Error()}) // two strings always encode
	ctx.Response.Reset()
	ctx.SetStatusCode(fasthttp.StatusConflict)
	ctx.SetBody(body)
}

func (t *Target) answerNode(ctx *fasthttp.RequestCtx) error {
	if rev := ctx.Request.Header.Peek(peer.HeaderRevision); len(rev) > 0 {
		if err := t.catchUp(rev); err != nil {
			return err
		}
	}
	if t.cfg.NodeCerts && !peer.Certified(ctx) {
		return object.E("target.node", "", object.Denied, errors.New("no verified certificate of a node"))
	}
	ticket, found, err := t.verify(ctx)
	if err == nil && found && string(ctx.Path()) == peer.PathShare {
		return t.nodeShare(ctx, ticket)
	}
	if err != nil || !found || ticket.Principal != peer.NodePrincipal {
		return object.E("target.node", "", object.Denied, errors.New("no valid ticket of a node of this cluster"))
	}
	if ok, err := t.nodeCopies(ctx); ok {
		return err
	}
	if ok, err := t.nodeMove(ctx); ok {
		return err
	}
	answer, ok := nodeCalls[string(ctx.Path())]
	if !ok {
		return object.E("target.node", string(ctx.Path()), object.Unsupported, nil)
	}
	return answer(t, ctx)
}

// read decodes the request's JSON body.
func read[T any](ctx *fasthttp.RequestCtx) (T, error) {
	var v T
	if err := json.Unmarshal(ctx.Request.Body(), &v); err != nil {
		return v, object.E("target.node", string(ctx.Path()), object.Invalid, err)
	}
	return v, nil
}

func write(ctx *fasthttp.RequestCtx, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx.SetBody(body)
	return nil
}

// bucketByID finds a bucket that the sender, whose state this node has caught up
// with, has named by its id. One that is being deleted may be gone already: etcd
// says.
func (t *Target) bucketByID(id uint64) (*cluster.Bucket, error) {
	b, ok := t.cluster.State().BucketByID(id)
	if ok && b.State == cluster.BucketDeleting {
		ctx, cancel := context.WithTimeout(context.Background(), t.cfg.SyncTimeout)
		defer cancel()
		state, err := t.cluster.Sync(ctx)
		if err != nil {
			return nil, err
		}
		b, ok = state.BucketByID(id)
	}
	if !ok {
		return nil, object.E("target.bucket", "", object.NoSuchBucket, nil)
	}
	return b, nil
}

// viewed answers a question about all names of a bucket by do, if both sides see alike
// where these are, until the answer is there. Conflict where they do not.
func (t *Target) viewed(bucket uint64, v peer.View, do func() error) error {
	for _, step := range []func() error{func() error { return t.tookOver(v.Map) }, func() error { return t.clearly(do) }, func() error { return t.leased(v.Map) }} {
		if err := step(); err != nil {
			return err
		}
		b, err := t.bucketByID(bucket)
		if err != nil {
			return err
		}
		if !v.Is(t.cluster.State(), b) {
			return object.E("target.viewed", b.Name, object.Conflict, errors.New("its names are placed otherwise now"))
		}
	}
	return nil
}

func (t *Target) nodeList(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.ListRequest](ctx)
	if err != nil {
		return err
	}
	var page object.Page
	err = t.viewed(req.Bucket, req.View, func() (err error) {
		page, err = t.store.List(req.Bucket, req.Query)
		return err
	})
	if err != nil {
		return err
	}
	t.metrics.lists.Inc()
	ctx.SetBody(peer.EncodePage(page))
	return nil
}

func (t *Target) nodeUploads(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.UploadsRequest](ctx)
	if err != nil {
		return err
	}
	var page object.Page
	err = t.viewed(req.Bucket, req.View, func() (err error) {
		page, err = t.store.Uploads(req.Bucket, req.Query, req.UploadID)
		return err
	})
	if err != nil {
		return err
	}
	ctx.SetBody(peer.EncodePage(page))
	return nil
}

func (t *Target) nodeDelete(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.DeleteRequest](ctx)
	if err != nil {
		return err
	}
	b, err := t.bucketByID(req.Bucket)
	if err != nil {
		return err
	}
	list := make([]fs.Removal, len(req.Keys))
	for i, key := range req.Keys {
		list[i] = fs.Removal{Name: object.Name{Bucket: b.ID, Key: key}, Version: req.Versions[i], Cond: req.Conds[i]}
	}
	removed, errs := t.DeleteMany(b, list, req.Owner)
	answer := peer.DeleteAnswer{Failed: map[int]string{}, Again: map[int]int64{}, Markers: map[int]string{}}
	for i, err := range errs {
		if err == nil {
			if removed[i].DeleteMarker {
				answer.Markers[i] = object.ShownVersion(removed[i].VersionID)
			}
			continue
		}
		if object.KindOf(err) == object.Internal {
			t.cfg.Logger.Error("delete", "bucket", b.Name, "key", req.Keys[i], "err", err)
		}
		answer.Failed[i] = object.KindOf(err).Error()
		if revision, ok := peer.Resend(err, false); ok {
			answer.Again[i] = revision
		}
	}
	t.metrics.del.count.Add(float64(len(req.Keys) - len(answer.Failed)))
	return write(ctx, answer)
}

func (t *Target) nodeEmpty(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.BucketRequest](ctx)
	if err != nil {
		return err
	}
	var empty bool
	err = t.viewed(req.Bucket, req.View, func() (err error) {
		empty, err = t.empty(req.Bucket)
		return err
	})
	if err != nil {
		return err
	}
	return write(ctx, peer.EmptyAnswer{Empty: empty})
}

func (t *Target) nodeStat(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.NameRequest](ctx)
	if err != nil {
		return err
	}
	n := object.Name{Bucket: req.Bucket, Key: req.Key}
	var meta object.Meta
	if b, ok := t.remoteBacked(req.Bucket); ok {
		meta, err = t.statRemote(b, n, wish{version: req.VersionID, latest: req.Latest, sync: req.Synchronize})
	} else {
		meta, err = t.store.Stat(n, req.VersionID)
	}
	if err != nil {
		return err
	}
	ctx.SetBody(peer.EncodeMeta(&meta))
	return nil
}

func (t *Target) nodeRead(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.ReadRequest](ctx)
	if err != nil {
		return err
	}
	n, r := object.Name{Bucket: req.Bucket, Key: req.Key}, object.Range{Offset: req.Offset, Length: req.Length}
	if b, ok := t.remoteBacked(req.Bucket); ok {
		return t.nodeReadRemote(ctx, b, n, wish{version: req.VersionID, latest: req.Latest}, req.ETag, r)
	}
	reader, err := t.store.Open(n, req.VersionID)
	if err != nil {
		return err
	}
	if m := reader.Meta(); m.Version != req.Version || m.ETag != req.ETag || req.Offset+req.Length > m.Size {
		reader.Close()
		return object.E("target.read", req.Key, object.Busy, errors.New("the object has changed"))
	}
	section, err := reader.Range(r.Offset, r.Length)
	if err != nil {
		reader.Close()
		return err
	}
	ctx.Response.SetBodyStream(streamOf(ctx, section), int(req.Length))
	return nil
}

// nodeReadRemote is nodeRead of a bucket with a remote one behind it.
func (t *Target) nodeReadRemote(ctx *fasthttp.RequestCtx, b *cluster.Bucket, n object.Name, w wish, etag string, r object.Range) error {
	o, section, err := t.rangeRemote(b, n, w, etag, r)
	if err != nil {
		return err
	}
	if o.here != nil {
		ctx.Response.SetBodyStream(streamOf(ctx, section.(*fs.Section)), int(r.Length))
	} else {
		ctx.Response.SetBodyStream(section, int(r.Length))
	}
	return nil
}

func (t *Target) nodeStatus(ctx *fasthttp.RequestCtx) error {
	return write(ctx, t.daemon.Status())
}

// status is this node's view of itself, but for its counters.
func (t *Target) status() *api.NodeStatus {
	state := t.cluster.State()
	s := &api.NodeStatus{Status: "online", Version: t.cfg.Version, MapVersion: state.Map.Version, System: api.System()}
	s.Node, _ = api.NodeOf(state, t.cfg.ID)
	mountpaths := map[string]api.MountpathCapacity{}
	for _, m := range t.store.Mountpaths() {
		c := api.MountpathCapacity{
			Used: uint64(m.Capacity - m.Free), Avail: uint64(m.Free),
			State: string(m.State), Cause: m.Cause, Objects: m.Objects, Bytes: m.Bytes,
		}
		if m.Capacity > 0 {
			c.PctUsed = int((m.Capacity - m.Free) * 100 / m.Capacity)
		}
		mountpaths[m.Dir] = c
	}
	s.Capacity = api.NewMountpathsCapacity(mountpaths)
	return s
}
