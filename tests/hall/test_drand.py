"""Late entropy from drand, through relays of the tests: only the network's own signature counts, and nothing is replaced in silence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import py_arkworks_bls12381 as curves
import pytest
from sqlalchemy import update

from tests.conftest import Cast, simulator_settings
from tests.hall import vector
from tests.hall.stage import OpenHall, open_hall
from tests.servers import LoopbackServer, SimulatedWeChat
from wxbot.campaigns.models import Campaign
from wxbot.hall import drand, faults, journal, quicknet, rosters, select, wire
from wxbot.runtime import Runtime
from wxbot.settings import Settings, SettingsError
from wxbot.wechat.http import Timeouts, Transport

SECRET = curves.Scalar(20261129)


def signed(round_: int) -> str:
    """The signature of a network of our own."""
    said = hashlib.sha256(round_.to_bytes(8, "big")).digest()
    return bytes((curves.G1Point.hash_to_curve(said, quicknet.TAG) * SECRET).to_compressed_bytes()).hex()


class Relay:
    """A relay that answers what it is told to, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[int], Any] = lambda round_: None

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.asked.append(environ["PATH_INFO"])
        told = self.answer(int(environ["PATH_INFO"].rpartition("/")[2]))
        start_response("404 Not Found" if told is None else "200 OK", [("Content-Type", "application/json")])
        return [json.dumps(told).encode()]


@pytest.fixture
def relays() -> Iterator[tuple[list[str], list[Relay]]]:
    """Two relays and their addresses."""
    with LoopbackServer() as one, LoopbackServer() as other:
        made = [Relay(), Relay()]
        one.serve(made[0])
        other.serve(made[1])
        yield [one.url, other.url], made


def always(told: Any) -> Callable[[int], Any]:
    return lambda _round: told


def published(round_: int) -> dict[str, Any]:
    return {"round": round_, "randomness": vector.RANDOMNESS, "signature": vector.SIGNATURE}


def test_the_published_round_is_taken_from_the_first_relay_that_tells_the_truth(
    relays: tuple[list[str], list[Relay]],
) -> None:
    addresses, (one, other) = relays
    other.answer = published
    with closing(Transport(timeouts=Timeouts(2, 2, 2))) as transport:
        false: list[Any] = [
            None,
            [],
            {"round": vector.ROUND},
            published(vector.ROUND + 1),
            published(vector.ROUND) | {"signature": "a" + vector.SIGNATURE[1:]},
            published(vector.ROUND) | {"signature": vector.SIGNATURE.upper()},
        ]
        for told in false:
            one.answer = always(told)
            found = drand.ask(transport, ["http://127.0.0.1:9", *addresses], vector.ROUND)
            assert found == (vector.ROUND, vector.RANDOMNESS, vector.SIGNATURE), told
        assert drand.ask(transport, addresses[:1], vector.ROUND) is None
        one.answer = lambda round_: (
            published(round_) | {"randomness": "0" * 64}
        )  # made from the signature, not believed
        assert drand.ask(transport, addresses[:1], vector.ROUND) == found
        assert drand.ask(transport, addresses, vector.ROUND + 1) is None  # that signature is another round's
    assert set(one.asked) == {f"/{quicknet.CHAIN}/public/{round_}" for round_ in (vector.ROUND, vector.ROUND + 1)}


@pytest.fixture
def hall(
    simulator: SimulatedWeChat,
    cast: Cast,
    sqlite_url: str,
    redis_url: str,
    tmp_path: Any,
    relays: tuple[list[str], list[Relay]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OpenHall]:
    """A hall in mode drand, of a network whose key is ours."""
    key = bytes((curves.G2Point() * SECRET).to_compressed_bytes()).hex()
    monkeypatch.setattr(quicknet, "PUBLIC_KEY", key)
    settings = simulator_settings(simulator, sqlite_url, redis_url, tmp_path, drand_relays=" ".join(relays[0]))
    with closing(Runtime(settings)) as runtime:
        yield open_hall(runtime, guests=5, terms={"mode": "drand"})


def arm(hall: OpenHall, k: int = 1) -> int:
    with hall.runtime.database.transaction() as session:
        now = hall.runtime.database.now(session)
        if hall.hall().roster_version == 0:
            rosters.freeze(session, hall.campaign_id, now)
        return select.arm(session, hall.campaign_id, 1, k, now).d


def pass_by(hall: OpenHall, simulator: SimulatedWeChat, seconds: float) -> None:
    simulator.advance(seconds)
    hall.runtime.clock.refresh()


def kinds(hall: OpenHall) -> list[str]:
    return [entry.kind for entry in hall.log()]


def test_a_fixed_selection_gets_its_round_and_nothing_before_its_time(
    hall: OpenHall, simulator: SimulatedWeChat, relays: tuple[list[str], list[Relay]]
) -> None:
    one, _ = relays[1]
    one.answer = lambda round_: {"round": round_, "signature": signed(round_)}
    hall.work()
    d = arm(hall)
    hall.work()
    assert one.asked == []  # before its time nobody is asked
    pass_by(hall, simulator, quicknet.LEAD + quicknet.PERIOD)
    hall.work()
    hall.work()
    assert len(one.asked) == 1
    with hall.runtime.database.reading() as session:
        armed = journal.evening(session, hall.campaign_id).selections[d]
    assert armed.phase == "ready"
    told = json.loads(hall.runtime.redis.get(wire.state_key(hall.slug)) or "{}")
    assert told["selection"]["entropy_text"].startswith("quicknet ")  # the screen is told
    late = next(entry for entry in hall.log() if entry.kind == "entropy")
    assert quicknet.fault(late.body["text"], late.body["signature"], armed.armed_at, late.at) is None
    with hall.runtime.database.transaction() as session:
        now = hall.runtime.database.now(session)
        select.start(session, hall.runtime.vault, hall.campaign_id, now)
    assert kinds(hall)[-3:] == ["armed", "entropy", "drawn"]


def test_without_drand_the_log_says_so_after_a_minute_and_the_hall_holds_up_numbers(
    hall: OpenHall, simulator: SimulatedWeChat, relays: tuple[list[str], list[Relay]]
) -> None:
    arm(hall)
    pass_by(hall, simulator, 40)
    hall.work()
    assert kinds(hall)[-1] == "armed"
    pass_by(hall, simulator, 20)
    hall.work()
    hall.work()
    assert kinds(hall)[-2:] == ["armed", "entropy_fallback"]
    with hall.runtime.database.transaction() as session:
        now = hall.runtime.database.now(session)
        select.hold_up(session, hall.campaign_id, ["12345678", "22345678", "32345678"], now)
    relays[1][0].answer = lambda round_: {"round": round_, "signature": signed(round_)}
    hall.work()  # what comes too late changes nothing
    assert kinds(hall)[-1] == "entropy"
    assert hall.log()[-1].body["kind"] == "hall"


def test_a_selection_that_waits_when_the_time_of_the_hall_is_over_gets_its_entropy_too(
    hall: OpenHall, simulator: SimulatedWeChat
) -> None:
    arm(hall)
    with hall.runtime.database.transaction() as session:
        session.execute(update(Campaign).values(status="closing"))
    pass_by(hall, simulator, 60)
    hall.work()
    assert kinds(hall)[-2:] == ["armed", "entropy_fallback"]
    assert hall.campaign().status == "closing"


def test_who_cannot_have_drand_is_told_before_the_evening(hall: OpenHall, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, values = hall.runtime.settings, {"terms": {"mode": "drand"}}

    def told(settings: Settings) -> list[str]:
        with hall.runtime.database.reading() as session:
            return [each.field for each in faults.unreachable_mode(session, settings, values, None)]

    assert told(settings) == []
    assert told(settings.model_copy(update={"drand_relays": ""})) == ["mode"]
    monkeypatch.setattr(quicknet, "LIBRARY", "not_installed_here")
    assert told(settings) == ["mode"]


@pytest.mark.parametrize("relays", ["api.drand.sh", "ftp://a", "https://a?b"])
def test_relays_are_addresses(simulator: SimulatedWeChat, redis_url: str, tmp_path: Any, relays: str) -> None:
    with pytest.raises((SettingsError, ValueError), match=r"(?i)drand_relays"):
        simulator_settings(simulator, "sqlite://", redis_url, tmp_path, drand_relays=relays)
