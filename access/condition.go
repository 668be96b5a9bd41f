package access

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// condition returns the values of a condition key that the request has
// (IAM: "AWS global condition context keys"; S3: "Actions, resources, and condition
// keys for Amazon S3"). key is in lower case, but for the key of a tag.
func (c *Control) condition(ctx *fasthttp.RequestCtx, s *subject, key string) ([]string, bool) {
	h, query := &ctx.Request.Header, ctx.QueryArgs()
	switch key {
	case "aws:sourceip":
		return one(s.facts.ClientIP.String(), s.facts.ClientIP.IsValid())
	case "aws:securetransport":
		return one(strconv.FormatBool(s.facts.TLS), true)
	case "aws:useragent":
		return header(h, "User-Agent")
	case "aws:referer":
		return header(h, "Referer")
	case "aws:currenttime":
		return one(c.cfg.Now().UTC().Format(time.RFC3339), true)
	case "aws:epochtime":
		return one(strconv.FormatInt(c.cfg.Now().Unix(), 10), true)
	case "s3:prefix", "s3:delimiter", "s3:max-keys":
		name := key[len("s3:"):]
		return one(string(query.Peek(name)), query.Has(name))
	case "s3:versionid":
		return one(string(query.Peek("versionId")), query.Has("versionId"))
	case "s3:authtype":
		return one(s.facts.Method, s.facts.Method != "")
	case "s3:signatureversion":
		return one(s.facts.Scheme, s.facts.Scheme != "")
	case "s3:signatureage":
		return one(strconv.FormatInt(s.facts.Age.Milliseconds(), 10), s.facts.Scheme != "")
	case "s3:if-match":
		return header(h, "If-Match")
	case "s3:if-none-match":
		return header(h, "If-None-Match")
	case "s3:x-amz-copy-source":
		return one(copySource(string(h.Peek("X-Amz-Copy-Source"))), len(h.Peek("X-Amz-Copy-Source")) > 0)
	case "s3:requestobjecttagkeys":
		tags, ok := requestTags(h, s)
		return slices.Collect(maps.Keys(tags)), ok && len(tags) > 0
	}
	if tag, ok := strings.CutPrefix(key, "s3:requestobjecttag/"); ok {
		tags, _ := requestTags(h, s)
		value, there := tags[tag]
		return one(value, there)
	}
	if name, ok := strings.CutPrefix(key, "s3:"); ok && strings.HasPrefix(name, "x-amz-") {
		return header(h, name)
	}
	return nil, false
}

func one(value string, ok bool) ([]string, bool) {
	if !ok {
		return nil, false
	}
	return []string{value}, true
}

func header(h *fasthttp.RequestHeader, name string) ([]string, bool) {
	v := h.Peek(name)
	return one(string(v), len(v) > 0)
}

// copySource is "bucket/key", decoded, without the version that may follow.
func copySource(v string) string {
	v, _, _ = strings.Cut(v, "?")
	if decoded, err := url.PathUnescape(v); err == nil {
		v = decoded
	}
	return strings.TrimPrefix(v, "/")
}

// requestTags returns the tags that a request brings: in its body, which somebody
// has read, or in its header. What is malformed there is refused elsewhere.
func requestTags(h *fasthttp.RequestHeader, s *subject) (map[string]string, bool) {
	if s.tags != nil {
		return s.tags, true
	}
	v := h.Peek("X-Amz-Tagging")
	if len(v) == 0 {
		return nil, false
	}
	values, err := url.ParseQuery(string(v))
	if err != nil {
		return nil, false
	}
	tags := make(map[string]string, len(values))
	for key, list := range values {
		tags[key] = list[0]
	}
	return tags, true
}
