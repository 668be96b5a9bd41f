package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/valyala/fasthttp"

	"ais/api"
	"ais/object"
)

// fakeUpload is a multipart upload of the fake.
type fakeUpload struct {
	parts map[int][]byte
	sent  int // parts that came
}

// serveUpload answers the calls of multipart uploads; done is false for others.
func (f *fake) serveUpload(ctx *fasthttp.RequestCtx, b *fakeBucket, key string) (done bool, err error) {
	asks, err := api.ReadObjectCall(ctx)
	if err != nil {
		return true, err
	}
	if asks.Kind == api.ObjectAct {
		id := fmt.Sprint("u", len(f.uploads)+1)
		f.uploads[id] = &fakeUpload{parts: map[int][]byte{}}
		ctx.SetBodyString(id)
		return true, nil
	}
	if asks.UploadID == "" {
		return false, nil
	}
	u := f.uploads[asks.UploadID]
	if u == nil {
		return true, object.NoSuchUpload
	}
	switch asks.Kind {
	case api.UploadPut:
		return true, f.putPart(ctx, b, u)
	case api.UploadParts:
		return true, api.WriteJSON(ctx, api.NewUploadStatus(&object.Upload{ID: asks.UploadID}, u.list(b)))
	case api.UploadAbort:
		delete(f.uploads, asks.UploadID)
		return true, nil
	}
	var all []byte
	for _, number := range slices.Sorted(maps.Keys(u.parts)) {
		all = append(all, u.parts[number]...)
	}
	delete(f.uploads, asks.UploadID)
	b.objects[key] = b.object(all)
	return true, nil
}

func (f *fake) putPart(ctx *fasthttp.RequestCtx, b *fakeBucket, u *fakeUpload) error {
	var body bytes.Buffer
	if _, err := body.ReadFrom(ctx.RequestBodyStream()); err != nil {
		return err
	}
	if f.partsUntil > 0 && u.sent >= f.partsUntil {
		return object.NoSpace
	}
	if body.Len() != ctx.Request.Header.ContentLength() {
		return object.Incomplete
	}
	number, err := api.ReadPartNumber(ctx)
	if err != nil {
		return err
	}
	u.parts[number] = body.Bytes()
	u.sent++
	for _, p := range u.list(b) {
		if p.Number == number {
			api.SetPartHeaders(&ctx.Response.Header, &p)
		}
	}
	return nil
}

func (u *fakeUpload) list(b *fakeBucket) []object.Part {
	var parts []object.Part
	for _, number := range slices.Sorted(maps.Keys(u.parts)) {
		data := u.parts[number]
		parts = append(parts, object.Part{Number: number, Size: int64(len(data)), ETag: fmt.Sprint("e", number), Checksum: object.Sum(b.info.Props.Checksum.Type, data)})
	}
	return parts
}
