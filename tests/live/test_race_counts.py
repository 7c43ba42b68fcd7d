"""A race on real sockets: shakes are counted by the server's time, ranks go out, and the rows say the same."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.live.stage import LiveServer, LiveStage, ack_of, lay_game, race_game
from tests.waiting import until
from wxbot.db import Database
from wxbot.hall import simulated
from wxbot.hall.race_rule import CAP_PER_S, Runner, Span
from wxbot.hall.wire import KnownGuest, lease_key, race_key, reports_channel
from wxbot.live import rows


def begin(stage: LiveStage, slug: str, game_id: int, seconds: float) -> float:
    """A race that began three seconds ago; says when."""
    lay_game(stage.ground.database, game_id)
    began = stage.ground.clock.unix() - 3
    stage.tell(slug, 2, scene="race", game=race_game(game_id, began, seconds))
    return began


def send(socket: ClientConnection, seq: int, count: int) -> None:
    """What a phone sends each second."""
    socket.send(json.dumps({"seq": seq, "count": count}))


def counted(stage: LiveStage, game_id: int) -> dict[int, tuple[str, int, int]]:
    """The rows: guest → team, counted, newest message."""
    found = rows.read(stage.ground.database, game_id)
    return {no: (guest.team, runner.counted, runner.seq) for no, (guest, runner) in found.items()}


def ranks(stage: LiveStage, slug: str) -> dict[str, Any]:
    """The newest ranks in Redis."""
    said = stage.redis.hget(race_key(slug), "ranks")
    return json.loads(str(said)) if said else {}


def handshake(live: LiveServer, cookie: str, **headers: str) -> int:
    """The status of an answer to a socket's first request."""
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Cookie": cookie}
    asked |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **headers}
    with requests.get(f"{live.base}/live/gate/race", headers=asked, stream=True, timeout=10) as answer:
        return answer.status_code


def test_a_race_from_shakes_to_rows(live_stage: LiveStage, live: LiveServer) -> None:
    stage, slug = live_stage, "race"
    people = {no: stage.guest(slug, no, "红队" if no % 2 else "蓝队", f"n{no}") for no in (1, 2, 3)}
    stage.tell(slug, 1)
    with ExitStack() as open_, stage.screen(live, slug) as screen:
        sockets = {no: open_.enter_context(stage.runner(live, slug, openid)) for no, openid in people.items()}
        began = begin(stage, slug, 101, 6)
        until(lambda: ranks(stage, slug), "somebody counts")
        send(sockets[1], 1, 20)
        assert ack_of(sockets[1], 1)["count"] == 20
        time.sleep(0.5)
        send(sockets[1], 1, 30)  # a repeat
        send(sockets[1], 2, 24)
        assert ack_of(sockets[1], 2)["count"] == 24
        send(sockets[2], 5, 1_000_000)
        most = ack_of(sockets[2], 5)["count"]
        assert 30 < most <= CAP_PER_S * (stage.ground.clock.unix() - began)
        send(sockets[3], 1, 7)
        ack_of(sockets[3], 1)
        final = until(lambda: (found := ranks(stage, slug)).get("final") and found, "the race is over")
        assert [(each["no"], each["name"]) for each in final["top"]] == [(2, "n2"), (1, "n1"), (3, "n3")]
        assert final["top"][1]["counted"] == 24 and final["people"] == 3
        assert [each["team"] for each in final["teams"]] == ["蓝队", "红队"]
        assert counted(stage, 101) == {1: ("红队", 24, 2), 2: ("蓝队", most, 5), 3: ("红队", 7, 1)}
        heard: list[dict[str, Any]] = []
        while not heard or not heard[-1]["final"]:
            event = screen.next()
            heard += [json.loads(event["data"])] if event["event"] == "ranks" else []
        assert heard[-1] == final
        send(sockets[3], 9, 80)  # too late
        late = ack_of(sockets[3])
        assert late["final"] and late["count"] == 7


def test_simulated_guests_race_beside_a_phone(live_stage: LiveStage, live: LiveServer) -> None:
    stage, slug = live_stage, "rehearsed"
    openid = stage.guest(slug, 1, "红队", "阿明")
    stage.tell(slug, 1)
    with stage.runner(live, slug, openid) as socket:
        span = Span(began := begin(stage, slug, 112, 60), began + 60)
        until(lambda: ranks(stage, slug), "somebody counts")
        send(socket, 1, 5)
        ack_of(socket, 1)
        said = simulated.reports(
            [KnownGuest(2, "蓝队", "钱子涵"), KnownGuest(3, "红队")], span, stage.ground.clock.unix()
        )
        stage.redis.publish(reports_channel(slug), said)
        expected = {no: count for (_, _, count), no in zip(json.loads(said)["reports"], (2, 3), strict=True)} | {1: 5}
        found = until(lambda: (seen := ranks(stage, slug)).get("people") == 3 and seen, "all three have a place")
        assert {each["no"]: each["counted"] for each in found["top"]} == expected and min(expected.values()) == 5
        assert {each["no"]: each["name"] for each in found["top"]} == {1: "阿明", 2: "钱子涵", 3: ""}
        assert {each["team"]: each["people"] for each in found["teams"]} == {"红队": 2, "蓝队": 1}
        stored = until(lambda: len(seen := counted(stage, 112)) == 3 and seen, "their rows are written")
        assert {no: count for no, (_, count, _) in stored.items()} == expected


def test_a_page_that_was_loaded_again_goes_on_from_where_it_was(live_stage: LiveStage, live: LiveServer) -> None:
    slug = "again"
    openid = live_stage.guest(slug, 9)
    live_stage.tell(slug, 1)
    begin(live_stage, slug, 102, 60)
    until(lambda: ranks(live_stage, slug) or live_stage.ask(live, f"{slug}/state.json").close(), "somebody counts")
    with live_stage.runner(live, slug, openid) as socket:
        assert ack_of(socket)["count"] == 0
        send(socket, 4, 11)
        assert ack_of(socket, 4)["count"] == 11
    with live_stage.runner(live, slug, openid) as socket:
        known = ack_of(socket)
        assert (known["seq"], known["count"]) == (4, 11)


def test_a_socket_hears_of_the_hall_as_well(live_stage: LiveStage, live: LiveServer) -> None:
    slug = "hear"
    openid = live_stage.guest(slug, 1)
    live_stage.tell(slug, 1)
    with live_stage.runner(live, slug, openid) as socket:
        said = [json.loads(socket.recv(timeout=10)) for _ in range(2)]
        assert {key for each in said for key in each} == {"ack", "state"}
        live_stage.tell(slug, 2, scene="race")
        assert json.loads(socket.recv(timeout=10))["state"]["scene"] == "race"


def test_the_ranks_of_a_race_are_for_screens(live_stage: LiveStage, live: LiveServer) -> None:
    """Two thousand phones that are told thirty names twice a second would hold up the answers to them all."""
    stage, slug = live_stage, "ranks"
    openid = stage.guest(slug, 1, name="n1")
    stage.tell(slug, 1)
    with (
        stage.screen(live, slug) as screen,
        stage.phone(live, slug, openid) as phone,
        stage.runner(live, slug, openid) as socket,
    ):
        began = begin(stage, slug, 104, 60)
        for _ in range(2):
            while screen.next()["event"] != "ranks":
                pass
        stage.tell(slug, 3, scene="wall", game=race_game(104, began, 60))
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1].get("state", {}).get("scene") != "wall":
            heard.append(json.loads(socket.recv(timeout=10)))
        assert {key for each in heard for key in each} == {"ack", "state"}
        events: list[dict[str, str]] = []
        while not events or '"wall"' not in events[-1]["data"] or '"v":3' not in events[-1]["data"]:
            events.append(phone.next())
        assert "ranks" not in {event["event"] for event in events}


@pytest.mark.parametrize(
    "said", ["", "[]", '{"seq": 1}', '{"seq": 1, "count": -1}', '{"seq": true, "count": 1}', "{" * 400]
)
def test_nonsense_closes_the_socket_and_nothing_else(live_stage: LiveStage, live: LiveServer, said: str) -> None:
    openid = live_stage.guest("bad", 1)
    live_stage.tell("bad", 1)
    with live_stage.runner(live, "bad", openid) as socket:
        socket.send(said)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(timeout=10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4400
    assert live.is_well()


def test_fifty_messages_a_second_are_too_many(live_stage: LiveStage, live: LiveServer) -> None:
    openid = live_stage.guest("flood", 1)
    live_stage.tell("flood", 1)
    with live_stage.runner(live, "flood", openid) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            for seq in range(1, 400):
                send(socket, seq, seq)
            while True:
                socket.recv(timeout=10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4429


def test_who_did_not_sign_in_to_the_hall_runs_in_no_race(live_stage: LiveStage, live: LiveServer) -> None:
    live_stage.tell("gate", 1)
    with live_stage.runner(live, "gate", "oStranger01") as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4403
    cookie = live_stage.cookie(live_stage.guest("gate", 1))
    assert handshake(live, "") == handshake(live, cookie, Origin="https://evil.example.com") == 403
    assert handshake(live, cookie) == 101


@pytest.mark.on_both
def test_rows_are_written_in_one_statement_and_never_go_back(database: Database) -> None:
    lay_game(database, 1)
    people = {no: (KnownGuest(no, "红'队\"", "n"), Runner(no, 3, 1_800_000_000.25)) for no in range(1, 2001)}
    rows.write(database, 1, people)
    found = rows.read(database, 1)
    assert found[7] == (KnownGuest(7, "红'队\""), Runner(7, 3, 1_800_000_000.25)) and len(found) == 2000
    rows.write(
        database,
        1,
        {7: (KnownGuest(7), Runner(6, 9, 1_800_000_001.0)), 8: (KnownGuest(8), Runner(9, 4, 1_800_000_001.0))},
    )
    found = rows.read(database, 1)
    assert (found[7][1].counted, found[8][1].counted) == (7, 9)


@pytest.mark.on_both
def test_no_row_is_written_once_a_race_is_settled(database: Database) -> None:
    lay_game(database, 1)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            session.execute(text("UPDATE hall_games SET status = 'settled' WHERE id = 1"))
            late = pool.submit(rows.write, database, 1, {7: (KnownGuest(7), Runner(9, 9, 1_800_000_001.0))})
            wait([late], timeout=0.5)  # it goes on when this commit is there, however long that takes
        late.result()
    assert rows.read(database, 1) == {}


def test_who_comes_before_anybody_counts_is_told_as_soon_as_somebody_does(
    live_stage: LiveStage, live: LiveServer
) -> None:
    """Somebody else's lease stands in the way for a while, as after a kill."""
    slug = "early"
    openid = live_stage.guest(slug, 1)
    live_stage.redis.set(lease_key(slug), "of somebody who was killed", px=2500)
    live_stage.tell(slug, 1)
    began = live_stage.ground.clock.unix()
    lay_game(live_stage.ground.database, 103)
    live_stage.tell(slug, 2, game=race_game(103, began, 60))
    until(lambda: b"103" in live_stage.ask(live, f"{slug}/state.json").content, "it knows of the race")
    with live_stage.runner(live, slug, openid) as socket:
        assert live_stage.redis.get(lease_key(slug)) == "of somebody who was killed"
        assert ack_of(socket)["count"] == 0
        send(socket, 1, 3)
        assert ack_of(socket, 1)["count"] == 3
