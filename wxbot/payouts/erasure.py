"""Forget the names and phones in the lists of people who asked for it (worker task payouts.erase).

A row's openid, amount and note stay: somebody was paid for it, and the books refer to it.
"""

from sqlalchemy import or_, select, update

from wxbot.db import changed
from wxbot.payouts.models import LIST_NEXT, LIST_STATUSES, ListRow, PayList
from wxbot.people.models import Withdrawal
from wxbot.runtime import Runtime

BATCH = 500
OVER = [status for status in LIST_STATUSES if status not in LIST_NEXT]
"""Lists whose rows are not read any more; in others the row is still compared with what was approved."""


def erase_due(runtime: Runtime) -> int:
    """Erase what is due; returns how many rows were emptied."""
    gone = select(Withdrawal.openid).where(Withdrawal.erased_at.is_not(None))
    named = or_(ListRow.name != "", ListRow.phone_sealed.is_not(None), ListRow.phone_masked != "")
    due = (
        select(ListRow.id)
        .join(PayList, PayList.id == ListRow.list_id)
        .where(ListRow.openid.in_(gone), PayList.status.in_(OVER), named)
    )
    with runtime.database.transaction() as session:
        ids = session.scalars(due.limit(BATCH)).all()
        empty = (
            update(ListRow)
            .where(ListRow.id.in_(ids))
            .values(name="", phone_sealed=None, read_sealed=None, phone_masked="")
        )
        return changed(session, empty) if ids else 0
