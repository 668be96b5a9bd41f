"""Looks for a file, and says what TensorFlow said when it could not.

usage: tensorflow_spelling.py s3://BUCKET/KEY
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf
import tensorflow_io  # noqa: F401: it registers s3://

try:
    print("length", tf.io.gfile.stat(sys.argv[1]).length)
except tf.errors.OpError as e:
    print("failed:", type(e).__name__, e.message)
