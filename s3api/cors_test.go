package s3api

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

const corsDocument = `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
	`<CORSRule><ID>first</ID><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedOrigin>http://localhost:3000</AllowedOrigin>` +
	`<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader>` +
	`<ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-meta-a</ExposeHeader><MaxAgeSeconds>300</MaxAgeSeconds></CORSRule>` +
	`<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>`

func TestParseCORS(t *testing.T) {
	rules, err := ParseCORS([]byte(corsDocument))
	if err != nil {
		t.Fatal(err)
	}
	want := CORSRules{
		{ID: "first", Origins: []string{"https://*.example.com", "http://localhost:3000"}, Methods: []string{"GET", "PUT"},
			Headers: []string{"x-amz-*", "Content-Type"}, Expose: []string{"ETag", "x-amz-meta-a"}, MaxAge: 300},
		{Origins: []string{"*"}, Methods: []string{"GET"}, MaxAge: -1},
	}
	if !reflect.DeepEqual(rules, want) {
		t.Errorf("got %+v\nwant %+v", rules, want)
	}
	if got := string(AppendCORS(nil, rules)); got != corsDocument {
		t.Errorf("got %s\nwant %s", got, corsDocument)
	}
}

func TestParseCORSRefuses(t *testing.T) {
	const rule = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
	for _, tt := range []struct {
		rules string
		want  *Error
	}{
		{"", MalformedXML},
		{"<CORSRule></CORSRule>", MalformedXML},
		{"<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>", MalformedXML},
		{"<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>", MalformedXML},
		{"<CORSRule>" + rule + "<Unknown/></CORSRule>", MalformedXML},
		{"<CORSRule>" + rule + "</CORSRule><Unknown/>", MalformedXML},
		{"<CORSRule>" + rule + "<MaxAgeSeconds>soon</MaxAgeSeconds></CORSRule>", MalformedXML},
		{"<CORSRule>" + rule + "<MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule>", MalformedXML},
		{"<CORSRule>" + rule + "<ID>" + strings.Repeat("x", 256) + "</ID></CORSRule>", MalformedXML},
		{"<CORSRule>" + rule + "<ExposeHeader>a&#13;&#10;b: c</ExposeHeader></CORSRule>", MalformedXML},
		{"<CORSRule>" + rule + "<AllowedMethod>get</AllowedMethod></CORSRule>", InvalidRequest},
		{"<CORSRule>" + rule + "<AllowedMethod>OPTIONS</AllowedMethod></CORSRule>", InvalidRequest},
		{"<CORSRule>" + rule + "<AllowedOrigin>http://*.*</AllowedOrigin></CORSRule>", InvalidRequest},
		{"<CORSRule>" + rule + "<AllowedHeader>*-*</AllowedHeader></CORSRule>", InvalidRequest},
		{"<CORSRule>" + rule + "<ExposeHeader>x-*</ExposeHeader></CORSRule>", InvalidRequest},
		{strings.Repeat("<CORSRule>"+rule+"</CORSRule>", 101), InvalidRequest},
	} {
		if _, err := ParseCORS([]byte("<CORSConfiguration>" + tt.rules + "</CORSConfiguration>")); !errors.Is(err, tt.want) {
			t.Errorf("%.200s: %v, want %s", tt.rules, err, tt.want.Code)
		}
	}
	if _, err := ParseCORS([]byte("<CORSConfiguration>" + strings.Repeat("<CORSRule>"+rule+"</CORSRule>", 100) + "</CORSConfiguration>")); err != nil {
		t.Error(err)
	}
}

func TestCORSMatch(t *testing.T) {
	rules, err := ParseCORS([]byte(corsDocument))
	if err != nil {
		t.Fatal(err)
	}
	rules = rules[:1]
	for _, tt := range []struct {
		origin, method string
		headers        []string
		want           string
	}{
		{"https://a.example.com", "GET", nil, "https://a.example.com"},
		{"https://.example.com", "PUT", nil, "https://.example.com"},
		{"https://a.b.example.com", "GET", []string{"X-Amz-Date", "content-type"}, "https://a.b.example.com"},
		{"http://localhost:3000", "GET", nil, "http://localhost:3000"},
		{"http://localhost:3001", "GET", nil, ""},
		{"https://example.com", "GET", nil, ""},
		{"https://a.EXAMPLE.com", "GET", nil, ""},
		{"https://a.example.com.evil", "GET", nil, ""},
		{"https://a.example.com", "DELETE", nil, ""},
		{"https://a.example.com", "GET", []string{"x-other"}, ""},
		{"https://a.example.com", "GET", []string{"x-amz-date", "x-other"}, ""},
	} {
		got := ""
		if m := rules.Match(tt.origin, tt.method, tt.headers); m != nil {
			got = m.Origin
		}
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// startCORS starts a node with the rules of corsDocument in every bucket but "none".
func startCORS(t *testing.T, h serveFunc) *node {
	var cache CORSCache
	return startNode(t, h, func(c *Config) {
		c.CORS = func(bucket string) CORSRules {
			if bucket == "none" {
				return cache.Rules(bucket, "")
			}
			return cache.Rules(bucket, corsDocument)
		}
	})
}

func TestPreflight(t *testing.T) {
	n := startCORS(t, func(*Request) error {
		t.Error("the handler was called")
		return nil
	})
	a := n.get(t, "OPTIONS", "/bkt/key?X-Amz-Signature=x", "Origin: https://a.example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: X-Amz-Date,content-type")
	want := map[string]string{
		"Access-Control-Allow-Origin": "https://a.example.com", "Access-Control-Allow-Methods": "GET, PUT", "Access-Control-Allow-Headers": "x-amz-date, content-type",
		"Access-Control-Expose-Headers": "ETag, x-amz-meta-a", "Access-Control-Max-Age": "300", "Access-Control-Allow-Credentials": "true", "Vary": varyCORS,
	}
	for name, value := range want {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != value {
			t.Errorf("%s: %q", name, got)
		}
	}
	if a.StatusCode != 200 || a.body != "" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := n.get(t, "OPTIONS", "/bkt", "Origin: http://any", "Access-Control-Request-Method: GET"); a.StatusCode != 200 ||
		a.Header.Get("Access-Control-Allow-Origin") != "*" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	for _, tt := range []struct {
		target  string
		headers []string
		status  int
		code    string
	}{
		{"/bkt", nil, 400, "BadRequest"},
		{"/bkt", []string{"Origin: http://any"}, 400, "BadRequest"},
		{"/bkt", []string{"Access-Control-Request-Method: GET"}, 400, "BadRequest"},
		{"/bkt", []string{"Origin: http://any", "Access-Control-Request-Method: PUT"}, 403, "AccessForbidden"},
		{"/bkt", []string{"Origin: http://any", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: x-a"}, 403, "AccessForbidden"},
		{"/none", []string{"Origin: http://any", "Access-Control-Request-Method: GET"}, 403, "AccessForbidden"},
		{"/", []string{"Origin: http://any", "Access-Control-Request-Method: GET"}, 403, "AccessForbidden"},
	} {
		a := n.get(t, "OPTIONS", tt.target, tt.headers...)
		if a.StatusCode != tt.status || a.code() != tt.code || a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%+v: %d %s", tt, a.StatusCode, a.body)
		}
	}
}

// TestCORSHeaders checks that answers of all kinds have the headers, once.
func TestCORSHeaders(t *testing.T) {
	n := startCORS(t, func(r *Request) error {
		switch r.Key {
		case "missing":
			return NoSuchKey
		case "redirect":
			r.WriteRedirect("http://other/bkt/redirect", "other")
		case "relayed": // another node has set them
			r.SetHeader("Access-Control-Allow-Origin", "https://a.example.com")
			r.SetHeader("Vary", "Accept-Encoding, origin")
		case "varies":
			r.SetHeader("Vary", "Accept-Encoding")
		}
		return nil
	})
	for key, status := range map[string]int{"key": 200, "missing": 404, "redirect": 307, "relayed": 200, "varies": 200} {
		a := n.get(t, "GET", "/bkt/"+key, "Origin: https://a.example.com")
		if a.StatusCode != status || !reflect.DeepEqual(a.Header.Values("Access-Control-Allow-Origin"), []string{"https://a.example.com"}) ||
			len(a.Header.Values("Vary")) != 1 || !strings.Contains(strings.ToLower(a.Header.Get("Vary")), "origin") || a.Header.Get("Access-Control-Expose-Headers") != "ETag, x-amz-meta-a" {
			t.Errorf("%s: %d %v", key, a.StatusCode, a.Header)
		}
	}
	if a := n.get(t, "GET", "/bkt/varies"); a.Header.Get("Vary") != "Accept-Encoding, "+varyCORS || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without an origin: %v", a.Header)
	}
	for _, headers := range [][]string{{"Origin: http://other"}, {"Origin: http://other", "Access-Control-Request-Method: DELETE"}} {
		if a := n.get(t, "DELETE", "/bkt/key", headers...); a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v: %v", headers, a.Header)
		}
	}
	if a := n.get(t, "PUT", "/bkt/key", "Content-Length: 0", "Origin: http://other", "Access-Control-Request-Method: GET"); a.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v", a.Header)
	}
	if a := n.get(t, "GET", "/none/key", "Origin: http://other"); a.Header.Get("Vary") != "" || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", a.Header)
	}
}

func TestCORSCache(t *testing.T) {
	var c CORSCache
	first := c.Rules("bkt", corsDocument)
	if len(first) != 2 || &c.Rules("bkt", strings.Clone(corsDocument))[0] != &first[0] {
		t.Error("parsed twice")
	}
	changed := strings.Replace(corsDocument, "first", "other", 1)
	if r := c.Rules("bkt", changed); r[0].ID != "other" {
		t.Errorf("%+v", r)
	}
	if c.Rules("bkt", "") != nil || c.Rules("bkt", "<CORSConfiguration/>") != nil {
		t.Error("rules from nothing")
	}
}

func FuzzCORS(f *testing.F) {
	f.Add(corsDocument, "https://a.example.com", "x-amz-date")
	f.Add(`<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedHeader>*</AllowedHeader></CORSRule></CORSConfiguration>`, "null", "")
	f.Fuzz(func(t *testing.T, document, origin, header string) {
		rules, err := ParseCORS([]byte(document))
		if err != nil {
			if s := FromError(err).Status; s != http.StatusBadRequest {
				t.Errorf("status %d", s)
			}
			return
		}
		again, err := ParseCORS(AppendCORS(nil, rules))
		if err != nil || !reflect.DeepEqual(again, rules) {
			t.Errorf("%v: got %+v\nwant %+v", err, again, rules)
		}
		if m := rules.Match(origin, "GET", []string{header}); m != nil && m.Origin != "*" && m.Origin != origin {
			t.Errorf("%q is allowed as %q", origin, m.Origin)
		}
	})
}

func FuzzWildcard(f *testing.F) {
	f.Add("a*b", "ab")
	f.Add("ab*ba", "aba")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if strings.Count(pattern, "*") > 1 {
			return
		}
		want := pattern == text
		if before, after, ok := strings.Cut(pattern, "*"); ok {
			want = false
			for i := 0; i <= len(text); i++ { // every way to put text for the star
				for j := i; j <= len(text); j++ {
					want = want || text[:i] == before && text[j:] == after
				}
			}
		}
		if got := matchesWildcard(pattern, text); got != want && len(text) < 200 {
			t.Errorf("%q %q: %v", pattern, text, got)
		}
	})
}
