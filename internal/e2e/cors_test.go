package e2e

import (
	"fmt"
	"strings"
	"testing"
)

const corsDocument = `<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>` +
	`<AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule></CORSConfiguration>`

// A page of an allowed origin may read answers, errors and redirects among them,
// from every node, however they came; one of another origin may not.
func TestCORS(t *testing.T) {
	for _, redirect := range []string{"", "always"} {
		t.Run("redirect-"+redirect, func(t *testing.T) {
			p := withPeople(t, redirect)
			b := bucketName(t)
			p.main.do(t, "PUT", "/"+b, nil, "x-amz-acl: public-read").want(t, 200, "")
			p.main.following(t, "PUT", "/"+b+"/k", []byte("x"), "x-amz-acl: public-read").want(t, 200, "")
			p.anon.do(t, "OPTIONS", "/"+b+"/k", nil, "Origin: https://a.example.com", "Access-Control-Request-Method: GET").want(t, 403, "AccessForbidden")
			p.main.do(t, "PUT", "/"+b+"?cors", []byte(corsDocument)).want(t, 200, "")
			for _, node := range []string{"proxy1", "target1", "target2", "target3"} {
				at := p.anon.at(t, p.c, node)
				a := at.do(t, "OPTIONS", "/"+b+"/k", nil, "Origin: https://a.example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-amz-meta-a").want(t, 200, "")
				if got := a.header.Get("Access-Control-Max-Age"); got != "600" {
					t.Errorf("%s: max age %q", node, got)
				}
				at.do(t, "OPTIONS", "/"+b+"/k", nil, "Origin: https://a.example.com", "Access-Control-Request-Method: DELETE").want(t, 403, "AccessForbidden")
				at.do(t, "OPTIONS", "/"+b+"/k", nil, "Origin: https://a.example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type").want(t, 403, "AccessForbidden")
				for _, target := range []string{"/" + b + "/k", "/" + b + "/missing", "/" + b, "/" + b + "?policy"} {
					a := at.do(t, "GET", target, nil, "Origin: https://a.example.com")
					got := fmt.Sprint(a.header.Values("Access-Control-Allow-Origin"), a.header.Values("Access-Control-Expose-Headers"))
					if got != "[https://a.example.com] [ETag]" || !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
						t.Errorf("%s: GET %s: %d %s %v", node, target, a.status, got, a.header)
					}
					a = at.do(t, "GET", target, nil, "Origin: https://elsewhere.org")
					if got := a.header.Values("Access-Control-Allow-Origin"); len(got) != 0 {
						t.Errorf("%s: GET %s lets %v read", node, target, got)
					}
				}
			}
			p.main.do(t, "DELETE", "/"+b+"?cors", nil).want(t, 204, "")
		})
	}
}
