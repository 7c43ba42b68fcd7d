"""Photos of the chat: fetched from WeChat before it loses them, whatever goes wrong on the way; and the S3 store."""

from __future__ import annotations

import base64
import importlib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import select

from tests.conftest import Cast, simulator_settings
from tests.servers import LoopbackServer, SimulatedWeChat
from tests.vouchers.stage import HONG, MING, Stage, lay_stage, photo
from wxbot.people.models import Binding, Notice
from wxbot.runtime import Runtime
from wxbot.vouchers import fetch, moving, storage, submit
from wxbot.vouchers.models import Photo, Voucher
from wxbot.vouchers.photos import BadPhoto


@dataclass
class Chat:
    """Ming's chat with the account, under the simulated WeChat."""

    stage: Stage
    simulator: SimulatedWeChat
    cast: Cast

    def send(self, raw: bytes) -> str:
        """Ming sends a photo; its media_id."""
        body = {"type": "image", "image": base64.b64encode(raw).decode(), "filename": "photo.jpg"}
        self.simulator.control("POST", f"people/{self.cast.ming.id}/messages", body)
        said = self.simulator.control("GET", f"people/{self.cast.ming.id}/chat")
        return str([each for each in said["messages"] if each.get("media_id")][-1]["media_id"])

    def open(self) -> Voucher:
        return self.stage.open(self.cast.ming.openid, via="chat")

    def add(self, voucher: Voucher, media_id: str) -> Photo:
        with self.stage.runtime.database.transaction() as session:
            return submit.add_media(session, voucher.id, media_id, self.stage.now)

    def fetch(self) -> int:
        return fetch.fetch_due(self.stage.runtime)

    def later(self, seconds: float) -> None:
        self.simulator.advance(seconds)
        self.stage.runtime.clock.refresh()

    def notices(self) -> list[str]:
        with self.stage.runtime.database.reading() as session:
            return list(session.scalars(select(Notice.text).order_by(Notice.id)))


@pytest.fixture
def chat(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path, cast: Cast) -> Iterator[Chat]:
    """A chat over SQLite."""
    with closing(Runtime(simulator_settings(simulator, sqlite_url, redis_url, tmp_path))) as runtime:
        stage = lay_stage(runtime)
        with runtime.database.transaction() as session:
            session.scalars(select(Binding).where(Binding.openid == MING)).one().openid = cast.ming.openid
        yield Chat(stage, simulator, cast)


def test_a_photo_of_the_chat_is_fetched_once_and_goes_to_review(chat: Chat) -> None:
    voucher = chat.open()
    media_id = chat.send(photo(1))
    assert chat.add(voucher, media_id).id == chat.add(voucher, media_id).id, "WeChat repeats messages"
    assert chat.stage.voucher(voucher.id).ready_at is None
    assert (chat.fetch(), chat.fetch()) == (1, 0)
    (kept,) = chat.stage.photos(voucher.id)
    assert (kept.status, kept.width, kept.next_try_at) == ("kept", 600, None)
    ready_at = chat.stage.voucher(voucher.id).ready_at
    assert ready_at is not None and ready_at > chat.stage.now, "there may be a second photo"
    assert chat.notices() == []


@pytest.mark.parametrize("kind", ["refuse", "drop_reply", "drop_request", "garble", "gateway_page"])
def test_a_bad_hour_at_wechat_only_delays_a_photo(chat: Chat, kind: str) -> None:
    voucher = chat.open()
    chat.add(voucher, chat.send(photo(1)))
    chat.simulator.control("PUT", "faults/cgi-bin/media/get", {"kind": kind, "times": 1})
    assert chat.fetch() == 1
    if kind == "garble":
        chat.later(700)
        chat.fetch()
        assert chat.stage.photos(voucher.id)[0].status in ("kept", "failed")
        return
    (waiting,) = chat.stage.photos(voucher.id)
    assert waiting.status == "fetching" and chat.fetch() == 0, "not at once again"
    chat.later(60)
    assert chat.fetch() == 1
    assert chat.stage.photos(voucher.id)[0].status == "kept"


def test_a_photo_under_the_header_of_a_text_is_a_photo_and_a_refusal_is_one(chat: Chat) -> None:
    """WeChat has called pictures text/plain for hours; and JSON with an errcode is no picture, whatever it is called."""
    voucher = chat.open()
    chat.add(voucher, chat.send(photo(1)))
    chat.simulator.control("PUT", "faults/cgi-bin/media/get", {"kind": "as_text"})
    assert chat.fetch() == 1
    assert chat.stage.photos(voucher.id)[0].status == "kept"
    chat.add(voucher, "a-media-id-that-nobody-knows")
    assert chat.fetch() == 1
    assert chat.stage.photos(voucher.id)[1].fault == "lost"


def test_a_photo_that_wechat_has_lost_is_asked_for_again(chat: Chat) -> None:
    voucher = chat.open()
    chat.add(voucher, chat.send(photo(1)))
    chat.later(3 * 86_400 + 60)
    chat.fetch()
    (lost,) = chat.stage.photos(voucher.id)
    assert (lost.status, lost.fault, lost.is_live) == ("failed", "lost", False)
    assert chat.stage.voucher(voucher.id).status == "photo_wanted"
    assert chat.notices() == ["微信没有把照片给到我们，请再发一次。"]
    chat.add(voucher, chat.send(photo(1)))
    chat.fetch()
    assert chat.stage.voucher(voucher.id).status == "submitted"


def test_bad_and_double_photos_are_told_in_the_chat(chat: Chat) -> None:
    first, second = chat.stage.open(HONG), chat.open()
    submit.add_photo(chat.stage.runtime, first.id, photo(1), chat.stage.now, "a")
    for raw in (photo(1), b"GIF89a no photo", photo(2)[:900]):
        chat.add(second, chat.send(raw))
    assert chat.fetch() == 3
    assert [each.fault for each in chat.stage.photos(second.id)] == ["duplicate", "broken", "cut_off"]
    assert len(chat.notices()) == 3 and "已经交过" in chat.notices()[0]


def test_a_worker_that_died_over_a_photo_is_replaced(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    voucher = chat.open()
    chat.add(voucher, chat.send(photo(1)))

    def die(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(submit, "keep", die)
        with pytest.raises(KeyboardInterrupt):
            chat.fetch()
    assert chat.fetch() == 0
    chat.later(fetch.LEASE.total_seconds() + 1)
    assert chat.fetch() == 1 and chat.stage.photos(voucher.id)[0].status == "kept"


# --- S3 -----------------------------------------------------------------------------------------------------------


class Store:
    """As much of S3 as we use: objects in one bucket, signed requests, XML faults."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.is_down = False

    def __call__(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if self.is_down:
            start("503 Service Unavailable", [])
            return [b""]
        if "Credential=key-id/" not in environ.get("HTTP_AUTHORIZATION", ""):
            start("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code></Error>"]
        if method == "PUT":
            self.objects[path] = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        if method == "DELETE":
            self.objects.pop(path, None)
        if "list-type=2" in environ["QUERY_STRING"]:
            body = self._list(environ["QUERY_STRING"])
            start("200 OK", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        if method == "GET" and path not in self.objects:
            fault = ET.Element("Error")
            ET.SubElement(fault, "Code").text = "NoSuchKey"
            start("404 Not Found", [("Content-Type", "application/xml")])
            return [ET.tostring(fault)]
        body = self.objects[path] if method == "GET" else b""
        start("204 No Content" if method == "DELETE" else "200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def _list(self, query: str) -> bytes:
        """One name a page, so that pages are turned."""
        names = sorted(path.removeprefix("/receipts/") for path in self.objects)
        names = [name for name in names if name > parse_qs(query).get("continuation-token", [""])[0]]
        found = ET.Element("ListBucketResult")
        ET.SubElement(found, "IsTruncated").text = str(len(names) > 1).lower()
        for name in names[:1]:
            ET.SubElement(ET.SubElement(found, "Contents"), "Key").text = name
            ET.SubElement(found, "NextContinuationToken").text = name
        return ET.tostring(found)


def test_photos_may_live_in_any_store_that_speaks_s3(stage: Stage) -> None:
    if importlib.util.find_spec("boto3") is None:
        pytest.skip("boto3 is an optional extra")
    with LoopbackServer() as server:
        store = Store()
        server.serve(store)
        changes = {"voucher_storage": "s3", "s3_endpoint": server.url, "s3_bucket": "receipts", "s3_key_id": "key-id"}
        stage.runtime.settings = stage.runtime.settings.model_copy(update=changes)
        voucher = stage.open()
        kept = submit.add_photo(stage.runtime, voucher.id, photo(1), stage.now, "a")
        assert store.objects.keys() == {f"/receipts/vouchers/{kept.storage_key}{end}.jpg" for end in ("", "-s")}
        address = f"/h5/voucher/{voucher.public_id}/photos/{kept.id}.jpg"
        client = stage.phone(MING).client
        assert client.get(address).data == store.objects[f"/receipts/vouchers/{kept.storage_key}.jpg"]
        store.is_down = True
        assert client.get(address).status_code == 503
        with pytest.raises(storage.StorageProblem):
            submit.add_photo(stage.runtime, voucher.id, photo(2), stage.now, "b")
        store.is_down = False
        assert submit.add_photo(stage.runtime, voucher.id, photo(2), stage.now, "b").status == "kept"
        stores = storage.stores_of(stage.runtime)
        (*_, counts) = moving.move_all(stage.runtime, stores["s3"], stores["database"])
        assert counts["moved"] == 4 and not store.objects and client.get(address).status_code == 200
        (*_, counts) = moving.move_all(stage.runtime, stores["database"], stores["s3"])
        assert counts["moved"] == 4 and len(store.objects) == 4 and client.get(address).status_code == 200
        store.objects.clear()
        assert client.get(address).status_code == 404
        with stage.runtime.database.transaction(), pytest.raises(AssertionError, match="transaction"):
            storage.storage_of(stage.runtime).delete(kept.storage_key)
        store.is_down = True
        with pytest.raises(storage.StorageProblem):
            submit.add_photo(stage.runtime, voucher.id, photo(3), stage.now, "c")
        stage.move(timedelta(minutes=11))
        assert fetch.fetch_due(stage.runtime) == 1
        assert stage.photos(voucher.id)[2].status == "fetching", "what cannot be deleted now is deleted later"
        store.is_down = False
        stage.move(timedelta(minutes=11))
        assert fetch.fetch_due(stage.runtime) == 1
        with pytest.raises(BadPhoto, match="interrupted"):
            submit.add_photo(stage.runtime, voucher.id, photo(3), stage.now, "c")
