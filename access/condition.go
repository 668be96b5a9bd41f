package access

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// condition returns the values of a condition key that the request has
// (IAM: "AWS global condition context keys"; S3: "Actions, resources, and condition
// keys for Amazon S3"). key is in lower case, but for the key of a tag.
func (c *Control) condition(ctx *fasthttp.RequestCtx, s *subject, key string) ([]string, bool) {
	h := &ctx.Request.Header
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
		return one(s3api.QueryParam(ctx, key[len("s3:"):]))
	case "s3:versionid":
		if s.version != "" {
			return one(s.version, true)
		}
		return one(s3api.QueryParam(ctx, "versionId"))
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
		source := s3api.AmzHeader(ctx, "X-Amz-Copy-Source")
		return one(copySource(source), source != "")
	case "s3:locationconstraint":
		return one(s.region, s.region != "")
	case "s3:requestobjecttagkeys":
		tags := requestTags(ctx, s)
		return slices.Collect(maps.Keys(tags)), len(tags) > 0
	}
	if tag, ok := strings.CutPrefix(key, "s3:requestobjecttag/"); ok {
		value, there := requestTags(ctx, s)[tag]
		return one(value, there)
	}
	if name, ok := strings.CutPrefix(key, "s3:"); ok && strings.HasPrefix(name, "x-amz-") {
		v := s3api.AmzHeader(ctx, name)
		return one(v, v != "")
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
func requestTags(ctx *fasthttp.RequestCtx, s *subject) map[string]string {
	if s.tags != nil {
		return s.tags
	}
	return s3api.HeaderTags(ctx)
}
