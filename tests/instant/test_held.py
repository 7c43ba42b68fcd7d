"""Whatever holds an award that was asked for is said on its page, with the time at which it goes on by itself."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.conftest import Cast
from tests.draws.stage import Phone
from tests.faults.test_payout_faults import BILLS
from tests.instant.test_remind import go_to
from tests.instant.winners import Instant, mine, set_instant, state, tap
from tests.payouts.stories import orders_of, pass_time, payout_of, sound
from tests.servers import SimulatedWeChat
from wxbot import lineage
from wxbot.lineage import Lineage
from wxbot.orders.found import FoundOrder, Thaw
from wxbot.orders.models import Order
from wxbot.payouts.create import cancel
from wxbot.runtime import Runtime
from wxbot.text import moment_text
from wxbot.witness import Witness
from wxbot.worker import run_task, run_until_quiet

SEND = {"transfer_bills": BILLS, "sendredpack": "mmpaymkttransfers/sendredpack"}


def asked(campaign: Instant, phone: Phone, openid: str, fen: int = 100) -> str:
    """Somebody has won and taps."""
    won = campaign.win(openid, fen)
    assert tap(phone, won, mine(phone)["form_mark"]).status_code == 200
    return won


def change(runtime: Runtime, **settings: object) -> None:
    runtime.settings = runtime.settings.model_copy(update=settings)


def held(phone: Phone, won: str, *words: str) -> None:
    told = state(phone, won)
    assert (told["state"], [word for word in words if word not in told["text"]]) == ("held", []), told["text"]


def goes_on(runtime: Runtime, simulator: SimulatedWeChat, phone: Phone, won: str, seconds: float = 0) -> None:
    pass_time(runtime, simulator, seconds)
    assert state(phone, won)["state"] == "confirm"


def test_the_merchants_night_day_stop_and_empty_account_are_each_said(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    campaign = set_instant(runtime)
    go_to(runtime, simulator, 7)
    change(runtime, transfer_quiet_hours=True)
    by_night = asked(campaign, ming, cast.ming.openid)
    run_task(runtime, "payouts.pay")
    held(ming, by_night, "夜间不发放", "08:00")
    goes_on(runtime, simulator, ming, by_night, 3660)
    # 1 yuan was sent today: another one does not fit into a day of 1.50 yuan, though that day is not used up.
    change(runtime, pay_fen_per_day=150)
    too_much = asked(campaign, ming, cast.ming.openid)
    run_task(runtime, "payouts.pay")
    held(ming, too_much, "今天的发放额度已满", "明天")
    change(runtime, pay_fen_per_day=10_000, pay_per_day=1)
    held(ming, too_much, "今天的发放额度已满", "明天")
    change(runtime, pay_per_day=10_000)
    # One finds the account empty, the next one finds its lane stopped.
    simulator.control("PUT", f"faults/{BILLS}", {"kind": "refuse", "err_code": "NOT_ENOUGH"})
    run_task(runtime, "orders.send")
    second = asked(campaign, ming, cast.ming.openid)
    run_task(runtime, "payouts.order")
    held(ming, too_much, "补充资金", "自动再试")
    held(ming, second, "付款账户暂时不能付款", "每分钟自动再试")
    simulator.control("DELETE", "faults")
    pass_time(runtime, simulator, 70)
    goes_on(runtime, simulator, ming, second, 3600)
    assert state(ming, too_much)["state"] == "confirm"
    sound(runtime)


def test_what_only_a_person_can_settle_is_said_and_names_no_reason(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    campaign = set_instant(runtime)
    reports = runtime.settings.transfer_reports
    change(runtime, transfer_reports="活动名称={no_such_text}")
    unsendable = asked(campaign, ming, cast.ming.openid)
    run_until_quiet(runtime)
    held(ming, unsendable, "暂停发放", "工作人员")
    assert state(ming, unsendable)["title"] == "暂缓发放", "nothing goes on by itself that waits for staff"
    change(runtime, transfer_reports=reports)
    goes_on(runtime, simulator, ming, unsendable, 610)
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(status="manual"))
    held(ming, unsendable, "人工核对", "告诉您")
    assert state(ming, unsendable)["title"] == "暂缓发放"


def test_after_a_restore_it_waits_and_says_that_the_books_are_checked(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    campaign = set_instant(runtime)
    before = asked(campaign, ming, cast.ming.openid)
    later = campaign.win(cast.ming.openid)
    lineage.freeze_now(runtime, "older", Witness(9, 9))
    run_task(runtime, "payouts.order")
    held(ming, before, "核对", "自动发出")
    refused = tap(ming, later, mine(ming)["form_mark"])
    assert (refused.status_code, refused.get_json()["outcome"]) == (409, "frozen")
    assert ("核对" in refused.get_json()["text"], campaign.award(later).status) == (True, "open")
    with runtime.database.transaction() as session:
        session.execute(update(Lineage).values(frozen_why=None, frozen_at=None))
        now = runtime.clock.now()
        thaw = Thaw(frozen_at=now, known_until=now, first_serial=1, next_serial=1, step="judging", bills_read_at=now)
        session.add(thaw)
        session.flush()
        session.add(
            FoundOrder(
                thaw_id=thaw.id,
                mch_billno="1" * 28,
                version="v3",
                amount_fen=100,
                state="received",
                openid=cast.ming.openid,
                found_at=now,
            )
        )
    pass_time(runtime, simulator, 61)
    held(ming, before, "已经发过", "自动发出")
    with runtime.database.transaction() as session:
        session.execute(update(FoundOrder).values(status="apart", proposed_by=1, decided_by=2, reason_kind=None))
    goes_on(runtime, simulator, ming, before, 61)


@pytest.mark.parametrize(
    ("reason", "why"), [("PAYEE_ACCOUNT_ABNORMAL", "不能收款"), ("", "没有在 24 小时内确认")], ids=["failed", "overdue"]
)
def test_why_it_is_to_be_asked_for_again_is_said_with_its_deadline(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone, reason: str, why: str
) -> None:
    campaign = set_instant(runtime)
    simulator.control("PUT", "switches", {"transfer_fails_with": reason})
    won = asked(campaign, ming, cast.ming.openid)
    run_until_quiet(runtime)
    pass_time(runtime, simulator, 300 if reason else 25 * 3600)
    pass_time(runtime, simulator, 7 * 3600)
    open_again(campaign, ming, won, why)
    pass_time(runtime, simulator, 8 * 86_400)
    run_task(runtime, "awards.forfeit")
    assert (state(ming, won)["state"], campaign.award(won).status) == ("forfeited", "forfeited")
    ming.open("/h5/me")
    assert "兑奖截止前没有领取，已收回" in ming.get("/h5/me").get_data(as_text=True), "nobody called it off"
    sound(runtime)


def open_again(campaign: Instant, phone: Phone, won: str, why: str) -> None:
    told, deadline = state(phone, won), moment_text(campaign.award(won).deadline_at).zh
    assert (told["state"], why in told["text"], f"请在 {deadline} 前领取" in told["text"]) == ("open", True, True), told
    packets = phone.get("/h5/me").get_data(as_text=True)
    paid_at = re.search(r"/h5/pay/[\w-]+", packets)
    assert paid_at and "再点一次领取" in packets
    for page in (packets, phone.get(paid_at[0]).get_data(as_text=True)):
        assert 'href="/h5/awards"' in page, "where that is done is one tap away"


def test_a_fault_of_the_merchants_is_tried_again_or_called_off_and_never_the_winners(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    campaign = set_instant(runtime)
    simulator.control("PUT", "switches", {"transfer_fails_with": "PAYER_ACCOUNT_ABNORMAL"})
    won = asked(campaign, ming, cast.ming.openid)
    run_until_quiet(runtime)
    pass_time(runtime, simulator, 300)
    held(ming, won, "发放暂停", "自动再试")
    payout_id = campaign.award(won).payout_id or 0
    with runtime.database.transaction() as session:
        assert cancel(session, payout_id, runtime.clock.now())
    run_task(runtime, "payouts.settle")
    open_again(campaign, ming, won, "上一次没有发成")
    sound(runtime)


def test_what_wechat_holds_until_the_morning_says_so(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    """The bank has counted more for this person than we have: packets of other programs."""
    campaign = set_instant(runtime, channel="sendredpack")
    simulator.control("PUT", f"faults/{SEND['sendredpack']}", {"kind": "refuse", "err_code": "SENDNUM_LIMIT"})
    won = asked(campaign, ming, cast.ming.openid)
    run_until_quiet(runtime)
    simulator.control("DELETE", "faults")
    (order,) = orders_of(runtime, campaign.award(won).payout_id or 0)
    assert order.next_check_at is not None and order.next_check_at > runtime.clock.now() + timedelta(minutes=5)
    held(ming, won, "上限", moment_text(order.next_check_at).zh)
    pass_time(runtime, simulator, (order.next_check_at - runtime.clock.now()).total_seconds() + 1)
    held(ming, won, "聊天")
    assert payout_of(runtime, campaign.award(won).payout_id or 0).status == "ordered"
