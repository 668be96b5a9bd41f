package s3api

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"
)

// AmzHeader returns the value of an x-amz-… header of a request. Some can come
// several times, and are joined by commas; they count, too, where a presigned URL
// carries them as parameters, which its signature covers. In any other URL they
// mean nothing. Who decides about a request and who serves it both ask here, so
// that what is decided about is what is done.
func AmzHeader(ctx *fasthttp.RequestCtx, name string) string {
	if !presignable(name) {
		return string(ctx.Request.Header.Peek(name))
	}
	joined := ""
	for _, v := range ctx.Request.Header.PeekAll(name) {
		joined = joinValues(joined, string(v))
	}
	if joined != "" {
		return joined
	}
	query := rawQuery(ctx)
	if len(query) == 0 || !presigned(query) {
		return ""
	}
	for param, v := range eachParam(query) {
		if strings.EqualFold(string(param), name) {
			return string(v)
		}
	}
	return ""
}

// QueryParam returns the first value of a query parameter, the one that counts,
// and whether it is there.
func QueryParam(ctx *fasthttp.RequestCtx, name string) (value string, present bool) {
	return findParam(rawQuery(ctx), name)
}

func rawQuery(ctx *fasthttp.RequestCtx) []byte {
	_, query, _ := bytes.Cut(ctx.Request.Header.RequestURI(), []byte{'?'})
	return query
}

// presignable reports whether a presigned URL can carry the header, in any case.
func presignable(name string) bool {
	switch strings.ToLower(name) {
	case "x-amz-acl", "x-amz-tagging", "x-amz-storage-class", "x-amz-object-attributes":
		return true
	}
	const grant = "x-amz-grant-"
	return len(name) > len(grant) && strings.EqualFold(name[:len(grant)], grant)
}

// presigned reports whether a query carries a signature. Whether it is a good one
// is for the Verifier to say, which takes every such query for a signed one.
func presigned(query []byte) bool {
	for name := range eachParam(query) {
		if s := string(name); s == signatureParam || s == "Signature" {
			return true
		}
	}
	return false
}

// BringsACL reports whether a request that writes says who may use what it writes.
func BringsACL(ctx *fasthttp.RequestCtx) bool {
	if AmzHeader(ctx, hACL) != "" {
		return true
	}
	for _, h := range grantHeaders {
		if AmzHeader(ctx, h.name) != "" {
			return true
		}
	}
	return false
}

// HeaderTags returns the tags that a request brings in x-amz-tagging, none where
// they are malformed: that is refused where they are to be stored.
func HeaderTags(ctx *fasthttp.RequestCtx) map[string]string {
	v := AmzHeader(ctx, hTagging)
	if v == "" {
		return nil
	}
	tags, err := parseTagQuery(v)
	if err != nil {
		return nil
	}
	return tags
}
