"""Manual orders: two cashiers settle them, with evidence, and packet, budget and ledger follow (money rules 4 and 14)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from tests.campaigns.stories import CASHIER, MARKETER, campaign_of, launched, work
from tests.campaigns.test_launch import assert_sound
from tests.campaigns.test_lifecycle import counted
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot import ledger
from wxbot.campaigns import switch
from wxbot.orders import manual
from wxbot.orders.models import Evidence, Mark, Order
from wxbot.orders.reconcile import make_due
from wxbot.runtime import Runtime
from wxbot.staff.audit import Actor
from wxbot.staff.models import AuditEvent, Staff
from wxbot.text import Refusal

SECOND = 3
CHEN, LIN, MEI = Actor(CASHIER, "chen"), Actor(SECOND, "lin"), Actor(MARKETER, "mei")
WHY = "资金账单 2026-03-15 无此单号的支出"


def manual_order(runtime: Runtime, simulator: SimulatedWeChat) -> tuple[int, int]:
    """A launched campaign of one packet whose order WeChat answered with FATAL_ERROR; (campaign id, order id)."""
    fatal = {"kind": "refuse", "err_code": "FATAL_ERROR", "times": 1}
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", fatal)
    campaign_id = launched(runtime, packet_count=1, budget_fen=100)
    with runtime.database.transaction() as session:
        session.add(
            Staff(id=SECOND, login="lin", name="lin", role="cashier", password_hash="!", created_at=runtime.clock.now())
        )
    work(runtime)
    with runtime.database.reading() as session:
        order = session.scalars(select(Order)).one()
    assert order.status == "manual"
    return campaign_id, order.id


def test_rule14_failed_needs_two_cashiers_and_then_the_packet_is_ordered_anew(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    campaign_id, order_id = manual_order(runtime, simulator)
    now = runtime.clock.now()
    mark_id = manual.mark(runtime.database, order_id, "failed", WHY, CHEN, now)
    work(runtime)
    assert counted(runtime, campaign_id) == {"ordered": 1}
    with pytest.raises(Refusal, match="second cashier"):
        manual.confirm(runtime.database, mark_id, CHEN, now)
    manual.confirm(runtime.database, mark_id, LIN, now)
    work(runtime)
    assert counted(runtime, campaign_id) == {"loaded": 1}
    with runtime.database.reading() as session:
        assert [order.status for order in session.scalars(select(Order).order_by(Order.id))] == ["failed", "accepted"]
        (proof,) = session.scalars(select(Evidence).where(Evidence.kind == "manual"))
        assert WHY in proof.body
        actions = session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("order_%"))).all()
        assert actions == ["order_mark", "order_confirm"]
    assert_sound(runtime)


@pytest.mark.parametrize(("after", "paid_fen"), [("received", 100), ("returned", 0)])
def test_rule14_a_settled_order_lets_its_campaign_close(
    runtime: Runtime, simulator: SimulatedWeChat, after: str, paid_fen: int
) -> None:
    campaign_id, order_id = manual_order(runtime, simulator)
    in_one(runtime.database, switch.close, campaign_id, MARKETER, runtime.clock.now())
    work(runtime)
    assert campaign_of(runtime, campaign_id).status == "closing"
    mark_id = manual.mark(runtime.database, order_id, after, WHY, CHEN, runtime.clock.now())
    manual.confirm(runtime.database, mark_id, LIN, runtime.clock.now())
    work(runtime)
    assert campaign_of(runtime, campaign_id).status == "closed"
    with runtime.database.reading() as session:
        left = {name: fen for name, fen in ledger.balances(session, campaign_id).items() if fen and name != "merchant"}
    assert left == ({"paid": paid_fen} if paid_fen else {})
    assert_sound(runtime)


def test_nobody_else_marks_or_confirms_S56(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """No marketer, nobody from the command line, no cashier who has left; no empty evidence, no other end."""
    _, order_id = manual_order(runtime, simulator)
    now = runtime.clock.now()
    for actor in (MEI, Actor(None, "root"), Actor(99, "ghost")):
        with pytest.raises(Refusal):
            manual.mark(runtime.database, order_id, "failed", WHY, actor, now)
    for after, why in (("accepted", WHY), ("manual", WHY), ("failed", "  短  "), ("failed", "x" * 2001)):
        with pytest.raises(Refusal):
            manual.mark(runtime.database, order_id, after, why, CHEN, now)
    mark_id = manual.mark(runtime.database, order_id, "failed", WHY, CHEN, now)
    with pytest.raises(Refusal):
        manual.mark(runtime.database, order_id, "received", WHY, LIN, now)
    with runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.id == SECOND).values(is_active=False))
    with pytest.raises(Refusal):
        manual.confirm(runtime.database, mark_id, LIN, now)
    manual.withdraw(runtime.database, mark_id, CHEN, now)
    with pytest.raises(Refusal):
        manual.confirm(runtime.database, mark_id, CHEN, now)
    with runtime.database.reading() as session:
        assert session.scalars(select(Order.status)).one() == "manual"


def test_rule14_the_database_itself_refuses_one_person(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    _, order_id = manual_order(runtime, simulator)
    manual.mark(runtime.database, order_id, "failed", WHY, CHEN, runtime.clock.now())
    for deed in ("decided_by = marked_by", "decided_by = NULL"):
        with pytest.raises(IntegrityError), runtime.database.transaction() as session:
            session.execute(text(f"UPDATE order_marks SET status = 'confirmed', {deed}"))


def test_a_confirmation_clicked_many_times_settles_once_F24(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    _, order_id = manual_order(runtime, simulator)
    mark_id = manual.mark(runtime.database, order_id, "failed", WHY, CHEN, runtime.clock.now())

    def click(_number: int) -> bool:
        try:
            manual.confirm(runtime.database, mark_id, LIN, runtime.clock.now())
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(click, range(16))).count(True) == 1
    with runtime.database.reading() as session:
        assert session.scalars(select(Mark.status)).all() == ["confirmed"]
    assert_sound(runtime)


def test_a_manual_order_may_be_asked_about_and_what_wechat_knows_settles_it(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """Asking settles nothing by itself when WeChat knows nothing; an open mark then finds the order settled otherwise."""
    _, order_id = manual_order(runtime, simulator)
    now = runtime.clock.now()
    assert in_one(runtime.database, make_due, order_id, now)
    work(runtime)
    with runtime.database.reading() as session:
        order = session.get_one(Order, order_id)
    assert (order.status, order.next_step, order.next_check_at) == ("manual", None, None)
    mark_id = manual.mark(runtime.database, order_id, "failed", WHY, CHEN, now)
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(status="unknown"))
    with pytest.raises(Refusal):
        manual.confirm(runtime.database, mark_id, LIN, now)
