"""A running hall gets a rain or a race: a rain falls from the next seed of the chain, which was fixed before anybody signed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.hall.hosting import Host, leap, numbers
from tests.hall.night import TWO, Night, prize
from tests.hall.office import Office, words
from tests.hall.stage import open_hall
from wxbot import invariants
from wxbot.hall import absent, books, games, journal, rain, selection
from wxbot.hall import select as selecting
from wxbot.hall.models import Game, RaceCount, RainHit
from wxbot.instant.models import RuleVersion
from wxbot.runtime import Runtime
from wxbot.text import Refusal

RAIN = {
    "prize_way": "rain",
    "prize_kind": "money",
    "prize_name": "加一场雨",
    "prize_amount": "1-6",
    "prize_total": "24",
    "prize_stock": "12",
    "prize_each": "3",
    "prize_seconds": "20",
    "prize_leftover": "person",
}
RACE = {
    "prize_way": "race",
    "prize_kind": "money",
    "prize_name": "加一场竞速",
    "prize_amount": "2",
    "prize_stock": "2",
    "prize_seconds": "20",
}


def begin(host: Host, ordinal: int) -> Game:
    begun: Game = host.do(games.begin, host.stage.runtime.vault, host.id, ordinal)
    return begun


def sound(host: Host) -> None:
    """The books agree, and so does whoever checks the record."""
    assert {name: n for name, n in invariants.check(host.stage.runtime.database).items() if n} == {}
    assert host.verified() == []


@pytest.mark.on_both
def test_a_rain_on_the_spot_falls_from_the_seed_after_the_last_selection(office: Office, runtime: Runtime) -> None:
    host = office.host
    asked = office.ask(**RAIN)
    assert "加一场雨 × 12 · 红包雨 · 现金 ¥1.00–¥6.00 · 20 秒 · 共 ¥24.00，每人最多 3 个 · 没接住的也归本人" in asked
    assert "预算 ¥3.00 → ¥27.00" in asked
    assert "新规则已公布" in office.agree()
    assert host.stage.campaign().budget_fen == 2700
    said = host.stage.log()[-1]
    assert said.kind == "game_added" and said.body["names"] == ["li（li.test）", "wang（wang.test）"]
    assert office.state()["added"] == [{"ordinal": 2, "name": "加一场雨", "stock": 12}]
    with runtime.database.reading() as session:
        assert "它的种子是种子链里的下一个" in str(session.get_one(RuleVersion, (host.id, 2)).text)
    desk = words(office.li.get(f"/admin/halls/{host.id}").text)
    assert "加一场雨 加奖 红包雨 · 20 秒" in desk

    host.freeze()
    host.show(k=2)
    host.confirm(1)
    game = begin(host, 2)
    assert host.stage.log()[-1].body == {"prize": 2, "d": 2, "nos": [1, 2, 3, 4, 5, 6]}
    with runtime.database.reading() as session:
        hits = session.scalars(select(RainHit)).all()
        first = hits[0]
    assert sum(hit.amount_fen for hit in hits) == 2400 and game.begin_at is not None
    caught_at = game.begin_at + timedelta(milliseconds=first.at_ms + 200)
    with runtime.database.transaction() as session:
        assert rain.claim(session, host.id, first.guest_no, first.slot, caught_at) == first.amount_fen
    host.stage.over(game)
    ended = host.stage.log()[-1]
    hall = host.stage.hall()
    chain = selection.make_chain("gala", bytes.fromhex(runtime.vault.open(hall.seed_sealed)), hall.chain_length)
    assert (ended.kind, ended.body["seed"], sum(ended.body["sums"])) == ("game_ended", chain[2].hex(), 2400)
    assert sum(award.amount_fen for award in host.stage.awards()) == 2 * 100 + 2400
    host.show(k=1)
    assert host.selections()[-1].d == 3
    host.confirm(3)
    sound(host)


def test_a_race_on_the_spot_needs_no_seed(office: Office, runtime: Runtime) -> None:
    host = office.host
    assert "加一场竞速 × 2 · 摇一摇竞速 · 现金 ¥2.00 · 20 秒" in office.ask(**RACE)
    office.agree()
    game = begin(host, 2)
    with runtime.database.transaction() as session:
        for no, counted in ((1, 50), (4, 80)):
            row = {"counted": counted, "last_seq": 1, "last_at": game.begin_at}
            session.add(RaceCount(game_id=game.id, guest_no=no, **row))
    host.stage.over(game)
    openids = host.stage.openids
    won = [(award.openid, award.amount_fen) for award in host.stage.awards()]
    assert won == [(openids[3], 200), (openids[0], 200)]
    host.freeze()
    host.show(k=1)
    assert host.selections()[-1].d == 1
    sound(host)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (RAIN | {"prize_total": ""}, "请填总额"),
        (RAIN | {"prize_kind": "goods"}, "红包雨只发现金"),
        (RAIN | {"prize_seconds": "301"}, "时长为 5 到 300 秒"),
        (RAIN | {"prize_groups": "技术部"}, "不能只给一部分人"),
        (RACE | {"prize_kind": "goods"}, "竞速的奖品请用现金或卡密"),
        (RACE | {"prize_amount": "1-2"}, "金额请写一个数"),
    ],
)
def test_a_game_on_the_spot_follows_the_rules_of_a_draft(office: Office, form: dict[str, str], said: str) -> None:
    assert said in office.ask(**form)


def test_when_no_seed_is_left_no_rain_is_added_and_none_begins(office: Office) -> None:
    host = office.host
    for _ in range(9):
        leap(host)
    office.ask(**RAIN)
    office.agree()
    leap(host)
    with pytest.raises(Refusal, match=r"种子已经用完：.*请改办一场新的活动"):
        begin(host, 2)
    assert "签到前公布的 1000 个种子都用完了，不能再加红包雨：请改加竞速，或改办一场新的活动" in office.ask(**RAIN)
    assert "已提交" in office.ask(**RACE)


def test_every_rain_that_was_added_has_a_seed_of_its_own() -> None:
    night = Night([prize(1, 1)], "seed", length=3)
    night.sign_in(4)
    terms = {"kind": "rain", "name": "雨", "seconds": 20, "packets": 4, "total_fen": 400, "cap": 1}
    terms |= {"min_fen": 100, "max_fen": 100}
    for number in (5, 6):
        night.say("game_added", game=terms | {"prize": number}, names=TWO)
    night.freeze()
    night.select(1, 1)
    night.settle()
    with pytest.raises(Refusal, match="都用完了"):
        night.say("game_added", game=terms | {"prize": 7}, names=TWO)
    for number, d in ((5, 2), (6, 3)):
        night.rain(terms | {"prize": number})
        assert night.evening.games[number].d == d
    assert night.evening.next_d == 4


def test_a_rain_on_the_spot_that_a_restore_ends_begins_anew_from_a_seed_behind_the_gap(
    office: Office, runtime: Runtime
) -> None:
    host = office.host
    office.ask(**RAIN)
    office.agree()
    begin(host, 2)
    leap(host)
    with runtime.database.reading() as session:
        assert journal.evening(session, host.id).rains_to_come == 1, "its seed is kept for it"
    game = begin(host, 2)
    assert [line.body["d"] for line in host.stage.log() if line.kind == "rain_begun"] == [1, 102]
    host.stage.over(game)
    sound(host)


def test_behind_a_rain_somebody_absent_can_still_come_back_and_nothing_is_void_any_more(office: Office) -> None:
    host, vault = office.host, office.runtime.vault
    office.ask(**RAIN)
    office.agree()
    host.freeze()
    (gone,) = host.show(k=1)
    host.mark(1, gone)
    game = begin(host, 2)
    with pytest.raises(Refusal, match="之后已有新的抽取或红包雨"), office.runtime.database.transaction() as session:
        seed = selecting.seed_of(session, vault, host.stage.hall(), 1).hex()
        said = {"d": 1, "reason": "念错了", "names": TWO, "seed": seed}
        now = office.runtime.database.now(session)
        journal.require_and_append(session, journal.lock(session, host.id), "voided", said, now)
    host.stage.over(game)
    host.do(absent.take_back, host.id, 1, gone)
    host.confirm(1)
    sound(host)


class Undone(Exception):
    """The meddling is taken back."""


def test_a_game_that_nobody_agreed_to_and_another_one_than_was_agreed_to_are_found(
    office: Office, runtime: Runtime
) -> None:
    office.ask(**RAIN)
    office.agree()
    host = office.host
    forged = host.stage.log()[-1].body

    def say(session: Session) -> None:
        said: dict[str, Any] = {**forged, "game": {**forged["game"], "prize": 3}}
        now = runtime.database.now(session)
        journal.require_and_append(session, journal.lock(session, host.id), "game_added", said, now)

    meddlings: list[Callable[[Session], object]] = [
        say,
        lambda session: session.execute(update(Game).values(terms={**host_terms(session), "total_fen": 2500})),
        lambda session: session.execute(update(Game).values(kind="race")),
    ]
    assert invariants.check(runtime.database)["I13_hall_logs"] == 0
    for meddling in meddlings:
        with pytest.raises(Undone), runtime.database.transaction() as session:
            meddling(session)
            session.flush()
            session.expire_all()
            found = books.logs_are_rows(session)
            raise Undone
        assert found


def host_terms(session: Session) -> dict[str, Any]:
    return session.scalars(select(Game.terms)).one()


def test_a_rain_waits_while_a_selection_is_fixed(office: Office) -> None:
    host = office.host
    office.ask(**RAIN)
    host.freeze()
    armed = host.do(selecting.arm, host.id, 1, 1)
    host.do(selecting.hold_up, host.id, numbers(armed.d))
    assert "第 1 次抽取已经锁定" in office.page(office.wang)
    host.start()
    office.agree()
    with pytest.raises(Refusal, match="请先结束正在进行的抽取或游戏"):
        begin(host, 2)


def test_a_rehearsal_gets_a_rain_that_pays_nobody(office: Office, runtime: Runtime) -> None:
    host = Host(open_hall(runtime, guests=3, slug="test-run", budget_fen=1, terms={"is_rehearsal": True}, created_by=1))
    office.host, office.path = host, f"/admin/halls/{host.id}/changes"
    office.ask(**RAIN)
    office.agree()
    host.stage.over(begin(host, 2))
    assert host.stage.awards() == [] and host.stage.log()[-1].kind == "game_ended"
    sound(host)
