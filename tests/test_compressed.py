"""The console's pages and files are smaller where no proxy does it; what reflects an address is not compressed (BREACH)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.staff.consoles import NOON, Browser, console
from wxbot.compressed import NOISE_BYTES, gzipped, noise

ASKS = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def app(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    with console(sqlite_url, redis_url, tmp_path, NOON) as made:
        yield made


@given(st.binary(max_size=5000), st.binary(max_size=100).filter(lambda name: b"\0" not in name))
def test_whatever_is_compressed_comes_back_whole(body: bytes, name: bytes) -> None:
    assert gzip.decompress(gzipped(body, name)) == body


def test_a_page_is_compressed_with_a_length_that_tells_nothing(app: Flask) -> None:
    cashier = Browser(app, "wang")
    plain = cashier.get("/admin/payouts")
    assert "Content-Encoding" not in plain.headers and "Accept-Encoding" in plain.headers["Vary"]
    answer = cashier.get("/admin/payouts", **ASKS)
    assert answer.headers["Content-Encoding"] == "gzip" and int(answer.headers["Content-Length"]) == len(answer.data)
    assert len(answer.data) < len(plain.data) / 2
    assert "付款" in gzip.decompress(answer.data).decode() and answer.headers["Cache-Control"] == "private, no-store"
    lengths = {len(noise()) for _ in range(200)}
    assert min(lengths) >= 1 and max(lengths) <= NOISE_BYTES and len(lengths) > 20


def test_what_an_address_says_is_never_compressed_beside_the_token_S90(app: Flask) -> None:
    cashier = Browser(app, "wang")
    page = cashier.get("/admin/payouts?q=csrf_token", **ASKS)
    assert "Content-Encoding" not in page.headers and "csrf_token" in page.text
    refused = cashier.post("/admin/sign-in", {"login": "csrf_token", "password": "x"})
    assert "Content-Encoding" not in refused.headers


def test_a_file_is_compressed_once_and_known_again(app: Flask) -> None:
    client = app.test_client()
    answer = client.get("/static/console/console.css", headers=ASKS)
    style = Path(app.static_folder or "") / "console/console.css"
    assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(answer.data) == style.read_bytes()
    with client.get("/static/console/console.css", headers=ASKS | {"If-None-Match": answer.headers["ETag"]}) as again:
        assert again.status_code == 304 and not again.data
    with client.get("/static/console/console.css", headers=ASKS | {"Range": "bytes=0-99"}) as part:
        assert part.status_code == 206 and part.data == style.read_bytes()[:100]
        assert "Content-Encoding" not in part.headers
    with client.get("/static/console/console.css") as plain:
        assert "Content-Encoding" not in plain.headers


def test_behind_a_proxy_nothing_is_compressed_twice(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    with console(sqlite_url, redis_url, tmp_path, NOON, trusted_proxies=1) as app:
        with app.test_client().get("/static/console/console.css", headers=ASKS) as answer:
            assert "Content-Encoding" not in answer.headers
        assert "Content-Encoding" not in Browser(app, "wang").get("/admin/payouts", **ASKS).headers
