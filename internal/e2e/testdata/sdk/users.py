"""The SDK with a bearer token, against a cluster with users."""

import os

from aistore.sdk import Client
from aistore.sdk.errors import AISError
from aistore.sdk.retry_config import RetryConfig

endpoint, name = os.environ["AIS_ENDPOINT"], os.environ["BUCKET"]


def status(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except AISError as err:
        return err.status_code
    return 200


nobody = Client(endpoint, retry_config=RetryConfig.default())
assert status(nobody.cluster().get_info) == 403
assert status(nobody.bucket(name).create) == 403
assert nobody.cluster().is_ready() is False  # it asks for the map first

root = Client(endpoint, token=os.environ["ROOT_TOKEN"])
assert root.cluster().is_ready()
bucket = root.bucket(name).create()
bucket.object("o").get_writer().put_content(b"content")
assert bucket.object("o").get_reader().read_all() == b"content"
target = next(iter(root.cluster().get_info().tmap))
assert "serving" in root.cluster().get_node_log(target)

user = Client(endpoint, token=os.environ["USER_TOKEN"])
assert len(user.cluster().get_info().tmap) == 3
assert status(user.cluster().get_node_log, target) == 403  # for administrators
assert status(user.cluster().get_node_log_archive, target) == 403
assert status(user.bucket(name).object("o").get_reader().read_all) == 403
assert status(user.bucket(name).delete) == 403
own = user.bucket(name + "-own").create()
own.object("o").get_writer().put_content(b"mine")
assert own.object("o").get_reader().read_all() == b"mine"
own.delete()
assert status(Client(endpoint, token="forged").cluster().get_info) == 403
bucket.delete()
print("done")
