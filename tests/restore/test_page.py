"""The console's page and the command lead through a thaw: two cashiers, each refused what only the other may do."""

from __future__ import annotations

import re

from sqlalchemy import select

from tests.payouts.desk import Desk
from tests.payouts.stories import payout_of, sound
from tests.replies.test_answers import write_campaign
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
