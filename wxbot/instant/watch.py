"""What a running campaign of instant draws shows to who watches it: stock, awards, the funnel by way in, one draw explained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.db import shanghai_text
from wxbot.draws.mechanic import FunnelPart
from wxbot.draws.models import DrawCount
from wxbot.instant import sums
from wxbot.instant.decide import Rules, named
from wxbot.instant.models import Award, InstantDraw, InstantSum, InstantTerms, Prize, RuleVersion, SumOf
from wxbot.instant.versions import prizes_of

AWARD_ROWS = 50
RECENT = timedelta(hours=1)
"""The runway of stock goes by what was given in this time."""

RECENT_DRAWS = 2_000
"""… and by no more draws than these: they are read by their numbers."""

LOW_PARTS = 10
"""Stock is low when less than a tenth is left."""

EMPTY_AT_LEAST = timedelta(hours=2)
"""A schedule puts all stock out so long before the end: that little is left then is no news."""


@dataclass(frozen=True)
class StockLine:
    """One prize: how many are left, and when they are gone if it goes on as in the last hour."""

    name: str
    stock: int
    left: int
    gone_at: datetime | None
    is_low: bool


@dataclass(frozen=True)
class RunningLow:
    """A running campaign whose prizes are nearly gone long before its end."""

    campaign_id: int
    left: int
    stock: int


def running_low(session: Session, now: datetime) -> list[RunningLow]:
    """The campaigns that people draw from with less than a tenth of their prizes left, and more time than a schedule may leave
    empty (a tenth of all, and two hours)."""
    left, stock = func.sum(Prize.left), func.sum(Prize.stock)
    query = select(Campaign.id, Campaign.begin_at, Campaign.end_at, left.label("left"), stock.label("stock"))
    query = query.join(Prize, Prize.campaign_id == Campaign.id).where(
        Campaign.status == "on", Campaign.begin_at <= now, Campaign.end_at > now + EMPTY_AT_LEAST, Prize.odds_ppm > 0
    )
    rows = session.execute(query.group_by(Campaign.id, Campaign.begin_at, Campaign.end_at).order_by(Campaign.id)).all()
    return [
        RunningLow(row.id, int(row.left), int(row.stock))
        for row in rows
        if row.left * LOW_PARTS < row.stock and (row.end_at - now) * LOW_PARTS > row.end_at - row.begin_at
    ]


@dataclass(frozen=True)
class AwardSum:
    """Awards of one status."""

    n: int
    fen: int


def stock_lines(session: Session, campaign_id: int, now: datetime) -> list[StockLine]:
    """Each prize's stock; a prize that nobody won lately has no end in sight."""
    terms = session.get(InstantTerms, campaign_id)
    rate, span = _lately(session, campaign_id, terms.next_k if terms else 1, now)
    lines = []
    for prize in prizes_of(session, campaign_id):
        recent = rate.get(prize.ordinal, 0)
        gone_at = now + span * (prize.left / recent) if recent and prize.left else None
        lines.append(StockLine(prize.name, prize.stock, prize.left, gone_at, prize.left * LOW_PARTS < prize.stock))
    return lines


def _lately(session: Session, campaign_id: int, next_k: int, now: datetime) -> tuple[dict[int, int], timedelta]:
    """(prize's ordinal → how many were given lately, in how much time): the last hour, or the last draws of a busy one."""
    first_k = max(1, next_k - RECENT_DRAWS)
    begun = session.scalar(
        select(InstantDraw.drawn_at)
        .where(InstantDraw.campaign_id == campaign_id, InstantDraw.k >= first_k)
        .order_by(InstantDraw.k)
        .limit(1)
    )
    since = max(now - RECENT, begun) if begun is not None and first_k > 1 else now - RECENT
    query = select(InstantDraw.prize_ordinal, func.count()).where(
        InstantDraw.campaign_id == campaign_id,
        InstantDraw.k >= first_k,
        InstantDraw.outcome == "won",
        InstantDraw.drawn_at >= since,
    )
    rate = {ordinal: int(n) for ordinal, n in session.execute(query.group_by(InstantDraw.prize_ordinal)) if ordinal}
    return rate, max(now - since, timedelta(seconds=1))


def award_sums(session: Session, campaign_id: int) -> dict[str, AwardSum]:
    """Status → how many awards, and how much money."""
    mine = sums.of(session, campaign_id)
    return {status: AwardSum(*mine[status]) for status in sums.STATUSES if mine.get(status, (0, 0))[0]}


FUNNEL = ("visits", "draws", "wins", "tapped", "paid")
"""Of the draws of one way in or hour: how many won, and how many of these asked for their prize and have it."""


def _funnel(session: Session, campaign_id: int, of_draw: Any, of_page: Any) -> list[dict[str, Any]]:
    """A line of FUNNEL for each value of `of_draw`, and of `of_page` for the pages that were opened."""
    pages = select(of_page, func.sum(DrawCount.n)).where(
        DrawCount.campaign_id == campaign_id, DrawCount.outcome == "page"
    )
    lines: dict[str, dict[str, Any]] = {}

    def line(by: str) -> dict[str, Any]:
        return lines.setdefault(by, {"by": by, **dict.fromkeys(FUNNEL, 0)})

    for by, n in session.execute(pages.group_by(of_page)):
        line(by)["visits"] = int(n)
    for by, mine in sums.by(session, campaign_id, of_draw).items():
        (wins, _), (paid, _) = sums.wins(mine), sums.have(mine)
        draws, tapped = mine.get("draws", (0, 0))[0], mine.get("tapped", (0, 0))[0] + mine.get("given", (0, 0))[0]
        line(by or "").update(zip(FUNNEL[1:], (draws, wins, tapped, paid), strict=True))
    return list(lines.values())


def funnel_by_channel(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """Visits, draws, wins, awards asked for and paid, of each known way in."""
    lines = _funnel(session, campaign_id, InstantSum.channel_code, DrawCount.channel_code)
    return sorted(lines, key=lambda each: (-each["draws"], -each["visits"], each["by"]))


def funnel_by_time(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """The same of each Shanghai hour in which somebody came or drew; what became of a win stands where it was drawn."""
    moments = [shanghai_text(session, moment) for moment in (InstantSum.hour, DrawCount.hour)]
    return sorted(_funnel(session, campaign_id, *moments), key=lambda each: str(each["by"]))


PEOPLE: Mapping[str, SumOf] = {"drew": "people", "won": "winners", "collected": "collectors", "paid": "receivers"}
"""Step of the funnel → as what its people are added up."""


def drew(session: Session, campaign_id: int) -> int:
    """How many people have drawn."""
    return sums.of(session, campaign_id).get("people", (0, 0))[0]


def reached(session: Session, campaign_id: int) -> Mapping[str, int]:
    """How many people have won, asked for a prize and have one; who won twice is one person."""
    steps = _people(sums.of(session, campaign_id))
    return {step: n for step, n in steps.items() if step != "drew"}


def people_by(
    session: Session, campaign_id: int, part: FunnelPart, channel_code: str | None
) -> Mapping[str, Mapping[str, int]]:
    """The same and who drew, for each way in or hour of their first draw."""
    by = InstantSum.channel_code if part == "channel_code" else shanghai_text(session, InstantSum.hour)
    return {value: _people(mine) for value, mine in sums.by(session, campaign_id, by, channel_code).items()}


def _people(mine: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    return {step: mine.get(what, (0, 0))[0] for step, what in PEOPLE.items()}


def awards(session: Session, campaign_id: int, sought: str, status: str, before: int | None) -> list[tuple[Award, str]]:
    """Awards with the name of their prize, newest first: by openid, by public number, or by the number of the draw."""
    query = select(Award, Prize.name).join(Prize, Prize.id == Award.prize_id).where(Award.campaign_id == campaign_id)
    if sought.isdecimal() and len(sought) < 19:
        query = query.where(Award.k == int(sought))
    elif sought:
        query = query.where((Award.openid == sought) | (Award.public_id == sought))
    if status:
        query = query.where(Award.status == status)
    if before is not None:
        query = query.where(Award.k < before)
    return [(award, name) for award, name in session.execute(query.order_by(Award.k.desc()).limit(AWARD_ROWS + 1))]


@dataclass(frozen=True)
class TracedDraw:
    """One draw and why it ended so. `named` is the prize that the dice named, `until` where the last prize's part of the dice ends."""

    draw: InstantDraw
    named: str
    until: int
    prize: str


def traced(session: Session, campaign_id: int, sought: str) -> list[TracedDraw]:
    """The draw with this number, of this award, or the latest of this person, each by the rules of its own version."""
    query = select(InstantDraw).where(InstantDraw.campaign_id == campaign_id)
    if sought.isdecimal() and len(sought) < 19:
        query = query.where(InstantDraw.k == int(sought))
    else:
        of_award = select(Award.k).where(Award.campaign_id == campaign_id, Award.public_id == sought)
        query = query.where((InstantDraw.openid == sought) | InstantDraw.k.in_(of_award))
    draws = list(session.scalars(query.order_by(InstantDraw.k.desc()).limit(AWARD_ROWS)))
    rules = _rules(session, campaign_id, draws)
    return [_explained(draw, rules) for draw in draws]


def _rules(session: Session, campaign_id: int, draws: Sequence[InstantDraw]) -> dict[int, Rules]:
    versions = {draw.rule_version for draw in draws}
    query = select(RuleVersion).where(RuleVersion.campaign_id == campaign_id, RuleVersion.version.in_(versions))
    return {row.version: Rules.read(row.config) for row in session.scalars(query)}


def _explained(draw: InstantDraw, rules: dict[int, Rules]) -> TracedDraw:
    own = rules[draw.rule_version]
    place = named(own, draw.dice)
    prizes = {rule.ordinal: rule.name for rule in own.prizes}
    return TracedDraw(
        draw,
        "" if place is None else own.prizes[place].name,
        own.bounds[-1] if own.bounds else 0,
        prizes.get(draw.prize_ordinal or 0, ""),
    )
