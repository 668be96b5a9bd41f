package target

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"ais/access"
	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeCalls are the native object calls.
var nativeCalls = map[api.ObjectKind]func(*Target, *nativeCall) error{
	api.ObjectPut:      (*Target).nativePut,
	api.ObjectGet:      (*Target).nativeGet,
	api.ObjectHead:     (*Target).nativeHead,
	api.ObjectDelete:   (*Target).nativeDelete,
	api.ObjectCopy:     (*Target).nativeCopy,
	api.ObjectCustom:   (*Target).nativeCustom,
	api.ObjectAppend:   (*Target).nativeExtend,
	api.ObjectAct:      (*Target).nativeAct,
	api.UploadPut:      (*Target).nativePart,
	api.UploadParts:    (*Target).nativeParts,
	api.UploadComplete: (*Target).nativeComplete,
	api.UploadAbort:    (*Target).nativeAbort,
}

// nativeCall is one native request for an object that this target owns.
type nativeCall struct {
	ctx    *fasthttp.RequestCtx
	asks   api.ObjectCall
	bucket *cluster.Bucket
	name   object.Name

	// Of a copy, where it is to be.
	toBucket *cluster.Bucket
	toName   object.Name
}

// serveNative answers the native API: object calls here, the rest by a proxy.
func (t *Target) serveNative(ctx *fasthttp.RequestCtx) {
	if err := t.answerNative(ctx); err != nil {
		t.failNative(ctx, err)
	}
}

// failNative answers with err and returns the status.
func (t *Target) failNative(ctx *fasthttp.RequestCtx, err error) int {
	ctx.Response.Header.Set(api.HeaderNodeID, t.cfg.ID)
	status := api.WriteError(ctx, err)
	peer.Rejects(ctx, err)
	if status == fasthttp.StatusInternalServerError {
		t.cfg.Logger.Error("native request failed", "method", string(ctx.Method()), "uri", string(ctx.RequestURI()), "err", err)
	}
	return status
}

// expect is fasthttp's ExpectHandler. A native call's body is asked for without
// further ado: the proxy that sent the client here has looked at its headers.
func (t *Target) expect(ctx *fasthttp.RequestCtx) int {
	native := !t.s3.VirtualHost(ctx) && bytes.HasPrefix(ctx.Request.Header.RequestURI(), []byte("/v1/"))
	if err := t.enter(ctx); err != nil {
		return t.refuse(ctx, native, err)
	}
	if native {
		return fasthttp.StatusContinue
	}
	return t.s3.ExpectHandler(ctx)
}

func (t *Target) answerNative(ctx *fasthttp.RequestCtx) error {
	if _, err := t.admit(ctx); err != nil {
		return err
	}
	if _, err := t.access.IdentifyHTTP(ctx); err != nil {
		return err
	}
	path, _, _ := strings.Cut(string(ctx.Request.Header.RequestURI()), "?")
	switch {
	case path == api.PathHealth:
		t.serveHealth(ctx)
		return nil
	case t.aboutSelf(ctx, path):
		return t.nativeDaemon(ctx)
	case ctx.IsGet() && api.IsBatch(path):
		return t.serveBatch(ctx)
	case !strings.HasPrefix(path, api.PathObjects+"/"):
		return t.forwardToProxy(ctx, "")
	}
	to, err := api.ReadTarget(ctx)
	if err != nil {
		return err
	}
	asks, err := api.ReadObjectCall(ctx)
	if err != nil {
		return err
	}
	b, err := t.bucket(to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	c := nativeCall{ctx: ctx, asks: asks, bucket: b, name: object.Name{Bucket: b.ID, Key: to.Key}}
	home, err := t.nativeHome(&c)
	if err == nil && asks.Kind.Reads() && asks.Kind != api.ObjectCopy {
		home, err = t.readHome(b, c.name)
	}
	if err != nil {
		return err
	}
	reads := asks.Kind == api.ObjectGet || asks.Kind == api.ObjectHead || asks.Kind == api.UploadParts
	if home.ID != t.cfg.ID && (!reads || !t.answersBefore(ctx, c.name)) {
		return t.forward(ctx, "", home)
	}
	defer t.staying(asks.UploadID, b, c.name)()
	if reads {
		if answered, err := t.readBefore(ctx, "", c.name); answered || err != nil {
			return err
		}
	}
	serve, ok := nativeCalls[asks.Kind]
	if !ok {
		return object.E("target.native", string(ctx.Method()), object.Unsupported, nil)
	}
	if action, ok := asks.Kind.Action(); ok && !asks.Kind.Reads() {
		if err := t.access.RequireHTTP(ctx, action, b, c.name.Key); err != nil {
			return err
		}
	}
	if of := archiveCall(&c); of != nil {
		serve = of
	}
	err = serve(t, &c)
	if reads && (t.wentElsewhere(b, c.name, err)) && !t.answersBefore(ctx, c.name) {
		if home, err := t.nativeHome(&c); err == nil && home.ID != t.cfg.ID {
			ctx.Response.Reset()
			return t.forward(ctx, "", home)
		}
	}
	if reads && err != nil {
		if node, ok := t.otherCopy(c.name, string(ctx.Request.Header.Peek(peer.HeaderHops)), err); ok {
			ctx.Response.Reset()
			return t.forward(ctx, "", node)
		}
	}
	return err
}

func (t *Target) nativePut(c *nativeCall) error {
	if err := c.refuse(api.QueryETLName); err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	started := t.cfg.Now()
	meta, err := t.Put(c.bucket, c.name, object.Meta{Owner: t.ownerNative(c)}, api.ReadCond(&c.ctx.Request.Header), body)
	t.metrics.put.observe(t.cfg.Now().Sub(started), err)
	if err != nil {
		return err
	}
	t.metrics.putBytes.Add(float64(meta.Size))
	info := api.NewObjectInfo(api.BucketOf(c.bucket), c.name.Key, &meta, t.cfg.ID)
	api.SetObjectHeaders(&c.ctx.Response.Header, &info)
	return nil
}

func (t *Target) nativeGet(c *nativeCall) error {
	started := t.cfg.Now()
	err := t.nativeRead(c)
	for tries := 1; tries < openTries && errors.Is(err, errChanged); tries++ {
		err = t.nativeRead(c)
	}
	t.metrics.get.observe(t.cfg.Now().Sub(started), err)
	return err
}

func (t *Target) nativeRead(c *nativeCall) error {
	if err := c.refuse(api.QueryETLName); err != nil {
		return err
	}
	o, err := t.openNative(c)
	if err != nil {
		return err
	}
	meta := o.meta // outlives what was opened
	h := &c.ctx.Response.Header
	info := api.NewObjectInfo(api.BucketOf(c.bucket), c.name.Key, &meta, t.cfg.ID)
	if err := api.ReadCond(&c.ctx.Request.Header).CheckRead(&meta); err != nil {
		o.Close()
		api.SetValidators(h, &info)
		return err
	}
	r, partial, err := object.ParseRange(api.ReadRange(&c.ctx.Request.Header, &info), meta.Size)
	if err != nil {
		o.Close()
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(meta.Size, 10))
		return err
	}
	validate := c.bucket.Props.Checksum.ValidateWarmGet || c.ctx.QueryArgs().GetBool(api.QueryValidate)
	if err := t.send(c.ctx, o, r, validate); err != nil {
		return err
	}
	api.SetObjectHeaders(h, &info)
	h.Set("Accept-Ranges", "bytes")
	c.ctx.SetContentType(api.ContentBinary)
	if partial {
		c.ctx.SetStatusCode(fasthttp.StatusPartialContent)
		h.Set("Content-Range", contentRange(r, meta.Size))
	}
	return nil
}

// openNative opens the object that the call names, if its sender may read it.
func (t *Target) openNative(c *nativeCall) (*opened, error) {
	if _, ok := c.bucket.Remote(); ok {
		return t.openRemote(c.bucket, c.name, t.wishNative(c))
	}
	o, err := t.openHere(c.name, "")
	if err != nil {
		return nil, t.mayReadNative(c, nil, err)
	}
	if err := t.mayReadNative(c, &o.meta, nil); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// wishNative returns how the call wants its object.
func (t *Target) wishNative(c *nativeCall) wish {
	return wish{
		latest: c.ctx.QueryArgs().GetBool(api.QueryLatest), header: string(c.ctx.Request.Header.Peek("Range")),
		may:         func(m *object.Meta, err error) error { return t.mayReadNative(c, m, err) },
		unreachable: func() { c.ctx.Response.Header.Set(headerRemote, remoteUnreachable) },
	}
}

// statNative returns the metadata of the object that the call names, if its sender
// may read it.
func (t *Target) statNative(c *nativeCall) (object.Meta, error) {
	if _, ok := c.bucket.Remote(); ok {
		return t.statRemote(c.bucket, c.name, t.wishNative(c))
	}
	meta, err := t.store.Stat(c.name, "")
	return meta, t.mayReadNative(c, &meta, err)
}

// statLatest is statNative with what the remote bucket has now.
func (t *Target) statLatest(c *nativeCall) (object.Meta, error) {
	if _, ok := c.bucket.Remote(); !ok {
		return t.statNative(c)
	}
	w := t.wishNative(c)
	w.latest = true
	return t.statRemote(c.bucket, c.name, w)
}

func (t *Target) nativeHead(c *nativeCall) error {
	presence, err := api.ReadPresence(c.ctx)
	if err != nil {
		return err
	}
	started := t.cfg.Now()
	meta, err := t.statNative(c)
	t.metrics.head.observe(t.cfg.Now().Sub(started), err)
	if err != nil {
		return err
	}
	info := api.NewObjectInfo(api.BucketOf(c.bucket), c.name.Key, &meta, t.cfg.ID)
	if err := presence.Check(info.Present); err != nil {
		return err
	}
	if err := api.ReadCond(&c.ctx.Request.Header).CheckRead(&meta); err != nil {
		api.SetValidators(&c.ctx.Response.Header, &info)
		return err
	}
	if c.ctx.QueryArgs().GetBool(api.QueryValidate) && info.Present {
		if err := t.verifyNative(c); err != nil {
			return err
		}
	}
	api.SetObjectInfo(&c.ctx.Response.Header, &info, string(c.ctx.QueryArgs().Peek(api.QueryProps)))
	c.ctx.Response.Header.SetContentLength(int(meta.Size))
	c.ctx.Response.SkipBody = true
	return nil
}

// verifyNative reads what is here of the object and compares it with its checksums.
func (t *Target) verifyNative(c *nativeCall) error {
	o, err := t.openHere(c.name, "")
	if err != nil {
		return err
	}
	defer o.Close()
	return o.here.Verify(0, o.meta.Size)
}

// nativeDelete removes the object, or what is kept here of a remote one where the
// message asks for an eviction.
func (t *Target) nativeDelete(c *nativeCall) error {
	message, err := api.ReadAction(c.ctx)
	if err != nil {
		return err
	}
	switch message.Action {
	case "":
	case api.ActionEvict:
		_, err := t.evict(c.bucket, c.name, nil)
		return err
	case api.ActionAbortUpload:
		return object.E("target.native", api.QueryUploadID, object.Invalid, errNoUpload)
	default:
		return object.E("target.native", message.Action, object.Unsupported, errors.New("a DELETE of an object has no action "+strconv.Quote(message.Action)))
	}
	started := t.cfg.Now()
	_, err = t.Delete(c.bucket, c.name, "", api.ReadCond(&c.ctx.Request.Header), access.Writer(access.Who(c.ctx), c.bucket))
	t.metrics.del.observe(t.cfg.Now().Sub(started), err)
	return err
}

// body returns the content that the call brings, whose checksum is verified where
// the client announces it. Errors: Invalid, TooLarge.
func (c *nativeCall) body() (*stream, error) {
	size := int64(c.ctx.Request.Header.ContentLength())
	from := bodyOf(c.ctx)
	if size < 0 {
		size, from = -1, chunked{c.ctx.Conn(), from}
	}
	if size > object.MaxPutSize {
		return nil, object.E("target.put", c.name.Key, object.TooLarge, nil)
	}
	var expect []object.Checksum
	sum, ok, err := api.ReadChecksum(&c.ctx.Request.Header)
	if err != nil {
		return nil, err
	}
	if ok {
		expect = append(expect, sum)
	}
	return newStream(from, size, expect), nil
}

// chunked is a body of unknown length that came whole, or ends in an error.
type chunked struct {
	conn net.Conn
	body io.Reader
}

// Read implements io.Reader.
func (c chunked) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	switch {
	case err == io.EOF && peer.Ended(c.conn):
		err = object.E("target.receive", "", object.Incomplete, errors.New("the client went before the last chunk"))
	case err != nil && err != io.EOF:
		err = object.E("target.receive", "", object.Incomplete, err)
	}
	return n, err
}

// bodyOf returns the request's body, streamed or read already.
func bodyOf(ctx *fasthttp.RequestCtx) io.Reader {
	if stream := ctx.RequestBodyStream(); stream != nil {
		return stream
	}
	return bytes.NewReader(ctx.Request.Body())
}

func contentRange(r object.Range, size int64) string {
	return "bytes " + strconv.FormatInt(r.Offset, 10) + "-" + strconv.FormatInt(r.Offset+r.Length-1, 10) + "/" + strconv.FormatInt(size, 10)
}
