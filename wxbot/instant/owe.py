"""What a win leaves behind, in the transaction of its draw: an award with a deadline, its money set aside, or its code."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot import budget, ledger
from wxbot.db import Base, changed
from wxbot.instant.models import Award, AwardStatus, PrizeCode
from wxbot.ledger import Posting
from wxbot.prepared import Prepared

WON = "won"
"""Kind of the ledger entry that says what somebody is owed."""


_awards: Any = Award.__table__
_AWARDS = Prepared(
    insert(_awards),
    (
        *(
            "public_id",
            "campaign_id",
            "k",
            "openid",
            "prize_id",
            "kind",
            "amount_fen",
            "status",
            "won_at",
            "channel_code",
        ),
        *("deadline_at", "settled_at"),
    ),
)


class NotCovered(SQLAlchemyError):
    """A win without money, stock or code behind it: terms are checked so that it cannot happen. The transaction rolls back."""


@dataclass(frozen=True, slots=True)
class Win:
    """One prize that a draw gave; `amount_fen` is 0 for a code or a thing."""

    k: int
    openid: str
    prize_id: int
    kind: str
    amount_fen: int
    channel_code: str = ""
    code_id: int | None = None
    """The code that is theirs already; None: the first one that is free."""
    public_id: str = field(default_factory=lambda: secrets.token_urlsafe(12))


def first_status(kind: str) -> AwardStatus:
    """How an award begins: a code is its winner's at once."""
    return "given" if kind == "code" else "open"


def owe(session: Session, campaign_id: int, wins: Sequence[Win], now: datetime, deadline_at: datetime) -> None:
    """Write the awards of these wins, commit their money in the campaign's budget, post reserved → owed, give codes away.

    Raises NotCovered when the budget or the codes do not suffice; nothing may be kept then.
    """
    if not wins:
        return
    amount_fen = sum(win.amount_fen for win in wins)
    if amount_fen and not budget.reserve(session, campaign_id, amount_fen):
        raise NotCovered(f"campaign {campaign_id}: its budget does not hold {amount_fen} fen more")
    rows = [
        {
            "public_id": win.public_id,
            "campaign_id": campaign_id,
            "k": win.k,
            "openid": win.openid,
            "prize_id": win.prize_id,
            "kind": win.kind,
            "amount_fen": win.amount_fen,
            "status": first_status(win.kind),
            "won_at": now,
            "channel_code": win.channel_code,
            "deadline_at": deadline_at,
            "settled_at": now if win.kind == "code" else None,
        }
        for win in wins
    ]
    _AWARDS.changed(session, rows)
    postings = [
        Posting(WON, f"{campaign_id}:{win.k}", "reserved", "owed", win.amount_fen, campaign_id)
        for win in wins
        if win.amount_fen
    ]
    ledger.post(session, postings, now)
    _give_codes(session, campaign_id, [win for win in wins if win.kind == "code"])


def _give_codes(session: Session, campaign_id: int, wins: Sequence[Win]) -> None:
    """Each code once, in the order of their import; draws of a campaign are written one after another, so nobody else takes one."""
    if not wins:
        return
    numbers = select(Award.k, Award.id).where(Award.campaign_id == campaign_id, Award.k.in_([win.k for win in wins]))
    award_of = {row.k: row.id for row in session.execute(numbers)}
    for prize_id in sorted({win.prize_id for win in wins}):
        mine = [win for win in wins if win.prize_id == prize_id]
        taking = [win for win in mine if win.code_id is None]
        is_free = (PrizeCode.prize_id == prize_id) & PrizeCode.award_id.is_(None) & PrizeCode.lost_k.is_(None)
        free = select(PrizeCode.id).where(is_free).order_by(PrizeCode.ordinal).limit(len(taking))
        code_of = dict(zip([win.k for win in taking], session.scalars(free), strict=False))
        code_of |= {win.k: win.code_id for win in mine if win.code_id is not None}
        if len(code_of) < len(mine):
            raise NotCovered(f"campaign {campaign_id}: prize {prize_id} has no code left")
        table: Any = Base.metadata.tables[PrizeCode.__tablename__]
        given = update(table).where(table.c.id == bindparam("code"), table.c.award_id.is_(None))
        pairs = [{"code": code_of[win.k], "award": award_of[win.k]} for win in mine]
        if changed(session, given.values(award_id=bindparam("award")), pairs) != len(mine):
            raise NotCovered(f"campaign {campaign_id}: a code was given elsewhere")
