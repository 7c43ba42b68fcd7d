"""Numbers of selections that a copy of the database may have lost: after a restore the seed of none of them is used again.

A selection that was made after the copy is gone with its number, but its seed was published. So each hall goes on above whatever
it can have drawn; the numbers between are declared void in the log before the next one, with their seeds.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import journal, selection
from wxbot.hall.evening import Evening
from wxbot.hall.models import Hall, Selection
from wxbot.logs import get_logger
from wxbot.vault import Vault

log = get_logger(__name__)

LEAP = 100
"""More selections than a hall makes between a copy and its restore; the chain has a thousand seeds."""

REASON = "数据库从备份恢复，这个编号可能已经用过 / restored from a backup: this number may have been used"
NAMES = ["wxbot restore", "wxbot"]
"""Nobody decided it: what stands in the log in the place of the two people."""


def leap(session: Session, why: str, now: datetime) -> int:
    """Let every hall that is not closed go on behind a gap; returns how many did. `why`: restored, thawed. One that is armed is void."""
    query = select(Hall).join(Campaign, Campaign.id == Hall.campaign_id).where(Campaign.status != "closed")
    halls = session.scalars(query.order_by(Hall.campaign_id).with_for_update(of=Hall)).all()
    for hall in halls:
        hall.next_d = min(hall.next_d + LEAP, hall.chain_length + 1)
        armed = (Selection.campaign_id == hall.campaign_id) & (Selection.status == "armed")
        for selected in session.scalars(select(Selection).where(armed)):
            selected.status, selected.void_reason, selected.settled_at = "voided", REASON, now
    session.flush()
    if halls:
        log.warning("hall_numbers_leapt", halls=len(halls), why=why)
    return len(halls)


def catch_up(session: Session, vault: Vault, hall: Hall, evening: Evening, now: datetime) -> None:
    """Declare void in the log, behind the hall's lock, what a leap passed over; nothing as a rule. `evening` is taken on."""
    mine = (Selection.campaign_id == hall.campaign_id) & (Selection.status == "voided")
    is_void = set(session.scalars(select(Selection.d).where(mine)))
    left = [each.d for each in evening.selections.values() if each.d in is_void and not each.is_voided]
    skipped = [*left, *range(evening.next_d, hall.next_d)]
    if not skipped:
        return
    hall_id = journal.hall_id(session, hall.campaign_id)
    chain = selection.make_chain(hall_id, bytes.fromhex(vault.open(hall.seed_sealed)), hall.chain_length)
    bodies = [{"d": d, "reason": REASON, "names": NAMES, "seed": chain[d].hex()} for d in skipped]
    journal.require_and_append_all(session, hall, "voided", bodies, now, evening)
