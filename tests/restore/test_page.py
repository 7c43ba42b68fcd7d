"""The console's page and the command lead through a thaw: two cashiers, each refused what only the other may do."""

from __future__ import annotations

import re

from sqlalchemy import select

from tests.payouts.desk import Desk, openid
from tests.payouts.stories import owe, payout_of, sound
from tests.replies.test_answers import write_campaign
from tests.restore.conftest import judging
from tests.restore.offices import thaw_of
from tests.rows import fill
from tests.staff.test_totp import set_up, wait
from wxbot import lineage
from wxbot.hall.gaps import LEAP
from wxbot.hall.models import Hall
from wxbot.instant import awards
from wxbot.instant.models import Award, InstantTerms, NumberGap
from wxbot.orders.models import Order
from wxbot.payouts.models import Payout
from wxbot.staff import totp


def page(desk: Desk, login: str, status: str = "open") -> str:
    return desk.as_(login).get(f"/admin/thaw?status={status}").text


def press(desk: Desk, login: str, address: str, **values: str) -> str:
    browser = desk.as_(login)
    answer = browser.post(f"/admin/thaw/{address}", values)
    assert answer.status_code == 303, answer.text
    return desk.told(browser, answer)


def test_two_cashiers_judge_and_open_and_one_alone_cannot(desk: Desk, thawing: int) -> None:
    assert (
        "数据库已冻结" in desk.as_("li").get("/admin").text
        or "数据库已冻结" in desk.as_("wang").get("/admin/orders").text
    )
    shown = page(desk, "wang")
    assert "1900000001202611290000000011" in shown and "提出全部对得上的 1 笔" in shown
    assert "已提出 1 笔" in press(desk, "wang", "pairs")
    assert "确认别人提出的" not in page(desk, "wang", "proposed")
    assert "不能确认自己" in press(desk, "wang", "found/1/confirm")
    seal = re.search(r'name="seal" value="(\w+)"', page(desk, "zhou", "proposed"))
    assert seal and "已确认 1 笔" in press(desk, "zhou", "confirm", seal=seal[1])
    payout = payout_of(desk.runtime, thawing)
    with desk.runtime.database.reading() as session:
        order = session.get_one(Order, payout.order_id)
    assert (payout.status, order.mch_billno, order.status) == ("ordered", "1900000001202611290000000011", "unknown")
    campaign_id = write_campaign(desk.runtime.database, "on", slug="wheel")
    with desk.runtime.database.transaction() as session:
        fill(session, InstantTerms, campaign_id=campaign_id, seed_sealed="sealed", next_k=8)
        fill(session, Hall, campaign_id=campaign_id, next_d=5)
    assert "已提出解冻" in press(desk, "wang", "open")
    assert "不能确认自己" in press(desk, "wang", "open/confirm") and not lineage.may_send(desk.runtime)
    assert "已解冻" in press(desk, "zhou", "open/confirm")
    assert lineage.may_send(desk.runtime) and thaw_of(desk.runtime).step == "opened"
    with desk.runtime.database.reading() as session:  # draws that the copy may have lost keep their numbers
        assert session.scalars(select(NumberGap)).one().from_k == 8
        assert session.scalars(select(Hall.next_d)).one() == 5 + LEAP  # and so do selections of halls
    assert "数据库已冻结" not in page(desk, "wang")


def test_a_prize_that_was_collected_after_the_copy_gets_its_payment_and_is_not_paid_by_the_next_tap(
    desk: Desk, won: Award
) -> None:
    assert f'value="award:{won.id}"' in page(desk, "wang")
    assert "已提出 1 笔" in press(desk, "wang", "pairs")
    assert "已确认" in press(desk, "zhou", "found/1/confirm")
    press(desk, "wang", "open")
    assert "已解冻" in press(desk, "zhou", "open/confirm")
    with desk.runtime.database.transaction() as session:
        award = session.get_one(Award, won.id)
        assert award.status == "collecting" and not awards.collect(session, award, desk.now)
        [payout] = session.scalars(select(Payout))
        order = session.get_one(Order, payout.order_id)
    assert (payout.id, payout.status, order.mch_billno) == (award.payout_id, "ordered", "1900000001202611290000000011")
    sound(desk.runtime)


def test_a_payment_is_not_taken_for_what_it_cannot_have_paid(desk: Desk) -> None:
    assert lineage.may_send(desk.runtime)
    programme_id, poor_id = desk.fund(), desk.fund(500, name="差旅")
    paid = owe(desk.runtime, programme_id, desk.know(1), 880)
    other_amount = owe(desk.runtime, programme_id, openid(1), 900, source_id=2)
    other_person = owe(desk.runtime, programme_id, desk.know(2), 880, source_id=3)
    over_budget = owe(desk.runtime, poor_id, openid(1), 880, source_id=4)
    judging(desk)
    campaign_id = write_campaign(desk.runtime.database, "on", slug="wheel")
    for reason, sentence in (
        (f"payout:{other_amount}", "收款人、金额或渠道与这笔付款不同"),
        (f"payout:{other_person}", "收款人、金额或渠道与这笔付款不同"),
        (f"payout:{over_budget}", "预算不够"),
        (f"campaign:{campaign_id}", "活动没有待下单的 8.80 元红包"),
    ):
        press(desk, "wang", "found/1/propose", reason=reason, evidence="这是昨天晚上付的那一笔")
        assert sentence in press(desk, "zhou", "found/1/confirm"), reason
        assert "已退回" in press(desk, "zhou", "found/1/back")
    assert "没有这笔付款" in press(
        desk, "wang", "found/1/propose", reason="payout:999", evidence="这是昨天晚上付的那一笔"
    )
    assert all(payout_of(desk.runtime, each).status == "approved" for each in (other_amount, other_person, over_budget))
    assert count_of(desk) == 0
    press(desk, "wang", "found/1/propose", reason=f"payout:{paid}", evidence="这是昨天晚上付的那一笔")
    assert "已确认" in press(desk, "zhou", "found/1/confirm")
    assert (payout_of(desk.runtime, paid).status, count_of(desk)) == ("ordered", 1)


def count_of(desk: Desk) -> int:
    """How many orders there are."""
    with desk.runtime.database.reading() as session:
        return len(session.scalars(select(Order.id)).all())


def test_something_else_needs_evidence_and_a_release_two_people(desk: Desk, thawing: int) -> None:
    assert "请写明依据" in press(desk, "wang", "found/1/propose", reason="apart", evidence="不知道")
    press(desk, "wang", "found/1/propose", reason="apart", evidence="这是人工在商户平台补的差旅报销")
    assert "已退回" in press(desk, "zhou", "found/1/back")
    press(desk, "wang", "found/1/propose", reason="apart", evidence="这是人工在商户平台补的差旅报销")
    assert "已确认" in press(desk, "zhou", "found/1/confirm")
    assert payout_of(desk.runtime, thawing).status == "approved"
    assert "请写明依据" in press(desk, "wang", "release", payouts=f"#{thawing}", evidence="急")
    assert "已提出放行 1 笔" in press(desk, "wang", "release", payouts=f"#{thawing}", evidence="昨天当面确认还没有收到")
    assert "不能确认自己" in press(desk, "wang", f"release/{thawing}/confirm")
    assert "已放行" in press(desk, "zhou", f"release/{thawing}/confirm")


def test_a_release_and_the_opening_ask_for_a_code_again_S54(desk: Desk, thawing: int) -> None:
    press(desk, "wang", "found/1/propose", reason="apart", evidence="这是人工在商户平台补的差旅报销")
    press(desk, "zhou", "found/1/confirm")
    press(desk, "wang", "release", payouts=f"#{thawing}", evidence="昨天当面确认还没有收到")
    press(desk, "wang", "open")
    key, _ = set_up(desk.as_("zhou"))
    assert page(desk, "zhou").count('name="code"') == 2
    for address, done in ((f"release/{thawing}/confirm", "已放行"), ("open/confirm", "已解冻")):
        assert "验证码不正确" in press(desk, "zhou", address)
        assert not lineage.may_send(desk.runtime)
        wait(desk.app)
        assert done in press(desk, "zhou", address, code=totp.code_at(key, desk.now))
    assert lineage.may_send(desk.runtime)
