"""The answer to a draw: kept as one line for repeats, built again from the rows at any time, spoken in two languages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.clock import from_unix
from wxbot.draws.admission import Booked
from wxbot.draws.outcomes import Outcome
from wxbot.instant.models import Award, InstantDraw, Prize
from wxbot.money import yuan
from wxbot.text import moment_text


@dataclass(frozen=True, slots=True)
class Answer:
    """What one draw ended in, for its person. Amounts in fen, the deadline in Unix seconds."""

    outcome: str
    """An Outcome: won, lost, ran_out or not_released."""
    k: int
    nonce: str
    """Of the next draw."""
    tries_left: int
    ordinal: int | None = None
    name: str = ""
    kind: str = ""
    amount_fen: int = 0
    award: str = ""
    deadline: int = 0
    status: str = "open"

    def booked(self, *, is_new: bool) -> Booked:
        """As the admission writer hands it on: a line that the page's answer and Redis are made of."""
        line = _LINE({name: getattr(self, name) for name in _NAMES})
        return Booked(Outcome(self.outcome), line, is_new, kept=line)


_NAMES = tuple(each.name for each in fields(Answer))
_LINE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def recall(kept: str) -> tuple[Booked, bool]:
    """The answer that Redis remembers: it holds whatever the gates say now."""
    return Booked(Outcome(json.loads(kept)["outcome"]), kept), True


def spoken(handed_out: str, _openid: str, language: str) -> Mapping[str, Any]:
    """That line as the page needs it, beside headline and sentence."""
    said = json.loads(handed_out)
    is_won = said["outcome"] == Outcome.WON
    answer: dict[str, Any] = {"outcome": "won" if is_won else "lost", "k": said["k"], "prize": None}
    if is_won:
        answer["prize"] = {"ordinal": said["ordinal"], "name": said["name"], "kind": said["kind"]}
        if said["kind"] == "money":
            answer["prize"]["yuan"] = yuan(said["amount_fen"])
        answer["award"] = {
            "id": said["award"],
            "deadline": _deadline(said["deadline"], language),
            "state": said["status"],
        }
    return answer | {"nonce": said["nonce"], "tries_left": said["tries_left"]}


@lru_cache(maxsize=64)
def _deadline(at: int, language: str) -> str:
    """In words; those who won in the same second have the same."""
    return moment_text(from_unix(at)).within(language)


def missed(outcome: str, left: int | None) -> Outcome:
    """How a draw without a prize is told: the dice named none, or one that is gone, or one that is not out yet."""
    if outcome != "gone":
        return Outcome.LOST
    return Outcome.NOT_RELEASED if left else Outcome.RAN_OUT


def stored(session: Session, campaign_id: int, asked: Sequence[str]) -> dict[str, Any]:
    """The draws of these nonces as (InstantDraw, Prize, Award), by nonce."""
    query = (
        select(InstantDraw, Prize, Award)
        .outerjoin(Prize, (Prize.campaign_id == InstantDraw.campaign_id) & (Prize.ordinal == InstantDraw.prize_ordinal))
        .outerjoin(Award, (Award.campaign_id == InstantDraw.campaign_id) & (Award.k == InstantDraw.k))
        .where(InstantDraw.campaign_id == campaign_id, InstantDraw.nonce.in_(asked))
    )
    return {row.InstantDraw.nonce: row for row in session.execute(query)}


def answer_of(row: Any, following: str, tries_left: int) -> Booked:
    """A stored draw, told again; `following` is the nonce of the next one, `tries_left` how many there are now."""
    draw, prize, award = row.InstantDraw, row.Prize, row.Award
    if draw.outcome != "won":
        return Answer(missed(draw.outcome, draw.left), draw.k, following, tries_left).booked(is_new=False)
    return Answer(
        Outcome.WON,
        draw.k,
        following,
        tries_left,
        prize.ordinal,
        prize.name,
        prize.kind,
        draw.amount_fen or 0,
        award.public_id,
        int(award.deadline_at.timestamp()),
        award.status,
    ).booked(is_new=False)
