package target

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"ais/backend/backendtest"
	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// rig is a target with a remote bucket in memory and a bucket in front of it.
type rig struct {
	*Target
	t   *testing.T
	mem *backendtest.Mem
	b   *cluster.Bucket
}

func newRig(t *testing.T) *rig {
	t.Helper()
	target, mem := startAlone(t)
	return &rig{target, t, mem, makeBucket(t, target, object.AIS, "front", "backend_bck", "aws://mem")}
}

func (g *rig) name(key string) object.Name { return object.Name{Bucket: g.b.ID, Key: key} }

func (g *rig) put(key, body string, cond object.Cond) (object.Meta, error) {
	return g.Put(g.b, g.name(key), object.Meta{}, cond, newStream(strings.NewReader(body), int64(len(body)), nil))
}

// putHere stores an object that only this target has.
func (g *rig) putHere(key, body string) object.Meta {
	g.t.Helper()
	w, err := g.store.Create(g.name(key), fs.WriteOptions{Size: int64(len(body))})
	if err != nil {
		g.t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte(body)); err != nil {
		g.t.Fatal(err)
	}
	m, err := w.Commit(object.Meta{ETag: "own-" + body}, fs.Terms{})
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

// here returns what is kept here; ok is false for nothing.
func (g *rig) here(key string) (body string, m object.Meta, ok bool) {
	g.t.Helper()
	r, err := g.store.Open(g.name(key), "")
	if object.KindOf(err) == object.NotFound && err != nil {
		return "", object.Meta{}, false
	}
	if err != nil {
		g.t.Fatal(err)
	}
	m = *r.Meta()
	section, err := r.Range(0, m.Size)
	if err != nil {
		g.t.Fatal(err)
	}
	var b strings.Builder
	if _, err := section.WriteTo(&b); err != nil {
		g.t.Fatal(err)
	}
	section.Close()
	return b.String(), m, true
}

// same fails the test unless what is kept here is what the remote has, or nothing.
func (g *rig) same(key string) {
	g.t.Helper()
	body, m, ok := g.here(key)
	there, is := g.mem.Body(key)
	switch {
	case !ok:
	case !is || body != there:
		g.t.Errorf("%s: %q is here, and %q (%v) at the remote", key, body, there, is)
	default:
		h, err := g.mem.Head(context.Background(), key, "")
		if err != nil || h.ETag != m.ETag || m.Custom[object.CustomETag] != h.ETag || m.Custom[object.CustomVersion] != h.Version || !fromRemote(&m) {
			g.t.Errorf("%s: here %+v, at the remote %+v, %v", key, m, h, err)
		}
	}
}

// wantHere fails the test unless the object is kept here.
func (g *rig) wantHere(key, body string) {
	g.t.Helper()
	if got, _, ok := g.here(key); !ok || got != body {
		g.t.Errorf("%s: %q is here, %v; want %q", key, got, ok, body)
	}
	g.same(key)
}

// wantGone fails the test if anything of the object is kept here.
func (g *rig) wantGone(key string) {
	g.t.Helper()
	if got, m, ok := g.here(key); ok {
		g.t.Errorf("%s: %q is here: %+v", key, got, m)
	}
}

func (g *rig) fail(ops ...string) {
	g.mem.Hook(func(_ context.Context, op, _ string) error {
		for _, o := range ops {
			if o == op {
				return object.E("mem", op, object.Unavailable, nil)
			}
		}
		return nil
	})
}

func TestThroughPut(t *testing.T) {
	g := newRig(t)
	for _, body := range []string{"", "small", strings.Repeat("large ", 500_000)} {
		m, err := g.put("k", body, object.Cond{})
		if err != nil {
			t.Fatal(err)
		}
		if want := object.Sum(object.MD5, []byte(body)).Hex(); m.ETag != want {
			t.Errorf("ETag %s, the remote's is %s", m.ETag, want)
		}
		if there, ok := g.mem.Body("k"); !ok || there != body {
			t.Errorf("%d bytes are at the remote, want %d", len(there), len(body))
		}
		g.wantHere("k", body)
	}
	g.mem.KeepVersions(true)
	m, err := g.put("k", "versioned", object.Cond{})
	if err != nil || m.Custom[object.CustomVersion] == "" {
		t.Errorf("%+v, %v", m, err)
	}
	g.wantHere("k", "versioned")
}

func TestThroughPutOverS3(t *testing.T) {
	g := newRig(t)
	g.mem.KeepVersions(true)
	a := ask(t, g.Target, "PUT", "/front/k", "body", "Content-Type", "text/plain", "x-amz-meta-a", "b", "x-amz-tagging", "t=1", "x-amz-acl", "private",
		"x-amz-checksum-crc32c", object.Sum(object.CRC32C, []byte("body")).Base64())
	h, err := g.mem.Head(t.Context(), "k", "")
	if err != nil {
		t.Fatal(err)
	}
	if a.status != 200 || a.header.Get("ETag") != `"`+h.ETag+`"` || a.header.Get("x-amz-version-id") != h.Version || a.header.Get("x-amz-checksum-crc32c") == "" {
		t.Errorf("%+v; the remote has %+v", a, h)
	}
	if h.Header.ContentType != "text/plain" || h.User["a"] != "b" || h.Digest.Hex() != object.Sum(h.Digest.Algorithm, []byte("body")).Hex() {
		t.Errorf("the remote has %+v", h)
	}
	g.wantHere("k", "body")
	if _, m, _ := g.here("k"); m.Tags != nil || m.User["a"] != "b" || m.Header.ContentType != "text/plain" || !m.Modified.Equal(m.Modified.Truncate(1e9)) {
		t.Errorf("here is %+v", m)
	}
	if a := ask(t, g.Target, "PUT", "/front/k", "other", "Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="); a.status != 400 || !strings.Contains(a.body, "BadDigest") {
		t.Errorf("a bad digest: %+v", a)
	}
	g.wantHere("k", "body")
	if g.mem.Calls(backendtest.OpPut) != 1 {
		t.Error("a bad body was sent to the remote")
	}
	for _, refused := range []struct{ method, uri, body string }{
		{"GET", "/front/k?tagging", ""}, {"PUT", "/front/k?tagging", "<Tagging><TagSet/></Tagging>"}, {"DELETE", "/front/k?tagging", ""},
		{"PUT", "/front/k?acl", ""}, {"DELETE", "/front/k?versionId=null", ""},
	} {
		if a := ask(t, g.Target, refused.method, refused.uri, refused.body); a.status != 501 || !strings.Contains(a.body, "remote bucket") {
			t.Errorf("%s %s: %d %s", refused.method, refused.uri, a.status, a.body)
		}
	}
	g.wantHere("k", "body")
	if a := ask(t, g.Target, "DELETE", "/front/k", ""); a.status != 204 {
		t.Errorf("DELETE: %+v", a)
	}
	g.wantGone("k")
	if a := ask(t, g.Target, "PUT", "/front/k", "x", "x-amz-acl", "public-read"); a.status < 400 {
		t.Errorf("an ACL of an object in a remote bucket: %+v", a)
	}
}

func TestThroughConditions(t *testing.T) {
	g := newRig(t)
	there := g.mem.Set("k", "by somebody else")
	tests := []struct {
		name string
		key  string
		cond object.Cond
		want error
	}{
		{"none there", "k", object.Cond{IfNoneMatch: "*"}, object.Precondition},
		{"another ETag", "k", object.Cond{IfMatch: `"x"`}, object.Precondition},
		{"of nothing", "none", object.Cond{IfMatch: `"x"`}, object.NotFound},
		{"holds", "k", object.Cond{IfMatch: `"` + there.ETag + `"`}, nil},
		{"new", "new", object.Cond{IfNoneMatch: "*"}, nil},
		{"new, again", "new", object.Cond{IfNoneMatch: "*"}, object.Precondition},
	}
	for _, tt := range tests {
		body := "mine " + tt.name
		before, was := g.mem.Body(tt.key)
		if _, err := g.put(tt.key, body, tt.cond); !errors.Is(err, tt.want) || err != nil && tt.want == nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if now, is := g.mem.Body(tt.key); tt.want != nil && (now != before || is != was) || tt.want == nil && now != body {
			t.Errorf("%s: the remote has %q", tt.name, now)
		}
		g.same(tt.key)
	}
	// Somebody else writes between the look and the write: the remote decides.
	g.mem.Hook(func(_ context.Context, op, key string) error {
		if op == backendtest.OpPut {
			g.mem.Set(key, "in between")
		}
		return nil
	})
	for _, cond := range []object.Cond{{IfNoneMatch: "*"}, {IfNoneMatch: `"x"`}} {
		if _, err := g.put("raced"+cond.IfNoneMatch, "mine", cond); !errors.Is(err, object.Precondition) {
			t.Errorf("a race: %v", err)
		}
	}
	large := strings.Repeat("x", lookFirst)
	g.mem.Hook(nil)
	if _, err := g.Put(g.b, g.name("k"), object.Meta{}, object.Cond{IfNoneMatch: "*"}, newStream(unread{t}, int64(len(large)), nil)); !errors.Is(err, object.Precondition) {
		t.Errorf("a large one: %v", err)
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("read")
}

// Of conditional writers at most one wins, and here is what the remote has.
func TestThroughConcurrent(t *testing.T) {
	g := newRig(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 16 {
		wg.Go(func() {
			if _, err := g.put("k", fmt.Sprint("body ", i), object.Cond{IfNoneMatch: "*"}); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
			_, _ = g.put("shared", fmt.Sprint("body ", i), object.Cond{})
			if i%4 == 0 {
				g.DeleteMany(g.b, []fs.Removal{{Name: g.name("shared")}, {Name: g.name(fmt.Sprint(i))}, {Name: g.name("shared")}}, "")
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
	g.same("k")
	g.same("shared")
	if len(g.names.byName) != 0 {
		t.Errorf("%d names are kept", len(g.names.byName))
	}
}

// The remote fails: an error, and nothing here that is not there.
func TestThroughRemoteFails(t *testing.T) {
	g := newRig(t)
	if _, err := g.put("k", "before", object.Cond{}); err != nil {
		t.Fatal(err)
	}
	g.fail(backendtest.OpPut)
	if _, err := g.put("k", "after", object.Cond{}); !errors.Is(err, object.Unavailable) {
		t.Errorf("put: %v", err)
	}
	g.same("k")
	g.fail(backendtest.OpHead)
	if _, err := g.put("k", "after", object.Cond{IfNoneMatch: "*"}); !errors.Is(err, object.Unavailable) {
		t.Errorf("put with a condition: %v", err)
	}
	g.fail(backendtest.OpDelete)
	if _, err := g.Delete(g.b, g.name("k"), "", object.Cond{}, ""); !errors.Is(err, object.Unavailable) {
		t.Errorf("delete: %v", err)
	}
	if there, _ := g.mem.Body("k"); there != "before" {
		t.Errorf("the remote has %q", there)
	}
	g.same("k")
}

// The process ends, or the mountpath does, between the remote's yes and the commit.
func TestThroughNotKept(t *testing.T) {
	g := newRig(t)
	if _, err := g.put("k", "before", object.Cond{}); err != nil {
		t.Fatal(err)
	}
	m, err := g.through(g.b)
	if err != nil {
		t.Fatal(err)
	}
	// What a process that dies leaves behind: the turn was taken, the remote has written.
	turn, err := m.take(g.name("k"), object.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	g.mem.Set("k", "after")
	g.wantGone("k")
	// What one that lives does when it cannot commit.
	kept, err := turn.keep(object.Meta{ETag: "e"}, func(object.Meta) (object.Meta, error) { return object.Meta{}, object.NoSpace })
	if err != nil || kept.ETag != "e" || turn.kept {
		t.Errorf("%+v, %v", kept, err)
	}
	turn.end()
	g.wantGone("k")
}

// What was here before the bucket stood for a remote one stays until it is replaced.
func TestThroughOwn(t *testing.T) {
	g := newRig(t)
	own := g.putHere("k", "own")
	g.fail(backendtest.OpPut, backendtest.OpDelete)
	if _, err := g.put("k", "new", object.Cond{}); err == nil {
		t.Fatal("no error")
	}
	if errs := deleteAll(g, "k"); errs[0] == nil {
		t.Fatal("no error")
	}
	if body, _, _ := g.here("k"); body != "own" {
		t.Errorf("here is %q", body)
	}
	g.mem.Hook(nil)
	if _, err := g.put("k", "new", object.Cond{IfNoneMatch: "*"}); !errors.Is(err, object.Precondition) {
		t.Errorf("it counts in conditions: %v", err)
	}
	if _, err := g.put("k", "new", object.Cond{IfMatch: own.ETag}); err != nil {
		t.Errorf("it counts in conditions: %v", err)
	}
	g.wantHere("k", "new")

	g.putHere("l", "own")
	g.mem.Set("l", "hidden")
	if errs := deleteAll(g, "l"); errs[0] != nil {
		t.Error(errs[0])
	}
	g.wantGone("l")
	if _, ok := g.mem.Body("l"); ok {
		t.Error("the remote's was left")
	}

	g.putHere("m", "own")
	w, err := g.through(g.b)
	if err != nil {
		t.Fatal(err)
	}
	turn, err := w.take(g.name("m"), object.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	defer turn.end()
	if _, err := turn.keep(object.Meta{}, func(object.Meta) (object.Meta, error) { return object.Meta{}, object.NoSpace }); err != nil {
		t.Error(err)
	}
	g.wantGone("m") // it would hide the remote's
}

func deleteAll(g *rig, keys ...string) []error {
	var list []fs.Removal
	for _, key := range keys {
		list = append(list, fs.Removal{Name: g.name(key)})
	}
	_, errs := g.DeleteMany(g.b, list, "")
	return errs
}

func TestThroughDeleteMany(t *testing.T) {
	g := newRig(t)
	for _, key := range []string{"a", "b", "c", "d"} {
		if _, err := g.put(key, key, object.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	g.mem.Set("uncached", "x")
	g.mem.Hook(func(_ context.Context, op, key string) error {
		if op == backendtest.OpDelete && key == "d" {
			return object.Denied
		}
		return nil
	})
	list := []fs.Removal{
		{Name: g.name("a")}, {Name: g.name("a")}, {Name: g.name("uncached")}, {Name: g.name("none")},
		{Name: g.name("b"), Cond: object.Cond{IfMatch: "other"}}, {Name: g.name("c"), Version: "null"}, {Name: g.name("d")},
		{Name: g.name("gone"), Cond: object.Cond{IfMatch: "x"}},
	}
	_, errs := g.DeleteMany(g.b, list, "")
	for i, want := range []error{nil, nil, nil, nil, object.Precondition, object.Unsupported, object.Denied, nil} {
		if !errors.Is(errs[i], want) || want == nil && errs[i] != nil {
			t.Errorf("%d %s: %v, want %v", i, list[i].Name.Key, errs[i], want)
		}
	}
	if keys := g.mem.Keys(); fmt.Sprint(keys) != "[b c d]" {
		t.Errorf("the remote has %v", keys)
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		g.same(key)
	}
	g.wantGone("a")
	g.wantHere("b", "b")
}

// xmlText returns the text of an element of a document.
func xmlText(t *testing.T, document, element string) string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("no %s in %s", element, document)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == element {
			var text string
			if err := d.DecodeElement(&text, &e); err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
}

func TestThroughUpload(t *testing.T) {
	g := newRig(t)
	g.mem.KeepVersions(true)
	a := ask(t, g.Target, "POST", "/front/k?uploads", "", "x-amz-meta-a", "b", "x-amz-checksum-algorithm", "CRC32C", "x-amz-tagging", "t=1")
	id := xmlText(t, a.body, "UploadId")
	if g.mem.OpenUploads() != 1 {
		t.Fatal("no upload at the remote")
	}
	first, last := strings.Repeat("0123456789", int(object.MinPartSize/10)+1), "the end"
	document := "<CompleteMultipartUpload>"
	for i, body := range []string{first, last} {
		a := ask(t, g.Target, "PUT", fmt.Sprintf("/front/k?uploadId=%s&partNumber=%d", id, i+1), body)
		if want := `"` + object.Sum(object.MD5, []byte(body)).Hex() + `"`; a.status != 200 || a.header.Get("ETag") != want || a.header.Get("x-amz-checksum-crc32c") == "" {
			t.Fatalf("part %d: %+v, want ETag %s", i+1, a, want)
		}
		document += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, a.header.Get("ETag"))
	}
	document += "</CompleteMultipartUpload>"
	if _, ok := g.mem.Body("k"); ok {
		t.Fatal("it is there already")
	}
	a = ask(t, g.Target, "POST", "/front/k?uploadId="+id, document)
	h, err := g.mem.Head(t.Context(), "k", "")
	if err != nil || a.status != 200 || xmlText(t, a.body, "ETag") != `"`+h.ETag+`"` || a.header.Get("x-amz-version-id") != h.Version || h.User["a"] != "b" {
		t.Fatalf("%+v, %v, the remote has %+v", a, err, h)
	}
	g.wantHere("k", first+last)
	if again := ask(t, g.Target, "POST", "/front/k?uploadId="+id, document); again.status != 200 || xmlText(t, again.body, "ETag") != `"`+h.ETag+`"` {
		t.Errorf("again: %+v", again)
	}
	if _, m, _ := g.here("k"); m.Custom[object.CustomUpload] != "" || m.Tags != nil || len(m.Parts) != 2 {
		t.Errorf("here is %+v", m)
	}
}

// begin begins an upload with parts of the sizes.
func (g *rig) begin(key string, sizes ...int) (u object.Upload, listed []object.Listed) {
	g.t.Helper()
	u, err := g.CreateUpload(g.b, object.Upload{Name: g.name(key)})
	if err != nil {
		g.t.Fatal(err)
	}
	for i, size := range sizes {
		p, err := g.PutPart(g.b, &u, i+1, newStream(strings.NewReader(strings.Repeat("p", size)), int64(size), nil))
		if err != nil {
			g.t.Fatal(err)
		}
		listed = append(listed, object.Listed{Number: p.Number, ETag: p.ETag})
	}
	return u, listed
}

func (g *rig) complete(u object.Upload, listed []object.Listed) (object.Meta, error) {
	return g.Complete(g.b, u.Name, u.ID, listed, s3api.Completion{Size: -1}, object.Cond{})
}

func TestThroughUploadFaults(t *testing.T) {
	g := newRig(t)
	u, listed := g.begin("k", 3, 3)
	if _, err := g.complete(u, listed); !errors.Is(err, object.TooSmall) {
		t.Errorf("small parts: %v", err)
	}
	if _, err := g.complete(u, []object.Listed{{Number: 1, ETag: "x"}}); !errors.Is(err, object.InvalidPart) {
		t.Errorf("another part: %v", err)
	}
	if g.mem.Calls(backendtest.OpComplete) != 1 {
		t.Error("the remote was asked for what cannot be")
	}
	g.fail(backendtest.OpPart)
	if _, err := g.PutPart(g.b, &u, 3, newStream(strings.NewReader("x"), 1, nil)); !errors.Is(err, object.Unavailable) {
		t.Errorf("a part: %v", err)
	}
	if parts, _, _ := g.store.Parts(u.Name, u.ID, 0, 10); len(parts) != 2 {
		t.Errorf("parts %v", parts)
	}
	g.fail(backendtest.OpAbort)
	if err := g.AbortUpload(g.b, u.Name, u.ID); !errors.Is(err, object.Unavailable) {
		t.Errorf("abort: %v", err)
	}
	g.mem.Hook(nil)
	if err := g.AbortUpload(g.b, u.Name, u.ID); err != nil || g.mem.OpenUploads() != 0 {
		t.Errorf("abort: %v, %d uploads are left", err, g.mem.OpenUploads())
	}
	if _, err := g.complete(u, listed); !errors.Is(err, object.NoSuchUpload) {
		t.Errorf("after the end: %v", err)
	}
	if _, ok := g.mem.Body("k"); ok {
		t.Error("the remote has the object")
	}
	g.wantGone("k")

	g.fail(backendtest.OpBegin)
	if _, err := g.CreateUpload(g.b, object.Upload{Name: g.name("k")}); !errors.Is(err, object.Unavailable) {
		t.Errorf("begin: %v", err)
	}
}

// The remote has completed the upload and this target did not see it.
func TestThroughCompleteAgain(t *testing.T) {
	g := newRig(t)
	u, listed := g.begin("k", 7)
	if _, err := g.mem.Uploads().Complete(t.Context(), "k", u.Meta.Custom[object.CustomUpload], listed, object.Cond{}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.complete(u, listed); err != nil {
		t.Errorf("%v", err)
	}
	g.wantHere("k", "ppppppp")

	u, listed = g.begin("l", 7)
	if err := g.mem.Uploads().Abort(t.Context(), "l", u.Meta.Custom[object.CustomUpload]); err != nil {
		t.Fatal(err)
	}
	g.mem.Set("l", "somebody else's")
	if _, err := g.complete(u, listed); !errors.Is(err, object.NoSuchUpload) {
		t.Errorf("ended by somebody else: %v", err)
	}
	g.same("l")
}

// The upload's remote bucket is the bucket's no more.
func TestThroughUploadMoved(t *testing.T) {
	g := newRig(t)
	u, listed := g.begin("k", 7)
	edit := func(bck string) {
		t.Helper()
		_, err := g.cluster.UpdateProps(t.Context(), g.b, func(p *cluster.Props) error { _, err := p.Set("backend_bck", bck); return err })
		if err != nil {
			t.Fatal(err)
		}
		state, err := g.cluster.Sync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g.b, _ = state.BucketByID(g.b.ID)
	}
	for _, bck := range []string{"none", "aws://other"} {
		edit(bck)
		if _, err := g.PutPart(g.b, &u, 2, newStream(strings.NewReader("x"), 1, nil)); !errors.Is(err, errUploadMoved) || !errors.Is(err, object.Invalid) {
			t.Errorf("%s: a part: %v", bck, err)
		}
		if _, err := g.complete(u, listed); !errors.Is(err, errUploadMoved) {
			t.Errorf("%s: complete: %v", bck, err)
		}
	}
	if err := g.AbortUpload(g.b, u.Name, u.ID); err != nil || g.mem.OpenUploads() != 0 {
		t.Errorf("abort: %v, %d uploads are left", err, g.mem.OpenUploads())
	}
	edit("none")
	plain, err := g.CreateUpload(g.b, object.Upload{Name: g.name("k")})
	if err != nil {
		t.Fatal(err)
	}
	edit("aws://mem")
	if _, err := g.PutPart(g.b, &plain, 1, newStream(strings.NewReader("x"), 1, nil)); !errors.Is(err, errUploadMoved) {
		t.Errorf("begun before there was a remote: %v", err)
	}
}

// A write that began before the bucket was detached is not kept.
func TestThroughDetached(t *testing.T) {
	g := newRig(t)
	g.mem.Hook(func(_ context.Context, op, _ string) error {
		if op != backendtest.OpPut {
			return nil
		}
		_, err := g.cluster.UpdateProps(t.Context(), g.b, func(p *cluster.Props) error { _, err := p.Set("backend_bck", "none"); return err })
		if err == nil {
			_, err = g.cluster.Sync(t.Context())
		}
		return err
	})
	if _, err := g.put("k", "body", object.Cond{}); err != nil {
		t.Fatal(err)
	}
	g.wantGone("k")
}

func TestThroughNative(t *testing.T) {
	g := newRig(t)
	if a := ask(t, g.Target, "PUT", "/v1/objects/front/k?provider=ais", "body"); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	g.wantHere("k", "body")
	if a := ask(t, g.Target, "DELETE", "/v1/objects/front/k?provider=ais", ""); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	g.wantGone("k")
	if _, ok := g.mem.Body("k"); ok {
		t.Error("the remote has it still")
	}
}

// copyRequest is a copy within the rig's remote buckets that anybody may make.
func (g *rig) copyRequest(from *cluster.Bucket, key, to string) CopyRequest {
	anybody := func(_ *object.Meta, err error) error { return err }
	return CopyRequest{
		Source: CopySource{Bucket: from, Name: object.Name{Bucket: from.ID, Key: key}, Granted: anybody}, Bucket: g.b, Name: g.name(to),
	}
}

func TestThroughCopy(t *testing.T) {
	g := newRig(t)
	g.mem.Bucket("other")
	other := makeBucket(t, g.Target, object.AWS, "other")
	local := makeBucket(t, g.Target, object.AIS, "local")
	body := "content"
	if _, err := g.Put(other, object.Name{Bucket: other.ID, Key: "k"}, object.Meta{User: map[string]string{"a": "b"}}, object.Cond{}, newStream(strings.NewReader(body), 7, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Put(local, object.Name{Bucket: local.ID, Key: "k"}, object.Meta{}, object.Cond{}, newStream(strings.NewReader(body), 7, nil)); err != nil {
		t.Fatal(err)
	}
	g.putHere("own", body)
	far := makeBucket(t, g.Target, object.AWS, "mem", "extra.aws.endpoint", "http://elsewhere.test")
	tests := []struct {
		name   string
		change func(*CopyRequest)
		copies int // that the store makes
		user   string
		want   error
	}{
		{"of another bucket", func(*CopyRequest) {}, 1, "map[a:b]", nil},
		{"with other metadata", func(r *CopyRequest) { r.Replace, r.User = true, map[string]string{"c": "d"} }, 1, "map[c:d]", nil},
		{"of another class", func(r *CopyRequest) { r.StorageClass = "STANDARD_IA" }, 1, "map[a:b]", nil},
		{"with tags", func(r *CopyRequest) { r.ReplaceTags, r.Tags = true, map[string]string{"t": "1"} }, 1, "map[a:b]", nil},
		{"with a checksum", func(r *CopyRequest) { r.Algorithm = object.CRC32C }, 0, "map[a:b]", nil},
		{"of a plain bucket", func(r *CopyRequest) { *r = g.copyRequest(local, "k", r.Name.Key) }, 0, "map[]", nil},
		{"of one that is here only", func(r *CopyRequest) { *r = g.copyRequest(g.b, "own", r.Name.Key) }, 0, "map[]", nil},
		{"source's condition", func(r *CopyRequest) { r.SourceCond.IfMatch = "x" }, 0, "", object.Precondition},
		{"none there", func(r *CopyRequest) { r.Source.Name.Key = "none" }, 0, "", object.NotFound},
		{"denied", func(r *CopyRequest) { r.Source.Granted = func(*object.Meta, error) error { return object.Denied } }, 0, "", object.Denied},
		{"to another store", func(r *CopyRequest) { r.Bucket, r.Name.Bucket = far, far.ID }, 0, "map[a:b]", nil},
	}
	for i, tt := range tests {
		req := g.copyRequest(other, "k", fmt.Sprint("copy", i))
		tt.change(&req)
		before := g.mem.Calls(backendtest.OpCopy)
		m, _, err := g.Copy(req)
		if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			continue
		}
		if n := g.mem.Calls(backendtest.OpCopy) - before; n != tt.copies {
			t.Errorf("%s: the store made %d copies", tt.name, n)
		}
		there, ok := g.mem.Body(req.Name.Key)
		if tt.want != nil {
			if ok {
				t.Errorf("%s: there is a copy", tt.name)
			}
			continue
		}
		h, err := g.mem.Head(t.Context(), req.Name.Key, "")
		if err != nil || there != body || h.ETag != m.ETag || m.Size != 7 || fmt.Sprint(metaOf(&h).User) != tt.user || h.StorageClass != req.StorageClass {
			t.Errorf("%s: %q, %+v, at the remote %+v, %v", tt.name, there, m, h, err)
		}
	}
}

func TestThroughCopyOverS3(t *testing.T) {
	g := newRig(t)
	g.mem.KeepVersions(true)
	if _, err := g.put("k", "content", object.Cond{}); err != nil {
		t.Fatal(err)
	}
	a := ask(t, g.Target, "PUT", "/front/copy", "", "x-amz-copy-source", "/front/k")
	h, err := g.mem.Head(t.Context(), "copy", "")
	if err != nil || a.status != 200 || xmlText(t, a.body, "ETag") != `"`+h.ETag+`"` || a.header.Get("x-amz-version-id") != h.Version || a.header.Get("x-amz-copy-source-version-id") == "" {
		t.Errorf("%+v, %v, at the remote %+v", a, err, h)
	}
	g.wantGone("copy")
	u, _ := g.begin("parts")
	a = ask(t, g.Target, "PUT", "/front/parts?partNumber=1&uploadId="+u.ID, "", "x-amz-copy-source", "/front/k", "x-amz-copy-source-range", "bytes=1-3")
	if want := `"` + object.Sum(object.MD5, []byte("ont")).Hex() + `"`; a.status != 200 || xmlText(t, a.body, "ETag") != want {
		t.Errorf("%+v, want ETag %s", a, want)
	}
	if _, err := g.complete(u, []object.Listed{{Number: 1, ETag: xmlText(t, a.body, "ETag")}}); err != nil {
		t.Error(err)
	}
	g.wantHere("parts", "ont")
}

// A target that is full writes through and keeps nothing.
func TestThroughOutOfSpace(t *testing.T) {
	g := newRig(t)
	_, err := g.cluster.UpdateConfig(t.Context(), func(c *cluster.Config) error {
		c.Space = cluster.SpaceConfig{LowWM: 1, HighWM: 1, OutOfSpace: 1}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.cluster.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.keeps(g.name("k")) {
		t.Skip("the disk is nearly empty")
	}
	if _, err := g.put("k", "body", object.Cond{}); err != nil {
		t.Fatal(err)
	}
	g.wantGone("k")
	u, listed := g.begin("parts", 7)
	if _, err := g.complete(u, listed); err != nil {
		t.Fatal(err)
	}
	g.wantGone("parts")
	if _, err := g.store.Upload(u.Name, u.ID); !errors.Is(err, object.NoSuchUpload) {
		t.Errorf("the parts are kept: %v", err)
	}
	if keys := fmt.Sprint(g.mem.Keys()); keys != "[k parts]" {
		t.Errorf("the remote has %s", keys)
	}
}
