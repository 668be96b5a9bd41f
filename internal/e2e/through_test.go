package e2e

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The aws command line on a remote bucket, all of it written through.
func TestThroughAWSCLI(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := Cached(t, r)
		b := r.bucket(t)
		sh := c.RemoteShell(t, r)
		sh.write(t, "small", random(1, 10_000))
		sh.write(t, "big", random(2, 21<<20)) // three parts
		out := sh.run(t, `
		b=`+b+`
		S3 cp small s3://$b/dir/small
		S3 cp big s3://$b/big
		REMOTE s3 cp s3://$b/big - | cmp - big
		REMOTE s3 cp s3://$b/dir/small - | cmp - small
		S3 cp s3://$b/big - | cmp - big
		S3 cp s3://$b/big s3://$b/copy/big
		REMOTE s3 cp s3://$b/copy/big - | cmp - big
		S3 cp s3://$b/copy/big - | cmp - big
		S3 cp s3://$b/dir/small s3://$b/copy/small
		S3 cp - s3://$b/stdin <small
		API put-object --bucket $b --key meta --body small --content-type text/plain --metadata color=red
		REMOTE s3api head-object --bucket $b --key meta
		API head-object --bucket $b --key meta
		API get-object --bucket $b --key meta --range bytes=10-19 range && [ "$(stat -c %s range)" = 10 ]
		S3 ls s3://$b --recursive --summarize
		S3 mv s3://$b/stdin s3://$b/moved
		REMOTE s3 ls s3://$b/ --recursive
		S3 rm s3://$b --recursive
		REMOTE s3 ls s3://$b/ --recursive --summarize
		`)
		wantIn(t, out, "Total Objects: 6", `"color": "red"`, "ais-cksum-type", "ais-cksum-val", "text/plain", "moved", "Total Objects: 0")
	})
}

// boto3 and the SDK for Go on a remote bucket that is there.
func TestThroughSDKs(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := Cached(t, r)
		sh := c.Shell(t)
		b := r.bucket(t)
		sh.env = append(sh.env, "BUCKET="+b)
		program := strings.ReplaceAll(botoRoundTrip, "s3.delete_bucket(Bucket=b)\n", "")
		wantIn(t, sh.python(t, program), "done")

		sdk := c.SDK(t, "root")
		for _, algorithm := range []types.ChecksumAlgorithm{"", "CRC32", "CRC32C", "SHA1", "SHA256"} {
			key, body := "sum/"+string(algorithm), random(7, 100_000)
			put, err := sdk.PutObject(ctx(t), &s3.PutObjectInput{Bucket: &b, Key: &key, Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm})
			if err != nil {
				t.Fatal(algorithm, err)
			}
			got, err := sdk.GetObject(ctx(t), &s3.GetObjectInput{Bucket: &b, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(got.Body)
			if err != nil || !bytes.Equal(data, body) || aws.ToString(got.ETag) != aws.ToString(put.ETag) {
				t.Errorf("%s: %d bytes, %v, ETag %s and %s", algorithm, len(data), err, aws.ToString(put.ETag), aws.ToString(got.ETag))
			}
		}
	})
}

// The object's ETag and version are the remote's, whatever asks: an answer to a
// write, HEAD and GET cold and warm, lists, conditions, ais.
func TestThroughETags(t *testing.T) {
	t.Parallel()
	r := Moto(t)
	c := Cached(t, r)
	p := c.Plain()
	b := r.bucket(t)
	if _, err := r.SDK().PutBucketVersioning(ctx(t), &s3.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	data := random(3, 300_000)
	put := p.put(t, b, "put", data, "X-Amz-Meta-Color: red", "Content-Type: text/x").header
	u := p.begin(t, b, "parts")
	u.part(t, 1, random(4, partSize)).want(t, 200, "")
	u.part(t, 2, []byte("tail")).want(t, 200, "")
	u.complete(t, u.manifest(1, 2)).want(t, 200, "")
	r.put(t, b, "theirs", data)
	for _, key := range []string{"put", "parts", "theirs"} {
		there := r.head(t, b, key)
		etag, version := aws.ToString(there.ETag), aws.ToString(there.VersionId)
		for range 2 { // cold, then warm
			for _, method := range []string{"HEAD", "GET"} {
				h := p.do(t, method, "/"+b+"/"+key, nil).want(t, 200, "").header
				if h.Get("ETag") != etag || h.Get("X-Amz-Version-Id") != version || version == "" {
					t.Errorf("%s %s: ETag %s, version %s; the remote has %s, %s", method, key, h.Get("ETag"), h.Get("X-Amz-Version-Id"), etag, version)
				}
			}
			p.get(t, b, key, "If-None-Match: "+etag).want(t, 304, "")
			p.get(t, b, key, `If-Match: "other"`).want(t, 412, "PreconditionFailed")
			wantIn(t, string(p.do(t, "GET", "/"+b+"?list-type=2&prefix="+key, nil).body), strings.Trim(etag, `"`))
		}
		out := c.ais(t, "show object s3://"+b+"/"+key+" --all")
		wantIn(t, out, "cached           yes", "source:aws", "version:"+version, strings.Trim(etag, `"`))
	}
	if put.Get("ETag") != `"`+md5hex(data)+`"` || put.Get("X-Amz-Version-Id") == "" {
		t.Errorf("the answer to PUT: %v", put)
	}
	meta := r.head(t, b, "put").Metadata
	if meta["color"] != "red" || meta["ais-cksum-type"] == "" || len(meta["ais-cksum-val"]) < 8 {
		t.Errorf("metadata at the remote: %v", meta)
	}
	h := p.do(t, "HEAD", "/"+b+"/put", nil).header
	if h.Get("X-Amz-Meta-Color") != "red" || h.Get("Content-Type") != "text/x" {
		t.Errorf("metadata here: %v", h)
	}

	// An earlier version is the remote's to read.
	first := put.Get("X-Amz-Version-Id")
	p.put(t, b, "put", []byte("second"))
	if a := p.do(t, "GET", "/"+b+"/put?versionId="+first, nil).want(t, 200, ""); !bytes.Equal(a.body, data) {
		t.Errorf("the version before: %d bytes", len(a.body))
	}
	p.same(t, b, "put", []byte("second"))
	p.do(t, "DELETE", "/"+b+"/put?versionId="+first, nil).want(t, 501, "NotImplemented")
}

// Conditions of writes are the remote's to judge, also about objects that are
// not here.
func TestThroughConditions(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		p := Cached(t, r).Plain()
		b := r.bucket(t)
		etag := r.put(t, b, "k", []byte("theirs"))
		path := "/" + b + "/k"
		p.do(t, "PUT", path, []byte("x"), "If-None-Match: *").want(t, 412, "PreconditionFailed")
		p.do(t, "PUT", path, []byte("x"), `If-Match: "x"`).want(t, 412, "PreconditionFailed")
		p.do(t, "PUT", "/"+b+"/none", []byte("x"), "If-Match: "+etag).want(t, 404, "NoSuchKey")
		p.do(t, "PUT", "/"+b+"/new", []byte("x"), "If-None-Match: *").want(t, 200, "")
		p.do(t, "PUT", path, []byte("ours"), "If-Match: "+etag).want(t, 200, "")
		p.same(t, b, "k", []byte("ours"))
		if a := r.plain().get(t, b, "k"); string(a.body) != "ours" {
			t.Errorf("at the remote: %v", a)
		}
		// A body that is not what it was said to be goes nowhere.
		p.do(t, "PUT", path, []byte("wrong"), "Content-MD5: "+"AAAAAAAAAAAAAAAAAAAAAA==").want(t, 400, "BadDigest")
		p.do(t, "PUT", "/"+b+"/wrong", []byte("wrong"), "X-Amz-Checksum-Crc32: AAAAAA==").want(t, 400, "")
		p.absent(t, b, "wrong")
		p.same(t, b, "k", []byte("ours"))
		r.plain().get(t, b, "wrong").want(t, 404, "")
	})
}

// Parts are passed to the remote as they come; both ends are completed and
// aborted together.
func TestThroughMultipart(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		p := Cached(t, r).Plain()
		b := r.bucket(t)
		uploads := func() int {
			out, err := r.SDK().ListMultipartUploads(ctx(t), &s3.ListMultipartUploadsInput{Bucket: &b})
			if err != nil {
				t.Fatal(err)
			}
			return len(out.Uploads)
		}
		one, two := random(1, partSize), random(2, 1075)
		u := p.begin(t, b, "large", "X-Amz-Meta-Color: red")
		u.part(t, 1, one).want(t, 200, "")
		out, err := r.SDK().ListMultipartUploads(ctx(t), &s3.ListMultipartUploadsInput{Bucket: &b})
		if err != nil || len(out.Uploads) != 1 {
			t.Fatalf("%d uploads at the remote, %v", len(out.Uploads), err)
		}
		parts, err := r.SDK().ListParts(ctx(t), &s3.ListPartsInput{Bucket: &b, Key: aws.String("large"), UploadId: out.Uploads[0].UploadId})
		if err != nil || len(parts.Parts) != 1 || aws.ToInt64(parts.Parts[0].Size) != partSize {
			t.Errorf("the part is not at the remote: %v", err)
		}
		u.part(t, 2, two).want(t, 200, "")
		p.absent(t, b, "large")
		wantIn(t, string(p.do(t, "GET", "/"+b+"/large?"+u.query(), nil).want(t, 200, "").body), md5hex(one), md5hex(two))
		u.complete(t, u.manifest(1, 2)).want(t, 200, "")
		u.complete(t, u.manifest(1, 2)).want(t, 200, "") // said again
		p.same(t, b, "large", append(append([]byte{}, one...), two...))
		there := r.head(t, b, "large")
		if got := p.header(t, b, "large", "ETag"); got != aws.ToString(there.ETag) || !strings.HasSuffix(got, `-2"`) || there.Metadata["color"] != "red" {
			t.Errorf("ETag %s, at the remote %s %v", got, aws.ToString(there.ETag), there.Metadata)
		}
		if got := uploads(); got != 0 {
			t.Errorf("%d uploads are left at the remote", got)
		}

		u = p.begin(t, b, "aborted")
		u.part(t, 1, two).want(t, 200, "")
		u.p.do(t, "DELETE", u.target+"?"+u.query(), nil).want(t, 204, "")
		u.part(t, 2, two).want(t, 404, "NoSuchUpload")
		if got := uploads(); got != 0 {
			t.Errorf("%d uploads are left at the remote", got)
		}
		u = p.begin(t, b, "small")
		u.part(t, 1, two).want(t, 200, "")
		u.part(t, 2, two).want(t, 200, "")
		u.complete(t, u.manifest(1, 2)).want(t, 400, "EntityTooSmall")
		p.absent(t, b, "small")
		u = p.begin(t, b, "copied")
		u.p.do(t, "PUT", fmt.Sprintf("%s?partNumber=1&%s", u.target, u.query()), nil, "X-Amz-Copy-Source: "+b+"/large", "X-Amz-Copy-Source-Range: bytes=0-5242879").want(t, 200, "")
	})
}

// DELETE, multi-delete and copy between all kinds of buckets.
func TestThroughDeleteAndCopy(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := Cached(t, r)
		p := c.Plain()
		b, other, local := r.bucket(t), r.bucket(t), p.bucket(t)
		data := random(5, 200_000)
		var keys []string
		for i := range 25 {
			keys = append(keys, fmt.Sprintf("many/%02d é+%%", i))
			if i%2 == 0 {
				r.put(t, b, keys[i], data)
			} else {
				p.put(t, b, keys[i], data)
			}
		}
		p.do(t, "DELETE", "/"+b+"/"+escape(keys[0]), nil).want(t, 204, "")
		p.absent(t, b, keys[0])
		p.do(t, "DELETE", "/"+b+"/never-there", nil).want(t, 204, "")
		var doc strings.Builder
		doc.WriteString("<Delete>")
		for _, k := range keys[1:] {
			fmt.Fprintf(&doc, "<Object><Key>%s</Key></Object>", k)
		}
		doc.WriteString("</Delete>")
		a := p.do(t, "POST", "/"+b+"?delete", []byte(doc.String())).want(t, 200, "")
		if n := strings.Count(string(a.body), "<Deleted>"); n != 24 {
			t.Errorf("%d were deleted: %v", n, a)
		}
		if left := r.plain().list(t, b); len(left) != 0 {
			t.Errorf("left at the remote: %q", left)
		}

		r.put(t, b, "source", data, "X-Amz-Meta-Color: red")
		p.put(t, local, "source", data, "X-Amz-Meta-Color: red")
		for from, to := range map[string]string{b: other, b + "/": b, local: b, other + "/": local} {
			from = strings.TrimSuffix(from, "/")
			if from == other {
				r.put(t, other, "source", data, "X-Amz-Meta-Color: red")
			}
			dst := "from-" + from
			p.do(t, "PUT", "/"+to+"/"+dst, nil, "X-Amz-Copy-Source: "+from+"/source").want(t, 200, "")
			p.same(t, to, dst, data)
			if got := p.header(t, to, dst, "X-Amz-Meta-Color"); got != "red" {
				t.Errorf("%s to %s: metadata %q", from, to, got)
			}
			if to != local {
				if a := r.plain().get(t, to, dst); !bytes.Equal(a.body, data) {
					t.Errorf("%s to %s: at the remote %v", from, to, a.status)
				}
			}
		}
		p.do(t, "PUT", "/"+b+"/x", nil, "X-Amz-Copy-Source: "+b+"/never-there").want(t, 404, "NoSuchKey")
	})
}

// What is written natively goes through as well.
func TestThroughNative(t *testing.T) {
	t.Parallel()
	r := Moto(t)
	c := Cached(t, r)
	b := r.bucket(t)
	sh := c.RemoteShell(t, r)
	data := random(6, 150_000)
	sh.write(t, "file", data)
	out := sh.run(t, `
	ais put file aws://`+b+`/dir/file
	REMOTE s3 cp s3://`+b+`/dir/file - | cmp - file
	ais get s3://`+b+`/dir/file - | cmp - file
	ais ls s3://`+b+` --all
	ais rm aws://`+b+`/dir/file
	REMOTE s3 ls s3://`+b+`/ --recursive --summarize
	`)
	wantIn(t, out, `PUT "file" => s3://`+b+`/dir/file`, "dir/file", "yes", "ok", "Total Objects: 0")
}

// What S3 could say of a remote bucket and AIS does not do is refused, never
// half done here.
func TestThroughRefused(t *testing.T) {
	t.Parallel()
	r := Moto(t)
	p := Cached(t, r).Plain()
	b := r.bucket(t)
	r.put(t, b, "k", []byte("content"))
	p.same(t, b, "k", []byte("content"))
	for _, line := range []string{
		"PUT ?versioning <VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
		"PUT ?lifecycle <LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix>x</Prefix></Filter><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
		"GET ?versions",
		"PUT /k?tagging <Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
		"GET /k?tagging",
		"DELETE /k?tagging",
		"PUT /k?acl ",
	} {
		method, rest, _ := strings.Cut(line, " ")
		target, body, _ := strings.Cut(rest, " ")
		headers := []string{"Content-Type: application/xml"}
		if body == "" && method == "PUT" {
			headers = append(headers, "X-Amz-Acl: public-read")
		}
		var content []byte
		if body != "" {
			content = []byte(body)
		}
		p.do(t, method, "/"+b+target, content, headers...).want(t, 501, "NotImplemented")
	}
	p.do(t, "GET", "/"+b+"/k?acl", nil).want(t, 200, "")
	p.same(t, b, "k", []byte("content"))
}
