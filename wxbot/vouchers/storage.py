"""Where photos are kept: a folder outside the web root by default, or any store that speaks S3.

Names are random and ours (S43, S48): nothing a person sent is ever part of a path.
"""

import importlib
import os
import re
import secrets
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from wxbot.db import assert_no_transaction
from wxbot.settings import Settings

KEY = re.compile(r"[0-9a-f]{32}(?:-s)?")
"""A photo's name, and with -s its thumbnail's."""


class StorageProblem(Exception):
    """The store cannot be used now; the same call may succeed later."""


class Missing(StorageProblem):
    """There is nothing of this name."""


class Storage(Protocol):
    """The three things a store does; put of the same name replaces, delete of an absent name is no fault."""

    def put(self, key: str, content: bytes) -> None:
        """Keep the bytes; they are durable when this returns. Raises StorageProblem."""

    def get(self, key: str) -> bytes:
        """The bytes; raises Missing or StorageProblem."""

    def delete(self, key: str) -> None:
        """Forget the bytes. Raises StorageProblem."""


def random_key() -> str:
    """A name for a photo."""
    return secrets.token_hex(16)


def thumb_of(key: str) -> str:
    """The name of a photo's thumbnail."""
    return f"{key}-s"


class Folder:
    """Files under one folder, spread over 256 of its own, readable by this user alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, key: str) -> Path:
        if not KEY.fullmatch(key):
            raise ValueError("this is no name of a photo")
        return self._root / key[:2] / f"{key}.jpg"

    def put(self, key: str, content: bytes) -> None:
        """Write beside, flush to the disk, rename: a crash leaves the whole file or none."""
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".coming-", delete=False) as coming:
                try:
                    coming.write(content)
                    coming.flush()
                    os.fsync(coming.fileno())
                    os.replace(coming.name, path)
                except BaseException:
                    Path(coming.name).unlink(missing_ok=True)
                    raise
            _flush_folder(path.parent)
        except OSError as error:
            raise StorageProblem(f"cannot write a photo: {error.strerror}") from error

    def get(self, key: str) -> bytes:
        """Read a file."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise Missing(key) from error
        except OSError as error:
            raise StorageProblem(f"cannot read a photo: {error.strerror}") from error

    def delete(self, key: str) -> None:
        """Remove a file."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StorageProblem(f"cannot remove a photo: {error.strerror}") from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Bucket:
    """A bucket of an S3-compatible store, through boto3 (an optional extra)."""

    def __init__(self, endpoint: str, bucket: str, region: str, key_id: str, secret_key: str) -> None:
        try:
            boto, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
            self._faults = importlib.import_module("botocore.exceptions")
        except ImportError as error:
            raise StorageProblem("WXBOT_VOUCHER_STORAGE=s3 needs boto3: pip install 'wxbot[s3]'") from error
        self._name = bucket
        self._client: Any = boto.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=region or "us-east-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret_key,
            config=config.Config(
                connect_timeout=3, read_timeout=15, retries={"total_max_attempts": 2},
                s3={"addressing_style": "path"}, signature_version="s3v4",
                # Not every S3-compatible store knows the newer checksums.
                request_checksum_calculation="when_required", response_checksum_validation="when_required",
            ),
        )  # fmt: skip

    def _ask(self, call: str, key: str, **more: Any) -> Any:
        if not KEY.fullmatch(key):
            raise ValueError("this is no name of a photo")
        assert_no_transaction("the store of photos")
        try:
            return getattr(self._client, call)(Bucket=self._name, Key=f"vouchers/{key}.jpg", **more)
        except self._faults.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = error.response.get("Error", {}).get("Code", "")
            raise (Missing if status == 404 else StorageProblem)(f"the store answered {code or status}") from error
        except self._faults.BotoCoreError as error:
            raise StorageProblem(f"the store cannot be reached: {type(error).__name__}") from error

    def put(self, key: str, content: bytes) -> None:
        """Upload an object."""
        self._ask("put_object", key, Body=content, ContentType="image/jpeg")

    def get(self, key: str) -> bytes:
        """Download an object."""
        answer = self._ask("get_object", key)
        try:
            return bytes(answer["Body"].read())
        except (OSError, self._faults.BotoCoreError, self._faults.HTTPClientError) as error:
            raise StorageProblem(f"the store broke off: {type(error).__name__}") from error

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._ask("delete_object", key)


_bucket = lru_cache(maxsize=4)(Bucket)


def storage_of(settings: Settings) -> Storage:
    """The store of this deployment. Raises StorageProblem when S3 is chosen and boto3 is not installed."""
    if settings.voucher_storage == "s3":
        secret_key = settings.s3_secret_key.get_secret_value()
        return _bucket(settings.s3_endpoint, settings.s3_bucket, settings.s3_region, settings.s3_key_id, secret_key)
    return Folder(settings.data_dir / "vouchers")
