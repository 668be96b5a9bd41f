package e2e

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// listing is what one whole listing says, page after page.
type listing struct {
	keys, prefixes []string
	pages          int
}

// walk lists a bucket with the given parameters to its end.
func (p plain) walk(t testing.TB, bucket string, v2 bool, params url.Values) listing {
	t.Helper()
	var all listing
	q := url.Values{}
	for k, v := range params {
		q[k] = v
	}
	if v2 {
		q.Set("list-type", "2")
	}
	for {
		a := p.do(t, "GET", "/"+bucket+"?"+q.Encode(), nil).want(t, 200, "")
		var page listPage
		if err := xml.Unmarshal(a.body, &page); err != nil {
			t.Fatal(err)
		}
		decode := func(s string) string {
			if page.EncodingType != "url" {
				return s
			}
			out, err := url.QueryUnescape(s)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		for _, e := range page.Contents {
			if e.LastModified == "" || e.ETag == "" || e.StorageClass == "" {
				t.Fatalf("incomplete entry %+v", e)
			}
			all.keys = append(all.keys, decode(e.Key))
		}
		for _, e := range page.CommonPrefixes {
			all.prefixes = append(all.prefixes, decode(e.Prefix))
		}
		all.pages++
		entries := len(page.Contents) + len(page.CommonPrefixes)
		if v2 && page.KeyCount != entries || entries > page.MaxKeys {
			t.Fatalf("KeyCount %d, MaxKeys %d, %d entries", page.KeyCount, page.MaxKeys, entries)
		}
		if !page.IsTruncated {
			return all
		}
		if entries == 0 || all.pages > 10_000 {
			t.Fatal("a truncated page without progress")
		}
		switch {
		case v2:
			q.Set("continuation-token", page.NextContinuationToken)
		case page.NextMarker != "":
			q.Set("marker", decode(page.NextMarker))
		default:
			q.Set("marker", all.keys[len(all.keys)-1])
		}
	}
}

// expected is what a listing of keys must say: the model.
func expected(keys []string, prefix, delimiter, after string) (contents, prefixes []string) {
	seen := map[string]bool{}
	for _, k := range keys {
		if !strings.HasPrefix(k, prefix) || after != "" && k <= after {
			continue
		}
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			common := k[:len(prefix)+i+len(delimiter)]
			if common != after && !seen[common] { // a page that ended with it goes on behind all of it
				seen[common] = true
				prefixes = append(prefixes, common)
			}
			continue
		}
		contents = append(contents, k)
	}
	return contents, prefixes
}

func TestListsAgainstModel(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	pieces := []string{"a", "b", "a/", "b/", "//", "é", "日本/", "+", " ", "%", "..", "!", "~", "\U0001F600", "z-", "a\x01"}
	r := rand.New(rand.NewPCG(1, 2))
	set := map[string]bool{}
	for len(set) < 300 {
		key := ""
		for range 1 + r.IntN(4) {
			key += pieces[r.IntN(len(pieces))]
		}
		set[key] = true
	}
	var keys []string
	for k := range set {
		keys = append(keys, k)
		p.put(t, b, k, []byte(k))
	}
	slices.Sort(keys)
	rounds := 120
	if long() {
		rounds = 2000
	}
	for i := range rounds {
		prefix := []string{"", "", "a", "a/", "b/", "é", "日本/", "none"}[r.IntN(8)]
		delimiter := []string{"", "/", "/", "//", "a", "é", "日本"}[r.IntN(7)]
		maxKeys := []int{1, 2, 7, 50, 1000}[r.IntN(5)]
		v2 := r.IntN(2) == 0
		q := url.Values{"prefix": {prefix}, "delimiter": {delimiter}, "max-keys": {fmt.Sprint(maxKeys)}, "encoding-type": {"url"}}
		after := ""
		if r.IntN(3) == 0 {
			after = keys[r.IntN(len(keys))]
			q.Set(map[bool]string{true: "start-after", false: "marker"}[v2], after)
		}
		got := p.walk(t, b, v2, q)
		contents, prefixes := expected(keys, prefix, delimiter, after)
		if !slices.Equal(got.keys, contents) || !slices.Equal(got.prefixes, prefixes) {
			t.Fatalf("round %d, v2 %v, %v:\ngot  %q\n     %q\nwant %q\n     %q", i, v2, q, got.keys, got.prefixes, contents, prefixes)
		}
	}
	a := p.do(t, "GET", "/"+b+"?max-keys=0", nil).want(t, 200, "")
	if strings.Contains(string(a.body), "<Contents>") || strings.Contains(string(a.body), "<IsTruncated>true") {
		t.Errorf("max-keys=0: %s", a.body)
	}
	p.do(t, "GET", "/"+b+"?max-keys=x", nil).want(t, 400, "InvalidArgument")
	p.do(t, "GET", "/"+b+"?max-keys=-1", nil).want(t, 400, "InvalidArgument")
	p.do(t, "GET", "/"+b+"?list-type=2&continuation-token=nonsense", nil).want(t, 400, "InvalidArgument")
	p.do(t, "GET", "/"+b+"?encoding-type=x", nil).want(t, 400, "InvalidArgument")
	p.do(t, "GET", "/no-such-"+b[:20]+"?list-type=2", nil).want(t, 404, "NoSuchBucket")
}

// Every proxy and every target lists the same, at once after a write.
func TestListAfterWriteEverywhere(t *testing.T) {
	c := Shared(t, Options{Proxies: 2})
	nodes := append(c.Names("proxy"), c.Names("target")...)
	b := c.Plain().bucket(t)
	var want []string
	for i := range 40 {
		key := fmt.Sprintf("k%02d", i)
		want = append(want, key)
		c.At(t, nodes[i%len(nodes)]).put(t, b, key, []byte(key))
		at := c.At(t, nodes[(i+1)%len(nodes)])
		if got := at.list(t, b); !slices.Equal(got, want) {
			t.Fatalf("after %s, %s lists %q", key, nodes[(i+1)%len(nodes)], got)
		}
		at.same(t, b, key, []byte(key))
	}
	var body strings.Builder
	body.WriteString("<Delete>")
	for _, k := range want {
		body.WriteString("<Object><Key>" + k + "</Key></Object>")
	}
	body.WriteString("<Object><Key>never there</Key></Object></Delete>")
	c.At(t, "proxy2").do(t, "POST", "/"+b+"?delete", []byte(body.String())).want(t, 200, "")
	if got := c.Plain().list(t, b); len(got) != 0 {
		t.Errorf("after all were deleted: %q", got)
	}
}
