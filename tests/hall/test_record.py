"""The record: what it holds, that it is verified, sealed, and silent about what was not revealed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.deployments import environment
from tests.hall.hosting import Host, leap, people, readings_of_the_log
from tests.hall.stage import OpenHall, open_hall
from wxbot import ledger
from wxbot.cli import cli
from wxbot.hall import erasure, games, guests, record_kept, results, seal, verify, void
from wxbot.hall.models import Game, RaceCount, RainHit
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.vault import Vault


@pytest.fixture
def desk(runtime: Runtime) -> Host:
    desk = Host(open_hall(runtime, guests=12, terms={"mode": "seed"}))
    desk.freeze()
    return desk


def test_the_public_record_is_verified_and_its_names_are_masked(desk: Host, client: FlaskClient) -> None:
    winners = desk.show(k=3)
    desk.mark(1, winners[0])
    desk.confirm(1)
    desk.freeze()
    made = client.get("/hall/gala/record.json").json
    assert made is not None
    seen = verify.verify(made, desk.stage.hall().commitment)
    assert (seen.findings, seen.people, seen.winners) == ([], 12, 2)
    assert [line["no"] for line in made["winners"]] == winners
    assert [line["status"] for line in made["winners"]] == ["absent", "confirmed", "confirmed"]
    assert {line["name"] for line in made["winners"]} <= {"来**", "来***"}
    text = client.get("/hall/gala/rosters/1.txt").get_data(as_text=True)
    assert text == made["rosters"][0] and "来宾" not in text
    assert client.get("/hall/gala/rosters/3.txt").status_code == 404


def test_a_record_stops_before_what_was_not_revealed(desk: Host, client: FlaskClient) -> None:
    desk.arm(k=2)
    desk.start()
    made = client.get("/hall/gala/record.json").json
    assert made is not None and made["winners"] == []
    assert {line["kind"] for line in made["log"]}.isdisjoint({"drawn"})
    assert verify.verify(made).findings == []


def test_whoever_asks_again_and_again_has_the_record_that_was_made(
    desk: Host, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = desk.stage.runtime

    def asked() -> tuple[int, bytes]:
        """How often the whole log was read for it, and the record."""
        with readings_of_the_log(runtime) as found:
            body = client.get("/hall/gala/record.json").data
        return len(found), body

    monkeypatch.setattr(record_kept, "APART_S", 3600.0)
    monkeypatch.setattr(record_kept, "KEPT_S", 7200.0)
    (first, body), again = asked(), asked()
    assert (first, again) == (1, (0, body))
    desk.show(k=2)
    assert asked() == (0, body), "the log may go on every moment"
    monkeypatch.setattr(record_kept, "APART_S", 0.0)
    times, shown = asked()
    assert times == 1 and shown != body and asked() == (0, shown)
    with runtime.database.transaction() as session:
        guests.hide(session, desk.id, desk.lines(1)[0].guest_no, is_hidden=True)
    monkeypatch.setattr(record_kept, "KEPT_S", 0.0)
    assert asked()[1] != shown, "what no line tells of is seen after a while"


def test_a_seal_tells_the_organiser_whether_a_file_is_theirs(desk: Host, client: FlaskClient) -> None:
    desk.show(k=2)
    runtime = desk.stage.runtime
    made = client.get("/hall/gala/record.json").json
    assert made is not None and seal.standing(made, runtime.vault, runtime.former_vault) == "ours"
    assert seal.standing(made, Vault("k" * 32), runtime.vault) == "ours", "sealed under the key of before"
    assert seal.standing(made, Vault("k" * 32), None) == "foreign"
    more: dict[type, Any] = {int: 1, str: "x", list: ["x"]}
    for name, value in made.items():
        assert seal.standing({**made, name: value + more[type(value)]}, runtime.vault) == "foreign", name
        without = {each: made[each] for each in made if each != name}
        assert seal.standing(without, runtime.vault) == ("none" if name == "seal" else "foreign"), name


@pytest.mark.parametrize(
    "strange",
    [
        {"seal": "1" * 64, "log": None},
        {"seal": "é\ud800", "end": 1.5},
        {"seal": "", "name": "\ud800"},
        {"seal": "1" * 64, "log": json.loads("[" * 500 + "]" * 500)},
        {"seal": "1" * 64},
    ],
)
def test_whatever_has_a_seal_and_is_no_record_is_not_ours(strange: Any) -> None:
    assert seal.standing(strange, Vault("k" * 32)) == "foreign"


@pytest.mark.parametrize("bare", [None, [], "x", {}, {"seal": 7}, {"seal": None}])
def test_what_has_no_seal_is_said_to_have_none(bare: Any) -> None:
    assert seal.standing(bare, Vault("k" * 32)) == "none"


def test_the_command_says_whose_seal_it_is_only_where_the_key_is(
    desk: Host, client: FlaskClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    desk.show(k=2)
    file = tmp_path / "record.json"

    def said(record: bytes, **variables: str) -> tuple[int, str, str]:
        """Its exit code, how the seal stands, and its words; no variables: a doubter's machine."""
        file.write_bytes(record)
        env = {name: variables.get(name) for name in environment(settings)} | variables
        words, made = (CliRunner(env=env).invoke(cli, ["hall", "verify", str(file), *how]) for how in ((), ("--json",)))
        return words.exit_code, json.loads(made.output)["seal"], words.output

    ours, elsewhere = environment(settings), {"WXBOT_SECRET_KEY": "e" * 40}
    made = client.get("/hall/gala/record.json").data
    code, standing, words = said(made, **ours)
    assert (code, standing) == (0, "ours") and "封签是本系统的" in words and "The seal is this installation's" in words
    code, standing, words = said(made)
    assert (code, standing) == (0, "unknown") and "无法判断封签" in words and "cannot be said here" in words
    assert said(made, **ours | elsewhere)[:2] == (0, "foreign"), "as true as ours, and not ours"
    former = {"WXBOT_SECRET_KEY_OLD": settings.secret_key.get_secret_value()}
    assert said(made, **ours | elsewhere | former)[:2] == (0, "ours")
    bare = json.loads(made)
    bare["winners"][0]["name"] = "王**"
    assert said(json.dumps(bare).encode(), **ours)[:2] == (0, "foreign"), "a name proves nothing of the selections"
    del bare["seal"]
    assert said(json.dumps(bare).encode(), **ours)[:2] == (0, "none")
    for nonsense in (b"[" * 100_000, b"\xff{", b"7"):
        assert said(nonsense, **ours)[:2] == (1, "none")


RAIN = {
    "name": "红包雨",
    "way": "rain",
    "stock": 8,
    "split": "exact",
    "total_fen": 1600,
    "per_selection": 4,
    "seconds": 20,
}
RAIN |= {"min_fen": 100, "max_fen": 600, "value_fen": 600}
RACE = {"name": "竞速", "way": "race", "stock": 2, "seconds": 20}


def play(hall: OpenHall, ordinal: int) -> None:
    """A game from the host's press to what it owes: all packets but the last are caught, the third guest comes before the first."""
    database = hall.runtime.database
    with database.transaction() as session:
        now = database.now(session)
        game = games.begin(session, hall.runtime.vault, hall.campaign_id, ordinal, now)
        assert game.begin_at is not None and game.end_at is not None
        if game.kind == "rain":
            mine = (RainHit.game_id == game.id) & (RainHit.slot < game.terms["packets"])
            session.execute(update(RainHit).where(mine).values(claimed_at=now))
        else:
            for no, counted in ((1, 20), (3, 30)):
                session.add(RaceCount(game_id=game.id, guest_no=no, counted=counted, last_seq=1, last_at=game.begin_at))
        ago = timedelta(minutes=1)
        session.execute(
            update(Game).where(Game.id == game.id).values(begin_at=game.begin_at - ago, end_at=game.end_at - ago)
        )
    hall.work()


def _sums(made: dict[str, Any], name: str) -> int:
    return sum(each[name] for each in made["sums"])


def test_what_games_gave_stands_in_the_record_and_its_sums_are_those_of_the_ledger(
    runtime: Runtime, client: FlaskClient
) -> None:
    hall = open_hall(runtime, ({}, RAIN, RACE, {"kind": "goods", "name": "电视"}), guests=6, terms={"mode": "seed"})
    desk = Host(hall)
    desk.freeze()
    desk.show(k=3)
    desk.confirm(1)
    play(hall, 2)
    play(hall, 3)
    desk.show(prize=4, k=1)
    desk.confirm(2)
    made = client.get("/hall/gala/record.json").json
    assert made is not None and verify.verify(made).findings == []
    assert [line["no"] for line in made["winners"] if line["way"] == "race"] == [3, 1]
    rain = [line for line in made["winners"] if line["way"] == "rain"]
    assert [line["place"] for line in rain] == list(range(1, len(rain) + 1))
    assert all(line["name"].startswith("来*") and line["award"] == "open" for line in rain)
    with runtime.database.reading() as session:
        won, owed = ledger.total_posted(session, "won", hall.campaign_id), ledger.balances(session, hall.campaign_id)
    assert sum(line["amount_fen"] for line in made["winners"]) == _sums(made, "amount_fen") == won > 0
    assert _sums(made, "open_fen") == owed["owed"] == won
    assert _sums(made, "given") == len(made["winners"]) == len(hall.awards())
    assert [(line["kind"], line["amount_fen"]) for line in made["winners"] if line["d"] == 2] == [("goods", 0)]


def test_a_rehearsal_lists_who_won_and_owes_nothing(runtime: Runtime, client: FlaskClient) -> None:
    hall = open_hall(runtime, ({}, RACE), guests=4, terms={"mode": "seed", "is_rehearsal": True})
    play(hall, 2)
    made = client.get("/hall/gala/record.json").json
    assert made is not None
    assert [(line["no"], line["amount_fen"], line["award"]) for line in made["winners"]] == [(3, 0, ""), (1, 0, "")]
    assert _sums(made, "given") == _sums(made, "amount_fen") == 0


def test_what_was_declared_void_stands_in_the_record(runtime: Runtime, desk: Host, client: FlaskClient) -> None:
    asker, other = people(runtime, "asker", "other")
    desk.show(k=2)
    desk.do(void.ask, desk.id, 1, asker, "主持人念错了奖项")
    desk.do(void.agree, runtime.vault, desk.id, 1, other, "主持人念错了奖项")
    leap(desk)
    desk.arm()
    made = client.get("/hall/gala/record.json").json
    assert made is not None
    first, passed_over = made["void"]
    assert (first["d"], first["last_d"], first["prize"], first["reason"]) == (1, 1, "三等奖", "主持人念错了奖项")
    assert len(first["names"]) == 2
    assert (passed_over["d"], passed_over["last_d"], passed_over["prize"]) == (2, 101, "")
    assert passed_over["names"] == []
    assert [line["status"] for line in made["winners"]] == ["voided", "voided"]


def test_of_whoever_was_erased_there_is_the_id_alone(runtime: Runtime, client: FlaskClient) -> None:
    hall = open_hall(runtime, guests=3, terms={"mode": "seed", "groups": ["甲"]})
    desk = Host(hall)
    desk.freeze()
    gone, hidden, shown = desk.show(k=3)
    with runtime.database.transaction() as session:
        erasure._forget(session, hall.campaign_id, gone, is_closed=False)
        guests.hide(session, hall.campaign_id, hidden, is_hidden=True)
    made = client.get("/hall/gala/record.json").json
    assert made is not None
    of = {line["no"]: line for line in made["winners"]}
    ids = {guest.no: guest.person for guest in hall.guests()}
    assert {no: line["person"] for no, line in of.items()} == ids
    assert [(of[no]["name"], of[no]["group"]) for no in (gone, hidden, shown)] == [("", ""), ("", "甲"), ("来**", "甲")]


@pytest.mark.parametrize(("name", "shown"), [("", ""), ("王", "王"), ("王小明", "王**"), ("Alexandra", "A***")])
def test_a_name_is_masked(name: str, shown: str) -> None:
    assert results.masked(name) == shown
