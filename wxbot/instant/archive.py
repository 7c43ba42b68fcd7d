"""A campaign in one file that checks itself: rules and when they were published, every draw, what became of every award.

One JSON value a line, as `verify` reads it: header, draws in the order of k, awards, and a last line with the SHA-256 of all
before it. People are masked. The law wants rules, publication, results and winners of a draw kept for two years (order no. 32 of
2020, art. 19); triggers keep the rows (migrations v0031).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.instant.models import Award, InstantDraw, InstantTerms, NumberGap, RuleVersion
from wxbot.instant.verify import FORMAT, Replayed, ReplayFault, verify
from wxbot.text import Refusal, Text

ROWS_AT_ONCE = 2_000


def masked(openid: str) -> str:
    """A person whom only they themselves recognise."""
    return f"{openid[:2]}***{openid[-4:]}"


def written(session: Session, campaign: Campaign, now: datetime) -> Iterator[str]:
    """The lines of the archive, each with its end. Raises Refusal while the seed is not revealed, or of another kind of campaign."""
    terms = session.get(InstantTerms, campaign.id)
    if terms is None:
        raise Refusal(
            "archive", Text("只有自己开奖的活动才有档案。", "Only campaigns that draw by themselves have an archive.")
        )
    if terms.seed is None:
        raise Refusal(
            "archive",
            Text(
                "活动结束、公开种子之后才能导出档案。",
                "The archive can be written when the campaign has ended and its seed is revealed.",
            ),
        )
    return _sealed(_values(session, campaign, terms, terms.seed, now))


def _sealed(values: Iterable[dict[str, Any]]) -> Iterator[str]:
    digest, count = hashlib.sha256(), 0
    for value in values:
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
        digest.update(line.encode())
        count += 1
        yield line
    yield json.dumps({"lines": count, "sha256": digest.hexdigest()}) + "\n"


def _values(
    session: Session, campaign: Campaign, terms: InstantTerms, seed: str, now: datetime
) -> Iterator[dict[str, Any]]:
    of_campaign = RuleVersion.campaign_id == campaign.id
    rules = session.scalars(select(RuleVersion).where(of_campaign).order_by(RuleVersion.version)).all()
    gaps = session.scalars(
        select(NumberGap).where(NumberGap.campaign_id == campaign.id).order_by(NumberGap.from_k)
    ).all()
    lost = [[gap.from_k, gap.given] for gap in gaps if gap.given]
    yield {
        "archive": FORMAT,
        "campaign_id": campaign.id,
        "slug": campaign.slug,
        "name": campaign.act_name,
        "organiser": campaign.organiser,
        "begin_at": campaign.begin_at.isoformat(),
        "end_at": campaign.end_at.isoformat(),
        "written_at": now.isoformat(),
        "seed": seed,
        "seed_sha256": terms.seed_sha256,
        "next_k": terms.next_k,
        "rules": [
            {
                "version": each.version,
                "text": each.text,
                "config": each.config,
                "sha256": each.sha256,
                "published_at": each.published_at.isoformat(),
            }
            for each in rules
        ],
        "gaps": [[gap.from_k, gap.to_k] for gap in gaps],
        **({"lost": lost} if lost else {}),
    }
    draws = select(InstantDraw).where(InstantDraw.campaign_id == campaign.id).order_by(InstantDraw.k)
    for draw in session.scalars(draws.execution_options(yield_per=ROWS_AT_ONCE)):
        yield {
            "k": draw.k,
            "nonce": draw.nonce,
            "dice": draw.dice,
            "prize": draw.prize_ordinal,
            "amount_fen": draw.amount_fen,
            "outcome": draw.outcome,
            "rule_version": draw.rule_version,
            "released": draw.released,
            "left": draw.left,
            "at": int(draw.drawn_at.timestamp()),
            "person": masked(draw.openid),
        }
    awards = select(Award).where(Award.campaign_id == campaign.id).order_by(Award.k)
    for award in session.scalars(awards.execution_options(yield_per=ROWS_AT_ONCE)):
        yield {
            "award": award.status,
            "k": award.k,
            "kind": award.kind,
            "amount_fen": award.amount_fen,
            "deadline_at": award.deadline_at.isoformat(),
            "settled_at": award.settled_at.isoformat() if award.settled_at else None,
            "person": masked(award.openid),
        }


def checked(lines: Iterable[str]) -> Replayed:
    """Everything about an archive that does not agree: its draws replayed, each award beside its draw, and the last line's hash.

    Reads the lines once, and remembers what was won.
    """
    whole = _Whole(lines)
    seen = verify(whole)
    seen.findings += whole.faults()
    return seen


class _Whole:
    """The lines as they pass by: their hash, what was won, and what became of it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self._digest = hashlib.sha256()
        self._won: dict[int, tuple[int, str]] = {}
        self._awarded: set[int] = set()
        self._faults: list[ReplayFault] = []
        self._number = 0
        self._is_sealed = False

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines, 1):
            self._number = number
            if self._is_sealed:
                self._faults.append(ReplayFault(number, None, "after the end", None, line[:80]))
            try:
                self._look(number, json.loads(line), line)
            except (ValueError, KeyError, TypeError):
                self._digest.update(line.encode())  # what it is, the replay says
            yield line

    def _look(self, number: int, row: dict[str, Any], line: str) -> None:
        if "lines" in row:
            self._is_sealed = True
            for name, expected in (("lines", number - 1), ("sha256", self._digest.hexdigest())):
                if row.get(name) != expected:
                    self._faults.append(ReplayFault(number, None, name, expected, row.get(name)))
            return
        self._digest.update(line.encode())
        if "award" in row:
            self._awarded.add(row["k"])
            won, found = self._won.get(row["k"]), (row["amount_fen"], row["person"])
            if won != found:
                self._faults.append(ReplayFault(number, row["k"], "award", won, found))
        elif row.get("outcome") == "won":
            self._won[row["k"]] = (row["amount_fen"] or 0, row["person"])

    def faults(self) -> Iterator[ReplayFault]:
        """What only the whole file shows."""
        yield from self._faults
        for k in sorted(self._won.keys() - self._awarded):
            yield ReplayFault(self._number, k, "award", "one", None)
        if not self._is_sealed:
            yield ReplayFault(self._number, None, "sha256", "a last line", None)
