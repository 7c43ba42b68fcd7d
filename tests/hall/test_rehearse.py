"""Simulated guests: a host walks through an evening alone in a rehearsal, and none of them comes into a hall that can pay."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from tests.draws.stage import Phone
from tests.hall.guests import enter, me, shown
from tests.hall.hosting import Host
from tests.hall.stage import RACE, RAIN, open_hall
from tests.hall.test_desk import audited, page, press, state_of
from tests.staff.consoles import PASSWORD, Browser
from wxbot import invariants
from wxbot.campaigns.models import Campaign
from wxbot.hall import games, names, rehearse, sign_in, simulated
from wxbot.hall.models import Game, Guest, RainHit
from wxbot.hall.race_rule import LATE_S, Runner, Span, after_report
from wxbot.hall.wire import KnownGuest, read_guest, reports_channel
from wxbot.payouts.models import Payout
from wxbot.people.models import Notice
from wxbot.phone_session import session_cookie, session_text, signed
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.text import Refusal

REHEARSAL = {"is_rehearsal": True, "mode": "seed"}


def rehearsal(runtime: Runtime, *prizes: Any, **terms: Any) -> Host:
    """A rehearsal of the marketer's, with nobody in it."""
    return Host(open_hall(runtime, prizes or ({},), terms=REHEARSAL | terms))


def running(host: Host) -> Game:
    with host.stage.runtime.database.reading() as session:
        return session.scalars(select(Game).where(Game.status == "running")).one()


def begun(host: Host, ago_s: float) -> Game:
    """The only game, as if it had begun so long ago."""
    database, vault = host.stage.runtime.database, host.stage.runtime.vault
    with database.transaction() as session:
        game = games.begin(session, vault, host.id, 1, database.now(session))
        begin_at = database.now(session) - timedelta(seconds=ago_s)
        end_at = begin_at + timedelta(seconds=game.terms["seconds"])
        session.execute(update(Game).where(Game.id == game.id).values(begin_at=begin_at, end_at=end_at))
    return running(host)


def caught(host: Host) -> dict[int, int]:
    """Guest → how many packets they caught."""
    with host.stage.runtime.database.reading() as session:
        rows = session.scalars(select(RainHit.guest_no).where(RainHit.claimed_at.is_not(None))).all()
    return {no: rows.count(no) for no in rows}


def test_a_host_rehearses_freeze_selection_and_confirmation_with_nobody_else(
    runtime: Runtime, marketer: Browser
) -> None:
    host = rehearsal(runtime, {"groups": ["红队"]}, groups=["红队", "蓝队"])
    seen = press(marketer, host, "simulate", n=30)
    assert "30 位模拟来宾已签到" in seen and seen.count(">模拟</span>") == 30
    wall = state_of(host)
    assert wall["guests"] == 30 and wall["rehearsal"] and len({each["name"] for each in wall["newest"]}) == 30
    assert {guest.group for guest in host.stage.guests()} == {"红队", "蓝队"}
    press(marketer, host, "simulate", n=2)
    host.stage.come(1)  # somebody with a phone
    assert page(marketer, host).count(">模拟</span>") == 29  # of the thirty newest
    press(marketer, host, "freeze")
    press(marketer, host, "arm", prize=1, k=2)
    press(marketer, host, "start")
    press(marketer, host, "stop")
    here, gone = (line.guest_no for line in host.lines(1))
    press(marketer, host, "absent", d=1, no=gone, word="absent")
    press(marketer, host, "confirm", d=1)
    assert {line.guest_no: line.status for line in host.lines(1)} == {here: "confirmed", gone: "absent"}
    assert host.verified() == []
    host.stage.work()
    assert host.stage.awards() == []
    with runtime.database.reading() as session:
        assert not session.scalars(select(Payout)).all() and not session.scalars(select(Notice)).all()
    assert {name: n for name, n in invariants.check(runtime.database).items() if n} == {}
    assert [done for action, done in audited(host) if action == "hall_simulate"] == ["done", "done"]


def test_a_screen_that_speaks_english_has_english_names(runtime: Runtime, marketer: Browser) -> None:
    host = rehearsal(runtime)
    press(marketer, host, "language", language="en")
    press(marketer, host, "simulate", n=5)
    assert all(re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", guest.name) for guest in host.stage.guests())


def test_no_simulated_guest_comes_into_a_hall_that_can_pay_by_any_door(
    runtime: Runtime, app: Flask, marketer: Browser
) -> None:
    host = Host(open_hall(runtime, guests=1, terms={"mode": "seed"}))
    assert "/simulate" not in page(marketer, host)
    assert "不能放进模拟来宾" in press(marketer, host, "simulate", n=5)
    assert audited(host) == [("hall_simulate", "refused")]
    with (
        runtime.database.transaction() as session
    ):  # what is approved stands in the hall's row, whatever is written later
        session.execute(update(Campaign).values(terms=Campaign.terms))
        campaign = session.get_one(Campaign, host.id)
        campaign.terms = {**campaign.terms, "is_rehearsal": True}
    assert "不能放进模拟来宾" in press(marketer, host, "simulate", n=5)
    with pytest.raises(Refusal, match="real"):
        host.do(rehearse.put_in, host.id, 5)
    with pytest.raises(Refusal, match="real"):
        host.do(sign_in.sign_in, host.id, simulated.openid_of(2), sign_in.GuestDetails("钱子涵"))
    forged = Phone(app, runtime)  # with a session that only we could sign
    said = session_text(simulated.openid_of(2), int(runtime.clock.unix()), "forged")
    forged.client.set_cookie(session_cookie(runtime), signed(runtime, "session", said), domain="127.0.0.1")
    assert "不能放进模拟来宾" in shown(enter(forged, host.stage))
    host.stage.work()
    assert [guest.openid for guest in host.stage.guests()] == host.stage.openids


def test_others_who_come_with_one_that_is_simulated_are_signed_in(runtime: Runtime) -> None:
    host = Host(open_hall(runtime))
    comers = [sign_in.Comer(openid, sign_in.GuestDetails("阿明")) for openid in ("o-1", "simulated:1", "o-2")]
    found = host.do(sign_in.sign_in_all, host.id, comers)
    assert [isinstance(each, Refusal) for each in found] == [False, True, False]
    assert [(guest.no, guest.openid) for guest in host.stage.guests()] == [(1, "o-1"), (2, "o-2")]


def test_who_may_put_them_in_and_how_many(
    runtime: Runtime, app: Flask, marketer: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = rehearsal(runtime)
    for login, role in (("zhao", "marketer"), ("sun", "reviewer"), ("chen", "admin")):
        accounts.hire(runtime.database, f"{login}.test", login, role, PASSWORD, runtime.clock.now())
    path = f"/admin/halls/{host.id}/simulate"
    answers = [Browser(app, login).post(path, {"n": 1}).status_code for login in ("zhao", "sun", "chen")]
    assert answers == [404, 403, 403]
    for n in ("0", "301", "-3", "many", ""):
        assert "每次放 1 到 300 位" in press(marketer, host, "simulate", n=n)
    monkeypatch.setattr(rehearse, "MOST", 4)
    press(marketer, host, "simulate", n=3)
    assert "还可以放 1 位" in press(marketer, host, "simulate", n=2)
    press(marketer, host, "simulate", n=1)
    assert [guest.openid for guest in host.stage.guests()] == [f"simulated:{no}" for no in (1, 2, 3, 4)]
    monkeypatch.setattr(rehearse, "MOST", 5)
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(end_at=runtime.clock.now()))
    assert "活动已经结束" in press(marketer, host, "simulate", n=1)


def test_they_catch_most_of_a_rain_and_nothing_is_paid(runtime: Runtime, ming: Phone) -> None:
    host = rehearsal(runtime, RAIN | {"stock": 200, "total_fen": 40_000, "per_selection": 100})
    host.do(rehearse.put_in, host.id, 3)
    enter(ming, host.stage)
    game = begun(host, 10)
    assert game.begin_at is not None
    with runtime.database.transaction() as session:
        session.execute(update(Guest).where(Guest.no == 3).values(is_struck=True))
    host.stage.work()
    with runtime.database.reading() as session:
        hits = session.scalars(select(RainHit)).all()
    looks = {int((hit.claimed_at - game.begin_at).total_seconds() * 1000) for hit in hits if hit.claimed_at}
    due = [hit for hit in hits if any(look - 4000 <= hit.at_ms <= look - 400 for look in looks)]
    theirs = {hit.slot for hit in due if hit.guest_no in (1, 2) and hit.slot % simulated.MISSED_OF}
    assert theirs and {hit.slot for hit in hits if hit.claimed_at} == theirs
    assert set(caught(host)) == {1, 2}
    assert state_of(host)["game"]["claimed"] == sum(caught(host).values())
    mings = me(ming, host.stage)["game"]["moments"]
    assert mings and all(moment["fen"] is None for moment in mings)
    host.stage.over(running(host))
    assert [line.kind for line in host.stage.log()][-1] == "game_ended" and host.stage.awards() == []
    assert host.verified() == []


def test_nobody_plays_for_the_guests_of_a_hall_that_can_pay(runtime: Runtime) -> None:
    host = Host(open_hall(runtime, (RAIN,), guests=3, terms={"mode": "seed"}))
    begun(host, 10)
    with runtime.database.transaction() as session:
        campaign = session.get_one(Campaign, host.id)
        campaign.terms = {**campaign.terms, "is_rehearsal": True}
        session.execute(update(Guest).where(Guest.no == 1).values(openid=simulated.openid_of(1)))
    host.stage.work()
    assert caught(host) == {}


def test_in_a_race_they_report_as_phones_do(runtime: Runtime) -> None:
    host = rehearsal(runtime, RACE, groups=["红|队", "蓝队"])
    host.do(rehearse.put_in, host.id, 4)
    host.stage.come(1)
    with runtime.database.transaction() as session:
        session.execute(update(Guest).where(Guest.no == 4).values(is_hidden=True))
    told: list[dict[str, Any]] = []
    with runtime.redis.pubsub() as heard:  # type: ignore[no-untyped-call]
        heard.subscribe(reports_channel(host.stage.slug))
        heard.get_message(timeout=5)
        begun(host, 8)
        host.stage.work()
        message = heard.get_message(timeout=5)
        assert message is not None
        told.append(json.loads(message["data"]))
    guests = [read_guest(value) for value, _, _ in told[0]["reports"]]
    assert [(guest.no, guest.team) for guest in guests if guest] == [
        (1, "蓝队"),
        (2, "红 队"),
        (3, "蓝队"),
        (4, "红 队"),
    ]
    assert guests[0] == KnownGuest(1, "蓝队", host.stage.guests()[0].name)
    assert guests[3] is not None and guests[3].name == ""
    assert all(counted > 10 for _, _, counted in told[0]["reports"])


@given(st.integers(1, 10**6), st.lists(st.floats(0.1, 3), min_size=1, max_size=20))
def test_what_they_shake_is_believed_and_only_grows(no: int, pauses: list[float]) -> None:
    span, now, runner = Span(1000.0, 1015.0), 1000.0, Runner(at=1000.0)
    for pause in pauses:
        now += pause
        if now > span.end + LATE_S:
            break
        ((_, seq, counted),) = json.loads(simulated.reports([KnownGuest(no)], span, now))["reports"]
        assert counted >= runner.counted and seq > runner.seq
        runner = after_report(runner, seq, counted, now, span)
        assert runner.counted == counted


def test_their_openid_is_none_of_wechats_and_their_names_can_stand_on_the_wall() -> None:
    assert re.search(r"[^A-Za-z0-9_-]", simulated.PREFIX)
    assert simulated.is_simulated(simulated.openid_of(7)) and not simulated.is_simulated("oGfjh6simulated_7-Zz")
    for language in ("zh", "en"):
        called = [simulated.name_of(no, language) for no in range(1, 1961)]
        assert len(set(called)) == len(called)
        assert [name for name in called if names.read_name(name) != name] == []
