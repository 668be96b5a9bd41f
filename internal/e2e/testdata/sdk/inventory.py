"""Every public method of AIStore's Python SDK, called at least once against AIS.

What AIS does not have must raise the SDK's own exception, with the cluster's 501 and
its message. The program fails where a method was never called.
"""

import inspect
import io
import os
import tarfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from aistore.sdk import Client
from aistore.sdk.archive_config import ArchiveConfig
from aistore.sdk.batch.batch import Batch
from aistore.sdk.bucket import Bucket
from aistore.sdk.cluster import Cluster
from aistore.sdk.enums import LogSeverity, NodeFilter
from aistore.sdk.errors import (
    AISError,
    ErrBckAlreadyExists,
    ErrBckNotFound,
    ErrObjNotFound,
    InvalidBckProvider,
    JobInfoNotFound,
)
from aistore.sdk.job import Job
from aistore.sdk.list_object_flag import ListObjectFlag
from aistore.sdk.multiobj import ObjectRange
from aistore.sdk.multiobj.object_group import ObjectGroup
from aistore.sdk.obj.multipart_upload import MultipartUpload
from aistore.sdk.obj.object import Object
from aistore.sdk.obj.object_reader import ObjectReader
from aistore.sdk.obj.object_writer import ObjectWriter

# --- which methods were called ---------------------------------------------

CLASSES = [Client, Cluster, Bucket, Object, ObjectGroup, Job, Batch, ObjectReader, ObjectWriter, MultipartUpload]
called = set()


def record(cls, name, function):
    def recorded(*args, **kwargs):
        called.add((cls.__name__, name))
        return function(*args, **kwargs)

    return recorded


methods = set()
for cls in CLASSES:
    for name, function in list(vars(cls).items()):
        if name.startswith("_"):
            continue
        if inspect.isfunction(function):
            methods.add((cls.__name__, name))
            setattr(cls, name, record(cls, name, function))


def raises(kind, call, *args, **kwargs):
    try:
        result = call(*args, **kwargs)
        if inspect.isgenerator(result):
            list(result)
    except kind as err:
        return err
    raise AssertionError(f"{call} raised no {kind}")


def refused(call, *args, **kwargs):
    """What AIS does not have."""
    err = raises(AISError, call, *args, **kwargs)
    assert err.status_code == 501, err
    assert "not implemented" in err.message, err
    return err


def done(job_id):
    result = client.job(job_id).wait(timeout=20, verbose=False)
    assert result.success, result
    return result


client = Client(os.environ["AIS_ENDPOINT"])
name = os.environ["BUCKET"]

# --- cluster ---------------------------------------------------------------

cluster = client.cluster()
smap = cluster.get_info()
assert len(smap.tmap) == 3 and len(smap.pmap) >= 1, smap
assert cluster.is_ready()
assert cluster.get_primary_url() == smap.proxy_si.public_net.direct_url
assert cluster.get_uuid() == smap.uuid
assert smap.get_target_for_object("ais/@#/abc/obj").daemon_id in smap.tmap
performance = cluster.get_performance()
assert set(performance) == set(smap.tmap)
for status in performance.values():
    assert int(status["tracker"]["up.ns.time"]["v"]) > 0 and "get.n" in status["tracker"], status
target = next(iter(smap.tmap))
assert '"msg":"serving"' in cluster.get_node_log(target)
assert cluster.get_node_log(smap.proxy_si.daemon_id, LogSeverity.ERROR) is not None
with tarfile.open(fileobj=io.BytesIO(cluster.get_node_log_archive(target))) as archive:
    assert '"msg":"serving"' in archive.extractfile(archive.getmembers()[0]).read().decode()
assert set(cluster.get_cluster_logs(role=NodeFilter.ALL)) == set(smap.tmap) | set(smap.pmap)
assert set(cluster.get_cluster_logs()) == set(smap.tmap)
assert isinstance(cluster.list_running_jobs(), list)
assert isinstance(cluster.list_jobs_status(job_kind="lru", target_id=target), list)
refused(cluster.list_etls)

# --- bucket ----------------------------------------------------------------

bucket = client.bucket(name).create()
raises(ErrBckAlreadyExists, bucket.create)
bucket.create(exist_ok=True)
assert name in [b.name for b in cluster.list_buckets()]
assert name in [b.name for b in cluster.list_buckets(provider="")]
assert bucket.head()["Ais-Bucket-Props"]
missing = client.bucket(name + "-missing")
assert raises(AISError, missing.head).status_code == 404  # a HEAD has no message
missing.delete(missing_ok=True)
raises(ErrBckNotFound, missing.delete)
assert bucket.get_path() == f"ais/@#/{name}/" and bucket.as_model().name == name
raises(InvalidBckProvider, bucket.verify_cloud_bucket)
raises(InvalidBckProvider, bucket.evict)  # of an ais:// bucket, by the SDK itself
Path("files/below").mkdir(parents=True)
for i in range(20):
    Path(f"files/f{i:02}.txt").write_bytes(b"x" * i)
Path("files/below/g.txt").write_bytes(b"below")
assert len(bucket.put_files("files", recursive=True, verbose=False)) == 21
assert len(bucket.put_files("files", dry_run=True, verbose=False)) == 20
assert bucket.put_files("files", prefix_filter="f00", prepend="again/", verbose=False) == ["again/f00.txt"]
names = sorted(f"f{i:02}.txt" for i in range(20)) + ["again/f00.txt", "below/g.txt"]
page = bucket.list_objects(page_size=5, props="name,size")
assert len(page.entries) == 5 and page.continuation_token
assert sorted(e.name for e in bucket.list_all_objects(page_size=7)) == sorted(names)
assert sorted(e.name for e in bucket.list_objects_iter(page_size=3, prefix="f1")) == [f"f1{i}.txt" for i in range(10)]
assert [e.name for e in bucket.list_all_objects(start_after="f18.txt")] == ["f19.txt"]
assert sorted(o.name for o in bucket.list_all_objects_iter(prefix="below/")) == ["below/g.txt"]
assert len(list(bucket.list_urls(prefix="f0"))) == 10
assert {e.name for e in bucket.list_all_objects(flags=[ListObjectFlag.NAME_ONLY])} == set(names)
summary = bucket.summary()
assert int(summary["obj_count_present"]) == 22, summary
props, summary = bucket.info()
assert "checksum" in props and int(summary["obj_count_present"]) == 22, (props, summary)
other = client.bucket(name + "-copy")
done(bucket.copy(other, prefix_filter="f0", prepend="to/"))
assert len(other.list_all_objects(prefix="to/f0")) == 10
renamed = client.bucket(name + "-renamed")
done(other.rename(renamed.name))
assert len(renamed.list_all_objects()) == 10
assert raises(AISError, client.bucket(name + "-copy").head).status_code == 404
refused(bucket.create_inventory)
refused(bucket.destroy_inventory)
refused(bucket.show_inventory)
refused(bucket.transform, "etl", renamed)
refused(bucket.inspect, "etl")
assert bucket.make_request("get", "list", value={"props": "name"}).status_code == 200

# --- object ----------------------------------------------------------------

content = bytes(range(256)) * 4096  # 1 MiB
obj = bucket.object("dir/object")
obj.get_writer().put_content(content)
assert obj.get_reader().read_all() == content
assert b"".join(obj.get_reader(chunk_size=100_000)) == content
assert obj.get_reader(byte_range="bytes=10-19").read_all() == content[10:20]
assert obj.get_reader(direct=True).read_all() == content
parallel = obj.get_reader(num_workers=4).read_all()
assert parallel.tobytes() == content
parallel.close()
assert obj.get_reader().raw().read() == content
reader = obj.get_reader()
assert reader.head().size == len(content)
with reader.as_file() as file:
    assert file.read(300) == content[:300]
with open("got", "wb") as file:
    obj.get_reader(writer=file)
assert Path("got").read_bytes() == content
attributes = obj.head(props="size,checksum,etag,last-modified,chunked")
assert attributes.size == len(content) and attributes.etag, attributes
assert obj.props.size == len(content) and obj.props.checksum_type == "xxhash"
assert obj.get_url().startswith("http") and obj.get_semantic_url() == f"ais://{name}/dir/object"
same = client.get_object_from_url(f"ais://{name}/dir/object")
assert same.get_reader().read_all() == content
Path("file").write_bytes(b"from a file")
bucket.object("file").get_writer().put_file("file")
assert bucket.object("file").get_reader().read_all() == b"from a file"
writer = obj.get_writer()
writer.set_custom_props({"color": "blue"})
assert obj.head(props="custom").custom_metadata["color"] == "blue"
copy = bucket.object("copy")
obj.copy(copy)
assert copy.get_reader().read_all() == content
upload = bucket.object("in-parts").multipart_upload().create()
upload.add_part(1).put_content(content)
upload.add_part(2).put_content(b"end")
upload.complete()
assert bucket.object("in-parts").get_reader().read_all() == content + b"end"
upload = bucket.object("never").multipart_upload().create()
upload.abort()
raises(ErrObjNotFound, bucket.object("never").get_reader().read_all)
handle = bucket.object("log").get_writer().append_content(b"one ")
handle = bucket.object("log").get_writer().append_content(b"two", handle=handle)
bucket.object("log").get_writer().append_content(b"", handle=handle, flush=True)
assert bucket.object("log").get_reader().read_all() == b"one two"
with bucket.object("written").get_writer().as_file() as file:
    file.write(b"through a file")
assert bucket.object("written").get_reader().read_all() == b"through a file"
refused(obj.promote, "/var/lib/ais/promote/x")
refused(obj.blob_download)
obj.delete()
err = raises(ErrObjNotFound, obj.get_reader().read_all)
assert err.status_code == 404 and "dir/object" in err.message, err

# --- many objects ----------------------------------------------------------

some = bucket.objects(obj_names=["f00.txt", "f01.txt"])
assert some.list_names() == ["f00.txt", "f01.txt"] and len(list(some.list_urls())) == 2
assert [o.name for o in some.list_all_objects_iter()] == ["f00.txt", "f01.txt"]
by_range = bucket.objects(obj_range=ObjectRange("f", 2, 5, pad_width=2, suffix=".txt"))
for job_id in by_range.copy(renamed, prepend="by-range/"):
    client.job(job_id).wait_for_idle(timeout=20, verbose=False)
assert len(renamed.list_all_objects(prefix="by-range/")) == 4
for job_id in bucket.objects(obj_template="f{00..09}.txt").archive("ten.tar"):
    client.job(job_id).wait_for_idle(timeout=20, verbose=False)
members = {e.name for e in bucket.list_archive("ten.tar")}
assert members == {f"ten.tar/f0{i}.txt" for i in range(10)}, members
member = bucket.object("ten.tar").get_reader(archive_config=ArchiveConfig(archpath="f07.txt"))
assert member.read_all() == b"x" * 7
done(some.delete())
assert "f00.txt" not in [e.name for e in bucket.list_all_objects()]
raises(InvalidBckProvider, some.evict)  # of an ais:// bucket, by the SDK itself
raises(InvalidBckProvider, some.prefetch)
refused(some.transform, renamed, "etl")
refused(some.inspect, "etl")

# --- jobs ------------------------------------------------------------------

job = client.job(job_kind="lru")
job_id = job.start()
job = client.job(job_id, "lru")
assert job.job_id == job_id and job.job_kind == "lru"
done(job_id)
job.wait_single_node(timeout=20, verbose=False)
assert job.status().end_time > 0
assert {s.id for s in job.get_details().list_snapshots()} == {job_id}
assert job.get_total_time() >= timedelta(0)
assert job.get_within_timeframe(datetime.now(timezone.utc) - timedelta(hours=1))
assert job_id in [s.uuid for s in cluster.list_jobs_status()]
err = raises(AISError, client.job("no-such-job").status)
assert err.status_code == 404, err
raises(JobInfoNotFound, client.job("no-such-job").wait)
client.job(job_id).abort()

# --- batches ---------------------------------------------------------------

batch = client.batch(bucket=bucket)
batch.add("f10.txt").add("file").add("f-missing")
assert len(batch) == 3 and len(batch.requests_list) == 3
got = [(info.obj_name, data) for info, data in batch.get()]
assert got[:2] == [("f10.txt", b"x" * 10), ("file", b"from a file")], got
batch.clear()
assert len(batch) == 0

# --- what AIS does not have ------------------------------------------------

etl = client.etl("name-of-etl")
for call in (etl.view, etl.start, etl.stop, etl.delete, etl.logs):
    refused(call)
sort = client.dsort("id")
for call in (sort.abort, sort.get_job_info):
    refused(call)

for b in (bucket, renamed):
    b.delete()

# --- all of it -------------------------------------------------------------

missed = sorted(".".join(m) for m in methods - called)
# It takes a dataset, and puts shards as put_content does.
without = {"Bucket.write_dataset"}
assert set(missed) <= without, f"never called: {sorted(set(missed) - without)}"
print("done")
