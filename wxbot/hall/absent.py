"""Between the reveal and the confirmation, person by person: who is absent, who gives up, and what of it is taken back.

The others of the same selection keep what they won. A slot that is open again is filled by the next selection of the prize.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.hall import journal
from wxbot.hall.models import WINNER_NEXT, Winner, WinnerStatus
from wxbot.hall.prize_rules import Forfeit
from wxbot.text import Refusal, Text
from wxbot.transitions import moved_on, moving

Word = Literal["absent", "keep", "refill"]
"""What the host says of a winner: not here; gives up and the slot stays empty; gives up and somebody else is selected."""

WORDS: dict[Word, WinnerStatus] = {"absent": "absent", "keep": "forfeited", "refill": "passed_on"}


def winner(session: Session, campaign_id: int, d: int, no: int) -> Winner:
    """The line of a person in a selection. Raises Refusal when they did not win in it."""
    mine = (Winner.campaign_id == campaign_id) & (Winner.d == d) & (Winner.guest_no == no)
    found = session.scalar(select(Winner).where(mine).execution_options(populate_existing=True))
    if found is None:
        raise Refusal("no", Text("这次抽取的中奖者里没有这个人", "They did not win in this selection"))
    return found


def step(session: Session, line: Winner, after: WinnerStatus, **values: object) -> None:
    """Move one winner behind the hall's lock. Raises Refusal when that is not possible any more."""
    if after not in WINNER_NEXT.get(line.status, frozenset()):
        raise moved_on()
    mine = (Winner.campaign_id == line.campaign_id) & (Winner.d == line.d) & (Winner.place == line.place)
    if not changed(session, moving(Winner, WINNER_NEXT, (line.status,), after, **values).where(mine)):
        raise moved_on()
    session.refresh(line)


def confirmed(session: Session, lines: Sequence[Winner], awards: Sequence[int | None]) -> None:
    """All of these winners of one selection are confirmed, each with the number of its award. Raises Refusal as `step` does."""
    mine = [getattr(Winner, name) == bindparam(f"of_{name}") for name in ("campaign_id", "d", "place")]
    moved = moving(Winner, WINNER_NEXT, ("won",), "confirmed", award_id=bindparam("award")).where(*mine)
    rows = [
        {"of_campaign_id": line.campaign_id, "of_d": line.d, "of_place": line.place, "award": award_id}
        for line, award_id in zip(lines, awards, strict=True)
    ]
    if changed(session, moved, rows) != len(rows):
        raise moved_on()
    for line in lines:
        session.expire(line)


def mark(session: Session, campaign_id: int, d: int, no: int, word: Word, now: datetime) -> None:
    """Say of one winner of a revealed selection that they are absent or give up. Raises Refusal before, and once they are confirmed."""
    hall = journal.lock(session, campaign_id)
    forfeits: dict[Word, Forfeit] = {"keep": "keep", "refill": "refill"}
    if word == "absent":
        journal.require_and_append(session, hall, "absent", {"d": d, "no": no}, now)
    else:
        body = {"d": d, "no": no, "slot": forfeits[word]}
        journal.require_and_append(session, hall, "forfeited", body, now)
    step(session, winner(session, campaign_id, d, no), WORDS[word])


def take_back(session: Session, campaign_id: int, d: int, no: int, now: datetime) -> None:
    """They are here after all. Raises Refusal when another selection has begun, or nothing was said of them."""
    hall = journal.lock(session, campaign_id)
    journal.require_and_append(session, hall, "undone", {"d": d, "no": no}, now)
    step(session, winner(session, campaign_id, d, no), "won")
