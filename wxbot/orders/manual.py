"""Manual orders: a cashier marks how one ended, with evidence; a second one confirms, and only then the books follow.

An order is manual when the program must not decide: WeChat's memory has ended, a number was refused for a day, or the
same number was told other parameters. What settles it is the merchant's fund bill or an answer of WeChat's staff. Marking
an order failed lets its packet be ordered again, so a wrong mark pays twice: therefore two people (money rules 4 and 14).
"""

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wxbot import approval
from wxbot.db import Database
from wxbot.orders import outcome
from wxbot.orders.decide import Decision
from wxbot.orders.models import MARK_NEXT, MARKED_AS, Evidence, Mark, Order
from wxbot.orders.outcome import DecidedOrder
from wxbot.staff import accounts, audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moved_on

EVIDENCE_MAX = 2000
"""Characters of evidence, at most."""

OWN = Text("不能确认自己的处理意见", "You marked this order")


def mark(database: Database, order_id: int, after: str, evidence: str, actor: Actor, now: datetime) -> int:
    """Say how a manual order ended (`received`, `returned` or `failed`) and why; returns the mark's id.

    Nothing moves until a second cashier confirms it. Raises Refusal.
    """
    if after not in MARKED_AS:
        raise Refusal(
            "after", Text("结果只能是：已领取、已退回、已失败", "the end can be received, returned or failed")
        )
    evidence = approval.require_evidence(evidence, EVIDENCE_MAX)
    try:
        with database.transaction() as session:
            staff_id = accounts.require_cashier(session, actor)
            _manual_order(session, order_id)
            made = Mark(
                order_id=order_id, after=after, evidence=evidence, status="open", marked_by=staff_id, marked_at=now
            )
            session.add(made)
            session.flush()
            audit.record(
                session, actor, "order_mark", f"order:{order_id}", now, detail={"mark": made.id, "after": after}
            )
            return made.id
    except IntegrityError as error:
        raise Refusal(
            "open_mark",
            Text(
                "这笔订单已有待确认的处理意见，请先确认或撤回",
                "this order has an open mark: confirm or withdraw it first",
            ),
        ) from error


def confirm(database: Database, mark_id: int, actor: Actor, now: datetime) -> None:
    """Confirm another cashier's mark: order, ledger and budget follow in one transaction. Raises Refusal."""
    with database.transaction() as session:
        staff_id = accounts.require_cashier(session, actor)
        found = _open_mark(session, mark_id)
        approval.require_second(session, staff_id, [found.marked_by], OWN, now)
        order = _manual_order(session, found.order_id)
        decision = Decision(found.after, err_code=order.err_code)
        if outcome.apply(session, [DecidedOrder(order, decision)], now) != 1 or not move(
            session, Mark, mark_id, MARK_NEXT, "open", "confirmed", decided_by=staff_id, decided_at=now
        ):
            raise Refusal(
                "moved", Text("这笔订单刚刚有了新结果，请刷新页面", "the order has just changed; reload the page")
            )
        body = f"{found.after}; marked by staff {found.marked_by}, confirmed by staff {staff_id}: {found.evidence}"
        session.execute(insert(Evidence).values(order_id=order.id, kind="manual", body=body, at=now))
        audit.record(
            session, actor, "order_confirm", f"order:{order.id}", now, detail={"mark": mark_id, "after": found.after}
        )


def withdraw(database: Database, mark_id: int, actor: Actor, now: datetime) -> None:
    """Take a mark back before it was confirmed; any cashier may, the one who made it too. Raises Refusal."""
    with database.transaction() as session:
        staff_id = accounts.require_cashier(session, actor)
        found = _open_mark(session, mark_id)
        if not move(session, Mark, mark_id, MARK_NEXT, "open", "withdrawn", decided_by=staff_id, decided_at=now):
            raise moved_on()
        audit.record(session, actor, "order_withdraw", f"order:{found.order_id}", now, detail={"mark": mark_id})


def open_mark(session: Session, order_id: int) -> Mark | None:
    """The mark of an order that waits for a second person, or None."""
    return session.scalar(select(Mark).where(Mark.order_id == order_id, Mark.status == "open"))


def _manual_order(session: Session, order_id: int) -> Order:
    order = session.scalar(select(Order).where(Order.id == order_id).with_for_update())
    if order is None or order.status != "manual":
        raise Refusal("status", Text("这笔订单不需要人工处理", "this order does not wait for a person"))
    return order


def _open_mark(session: Session, mark_id: int) -> Mark:
    found = session.scalar(select(Mark).where(Mark.id == mark_id).with_for_update())
    if found is None or found.status != "open":
        raise Refusal("no_mark", Text("没有待确认的处理意见", "there is no such open mark"))
    return found
