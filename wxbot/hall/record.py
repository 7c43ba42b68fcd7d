"""The record of an evening: everything from which anybody works out its selections again, and its winners with masked names.

What `wxbot hall verify` reads stands in it (verify.py has its shape). Its seal is made with the deployment's own key: it tells
the organiser that a file is theirs, and proves nothing to anybody else; for them the chain and the commitment do.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import log, published
from wxbot.hall.models import Guest, Hall, Roster, Selection, Winner
from wxbot.hall.standing import SHOWN
from wxbot.instant.models import Prize
from wxbot.vault import Vault

Record = dict[str, Any]


class WinnerLine(NamedTuple):
    """One winner of a selection that was revealed, as the record has them."""

    d: int
    prize: str
    place: int
    no: int
    name: str
    group: str
    status: str
    at: int
    """When the selection was revealed, Unix seconds; 0 for one that was declared void before."""


def masked(name: str) -> str:
    """The first letter of a name and a star for each other, three at most; nothing for nobody's."""
    return name[:1] + "*" * min(len(name) - 1, 3) if name else ""


def winner_lines(session: Session, campaign_id: int) -> list[WinnerLine]:
    """All winners that were revealed, in their order, names masked; of whoever was hidden or erased only the number."""
    of_selection = (Selection.campaign_id == Winner.campaign_id) & (Selection.d == Winner.d)
    of_guest = (Guest.campaign_id == Winner.campaign_id) & (Guest.no == Winner.guest_no)
    query = select(Winner, Selection, Guest, Prize.name).join(Selection, of_selection)
    query = query.join(Guest, of_guest).join(Prize, Prize.id == Winner.prize_id)
    query = query.where(Winner.campaign_id == campaign_id, Selection.status.in_(SHOWN))
    return [
        WinnerLine(
            winner.d,
            prize,
            winner.place,
            winner.guest_no,
            "" if guest.is_hidden else masked(guest.name),
            guest.group,
            winner.status,
            int(selected.revealed_at.timestamp()) if selected.revealed_at else 0,
        )
        for winner, selected, guest, prize in session.execute(query.order_by(Winner.d, Winner.place))
    ]


def record_of(session: Session, vault: Vault, campaign_id: int) -> Record | None:
    """The record as far as it may be seen now, sealed; None where there is no hall."""
    hall = session.get(Hall, campaign_id)
    if hall is None:
        return None
    campaign = session.get_one(Campaign, campaign_id)
    lines = published.public_log(session, campaign_id)
    made: Record = {
        "hall_id": campaign.slug,
        "name": campaign.act_name,
        "organiser": campaign.organiser,
        "rehearsal": int(hall.is_rehearsal),
        "commitment": hall.commitment,
        "chain_length": hall.chain_length,
        "rosters": list(_rosters(session, campaign_id, sum(line.kind == "frozen" for line in lines))),
        "log": [{**line._asdict(), "body": dict(line.body)} for line in lines],
        "winners": [line._asdict() for line in winner_lines(session, campaign_id)],
    }
    return made | {"seal": seal_of(vault, made)}


def _rosters(session: Session, campaign_id: int, n: int) -> Iterator[str]:
    mine = (Roster.campaign_id == campaign_id) & (Roster.version <= n)
    yield from session.scalars(select(Roster.content).where(mine).order_by(Roster.version))


def seal_of(vault: Vault, record: Record) -> str:
    """The keyed hash of a record without its seal."""
    plain = {name: value for name, value in record.items() if name != "seal"}
    return vault.index(f"hall record|{hashlib.sha256(log.canonical(plain).encode()).hexdigest()}")


def is_ours(vault: Vault, record: Record) -> bool:
    """Whether a record was made by this deployment and not changed since."""
    return record.get("seal") == seal_of(vault, record)
