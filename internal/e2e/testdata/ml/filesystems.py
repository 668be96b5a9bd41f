"""s3fs with fsspec, pyarrow's own S3 file system, and smart_open, on one bucket.

usage: filesystems.py BUCKET, with ENDPOINT (a path is allowed) and HOST (host:port) in the environment
"""
import os
import sys

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import s3fs
from pyarrow.fs import FileSelector, S3FileSystem
from smart_open import open as smart

bucket, endpoint, host = sys.argv[1], os.environ["ENDPOINT"], os.environ["HOST"]
root_of = endpoint.removesuffix("/s3")
ROWS = 200_000
table = pa.table({
    "id": np.arange(ROWS),
    "split": np.where(np.arange(ROWS) % 10 == 0, "test", "train"),
    "value": np.random.default_rng(1).normal(size=ROWS),
    "text": [f"row {i} " * 4 for i in range(ROWS)],
})


def with_s3fs(url):
    fs = s3fs.S3FileSystem(endpoint_url=url, use_listings_cache=False)
    base = f"{bucket}/s3fs"
    big = os.urandom(1 << 20) * 17
    with fs.open(f"{base}/big", "wb", block_size=5 << 20) as f:  # a multipart upload
        for i in range(0, len(big), 1 << 20):
            f.write(big[i:i + (1 << 20)])
    info = fs.info(f"{base}/big")
    assert info["size"] == len(big) and info["ETag"].strip('"').endswith("-4"), info
    with fs.open(f"{base}/big", "rb", block_size=1 << 20) as f:
        f.seek(-10, os.SEEK_END)
        assert f.read() == big[-10:]
        f.seek(3_000_001)
        assert f.read(5_000_000) == big[3_000_001:8_000_001]
    assert fs.cat_ranges([f"{base}/big"] * 2, [5, 100], [10, 200]) == [big[5:10], big[100:200]]
    fs.pipe({f"{base}/dir/{i}": b"%d" % i for i in range(20)})  # at once
    assert sorted(fs.ls(f"{base}/dir")) == sorted(f"{base}/dir/{i}" for i in range(20))
    assert fs.cat(f"{base}/dir/*") == {f"{base}/dir/{i}": b"%d" % i for i in range(20)}
    assert fs.glob(f"{base}/**/1?") == [f"{base}/dir/1{i}" for i in range(10)]
    fs.copy(f"{base}/big", f"{base}/copy")
    fs.mv(f"{base}/copy", f"{base}/moved")
    assert fs.cat_file(f"{base}/moved") == big and not fs.exists(f"{base}/copy")
    with fsspec.open(f"s3://{base}/dir/7", "rb", endpoint_url=url) as f:
        assert f.read() == b"7"
    with fs.open(f"{base}/part.parquet", "wb") as f:
        pq.write_table(table, f)
    assert pq.read_table(f"{base}/part.parquet", columns=["id"], filesystem=fs).column("id").equals(table.column("id"))
    fs.rm(base, recursive=True)
    assert not fs.exists(base)


def with_pyarrow():
    """It takes a host and a port, no path."""
    fs = S3FileSystem(
        endpoint_override=host, scheme=endpoint.split(":")[0], region="us-east-1",
        access_key=os.environ["AWS_ACCESS_KEY_ID"], secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    )
    base = f"{bucket}/pyarrow"
    parts = ds.partitioning(pa.schema([("split", pa.string())]), flavor="hive")
    ds.write_dataset(table, f"{base}/set", filesystem=fs, format="parquet", partitioning=parts,
                     max_rows_per_file=50_000, max_rows_per_group=10_000)
    files = [f.path for f in fs.get_file_info(FileSelector(f"{base}/set", recursive=True)) if f.is_file]
    assert len(files) == 5, files  # 20,000 test rows in one, 180,000 others in four
    back = ds.dataset(f"{base}/set", filesystem=fs, format="parquet", partitioning=parts)
    some = back.to_table(columns=["id", "value"], filter=(ds.field("split") == "test") & (ds.field("id") < 1000))
    assert some.sort_by("id").column("id").to_pylist() == list(range(0, 1000, 10)) and some.num_columns == 2
    everything = back.to_table(columns=table.column_names).sort_by("id")
    assert everything.equals(table)

    name = f"{base}/one.parquet"
    pq.write_table(table, name, filesystem=fs, row_group_size=20_000)
    with fs.open_input_file(name) as f:  # the footer, then pages of one column
        assert pq.ParquetFile(f).read_row_group(3, columns=["value"]).column(0).equals(table.column("value").slice(60_000, 20_000))
    big = os.urandom(1 << 20) * 23
    with fs.open_output_stream(f"{base}/big") as f:  # a multipart upload
        for i in range(0, len(big), 1_000_003):
            f.write(big[i:i + 1_000_003])
    with fs.open_input_file(f"{base}/big") as f:
        assert f.size() == len(big) and f.read_at(1000, 20_000_001) == big[20_000_001:20_001_001]
    fs.copy_file(f"{base}/big", f"{base}/copy")
    fs.move(f"{base}/copy", f"{base}/moved")
    with fs.open_input_stream(f"{base}/moved") as f:
        assert f.read() == big
    fs.delete_dir(base)
    assert not [f for f in fs.get_file_info(FileSelector(base, recursive=True, allow_not_found=True))]


def with_smart_open(url):
    import boto3
    params = {"client": boto3.client("s3", endpoint_url=url)}
    name, lines = f"s3://{bucket}/smart/lines.txt.gz", [f"line {i}\n" for i in range(100_000)]
    with smart(name, "w", transport_params=params) as f:
        f.writelines(lines)
    with smart(name, transport_params=params) as f:
        assert f.readlines() == lines
    big = os.urandom(1 << 20) * 12
    with smart(f"s3://{bucket}/smart/big", "wb", transport_params=params | {"min_part_size": 5 << 20}) as f:
        f.write(big)
    with smart(f"s3://{bucket}/smart/big", "rb", transport_params=params) as f:
        f.seek(11_000_000)
        assert f.read(100) == big[11_000_000:11_000_100]


for url in (endpoint, root_of):
    with_s3fs(url)
    with_smart_open(url)
with_pyarrow()
print("s3fs, smart_open and pyarrow read and write")
