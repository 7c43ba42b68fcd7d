"""The draw through the web door: who gets signed parameters, and who a kind sentence."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.conftest import Cast
from tests.draws.stage import BASE, LOTTERY_ID, LOTTERY_KEY, PAGE_ID, Phone, Stage, admitted, set_stage
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot import oauth, quotas
from wxbot.campaigns import entries
from wxbot.campaigns.models import Packet
from wxbot.campaigns.switch import pause
from wxbot.db import Database
from wxbot.draws import admit
from wxbot.draws.draw_state import draw_state_of
from wxbot.draws.models import Draw, DrawCount
from wxbot.draws.one_winner import drawn_key
from wxbot.draws.outcomes import SENTENCES, Outcome
from wxbot.instant import words as instant_words
from wxbot.people import marks
from wxbot.quotas import Quota
from wxbot.runtime import Runtime


def expected_sign(noncestr: str, openid: str) -> str:
    """jumpHongbao's signature, computed here by hand (wechat-protocol §1.7)."""
    text = f"lottery_id={LOTTERY_ID}&noncestr={noncestr}&openid={openid}&key={LOTTERY_KEY}"
    return hashlib.md5(text.encode()).hexdigest().upper()


def outcome_of(reply: Any) -> str:
    answer = reply.get_json()
    assert "jump" in answer or "sign" not in reply.get_data(as_text=True)
    return str(answer["outcome"])


def test_someone_who_shook_gets_signed_parameters(stage: Stage, ming: Phone, cast: Cast) -> None:
    reply = ming.draw(stage, stage.shake(cast.ming.openid))
    assert reply.status_code == 200, reply.get_data(as_text=True)
    answer: dict[str, Any] = reply.get_json()
    assert answer["outcome"] == "admitted"
    jump = answer["jump"]
    assert jump["lottery_id"] == LOTTERY_ID
    assert jump["openid"] == cast.ming.openid
    assert len(jump["noncestr"]) <= 32
    assert jump["sign"] == expected_sign(jump["noncestr"], cast.ming.openid)
    (draw,) = stage.draws()
    assert (draw.openid, draw.status) == (cast.ming.openid, "admitted")
    assert draw.handed_out == "|".join(jump[name] for name in ("lottery_id", "noncestr", "sign"))


# --- S33: every state of the campaign -----------------------------------------------------------------------------


def test_each_state_refuses_with_its_reason_and_no_sign_S33(stage: Stage, ming: Phone, cast: Cast) -> None:
    now = stage.runtime.clock.now()
    good = {
        "status": "on",
        "begin_at": now - timedelta(hours=1),
        "end_at": now + timedelta(days=6),
        "is_lottery_on": True,
        "daily_from": 0,
        "daily_until": 1440,
    }
    local = int((now.timestamp() + 8 * 3600) % 86400) // 60
    shut = {"daily_from": (local + 60) % 1440, "daily_until": (local + 61) % 1440}
    table: list[tuple[dict[str, Any], str]] = [
        ({"begin_at": now + timedelta(minutes=5)}, "not_yet"),
        ({"status": "launching"}, "not_yet"),
        ({"is_lottery_on": False}, "not_yet"),
        ({"begin_at": now - timedelta(hours=2), "end_at": now - timedelta(seconds=1)}, "over"),
        ({"status": "closing"}, "over"),
        ({"status": "closed"}, "over"),
        ({"status": "off"}, "paused"),
        (shut, "outside_hours"),
    ]
    shake_ticket = stage.shake(cast.ming.openid)
    for changes, outcome in table:
        stage.change(**(good | changes))
        stage.forget("rate:*")
        reply = ming.draw(stage, shake_ticket)
        assert (reply.status_code, outcome_of(reply)) == (409, outcome)
    assert stage.draws() == []


def test_limits_hold_to_the_second_S33(stage: Stage, runtime: Runtime) -> None:
    snapshot = draw_state_of(runtime).snapshots.find(stage.slug)
    assert snapshot is not None
    assert snapshot.refusal(snapshot.begin_unix - 1) is Outcome.NOT_YET
    assert snapshot.refusal(snapshot.begin_unix) is None
    assert snapshot.refusal(snapshot.end_unix - 1) is None
    assert snapshot.refusal(snapshot.end_unix) is Outcome.OVER


def test_daily_hours_are_shanghai_hours_and_may_cross_midnight_S33(runtime: Runtime) -> None:
    stage = set_stage(runtime, daily_from=22 * 60, daily_until=2 * 60)
    snapshot = draw_state_of(runtime).snapshots.find(stage.slug)
    assert snapshot is not None
    midnight = 1_774_108_800  # 2026-03-22 00:00 in Shanghai
    assert [snapshot.is_open_hour(midnight + hour * 3600) for hour in (-3, -2, 0, 1, 2, 12)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]
    assert snapshot.is_open_hour(midnight + 2 * 3600 - 1)


def test_without_loaded_packets_it_is_sold_out_S33(runtime: Runtime, ming: Phone, cast: Cast) -> None:
    stage = set_stage(runtime, loaded=False)
    assert outcome_of(ming.draw(stage, stage.shake(cast.ming.openid))) == "sold_out"
    assert stage.draws() == []


def test_a_pause_stops_the_next_draw_within_a_second(stage: Stage, runtime: Runtime) -> None:
    snapshots = draw_state_of(runtime).snapshots
    assert snapshots.find(stage.slug) is not None
    in_one(runtime.database, pause, stage.campaign_id, 1, runtime.clock.now())
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        snapshot = snapshots.find(stage.slug)
        assert snapshot is not None
        if snapshot.refusal(runtime.clock.unix()) is Outcome.PAUSED:
            return
    pytest.fail("a second after the pause people could still draw")


def test_a_draft_has_no_page(stage: Stage, ming: Phone) -> None:
    for status in ("draft", "submitted"):
        stage.change(status=status)
        assert ming.open(stage.path).status_code == 404
    assert ming.open("/h5/c/nothing-here").status_code == 404
    assert "没有找到" in ming.open("/h5/c/nothing-here").get_data(as_text=True)


# --- S34, S51: asking again ---------------------------------------------------------------------------------------


def test_asking_again_gives_the_same_sign_and_is_slowed_down_S34(stage: Stage, ming: Phone, cast: Cast) -> None:
    shake_ticket = stage.shake(cast.ming.openid)
    page = ming.open(f"{stage.path}?ticket={shake_ticket}")
    token = ming.state_of(page)["page_token"]
    replies = [ming.ask(stage, token, shake_ticket) for _ in range(25)]
    signs = {reply.get_json()["jump"]["sign"] for reply in replies if reply.status_code == 200}
    refused = [outcome_of(reply) for reply in replies if reply.status_code != 200]
    assert len(signs) == 1
    assert set(refused) == {"too_often"}
    assert len(refused) >= 5  # the minute may have turned once
    assert len(stage.draws()) == 1


def test_an_address_is_counted_once_however_it_is_written_S37(stage: Stage, ming: Phone, cast: Cast) -> None:
    spellings = ["::ffff:198.51.100.7", "[2001:db8::7]:20001", "2001:db8::9999", "198.51.100.7:20001"]
    shake_ticket = stage.shake(cast.ming.openid)
    for spelling in spellings:
        ming.client.environ_base["REMOTE_ADDR"] = spelling
        assert ming.draw(stage, shake_ticket).status_code == 200
    keys: Any = stage.runtime.redis.keys("rate:draw:*")
    counted = {key.removeprefix("rate:draw:").rpartition(":")[0] for key in keys}
    assert counted == {cast.ming.openid, "198.51.100.7", "2001:db8::/64"}
    assert [draw.ip for draw in stage.draws()] == ["198.51.100.7"]


def test_an_emptied_redis_gives_the_same_sign_again_S34(stage: Stage, ming: Phone, cast: Cast) -> None:
    shake_ticket = stage.shake(cast.ming.openid)
    first = ming.draw(stage, shake_ticket).get_json()["jump"]
    stage.runtime.redis.flushall()
    stage.shake(cast.ming.openid)
    assert ming.draw(stage, shake_ticket).get_json()["jump"] == first
    another_shake = stage.shake(cast.ming.openid, "another-shake-0001")
    assert ming.draw(stage, another_shake).get_json()["jump"] == first
    assert len(stage.draws()) == 1


@pytest.mark.on_both
def test_sixty_four_parallel_requests_of_one_person_make_one_draw_F51(
    app: Flask, stage: Stage, runtime: Runtime, ming: Phone, cast: Cast
) -> None:
    shake_ticket = stage.shake(cast.ming.openid)
    ming.open(f"{stage.path}?ticket={shake_ticket}")
    draw_state = draw_state_of(runtime)
    snapshot = draw_state.snapshots.find(stage.slug)
    assert snapshot is not None

    def ask(number: int) -> admit.GateDecision:
        # every other request comes with a shake of its own, and Redis forgets the draw all the time
        mine = stage.shake(cast.ming.openid, f"shake-number-{number % 32}")
        stage.forget("rate:*", "drawn:*")
        return admitted(runtime, draw_state, snapshot, admit.DrawRequest(cast.ming.openid, "s", mine, "203.0.113.9"))

    with ThreadPoolExecutor(32) as pool:
        decisions = list(pool.map(ask, range(64)))
    assert {decision.outcome for decision in decisions} <= {Outcome.ADMITTED, Outcome.TOO_OFTEN}
    assert len({decision.handed_out for decision in decisions if decision.handed_out}) == 1
    assert len(stage.draws()) == 1
    with runtime.database.reading() as session:
        assert set(session.scalars(select(Quota.n).where(Quota.name.startswith("tries:")))) == {1}


@pytest.mark.on_both
def test_two_processes_racing_make_one_draw_F51(stage: Stage, runtime: Runtime, cast: Cast) -> None:
    others = [Runtime(runtime.settings) for _ in range(4)]
    shake_ticket = stage.shake(cast.ming.openid)

    def ask(number: int) -> admit.GateDecision:
        other = others[number % 4]
        draw_state = draw_state_of(other)
        snapshot = draw_state.snapshots.find(stage.slug)
        assert snapshot is not None
        stage.forget("drawn:*")
        return admitted(
            other, draw_state, snapshot, admit.DrawRequest(cast.ming.openid, "s", shake_ticket, "203.0.113.9")
        )

    try:
        with ThreadPoolExecutor(8) as pool:
            decisions = list(pool.map(ask, range(8)))
    finally:
        for other in others:
            other.close()
    assert [decision.outcome for decision in decisions] == [Outcome.ADMITTED] * 8
    assert len({decision.handed_out for decision in decisions}) == 1
    assert len(stage.draws()) == 1
    with runtime.database.reading() as session:
        assert set(session.scalars(select(Quota.n).where(Quota.name.startswith("tries:")))) == {1}


# --- S35: proof of a shake ----------------------------------------------------------------------------------------


def test_without_a_proven_shake_nobody_draws_S35(stage: Stage, ming: Phone, cast: Cast) -> None:
    wrong_page = stage.shake(cast.ming.openid, "shake-of-another-page", page_id=PAGE_ID + 1)
    old = stage.shake(cast.ming.openid, "shake-of-yesterday", age_s=1801)
    foreign = stage.shake(cast.hong.openid, "shake-of-hong")
    table = [
        ("", "not_by_shaking"),
        ("x y", "not_by_shaking"),
        (wrong_page, "not_by_shaking"),
        ("made-up-ticket-0001", "ticket_too_old"),
        (old, "ticket_too_old"),
        (foreign, "foreign_ticket"),
    ]
    token = ming.state_of(ming.open(stage.path))["page_token"]
    for shake_ticket, outcome in table:
        reply = ming.ask(stage, token, shake_ticket)
        assert (reply.status_code, outcome_of(reply)) == (409, outcome)
    assert stage.draws() == []


def test_when_wechat_cannot_be_asked_nobody_draws_S35(stage: Stage, ming: Phone, simulator: SimulatedWeChat) -> None:
    token = ming.state_of(ming.open(stage.path))["page_token"]
    simulator.control("PUT", "faults/shakearound/user/getshakeinfo", {"kind": "drop_reply"})
    try:
        reply = ming.ask(stage, token, "a-ticket-nobody-knows")
    finally:
        simulator.control("DELETE", "faults")
    assert (reply.status_code, outcome_of(reply)) == (503, "try_again")
    assert stage.draws() == []


def test_one_shake_is_good_for_one_draw_S35(stage: Stage, ming: Phone, cast: Cast) -> None:
    stage.change(tries_per_person=5, tries_per_day=5)
    shake_ticket = stage.shake(cast.ming.openid)
    assert outcome_of(ming.draw(stage, shake_ticket)) == "admitted"
    with stage.runtime.database.transaction() as session:
        session.execute(update(Draw).values(status="lapsed"))
    while not stage.runtime.redis.exists(drawn_key(stage.campaign_id, cast.ming.openid)):
        time.sleep(0.01)  # Redis is told after the answer
    stage.runtime.redis.flushall()
    stage.shake(cast.ming.openid)
    assert outcome_of(ming.draw(stage, shake_ticket)) == "ticket_too_old"
    assert outcome_of(ming.draw(stage, stage.shake(cast.ming.openid, "a-fresh-shake-01"))) == "admitted"


# --- limits, odds, blocklist --------------------------------------------------------------------------------------


@pytest.mark.on_both
def test_tries_per_person_and_day_are_counted_in_sql_I8(stage: Stage, ming: Phone, cast: Cast) -> None:
    stage.change(odds_ppm=1, tries_per_person=3, tries_per_day=2)
    outcomes = []
    for number in range(4):
        stage.runtime.redis.flushall()
        outcomes.append(outcome_of(ming.draw(stage, stage.shake(cast.ming.openid, f"shake-number-{number}"))))
    assert outcomes == ["missed", "missed", "no_tries_left", "no_tries_left"]
    with stage.runtime.database.transaction() as session:
        in_day = session.scalars(select(Quota).where(Quota.period != quotas.ALL_TIME)).one()
        in_day.period = "20200101"
    stage.runtime.redis.flushall()
    assert outcome_of(ming.draw(stage, stage.shake(cast.ming.openid, "shake-number-8"))) == "missed"
    stage.runtime.redis.flushall()
    assert outcome_of(ming.draw(stage, stage.shake(cast.ming.openid, "shake-number-9"))) == "no_tries_left"


def test_the_odds_of_one_shake_are_rolled_once(stage: Stage, ming: Phone, cast: Cast) -> None:
    stage.change(odds_ppm=1, tries_per_person=9, tries_per_day=9)
    shake_ticket = stage.shake(cast.ming.openid)
    assert outcome_of(ming.draw(stage, shake_ticket)) == "missed"
    stage.change(odds_ppm=1_000_000)
    assert outcome_of(ming.draw(stage, shake_ticket)) == "missed"
    assert [draw.status for draw in stage.draws()] == ["missed"]


def test_someone_on_the_blocklist_does_not_draw(stage: Stage, ming: Phone, cast: Cast) -> None:
    now = stage.runtime.clock.now()
    with stage.runtime.database.transaction() as session:
        marks.put(session, stage.runtime.vault, "block", "openid", cast.ming.openid, "farm", None, now)
    assert outcome_of(ming.draw(stage, stage.shake(cast.ming.openid))) == "blocked"
    assert stage.draws() == []


# --- S36, S37, S24: what a script cannot get ----------------------------------------------------------------------


def test_the_lottery_key_is_on_no_page_and_in_no_log_S36(
    stage: Stage, ming: Phone, cast: Cast, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    shake_ticket = stage.shake(cast.ming.openid)
    page = ming.open(f"{stage.path}?ticket={shake_ticket}")
    texts = [page.get_data(as_text=True), ming.draw(stage, shake_ticket).get_data(as_text=True)]
    texts += [ming.open(f"{stage.path}/{more}").get_data(as_text=True) for more in ("state", "rules", "after")]
    snapshot = draw_state_of(stage.runtime).snapshots.find(stage.slug)
    texts += [repr(snapshot), caplog.text, "".join(capsys.readouterr())]
    assert not [text for text in texts if LOTTERY_KEY in text or "lottery_key='K" in text]


def test_a_page_token_is_for_this_session_campaign_and_minute_S37(
    stage: Stage, ming: Phone, hong: Phone, cast: Cast
) -> None:
    shake_ticket = stage.shake(cast.ming.openid)
    runtime = stage.runtime
    page = ming.open(f"{stage.path}?ticket={shake_ticket}")
    fresh = ming.state_of(page)["page_token"]
    foreign = hong.state_of(hong.open(stage.path))["page_token"]
    cookie = ming.client.get_cookie(oauth.session_cookie(runtime), domain="127.0.0.1")
    assert cookie is not None
    session = oauth.read_session(runtime, cookie.value)
    assert session is not None
    now = runtime.clock.unix()
    old = admit.page_token(runtime, session.session_id, stage.campaign_id, now - 62)
    other_campaign = admit.page_token(runtime, session.session_id, stage.campaign_id + 1, now)
    for token in ("", "x", "0.0", "ä.ß", foreign, old, other_campaign, fresh[:-1], f"f{fresh}", fresh.replace(".", "")):
        reply = ming.ask(stage, token, shake_ticket)
        assert (reply.status_code, outcome_of(reply)) == (409, "stale_page"), token
    assert stage.draws() == []
    assert outcome_of(ming.ask(stage, fresh, shake_ticket)) == "admitted"


def test_the_draw_takes_json_of_our_own_origin_only_S55(stage: Stage, ming: Phone, cast: Cast) -> None:
    shake_ticket = stage.shake(cast.ming.openid)
    token = ming.state_of(ming.open(f"{stage.path}?ticket={shake_ticket}"))["page_token"]
    good = {"page_token": token, "ticket": shake_ticket}
    tries: list[dict[str, Any]] = [
        {"json": good, "headers": {"Origin": "https://evil.example"}},
        {"json": good, "headers": {"Referer": "https://evil.example/page"}},
        {"json": good, "headers": {"Origin": "null"}},
        {"json": good, "headers": {"Sec-Fetch-Site": "cross-site"}},
        {"data": json.dumps(good), "content_type": "text/plain"},
        {"data": good},
        {"data": "[1]", "content_type": "application/json"},
        {"data": '{"page_token": 5, "ticket": []}', "content_type": "application/json"},
        {"data": "{", "content_type": "application/json"},
        {"json": good | {"padding": "x" * 5000}},
    ]
    for request in tries:
        assert ming.client.post(f"{stage.path}/draw", base_url=BASE, **request).status_code == 403, request
    assert ming.client.get(f"{stage.path}/draw", base_url=BASE).status_code == 405
    assert stage.draws() == []


def test_an_openid_in_the_request_changes_nothing_S32_S24(stage: Stage, ming: Phone, cast: Cast) -> None:
    victim = cast.hong.openid
    shake_ticket = stage.shake(cast.ming.openid)
    token = ming.state_of(ming.open(f"{stage.path}?ticket={shake_ticket}&openid={victim}"))["page_token"]
    ming.client.set_cookie("openid", victim, domain="127.0.0.1")
    reply = ming.client.post(
        f"{stage.path}/draw?openid={victim}",
        base_url=BASE,
        headers={"X-Openid": victim, "Openid": victim},
        json={"page_token": token, "ticket": shake_ticket, "openid": victim, "session": {"openid": victim}},
    )
    assert reply.get_json()["jump"]["openid"] == cast.ming.openid
    assert [draw.openid for draw in stage.draws()] == [cast.ming.openid]


# --- F47: promises ------------------------------------------------------------------------------------------------


@pytest.mark.on_both
def test_many_people_and_one_packet_nobody_is_promised_anything_F47(runtime: Runtime, app: Flask) -> None:
    stage = set_stage(runtime, packets=1)
    draw_state = draw_state_of(runtime)

    def ask(number: int) -> admit.GateDecision:
        snapshot = draw_state.snapshots.find(stage.slug)
        assert snapshot is not None
        openid = f"oPERSON{number:04d}"
        return admitted(
            runtime,
            draw_state,
            snapshot,
            admit.DrawRequest(openid, "s", stage.shake(openid), f"198.51.100.{number % 250}"),
        )

    with ThreadPoolExecutor(32) as pool:
        outcomes = [decision.outcome for decision in pool.map(ask, range(100))]
    assert outcomes.count(Outcome.ADMITTED) == 100  # a try, not a win: WeChat binds one of them
    assert [draw.status for draw in stage.draws()] == ["admitted"] * 100
    assert not any(word in SENTENCES[Outcome.ADMITTED][1].zh for word in ("恭喜", "中奖", "获得", "抽到了"))


def test_counts_are_written_for_the_charts(stage: Stage, ming: Phone, cast: Cast) -> None:
    shake_ticket = stage.shake(cast.ming.openid)
    ming.draw(stage, shake_ticket)
    ming.draw(stage, "")
    draw_state_of(stage.runtime).counts.write()
    with stage.runtime.database.reading() as session:
        counted = {row.outcome: row.n for row in session.scalars(select(DrawCount))}
    assert counted == {"page": 2, "visitor": 1, "shake": 1, "admitted": 1, "not_by_shaking": 1}


def test_what_was_counted_is_written_when_the_process_ends(stage: Stage, ming: Phone, database_url: str) -> None:
    ming.open(stage.slug)
    draw_state_of(stage.runtime).counts.add(stage.campaign_id, "sold_out", stage.runtime.clock.unix())
    stage.runtime.close()
    with closing(Database(database_url)) as looked_at, looked_at.reading() as session:
        assert "sold_out" in set(session.scalars(select(DrawCount.outcome)))


def test_each_way_in_is_counted_for_itself_and_an_invented_code_as_the_bare_link(stage: Stage, ming: Phone) -> None:
    code = in_one(stage.runtime.database, entries.add_place, stage.campaign_id, 1, stage.runtime.clock.now(), "东门店")
    stage.change()
    for given in ("poster", "poster", code, "nobody-gave-this", "x" * 200, ""):
        assert ming.open(f"{stage.path}?c={given}").status_code == 200
    draw_state_of(stage.runtime).counts.write()
    with stage.runtime.database.reading() as session:
        counted = {row.channel_code: row.n for row in session.scalars(select(DrawCount)) if row.outcome == "page"}
    assert counted == {"poster": 2, code: 1, "": 3}


def test_who_comes_when_it_is_over_is_no_visitor(stage: Stage, ming: Phone, hong: Phone) -> None:
    ming.open(stage.path)
    stage.change(status="closed")
    hong.open(stage.path)
    draw_state_of(stage.runtime).counts.write()
    with stage.runtime.database.reading() as session:
        counted = {row.outcome: row.n for row in session.scalars(select(DrawCount))}
    assert (counted["page"], counted["visitor"]) == (2, 1)


def test_every_refusal_has_a_kind_sentence_in_both_languages() -> None:
    for outcome in Outcome:
        for language in ("zh", "en"):
            title, text = (part.within(language) for part in (SENTENCES | instant_words.SENTENCES)[outcome])
            assert 2 <= len(title) <= 40
            assert 4 <= len(text) <= 120


def test_tickets_past_their_72_hours_are_no_stock_F45(stage: Stage, ming: Phone, cast: Cast) -> None:
    """Loaded packets whose tickets have expired and whose money is not back yet: nobody is sent to draw them."""
    with stage.runtime.database.transaction() as session:
        session.execute(update(Packet).values(expires_at=stage.runtime.clock.now() - timedelta(seconds=1)))
    stage.change()
    assert outcome_of(ming.draw(stage, stage.shake(cast.ming.openid))) == "sold_out"
