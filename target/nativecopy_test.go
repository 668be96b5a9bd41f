package target

import (
	"strings"

	"ais/object"
)

func (n native) put(key, body string, headers ...string) answer {
	n.Helper()
	return n.want(200, ask(n.T, n.target, "PUT", n.uri(key), body, headers...))
}

func (n native) act(key, action, name string) answer {
	n.Helper()
	return ask(n.T, n.target, "POST", n.uri(key), `{"action":"`+action+`","name":"`+name+`","value":null}`)
}

func (n native) unique(key string) string {
	return string(n.bucket.Provider) + "/@#/" + n.bucket.Name + "/" + key
}

func (n native) patch(key, value string, query ...string) answer {
	n.Helper()
	return ask(n.T, n.target, "PATCH", n.uri(key, query...), `{"action":"","name":"","value":`+value+`}`)
}

// custom returns the custom properties that a HEAD says, but for AIS's own, sorted.
func (n native) custom(key string) string {
	n.Helper()
	var own []string
	for _, pair := range n.want(200, ask(n.T, n.target, "HEAD", n.uri(key), "")).header.Values("Ais-Custom-Md") {
		if k, _, _ := strings.Cut(pair, "="); !object.ReservedCustom(k) {
			own = append(own, pair)
		}
	}
	return strings.Join(own, " ")
}

func nativeCopy(n native) {
	n.put("from", "content")
	n.want(200, ask(n.T, n.target, "PUT", n.uri("from", "object_to", n.unique("dir/a copy"), "latest-ver", "true", "synchronize", "false"), ""))
	if got := n.content("dir/a copy"); got != "content" || n.content("from") != "content" {
		n.Error(got)
	}
	for name, c := range map[string]struct {
		status int
		key    string
		query  []string
	}{
		"no source":        {404, "none", []string{"object_to", n.unique("x")}},
		"no bucket":        {404, "from", []string{"object_to", "ais/@#/none/x"}},
		"itself":           {400, "from", []string{"object_to", n.unique("from")}},
		"no unique name":   {400, "from", []string{"object_to", "x"}},
		"nothing":          {400, "from", []string{"object_to", ""}},
		"no name":          {400, "from", []string{"object_to", n.unique("")}},
		"another provider": {400, "from", []string{"object_to", "nowhere/@#/b/x"}},
		"a namespace":      {400, "from", []string{"object_to", "ais/@u#n/b/x"}},
		"a transformation": {501, "from", []string{"object_to", n.unique("x"), "etl_name", "e"}},
		"as a part":        {400, "from", []string{"object_to", n.unique("x"), "uploadId", "u", "partNumber", "1"}},
	} {
		if a := ask(n.T, n.target, "PUT", n.uri(c.key, c.query...), ""); a.status != c.status {
			n.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	n.want(404, ask(n.T, n.target, "HEAD", n.uri("x"), ""))
}

func nativeCopyBetweenBuckets(own native) {
	remote := own.another(object.AWS)
	own.put("k", "content")
	own.want(200, own.patch("k", `{"color":"red"}`))
	own.want(200, ask(own.T, own.target, "PUT", own.uri("k", "object_to", remote.unique("k")), ""))
	remote.want(200, ask(own.T, own.target, "PUT", remote.uri("k", "object_to", own.unique("back")), ""))
	if own.content("back") != "content" || remote.content("k") != "content" {
		own.Error("the bytes are others")
	}
	own.want(200, ask(own.T, own.target, "PUT", own.uri("k", "object_to", own.unique("copy")), ""))
	if got := own.custom("copy"); got != "color=red" {
		own.Errorf("custom properties of the copy: %q", got)
	}
}

func nativeRename(n native) {
	n.put("old", "content")
	n.put("new", "in the way")
	n.want(200, n.act("old", "rename-obj", "new"))
	n.want(404, ask(n.T, n.target, "HEAD", n.uri("old"), ""))
	if got := n.content("new"); got != "content" {
		n.Error(got)
	}
	n.want(404, n.act("old", "rename-obj", "new"))
	n.want(400, n.act("new", "rename-obj", "new"))
	n.want(400, n.act("new", "rename-obj", ""))
	n.want(400, n.act("new", "rename-obj", strings.Repeat("k", 1025)))
}

// nativeRenameKeepsWhatIsNew: what was written while an object was renamed is
// not deleted for it.
func nativeRenameKeepsWhatIsNew(n native) {
	n.put("old", "content")
	name := object.Name{Bucket: n.bucket.ID, Key: "old"}
	meta, err := n.target.store.Stat(name, "")
	if err != nil {
		n.Fatal(err)
	}
	n.put("old", "newer")
	if err := n.target.Rename(n.bucket, name, "new", meta, ""); object.KindOf(err) != object.Conflict {
		n.Error(err)
	}
	if got := n.content("old"); got != "newer" {
		n.Error(got)
	}
	n.want(404, ask(n.T, n.target, "HEAD", n.uri("new"), ""))
}

func nativeCustom(n native) {
	n.put("k", "content")
	n.want(200, n.patch("k", `{"color":"red","note":"a=b, c"}`))
	n.want(200, n.patch("k", `{"color":"blue"}`))
	if got := n.custom("k"); got != "color=blue note=a=b, c" && got != "note=a=b, c color=blue" {
		n.Errorf("%q", got)
	}
	n.want(200, n.patch("k", `{"size":"L"}`, "set-new-custom", "true"))
	if got := n.custom("k"); got != "size=L" {
		n.Errorf("%q", got)
	}
	for _, bad := range []string{
		`{"source":"aws"}`, `{"ETag":"x"}`, `{"X-Amz-Meta-A":"x"}`, `{"":"x"}`, `{"a=b":"x"}`, `{"a,b":"x"}`, `{"a":"x\ny"}`, `{"a":" x"}`,
		`{"a":1}`, `["a"]`, `{"a":"` + strings.Repeat("x", 9<<10) + `"}`,
	} {
		n.want(400, n.patch("k", bad))
	}
	if got := n.custom("k"); got != "size=L" || n.content("k") != "content" {
		n.Errorf("after refusals: %q", got)
	}
	n.want(404, n.patch("none", `{"a":"b"}`))
	n.put("k", "again")
	if got := n.custom("k"); got != "" {
		n.Errorf("after a PUT: %q", got)
	}
}
