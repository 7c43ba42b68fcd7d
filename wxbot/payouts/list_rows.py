"""From an approved list to payouts, a batch at a time, and how far it has come. May be stopped at any point and run again (F81).

A row is owed once: its payout is unique by ('row', row id), and row and payout are written in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.payouts.create import PayoutRequest, request
from wxbot.payouts.list_words import store
from wxbot.payouts.models import LIST_NEXT, ListRow, PayList, Payout, Programme
from wxbot.payouts.sources import ROW
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Refusal
from wxbot.transitions import move

log = get_logger(__name__)

BATCH = 100
ROUNDS = 20
"""Batches in one run of the task, so that one long list does not hold up the rest."""


def request_rows(runtime: Runtime) -> int:
    """Ask for the payouts of approved lists; returns how many rows were settled. Runs as the task payouts.rows."""
    if not lineage.may_send(runtime):
        return 0
    with runtime.database.reading() as session:
        query = select(PayList.id).join(Programme, Programme.id == PayList.programme_id)
        ids = session.scalars(query.where(PayList.status == "approved", Programme.is_open).order_by(PayList.id)).all()
    done = 0
    for list_id in ids:
        try:
            done += _request_list(runtime, list_id)
        except Exception:
            log.exception("list_rows_failed", list_id=list_id)  # the other lists are not held up by this one (F89)
    return done


def _request_list(runtime: Runtime, list_id: int) -> int:
    done = 0
    for _round in range(ROUNDS):
        with runtime.database.transaction() as session:
            settled = request_batch(session, runtime.settings, list_id, runtime.database.now(session))
        if settled == 0:
            break
        done += settled
    return done


def request_batch(session: Session, settings: Settings, list_id: int, now: datetime) -> int:
    """Request the payouts of the next rows; 0 when none was left (then the list is done) or another worker has them."""
    to_request = select(ListRow).where(ListRow.list_id == list_id, ListRow.payout_id.is_(None), ListRow.fault == "")
    pay_list = session.get_one(PayList, list_id)
    # Shared lock: a programme that closes meanwhile waits, or is seen; its rows keep waiting instead of being refused.
    programme = session.get_one(Programme, pay_list.programme_id, with_for_update={"read": True})
    if pay_list.status != "approved" or not programme.is_open or lineage.is_frozen(session):
        return 0
    batch = to_request.order_by(ListRow.id).limit(BATCH).with_for_update(skip_locked=True)
    rows = session.scalars(batch).all()
    for row in sorted(
        rows, key=lambda each: (each.openid or "", each.id)
    ):  # two lists lock the payees' sums in one order
        _request_row(session, settings, pay_list, row, now)
    is_over = not rows and session.scalar(to_request.with_only_columns(ListRow.id).limit(1)) is None
    if is_over and move(session, PayList, list_id, LIST_NEXT, "approved", "done", done_at=now):
        forget_phones(session, list_id)
    return len(rows)


def forget_phones(session: Session, list_id: int) -> None:
    """The phones of a list were needed to find who is behind them, and for nothing else: what stays is masked."""
    changed(session, update(ListRow).where(ListRow.list_id == list_id).values(phone_sealed=None, read_sealed=None))


def _request_row(session: Session, settings: Settings, pay_list: PayList, row: ListRow, now: datetime) -> None:
    if row.openid is None or row.amount_fen is None:
        raise ValueError(f"row {row.id} has no fault and nobody to pay")
    claim = PayoutRequest(
        ROW,
        row.id,
        pay_list.programme_id,
        row.openid,
        row.amount_fen,
        note=row.note,
        channel=pay_list.channel,
        created_by=pay_list.created_by,
        approved_by=pay_list.approved_by,
    )
    try:
        row.payout_id = request(session, settings, claim, now).id
    except Refusal as refusal:
        row.fault = store("refused", refusal.text.zh)


# --- progress -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """How far a list has come: rows and fen per status of their payouts."""

    rows: dict[str, int] = field(default_factory=dict)
    fen: dict[str, int] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    """Why approved payouts wait → how many."""

    @property
    def is_over(self) -> bool:
        """Whether nothing can change by itself any more."""
        return not any(self.rows.get(name) for name in ("planned", "requested", "approved", "ordered"))


def progress(session: Session, list_id: int) -> Progress:
    """The payouts of a list's good rows, counted by status; 'planned' are rows without a payout yet."""
    query = (
        select(Payout.status, func.count(), func.sum(ListRow.amount_fen))
        .select_from(ListRow)
        .outerjoin(Payout, Payout.id == ListRow.payout_id)
        .where(ListRow.list_id == list_id, ListRow.fault == "")
        .group_by(Payout.status)
    )
    found: Sequence[Any] = session.execute(query).all()  # an outer join: a row without a payout has no status
    held = (
        select(Payout.hold, func.count())
        .join(ListRow, ListRow.payout_id == Payout.id)
        .where(ListRow.list_id == list_id, Payout.status == "approved", Payout.hold.is_not(None))
        .group_by(Payout.hold)
    )
    return Progress(
        {status or "planned": int(n) for status, n, _ in found},
        {status or "planned": int(fen or 0) for status, _, fen in found},
        {str(hold): int(n) for hold, n in session.execute(held)},
    )
