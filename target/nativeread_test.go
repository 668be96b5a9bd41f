package target

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"ais/object"
)

func (n native) get(key string, headers ...string) answer {
	n.Helper()
	return ask(n.T, n.target, "GET", n.uri(key), "", headers...)
}

func nativeRanges(n native) {
	n.put("k", "0123456789")
	etag := n.get("k").header.Get("Etag")
	for _, c := range []struct {
		headers []string
		status  int
		body    string
	}{
		{[]string{"Range", "bytes=2-4"}, 206, "234"},
		{[]string{"Range", "bytes=8-"}, 206, "89"},
		{[]string{"Range", "bytes=-3"}, 206, "789"},
		{[]string{"Range", "bytes=-30"}, 206, "0123456789"},
		{[]string{"Range", "bytes=10-"}, 416, ""},
		{[]string{"Range", "bytes=0-1,3-4"}, 200, "0123456789"},
		{[]string{"Range", "bytes=2-4", "If-Range", etag}, 206, "234"},
		{[]string{"Range", "bytes=2-4", "If-Range", `"other"`}, 200, "0123456789"},
		{[]string{"Range", "bytes=2-4", "If-Range", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)}, 200, "0123456789"},
		{[]string{"If-Match", etag}, 200, "0123456789"},
		{[]string{"If-Match", "*"}, 200, "0123456789"},
		{[]string{"If-Match", `"other"`}, 412, ""},
		{[]string{"If-None-Match", etag}, 304, ""},
		{[]string{"If-None-Match", `"other", ` + etag}, 304, ""},
		{[]string{"If-None-Match", `"other"`}, 200, "0123456789"},
		{[]string{"If-Modified-Since", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}, 304, ""},
		{[]string{"If-Unmodified-Since", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)}, 412, ""},
	} {
		a := n.get("k", c.headers...)
		if a.status != c.status || c.body != "" && a.body != c.body || c.status == 304 && (a.body != "" || a.header.Get("Etag") != etag) {
			n.Errorf("%v: %d %q %v", c.headers, a.status, a.body, a.header)
		}
		if c.status == 416 && a.header.Get("Content-Range") != "bytes */10" {
			n.Errorf("%v: %v", c.headers, a.header)
		}
	}
}

func nativeConditionalWrites(n native) {
	put := func(body string, headers ...string) int {
		return ask(n.T, n.target, "PUT", n.uri("k"), body, headers...).status
	}
	if got := []int{
		put("1", "If-None-Match", "*"), put("2", "If-None-Match", "*"), put("3", "If-Match", `"other"`),
		put("4", "If-Match", n.get("k").header.Get("Etag")),
		ask(n.T, n.target, "DELETE", n.uri("k"), "", "If-Match", `"other"`).status,
	}; !slices.Equal(got, []int{200, 412, 412, 200, 412}) || n.content("k") != "4" {
		n.Error(got)
	}
}

func nativeHead(n native) {
	head := func(query ...string) answer { return ask(n.T, n.target, "HEAD", n.uri("k", query...), "") }
	n.put("k", "0123456789")
	all := n.want(200, head()).header
	for _, name := range []string{"Ais-Name", "Ais-Bucket-Name", "Ais-Bucket-Provider", "Ais-Location", "Ais-Mirror-Copies", "Ais-Checksum-Type", "Ais-Atime", "Etag", "Last-Modified"} {
		if all.Get(name) == "" {
			n.Errorf("no %s", name)
		}
	}
	some := n.want(200, head("props", "size,checksum")).header
	if some.Get("Content-Length") != "10" || some.Get("Ais-Checksum-Value") == "" || some.Get("Ais-Name") != "" || some.Get("Ais-Present") != "true" {
		n.Error(some)
	}
	for presence, status := range map[string]int{"0": 200, "1": 200, "2": 200, "3": 200, "4": 200, "5": 404, "6": 400, "x": 400} {
		n.want(status, head("presence", presence))
	}
	n.want(200, head("validate-checksum", "true"))
	missing := ask(n.T, n.target, "HEAD", n.uri("none"), "")
	if n.want(404, missing); !strings.Contains(missing.header.Get("Hdr-Error"), "none") {
		n.Error(missing.header)
	}
}

// nativeHeadOfParts: as the SDK reads where it may read in parallel.
func nativeHeadOfParts(n native) {
	id := n.begin("k")
	n.part("k", id, "1", "12345")
	n.part("k", id, "2", "6")
	n.want(200, n.complete("k", id, `[{"part-number":1},{"part-number":2}]`))
	h := n.want(200, ask(n.T, n.target, "HEAD", n.uri("k", "props", "size,chunked"), "")).header
	if h.Get("Ais-Chunks-Count") != "2" || h.Get("Ais-Chunks-Max-Chunk-Size") != "5" {
		n.Error(h)
	}
}

// nativeEvict: what is kept of a remote object goes here, and nothing there;
// what is only here stays.
func nativeEvict(n native) {
	n.put("k", "content")
	evicted := ask(n.T, n.target, "DELETE", n.uri("k"), `{"action":"evict-listrange"}`)
	if n.bucket.Provider == object.AIS {
		n.want(412, evicted)
	} else {
		n.want(200, evicted)
		n.want(404, ask(n.T, n.target, "HEAD", n.uri("k", "presence", "2"), ""))
	}
	if got := n.content("k"); got != "content" {
		n.Error(got)
	}
	n.want(400, ask(n.T, n.target, "DELETE", n.uri("k"), `{"action":"mpt-abort"}`))
	n.want(501, ask(n.T, n.target, "DELETE", n.uri("k"), `{"action":"other"}`))
	n.want(200, ask(n.T, n.target, "HEAD", n.uri("k"), ""))
}

func nativeRefuses(n native) {
	n.put("k", "content")
	n.want(501, ask(n.T, n.target, "GET", n.uri("k", "etl_name", "e"), ""))
	n.want(501, ask(n.T, n.target, "PUT", n.uri("k", "etl_name", "e"), "x"))
	n.want(501, n.get("k", "Ais-Blob-Download", "true"))
	n.want(501, n.act("k", "blob-download", ""))
}

// nativePutOfUnknownSize: a body in chunks is stored when its last chunk came,
// and its checksum is verified.
func nativePutOfUnknownSize(n native) {
	body := strings.Repeat("0123456789", 50_000)
	for _, length := range []int{0, 1, 1 << 10, len(body)} {
		if a := askChunked(n.T, n.target, n.uri("k"), body[:length]); a.status != 200 {
			n.Fatal(a)
		}
		if got := n.content("k"); got != body[:length] {
			n.Errorf("%d bytes of %d", len(got), length)
		}
	}
	wrong := askChunked(n.T, n.target, n.uri("k"), "x", "Ais-Checksum-Type", "md5", "Ais-Checksum-Value", strings.Repeat("0", 32))
	if n.want(400, wrong); n.content("k") != body {
		n.Error("a body with another checksum was stored")
	}
}
