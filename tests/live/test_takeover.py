"""Two processes, and the one that counts is killed in the middle of a race: the other goes on from its rows, which are a second old at most."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from tests.live.stage import LiveServer, LiveStage, ack_of, lay_game, race_game
from tests.waiting import until
from wxbot.hall.wire import lease_key, race_key, ranks_channel
from wxbot.live import rows
from wxbot.live.lease import LIFE_S
from wxbot.live.race import TELL_S, WRITE_S


def ranks(stage: LiveStage, slug: str) -> dict[str, Any]:
    """The newest ranks in Redis."""
    said = stage.redis.hget(race_key(slug), "ranks")
    return json.loads(str(said)) if said else {}


@pytest.fixture
def two(live_stage: LiveStage) -> Iterator[list[LiveServer]]:
    """Two processes side by side."""
    servers = live_stage.start(2)
    yield servers
    for server in servers:
        server.stop()


def who_counts(stage: LiveStage, servers: list[LiveServer]) -> LiveServer:
    """The process that has the lease, as it says itself."""

    def found() -> list[LiveServer]:
        return [server for server in servers if "race_taken" in server.words()]

    until(lambda: found() and stage.redis.exists(lease_key("gala")), "somebody counts")
    return found()[0]


def test_the_numbers_of_the_lease_let_another_one_count_within_five_seconds_from_rows_of_one() -> None:
    # At worst the holder renewed it just before it died, and the other one looked just before it ended; its next telling says ranks.
    assert LIFE_S + 2 * TELL_S <= 5
    assert WRITE_S <= 1


def shaken(stage: LiveStage, phone: ClientConnection, no: int, tellings: int) -> tuple[list[int], dict[str, Any]]:
    """Shake a phone on until the ranks were said so often: what they said of it each time, and the newest answer to the phone."""
    said: list[int] = []
    with closing(stage.redis.pubsub(ignore_subscribe_messages=True)) as heard:  # type: ignore[no-untyped-call]
        heard.subscribe(ranks_channel("gala"))
        for seq in count(2):
            time.sleep(0.25)  # a socket may say five things in a second
            phone.send(json.dumps({"seq": seq, "count": 26 + 2 * seq}))
            answer = ack_of(phone, seq)
            while message := heard.get_message():
                top = json.loads(message["data"])["top"]
                said += [line["counted"] for line in top if line["no"] == no]
            if len(said) >= tellings:
                return said, answer
    raise AssertionError("count() has no end")


@pytest.mark.parametrize("how", ["kill", pytest.param("freeze", marks=pytest.mark.proof)])
def test_another_one_takes_over_where_the_rows_are(live_stage: LiveStage, two: list[LiveServer], how: str) -> None:
    stage = live_stage
    stage.redis.delete(race_key("gala"), lease_key("gala"))
    game_id = {"kill": 201, "freeze": 202}[how]
    lay_game(stage.ground.database, game_id)
    began = stage.ground.clock.unix() - 5
    openids = {no: stage.guest("gala", no, name=f"n{no}") for no in (1, 2)}
    stage.tell("gala", game_id, scene="race", game=race_game(game_id, began, 120))
    with ExitStack() as open_:
        ends = [
            [open_.enter_context(stage.runner(server, "gala", openid)) for server in two] for openid in openids.values()
        ]
        counting = who_counts(stage, two)
        first, other = two.index(counting), 1 - two.index(counting)
        # One phone on each: what the second process is sent is counted by the first one.
        ends[0][first].send(json.dumps({"seq": 1, "count": 30}))
        assert ack_of(ends[0][first], 1)["count"] == 30
        ends[1][other].send(json.dumps({"seq": 1, "count": 20}))
        assert ack_of(ends[1][other], 1)["count"] == 20
        epoch = ranks(stage, "gala")["epoch"]
        said, newest = shaken(stage, ends[0][first], 1, tellings=6)
        os.kill(counting.process.pid, signal.SIGKILL if how == "kill" else signal.SIGSTOP)
        # Ranks are said twice a second: what the last but two said was counted a second before, and a row has it.
        written = rows.read(stage.ground.database, game_id)
        assert written[1][1].counted >= said[-3] > said[0] >= 30
        assert written[2][1].counted == 20
        until(lambda: ranks(stage, "gala")["epoch"] > epoch, "the other one counts")
        # A phone says how often it was shaken in all, so what was lost on the way is made good by its next message.
        ends[1][other].send(json.dumps({"seq": 2, "count": 45}))
        assert ack_of(ends[1][other], 2)["count"] == 45
        with stage.runner(two[other], "gala", openids[1]) as again:
            known = ack_of(again)
            assert known["count"] == written[1][1].counted, "what the killed one had written is known to the other"
        if how == "freeze":
            os.kill(counting.process.pid, signal.SIGCONT)
            time.sleep(2)
            assert ranks(stage, "gala")["epoch"] > epoch
            last = {"seq": newest["seq"] + 1, "count": newest["count"] + 3}
            ends[0][first].send(json.dumps(last))
            assert ack_of(ends[0][first], last["seq"])["count"] == last["count"]
        else:
            counting.process.wait()
    stage.tell(
        "gala", game_id + 1000, scene="race", game=race_game(game_id, began, stage.ground.clock.unix() - began - 3)
    )
    until(lambda: ranks(stage, "gala").get("final"), "the race is over")
    found = rows.read(stage.ground.database, game_id)
    assert {no: runner.counted for no, (_, runner) in found.items()} == {
        1: newest["count"] + 3 if how == "freeze" else known["count"],
        2: 45,
    }


def test_who_is_told_to_stop_hands_over_at_once_and_every_stream_ends_in_good_order(live_stage: LiveStage) -> None:
    stage = live_stage
    [first] = stage.start()
    lay_game(stage.ground.database, 203)
    openid = stage.guest("hand", 1)
    began = stage.ground.clock.unix() - 5
    stage.tell("hand", 1, scene="race", game=race_game(203, began, 120))
    stage.tell("stop", 1)
    with stage.runner(first, "hand", openid) as socket, stage.phone(first, "stop", "oPhoneStop") as phone:
        phone.state()
        until(lambda: ranks(stage, "hand"), "somebody counts")
        socket.send(json.dumps({"seq": 1, "count": 30}))
        assert ack_of(socket, 1)["count"] == 30
        assert first.stop() == 0, first.words()
        with pytest.raises(EOFError):
            while True:
                phone.next()
    assert "live_stopped" in first.words() and "Traceback" not in first.words()
    assert not stage.redis.exists(lease_key("hand"))
    assert rows.read(stage.ground.database, 203)[1][1].counted == 30
