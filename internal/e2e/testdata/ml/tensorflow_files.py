"""What tf.io.gfile and tf.summary do with s3://, parts and copies of parts included.

usage: tensorflow_files.py s3://BUCKET/PREFIX
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Read by the file system when it opens its first file: a big file is several parts.
os.environ["S3_MULTI_PART_UPLOAD_CHUNK_SIZE"] = str(5 << 20)
os.environ["S3_MULTI_PART_DOWNLOAD_CHUNK_SIZE"] = str(1 << 20)
import tensorflow as tf
import tensorflow_io  # noqa: F401: it registers s3://

base, gfile = sys.argv[1], tf.io.gfile


def write(name, data):
    with gfile.GFile(f"{base}/{name}", "wb") as f:
        f.write(data)


def read(name):
    with gfile.GFile(f"{base}/{name}", "rb") as f:
        return f.read()


big = os.urandom(1 << 20) * 12 + b"end"
write("dir/small", b"hello")
write("dir/ä +%&=.txt", "grüße".encode())
write("dir/deep/big", big)
assert read("dir/small") == b"hello" and read("dir/ä +%&=.txt") == "grüße".encode()
assert read("dir/deep/big") == big
with gfile.GFile(f"{base}/dir/deep/big", "rb") as f:
    f.seek(len(big) - 5)
    assert f.read(100) == big[-5:]

assert sorted(gfile.listdir(f"{base}/dir")) == ["deep", "small", "ä +%&=.txt"], gfile.listdir(f"{base}/dir")
assert gfile.glob(f"{base}/dir/sm*") == [f"{base}/dir/small"]
assert gfile.isdir(f"{base}/dir") and not gfile.isdir(f"{base}/dir/small") and not gfile.exists(f"{base}/none")
assert gfile.stat(f"{base}/dir/deep/big").length == len(big)

gfile.rename(f"{base}/dir/deep/big", f"{base}/moved")  # copies of parts
assert read("moved") == big and not gfile.exists(f"{base}/dir/deep/big")
gfile.copy(f"{base}/dir/small", f"{base}/copy")
write("copy", b"replaced")
assert read("copy") == b"replaced" and read("dir/small") == b"hello"
try:
    read("none")
    raise SystemExit("an absent file was read")
except tf.errors.NotFoundError:
    pass
for i in range(250):  # more than one page of a listing
    write(f"many/{i:03d}", b"x")
assert sorted(gfile.listdir(f"{base}/many")) == [f"{i:03d}" for i in range(250)]

with tf.summary.create_file_writer(f"{base}/logs").as_default():
    for step in range(5):
        tf.summary.scalar("loss", 1.0 / (step + 1), step=step)
(events,) = gfile.glob(f"{base}/logs/events*")
steps = [e.step for e in tf.compat.v1.train.summary_iterator(events) if e.summary.value]
assert steps == list(range(5)), steps

gfile.rmtree(base)
assert not gfile.exists(f"{base}/many/000") and not gfile.exists(f"{base}/moved")
print("files are read, written, listed, moved and removed")
