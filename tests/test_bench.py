"""The measuring client must not flatter anybody: wrong, cut and missing answers are counted, split ones are whole.

Each case of `make bench` is run small, as a process of its own: it ends well and has figures. What they are is asserted nowhere.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import func, select

from tests.servers import with_us
from wxbot.campaigns.models import Packet
from wxbot.db import Database
from wxbot.orders.models import Order

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsuccess"
REFUSED = b"HTTP/1.1 403 FORBIDDEN\r\ncontent-length: 0\r\n\r\n"
OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsorry"


def cases() -> list[str]:
    """What `scripts/bench.py` can measure, as it says itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        return sorted(importlib.import_module("bench").CASES)


@pytest.fixture(scope="module")
def load() -> ModuleType:
    """scripts/bench_load.py."""
    spec = importlib.util.spec_from_file_location("bench_load", SCRIPTS / "bench_load.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_load"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@contextmanager
def answering(*answers: list[bytes]) -> Iterator[tuple[str, int]]:
    """A server for one connection after the other: each request gets the next answer, piece by piece; [] cuts the line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        waiting = iter(answers)

        def serve() -> None:
            for pieces in waiting:
                line, _ = listener.accept()
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with line:
                    while pieces and line.recv(65536):
                        for piece in pieces:
                            line.sendall(piece)
                        pieces = next(waiting, [])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(5)


def test_right_answers_are_counted_also_when_they_come_in_pieces(load: ModuleType) -> None:
    asked = [load.request("POST", "/wechat", "shop.example.com", b"<xml/>")] * 3
    with answering([GOOD], [GOOD[:20], GOOD[20:30], GOOD[30:]], [GOOD]) as address:
        volley = load.fire(address, asked, b"200", b"success", concurrency=1)
    assert (volley.requests, volley.wrong, len(volley.waits_s)) == (3, 0, 3)
    assert volley.per_second > 0


@pytest.mark.parametrize("wrong", [REFUSED, OTHER], ids=["status", "body"])
def test_a_wrong_answer_is_counted_and_shown(load: ModuleType, wrong: bytes) -> None:
    asked = [load.request("GET", "/", "shop.example.com")] * 2
    with answering([GOOD], [wrong]) as address:
        volley = load.fire(address, asked, b"200", b"success", concurrency=1)
    assert volley.wrong == 1
    assert volley.first_wrong.startswith(wrong.decode()[:20])


def test_a_cut_connection_is_a_wrong_answer_and_the_rest_goes_on(load: ModuleType) -> None:
    asked = [load.request("GET", "/", "shop.example.com")] * 3
    with answering([GOOD], [], [GOOD]) as address:
        volley = load.fire(address, asked, b"200", b"success", concurrency=1)
    assert (volley.wrong, len(volley.waits_s)) == (1, 3)


def test_the_request_is_what_a_browser_would_send(load: ModuleType) -> None:
    sent = load.request("POST", "/a?b=c", "shop.example.com", b"{}", "application/json", (("Cookie", "x=y"),))
    head, _, body = sent.partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.split(b"\r\n")[0] == b"POST /a?b=c HTTP/1.1"
    assert b"Content-Length: 2" in head and b"Cookie: x=y" in head and b"Host: shop.example.com" in head


def test_the_rows_of_the_big_table_fit_todays_schema(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are written by statements of the bench's own, a million at once."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    campaign_id = importlib.import_module("bench_table").packets(database, 200)
    with database.reading() as session:
        assert session.scalar(select(func.count()).where(Packet.campaign_id == campaign_id)) == 200
        orders = session.scalars(select(Order)).all()
    assert len(orders) == 182
    assert {order.budget_id for order in orders} == {campaign_id}


@pytest.mark.proof
@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", cases())
def test_a_case_ends_well_and_has_figures(case: str, tmp_path: Path) -> None:
    """What a case needs of wxbot changes with wxbot, and nobody measures every week."""
    said = tmp_path / "bench.json"
    command = [sys.executable, str(SCRIPTS / "bench.py"), "--quick", "--case", case, "--json", str(said)]
    with subprocess.Popen(
        with_us(command, "TERM"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as bench:
        try:
            printed, _ = bench.communicate()
        finally:
            bench.terminate()  # it takes down what it started
    assert bench.returncode == 0, printed[-4000:]
    found = json.loads(said.read_text())
    assert found["failed"] == {}
    if found["left_out"] and not found["figures"]:
        pytest.skip(found["left_out"][0])
    assert {figure["case"] for figure in found["figures"]} == {case}
    for figure in found["figures"]:
        for value in ("ours", "baseline", "ratio"):
            assert math.isfinite(figure[value]) and figure[value] >= 0, figure
        assert figure["baseline"] > 0, figure
