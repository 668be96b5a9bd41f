package s3api

import (
	"testing"
)

// TestAmzHeader: what a URL carries counts as a header only where it can be in a
// presigned one and the URL is signed, and a header goes before it.
func TestAmzHeader(t *testing.T) {
	const v4Signed, v2Signed = "&X-Amz-Signature=0a", "&AWSAccessKeyId=x&Signature=y"
	for _, tt := range []struct {
		uri     string
		headers []string
		name    string
		want    string
	}{
		{"/bkt/k", []string{"x-amz-acl: private"}, "X-Amz-Acl", "private"},
		{"/bkt/k?x-amz-acl=private", nil, "X-Amz-Acl", ""},
		{"/bkt/k?x-amz-acl=private" + v4Signed, nil, "X-Amz-Acl", "private"},
		{"/bkt/k?x-amz-acl=private" + v2Signed, nil, "x-amz-acl", "private"},
		{"/bkt/k?X-Amz-Acl=public%2Dread" + v4Signed, nil, "X-Amz-Acl", "public-read"},
		{"/bkt/k?%58-Amz-Acl=private&X-Amz-Signatur%65=0a", nil, "X-Amz-Acl", "private"},
		{"/bkt/k?x-amz-acl=public-read" + v4Signed, []string{"x-amz-acl: private"}, "X-Amz-Acl", "private"},
		{"/bkt/k?x-amz-acl=private" + v4Signed, []string{"x-amz-acl:"}, "X-Amz-Acl", "private"},
		{"/bkt/k?x-amz-grant-read-acp=id%3Dx" + v4Signed, nil, "X-Amz-Grant-Read-Acp", "id=x"},
		{"/bkt/k?x-amz-tagging=a%3Db" + v4Signed, nil, "X-Amz-Tagging", "a=b"},
		{"/bkt/k?x-amz-storage-class=GLACIER" + v4Signed, nil, "X-Amz-Storage-Class", "GLACIER"},
		{"/bkt/k?x-amz-copy-source=%2Fb%2Fk" + v4Signed, nil, "X-Amz-Copy-Source", ""},
		{"/bkt/k?x-amz-metadata-directive=REPLACE" + v4Signed, nil, "X-Amz-Metadata-Directive", ""},
		{"/bkt/k", []string{"x-amz-acl: private", "x-amz-acl: public-read"}, "X-Amz-Acl", "private,public-read"},
		{"/bkt/k", []string{"x-amz-metadata-directive: COPY", "x-amz-metadata-directive: REPLACE"}, "X-Amz-Metadata-Directive", "COPY"},
	} {
		r := newRequest(t, "PUT", tt.uri, tt.headers...)
		if got := AmzHeader(r.Ctx(), tt.name); got != tt.want {
			t.Errorf("%s of %s %v: %q, want %q", tt.name, tt.uri, tt.headers, got, tt.want)
		}
	}
}

// TestFirstParamCounts: a listing goes by the values that were decided about.
func TestFirstParamCounts(t *testing.T) {
	r := newRequest(t, "GET", "/bkt?list-type=2&prefix=mine/&pre%66ix=yours/&max-keys=3&max-keys=100&delimiter=/&delimiter=")
	l, err := ParseList(r)
	if err != nil || l.Query.Prefix != "mine/" || l.Query.Limit != 3 || l.Query.Delimiter != "/" {
		t.Errorf("%+v, %v", l.Query, err)
	}
	for name, want := range map[string]string{"prefix": "mine/", "max-keys": "3", "delimiter": "/"} {
		if got, ok := QueryParam(r.Ctx(), name); !ok || got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if got, ok := QueryParam(newRequest(t, "GET", "/bkt?a#&prefix=x").Ctx(), "prefix"); !ok || got != "x" {
		t.Errorf("after a number sign: %q", got)
	}
}

// TestBecomePut: of a form's own URL and headers nothing is decided about that is
// not sent to who serves it.
func TestBecomePut(t *testing.T) {
	r := newRequest(t, "POST", "/bkt?x-amz-acl=private&X-Amz-Signature=0a&versionId=null", "x-amz-tagging: a=b", "If-None-Match: *", "Content-Type: multipart/form-data")
	r.BecomePut(&PostForm{Bucket: "bkt", Key: "a key"}, []Field{{"x-amz-storage-class", "GLACIER"}})
	ctx := r.Ctx()
	if AmzHeader(ctx, "X-Amz-Acl") != "" || AmzHeader(ctx, "X-Amz-Tagging") != "" || BringsACL(ctx) || HeaderTags(ctx) != nil {
		t.Error("what the form does not say is believed")
	}
	if r.Header("If-None-Match") != "" || r.Header("Content-Type") != "" || AmzHeader(ctx, "X-Amz-Storage-Class") != "GLACIER" {
		t.Errorf("headers %v", ctx.Request.Header.String())
	}
	if _, there := r.Query("versionId"); there || r.RawPath() != "/bkt" || r.Bucket != "bkt" || r.Key != "a key" || r.Op != PutObject {
		t.Errorf("%+v", r)
	}
	if _, there := QueryParam(ctx, "versionId"); there {
		t.Error("the form's query is heeded")
	}
}
