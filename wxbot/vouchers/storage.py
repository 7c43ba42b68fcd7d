"""Where photos are kept: in the database, in a folder outside the web root, or in any store that speaks S3.

Names are random and ours (S43, S48): nothing a person sent is ever part of a path. A store that is no longer chosen may
still hold older photos (`wxbot photos move` empties it): they are found there, and deleted there, too.
"""

import importlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from wxbot.db import Database, assert_no_transaction, changed, insert_into
from wxbot.extras import install_line
from wxbot.runtime import Runtime
from wxbot.settings import PhotoStore, Settings
from wxbot.vouchers.models import PhotoFile

KEY = re.compile(r"[0-9a-f]{32}(?:-s)?")
"""A photo's name, and with -s its thumbnail's."""


class StorageProblem(Exception):
    """The store cannot be used now; the same call may succeed later."""


class Missing(StorageProblem):
    """There is nothing of this name."""


class Storage(Protocol):
    """What a store does; put of the same name replaces, delete of an absent name is no fault."""

    def put(self, key: str, content: bytes) -> None:
        """Keep the bytes; they are durable when this returns. Raises StorageProblem."""

    def get(self, key: str) -> bytes:
        """The bytes; raises Missing or StorageProblem."""

    def delete(self, key: str) -> None:
        """Forget the bytes. Raises StorageProblem."""

    def list_keys(self) -> Iterator[str]:
        """Every name that is kept here; what is deleted meanwhile may be named or not. Raises StorageProblem."""


def random_key() -> str:
    """A name for a photo."""
    return secrets.token_hex(16)


def thumb_of(key: str) -> str:
    """The name of a photo's thumbnail."""
    return f"{key}-s"


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError("this is no name of a photo")
    return key


class FolderStorage:
    """Files under one folder, spread over 256 of its own, readable by this user alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, key: str) -> Path:
        return self._root / _checked(key)[:2] / f"{key}.jpg"

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
            flush_folder(path.parent)
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

    def list_keys(self) -> Iterator[str]:
        """The names of all files, folder by folder."""
        try:
            for path in sorted(self._root.glob("[0-9a-f][0-9a-f]/*.jpg")):
                if KEY.fullmatch(path.stem):
                    yield path.stem
        except OSError as error:
            raise StorageProblem(f"cannot list the photos: {error.strerror}") from error


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DatabaseStorage:
    """A table of its own: every machine of the deployment sees it, and a copy of the database holds it.

    A photo is one of our own JPEGs, some hundred kilobytes and at most a few megabytes (reencode), so it is one value.
    """

    PAGE = 1_000

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: str, content: bytes) -> None:
        """Write a row."""
        assert_no_transaction("the store of photos")
        try:
            with self._database.transaction() as session:
                row = insert_into(session, PhotoFile).values(key=_checked(key), content=content)
                session.execute(
                    row.on_conflict_do_update(index_elements=["key"], set_={"content": row.excluded.content})
                )
        except SQLAlchemyError as error:
            raise _database_problem("write", error) from error

    def get(self, key: str) -> bytes:
        """Read a row."""
        try:
            with self._database.reading() as session:
                content = session.scalar(select(PhotoFile.content).where(PhotoFile.key == _checked(key)))
        except SQLAlchemyError as error:
            raise _database_problem("read", error) from error
        if content is None:
            raise Missing(key)
        return bytes(content)

    def delete(self, key: str) -> None:
        """Delete a row; the database reuses its room, older copies and archived logs of it hold the bytes until they go."""
        assert_no_transaction("the store of photos")
        try:
            with self._database.transaction() as session:
                changed(session, delete(PhotoFile).where(PhotoFile.key == _checked(key)))
        except SQLAlchemyError as error:
            raise _database_problem("remove", error) from error

    def list_keys(self) -> Iterator[str]:
        """The names of all rows, in their order, read in pages."""
        last = ""
        while True:
            try:
                with self._database.reading() as session:
                    page = select(PhotoFile.key).where(PhotoFile.key > last).order_by(PhotoFile.key).limit(self.PAGE)
                    found = session.scalars(page).all()
            except SQLAlchemyError as error:
                raise _database_problem("list", error) from error
            if not found:
                return
            yield from found
            last = found[-1]


def _database_problem(verb: str, error: SQLAlchemyError) -> StorageProblem:
    return StorageProblem(f"cannot {verb} a photo in the database: {type(error).__name__}")


class S3Storage:
    """A bucket of an S3-compatible store, through boto3 (an optional extra)."""

    def __init__(self, endpoint: str, bucket: str, region: str, key_id: str, secret_key: str) -> None:
        try:
            boto, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
            self._faults = importlib.import_module("botocore.exceptions")
        except ImportError as error:
            raise StorageProblem(f"WXBOT_VOUCHER_STORAGE=s3 needs boto3: {install_line('s3')}") from error
        self._name = bucket
        self._client: Any = boto.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=region or "us-east-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret_key,
            config=config.Config(
                connect_timeout=3,
                read_timeout=15,
                retries={"total_max_attempts": 2},
                s3={"addressing_style": "path"},
                signature_version="s3v4",
                # Not every S3-compatible store knows the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _ask(self, call: str, key: str, **more: Any) -> Any:
        return self._call(call, Key=f"vouchers/{_checked(key)}.jpg", **more)

    def _call(self, call: str, **more: Any) -> Any:
        assert_no_transaction("the store of photos")
        try:
            return getattr(self._client, call)(Bucket=self._name, **more)
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

    def list_keys(self) -> Iterator[str]:
        """The names of all objects, in pages of a thousand."""
        after: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", Prefix="vouchers/", **after)
            for each in page.get("Contents", ()):
                name = str(each["Key"]).removeprefix("vouchers/").removesuffix(".jpg")
                if KEY.fullmatch(name):
                    yield name
            if not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}


_bucket = lru_cache(maxsize=4)(S3Storage)


class Chosen:
    """The store that is chosen in the settings, and behind it those that may still hold photos from before."""

    def __init__(self, store: Storage, others: Sequence[Storage]) -> None:
        self._store = store
        self._others = others

    def put(self, key: str, content: bytes) -> None:
        """Keep the bytes in the chosen store."""
        self._store.put(key, content)

    def get(self, key: str) -> bytes:
        """Look into the chosen store, then into the others, then once more: a photo may be on its way between them."""
        for store in (self._store, *self._others):
            try:
                return store.get(key)
            except Missing:
                continue
        return self._store.get(key)

    def delete(self, key: str) -> None:
        """Forget the bytes wherever they are."""
        for store in (self._store, *self._others):
            store.delete(key)

    def list_keys(self) -> Iterator[str]:
        """The names in the chosen store."""
        return self._store.list_keys()


def folder_of(settings: Settings) -> Path:
    """Where this machine keeps photos when they are in a folder."""
    return settings.data_dir / "vouchers"


def stores_of(runtime: Runtime) -> dict[PhotoStore, Storage]:
    """Every store that this deployment knows by its settings; the bucket only when it is set.

    Raises StorageProblem when a bucket is set and boto3 is not installed.
    """
    settings = runtime.settings
    found: dict[PhotoStore, Storage] = {
        "folder": FolderStorage(folder_of(settings)),
        "database": DatabaseStorage(runtime.database),
    }
    if settings.s3_bucket:
        secret_key = settings.s3_secret_key.get_secret_value()
        found["s3"] = _bucket(
            settings.s3_endpoint, settings.s3_bucket, settings.s3_region, settings.s3_key_id, secret_key
        )
    return found


def storage_of(runtime: Runtime) -> Storage:
    """The store of this deployment. Raises StorageProblem when S3 is chosen and boto3 is not installed."""
    stores = stores_of(runtime)
    chosen = stores.pop(runtime.settings.photo_store)
    return Chosen(chosen, list(stores.values()))


def delete_photo(storage: Storage, storage_key: str) -> None:
    """Forget a photo and its thumbnail. Raises StorageProblem."""
    for key in (storage_key, thumb_of(storage_key)):
        storage.delete(key)
