package e2e

import (
	"testing"
	"time"
)

// Whole trees of real files go in and come out byte for byte, with each client.
func TestTreeRoundTrips(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	for name, script := range map[string]string{
		"aws": `
			aws --endpoint-url $ENDPOINT s3 mb s3://$b
			aws --endpoint-url $ENDPOINT s3 sync --only-show-errors $SRC/net s3://$b/net
			aws --endpoint-url $ENDPOINT s3 sync $SRC/net s3://$b/net | wc -l | grep -qx 0
			aws --endpoint-url $ENDPOINT s3 sync --only-show-errors s3://$b/net back`,
		"s3cmd": `
			s() { s3cmd --no-ssl --access_key=playground --secret_key=playground --config=/dev/null --host=$HOST/s3 --host-bucket="$HOST/s3/%(bucket)" --no-progress "$@" >>log; }
			s mb s3://$b
			s sync $SRC/net/ s3://$b/net/
			s sync s3://$b/net/ back/`,
		"rclone": `
			export RCLONE_CONFIG_AIS_TYPE=s3 RCLONE_CONFIG_AIS_PROVIDER=Other RCLONE_CONFIG_AIS_ENV_AUTH=true RCLONE_CONFIG_AIS_ENDPOINT=$ENDPOINT
			rclone sync $SRC/net ais:$b/net
			rclone check --download $SRC/net ais:$b/net
			rclone sync ais:$b/net back`,
		"boto3": `python3 - $b <<'PY'
import boto3, os, sys
from concurrent.futures import ThreadPoolExecutor
s3, b, src = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"]), sys.argv[1], os.environ["SRC"] + "/net"
s3.create_bucket(Bucket=b)
files = [os.path.relpath(os.path.join(d, f), src) for d, _, fs in os.walk(src) for f in fs]
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda f: s3.upload_file(os.path.join(src, f), b, "net/" + f), files))
    keys = [o["Key"] for p in s3.get_paginator("list_objects_v2").paginate(Bucket=b) for o in p["Contents"]]
    assert sorted(keys) == keys and set(keys) == {"net/" + f for f in files}
    for f in files:
        os.makedirs(os.path.dirname("back/" + f), exist_ok=True)
    list(pool.map(lambda f: s3.download_file(b, "net/" + f, "back/" + f), files))
PY`,
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			sh := c.Shell(t)
			sh.run(t, "b="+bucketName(t)+"\n"+script+"\ndiff -r $SRC/net back")
			t.Logf("%s: there and back in %s", name, time.Since(began).Round(time.Second/10))
		})
	}
}

// The block that a new user runs: all of Go's source, some 11,500 files.
func TestWholeSourceTree(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{Plain: true})
	c.Shell(t).run(t, `
	aws --endpoint-url $ENDPOINT s3 mb s3://demo
	aws --endpoint-url $ENDPOINT s3 sync --only-show-errors "$SRC" s3://demo/src
	aws --endpoint-url $ENDPOINT s3 sync --only-show-errors s3://demo/src back && diff -r "$SRC" back
	`)
}
