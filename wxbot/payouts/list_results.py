"""What became of each row of a list, for the page and for spreadsheets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.db import Database
from wxbot.money import yuan
from wxbot.orders.models import Order
from wxbot.payouts.list_words import fault_text, hold_text, status_text
from wxbot.payouts.models import ListRow, Payout
from wxbot.wechat.errors import row_for

EXPORT_BATCH = 1_000
HEADER_ZH = ("行", "姓名", "手机号", "openid", "金额", "备注", "结果", "原因", "商户单号")
HEADER_EN = ("row", "name", "phone", "openid", "amount", "note", "result", "reason", "order number")


@dataclass(frozen=True)
class Result:
    """A row, its payout and its order's number."""

    row: ListRow
    payout: Payout | None
    mch_billno: str
    channel: str

    @property
    def status(self) -> str:
        """The payout's status; 'faulty' or 'planned' when there is none."""
        if self.payout is not None:
            return self.payout.status
        return "faulty" if self.row.fault else "planned"

    def reason(self, locale: str) -> str:
        """Why it is not paid, or not yet; '' when there is nothing to say."""
        if self.payout is None:
            return fault_text(self.row.fault, locale)
        if self.payout.status == "approved" and self.payout.hold:
            return hold_text(self.payout.hold, locale)
        if not self.payout.err_code or self.payout.status == "paid":
            return ""
        row = row_for("transfer" if self.channel == "transfer_bills" else "pay", self.payout.err_code)
        return row.zh if locale.startswith("zh") else row.en


def results_of(session: Session, rows: Sequence[ListRow]) -> list[Result]:
    """What became of these rows."""
    ids = [row.payout_id for row in rows if row.payout_id]
    query = select(Payout, Order.mch_billno).outerjoin(Order, Order.id == Payout.order_id).where(Payout.id.in_(ids))
    known = {payout.id: (payout, number or "") for payout, number in session.execute(query)}
    found = []
    for row in rows:
        payout, number = known.get(row.payout_id or 0, (None, ""))
        found.append(Result(row, payout, number, payout.channel if payout else ""))
    return found


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
                result.row.row_number, result.row.name, result.row.phone_masked, result.row.openid,
                yuan(result.row.amount_fen).replace(",", "") if result.row.amount_fen is not None else "",
                result.row.note, status_text(result.status, locale), result.reason(locale), result.mch_billno,
            )
            for result in found
        ]  # fmt: skip
