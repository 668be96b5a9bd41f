"""WebDataset shards written to a bucket and read back, over every road there is.

usage: webdataset_shards.py BUCKET, with ENDPOINT in the environment
"""
import os
import sys
import tarfile

import boto3
import fsspec
import webdataset as wds

bucket, endpoint = sys.argv[1], os.environ["ENDPOINT"]
SHARDS, SAMPLES = 4, 50
upload = f"pipe:aws --endpoint-url {endpoint} s3 cp - s3://{bucket}/shards/train-%06d.tar"
sample = lambda i: {"__key__": f"sample{i:05d}", "bin": bytes([i % 251]) * (1000 + i), "cls": i % 10}

with wds.ShardWriter(upload, maxcount=SAMPLES, verbose=0) as out:
    for i in range(SHARDS * SAMPLES):
        out.write(sample(i))

s3 = boto3.client("s3", endpoint_url=endpoint)
keys = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix="shards/")["Contents"]]
assert keys == [f"shards/train-{n:06d}.tar" for n in range(SHARDS)], keys

url = "{000000..%06d}.tar" % (SHARDS - 1)
presigned = [s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": k}) for k in keys]
roads = {
    "aws": f"pipe:aws --endpoint-url {endpoint} s3 cp s3://{bucket}/shards/train-{url} -",
    "presigned, curl": [f"pipe:curl -sfL '{p}'" for p in presigned],
}
if os.environ.get("ANONYMOUS"):
    roads["curl"] = f"pipe:curl -sfL {endpoint}/{bucket}/shards/train-{url}"
    roads["curl, at the root"] = f"pipe:curl -sfL {endpoint.removesuffix('/s3')}/{bucket}/shards/train-{url}"


def check(samples, road):
    got = {s["__key__"]: (s["bin"], int(s["cls"])) for s in samples}
    want = {s["__key__"]: (s["bin"], s["cls"]) for s in map(sample, range(SHARDS * SAMPLES))}
    assert got == want, f"{road}: {len(got)} samples of {len(want)}"


for road, urls in roads.items():
    check(wds.WebDataset(urls, shardshuffle=False), road)

# fsspec's opener: streams of its own, handed to WebDataset's tar reader.
for base in (endpoint, endpoint.removesuffix("/s3")):
    fs = fsspec.filesystem("s3", endpoint_url=base)
    streams = ({"url": k, "stream": fs.open(f"{bucket}/{k}", "rb")} for k in keys)
    check(wds.tariterators.group_by_keys(wds.tariterators.tar_file_expander(streams)), "s3fs")

# A shard that is not there is an error, not a shorter epoch.
try:
    list(wds.WebDataset(f"pipe:aws --endpoint-url {endpoint} s3 cp s3://{bucket}/shards/none.tar -", shardshuffle=False))
    raise SystemExit("an absent shard was read")
except (OSError, tarfile.TarError) as e:  # the command's exit status, or the end of what it wrote: whichever is seen first
    print("an absent shard:", type(e).__name__)
print("shards are read over", ", ".join(roads), "and s3fs")
