package s3api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// formText writes a form: fields in their order, then the file unless it is nil.
func formText(boundary string, fields [][2]string, filename string, file *string) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, f[0], f[1])
	}
	if file != nil {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\nContent-Type: image/png\r\n\r\n%s\r\n", boundary, filename, *file)
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func postText(target, boundary, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: node\r\nContent-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n%s", target, boundary, len(body), body)
}

// received is what a form handler saw.
type received struct {
	form *PostForm
	file string
}

// startForms starts a node that reads forms and says what came.
func startForms(t testing.TB) (*node, *received) {
	var got received
	return startNode(t, func(r *Request) error {
		got = received{}
		f, err := ParsePostForm(r)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(f.File())
		if err != nil {
			return err
		}
		if int64(len(data)) != f.Size {
			t.Errorf("%d bytes announced, %d came", f.Size, len(data))
		}
		got = received{f, string(data)}
		r.WritePost(f, `"etag"`, r.URL(f.Key))
		return nil
	}, nil), &got
}

func TestPostForm(t *testing.T) {
	n, got := startForms(t)
	large := strings.Repeat(payload(100_000)+"\r\n--B\r\n-", 40) // with what looks like a boundary and is none
	for name, file := range map[string]string{"empty": "", "small": "hello\r\n", "with something like a boundary": "a\r\n--boundar\r\n--", "large": large} {
		body := formText("boundary", [][2]string{{"Key", "dir/${filename}"}, {"x-amz-meta-A", "two\r\nlines"}, {"Content-Type", "text/plain"}}, `C:\pics\a "b".png`, &file)
		body = strings.ReplaceAll(body, `a "b"`, `a \"b\"`)
		a := n.do(t, postText("/bkt", "boundary", body))
		if a.StatusCode != 204 || a.body != "" || a.Header.Get("ETag") != `"etag"` {
			t.Fatalf("%s: %d %s", name, a.StatusCode, a.body)
		}
		if got.file != file || got.form.Key != `dir/a "b".png` || got.form.Bucket != "bkt" || got.form.Fields["x-amz-meta-a"] != "two\r\nlines" ||
			a.Header.Get("Location") != "http://node/bkt/dir/a%20%22b%22.png" {
			t.Errorf("%s: %d bytes, %+v %v", name, len(got.file), got.form, a.Header)
		}
	}
}

// TestPostFormAfterFile has fields after a small file, as a form with a named
// button has, and other liberties that clients take.
func TestPostFormAfterFile(t *testing.T) {
	n, got := startForms(t)
	head := "--B\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n--B\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\n"
	for _, tt := range []struct{ body, file string }{
		{head + "data\r\n--B\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--B--\r\n", "data"},
		{head + "data\r\n--B--", "data"},
		{head + "data\r\n--B--\r\nepilogue", "data"},
		{head + "--B--\r\n", ""},
		{head + "\r\n--B--\r\n", ""},
		{strings.Replace(head, "name=key\r\n\r\nk", "name=x\r\n\r\n\r\n--B\r\nContent-Disposition: form-data; name=key\r\n\r\nk", 1) + "d\r\n--B--\r\n", "d"},
		{strings.Replace(head, "\r\n\r\nk", "\r\nContent-Type: text/plain; charset=utf-8\r\nX-Other: y\r\n\r\nk", 1) + "d\r\n--B--\r\n", "d"},
	} {
		if a := n.do(t, postText("/s3/bkt/", "B", tt.body)); a.StatusCode != 204 || got.file != tt.file {
			t.Errorf("%q: %d %s %q", tt.body, a.StatusCode, a.body, got.file)
		}
	}
}

func TestPostFormRefuses(t *testing.T) {
	n, _ := startForms(t)
	file := "hello"
	key := [][2]string{{"key", "k"}}
	large := payload(wholeFile + 1000)
	many := append([][2]string{}, key...)
	for i := range 5 {
		many = append(many, [2]string{fmt.Sprint("x-amz-meta-", i), payload(maxFormField)})
	}
	for _, tt := range []struct{ name, body, want string }{
		{"no key", formText("B", nil, "f", &file), "400 InvalidArgument"},
		{"an empty key", formText("B", [][2]string{{"key", ""}}, "f", &file), "400 InvalidArgument"},
		{"a long key", formText("B", [][2]string{{"key", payload(1025)}}, "f", &file), "400 KeyTooLongError"},
		{"no file", formText("B", key, "", nil), "400 InvalidArgument"},
		{"nothing", "", "400 IncompleteBody"},
		{"only the end", "--B--\r\n", "400 MalformedPOSTRequest"},
		{"another boundary", formText("C", key, "f", &file), "400 MalformedPOSTRequest"},
		{"a field twice", formText("B", append(key, [2]string{"KEY", "other"}), "f", &file), "400 InvalidArgument"},
		{"a part without a name", strings.Replace(formText("B", key, "f", &file), `; name="key"`, "", 1), "400 MalformedPOSTRequest"},
		{"a header without a colon", strings.Replace(formText("B", key, "f", &file), "Content-Type: image", "Content-Type image", 1), "400 MalformedPOSTRequest"},
		{"a long field", formText("B", append(key, [2]string{"policy", payload(maxFormField + 1)}), "f", &file), "400 MaxPostPreDataLengthExceededError"},
		{"many fields", formText("B", many, "f", &file), "400 MaxPostPreDataLengthExceededError"},
		{"a long header", strings.Replace(formText("B", key, "f", &file), "image/png", strings.Repeat("x", maxPartHead), 1), "400 MaxPostPreDataLengthExceededError"},
		{"no end", strings.TrimSuffix(formText("B", key, "f", &file), "--B--\r\n"), "400 IncompleteBody"},
		{"no end of a large file", strings.TrimSuffix(formText("B", key, "f", &large), "--B--\r\n"), "400 MalformedPOSTRequest"},
		{"a field after a large file", strings.Replace(formText("B", key, "f", &large), "--B--", "--B\r\nContent-Disposition: form-data; name=x\r\n\r\ny\r\n--B--", 1), "400 MalformedPOSTRequest"},
		{"two large files", strings.Replace(formText("B", key, "f", &large), "--B--", "--B\r\nContent-Disposition: form-data; name=file\r\n\r\n"+large+"\r\n--B--", 1), "400 MalformedPOSTRequest"},
	} {
		a := n.do(t, postText("/bkt", "B", tt.body))
		if got := fmt.Sprintf("%d %s", a.StatusCode, a.code()); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct{ request, want string }{
		{"POST /bkt HTTP/1.1\r\nHost: n\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n", "412 PreconditionFailed"},
		{"POST /bkt HTTP/1.1\r\nHost: n\r\nContent-Type: multipart/form-data\r\nContent-Length: 0\r\n\r\n", "400 MalformedPOSTRequest"},
		{"POST /bkt HTTP/1.1\r\nHost: n\r\nContent-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411 MissingContentLength"},
	} {
		a := n.do(t, tt.request)
		if got := fmt.Sprintf("%d %s", a.StatusCode, a.code()); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.request, got, tt.want)
		}
	}
}

// TestPostFormCut cuts a connection within a form.
func TestPostFormCut(t *testing.T) {
	n, got := startForms(t)
	file := payload(1 << 20)
	request := postText("/bkt", "B", formText("B", [][2]string{{"key", "k"}}, "f", &file))
	for _, cut := range []int{200, 5000, 1 << 19, len(request) - 3} {
		got.form = nil
		w := n.dial(t).send(request[:cut])
		if err := w.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if a, err := w.tryReceive("POST"); err == nil && a.StatusCode/100 == 2 || got.form != nil {
			t.Errorf("cut at %d: %v %v", cut, a.StatusCode, err)
		}
	}
}

func TestPostAnswers(t *testing.T) {
	n, _ := startForms(t)
	file := "x"
	post := func(name, value string) answer {
		return n.do(t, postText("/bkt", "B", formText("B", [][2]string{{"key", "a b"}, {name, value}}, "f", &file)))
	}
	if a := post("success_action_status", "201"); a.StatusCode != 201 ||
		!strings.Contains(a.body, `<PostResponse><Location>http://node/bkt/a%20b</Location><Bucket>bkt</Bucket><Key>a b</Key><ETag>&quot;etag&quot;</ETag></PostResponse>`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	for value, want := range map[string]int{"200": 200, "204": 204, "404": 204, "": 204} {
		if a := post("success_action_status", value); a.StatusCode != want || a.body != "" {
			t.Errorf("%s: %d %s", value, a.StatusCode, a.body)
		}
	}
	for value, want := range map[string]string{
		"http://there/x":     "http://there/x?bucket=bkt&key=a%20b&etag=%22etag%22",
		"https://there/?q=1": "https://there/?q=1&bucket=bkt&key=a%20b&etag=%22etag%22",
	} {
		for _, name := range []string{"success_action_redirect", "redirect"} {
			if a := post(name, value); a.StatusCode != 303 || a.Header.Get("Location") != want {
				t.Errorf("%d %s", a.StatusCode, a.Header.Get("Location"))
			}
		}
	}
	if a := post("redirect", "javascript:alert(1)"); a.StatusCode != 204 {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}

func TestPostHeaders(t *testing.T) {
	f := &PostForm{Bucket: "bkt", Key: "a b/ü", Fields: map[string]string{
		"acl": "private", "key": "x", "policy": "x", "content-type": " text/plain ", "x-amz-meta-a": "b", "x-ignore-a": "b", "x-amz-credential": "c",
		"tagging": "<Tagging><TagSet><Tag><Key>k@</Key><Value>v w</Value></Tag><Tag><Key>a</Key><Value/></Tag></TagSet></Tagging>", "x-amz-checksum-crc32": "AAAAAA==",
	}}
	headers, err := f.Headers()
	want := "[{x-amz-acl private} {content-type text/plain} {x-amz-tagging a=&k%40=v%20w} {x-amz-checksum-crc32 AAAAAA==} {x-amz-meta-a b}]"
	if got := fmt.Sprint(headers); err != nil || got != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
	if f.Target() != "/bkt/a%20b/%C3%BC" {
		t.Error(f.Target())
	}
	for name, value := range map[string]string{"x-amz-meta-a": "b\r\nx-amz-acl: public-read", "x-amz-meta-a b": "c", "x-amz-meta-:": "c", "tagging": "<Tagging>"} {
		if _, err := (&PostForm{Fields: map[string]string{name: value}}).Headers(); FromError(err).Status != 400 {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestBotocoreForms verifies what botocore's generate_presigned_post made.
func TestBotocoreForms(t *testing.T) {
	data, err := os.ReadFile("testdata/botocore-post.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name   string
		Fields map[string]string
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	v := NewVerifier(VerifierConfig{Secrets: exampleSecrets, Now: func() time.Time { return signedAt.Add(time.Hour - time.Second) }})
	late := NewVerifier(VerifierConfig{Secrets: exampleSecrets, Now: func() time.Time { return signedAt.Add(time.Hour) }})
	for _, tt := range list {
		form := func(change ...string) *PostForm {
			f := &PostForm{Bucket: "bkt", Size: 10, Fields: map[string]string{}}
			for name, value := range tt.Fields {
				f.Fields[strings.ToLower(name)] = value
			}
			for i := 0; i < len(change); i += 2 {
				f.Fields[change[i]] = change[i+1]
			}
			if err := f.finish("pic.png"); err != nil {
				t.Fatal(err)
			}
			return f
		}
		s, err := v.VerifyPost(form())
		if err != nil || s.AccessKey != example.AccessKey || s.Method != InForm || s.Scheme == SchemeV4 != strings.HasPrefix(tt.Name, "v4") ||
			s.Token != "" != strings.Contains(tt.Name, "token") {
			t.Errorf("%s: %+v %v", tt.Name, s, err)
		}
		if form().Key != "dir/pic.png" {
			t.Error(form().Key)
		}
		signature := "signature"
		if strings.HasPrefix(tt.Name, "v4") {
			signature = "x-amz-signature"
		}
		for want, f := range map[*Error]*PostForm{
			SignatureDoesNotMatch: form("policy", base64.StdEncoding.EncodeToString([]byte(`{"expiration":"2099-01-01T00:00:00Z","conditions":[]}`))),
			AccessDenied:          form("acl", "public-read"),
			EntityTooLarge:        func() *PostForm { f := form(); f.Size = 101; return f }(),
			EntityTooSmall:        func() *PostForm { f := form(); f.Size = 0; return f }(),
			InvalidArgument:       func() *PostForm { f := form(); delete(f.Fields, signature); return f }(),
		} {
			if _, err := v.VerifyPost(f); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %s", tt.Name, err, want.Code)
			}
		}
		for _, f := range []*PostForm{form("x-amz-meta-b", "c"), form("key", "other/${filename}"), func() *PostForm { f := form(); f.Bucket = "other"; return f }()} {
			if _, err := v.VerifyPost(f); !errors.Is(err, AccessDenied) {
				t.Errorf("%s: %v", tt.Name, err)
			}
		}
		for _, f := range []*PostForm{form("x-ignore-b", "c"), form("x-amz-checksum-crc32", "AAAAAA==")} {
			if _, err := v.VerifyPost(f); err != nil {
				t.Errorf("%s: %v", tt.Name, err)
			}
		}
		if _, err := late.VerifyPost(form()); !errors.Is(err, AccessDenied) {
			t.Errorf("%s, expired: %v", tt.Name, err)
		}
		if _, err := v.VerifyPost(form(signature, "AAAA")); !errors.Is(err, SignatureDoesNotMatch) {
			t.Errorf("%s: %v", tt.Name, err)
		}
	}
	if s, err := v.VerifyPost(&PostForm{Fields: map[string]string{"key": "k"}}); err != nil || s != (Signed{}) {
		t.Errorf("anonymous: %+v %v", s, err)
	}
	for _, fields := range []map[string]string{{"awsaccesskeyid": "x"}, {"x-amz-credential": "x"}, {"policy": "x"}} {
		if _, err := v.VerifyPost(&PostForm{Fields: fields}); !errors.Is(err, InvalidArgument) {
			t.Errorf("%v: %v", fields, err)
		}
	}
}

func TestPostPolicy(t *testing.T) {
	f := &PostForm{Bucket: "bkt", Key: `\$foo.txt`, Size: 5, Fields: map[string]string{"key": `\$foo.txt`, "acl": "private", "content-type": "image/png, image/gif"}}
	check := func(policy string) error {
		p, err := parsePostPolicy(base64.StdEncoding.EncodeToString([]byte(policy)))
		if err != nil {
			return err
		}
		return p.check(f, signedAt)
	}
	with := func(conditions string) string {
		return `{"expiration":"2026-03-05T00:00:00.000Z","conditions":[{"bucket":"bkt"},{"AcL":"private"},["StArTs-WiTh","$KeY","\\$foo"],["starts-with","$Content-Type","image/"]` + conditions + `]}`
	}
	for _, tt := range []struct {
		policy string
		want   *Error
	}{
		{with(""), nil},
		{with(`,["content-length-range",5,5]`), nil},
		{with(`,["content-length-range","0","10"]`), nil},
		{with(`,["eq","$x-amz-meta-a",""]`), nil},
		{with(`,["content-length-range",0,4]`), EntityTooLarge},
		{with(`,["content-length-range",6,10]`), EntityTooSmall},
		{with(`,["content-length-range",0,10],["content-length-range",0,4]`), EntityTooLarge},
		{with(`,["starts-with","$x-amz-meta-a","b"]`), AccessDenied},
		{with(`,["eq","$acl","public-read"]`), AccessDenied},
		{with(`,["starts-with","$Content-Type","image/png"]`), AccessDenied},
		{strings.Replace(with(""), `{"AcL":"private"},`, "", 1), AccessDenied},
		{strings.Replace(with(""), `{"bucket":"bkt"},`, "", 1), AccessDenied},
		{strings.Replace(with(""), "2026-03-05", "2026-03-03", 1), AccessDenied},
		{strings.Replace(with(""), "expiration", "EXPIRATION", 1), errPolicyDocument},
		{strings.Replace(with(""), "conditions", "CONDITIONS", 1), errPolicyDocument},
		{strings.Replace(with(""), "2026-03-05T00:00:00.000Z", "2026-03-05 00:00:00+00:00", 1), errPolicyDocument},
		{`{"expiration":"2026-03-05T00:00:00Z"}`, errPolicyDocument},
		{`{"conditions":[]}`, errPolicyDocument},
		{`[]`, errPolicyDocument},
		{`{`, errPolicyDocument},
		{with(`,{}`), errPolicyDocument},
		{with(`,{"a":"b","c":"d"}`), errPolicyDocument},
		{with(`,{"a":1}`), errPolicyDocument},
		{with(`,[]`), errPolicyDocument},
		{with(`,["eq","acl","private"]`), errPolicyDocument},
		{with(`,["ends-with","$acl","private"]`), errPolicyDocument},
		{with(`,["content-length-range",0]`), errPolicyDocument},
		{with(`,["content-length-range",-1,0]`), errPolicyDocument},
		{with(`,["content-length-range",1.5,2]`), errPolicyDocument},
		{with(`,["content-length-range",2,1]`), errPolicyDocument},
		{with(`,"acl"`), errPolicyDocument},
	} {
		err := check(tt.policy)
		if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s\n%v, want %v", tt.policy, err, tt.want)
		}
	}
	if _, err := parsePostPolicy("%%%"); !errors.Is(err, errPolicyDocument) {
		t.Error(err)
	}
}

func TestErrorFrom(t *testing.T) {
	e := BadDigest.With("ExpectedDigest", "a&b")
	r := parsedRequest(t, recorded{Method: "PUT", Target: "/bkt/key", Host: "node"})
	got := ErrorFrom(400, appendError(nil, e, r))
	if got.Code != e.Code || got.Message != e.Message || got.Status != 400 || fmt.Sprint(got.Fields) != fmt.Sprint(e.Fields) {
		t.Errorf("%+v", got)
	}
	for _, body := range []string{"", "<html/>", "<Error/>"} {
		if ErrorFrom(502, []byte(body)) != InternalError {
			t.Errorf("%q", body)
		}
	}
}

// FuzzPostForm reads forms, and cuts of them, in pieces of a size.
func FuzzPostForm(f *testing.F) {
	file := "hello"
	f.Add(formText("B", [][2]string{{"key", "k"}, {"acl", "private"}}, "f", &file), uint16(100), uint16(10))
	f.Add("--B\r\nContent-Disposition: form-data; name=file\r\n\r\n--B--", uint16(3), uint16(1))
	f.Fuzz(func(t *testing.T, body string, padding, piece uint16) {
		fields := map[string]string{}
		large := strings.Replace(body, "hello", strings.Repeat("x", wholeFile)+strings.Repeat("y", int(padding)), 1)
		for _, text := range []string{body, large} {
			p := newFormReader(&pieces{strings.NewReader(text), int(piece)%1000 + 1}, []byte("--B"), int64(len(text)))
			if _, err := p.readFields(fields); err != nil {
				if FromError(err).Status/100 != 4 {
					t.Errorf("%v", err)
				}
				continue
			}
			file, size, err := p.openFile()
			if err != nil {
				continue
			}
			data, err := io.ReadAll(file)
			if err == nil && int64(len(data)) != size {
				t.Errorf("%d bytes, announced %d", len(data), size)
			}
			if err == nil && strings.Contains(string(data), "\r\n--B") {
				t.Error("a boundary within the file")
			}
			clear(fields)
		}
	})
}

// pieces is a reader that gives few bytes at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }
