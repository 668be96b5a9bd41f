package auth

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	testKey  = NewKey([]byte("0123456789abcdef0123456789abcdef"))
	otherKey = NewKey([]byte("fedcba9876543210fedcba9876543210"))
	now      = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func testTicket() Ticket {
	return Ticket{Principal: "AKIAEXAMPLE", Verdict: Allow, Expires: now.Add(time.Minute), Revision: 42, Target: "t1"}
}

func (t Ticket) later() Ticket {
	t.Expires = t.Expires.Add(time.Minute)
	return t
}

type pairs [][2]string

func (p pairs) each(yield func(name, value string)) {
	for _, h := range p {
		yield(h[0], h[1])
	}
}

func testHeaders() pairs {
	return pairs{
		{"Host", "proxy:8080"}, {"Authorization", "AWS4-HMAC-SHA256 …"}, {"X-Amz-Date", "20261122T120000Z"},
		{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"}, {"x-amz-meta-color", "blue"}, {"If-None-Match", "*"},
		{"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="}, {"Range", "bytes=0-1"}, {"User-Agent", "curl/8"},
	}
}

func testRequest() Request {
	return Request{Method: "PUT", RawPath: "/s3/demo/a%20b//c", RawQuery: "partNumber=1&uploadId=x", Headers: testHeaders().each}
}

func TestRoundTrip(t *testing.T) {
	for _, want := range []Ticket{
		testTicket(),
		{Verdict: Deny, Expires: now.Add(time.Second), Target: "t1"},
		Ticket{Verdict: Allow, Expires: now, Facts: Facts{ClientIP: netip.MustParseAddr("192.0.2.7"), Scheme: "AWS", Method: "REST-QUERY-STRING", Age: 17 * time.Millisecond}, Target: "t1"}.later(),
		Ticket{Verdict: NeedsObject, Expires: now, Facts: Facts{ClientIP: netip.MustParseAddr("2001:db8::1"), TLS: true, Scheme: "AWS4-HMAC-SHA256", Method: "POST"}, Target: "t1", Session: strings.Repeat("{}", 1024)}.later(),
		Ticket{Verdict: Allow, Expires: now, Facts: Facts{Method: "REST-HEADER", Age: time.Hour}, Target: "t1"}.later(),
		{Principal: strings.Repeat("ü", 200), Verdict: NeedsObject, Expires: now.Add(time.Hour), Revision: 1<<63 - 1, Target: "t1"},
	} {
		text := Sign(testKey, want, testRequest())
		if url.QueryEscape(text) != text {
			t.Errorf("%q is not URL-safe", text)
		}
		got, err := Verify([]*Key{otherKey, testKey}, text, testRequest(), "t1", now)
		if err != nil || got != want {
			t.Errorf("%+v, %v; signed was %+v", got, err, want)
		}
	}
	if n := len(Sign(testKey, testTicket(), testRequest())); n > 104 {
		t.Errorf("a ticket has %d characters", n)
	}
}

func TestRefusals(t *testing.T) {
	text := Sign(testKey, testTicket(), testRequest())
	keys := []*Key{testKey}
	for _, test := range []struct {
		name   string
		keys   []*Key
		text   string
		target string
		now    time.Time
		want   error
	}{
		{"good", keys, text, "t1", now, nil},
		{"the last moment", keys, text, "t1", now.Add(time.Minute - 1), nil},
		{"expired", keys, text, "t1", now.Add(time.Minute), Expired},
		{"another target", keys, text, "t2", now, OtherTarget},
		{"another key", []*Key{otherKey}, text, "t1", now, UnknownKey},
		{"no key", nil, text, "t1", now, UnknownKey},
		{"empty", keys, "", "t1", now, Malformed},
		{"cut", keys, text[:len(text)-4], "t1", now, Altered},
		{"cut short", keys, text[:40], "t1", now, Malformed},
		{"padded", keys, text + "=", "t1", now, Malformed},
		{"longer", keys, text + "AAAA", "t1", now, Malformed},
		{"huge", keys, strings.Repeat("A", 1<<20), "t1", now, Malformed},
		{"not base64", keys, text[:10] + "!" + text[11:], "t1", now, Malformed},
	} {
		got, err := Verify(test.keys, test.text, testRequest(), test.target, test.now)
		if err != nil && test.want == Altered && !errors.Is(err, Altered) {
			test.want = Malformed // a cut one is whichever its last bytes make it
		}
		if !errors.Is(err, test.want) || err != nil && got != (Ticket{}) {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

// TestEveryBitCounts alters each bit of a ticket.
func TestEveryBitCounts(t *testing.T) {
	raw, err := base64.RawURLEncoding.DecodeString(Sign(testKey, testTicket(), testRequest()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(raw) {
		altered := slices.Clone(raw)
		altered[i/8] ^= 1 << (i % 8)
		if _, err := Verify([]*Key{testKey}, base64.RawURLEncoding.EncodeToString(altered), testRequest(), "t1", now); err == nil {
			t.Errorf("bit %d can be altered", i)
		}
	}
}

func TestBoundTo(t *testing.T) {
	with := func(edit func(*Request, *pairs)) Request {
		r, h := testRequest(), testHeaders()
		edit(&r, &h)
		r.Headers = h.each
		return r
	}
	header := func(name, value string) Request {
		return with(func(_ *Request, h *pairs) {
			for i := range *h {
				if strings.EqualFold((*h)[i][0], name) {
					(*h)[i][1] = value
					return
				}
			}
			*h = append(*h, [2]string{name, value})
		})
	}
	query := func(q string) Request { return with(func(r *Request, _ *pairs) { r.RawQuery = q }) }
	for _, test := range []struct {
		name string
		r    Request
		same bool
	}{
		{"the same", testRequest(), true},
		{"headers in another order", with(func(_ *Request, h *pairs) { slices.Reverse(*h) }), true},
		{"names in another case", with(func(_ *Request, h *pairs) {
			for i := range *h {
				(*h)[i][0] = strings.ToUpper((*h)[i][0])
			}
		}), true},
		{"blanks around a value", header("if-none-match", " *\t"), true},
		{"range", header("Range", "bytes=5-"), true},
		{"host", header("Host", "target:8090"), true},
		{"another signature", header("Authorization", "AWS4-HMAC-SHA256 again"), true},
		{"another date", header("X-Amz-Date", "20261122T120005Z"), true},
		{"a session token", header("X-Amz-Security-Token", "x"), true},
		{"the ticket in the query", query("partNumber=1&uploadId=x&ais-ticket=abc"), true},
		{"the ticket in front", query("ais-ticket=abc&partNumber=1&uploadId=x"), true},

		{"method", with(func(r *Request, _ *pairs) { r.Method = "GET" }), false},
		{"path", with(func(r *Request, _ *pairs) { r.RawPath = "/s3/demo/a%20b/c" }), false},
		{"path, encoded otherwise", with(func(r *Request, _ *pairs) { r.RawPath = "/s3/demo/a+b//c" }), false},
		{"query", query("partNumber=2&uploadId=x"), false},
		{"query in another order", query("uploadId=x&partNumber=1"), false},
		{"query, one more", query("partNumber=1&uploadId=x&x=ais-ticket"), false},
		{"no query", query(""), false},
		{"condition", header("If-None-Match", `"a"`), false},
		{"one more condition", header("If-Match", "*"), false},
		{"user metadata", header("x-amz-meta-color", "red"), false},
		{"copy source", header("x-amz-copy-source", "/other/key"), false},
		{"digest", header("content-md5", "x"), false},
		{"payload", header("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), false},
		{"a header twice", with(func(_ *Request, h *pairs) { *h = append(*h, [2]string{"if-none-match", "*"}) }), false},
		{"a header less", with(func(_ *Request, h *pairs) { *h = (*h)[:4] }), false},
		{"no headers", with(func(_ *Request, h *pairs) { *h = nil }), false},
		{"path and query parted elsewhere", with(func(r *Request, _ *pairs) {
			r.RawPath, r.RawQuery = r.RawPath+"p", r.RawQuery[1:]
		}), false},
	} {
		_, err := Verify([]*Key{testKey}, Sign(testKey, testTicket(), testRequest()), test.r, "t1", now)
		if test.same && err != nil || !test.same && !errors.Is(err, Altered) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestQueries(t *testing.T) {
	for _, test := range []struct{ query, without, ticket string }{
		{"", "", ""},
		{"a=1", "a=1", ""},
		{"a=1&", "a=1&", ""},
		{"&", "&", ""},
		{"acl", "acl", ""},
		{"ais-ticket=x", "", "x"},
		{"ais-ticket", "", ""},
		{"a=1&ais-ticket=x", "a=1", "x"},
		{"a=1&&ais-ticket=x", "a=1&", "x"},
		{"ais-ticket=x&a=1&ais-ticket=y", "a=1", "y"},
		{"ais-ticket2=x", "ais-ticket2=x", ""},
		{"a=ais-ticket=x", "a=ais-ticket=x", ""},
	} {
		if got := WithoutTicket(test.query); got != test.without {
			t.Errorf("%q without ticket is %q, not %q", test.query, got, test.without)
		}
		if got := FindTicket(test.query); got != test.ticket {
			t.Errorf("%q has ticket %q, not %q", test.query, got, test.ticket)
		}
		again := WithTicket(test.query, "NEW")
		if FindTicket(again) != "NEW" || WithoutTicket(again) != test.without {
			t.Errorf("%q with a ticket is %q", test.query, again)
		}
	}
}

func TestVerdicts(t *testing.T) {
	if Deny.String() != "deny" || Allow.String() != "allow" || NeedsObject.String() != "needs-object" || (Ticket{}).Verdict != Deny {
		t.Error("verdicts")
	}
}

func FuzzVerify(f *testing.F) {
	good := Sign(testKey, testTicket(), testRequest())
	f.Add(good, "PUT", "/s3/demo/a%20b//c", "partNumber=1&uploadId=x", "x-amz-acl", "private", "t1")
	f.Add("", "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, text, method, path, query, name, value, target string) {
		r := Request{Method: method, RawPath: path, RawQuery: query, Headers: pairs{{name, value}}.each}
		if got, err := Verify([]*Key{testKey}, text, r, target, now); err == nil {
			t.Fatalf("a ticket nobody signed: %+v", got)
		}
		want := Ticket{
			Principal: name, Verdict: NeedsObject, Expires: now.Add(time.Second), Revision: int64(len(value)), Target: target, Session: value,
			Facts: Facts{TLS: len(name)%2 == 0, Scheme: factSchemes[len(value)%4], Age: time.Duration(len(path)) * time.Millisecond},
		}
		signed := Sign(testKey, want, r)
		if len(signed) > maxTicket {
			return
		}
		r.RawQuery = WithTicket(r.RawQuery, signed)
		if got, err := Verify([]*Key{testKey}, FindTicket(r.RawQuery), r, target, now); err != nil || got != want {
			t.Fatalf("%+v is read as %+v, %v", want, got, err)
		}
		if WithoutTicket(r.RawQuery) != WithoutTicket(query) {
			t.Fatalf("%q came back as %q", query, WithoutTicket(r.RawQuery))
		}
	})
}

func BenchmarkSign(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = Sign(testKey, testTicket(), testRequest())
	}
}

func BenchmarkVerify(b *testing.B) {
	text := Sign(testKey, testTicket(), testRequest())
	keys := []*Key{testKey, otherKey}
	r := testRequest()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(keys, text, r, "t1", now); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRepeatedQuery: a client that adds its parameters once more to the URL that it
// was sent to has the ticket's request still, and one that adds others has not.
func TestRepeatedQuery(t *testing.T) {
	r := testRequest()
	ticket := Sign(testKey, testTicket(), r)
	sent := WithTicket(r.RawQuery, ticket)
	for query, want := range map[string]error{
		sent:                                    nil,
		sent + "&" + r.RawQuery:                 nil,
		sent + "&partNumber=2&uploadId=x":       Altered,
		sent + "&" + r.RawQuery + "&x=y":        Altered,
		sent + "&" + r.RawQuery + "&partNumber": Altered,
		sent + "&":                              Altered,
		"partNumber=2&uploadId=x&" + TicketParam + "=" + ticket + "&partNumber=2&uploadId=x": Altered,
	} {
		r.RawQuery = query
		if _, err := Verify([]*Key{testKey}, FindTicket(query), r, "t1", now); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", query, err, want)
		}
	}
}
