"""What the fund bill and our books do not agree about, in one place: `wxbot ledger check`, the console and the alerts ask here.

`findings` is cheap (kept balances, one partial index) and may be asked every few seconds; `look_again` is the work of the
task `orders.bill`: it drops faults that have settled themselves and names orders that were booked and never paid (I17).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from wxbot import ledger
from wxbot.clock import SHANGHAI, day_began, shanghai_day
from wxbot.ledger import Posting
from wxbot.logs import get_logger
from wxbot.money import yuan
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import BillDay, BillLine, Order
from wxbot.text import Text

log = get_logger(__name__)

NOT_OURS = "not_ours"
NEVER_PAID = "booked_never_paid"
NEVER_RETURNED = "booked_never_returned"

BOOKED = ("accepted", "received", "returned")
"""Statuses that say WeChat took the money out of the merchant's account."""

MISSING = {"no_outgo": NEVER_PAID, "no_income": NEVER_RETURNED}
"""Kind of a row that stands for a line that should have been in a bill → its fault."""

LOOK_BACK = timedelta(days=40)
"""Orders made earlier than this before the newest bill are not looked for again: 25 days of asking and the 14 of fetching."""

CLOCK_SLACK = timedelta(minutes=10)
"""How far WeChat's books may put a payment from our clock's time: around midnight both days must have been read."""

UNREAD_AFTER = timedelta(days=2)
"""A bill is asked for every 10 minutes from 10:00 of the next day on; a whole day later its absence is a fault (F86)."""

DAYS_BACK = 14
"""How far back a missing bill is still fetched."""

SHOWN_LINES = 20


@dataclass(frozen=True)
class BillFinding:
    """One kind of difference: how many, how much, the newest lines of it, and what to do, in both languages.

    `kind` is `suspense`, `unread` or a fault of BillLine; `amount_fen` is the sum of the lines, for `suspense` what stands there.
    No sentence and no line names a person.
    """

    kind: str
    count: int
    amount_fen: int
    text: Text
    lines: Sequence[BillLine] = ()


WORDS: dict[str, Text] = {
    "suspense": Text(
        "待查科目有 {yuan} 元没有解释。逐笔查明下面的流水后，由两位财务说明：wxbot ledger explain。",
        "{yuan} yuan stand in suspense. Find out what the lines below are, then two cashiers explain them: wxbot ledger explain.",
    ),
    NOT_OURS: Text(
        "资金账单有 {n} 笔流水（共 {yuan} 元）不属于 wxbot 的任何订单：有人绕过 wxbot 使用了这个商户号，或旧数据丢失后微信仍记得。"
        "请在商户平台按日期和单号查明；如果是恢复备份之后出现的，先停止付款：wxbot payout stop。",
        "{n} {n:line|lines} of the fund bill ({yuan} yuan) {n:belongs|belong} to no order of wxbot: somebody used the merchant's account beside it, or "
        "WeChat remembers what our data lost. Look them up in the merchant's console; if they came after a backup was restored, "
        "stop payments first: wxbot payout stop.",
    ),
    NEVER_PAID: Text(
        "{n} 笔订单（共 {yuan} 元）我方记为已付，但那几天的资金账单里没有这笔支出。请用 wxbot order ask 再问微信，"
        "并在商户平台核对；核实之前不要补发。",
        "{n} {n:order|orders} ({yuan} yuan) {n:is|are} booked as paid, but the fund bills of their days hold no such payment. Ask WeChat again "
        "(wxbot order show, wxbot order ask), compare with the merchant's console, and pay nobody again before that.",
    ),
    NEVER_RETURNED: Text(
        "{n} 笔订单（共 {yuan} 元）我方记为已退回，但资金账单里没有退款。请在商户平台核对余额和退款记录，核实之前不要补发。",
        "{n} {n:order|orders} ({yuan} yuan) {n:is|are} booked as returned, but no fund bill holds the money coming back. Compare with the "
        "merchant's console, and pay nobody again before that.",
    ),
    "amount_differs": Text(
        "{n} 笔流水的金额与订单不同（账单共 {yuan} 元）。请停止付款，核对订单详情里微信的原始应答。",
        "{n} {n:line has|lines have} another amount than {n:its|their} order ({yuan} yuan in the bill). Stop payments and compare WeChat's raw answers "
        "on the order's page.",
    ),
    "paid_twice": Text(
        "{n} 笔订单被付了两次（多出 {yuan} 元）。请立即停止付款（wxbot payout stop），保留日志和数据库副本，再联系微信支付。",
        "{n} {n:order|orders} {n:was|were} paid twice ({yuan} yuan too much). Stop payments now (wxbot payout stop), keep the log and a copy of the "
        "database, then ask WeChat Pay.",
    ),
    "returned_twice": Text(
        "{n} 笔订单退回了两次（共 {yuan} 元）。请在商户平台核对，并联系微信支付。",
        "{n} {n:order|orders} came back twice ({yuan} yuan). Compare with the merchant's console and ask WeChat Pay.",
    ),
    "paid_but_booked": Text(
        "{n} 笔订单（共 {yuan} 元）微信已付，我方却记为未付或失败。请停止付款，不要补发，核对订单详情。",
        "{n} {n:order|orders} ({yuan} yuan) {n:was|were} paid by WeChat and {n:is|are} booked as unpaid or failed. Stop payments, pay nobody again, look at "
        "the orders.",
    ),
    "returned_but_booked": Text(
        "{n} 笔订单（共 {yuan} 元）微信已退回，我方却记为别的结果。请核对订单详情，由两位财务更正。",
        "{n} {n:order|orders} ({yuan} yuan) came back from WeChat and {n:is|are} booked otherwise. Look at the orders; two cashiers settle them.",
    ),
    "unread": Text(
        "{n} 天的资金账单还没有读到（{days}）：没有账单就没有核对。看日志里的 bill_missing 或 bill_unreadable，并在商户平台确认已开通账单下载。",
        "The fund {n:bill|bills} of {n} {n:day was|days were} not read ({days}): without them nothing is compared. See bill_missing or bill_unreadable in "
        "the log, and that the merchant may download bills.",
    ),
}
"""Kind of finding → its sentence; faults that carry a status are found by their beginning."""


def fault_of(order: Order, is_income: bool, amount_fen: int) -> str | None:
    """What is wrong with a line about an order of ours, or None: the classes a person has to look at (money T8)."""
    if order.amount_fen != amount_fen:
        return "amount_differs"
    if is_income and order.status not in ("returned", "failed", "accepted", "unknown"):
        return "returned_but_booked_" + order.status
    if not is_income and order.status in ("planned", "failed"):
        return "paid_but_booked_" + order.status
    return None


# --- what is wrong now --------------------------------------------------------------------------------------------


def findings(session: Session, now: datetime) -> list[BillFinding]:
    """Everything the bill and the books do not agree about, the worst first; empty when they agree. Amounts in fen."""
    found = []
    faults: dict[str, tuple[int, int]] = {}
    query = select(BillLine.fault, func.count(), func.sum(BillLine.amount_fen)).where(BillLine.fault.is_not(None))
    for fault, n, amount_fen in session.execute(query.group_by(BillLine.fault)):
        kind = next((name for name in WORDS if str(fault).startswith(name)), str(fault))
        before = faults.get(kind, (0, 0))
        faults[kind] = (before[0] + int(n), before[1] + int(amount_fen))
    standing_fen = ledger.balances(session)["suspense"]
    if standing_fen:
        foreign = faults.get(NOT_OURS, (0, 0))[0]
        found.append(_finding("suspense", foreign, standing_fen, _newest(session, NOT_OURS)))
    for kind in sorted(faults, key=list(WORDS).index):
        found.append(_finding(kind, *faults[kind], _newest(session, kind)))
    if days := unread_days(session, now):
        found.append(_finding("unread", len(days), 0, (), days=days))
    return found


def _finding(kind: str, n: int, amount_fen: int, lines: Sequence[BillLine], days: Sequence[str] = ()) -> BillFinding:
    text = WORDS[kind].format(n=n, yuan=yuan(amount_fen), days=[*days])
    return BillFinding(kind, n, amount_fen, text, lines)


def _newest(session: Session, kind: str) -> Sequence[BillLine]:
    """The newest lines with a fault of this kind."""
    is_kind = BillLine.fault.startswith(kind, autoescape=True)
    query = select(BillLine).where(BillLine.fault.is_not(None), is_kind)
    return session.scalars(query.order_by(BillLine.id.desc()).limit(SHOWN_LINES)).all()


def first_order_at(session: Session) -> datetime | None:
    """When the first order was made: no bill before that day says anything of ours."""
    return session.execute(select(Order.created_at).order_by(Order.id).limit(1)).scalar_one_or_none()


def unread_days(session: Session, now: datetime) -> list[str]:
    """Days (YYYYMMDD) with orders of ours whose bill should have been read long ago and was not."""
    first = first_order_at(session)
    if first is None:
        return []
    known = set(session.scalars(select(BillDay.day)))
    last = shanghai_day(now - UNREAD_AFTER)
    days = (last - timedelta(days=back) for back in range(DAYS_BACK - UNREAD_AFTER.days, -1, -1))
    return [f"{day:%Y%m%d}" for day in days if day >= shanghai_day(first) and f"{day:%Y%m%d}" not in known]


# --- what the task does -------------------------------------------------------------------------------------------


def look_again(session: Session, now: datetime, *, is_bill_new: bool = True) -> int:
    """Drop faults that settled themselves; with a new bill, name orders that no bill has paid. Returns how many those are."""
    known = select(BillLine, Order).join(Order, Order.mch_billno == BillLine.mch_billno)
    for line, order in session.execute(known.where(BillLine.fault.is_not(None))).all():
        _judge_again(session, line, order, now)
    session.flush()
    return _name_missing(session, now) if is_bill_new else 0


def _judge_again(session: Session, line: BillLine, order: Order, now: datetime) -> None:
    """A fault whose order changed since, or is known only now, is looked at again; what happened twice stays."""
    if line.kind in MISSING:
        if order.status not in (BOOKED if line.fault == NEVER_PAID else ("returned",)):
            session.delete(line)
        return
    if line.fault in ("paid_twice", "returned_twice"):
        return
    if line.fault == NOT_OURS:  # its order came later: what was posted as foreign is taken back
        debit, credit = ("merchant", "suspense") if line.kind == "income" else ("suspense", "merchant")
        posting = Posting("bill", f"{line.line_key[:59]}:ours", debit, credit, line.amount_fen)
        ledger.post(session, [posting], now)
        line.order_id = order.id
    line.fault = fault_of(order, line.kind == "income", line.amount_fen)


def forget_missing(session: Session, mch_billno: str, is_income: bool) -> None:
    """The line that was missing has come, with a later bill."""
    kind = "no_income" if is_income else "no_outgo"
    session.execute(delete(BillLine).where(BillLine.mch_billno == mch_billno, BillLine.kind == kind))


def _name_missing(session: Session, now: datetime) -> int:
    """Write a row for each order that is booked as paid, or as returned, though all bills of its days hold no such line."""
    known = set(session.scalars(select(BillDay.day)))
    if not known:
        return 0
    newest = datetime.strptime(max(known), "%Y%m%d").replace(tzinfo=SHANGHAI)
    end = day_began(newest.date() + timedelta(days=1))
    named = 0
    for kind, order in _without_line(session, newest - LOOK_BACK, end):
        placed = order.accepted_at or order.settled_at or order.created_at
        last = placed if kind == "no_outgo" else (order.settled_at or placed)
        first = order.created_at if kind == "no_outgo" else placed
        if not _days(first - CLOCK_SLACK, last + CLOCK_SLACK) <= known:
            continue
        log.error("bill_line_missing", mch_billno=order.mch_billno, fault=MISSING[kind])
        session.add(
            BillLine(
                day=f"{shanghai_day(last):%Y%m%d}",
                line_key=f"{kind}:{order.mch_billno}",
                kind=kind,
                mch_billno=order.mch_billno,
                amount_fen=order.amount_fen,
                order_id=order.id,
                fault=MISSING[kind],
                at=now,
            )
        )
        named += 1
    return named


def _days(first: datetime, last: datetime) -> set[str]:
    day, end = shanghai_day(first), shanghai_day(last)
    return {f"{day + timedelta(days=n):%Y%m%d}" for n in range((end - day).days + 1)}


def _without_line(session: Session, since: datetime, end: datetime) -> Iterator[tuple[str, Order]]:
    """Orders made since then and booked before `end` of which no bill line tells, and none was named before.

    A transfer counts when its person has it: whether WeChat's bill shows a transfer that waits is not documented.
    """
    at_once = [name for name, channel in CHANNELS.items() if channel.is_billed_when_placed]
    booked = Order.status.in_(BOOKED) & or_(Order.channel.in_(at_once), Order.status == "received")
    returned = (Order.status == "returned") & Order.channel.in_(at_once)
    booked_at = func.coalesce(Order.accepted_at, Order.settled_at)
    for kind, line_kind, wanted, moment in (
        ("no_outgo", "outgo", booked, booked_at),
        ("no_income", "income", returned, Order.settled_at),
    ):
        line = select(BillLine.id).where(BillLine.mch_billno == Order.mch_billno, BillLine.kind.in_((line_kind, kind)))
        query = select(Order).where(wanted, Order.created_at >= since, moment < end, ~line.exists())
        for order in session.scalars(query.order_by(Order.id).execution_options(yield_per=1000)):
            yield kind, order
