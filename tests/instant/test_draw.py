"""A draw through the door: decided once, answered for ever, refused with words before the dice, never beyond stock and budget."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.draws.stage import BASE, Phone
from tests.instant.stage import archive_of, ask, look, set_wheel, tap
from wxbot.campaigns.models import Campaign
from wxbot.draws.draw_state import draw_state_of
from wxbot.instant.models import AllowedPerson, Award, InstantTerms, Prize, PrizeCode
from wxbot.instant.verify import verify
from wxbot.people import marks
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.models import Staff

NEVER = {"odds_ppm": 0}


def test_a_win_is_answered_with_prize_award_and_the_next_nonce_and_owed_at_once(runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime, {"name": "一元"})
    page = ming.state_of(opened := ming.open(stage.path))
    assert (page["state"], page["tries_left"], page["mine"], page["skin"]) == ("on", 3, [], "wheel")
    assert "¥1.00" in opened.text
    assert page["share"]["imgUrl"] == f"{BASE}/static/h5/card.png"
    answer = ask(ming, stage, {"page_token": page["page_token"], "nonce": page["nonce"], "channel": "poster"})
    said = answer.get_json()
    assert (answer.status_code, said["outcome"], said["k"], said["tries_left"]) == (200, "won", 1, 2)
    assert said["prize"] == {"ordinal": 1, "name": "一元", "kind": "money", "yuan": "1.00"}
    assert said["award"]["state"] == "open" and said["award"]["deadline"] and said["title"] and said["text"]
    assert said["nonce"] not in ("", page["nonce"])
    (draw,) = stage.draws()
    assert (draw.outcome, draw.amount_fen, draw.channel_code, draw.released, draw.left) == ("won", 100, "poster", 5, 5)
    (award,) = stage.awards()
    assert award.public_id == said["award"]["id"]
    assert award.deadline_at == draw.drawn_at + timedelta(days=7)
    assert stage.prizes()[0].left == 4
    stage.check_books()
    state = look(ming, stage)
    assert state["tries_left"] == 2 and state["mine"][0]["id"] == award.public_id
    english = ming.get(f"{stage.path}/state?lang=en").get_json()["mine"][0]["deadline"]
    assert "月" not in english


def test_nobody_reads_what_marketers_call_a_campaign_among_themselves(runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime, name="内部代号甲")
    told = tap(ming, stage).get_data(as_text=True)
    ming.client.post(f"/h5/awards/{stage.awards()[0].public_id}/collect", base_url=BASE, headers={"Origin": BASE})
    for path in (stage.path, f"{stage.path}/state", f"{stage.path}/rules", "/h5/awards", "/h5/me"):
        told += ming.open(path).text
    assert "转一转" in told and "内部代号" not in told and r"\u5185\u90e8" not in told


def test_a_lost_draw_says_so_and_takes_a_try(runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime, NEVER, tries_per_person=1, tries_per_day=1)
    said = tap(ming, stage).get_json()
    assert (said["outcome"], said["prize"], said["tries_left"], "award" in said) == ("lost", None, 0, False)
    refused = tap(ming, stage, said["nonce"])
    assert (refused.status_code, refused.get_json()["outcome"]) == (409, "no_tries_left")
    assert len(stage.draws()) == 1 and stage.books()[0].committed_fen == 0


def test_the_same_nonce_gets_the_stored_answer_for_ever_also_after_the_close_and_without_redis(
    runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    stage = set_wheel(runtime)
    first = tap(ming, stage).get_json()
    nonce = stage.draws()[0].nonce
    again = tap(ming, stage, nonce).get_json()
    assert again == first
    stage.forget()
    assert tap(ming, stage, nonce).get_json() == first
    for status in ("off", "closing", "closed"):
        stage.change(status=status)
        stage.forget()
        later = tap(ming, stage, nonce).get_json()
        assert (later["outcome"], later["k"], later["award"]["id"]) == ("won", 1, first["award"]["id"])
    assert tap(ming, stage, first["nonce"]).get_json()["outcome"] == "over"
    hong.open(stage.path)
    foreign = tap(hong, stage, nonce).get_json()
    assert foreign["outcome"] in ("over", "stale_nonce") and "award" not in foreign
    assert len(stage.draws()) == 1


@pytest.mark.parametrize("nonce", ["x", "0" * 40, "f" * 41, "a" * 4000, "零" * 40])
def test_a_nonce_that_we_did_not_make_draws_nothing(runtime: Runtime, ming: Phone, nonce: str) -> None:
    stage = set_wheel(runtime)
    ming.open(stage.path)
    answer = tap(ming, stage, nonce)
    assert answer.get_json()["outcome"] in ("stale_nonce", "refused")
    assert stage.draws() == []


def test_each_limit_is_told_before_the_dice(runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime, tries_per_person=9, tries_per_day=9, terms={"wins_per_day": 1})
    said = tap(ming, stage).get_json()
    stage.change(gap_s=600)
    assert tap(ming, stage, said["nonce"]).get_json()["outcome"] == "too_soon"
    stage.change(gap_s=None)
    assert tap(ming, stage, said["nonce"]).get_json()["outcome"] == "won_today"
    assert said["tries_left"] == 0 and is_told_of_tomorrow(ming, stage), "nobody taps to hear that they may not"
    other = set_wheel(runtime, NEVER, slug="other", tries_per_person=9, tries_per_day=1)
    said = tap(ming, other).get_json()
    assert (said["outcome"], said["tries_left"]) == ("lost", 0)
    assert tap(ming, other, said["nonce"]).get_json()["outcome"] == "no_tries_today"
    assert is_told_of_tomorrow(ming, other)
    other.change(end_at=runtime.clock.now() + timedelta(seconds=1))
    assert not is_told_of_tomorrow(ming, other), "there is none"
    assert len(stage.draws()) == 2


def is_told_of_tomorrow(phone: Phone, stage: Any) -> bool:
    """Whether the page, which cannot draw now, says that it can tomorrow; in one language at a time."""
    state = look(phone, stage)
    english = phone.get(f"{stage.path}/state?lang=en").get_json()["no_more"]
    assert state["tries_left"] == 0 and state["no_more"] and english.isascii() and not state["no_more"].isascii()
    assert ("明天" in state["no_more"]) == ("tomorrow" in english)
    return "明天" in state["no_more"]


def test_the_gap_between_draws_is_told_with_its_end_before_the_tap(runtime: Runtime, ming: Phone, hong: Phone) -> None:
    stage = set_wheel(runtime, NEVER, terms={"gap_s": 600})
    page = ming.state_of(ming.open(stage.path))
    assert (page["gap_s"], page["gap"], page["next_at"]) == (600, "至少 10 分钟", 0)
    said = ask(ming, stage, {"page_token": page["page_token"], "nonce": page["nonce"]}).get_json()
    drawn_at = stage.draws()[0].drawn_at
    state = look(ming, stage)
    assert (state["next_at"], state["tries_left"], state["no_more"]) == (drawn_at.timestamp() + 600, 2, "")
    assert tap(ming, stage, said["nonce"]).get_json()["outcome"] == "too_soon"
    assert hong.state_of(hong.open(stage.path))["next_at"] == 0, "somebody else's draw"
    stage.change(end_at=drawn_at + timedelta(seconds=600))
    state = look(ming, stage)
    assert state["tries_left"] == 0 and "10 分钟" in state["no_more"] and "之前就结束" in state["no_more"]
    stage.change(gap_s=None)
    state = look(ming, stage)
    assert (state["next_at"], state["tries_left"], state["no_more"]) == (0, 2, "")


def test_nobody_is_told_of_a_packet_where_no_packet_page_leads_back(runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime)
    for more in ("", "?lang=en"):
        answer = ming.get(f"{stage.path}/after{more}")
        assert (answer.status_code, answer.location) == (302, stage.path + more)


def stage_next(stage: Any, phone: Phone) -> str:
    return str(look(phone, stage)["nonce"])


def test_wins_are_limited_in_all_and_by_day_and_told_so(runtime: Runtime, ming: Phone, hong: Phone) -> None:
    stage = set_wheel(runtime, tries_per_person=9, tries_per_day=9, terms={"wins_per_person": 1, "winners_per_day": 1})
    said = tap(ming, stage).get_json()
    assert (said["outcome"], said["tries_left"]) == ("won", 0)
    assert tap(ming, stage, stage_next(stage, ming)).get_json()["outcome"] == "won_enough"
    assert look(ming, stage)["no_more"].startswith("你已经中过奖了")
    assert tap(hong, stage).get_json()["outcome"] == "day_full"
    assert look(hong, stage)["tries_left"] == 9, "a refusal costs no try"
    stage.change(end_at=runtime.clock.now() + timedelta(minutes=1))
    with runtime.database.transaction() as session:
        assert session.get_one(InstantTerms, stage.campaign_id).next_k == 2


def test_blocked_people_staff_strangers_and_the_unbound_are_refused_with_their_own_words(
    runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    stage = set_wheel(runtime)
    tap(ming, stage)
    openid, now = stage.draws()[0].openid, runtime.clock.now()
    accounts.hire(runtime.database, "li.test", "li", "marketer", "a good password", now)
    with runtime.database.transaction() as session:
        session.execute(update(Staff).values(openid=openid))
    assert tap(ming, stage, stage_next(stage, ming)).get_json()["outcome"] == "staff"
    with runtime.database.transaction() as session:
        session.execute(update(Staff).values(openid=None))
        marks.put(session, runtime.vault, "block", "openid", openid, "刷奖", None, now)
    assert tap(ming, stage, stage_next(stage, ming)).get_json()["outcome"] == "blocked"
    stage.change(is_allow_only=True)
    assert tap(hong, stage).get_json()["outcome"] == "not_listed"
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(status="on"))
    stage.change(is_allow_only=False, needs_binding=True)
    assert tap(hong, stage, stage_next(stage, hong)).get_json()["outcome"] == "unbound"
    stage.change(needs_binding=False, is_allow_only=True)
    other = tap(hong, stage, stage_next(stage, hong)).get_json()
    assert other["outcome"] == "not_listed" and other["title"]
    stage.change(is_allow_only=False)
    tap(hong, stage, stage_next(stage, hong))
    second = stage.draws()[1].openid
    with runtime.database.transaction() as session:
        session.add(AllowedPerson(campaign_id=stage.campaign_id, subject=second))
    stage.change(is_allow_only=True)
    assert tap(hong, stage, stage_next(stage, hong)).get_json()["outcome"] == "won"


def test_a_word_is_asked_for_where_the_campaign_has_one(runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime, terms={"password": "Spring 花开", "look": {"picture": "b" * 64}})
    page = ming.state_of(ming.open(stage.path))
    assert page["share"]["imgUrl"] == f"{BASE}{stage.path}/picture/{'b' * 64}.jpg"
    assert page["share"]["desc"] == "活动规则和中奖机会见页面。"
    assert page["needs_password"] and "花开" not in str(page)
    body = {"page_token": page["page_token"], "nonce": page["nonce"]}
    assert ask(ming, stage, body).get_json()["outcome"] == "wrong_password"
    assert ask(ming, stage, body | {"password": " spring\u200b  花开 "}).get_json()["outcome"] == "won"


def test_stock_and_schedule_are_told_honestly(runtime: Runtime, ming: Phone, hong: Phone) -> None:
    stage = set_wheel(runtime, {"stock": 1}, {"odds_ppm": 0, "stock": 3, "name": "B"})
    assert tap(ming, stage).get_json()["outcome"] == "won"
    gone = tap(hong, stage).get_json()
    assert (gone["outcome"], gone["prize"], "抽完" in gone["title"]) == ("lost", None, True)
    with runtime.database.transaction() as session:
        session.execute(update(Prize).values(left=0))
    draw_state_of(runtime).snapshots.forget()
    assert tap(hong, stage, stage_next(stage, hong)).get_json()["outcome"] == "sold_out"


def test_a_code_is_given_once_and_named_nowhere_else(runtime: Runtime, ming: Phone, hong: Phone) -> None:
    code = {"kind": "code", "name": "月卡", "min_fen": 0, "max_fen": 0, "value_fen": 1500, "stock": 2}
    stage = set_wheel(runtime, code)
    with runtime.database.reading() as session:
        assert session.get_one(Campaign, stage.campaign_id).status == "launching", "codes are missing"
    stage.import_codes("KEY-1", "KEY-2")
    stage.work()
    for phone in (ming, hong):
        said = tap(phone, stage).get_json()
        assert (said["outcome"], said["award"]["state"], "yuan" in said["prize"]) == ("won", "given", False)
        assert "KEY" not in str(said)
    with runtime.database.reading() as session:
        awards = {award.id for award in session.scalars(select(Award))}
        assert {code.award_id for code in session.scalars(select(PrizeCode))} == awards
    stage.check_books()


def test_a_launch_publishes_rules_and_the_hash_of_a_seed_that_the_close_reveals_and_the_rows_replay(
    runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    few = {"stock": 2, "odds_ppm": 600_000, "split": "range", "min_fen": 100, "max_fen": 900}
    stage = set_wheel(runtime, few, {"odds_ppm": 300_000, "name": "B"}, tries_per_person=20, tries_per_day=20)
    for _ in range(4):
        for phone in (ming, hong):
            tap(phone, stage)
    with runtime.database.transaction() as session:
        terms = session.get_one(InstantTerms, stage.campaign_id)
        assert terms.seed is None and terms.seed_sha256 and runtime.vault.open(terms.seed_sealed)
        session.execute(update(Award).values(status="forfeited"))
    stage.change(status="closing")
    stage.work()
    with runtime.database.reading() as session:
        assert session.get_one(Campaign, stage.campaign_id).status == "closed"
    assert verify(archive_of(stage)).findings == []


def test_a_close_waits_for_awards_unless_the_rules_carry_them_to_their_deadline(runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime)
    tap(ming, stage)
    stage.change(status="closing")
    stage.work()
    with runtime.database.reading() as session:
        assert session.get_one(Campaign, stage.campaign_id).status == "closing"
        assert session.get_one(InstantTerms, stage.campaign_id).seed is None
    stage.change(carry=True)
    stage.work()
    with runtime.database.reading() as session:
        assert session.get_one(Campaign, stage.campaign_id).status == "closed"
        assert session.get_one(InstantTerms, stage.campaign_id).seed
    assert stage.books()[1]["owed"] == 100


def test_prizes_that_their_budget_does_not_cover_are_not_opened(runtime: Runtime) -> None:
    stage = set_wheel(runtime, {"stock": 1001})
    with runtime.database.reading() as session:
        campaign = session.get_one(Campaign, stage.campaign_id)
        assert campaign.status == "launching" and "预算" in str(campaign.trouble_words)
