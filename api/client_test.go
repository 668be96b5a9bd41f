package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"ais/object"
)

// pair is a proxy that sends every call on to a target.
func pair(t *testing.T, target http.HandlerFunc) *Client {
	t.Helper()
	owner := httptest.NewServer(target)
	t.Cleanup(owner.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Ais-Redirect") != "follow" {
			t.Error("the client does not say that it follows")
		}
		if r.Header.Get("Expect") == "" {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("Location", owner.URL+r.URL.EscapedPath()+"?"+r.URL.RawQuery+"&ais-ticket=t")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	t.Cleanup(proxy.Close)
	return client(t, proxy.URL)
}

func client(t *testing.T, endpoint string) *Client {
	t.Helper()
	c, err := NewClient(ClientConfig{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.transport.CloseIdleConnections)
	return c
}

func TestPutFollowsRedirects(t *testing.T) {
	var got []byte
	var uri string
	c := pair(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		uri = r.RequestURI
		w.Header().Set(HeaderChecksumType, "xxhash")
		w.Header().Set(HeaderChecksum, object.Sum(object.XXHash, got).Hex())
	})
	b := NewBucket(object.AIS, "abc")
	for _, size := range []int{0, 1, 1 << 10, expectOver, expectOver + 1, 3 << 20} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		for name, content := range map[string]io.Reader{
			"a file":          bytes.NewReader(data),
			"a pipe":          io.MultiReader(bytes.NewReader(data)),
			"part of a file":  io.NewSectionReader(bytes.NewReader(append([]byte("xx"), data...)), 2, int64(size)),
			"more than asked": bytes.NewReader(append(bytes.Clone(data), "more"...)),
		} {
			got = nil
			info, err := c.PutObject(context.Background(), b, "../k?ü", content, int64(size), PutOptions{Verify: object.XXHash})
			if err != nil || !bytes.Equal(got, data) || info.ChecksumType != "xxhash" {
				t.Errorf("%s of %d bytes: %d came, %+v, %v", name, size, len(got), info, err)
			}
			if uri != "/v1/objects/abc/%2E%2E/k%3F%C3%BC?provider=ais&ais-ticket=t" {
				t.Error(uri)
			}
		}
	}
	_, err := c.PutObject(context.Background(), b, "k", strings.NewReader("short"), 6, PutOptions{})
	if !errors.Is(err, ErrShortContent) {
		t.Errorf("a body that ends early: %v", err)
	}
	_, err = c.PutObject(context.Background(), b, strings.Repeat("k", 1025), strings.NewReader(""), 0, PutOptions{})
	if !errors.Is(err, object.KeyTooLong) {
		t.Error(err)
	}
}

func TestPutNoticesDamage(t *testing.T) {
	c := pair(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set(HeaderChecksumType, "xxhash")
		w.Header().Set(HeaderChecksum, object.Sum(object.XXHash, []byte("other")).Hex())
	})
	_, err := c.PutObject(context.Background(), NewBucket(object.AIS, "abc"), "k", strings.NewReader("this"), 4, PutOptions{Verify: object.XXHash})
	if !errors.Is(err, object.BadDigest) {
		t.Error(err)
	}
}

func TestGet(t *testing.T) {
	const content = "the content"
	sum := object.Sum(object.MD5, []byte(content))
	c := pair(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(HeaderChecksumType, "md5")
		w.Header().Set(HeaderChecksum, sum.Hex())
		w.Header().Set(HeaderAtime, "1000000000")
		w.Header().Add(HeaderCustom, "source=aws")
		w.Header().Add(HeaderCustom, "k=a=b")
		switch strings.TrimPrefix(r.URL.Path, "/v1/objects/abc/") {
		case "good":
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
		case "bad":
			_, _ = io.WriteString(w, strings.ToUpper(content))
		case "short":
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = io.WriteString(w, content[:3])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "norange":
			_, _ = io.WriteString(w, content)
		default:
			http.NotFound(w, r)
		}
	})
	b := NewBucket(object.AIS, "abc")
	for _, g := range []struct {
		key            string
		offset, length int64
		want           string
		kind           error
	}{
		{"good", 0, -1, content, nil},
		{"good", 4, 3, "con", nil},
		{"good", 4, -1, "content", nil},
		{"good", 0, 100, content, nil},
		{"good", 100, 1, "", object.RangeInvalid},
		{"good", 0, 0, "", object.RangeInvalid},
		{"bad", 0, -1, "", object.BadDigest},
		{"short", 0, -1, "", object.Incomplete},
		{"norange", 4, 3, "", object.Internal},
		{"nosuch", 0, -1, "", object.NotFound},
	} {
		data, err := readAll(c, b, g.key, g.offset, g.length)
		if !errors.Is(err, g.kind) || err == nil && data != g.want {
			t.Errorf("%s from %d, %d bytes: %q, %v", g.key, g.offset, g.length, data, err)
		}
	}
	r, err := c.GetObject(context.Background(), b, "good", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Verified() || r.Info.CustomText() != "[k:a=b source:aws]" || r.Info.Accessed.Unix() != 1 {
		t.Errorf("%+v", r.Info)
	}
}

func readAll(c *Client, b Bucket, key string, offset, length int64) (string, error) {
	r, err := c.GetObject(context.Background(), b, key, offset, length)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

func TestAnswersThatAreNotOurs(t *testing.T) {
	status, body := 500, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c := client(t, server.URL)
	for _, a := range []struct {
		status int
		body   string
		want   string
	}{
		{502, "<html>bad gateway</html>", "the server answered 502 Bad Gateway"},
		{403, "go away\n", "go away"},
		{404, `{"tcode":"ErrBckNotFound","message":"no"}`, "no"},
		{200, "<html>", "is not understood"},
	} {
		status, body = a.status, a.body
		_, err := c.ListBuckets(context.Background(), "")
		if err == nil || !strings.Contains(err.Error(), a.want) {
			t.Errorf("%d %s: %v", a.status, a.body, err)
		}
	}
	status, body = 404, ""
	if _, err := c.HeadBucket(context.Background(), NewBucket(object.AIS, "abc")); !errors.Is(err, object.NoSuchBucket) {
		t.Error(err)
	}
}

func TestListingThatMakesNoProgress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"uuid":"u","continuation_token":"a","entries":[{"name":"a"}]}`)
	}))
	t.Cleanup(server.Close)
	n := 0
	var last error
	for _, err := range client(t, server.URL).ListObjects(context.Background(), NewBucket(object.AIS, "abc"), ListMessage{}, 0) {
		if last = err; err == nil {
			n++
		}
	}
	if n != 2 || last == nil {
		t.Errorf("%d entries, %v", n, last)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	if _, err := client(t, server.URL).ClusterMap(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestEndpoints(t *testing.T) {
	for in, want := range map[string]string{"localhost:8080": "http://localhost:8080", "https://h/": "https://h", "http://h:1/base/": "http://h:1/base"} {
		c, err := NewClient(ClientConfig{Endpoint: in})
		if err != nil || c.Endpoint() != want {
			t.Errorf("%q: %v, %v", in, c, err)
		}
	}
	for _, bad := range []string{"", "ftp://x", "http://", "::"} {
		if _, err := NewClient(ClientConfig{Endpoint: bad}); !errors.Is(err, object.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := NewClient(ClientConfig{Endpoint: "h", CA: []byte("no PEM")}); !errors.Is(err, object.Invalid) {
		t.Error(err)
	}
}
