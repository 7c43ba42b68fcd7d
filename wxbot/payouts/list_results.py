"""What became of each row of a list, for the page and for spreadsheets."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.db import Database
from wxbot.money import plain_yuan
from wxbot.orders.models import Order
from wxbot.orders.words import meaning_of
from wxbot.payouts.list_words import fault_text, hold_text, status_text
from wxbot.payouts.models import ListRow, Payout
from wxbot.text import Text
from wxbot.vault import Vault

EXPORT_BATCH = 1_000
HEADER_ZH = ("行", "姓名", "手机号", "openid", "金额", "备注", "结果", "原因", "商户单号")
HEADER_EN = ("row", "name", "phone", "openid", "amount", "note", "result", "reason", "order number")


STAGES: dict[str, Text] = {
    "planned": Text("等待发送", "waits to be sent"),
    "accepted": Text("等待领取", "waits to be taken"),
    "unknown": Text("结果未知，正在查询", "the outcome is open and asked for"),
    "manual": Text("待人工处理", "needs a person"),
}
"""Status of an order that is under way → what a row says of it."""


@dataclass(frozen=True)
class Result:
    """A row, its payout and its order."""

    row: ListRow
    payout: Payout | None = None
    order: Order | None = None

    @property
    def status(self) -> str:
        """The payout's status; 'faulty' or 'planned' when there is none."""
        if self.payout is not None:
            return self.payout.status
        return "faulty" if self.row.fault else "planned"

    @property
    def mch_billno(self) -> str:
        """The number of its latest order, '' when there is none."""
        return self.order.mch_billno if self.order else ""

    def reason(self, locale: str) -> str:
        """Why it is not paid, or not yet; '' when there is nothing to say."""
        if self.payout is None:
            return fault_text(self.row.fault, locale)
        if self.payout.status == "approved" and self.payout.hold:
            return hold_text(self.payout.hold, locale)
        if self.payout.status in ("paid", "cancelled"):
            return ""
        parts = []
        if self.payout.status == "ordered" and self.order is not None and self.order.status in STAGES:
            parts.append(STAGES[self.order.status].within(locale))
        code = (self.order.err_code if self.order is not None else None) or self.payout.err_code
        if code:
            parts.append(meaning_of(self.payout.channel, code).said.within(locale))
        return "；".join(parts) if locale.startswith("zh") else "; ".join(parts)


def results_of(session: Session, rows: Sequence[ListRow]) -> list[Result]:
    """What became of these rows."""
    ids = [row.payout_id for row in rows if row.payout_id]
    query = select(Payout, Order).outerjoin(Order, Order.id == Payout.order_id).where(Payout.id.in_(ids))
    known = {payout.id: (payout, order) for payout, order in session.execute(query)}
    return [Result(row, *known.get(row.payout_id or 0, (None, None))) for row in rows]


FAULTY_ZH = ("行", "手机号", "openid", "姓名", "金额", "备注", "问题")
FAULTY_EN = ("row", "phone", "openid", "name", "amount", "note", "what is wrong")


def faulty_header(locale: str) -> tuple[str, ...]:
    """The names of the columns of rows that are not paid."""
    return FAULTY_ZH if locale.startswith("zh") else FAULTY_EN


def faulty_batches(database: Database, vault: Vault, list_id: int, locale: str) -> Iterator[list[tuple[object, ...]]]:
    """The rows of a list that are not paid: what was read of each and what is wrong, a batch at a time.

    A phone that was read stays masked; what could not be taken is told as it stands in the file.
    """
    after = 0
    while True:
        with database.reading() as session:
            query = select(ListRow).where(ListRow.list_id == list_id, ListRow.row_number > after, ListRow.fault != "")
            rows = session.scalars(query.order_by(ListRow.row_number).limit(EXPORT_BATCH)).all()
        if not rows:
            return
        after = rows[-1].row_number
        yield [_faulty_cells(row, vault, locale) for row in rows]


def _faulty_cells(row: ListRow, vault: Vault, locale: str) -> tuple[object, ...]:
    as_read: dict[str, str] = json.loads(vault.open(row.read_sealed)) if row.read_sealed else {}
    return (
        row.row_number,
        as_read.get("phone", row.phone_masked),
        as_read.get("openid", row.openid),
        row.name,
        as_read.get("amount", _plain_yuan(row.amount_fen)),
        row.note,
        fault_text(row.fault, locale),
    )


def _plain_yuan(amount_fen: int | None) -> str:
    return plain_yuan(amount_fen) if amount_fen is not None else ""


def header(locale: str) -> tuple[str, ...]:
    """The names of the columns."""
    return HEADER_ZH if locale.startswith("zh") else HEADER_EN


def batches(database: Database, list_id: int, locale: str) -> Iterator[list[tuple[object, ...]]]:
    """All rows of a list with their results, a batch at a time; phones stay masked."""
    after = 0
    while True:
        with database.reading() as session:
            query = select(ListRow).where(ListRow.list_id == list_id, ListRow.row_number > after)
            rows = session.scalars(query.order_by(ListRow.row_number).limit(EXPORT_BATCH)).all()
            found = results_of(session, rows)
        if not rows:
            return
        after = rows[-1].row_number
        yield [
            (
                result.row.row_number,
                result.row.name,
                result.row.phone_masked,
                result.row.openid,
                _plain_yuan(result.row.amount_fen),
                result.row.note,
                status_text(result.status, locale),
                result.reason(locale),
                result.mch_billno,
            )
            for result in found
        ]
