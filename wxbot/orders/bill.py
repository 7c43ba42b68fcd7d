"""The daily fund bill: every line matched to an order, or standing in suspense until a person explains it (I17).

WeChat makes the bill of a day from 09:00 of the next (see PayClient.downloadfundflow); it is read from 10:00 on.
"""

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from wxbot import ledger
from wxbot.clock import SHANGHAI, shanghai_day
from wxbot.db import changed, insert_into
from wxbot.ledger import Posting
from wxbot.logs import get_logger
from wxbot.money import NotMoney, parse_yuan
from wxbot.orders import bill_faults, found
from wxbot.orders.bill_faults import DAYS_BACK
from wxbot.orders.models import BillDay, BillLine, Order
from wxbot.runtime import Runtime
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)

READY_HOUR = 10

SUMMARY = "资金流水总笔数"
COLUMNS = 11


class UnreadableBill(ValueError):
    """The bill has not the columns it should have; nothing of it was used (F86)."""


@dataclass(frozen=True)
class FundLine:
    """One line of the bill: `amount_fen` is positive, `is_income` says which way it went. `at` is WeChat's text, in the order
    of time; `balance_fen` is what the account held after it, None when the bill does not say."""

    number: str
    detail_id: str
    mch_billno: str
    kind: str
    is_income: bool
    amount_fen: int
    at: str = ""
    balance_fen: int | None = None


def parse_bill(text: str) -> list[FundLine]:
    """The lines of a fund bill. Values stand behind a back-tick; the last two lines are a summary that must agree.

    Raises UnreadableBill for anything else.
    """
    rows = [
        [value.strip().lstrip("`") for value in row] for row in csv.reader(text.lstrip("\ufeff").splitlines()) if row
    ]
    heads = [index for index, row in enumerate(rows) if row[0] == SUMMARY]
    if not rows or not rows[0][0].startswith("记账时间") or len(heads) != 1 or heads[0] + 2 != len(rows):
        raise UnreadableBill("the bill has no header or no summary")
    lines = [_line(row) for row in rows[1 : heads[0]]]
    summary = rows[-1]
    try:
        told = (int(summary[0]), parse_yuan(summary[2]), parse_yuan(summary[4]))
    except (IndexError, ValueError) as error:
        raise UnreadableBill("the bill's summary cannot be read") from error
    income = sum(line.amount_fen for line in lines if line.is_income)
    outgo = sum(line.amount_fen for line in lines if not line.is_income)
    if told != (len(lines), income, outgo):
        raise UnreadableBill(f"the bill's lines do not add up to its summary: {told}")
    return lines


def _line(row: list[str]) -> FundLine:
    if len(row) != COLUMNS or row[5] not in ("收入", "支出"):
        raise UnreadableBill("a line of the bill has other columns")
    try:
        amount_fen = parse_yuan(row[6])
    except NotMoney as error:
        raise UnreadableBill("a line of the bill has no amount") from error
    return FundLine(row[2], row[1], row[10], row[3], row[5] == "收入", amount_fen, row[0], _balance_fen(row[7]))


def _balance_fen(text: str) -> int | None:
    """The balance after a line; a bill that does not say it readably is still a bill."""
    try:
        return parse_yuan(text)
    except NotMoney:
        return None


def closing_fen(lines: list[FundLine]) -> int | None:
    """What the account held at the end of the day: after the latest line that says it, None without one."""
    told = [(line.at, place) for place, line in enumerate(lines) if line.balance_fen is not None]
    return lines[max(told)[1]].balance_fen if told else None


def fetch_bills(runtime: Runtime) -> int:
    """Read the bills of past days that are missing; returns how many were read. A missing bill is an alarm, not an OK."""
    now = runtime.clock.now()
    read = _fetch_missing(runtime, now) if now.astimezone(SHANGHAI).hour >= READY_HOUR else 0
    with runtime.database.transaction() as session:
        bill_faults.look_again(session, runtime.database.now(session), is_bill_new=read > 0)
    return read


def _fetch_missing(runtime: Runtime, now: datetime) -> int:
    today = shanghai_day(now)
    with runtime.database.reading() as session:
        known = set(session.scalars(select(BillDay.day)))
        first = bill_faults.first_order_at(session) or found.lost_since(session)
    read = 0
    for back in range(DAYS_BACK, 0, -1):
        day = today - timedelta(days=back)
        if f"{day:%Y%m%d}" in known or first is None or day < shanghai_day(first):
            continue
        try:
            text = runtime.pay.downloadfundflow(day)
        except WeChatError as error:
            if "NO_BILL_EXIST" not in str(error):
                log.warning("bill_missing", day=f"{day:%Y%m%d}", reason=str(error))
                continue
            text = None
        try:
            lines = parse_bill(text) if text is not None else []
        except UnreadableBill as error:
            log.error("bill_unreadable", day=f"{day:%Y%m%d}", reason=str(error))
            continue  # one spoilt bill must not hide the days after it
        with runtime.database.transaction() as session:
            book_bill(session, f"{day:%Y%m%d}", lines, runtime.database.now(session))
        read += 1
    return read


def book_bill(session: Session, day: str, lines: list[FundLine], now: datetime) -> int:
    """Match the lines of one day and post what is not ours; returns how many lines have a new fault. Repeating changes
    nothing, and of two workers that read the same day at once the second waits for the first and finds all lines known."""
    read = insert_into(session, BillDay).values(day=day, lines=0, faults=0, read_at=now)
    session.execute(read.on_conflict_do_nothing(index_elements=["day"]))
    faults = 0
    for line in lines:
        key = f"{day}:{line.number}"
        if session.execute(select(BillLine.id).where(BillLine.line_key == key)).first() is not None:
            continue
        order = (
            session.execute(
                select(Order).where(or_(Order.mch_billno == line.mch_billno, Order.detail_id == line.detail_id))
            )
            .scalars()
            .first()
        )
        if order is None:
            fault = None if line.is_income and "充值" in line.kind else bill_faults.NOT_OURS
        else:
            bill_faults.forget_missing(session, order.mch_billno, line.is_income)
            fault = bill_faults.fault_of(order, line.is_income, line.amount_fen) or _doubled(session, order, line)
        faults += fault is not None
        if order is None:
            _post_foreign(session, key, line, now)
        number = order.mch_billno if order else line.mch_billno[:64]
        kind = "income" if line.is_income else "outgo"
        session.add(
            BillLine(
                day=day,
                line_key=key,
                kind=kind,
                mch_billno=number,
                amount_fen=line.amount_fen,
                order_id=order.id if order else None,
                fault=fault,
                at=now,
            )
        )
    of_day = update(BillDay).where(BillDay.day == day)
    values = {"lines": len(lines), "faults": BillDay.faults + faults, "closing_fen": closing_fen(lines), "read_at": now}
    changed(session, of_day.values(**values))
    if faults:
        log.error("bill_differs", day=day, faults=faults)
    return faults


def _doubled(session: Session, order: Order, line: FundLine) -> str | None:
    """Money of one order that went out twice, or came back twice: the loudest of all faults (money T8, I1)."""
    kind = "income" if line.is_income else "outgo"
    earlier = select(BillLine.id).where(BillLine.mch_billno == order.mch_billno, BillLine.kind == kind).limit(1)
    if session.execute(earlier).first() is None:
        return None
    log.error("bill_doubled", mch_billno=order.mch_billno, kind=kind)
    return "returned_twice" if line.is_income else "paid_twice"


def _post_foreign(session: Session, key: str, line: FundLine, now: datetime) -> None:
    """A line without an order of ours: a top-up comes from outside, anything else stands in suspense."""
    if line.is_income:
        source = "external" if "充值" in line.kind else "suspense"
        posting = Posting("bill", key, source, "merchant", line.amount_fen)
    else:
        posting = Posting("bill", key, "merchant", "suspense", line.amount_fen)
    ledger.post(session, [posting], now)
