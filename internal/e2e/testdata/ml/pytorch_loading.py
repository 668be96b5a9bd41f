"""DataLoaders of PyTorch, over WebDataset and over AIStore's own datasets.

usage: pytorch_loading.py BUCKET, with ENDPOINT and AIS_ENDPOINT in the environment
"""
import os
import sys

import boto3
import torch
import webdataset as wds
from aistore import Client
from aistore.pytorch import AISIterDataset, AISMapDataset, AISMultiShardStream, AISParallelMapDataset, AISShardReader
from aistore.pytorch.batch_iter_dataset import AISBatchIterDataset
from aistore.pytorch.multishard_dataset import DataShard
from torch.utils.data import DataLoader

name, endpoint = sys.argv[1], os.environ["ENDPOINT"]
SHARDS, SAMPLES = 4, 40
s3 = boto3.client("s3", endpoint_url=endpoint)
os.makedirs("shards", exist_ok=True)
sample = lambda i: {"__key__": f"sample{i:05d}", "bin": bytes([i % 251]) * 500, "cls": i % 10}
with wds.ShardWriter("shards/train-%06d.tar", maxcount=SAMPLES, verbose=0) as out:
    for i in range(SHARDS * SAMPLES):
        out.write(sample(i))
for shard in sorted(os.listdir("shards")):
    s3.upload_file(f"shards/{shard}", name, f"shards/{shard}")
objects = {f"plain/{i:03d}": bytes([i]) * (100 + i) for i in range(100)}
for key, body in objects.items():
    s3.put_object(Bucket=name, Key=key, Body=body)


def webdataset_loader():
    urls = f"pipe:aws --endpoint-url {endpoint} s3 cp s3://{name}/shards/train-{{000000..{SHARDS - 1:06d}}}.tar -"
    to_tensors = lambda s: (torch.frombuffer(bytearray(s["bin"]), dtype=torch.uint8), int(s["cls"]))
    data = wds.WebDataset(urls, shardshuffle=False).map(to_tensors)
    seen = labels = 0
    for x, y in DataLoader(data, batch_size=16, num_workers=2):
        assert x.shape[1:] == (500,) and x.dtype == torch.uint8
        seen, labels = seen + len(x), labels + int(y.sum())
    assert seen == SHARDS * SAMPLES and labels == sum(i % 10 for i in range(seen)), (seen, labels)


def linear_model(bucket):
    """A few steps of training, on batches that come out of the store."""
    torch.manual_seed(2)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data, losses = AISMapDataset(ais_source_list=[bucket], prefix_map={bucket: "plain/"}), []
    for _ in range(3):
        for names, bodies in DataLoader(data, batch_size=10, shuffle=True, generator=torch.Generator().manual_seed(4)):
            x = torch.tensor([[b[0] / 100] for b in bodies])
            loss = ((model(x) - 3 * x) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0] / 4, losses


def aistore_datasets(client):
    bucket = client.bucket(name)
    only = {bucket: "plain/"}
    assert dict(AISIterDataset(ais_source_list=[bucket], prefix_map=only)) == objects
    workers = DataLoader(AISIterDataset(ais_source_list=[bucket], prefix_map=only), batch_size=None, num_workers=2)
    assert dict(workers) == objects
    by_index = AISMapDataset(ais_source_list=[bucket], prefix_map=only)
    assert len(by_index) == len(objects) and by_index[7] == ("plain/007", objects["plain/007"])
    parallel = AISParallelMapDataset(ais_source_list=[bucket], prefix_map=only)
    for i in range(0, len(parallel), 9):
        key, content = parallel[i]
        with content:  # shared memory, filled by several ranged reads
            assert content.tobytes() == objects[key]
    batches = AISBatchIterDataset([bucket], client, prefix_map=only, max_batch_size=32)
    assert dict(batches) == objects
    workers = DataLoader(AISBatchIterDataset([bucket], client, prefix_map=only), batch_size=None, num_workers=2)
    assert dict(workers) == objects

    shards = AISShardReader(bucket_list=[bucket], prefix_map={bucket: "shards/"})
    got = {os.path.basename(key): (body["bin"], int(body["cls"])) for key, body in shards}
    assert got == {s["__key__"]: (s["bin"], s["cls"]) for s in map(sample, range(SHARDS * SAMPLES))}, len(got)
    linear_model(bucket)


def shard_streams(url):
    """Members of two shards side by side; DataShard has no place for a token."""
    one, two = (DataShard(url, name, prefix=f"shards/train-00000{n}.tar") for n in (0, 1))
    pairs = [pair for pair in AISMultiShardStream([one, two])]
    assert len(pairs) == 2 * SAMPLES, len(pairs)
    want = {(sample(i)["bin"], sample(i + SAMPLES)["bin"]) for i in range(SAMPLES)}
    assert want <= set(pairs)


webdataset_loader()
token = os.environ.get("AIS_AUTHN_TOKEN")
aistore_datasets(Client(os.environ["AIS_ENDPOINT"], token=token))
if not token:
    shard_streams(os.environ["AIS_ENDPOINT"])
print("torch", torch.__version__, "loads from the store")
