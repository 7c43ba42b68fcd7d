"""Put simulated guests into a rehearsal, so that a host can walk through an evening alone; never into a hall that can pay."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import journal, simulated
from wxbot.hall.models import Guest
from wxbot.hall.sign_in import Comer, GuestDetails, sign_in_all
from wxbot.text import Refusal, Text, fault

AT_ONCE = 300
MOST = 2000
"""In one rehearsal: as many as a big hall has guests."""

FULL = Text(
    "一场彩排最多 {most} 位模拟来宾，还可以放 {left} 位",
    "A rehearsal takes at most {most} simulated guests, {left} more can be put in",
)


def put_in(session: Session, campaign_id: int, n: int, now: datetime) -> list[Guest]:
    """Sign in `n` simulated guests, of the hall's groups in turn; they take part like everybody. Raises Refusal in a hall that is
    no rehearsal, outside of 1 … AT_ONCE, beyond MOST in all, and as `sign_in_all` does while nobody can sign in."""
    hall = journal.lock(session, campaign_id)
    if not hall.is_rehearsal:
        raise Refusal("real", simulated.REAL)
    if not 1 <= n <= AT_ONCE:
        raise fault("n", f"每次放 1 到 {AT_ONCE} 位", f"Put in 1 to {AT_ONCE} at a time")
    here = session.scalar(select(func.count()).select_from(Guest).where(simulated.these(campaign_id))) or 0
    if here + n > MOST:
        raise Refusal("full", FULL.format(most=MOST, left=MOST - here), "n")
    groups = session.get_one(Campaign, campaign_id).terms.get("groups") or [""]
    comers = [
        Comer(simulated.openid_of(no), GuestDetails(simulated.name_of(no, hall.language), groups[no % len(groups)]))
        for no in range(hall.next_no, hall.next_no + n)
    ]
    return [guest for guest in sign_in_all(session, campaign_id, comers, now) if isinstance(guest, Guest)]
