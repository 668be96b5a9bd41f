package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// A page of another origin uploads with a presigned URL and reads back, in a real
// browser, which asks for permission first and hides what it did not get.
func TestBrowserUploads(t *testing.T) {
	c := Shared(t, Options{Auth: true, Users: "main,alt"})
	main := c.As(t, "main")
	b := main.bucket(t)
	var page string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page)
	}))
	defer site.Close()
	main.do(t, "PUT", "/"+b+"?cors", []byte(`<CORSConfiguration><CORSRule><AllowedOrigin>`+site.URL+`</AllowedOrigin><AllowedMethod>GET</AllowedMethod>`+
		`<AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader></CORSRule></CORSConfiguration>`)).want(t, 200, "")
	presigner := s3.NewPresignClient(c.SDK(t, "main"))
	put, err := presigner.PresignPutObject(context.Background(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("from a page"), ContentType: aws.String("text/x-page")})
	if err != nil {
		t.Fatal(err)
	}
	get, err := presigner.PresignGetObject(context.Background(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("from a page")})
	if err != nil {
		t.Fatal(err)
	}
	page = fmt.Sprintf(`<body>waiting<script>
(async () => {
  try {
    const put = await fetch(%q, {method: 'PUT', headers: {'Content-Type': 'text/x-page'}, body: 'bytes of a page'});
    const get = await fetch(%q);
    document.body.textContent = ['put', put.status, 'got', await get.text(), get.headers.get('ETag'), 'hidden', get.headers.get('x-amz-request-id')].join(' ');
  } catch (e) { document.body.textContent = 'failed ' + e; }
})();
</script></body>`, put.URL, get.URL)
	out := c.Shell(t).run(t, `chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=$HOME/profile --virtual-time-budget=8000 --dump-dom `+site.URL+` 2>/dev/null`)
	wantIn(t, out, "put 200 got bytes of a page", "hidden ")
	if a := main.get(t, b, "from a page").want(t, 200, ""); string(a.body) != "bytes of a page" || a.header.Get("Content-Type") != "text/x-page" {
		t.Errorf("%q %v", a.body, a.header)
	}
}
