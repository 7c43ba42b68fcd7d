"""Payouts as a spreadsheet: batch by batch, each in a read of its own, so that a slow download holds nothing open."""

from collections.abc import Iterator

from wxbot.db import Database
from wxbot.money import plain_yuan
from wxbot.orders.listing import budget_names
from wxbot.payouts import listing
from wxbot.payouts.listing import PayoutLine, Sought
from wxbot.staff import accounts
from wxbot.staff.console import local

COLUMNS = (
    "id",
    "created_at",
    "programme",
    "source",
    "openid",
    "amount_yuan",
    "channel",
    "status",
    "hold",
    "code",
    "mch_billno",
    "note",
    "asked_by",
    "approved_by",
    "settled_at",
)


def batches(database: Database, sought: Sought, most: int | None = None) -> Iterator[list[tuple[object, ...]]]:
    """All payouts that fit, oldest first; about `most` of them when it is given."""
    after, done = 0, 0
    while most is None or done < most:
        with database.reading() as session:
            lines = listing.batch(session, sought, after)
            names = budget_names(session, [line.payout.budget_id for line in lines])
            staff = accounts.names(session, sorted(_staff(lines)))
        if not lines:
            return
        after, done = lines[-1].payout.id, done + len(lines)
        yield [_row(line, names, staff) for line in lines]


def _staff(lines: list[PayoutLine]) -> set[int]:
    asked = {line.payout.created_by for line in lines} | {line.payout.approved_by for line in lines}
    return {staff_id for staff_id in asked if staff_id is not None}


def _row(line: PayoutLine, names: dict[int, str], staff: dict[int, str]) -> tuple[object, ...]:
    payout, order = line.payout, line.order
    code = payout.err_code or (order.err_code if order is not None else None)
    return (
        payout.id,
        local(payout.created_at),
        names.get(payout.budget_id, ""),
        payout.source_kind,
        payout.openid,
        plain_yuan(payout.amount_fen),
        payout.channel,
        payout.status,
        payout.hold or "",
        code or "",
        order.mch_billno if order is not None else "",
        payout.note,
        staff.get(payout.created_by or 0, ""),
        staff.get(payout.approved_by or 0, ""),
        local(payout.settled_at),
    )
