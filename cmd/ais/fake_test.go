package main

import (
	"bytes"
	"io"
	"log"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"ais/api"
	"ais/cluster"
	"ais/object"
)

// fake is a cluster as far as package api's wire form goes: a proxy that sends
// object calls on to a target, both in memory. What a real one does is tested
// against a real one, in internal/e2e.
type fake struct {
	t      *testing.T
	url    string // of the proxy
	target string

	proxyURL string // in the cluster map

	mu      sync.Mutex
	buckets map[string]*fakeBucket
	config  cluster.Config
	corrupt bool // contents go out with a byte changed
	users   map[string]*api.User
	asked   []string // Authorization of the calls that came
	jobs    []fakeJob

	uploads    map[string]*fakeUpload
	partsUntil int      // parts of an upload that there is room for; 0 for all
	ranges     []string // of the reads that came
	beforeGet  func()   // called before each read
	failReads  bool
}

type fakeBucket struct {
	info    cluster.Bucket
	objects map[string]fakeObject
}

type fakeObject struct {
	data []byte
	meta object.Meta
}

// testTime is when everything in a fake happened.
func testTime() time.Time { return time.Date(2026, 11, 22, 15, 13, 0, 0, time.UTC) }

// ticket is what a target wants to see in the query.
const ticket = "ais-ticket=t1"

func startFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, buckets: map[string]*fakeBucket{}, config: cluster.DefaultConfig(), users: map[string]*api.User{}, uploads: map[string]*fakeUpload{}, proxyURL: "http://127.0.0.1:8080"}
	f.target = f.serve(f.serveTarget, nil)
	f.url = f.serve(f.serveProxy, f.expect)
	return f
}

func (f *fake) serve(h func(*fasthttp.RequestCtx) error, expect func(*fasthttp.RequestCtx) int) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	server := &fasthttp.Server{
		StreamRequestBody: true, Logger: log.New(io.Discard, "", 0),
		ExpectHandler: expect,
		Handler: func(ctx *fasthttp.RequestCtx) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if err := h(ctx); err != nil {
				api.WriteError(ctx, err)
			}
		},
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(ln)
	}()
	f.t.Cleanup(func() {
		ln.Close()
		<-served
	})
	return "http://" + ln.Addr().String()
}

// expect answers a call that waits for 100 Continue, before its body.
func (f *fake) expect(ctx *fasthttp.RequestCtx) int {
	f.redirect(ctx)
	return fasthttp.StatusTemporaryRedirect
}

func (f *fake) redirect(ctx *fasthttp.RequestCtx) {
	uri := ctx.URI()
	ctx.Response.Header.Set("Location", f.target+string(uri.PathOriginal())+"?"+string(uri.QueryString())+"&"+ticket)
	ctx.SetStatusCode(fasthttp.StatusTemporaryRedirect)
}

func (f *fake) serveProxy(ctx *fasthttp.RequestCtx) error {
	path := string(ctx.URI().PathOriginal())
	f.asked = append(f.asked, string(ctx.Request.Header.Peek("Authorization")))
	switch {
	case strings.HasPrefix(path, "/v1/auth/"):
		return f.serveAuth(ctx, path)
	case strings.HasPrefix(path, api.PathObjects):
		t, err := api.ReadTarget(ctx)
		if err != nil {
			return err
		}
		if f.buckets[t.Bucket.Name] == nil {
			return object.NoSuchBucket
		}
		f.redirect(ctx)
		return nil
	case strings.HasPrefix(path, api.PathBuckets):
		return f.serveBucket(ctx)
	}
	return f.serveCluster(ctx, path)
}

func (f *fake) state() *cluster.State {
	node := func(kind cluster.Kind, id, url string) cluster.Node {
		return cluster.Node{ID: id, Kind: kind, URL: url, PublicURL: url, Weight: 1, State: cluster.Active, Boot: "b"}
	}
	c := cluster.Contents{
		Map: cluster.Map{Cluster: "c1", Version: 4, Created: testTime()},
		Nodes: []cluster.Node{
			node(cluster.Proxy, "proxy1", f.proxyURL),
			node(cluster.Target, "target1", "http://127.0.0.1:8090"), node(cluster.Target, "target2", "http://127.0.0.1:8091"),
		},
		Live:   []cluster.Live{{ID: "proxy1", Boot: "b"}, {ID: "target1", Boot: "b"}},
		Config: f.config,
	}
	for _, b := range f.buckets {
		c.Buckets = append(c.Buckets, b.info)
	}
	return cluster.NewState(c)
}

func (f *fake) serveCluster(ctx *fasthttp.RequestCtx, path string) error {
	switch what := string(ctx.QueryArgs().Peek(api.QueryWhat)); {
	case path == api.PathCluster && (ctx.IsPut() || api.AboutJobs(what)):
		return f.serveJobs(ctx, what)
	case path == api.PathDaemon && what == api.WhatClusterMap:
		return api.WriteJSON(ctx, api.NewClusterMap(f.state(), "proxy1"))
	case path == api.PathCluster && what == api.WhatClusterConfig:
		return api.WriteJSON(ctx, api.ConfigProperties(f.config))
	case path == api.PathReverse && what == api.WhatNodeStatus:
		return f.serveStatus(ctx)
	case path == api.PathReverse && what == api.WhatLog:
		ctx.SetBodyString(fakeLog)
		return nil
	case path == api.PathSetConfig:
		var p api.Properties
		for k, v := range ctx.QueryArgs().All() {
			p = append(p, api.Property{Name: string(k), Value: string(v)})
		}
		changed, err := api.ChangeConfig(f.config, p)
		if err == nil {
			f.config = changed
		}
		return err
	}
	return object.E("fake", path, object.Unsupported, nil)
}

// fakeLog is the log of every node of a fake.
const fakeLog = `{"time":"2026-11-22T15:13:00.5Z","level":"INFO","msg":"serving","node":"target1","listen":":8090"}
{"time":"2026-11-22T15:13:01Z","level":"ERROR","msg":"disk","node":"target1","err":"I/O error","tries":3}
not JSON
`

func (f *fake) serveStatus(ctx *fasthttp.RequestCtx) error {
	node, ok := api.NodeOf(f.state(), string(ctx.Request.Header.Peek(api.HeaderNodeID)))
	if !ok {
		return object.NotFound
	}
	s := api.NodeStatus{
		Status: "online", Version: "1.0", Node: node,
		System:  api.SystemInfo{MemUsedPct: 0.5, MemAvail: 4 << 30, Load: api.Load{One: 0.4, Five: 0.3, Fifteen: 0.2}},
		Tracker: map[string]api.Metric{api.UptimeMetric: {Value: int64(17 * time.Minute)}},
	}
	if node.Type == api.TypeTarget {
		s.Capacity = api.NewMountpathsCapacity(map[string]api.MountpathCapacity{
			"/mp1": {Used: 1 << 30, Avail: 3 << 30, PctUsed: 25, FS: "/dev/sda1", Objects: 10},
			"/mp2": {Used: 1 << 30, Avail: 3 << 30, PctUsed: 25, FS: "/dev/sda1", Objects: 5},
		})
	}
	return api.WriteJSON(ctx, s)
}

func (f *fake) serveBucket(ctx *fasthttp.RequestCtx) error {
	t, err := api.ReadTarget(ctx)
	if err != nil {
		return err
	}
	m, err := api.ReadAction(ctx)
	if err != nil {
		return err
	}
	if done, err := f.serveNames(ctx, t.Bucket, m); done {
		return err
	}
	if t.Bucket.Name == "" {
		return api.WriteJSON(ctx, api.NewBuckets(f.state(), object.Provider(ctx.QueryArgs().Peek(api.QueryProvider))))
	}
	b := f.buckets[t.Bucket.Name]
	if t.Bucket.Provider != object.AIS {
		return object.E("fake", t.Bucket.Name, object.Unsupported, nil)
	}
	if m.Action == api.ActionCreate {
		return f.create(t.Bucket, m)
	}
	if b == nil {
		return object.NoSuchBucket
	}
	switch {
	case ctx.IsHead():
		return api.WriteBucketProps(ctx, &b.info)
	case m.Action == api.ActionDestroy:
		delete(f.buckets, t.Bucket.Name)
		return nil
	case m.Action == api.ActionSetProps:
		return b.set(m)
	case m.Action == api.ActionList:
		return b.list(ctx, m)
	}
	return object.E("fake", m.Action, object.Unsupported, nil)
}

func (f *fake) create(b api.Bucket, m api.ActionMessage) error {
	if f.buckets[b.Name] != nil {
		return object.Exists
	}
	made := &fakeBucket{objects: map[string]fakeObject{}, info: cluster.Bucket{
		ID: uint64(len(f.buckets) + 1), Provider: b.Provider, Name: b.Name, Created: testTime(), State: cluster.BucketActive,
		Props: cluster.DefaultProps(b.Provider, false, f.config),
	}}
	if err := made.set(m); err != nil {
		return err
	}
	f.buckets[b.Name] = made
	return nil
}

func (b *fakeBucket) set(m api.ActionMessage) error {
	p, err := api.ParseProperties(m)
	if err != nil {
		return err
	}
	changed, err := api.ChangeProps(b.info.Props, p)
	if err == nil {
		b.info.Props = changed
	}
	return err
}

func (b *fakeBucket) list(ctx *fasthttp.RequestCtx, m api.ActionMessage) error {
	l, err := api.ParseList(m)
	if err != nil {
		return err
	}
	q, page := l.Query(), object.Page{}
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if key <= q.After || !strings.HasPrefix(key, q.Prefix) {
			continue
		}
		e := object.Entry{Key: key, Meta: b.objects[key].meta}
		if folder := q.CommonPrefix(key); folder != "" {
			e = object.Entry{Key: folder, Prefix: true}
		}
		if n := len(page.Entries); n > 0 && page.Entries[n-1].Key == e.Key {
			continue
		}
		if len(page.Entries) == q.Limit {
			page.Truncated = true
			break
		}
		page.Entries = append(page.Entries, e)
	}
	return api.WriteList(ctx, api.NewListResult(l, page, func(int) string { return "target1" }))
}

func (f *fake) serveTarget(ctx *fasthttp.RequestCtx) error {
	if !strings.HasSuffix(string(ctx.URI().QueryString()), ticket) {
		return object.E("fake", "", object.Invalid, nil)
	}
	t, err := api.ReadTarget(ctx)
	if err != nil {
		return err
	}
	b := f.buckets[t.Bucket.Name]
	if done, err := f.serveUpload(ctx, b, t.Key); done {
		return err
	}
	if ctx.IsPut() {
		return f.put(ctx, b, t.Key)
	}
	if ctx.IsGet() && f.beforeGet != nil {
		f.beforeGet()
		if f.failReads {
			return object.NoSpace
		}
	}
	o, ok := b.objects[t.Key]
	if !ok {
		return object.NotFound
	}
	info := api.NewObjectInfo(t.Bucket, t.Key, &o.meta, "target1")
	switch {
	case ctx.IsDelete():
		delete(b.objects, t.Key)
	case ctx.IsHead():
		api.SetObjectInfo(&ctx.Response.Header, &info, "")
		ctx.Response.Header.SetContentLength(int(o.meta.Size))
		ctx.Response.SkipBody = true
	default:
		return f.get(ctx, o, &info)
	}
	return nil
}

func (f *fake) put(ctx *fasthttp.RequestCtx, b *fakeBucket, key string) error {
	var body bytes.Buffer
	if _, err := body.ReadFrom(ctx.RequestBodyStream()); err != nil {
		return err
	}
	if body.Len() != ctx.Request.Header.ContentLength() {
		return object.Incomplete
	}
	announced, ok, err := api.ReadChecksum(&ctx.Request.Header)
	if err != nil {
		return err
	}
	if ok && announced.Hex() != object.Sum(announced.Algorithm, body.Bytes()).Hex() {
		return object.BadDigest
	}
	b.objects[key] = b.object(body.Bytes())
	m := b.objects[key].meta
	info := api.NewObjectInfo(api.BucketOf(&b.info), key, &m, "target1")
	api.SetObjectHeaders(&ctx.Response.Header, &info)
	return nil
}

// object returns an object that is stored now.
func (b *fakeBucket) object(data []byte) fakeObject {
	m := object.Meta{
		Size: int64(len(data)), Modified: testTime(), Accessed: testTime(), Mountpath: "/mp1", Version: object.Version{Term: 1, Counter: 1},
		Checksum: object.Sum(b.info.Props.Checksum.Type, data),
	}
	m.ETag = object.ETagOf(m.Checksum, []byte("12345678"))
	return fakeObject{data: data, meta: m}
}

func (f *fake) get(ctx *fasthttp.RequestCtx, o fakeObject, info *api.ObjectInfo) error {
	f.ranges = append(f.ranges, string(ctx.Request.Header.Peek("Range")))
	r, partial, err := object.ParseRange(string(ctx.Request.Header.Peek("Range")), o.meta.Size)
	if err != nil {
		return err
	}
	data := slices.Clone(o.data[r.Offset : r.Offset+r.Length])
	if f.corrupt && len(data) > 0 {
		data[0] ^= 1
	}
	api.SetObjectHeaders(&ctx.Response.Header, info)
	if partial {
		ctx.SetStatusCode(fasthttp.StatusPartialContent)
		ctx.Response.Header.SetContentRange(int(r.Offset), int(r.Offset+r.Length-1), int(o.meta.Size))
	}
	ctx.SetBody(data)
	return nil
}
