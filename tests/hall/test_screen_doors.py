"""Pairing, start and stop from the screen; the public state; and that no browser has a winner before the stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.hall.hosting import Host
from tests.hall.screens import pair, post, still, without
from tests.hall.stage import OpenHall, open_hall
from wxbot.hall import pairing, rates, record_kept, screen_pass, standing, told, wire
from wxbot.rate_limit import Rate
from wxbot.runtime import Runtime


@pytest.fixture
def hall(runtime: Runtime) -> OpenHall:
    return open_hall(runtime, guests=12, terms={"mode": "seed"})


@pytest.fixture
def desk(hall: OpenHall) -> Host:
    desk = Host(hall)
    desk.freeze()
    return desk


def test_six_digits_make_a_browser_the_screen_and_a_later_one_takes_over(desk: Host, app: Flask) -> None:
    first, second = app.test_client(), app.test_client()
    pair(desk, first)
    cookie = first.get_cookie(screen_pass.cookie_name(desk.stage.runtime, "gala"), domain="127.0.0.1")
    assert cookie is not None and cookie.http_only
    desk.arm(k=3)
    pair(desk, second)
    assert post(first, "start").json["reason"] == "not_leading"
    assert post(app.test_client(), "start").json["reason"] == "unpaired"
    assert post(second, "start").json == {"d": 1, "status": "drawn"}


def test_brackets_in_brackets_are_a_wrong_code_and_no_fault_of_ours(desk: Host, client: FlaskClient) -> None:
    headers = {"Origin": desk.stage.runtime.settings.public_url, "Content-Type": "application/json"}
    assert client.post("/hall/gala/pair", data="[" * 20_000, headers=headers).status_code == 403


def test_digits_live_five_minutes_count_all_tries_and_are_used_once(desk: Host, client: FlaskClient) -> None:
    assert post(client, "pair", code="000000").json["reason"] == "over"
    digits = desk.do(pairing.offer, desk.id)
    wrong = f"{(int(digits) + 1) % 10**6:06d}"
    tried = [desk.do(pairing.pair, desk.id, wrong).reason for _ in range(pairing.TRIES)]
    assert set(tried) == {"wrong"}
    assert post(client, "pair", code=digits).json["reason"] == "over"
    digits = desk.do(pairing.offer, desk.id)
    with desk.stage.runtime.database.transaction() as session:
        late = desk.stage.runtime.database.now(session) + pairing.LIFE
        refused = pairing.pair(session, desk.id, digits, late)
    assert getattr(refused, "reason", "") == "over"
    assert post(client, "pair", code=digits).status_code == 200
    assert post(client, "pair", code=digits).json["reason"] == "over"


def test_a_stranger_who_guesses_is_stopped_alone_and_the_screen_pairs_all_the_same(
    desk: Host, client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = rates.RATES["pair"].most
    monkeypatch.setitem(rates.RATES, "pair", Rate(most, 10**9))  # no window ends meanwhile
    digits = desk.do(pairing.offer, desk.id)
    stranger = app.test_client()
    wrong = f"{(int(digits) + 1) % 10**6:06d}"
    said = [post(stranger, "pair", code=wrong, address="198.51.100.7") for _ in range(most + 1)]
    assert [each.json["reason"] for each in said] == ["wrong"] * most + ["too_often"]
    refused = post(stranger, "pair", code=digits, address="198.51.100.7")
    assert (refused.status_code, refused.json["reason"]) == (429, "too_often")
    assert post(client, "pair", code=digits).status_code == 200
    again = desk.do(pairing.offer, desk.id)
    assert post(stranger, "pair", code=again, address="198.51.100.7").status_code == 200


def test_no_other_site_presses_a_screen_and_an_old_press_does_nothing(desk: Host, client: FlaskClient) -> None:
    pair(desk, client)
    desk.arm()
    assert post(client, "start", {"Sec-Fetch-Site": "cross-site"}).status_code == 400
    assert client.post("/hall/gala/start", data={"d": "1"}).status_code == 400
    assert post(client, "start", d=7).status_code == 409
    assert [each.status for each in desk.selections()] == ["armed"]
    assert post(client, "start", d=1).status_code == 200
    assert post(client, "stop", d=7).status_code == 409
    assert post(client, "stop", d=1).json["winners"]


def test_the_state_comes_from_redis_without_sql_and_from_the_rows_when_that_is_empty(
    desk: Host, client: FlaskClient
) -> None:
    runtime = desk.stage.runtime
    pair(desk, client)
    runtime.redis.delete(wire.state_key("gala"))
    first = client.get("/hall/gala/state").json
    assert first is not None and first["guests"] == 12 and first["roster"]["count"] == 12
    asked: list[str] = []

    def count(*args: Any) -> None:
        asked.append(args[2])

    event.listen(runtime.database.engine, "before_cursor_execute", count)
    assert client.get("/hall/gala/state").json == first
    event.remove(runtime.database.engine, "before_cursor_execute", count)
    assert asked == []
    runtime.redis.flushdb()
    again = client.get("/hall/gala/state").json
    assert again is not None and again["v"] > first["v"]
    assert client.get("/hall/none/state").status_code == 404


def test_who_is_no_screen_of_the_hall_reads_nobodys_name(desk: Host, client: FlaskClient) -> None:
    desk.show(k=3)
    told.tell(desk.stage.runtime, desk.id)
    answer = client.get("/hall/gala/state")
    assert answer.json is not None and answer.json["selection"]["status"] == "revealed" and answer.json["v"]
    assert "来宾" not in answer.get_data(as_text=True) and "winners" not in answer.get_data(as_text=True)
    pair(desk, client)
    assert "来宾" in client.get("/hall/gala/state").get_data(as_text=True)


@pytest.mark.on_both
def test_addresses_that_no_hall_has_are_answered_as_none(desk: Host, client: FlaskClient) -> None:
    for path in ("%00/screen", "%00/record.json", "gal%00a/now", "%F0%9F%8E%89/state", "gala/rosters/99999999999.txt"):
        assert client.get(f"/hall/{path}").status_code in (200, 404), path
    assert client.get("/hall/gal%00a/preflight").status_code == 404
    pair(desk, client)
    for d in ("9" * 30, str(2**31), "-1", "x"):
        assert client.get(f"/hall/gala/pool?d={d}").json == {"people": []}


def test_whoever_listens_is_told_and_an_older_state_never_replaces_a_newer(desk: Host) -> None:
    runtime = desk.stage.runtime
    listening: Any = runtime.redis.pubsub()  # type: ignore[no-untyped-call]  # redis types no arguments there
    listening.subscribe(wire.channel("gala"))
    listening.get_message(timeout=1)
    newest = told.tell(runtime, desk.id)
    assert newest is not None
    said = listening.get_message(timeout=1)
    assert said is not None and said["data"] == str(newest["v"])
    runtime.redis.eval(told._KEEP, 2, "hall:gala:state", "hall:gala:state:v", str(newest["v"] - 1), "old", "x", "9")
    assert told.text_of(runtime, "gala") != "old"


@pytest.fixture
def traffic(app: Flask) -> Iterator[list[bytes]]:
    """Every byte that leaves the server."""
    sent: list[bytes] = []

    def note(response: Any) -> Any:
        response.direct_passthrough = False
        sent.append(repr(response.headers).encode() + response.get_data())
        return response

    app.after_request_funcs.setdefault(None, []).append(note)
    yield sent


def test_between_start_and_stop_nothing_that_leaves_the_server_tells_a_winner(
    desk: Host, client: FlaskClient, traffic: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_kept, "APART_S", 0.0)  # each look has a record of its own
    pair(desk, client)
    paths = ("screen", "state", "pool?d=1", "record.json", "now", "code", "preflight")

    def look() -> list[bytes]:
        traffic.clear()
        for path in paths:
            client.get(f"/hall/gala/{path}")
        return [still(each) for each in traffic]

    def phones() -> list[Any]:
        with desk.stage.runtime.database.reading() as session:
            return [standing.of_guest(session, guest) for guest in desk.stage.guests()]

    desk.arm(k=3)
    told.tell(desk.stage.runtime, desk.id)
    before, own = look(), phones()
    traffic.clear()
    assert post(client, "start", d=1).json == {"d": 1, "status": "drawn"}
    assert post(client, "start", d=1).json == {"d": 1, "status": "drawn"}
    rolling = look()
    assert b'winners":[{' not in b"".join(rolling).replace(b" ", b"")
    assert [without(each) for each in rolling] == [without(each) for each in before]
    assert phones() == own
    assert len(post(client, "stop", d=1).json["winners"]) == 3
    assert sum(len(phone["won"]) for phone in phones()) == 3
    assert b'winners":[{' in b"".join(look()).replace(b" ", b"")
