"""A draft of instant draws played a thousand times by the decision of the real draws: what it may spend, and when it is sold out."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import Values
from wxbot.instant.forecast import PART, draws_of, rules_of
from wxbot.instant.models import Award
from wxbot.instant.play import many

CAMPAIGNS = 1_000
SEED = 20_260_101
"""The same draft is told the same figures again."""

FIELDS = PART.fields


@dataclass(frozen=True)
class SoldOut:
    """Of one prize: in how many percent of the campaigns it was gone, and when in the middle one of those."""

    name: str
    percent: int
    gone_at: datetime | None


@dataclass(frozen=True)
class Thousand:
    """What a thousand campaigns spent, in fen: a twentieth spent less than `low_fen`, a twentieth more than `high_fen`."""

    low_fen: int
    middle_fen: int
    high_fen: int
    over_budget: int
    """How many of them spent more than the budget."""
    claimed_percent: int | None
    """How many of a hundred awards were collected in campaigns that have ended; None: there are none yet."""
    claimed_fen: int
    prizes: tuple[SoldOut, ...]


def play(values: Values, claimed_percent: int | None) -> Thousand | None:
    """Play them all; None while something is missing."""
    rules = rules_of(values)
    if rules is None:
        return None
    played = many(rules, draws_of(values, rules), CAMPAIGNS, SEED)
    spent = sorted(each.spent_fen for each in played)
    budget_fen = values.get("budget_fen", 0)
    prizes = []
    for place, rule in enumerate(rules.prizes):
        gone = sorted(at for each in played if (at := each.gone_at[place]) is not None)
        middle = datetime.fromtimestamp(gone[len(gone) // 2], UTC) if gone else None
        prizes.append(SoldOut(rule.name, round(100 * len(gone) / CAMPAIGNS), middle))
    middle_fen = spent[CAMPAIGNS // 2]
    return Thousand(
        spent[CAMPAIGNS // 20],
        middle_fen,
        spent[-CAMPAIGNS // 20],
        sum(each > budget_fen for each in spent),
        claimed_percent,
        middle_fen * (100 if claimed_percent is None else claimed_percent) // 100,
        tuple(prizes),
    )


def claimed_percent(session: Session) -> int | None:
    """How many of a hundred awards of money whose end is known were collected, in all campaigns so far."""
    query = select(Award.status, func.count()).where(Award.kind == "money", Award.status.in_(("paid", "forfeited")))
    ended = {status: int(n) for status, n in session.execute(query.group_by(Award.status))}
    whole = sum(ended.values())
    return round(100 * ended.get("paid", 0) / whole) if whole else None
