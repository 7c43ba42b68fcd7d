"""The page of one person: one sentence says why, everything that happened stands below, and nothing of it is a secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from tests.instant import crowd
from tests.instant.stage import set_wheel
from tests.payouts.desk import Desk, desk_on, openid, phone
from tests.payouts.stories import owe, payout_of
from tests.staff.consoles import move_clock, seed_story
from wxbot.campaigns.models import Packet
from wxbot.clock import SHANGHAI
from wxbot.draws.models import Draw
from wxbot.orders.models import Evidence, Order
from wxbot.payouts.models import Payout
from wxbot.payouts.people_search import FOUND_AT_MOST
from wxbot.payouts.place_orders import order_due
from wxbot.people import marks, notices, roster
from wxbot.people.models import Binding, Follower, Notice, SmsOut
from wxbot.quotas import Quota
from wxbot.text import Text
from wxbot.timeline import story, why
from wxbot.timeline.answers import answer_said
from wxbot.vouchers.models import Voucher, VoucherKind


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_on(sqlite_url, redis_url, tmp_path) as made:
        yield made


def conclusion(desk: Desk, n: int = 1) -> str:
    with desk.runtime.database.reading() as session:
        return why.conclude(session, desk.runtime.settings, openid(n), desk.now).zh


def hand_in(desk: Desk, programme_id: int, **changes: object) -> int:
    with desk.runtime.database.transaction() as session:
        kind = session.get(VoucherKind, 1)
        if kind is None:
            kind = VoucherKind(
                id=1,
                name="地推凭证",
                amount_rule="fixed",
                fixed_fen=880,
                programme_id=programme_id,
                updated_by=1,
                updated_at=desk.now,
            )
            session.add(kind)
            session.flush()
        values = {
            "public_id": f"v{len(changes)}{desk.now.timestamp():.0f}",
            "openid": openid(1),
            "kind_id": 1,
            "asked_fen": 880,
            "amount_fen": 880,
            "via": "chat",
            "month": "202603",
            "is_complete": True,
            "ready_at": desk.now,
            "submitted_at": desk.now,
        }
        voucher = Voucher(**(values | changes))
        session.add(voucher)
        session.flush()
        return voucher.id


def ordered(desk: Desk, programme_id: int, **order: object) -> tuple[int, int]:
    payout_id = owe(desk.runtime, programme_id, openid(1), 880, source_id=77)
    assert order_due(desk.runtime) == 1
    order_id = payout_of(desk.runtime, payout_id).order_id
    assert order_id
    with desk.runtime.database.transaction() as session:
        session.execute(update(Order).where(Order.id == order_id).values(**order))
        session.execute(update(Payout).where(Payout.id == payout_id).values(source_kind="voucher"))
    return payout_id, order_id


def test_the_sentence_says_what_is_missing_before_anything_was_owed(desk: Desk) -> None:
    with desk.runtime.database.transaction() as session:
        session.add(Follower(openid=openid(1), is_subscribed=True, scene="", event_unix=0))
    assert conclusion(desk) == "已关注，还没有绑定手机号，也没有提交过凭证。"
    with desk.runtime.database.transaction() as session:
        session.add(
            SmsOut(
                serial="s",
                purpose="bind",
                openid=openid(1),
                phone_sealed="",
                code_sealed="",
                status="failed",
                counted=[],
                created_at=desk.now,
                expires_at=desk.now,
            )
        )
    assert "短信没有发出" in conclusion(desk)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Follower).values(is_subscribed=False))
    assert conclusion(desk, 2) == "没有关注公众号，也没有绑定手机号。"
    desk.know(3, status="held")
    assert "等审核" in conclusion(desk, 3)
    desk.know(4)
    assert conclusion(desk, 4) == "没有欠着的付款：没有凭证、名单或手工付款。"


def test_the_sentence_follows_the_voucher_and_the_payout(desk: Desk) -> None:
    desk.know(1)
    programme_id = desk.fund()
    voucher_id = hand_in(desk, programme_id)
    assert "等审核" in conclusion(desk)
    with desk.runtime.database.transaction() as session:
        decided = {"decided_by": 1, "decided_at": desk.now}
        session.execute(update(Voucher).values(status="photo_wanted", reason="看不清金额", **decided))
    assert "重拍照片：看不清金额" in conclusion(desk)
    with desk.runtime.database.transaction() as session:
        session.execute(
            update(Voucher).where(Voucher.id == voucher_id).values(status="rejected", reason="不是本店的凭证")
        )
    assert conclusion(desk) == "凭证被拒绝：不是本店的凭证。"
    payout_id, order_id = ordered(
        desk, programme_id, send_after=desk.now + timedelta(hours=19, minutes=30), err_code="PERSON_DAY"
    )
    with desk.runtime.database.transaction() as session:
        session.add(Quota(name=f"person:{openid(1)}", period="20260315", n=10, fen=5_000))
    assert conclusion(desk) == "凭证已通过审核（¥8.80），今天已达 10 个上限，明天 08:00 继续。"
    with desk.runtime.database.transaction() as session:
        session.execute(update(Quota).values(n=3, fen=100_000))
    assert "今天已达 ¥1,000.00 上限" in conclusion(desk)
    soon = {
        "status": "unknown",
        "err_code": "SYSTEMERROR",
        "next_step": "query",
        "next_check_at": desk.now + timedelta(hours=1),
    }
    with desk.runtime.database.transaction() as session:
        session.execute(update(Order).where(Order.id == order_id).values(**soon))
    assert "；将于 13:30 再次查询" in conclusion(desk) and "SYSTEMERROR" not in conclusion(desk)
    with desk.runtime.database.transaction() as session:
        ended = {"status": "failed", "err_code": "V2_ACCOUNT_SIMPLE_BAN", "settled_at": desk.now}
        session.execute(update(Payout).where(Payout.id == payout_id).values(**ended))
    assert "未实名" in conclusion(desk)
    desk.block(1)
    assert conclusion(desk).startswith("此人在黑名单中")


def test_the_whole_story_is_told_newest_first_without_a_code_or_a_whole_phone(desk: Desk) -> None:
    desk.know(1, "张三")
    vault, programme_id = desk.runtime.vault, desk.fund()
    hand_in(desk, programme_id, status="approved", decided_by=1, decided_at=desk.now + timedelta(minutes=1))
    _, order_id = ordered(
        desk, programme_id, sent_at=desk.now + timedelta(minutes=2), status="unknown", err_code="SYSTEMERROR"
    )
    body = "<xml><return_code>SUCCESS</return_code><err_code><![CDATA[SYSTEMERROR]]></err_code></xml>"
    with desk.runtime.database.transaction() as session:
        session.add(Evidence(order_id=order_id, kind="reply", body=body, at=desk.now + timedelta(minutes=3)))
        session.add(
            SmsOut(
                serial="s",
                purpose="bind",
                openid=openid(1),
                phone_sealed=vault.seal(f"+86{phone(1)}"),
                code_sealed=vault.seal("482913"),
                status="sent",
                counted=[],
                created_at=desk.now,
                expires_at=desk.now,
            )
        )
        notices.tell(
            session, openid(1), "voucher", "1", Text("凭证已通过审核", "approved"), now=desk.now + timedelta(minutes=4)
        )
        marks.put(session, vault, "allow", "phone", phone(1), "老员工", 1, desk.now + timedelta(minutes=5))
    page = desk.as_("sun").get(f"/admin/people/{openid(1)}").text
    told = [
        "列入白名单",
        "凭证已通过审核",
        "微信答复：",
        "向微信下单",
        "通过了凭证",
        "登记付款",
        "提交凭证",
        "索取验证码",
        "绑定生效",
    ]
    places = [page.index(text, page.index('class="story"')) for text in told[:5]]
    assert places == sorted(places)
    assert all(text in page for text in told)
    assert phone(1) not in page
    assert "482913" not in page
    assert "/admin/payouts/" not in page  # a reviewer has no way there
    assert "/admin/payouts/1" in desk.as_("wang").get(f"/admin/people/{openid(1)}").text


def test_pages_neither_skip_nor_repeat_a_moment(desk: Desk) -> None:
    desk.know(1)
    with desk.runtime.database.transaction() as session:
        for n in range(60):  # half of them at one and the same moment
            at = desk.now + timedelta(seconds=max(0, n - 30))
            session.add(
                Notice(
                    openid=openid(1),
                    kind="k",
                    ref=str(n),
                    text=f"通知{n:02d}",
                    url="",
                    status="sent",
                    tries=1,
                    due_at=at,
                    err_code="",
                    created_at=at,
                )
            )
    seen: list[str] = []
    mark = ""
    with desk.runtime.database.reading() as session:
        while True:
            chapter = story.tell(session, desk.runtime.vault, openid(1), mark, limit=7)
            seen += [moment.said.zh for moment in chapter.moments]
            if chapter.older is None:
                break
            mark = chapter.older
    notes = [text for text in seen if text.startswith("通知：")]
    assert len(notes) == len(set(notes)) == 60
    assert len(seen) == 62  # and the binding's two


def test_a_person_is_found_by_whatever_is_at_hand(desk: Desk) -> None:
    desk.know(1, "张三")
    _, order_id = ordered(desk, desk.fund(), checks=1)
    with desk.runtime.database.reading() as session:
        number = session.get_one(Order, order_id).mch_billno
    for text in (phone(1), openid(1), "张", number):
        answer = desk.as_("wang").client.get("/admin/people-search", query_string={"q": text})
        assert answer.headers.get("Location") == f"/admin/people/{openid(1)}", text


def test_who_is_unknown_is_absent_and_hostile_texts_find_nobody_S28_S74(desk: Desk) -> None:
    wang = desk.as_("wang")
    for path in ("oNOBODYatall000000000000001", "x" * 70, "%27%20OR%20%27%27%3D%27", "a", ".."):
        assert wang.get(f"/admin/people/{path}").status_code == 404
    desk.know(1)
    for text in ("' OR ''='", "%", "_", "\\", "9" * 30):
        found = wang.client.get("/admin/people-search", query_string={"q": text})
        assert found.status_code == 200
        assert "没有找到这个人" in found.text
    for mark in ("x", "-", "99999999999999999999-1", "1-" + "9" * 40, "-1--1"):
        answer = wang.client.get(f"/admin/people/{openid(1)}", query_string={"older": mark})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "sentence", "tone"),
    [
        ("<xml><status><![CDATA[REFUND]]></status></xml>", "微信答复：已退款", "bad"),
        ('{"state": "SUCCESS", "fail_reason": ""}', "微信答复：已领取", "good"),
        (
            '{"state":"FAIL","fail_reason":"REAL_NAME_CHECK_FAIL"}',
            "微信答复：用户未实名认证",
            "bad",
        ),
        ('{"code":"NOT_ENOUGH","message":"资金不足"}', "微信答复：商户余额不足，充值后用原单号重试", "bad"),
        ("<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code></xml>", "微信答复：已受理", "good"),
        (
            "<xml><result_code>SUCCESS</result_code><err_code>SUCCESS</err_code><status>RECEIVED</status></xml>",
            "微信答复：已领取",
            "good",
        ),
        ("<html>502 Bad Gateway</html>", "没有可信的答复：<html>502 Bad Gateway</html>", "wait"),
    ],
)
def test_an_answer_is_told_by_the_catalogue(body: str, sentence: str, tone: str) -> None:
    said, how = answer_said("reply", body)
    assert (said.zh, how) == (sentence, tone)


def draw(desk: Desk, n: int, minutes: int, status: str, **fields: object) -> None:
    at = desk.now + timedelta(minutes=minutes)
    values = {"campaign_id": 1, "openid": openid(n), "status": status, "ticket_hash": f"h{n}{minutes}"}
    with desk.runtime.database.transaction() as session:
        session.add(Draw(**(values | {"admitted_at": at} | fields)))


def found(desk: Desk, text: str, login: str = "wang") -> TestResponse:
    return desk.as_(login).client.get("/admin/people-search", query_string={"q": text})


def test_the_sentence_answers_from_the_newest_event_draws_included(desk: Desk) -> None:
    desk.know(1)
    programme_id = desk.fund()
    draw(desk, 1, -30, "missed")
    assert "没有中签" in conclusion(desk)
    hand_in(desk, programme_id)
    assert "等审核" in conclusion(desk), "the voucher came after the draw"
    draw(desk, 1, 1, "bound", bound_at=desk.now + timedelta(minutes=2), amount_fen=188)
    assert "抽中活动红包 ¥1.88" in conclusion(desk)
    owe(desk.runtime, programme_id, openid(1), 880, source_id=5)
    assert conclusion(desk).startswith("今天 12:32 抽中活动红包 ¥1.88") and "另外：" in conclusion(desk), (
        "what is owed since before is said beside it"
    )
    draw(desk, 1, 10, "lapsed")
    assert "没有抽到红包" in conclusion(desk)


def test_somebody_on_the_roster_is_found_before_they_ever_bound(desk: Desk) -> None:
    with desk.runtime.database.transaction() as session:
        roster.put(session, desk.runtime.vault, [("欧阳修远", f"+86{phone(9)}", "市场部", "")], None, desk.now)
    for text in (phone(9), "修远"):
        page = found(desk, text).text
        assert "在名册，还没有绑定微信" in page and "欧阳修远" in page and "138****0009" in page, text
        assert phone(9) not in page.replace(f'value="{text}"', "")
    seen = found(desk, "修远", "li").text
    assert "欧*" in seen and "欧阳修远" not in seen


def test_a_person_is_found_by_any_number_and_by_the_time(desk: Desk) -> None:
    desk.know(1)
    desk.know(2)
    payout_id, _ = ordered(desk, desk.fund(), detail_id="10000417012016032500000001")
    with desk.runtime.database.reading() as session:
        public = session.get_one(Payout, payout_id).public_id
    draw(desk, 2, 45, "missed")
    home: dict[str, tuple[str, ...]] = {
        openid(1): (f"#{payout_id}", "10000417012016032500000001", public, "12:30", "03-15 12:30")
    }
    home[openid(2)] = ("13:15", "2026-03-15 13:15", "13：15", "13:15:02")
    for who, texts in home.items():
        for text in texts:
            assert found(desk, text).headers.get("Location") == f"/admin/people/{who}", text
    for text in ("13:16", "99:99", "02-30 10:00", "#999", "13:00"):
        assert "没有找到这个人" in found(desk, text).text, text


def test_a_packet_number_of_a_campaign_finds_who_drew_it(desk: Desk) -> None:
    seed_story(desk.runtime.database, desk.now, packets=200)
    with desk.runtime.database.reading() as session:
        query = select(Packet.openid, Order.mch_billno).join(Order, Order.id == Packet.order_id)
        who, number = session.execute(query.where(Packet.openid.is_not(None)).limit(1)).one()
    with desk.runtime.database.transaction() as session:
        session.execute(update(Order).where(Order.mch_billno == number).values(openid=None))
    draw(desk, 0, 0, "bound", openid=who)
    assert found(desk, number).headers.get("Location") == f"/admin/people/{who}"


def test_who_only_drew_in_a_campaign_of_instant_draws_is_found_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = desk.runtime
    monkeypatch.setattr(crowd, "BASE", runtime.settings.public_url)
    stage = set_wheel(runtime, {"odds_ppm": 500_000})
    people = [crowd.person(runtime) for _ in range(12)]
    for n, who in enumerate(people):
        move_clock(runtime, timedelta(minutes=n))
        crowd.taps(stage, [(who, crowd.nonce(stage, who))])
    lost = next(draw for draw in stage.draws() if draw.outcome != "won")
    award = stage.awards()[0]
    for drawer, texts in {
        lost.openid: (lost.openid, f"{lost.drawn_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"),
        award.openid: (award.openid, award.public_id),
    }.items():
        for text in texts:
            assert found(desk, text).headers.get("Location") == f"/admin/people/{drawer}", text
    page = desk.as_("wang").get(f"/admin/people/{lost.openid}")
    assert page.status_code == 200 and "抽奖" in page.text


def test_a_search_that_finds_many_says_that_there_may_be_more(desk: Desk) -> None:
    desk.know_many(FOUND_AT_MOST - 1)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Binding).values(name="王小二"))
    assert "只列出前" not in found(desk, "王").text
    desk.know(FOUND_AT_MOST, "王小二")
    desk.know(FOUND_AT_MOST + 1, "王小二")
    assert f"只列出前 {FOUND_AT_MOST} 人" in found(desk, "王").text


def test_marketers_look_at_a_masked_story(desk: Desk) -> None:
    desk.know(1, "张三丰")
    hand_in(desk, desk.fund(), note="张三丰的门店")
    with desk.runtime.database.transaction() as session:
        marks.put(session, desk.runtime.vault, "block", "openid", openid(1), "张三丰冒领", 4, desk.now)
    page = desk.as_("li").get(f"/admin/people/{openid(1)}")
    assert page.status_code == 200 and "张*" in page.text and "提交凭证" in page.text
    assert "张三丰" not in page.text and "/admin/payouts" not in page.text and "/admin/vouchers/" not in page.text
    assert "张三丰冒领" in desk.as_("wang").get(f"/admin/people/{openid(1)}").text


def test_equal_answers_to_repeated_questions_are_one_line_with_a_count(desk: Desk) -> None:
    desk.know(1)
    _, order_id = ordered(desk, desk.fund(), checks=1)
    sending, received = (f"<xml><status><![CDATA[{word}]]></status></xml>" for word in ("SENT", "RECEIVED"))
    with desk.runtime.database.transaction() as session:
        for n, body in enumerate([sending] * 12 + [received] + [sending] * 3):
            session.add(Evidence(order_id=order_id, kind="reply", body=body, at=desk.now + timedelta(minutes=n)))
        notices.tell(
            session, openid(1), "voucher", "1", Text("中间的一条", "one between"), now=desk.now + timedelta(minutes=5)
        )
    with desk.runtime.database.reading() as session:
        told = story.tell(session, desk.runtime.vault, openid(1)).moments
    answers = [(one.times, one.at, one.since) for one in told if one.kind == "answer"]
    at = [desk.now + timedelta(minutes=n) for n in range(16)]
    assert answers == [(3, at[15], at[13]), (1, at[12], None), (12, at[11], at[0])]
    assert "× 12" in desk.as_("wang").get(f"/admin/people/{openid(1)}").text
