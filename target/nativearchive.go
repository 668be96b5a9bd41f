package target

import (
	"context"
	"errors"
	"strconv"
	"time"

	"ais/api"
	"ais/archive"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// archiveCalls are the native calls about files in an archive, by method.
var archiveCalls = map[string]func(*Target, *nativeCall) error{
	fasthttp.MethodGet:  (*Target).nativeGetMember,
	fasthttp.MethodHead: (*Target).nativeHeadMember,
	fasthttp.MethodPut:  (*Target).nativePutMember,
}

// archiveCall returns what serves a call that is about files in an archive, nil for
// one that is about the object.
func archiveCall(c *nativeCall) func(*Target, *nativeCall) error {
	if c.query(api.QueryArchPath) == "" && c.query(api.QueryArchRegx) == "" && c.query(api.QueryArchMode) == "" {
		return nil
	}
	if serve, ok := archiveCalls[string(c.ctx.Method())]; ok {
		return serve
	}
	return func(_ *Target, c *nativeCall) error {
		return object.E("target.native", c.name.Key, object.Unsupported, errors.New(string(c.ctx.Method())+" of a file in an archive"))
	}
}

func (c *nativeCall) query(name string) string { return string(c.ctx.QueryArgs().Peek(name)) }

// selection is which files of an archive a call is about: one, or those chosen.
type selection struct {
	path   string
	choose archive.Matcher // where path is empty
}

// selected reads it. The error is of kind Invalid.
func selected(path, pattern, mode string) (s selection, err error) {
	switch {
	case path != "" && (pattern != "" || mode != ""):
		return s, object.E("target.archive", api.QueryArchPath, object.Invalid, errors.New("either archpath, or archregx with archmode"))
	case path != "":
		return selection{path: path}, nil
	}
	s.choose, err = archive.NewMatcher(mode, pattern)
	return s, err
}

func (t *Target) nativeGetMember(c *nativeCall) error {
	started := t.cfg.Now()
	err := t.nativeReadMember(c)
	t.metrics.get.observe(t.cfg.Now().Sub(started), err)
	return err
}

func (t *Target) nativeReadMember(c *nativeCall) error {
	s, err := selected(c.query(api.QueryArchPath), c.query(api.QueryArchRegx), c.query(api.QueryArchMode))
	if err != nil {
		return err
	}
	a, err := t.openArchive(c.bucket, c.name, c.query(api.QueryArchMime), func() (*opened, error) { return t.openNative(c) })
	if err != nil {
		return err
	}
	h := &c.ctx.Response.Header
	info := c.shard(t, a)
	if s.path == "" {
		t.sendMatches(c.ctx, a, s.choose)
		api.SetObjectHeaders(h, &info)
		c.ctx.SetContentType(archive.Tar.ContentType())
		return nil
	}
	size, r, partial, err := t.readMember(c.ctx, a, s.path, c.bucket.Props.Checksum.ValidateWarmGet)
	if err != nil {
		return err
	}
	api.SetObjectHeaders(h, &info)
	c.ctx.SetContentType(api.ContentBinary)
	if partial {
		c.ctx.SetStatusCode(fasthttp.StatusPartialContent)
		h.Set("Content-Range", contentRange(r, size))
	}
	return nil
}

// shard returns what the headers say of an archive of whose files one is answered
// with: what is true of the file, too.
func (c *nativeCall) shard(t *Target, a *archived) api.ObjectInfo {
	info := api.NewObjectInfo(api.BucketOf(c.bucket), c.name.Key, &a.meta, t.cfg.ID)
	info.ETag, info.Checksum = "", ""
	return info
}

// readMember makes the file of that name, or the bytes of it that a Range asks for,
// the body of the answer, and closes a whatever comes.
func (t *Target) readMember(ctx *fasthttp.RequestCtx, a *archived, path string, validate bool) (size int64, r object.Range, partial bool, err error) {
	f, err := a.Find(context.Background(), path)
	if err != nil {
		a.Close()
		return 0, r, false, err
	}
	size = f.Size
	r, partial, err = object.ParseRange(string(ctx.Request.Header.Peek("Range")), size)
	if err != nil {
		f.Close()
		a.Close()
		ctx.Response.Header.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		return size, r, false, err
	}
	return size, r, partial, t.sendMember(ctx, a, f, r, validate)
}

// sendMatches makes a tar of the chosen files the body of the answer. It closes a.
func (t *Target) sendMatches(ctx *fasthttp.RequestCtx, a *archived, choose archive.Matcher) {
	reading, cancel := context.WithCancel(context.Background())
	ctx.Response.SetBodyStream(&matches{
		archived: a, choose: choose, ctx: reading, cancel: cancel,
		sent: func(n int64) { t.metrics.getBytes.Add(float64(n)) },
	}, -1)
}

func (t *Target) nativeHeadMember(c *nativeCall) error {
	started := t.cfg.Now()
	err := t.nativeStatMember(c)
	t.metrics.head.observe(t.cfg.Now().Sub(started), err)
	return err
}

func (t *Target) nativeStatMember(c *nativeCall) error {
	path := c.query(api.QueryArchPath)
	if path == "" {
		return object.E("target.head", c.name.Key, object.Unsupported, errors.New("HEAD of several files in an archive"))
	}
	a, err := t.openArchive(c.bucket, c.name, c.query(api.QueryArchMime), func() (*opened, error) { return t.openNative(c) })
	if err != nil {
		return err
	}
	defer a.Close()
	f, err := a.Find(context.Background(), path)
	if err != nil {
		return err
	}
	defer f.Close()
	info := c.shard(t, a)
	info.Size = f.Size
	api.SetObjectInfo(&c.ctx.Response.Header, &info, c.query(api.QueryProps))
	c.ctx.Response.Header.SetContentLength(int(f.Size))
	c.ctx.Response.SkipBody = true
	return nil
}

// Values of the header Ais-Pine, which says what a PUT of a file into an archive does
// where there is none, or one, of that name.
const (
	pineAlways = 0 // a new archive in any case
	pineAppend = 1 // there must be one
	pineEither = 2 // append, or make one; also where the header is missing
)

func (t *Target) nativePutMember(c *nativeCall) error {
	started := t.cfg.Now()
	meta, err := t.nativeAppend(c)
	t.metrics.put.observe(t.cfg.Now().Sub(started), err)
	if err != nil {
		return err
	}
	t.metrics.putBytes.Add(float64(meta.Size))
	info := api.NewObjectInfo(api.BucketOf(c.bucket), c.name.Key, &meta, t.cfg.ID)
	api.SetObjectHeaders(&c.ctx.Response.Header, &info)
	return nil
}

func (t *Target) nativeAppend(c *nativeCall) (object.Meta, error) {
	path := c.query(api.QueryArchPath)
	if path == "" {
		return object.Meta{}, object.E("target.append", api.QueryArchPath, object.Invalid, errors.New("a file that is put into an archive has a name"))
	}
	pine := pineEither
	if text := string(c.ctx.Request.Header.Peek(api.HeaderArchFlags)); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < pineAlways || n > pineEither {
			return object.Meta{}, object.E("target.append", api.HeaderArchFlags, object.Invalid, errors.New("0 makes a new archive, 1 appends, 2 does either"))
		}
		pine = n
	}
	size := c.ctx.Request.Header.ContentLength()
	if size < 0 {
		return object.Meta{}, object.E("target.append", c.name.Key, object.Invalid, errors.New("a Content-Length is required"))
	}
	var expect []object.Checksum
	sum, ok, err := api.ReadChecksum(&c.ctx.Request.Header)
	if err != nil {
		return object.Meta{}, err
	}
	if ok {
		expect = append(expect, sum)
	}
	format, err := archive.ParseFormat(c.query(api.QueryArchMime))
	if c.query(api.QueryArchMime) == "" {
		format, err = 0, nil
	}
	if err != nil {
		return object.Meta{}, err
	}
	return t.Append(c.bucket, c.name, Appending{
		Member: archive.Member{Name: path, Size: int64(size), Modified: t.cfg.Now().UTC().Truncate(time.Second)},
		Body:   newStream(bodyOf(c.ctx), int64(size), expect), Format: format,
		Owner: t.ownerNative(c), Must: pine == pineAppend, Anew: pine == pineAlways,
	})
}
