package target

import (
	"strings"
	"sync"
	"time"

	"ais/cluster"
	"ais/object"
)

func (n native) append(key, handle, body string) answer {
	n.Helper()
	return ask(n.T, n.target, "PUT", n.uri(key, "append_type", "append", "append_handle", handle), body)
}

func (n native) flush(key, handle, body string) answer {
	n.Helper()
	return ask(n.T, n.target, "PUT", n.uri(key, "append_type", "flush", "append_handle", handle), body)
}

// appended appends pieces and returns the last handle.
func (n native) appended(key, handle string, pieces ...string) string {
	n.Helper()
	for _, piece := range pieces {
		handle = n.want(200, n.append(key, handle, piece)).header.Get("Ais-Append-Handle")
	}
	return handle
}

func nativeAppend(n native) {
	long := strings.Repeat("0123456789", 30_000)
	h := n.appended("k", "", "one ", "", long)
	n.want(404, ask(n.T, n.target, "HEAD", n.uri("k"), ""))
	n.want(200, n.append("k", strings.Replace(h, ".4", ".3", 1), long)) // sent again
	n.want(409, n.append("k", strings.Replace(h, ".4", ".3", 1), "other"))
	first := n.want(200, n.flush("k", h, ""))
	if got := n.content("k"); got != "one "+long || first.header.Get("Ais-Append-Handle") != "" {
		n.Errorf("%d bytes", len(got))
	}
	if again := n.want(200, n.flush("k", h, "")); again.header.Get("Etag") != first.header.Get("Etag") {
		n.Error("the flush again:", again.header)
	}
	n.want(404, n.append("k", h, "late"))

	n.want(200, n.patch("k", `{"color":"red"}`))
	n.want(200, n.flush("k", n.appended("k", "", " two"), " three"))
	if got := n.content("k"); got != "one "+long+" two three" || n.custom("k") != "color=red" {
		n.Errorf("%d bytes, %s", len(got), n.custom("k"))
	}
	n.put("small", "a")
	n.want(200, n.flush("small", "", "b"))
	if got := n.content("small"); got != "ab" {
		n.Error(got)
	}
	n.want(200, n.flush("empty", n.want(200, n.append("empty", "", "")).header.Get("Ais-Append-Handle"), ""))
	if got := n.content("empty"); got != "" {
		n.Error(got)
	}
	if got := ask(n.T, n.target, "GET", n.uri("small"), "", "Range", "bytes=1-"); got.body != "b" {
		n.Error(got)
	}

	upload := n.begin("k")
	for name, bad := range map[string]struct {
		status int
		a      answer
	}{
		"a handle of another name":    {404, n.append("other", n.appended("k", "", "x"), "y")},
		"a handle that is a path":     {400, n.append("k", "../../etc/passwd.2", "y")},
		"a handle that is none":       {400, n.append("k", "x", "y")},
		"the object itself":           {400, n.append("k", cluster.NewUploadID("r", "t1")+".1", "y")},
		"a made up handle":            {404, n.append("k", cluster.NewUploadID("r", "t1")+".2", "y")},
		"an upload":                   {404, n.append("k", upload+".2", "y")},
		"too many pieces":             {400, n.append("k", n.appended("k", "", "x")[:len(h)-2]+".10001", "y")},
		"another type":                {400, ask(n.T, n.target, "PUT", n.uri("k", "append_type", "prepend", "append_handle", ""), "y")},
		"a flush without a handle":    {400, n.flush("k", "", "")},
		"a flush of pieces not there": {400, n.flush("k", n.appended("k", "", "x")[:len(h)-2]+".5", "")},
	} {
		if bad.a.status != bad.status {
			n.Errorf("%s: %d %s", name, bad.a.status, bad.a.body)
		}
	}
	remote := n.another(object.AWS)
	remote.want(501, remote.append("k", "", "x"))
}

// nativeAppendsAtOnce: of many who append to one object, none is lost.
func nativeAppendsAtOnce(n native) {
	n.put("k", "-")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			h := n.appended("k", "", string(rune('a'+i)), string(rune('A'+i)))
			for a := n.flush("k", h, ""); a.status != 200; a = n.flush("k", h, "") {
				if a.status != 503 {
					n.Error(a)
					return
				}
			}
		})
	}
	wg.Wait()
	got := n.content("k")
	if len(got) != 17 || got[0] != '-' {
		n.Fatal(got)
	}
	for i := range 8 {
		if !strings.Contains(got, string(rune('a'+i))+string(rune('A'+i))) {
			n.Errorf("%d is missing in %s", i, got)
		}
	}
}

// nativeAppendsVanish: what is not flushed goes a day after the last piece.
func nativeAppendsVanish(n native) {
	h, upload := n.appended("k", "", "x"), n.begin("k")
	now := time.Now()
	for after, status := range map[time.Duration]int{appendLife / 2: 200, appendLife + time.Minute: 404} {
		h := n.appended("j", "", "x")
		if err := n.target.dropAppends(n.Context(), n.bucket, now.Add(after)); err != nil {
			n.Fatal(err)
		}
		n.want(status, n.flush("j", h, ""))
	}
	n.want(404, n.append("k", h, "y"))
	n.want(200, n.part("k", upload, "1", "an upload stays"))
}
