package s3api

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// ClaimedKey returns the access key and the session token that a request says it is
// signed with, before anything of it was parsed or verified; nil for none.
func ClaimedKey(ctx *fasthttp.RequestCtx) (accessKey, token []byte) {
	h := &ctx.Request.Header
	scheme, rest, _ := bytes.Cut(h.PeekCanonical([]byte(hAuthorization)), []byte{' '})
	switch string(scheme) {
	case SchemeV4:
		_, rest, _ = bytes.Cut(rest, []byte("Credential="))
		accessKey, _, _ = bytes.Cut(rest, []byte{'/'})
		return accessKey, h.Peek(hSecurityToken)
	case SchemeV2:
		accessKey, _, _ = bytes.Cut(rest, []byte{':'})
		return accessKey, h.Peek(hSecurityToken)
	case "":
	default:
		return nil, nil
	}
	_, query, _ := bytes.Cut(h.RequestURI(), []byte{'?'})
	if !bytes.Contains(query, []byte("Signature")) { // each scheme has such a parameter
		return nil, nil
	}
	c, _ := claimInQuery(query)
	return []byte(c.AccessKey), []byte(c.Token)
}
