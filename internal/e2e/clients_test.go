package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// The seed document's examples and the aws CLI's everyday commands.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	awsRoundTrip(t, Shared(t, Options{}), "root")
}

func awsRoundTrip(t *testing.T, c *Cluster, user string) {
	sh := c.ShellAs(t, user)
	b := bucketName(t)
	sh.write(t, "small", random(1, 10_000))
	sh.write(t, "big", random(2, 21<<20)) // three parts
	out := sh.run(t, `
	b=`+b+`
	s3() { aws --endpoint-url $ENDPOINT s3 "$@"; }
	api() { aws --endpoint-url $ENDPOINT s3api "$@"; }
	s3 mb s3://$b
	s3 ls | grep $b
	s3 cp small s3://$b/dir/small
	s3 cp big s3://$b/big
	s3 cp s3://$b/big big2 && cmp big big2
	s3 cp s3://$b/big s3://$b/copy/big && s3 cp s3://$b/copy/big - | cmp - big
	s3 ls s3://$b --recursive --summarize
	s3 cp - s3://$b/stdin <small && s3 cp s3://$b/stdin - | cmp - small
	api put-object --bucket $b --key LICENSE --body small --content-type text/plain --metadata color=red
	api head-object --bucket $b --key LICENSE
	api get-object --bucket $b --key LICENSE out && cmp out small
	api get-object --bucket $b --key LICENSE --range bytes=10-19 range && [ "$(stat -c %s range)" = 10 ]
	api list-objects-v2 --bucket $b --prefix dir/ --query 'Contents[].Key'
	api get-bucket-location --bucket $b
	api get-bucket-versioning --bucket $b
	api get-bucket-acl --bucket $b --query 'Grants[0].Permission'
	s3 mv s3://$b/stdin s3://$b/moved
	s3 rm s3://$b --recursive
	s3 rb s3://$b
	`)
	wantIn(t, out, "make_bucket: "+b, "Total Objects: 3", `"color": "red"`, "text/plain", `"dir/small"`, "FULL_CONTROL", "remove_bucket: "+b)
}

// The seed document's multipart example, step by step.
func TestAWSCLIMultipart(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	sh := c.Shell(t)
	b := bucketName(t)
	sh.write(t, "one", random(1, 5<<20))
	sh.write(t, "two", random(2, 1075))
	out := sh.run(t, `
	api() { aws --endpoint-url $ENDPOINT s3api "$@" --bucket `+b+`; }
	api create-bucket >/dev/null
	id=$(api create-multipart-upload --key large --query UploadId --output text)
	api upload-part --key large --part-number 1 --body one --upload-id $id
	api upload-part --key large --part-number 2 --body two --upload-id $id
	api list-multipart-uploads --query 'Uploads[].Key'
	api list-parts --key large --upload-id $id --query '{Parts: Parts[].{PartNumber: PartNumber, ETag: ETag}}' >up.json
	cat up.json
	api complete-multipart-upload --key large --multipart-upload file://up.json --upload-id $id
	api get-object --key large out >/dev/null
	cat one two | cmp - out
	`)
	wantIn(t, out, md5hex(random(1, 5<<20)), md5hex(random(2, 1075)), "-2")
}

const botoRoundTrip = `
import boto3, os, hashlib, io
from botocore.exceptions import ClientError
s3 = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"])
b = os.environ["BUCKET"]
s3.create_bucket(Bucket=b)
s3.put_object(Bucket=b, Key="a/é +%.txt", Body=b"hello", Metadata={"Mixed-Case": "v"}, ContentType="text/x")
r = s3.get_object(Bucket=b, Key="a/é +%.txt")
assert r["Body"].read() == b"hello" and r["Metadata"] == {"mixed-case": "v"} and r["ContentType"] == "text/x", r
assert r["ETag"] == '"%s"' % hashlib.md5(b"hello").hexdigest(), r["ETag"]
big = os.urandom(1 << 20) * 20
s3.upload_fileobj(io.BytesIO(big), b, "big")
out = io.BytesIO()
s3.download_fileobj(b, "big", out)
assert out.getvalue() == big
s3.copy({"Bucket": b, "Key": "big"}, b, "copy")
assert s3.get_object(Bucket=b, Key="copy", Range="bytes=5-9")["Body"].read() == big[5:10]
try:
    s3.put_object(Bucket=b, Key="big", Body=b"x", IfNoneMatch="*")
    raise SystemExit("If-None-Match let an object be replaced")
except ClientError as e:
    assert e.response["Error"]["Code"] == "PreconditionFailed", e
try:
    s3.head_object(Bucket=b, Key="none")
    raise SystemExit("an absent object has a head")
except ClientError as e:
    assert e.response["Error"]["Code"] == "404", e
keys = ["k%04d" % i for i in range(120)]
for k in keys:
    s3.put_object(Bucket=b, Key="many/" + k, Body=k.encode())
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=b, Prefix="many/", PaginationConfig={"PageSize": 50})
assert [o["Key"] for p in pages for o in p["Contents"]] == ["many/" + k for k in keys]
r = s3.delete_objects(Bucket=b, Delete={"Objects": [{"Key": "many/" + k} for k in keys]})
assert len(r["Deleted"]) == len(keys), r
a = s3.get_object_attributes(Bucket=b, Key="big", ObjectAttributes=["ETag", "ObjectSize"]) if os.environ.get("ATTRIBUTES") else None
for k in ("a/é +%.txt", "big", "copy"):
    s3.delete_object(Bucket=b, Key=k)
s3.delete_bucket(Bucket=b)
print("done")
`

func TestBoto3(t *testing.T) {
	t.Parallel()
	botoRoundTripOn(t, Shared(t, Options{}), "root")
}

func botoRoundTripOn(t *testing.T, c *Cluster, user string) {
	sh := c.ShellAs(t, user)
	sh.env = append(sh.env, "BUCKET="+bucketName(t))
	wantIn(t, sh.python(t, botoRoundTrip), "done")
}

// Files go up and come down in eight parts at a time, and are what they were.
const botoTransfer = `
import hashlib, os, boto3
from boto3.s3.transfer import TransferConfig
s3 = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"])
b, part = os.environ["BUCKET"], 5 << 20
s3.create_bucket(Bucket=b)
eight = TransferConfig(max_concurrency=8, multipart_threshold=part, multipart_chunksize=part, use_threads=True)
data = os.urandom(1 << 20) * 38 + b"the last part is short"
with open("up", "wb") as f:
    f.write(data)
s3.upload_file("up", b, "big", Config=eight, ExtraArgs={"Metadata": {"made": "by parts"}, "ContentType": "x/y"})
parts = [hashlib.md5(data[i:i + part]).digest() for i in range(0, len(data), part)]
head = s3.head_object(Bucket=b, Key="big")
assert len(parts) == 8 and head["ETag"] == '"%s-8"' % hashlib.md5(b"".join(parts)).hexdigest(), head["ETag"]
assert head["ContentLength"] == len(data) and head["Metadata"] == {"made": "by parts"} and head["ContentType"] == "x/y", head
s3.download_file(b, "big", "down", Config=eight)
assert open("down", "rb").read() == data
for i in range(8):
    one = s3.get_object(Bucket=b, Key="big", PartNumber=i + 1)
    assert one["PartsCount"] == 8 and one["Body"].read() == data[i * part:(i + 1) * part], one
s3.copy({"Bucket": b, "Key": "big"}, b, "copy", Config=eight)
assert s3.head_object(Bucket=b, Key="copy")["ETag"] == head["ETag"]
s3.download_file(b, "copy", "down", Config=eight)
assert open("down", "rb").read() == data
print("done")
`

func TestBoto3Transfer(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Redirect: "always"}, {Auth: true, Users: "main,alt"}} {
		c, user, shim := Shared(t, o), "root", ""
		if o.Auth {
			user = "main"
		}
		if o.Redirect != "" {
			shim = "from aistore.botocore_patch import botocore\n"
		}
		sh := c.ShellAs(t, user)
		sh.env = append(sh.env, "BUCKET="+bucketName(t))
		wantIn(t, sh.python(t, shim+botoTransfer), "done")
	}
}

// AIStore's own shim lets botocore follow redirects, as it does in mode always.
func TestBoto3PatchedUnderRedirectAlways(t *testing.T) {
	c := Shared(t, Options{Redirect: "always"})
	sh := c.Shell(t)
	sh.env = append(sh.env, "BUCKET="+bucketName(t))
	wantIn(t, sh.python(t, "import boto3\nfrom aistore.botocore_patch import botocore\n"+botoRoundTrip), "done")
	if got := c.metric(t, "proxy1", "redirect"); got == 0 {
		t.Error("nothing was redirected")
	}
}

// Every --host and --host-bucket form of s3cmd that people write.
func TestS3cmd(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	for name, form := range map[string]string{
		"seed":        `--host=$HOST/s3 --host-bucket="$HOST/s3/%(bucket)"`,
		"proper":      `--host=$HOST/s3 --host-bucket="$HOST/s3/%(bucket)s"`,
		"scheme":      `--host=http://$HOST/s3 --host-bucket="http://$HOST/s3/%(bucket)"`,
		"root":        `--host=$HOST --host-bucket=$HOST`,
		"root-bucket": `--host=$HOST --host-bucket="$HOST/s3/%(bucket)"`,
	} {
		t.Run(name, func(t *testing.T) {
			s3cmdRoundTrip(t, c, "root", form)
		})
	}
}

func s3cmdRoundTrip(t *testing.T, c *Cluster, user, form string) {
	sh := c.ShellAs(t, user)
	sh.write(t, "small", random(3, 70_000))
	sh.write(t, "big", random(4, 12<<20))
	b := bucketName(t)
	out := sh.run(t, `
	b=`+b+`
	s() { s3cmd $S3CMD_SSL --access_key=$AWS_ACCESS_KEY_ID --secret_key=$AWS_SECRET_ACCESS_KEY --config=/dev/null `+form+` "$@"; }
	s mb s3://$b
	s put small s3://$b/dir/small
	s put big s3://$b/big --multipart-chunk-size-mb=5
	s get s3://$b/dir/small small2 && cmp small small2
	s get s3://$b/big big2 && cmp big big2
	s info s3://$b/dir/small
	s info s3://$b
	s cp s3://$b/dir/small s3://$b/copied
	s mv s3://$b/copied s3://$b/moved
	s modify --add-header=Cache-Control:no-cache s3://$b/moved
	s ls s3://$b/
	s ls s3://
	s del --recursive --force s3://$b
	s rb s3://$b
	`)
	wantIn(t, out, "Bucket 's3://"+b+"/' created", "s3://"+b+"/dir/", md5hex(random(3, 70_000)), "removed")
}

func TestRclone(t *testing.T) {
	t.Parallel()
	rcloneRoundTrip(t, Shared(t, Options{}), "root")
}

func rcloneRoundTrip(t *testing.T, c *Cluster, user string) {
	sh := c.ShellAs(t, user)
	sh.write(t, "small", random(5, 4000))
	sh.write(t, "big", random(6, 15<<20))
	b := bucketName(t)
	out := sh.run(t, `
	unset AWS_CA_BUNDLE # it refuses that, and has --ca-cert
	export RCLONE_CONFIG_AIS_TYPE=s3 RCLONE_CONFIG_AIS_PROVIDER=Other RCLONE_CONFIG_AIS_ENV_AUTH=true RCLONE_CONFIG_AIS_ENDPOINT=$ENDPOINT
	b=ais:`+b+`
	rclone mkdir $b
	rclone copyto small $b/dir/small
	rclone copyto big $b/big --s3-upload-cutoff 5M --s3-chunk-size 5M
	rclone lsf -R $b
	rclone cat $b/dir/small | cmp - small
	rclone copyto $b/big back && cmp back big
	rclone copyto $b/big $b/server-side && rclone cat $b/server-side | cmp - big
	rclone moveto $b/server-side $b/moved
	rclone size $b
	rclone purge $b
	`)
	wantIn(t, out, "dir/small", "big", "Total objects: 3")
}

// rclone sync in both directions: it sends what changed, removes what is gone, and
// finds nothing to do the second time.
func TestRcloneSync(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Auth: true, Users: "main,alt"}} {
		c, user := Shared(t, o), "root"
		if o.Auth {
			user = "main"
		}
		for _, endpoint := range []string{"$ENDPOINT", "${ENDPOINT%/s3}"} {
			sh := c.ShellAs(t, user)
			out := sh.run(t, `
	export RCLONE_CONFIG_AIS_TYPE=s3 RCLONE_CONFIG_AIS_PROVIDER=Other RCLONE_CONFIG_AIS_ENV_AUTH=true RCLONE_CONFIG_AIS_ENDPOINT=`+endpoint+`
	b=ais:`+bucketName(t)+`
	sync() { rclone sync -v --stats-one-line --s3-upload-cutoff 5M --s3-chunk-size 5M "$@" 2>&1 | tee log >&2; }
	nothing() { sync "$@"; ! grep -E 'Copied|Deleted|Updated' log; }
	mkdir -p from/deep && head -c 12000000 /dev/urandom >from/big && : >from/empty
	for i in $(seq 30); do echo $i >"from/deep/ü $i"; done
	rclone mkdir $b
	sync from $b/to && [ "$(grep -c 'Copied (new)' log)" = 32 ]
	rclone check --download from $b/to
	nothing from $b/to
	echo changed >"from/deep/ü 7"; rm "from/deep/ü 9" from/empty; echo new >from/new
	sync from $b/to && [ "$(grep -c 'Copied (new)' log) $(grep -c 'Copied (replaced' log) $(grep -c 'Deleted' log)" = '1 1 2' ]
	rclone check --download from $b/to
	nothing from $b/to
	sync $b/to back && diff -r from back
	nothing $b/to back
	rclone deletefile "$b/to/deep/ü 8"
	echo 'changed in the store' | rclone rcat "$b/to/deep/ü 10"
	sync $b/to back && [ ! -e "back/deep/ü 8" ] && [ "$(cat "back/deep/ü 10")" = 'changed in the store' ]
	rclone check --download $b/to back
	nothing $b/to back
	rclone purge $b && echo synchronised
	`)
			wantIn(t, out, "synchronised")
		}
	}
}

func TestGoSDK(t *testing.T) { goSDKRoundTrip(t, Shared(t, Options{}), "root") }

func goSDKRoundTrip(t *testing.T, c *Cluster, user string) {
	sdk, b := c.SDK(t, user), aws.String(bucketName(t))
	if _, err := sdk.CreateBucket(ctx(t), &s3.CreateBucketInput{Bucket: b, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []types.ChecksumAlgorithm{"", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		key, body := aws.String("sum/"+string(algorithm)), random(7, 100_000)
		if _, err := sdk.PutObject(ctx(t), &s3.PutObjectInput{Bucket: b, Key: key, Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm}); err != nil {
			t.Fatal(algorithm, err)
		}
		got, err := sdk.GetObject(ctx(t), &s3.GetObjectInput{Bucket: b, Key: key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(got.Body) // the SDK verifies the checksum
		if err != nil || !bytes.Equal(data, body) {
			t.Errorf("%s: %d bytes, %v", algorithm, len(data), err)
		}
		stored := map[types.ChecksumAlgorithm]*string{"CRC32": got.ChecksumCRC32, "CRC32C": got.ChecksumCRC32C, "CRC64NVME": got.ChecksumCRC64NVME, "SHA1": got.ChecksumSHA1, "SHA256": got.ChecksumSHA256}
		if algorithm != "" && stored[algorithm] == nil {
			t.Errorf("%s is not returned", algorithm)
		}
	}
	loc, err := sdk.GetBucketLocation(ctx(t), &s3.GetBucketLocationInput{Bucket: b})
	if err != nil || loc.LocationConstraint != "eu-west-1" {
		t.Errorf("location %v, %v", loc, err)
	}
}

func TestMinioGo(t *testing.T) { minioRoundTrip(t, Shared(t, Options{}), "root") }

func minioRoundTrip(t *testing.T, c *Cluster, user string) {
	k := c.Key(t, user)
	client, err := minio.New(c.Host(t, "proxy1"), &minio.Options{
		Creds: credentials.NewStaticV4(k.Access, k.Secret, ""), TrailingHeaders: true, Secure: c.o.TLS, Transport: c.transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := bucketName(t)
	if err := client.MakeBucket(ctx(t), b, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]minio.PutObjectOptions{
		"signed":     {},
		"unsigned":   {DisableContentSha256: true},
		"trailer":    {Checksum: minio.ChecksumCRC32C},
		"sha256":     {Checksum: minio.ChecksumSHA256},
		"contentmd5": {SendContentMd5: true},
		"parts":      {PartSize: 5 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			body := random(8, 200_000)
			if name == "parts" {
				body = random(9, 12<<20)
			}
			if _, err := client.PutObject(ctx(t), b, name, bytes.NewReader(body), int64(len(body)), o); err != nil {
				t.Fatal(err)
			}
			r, err := client.GetObject(ctx(t), b, name, minio.GetObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if data, err := io.ReadAll(r); err != nil || !bytes.Equal(data, body) {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
		})
	}
	count := 0
	for o := range client.ListObjects(ctx(t), b, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		count++
	}
	if count != 6 {
		t.Errorf("%d objects are listed", count)
	}
}

// curl writes and reads by what the URL says, with and without -L.
func TestCurl(t *testing.T) {
	for _, mode := range []string{"", "always", "never"} {
		t.Run("redirect-"+mode, func(t *testing.T) {
			c := Shared(t, Options{Redirect: mode})
			b := c.Plain().bucket(t)
			sh := c.Shell(t)
			sh.write(t, "file", random(10, 3<<20))
			sh.run(t, `
			curl -sSfL -T file $ENDPOINT/`+b+`/put
			curl -sSfL -X PUT --data-binary @file $ENDPOINT/`+b+`/data
			cat file | curl -sSfL -T - $ENDPOINT/`+b+`/chunked -H "x-amz-decoded-content-length: $(stat -c %s file)"
			for k in put data chunked; do curl -sSfL $ENDPOINT/`+b+`/$k | cmp - file; done
			curl -sSfL -r 5-9 $ENDPOINT/`+b+`/put | cmp - <(tail -c +6 file | head -c 5)
			curl -sSfL -X DELETE $ENDPOINT/`+b+`/put
			[ "$(curl -sL -o /dev/null -w '%{http_code}' $ENDPOINT/`+b+`/put)" = 404 ]
			`)
		})
	}
}

// A browser at /s3 shows the buckets, each with its provider (the seed's example).
func TestBrowser(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	b := c.Plain().bucket(t)
	out := c.Shell(t).run(t, `chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=$HOME/profile --virtual-time-budget=3000 --dump-dom $ENDPOINT 2>/dev/null`)
	wantIn(t, out, "ListAllMyBucketsResult", b, "Provider: ais")
	a := c.Plain().do(t, "GET", "", nil, "Accept: text/html").want(t, http.StatusOK, "")
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/xml") {
		t.Errorf("content type %q", a.header.Get("Content-Type"))
	}
}
