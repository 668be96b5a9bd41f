"""Trains one small model twice, from local files and from s3://, and wants the same losses.

usage: tensorflow_train.py LOCAL_DIR s3://BUCKET/PREFIX

Each training reads TFRecords, stops half-way, is restored from its checkpoint into a new
model and goes on. Then the model goes through a SavedModel. Nothing but the environment
says where s3:// is.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
import tensorflow_io  # noqa: F401: it registers s3://

FEATURES, SHARDS, EXAMPLES = 16, 4, 256


def write_records(folder):
    rng = np.random.default_rng(5)
    truth = rng.normal(size=FEATURES)
    for shard in range(SHARDS):
        with tf.io.TFRecordWriter(f"{folder}/train-{shard:02d}.tfrecord") as out:
            for _ in range(EXAMPLES):
                x = rng.normal(size=FEATURES).astype(np.float32)
                feature = {
                    "x": tf.train.Feature(float_list=tf.train.FloatList(value=x)),
                    "y": tf.train.Feature(int64_list=tf.train.Int64List(value=[int(x @ truth > 0)])),
                }
                out.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def records(folder):
    spec = {"x": tf.io.FixedLenFeature([FEATURES], tf.float32), "y": tf.io.FixedLenFeature([], tf.int64)}

    def parse(record):
        example = tf.io.parse_single_example(record, spec)
        return example["x"], example["y"]

    shards = sorted(tf.io.gfile.glob(f"{folder}/train-*.tfrecord"))
    assert len(shards) == SHARDS, shards
    data = tf.data.TFRecordDataset(shards, num_parallel_reads=SHARDS).map(parse)
    return data.shuffle(SHARDS * EXAMPLES, seed=3, reshuffle_each_iteration=False).batch(64).prefetch(2)


def new_model():
    model = tf.keras.Sequential([
        tf.keras.layers.Input([FEATURES]),
        tf.keras.layers.Dense(32, activation="relu"),
        tf.keras.layers.Dense(1),
    ])
    model.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def checkpoints(model, folder):
    state = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
    return state, tf.train.CheckpointManager(state, f"{folder}/checkpoints", max_to_keep=2)


def train(folder):
    """Returns the loss of each of four epochs and what the SavedModel answers at the end."""
    tf.io.gfile.makedirs(folder)
    write_records(folder)
    tf.keras.utils.set_random_seed(11)
    data, losses = records(folder), []
    first = new_model()
    _, manager = checkpoints(first, folder)
    for _ in range(2):
        losses += first.fit(data, verbose=0).history["loss"]
        manager.save()

    tf.keras.utils.set_random_seed(99)  # weights of its own, were nothing restored
    second = new_model()
    second.optimizer.build(second.trainable_variables)
    state, manager = checkpoints(second, folder)
    state.restore(manager.latest_checkpoint).assert_consumed()
    for _ in range(2):
        losses += second.fit(data, verbose=0).history["loss"]
        manager.save()
    kept = tf.io.gfile.glob(f"{folder}/checkpoints/ckpt-*.index")
    assert len(kept) == 2, kept  # the manager deletes the older ones

    probe = tf.constant(np.random.default_rng(1).normal(size=[8, FEATURES]), tf.float32)
    tf.saved_model.save(second, f"{folder}/model")
    (served,) = tf.saved_model.load(f"{folder}/model").signatures["serving_default"](probe).values()
    np.testing.assert_allclose(served.numpy(), second(probe).numpy(), rtol=1e-5)  # one is a graph, the other is not
    return losses, served.numpy()


tf.config.experimental.enable_op_determinism()
local_losses, local_outputs = train(sys.argv[1])
stored_losses, stored_outputs = train(sys.argv[2])
print("losses", local_losses)
assert local_losses[-1] < 0.7 * local_losses[0], local_losses  # it learns
assert stored_losses == local_losses, (stored_losses, local_losses)
np.testing.assert_array_equal(stored_outputs, local_outputs)
print("the same losses from s3:// as from local files")
