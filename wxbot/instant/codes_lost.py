"""Codes that were won since a copy was made: the database that the copy takes the place of says which, and nobody gets them again.

A code is somebody's as soon as they see it, and a copy knows it as free. What was given there is put aside here (`PrizeCode.lost_k`), by
its blind index, and what the copy does not know at all is written down, so that the same sheet read in once more gives
it to nobody. In a campaign of draws the pieces are out of the prize, in the gap of its numbers (`gaps`), and whoever won one sees it among their
awards (`award_shown`); a hall knows its winners again (`hall/known`). What has been put aside stays so through every later restore.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import func, inspect, literal, select, update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.instant.models import Award, Prize, PrizeCode
from wxbot.logs import get_logger

log = get_logger(__name__)

CHUNK = 500


class LostCode(NamedTuple):
    """One code that the replaced database had given."""

    code_index: str
    code_sealed: str
    ordinal: int
    """Of its prize; 0 of a prize that is not known."""
    k: int
    """Number of the award."""
    openid: str
    """Whose it is; empty where a version that did not keep it had put it aside."""


class PutAside(NamedTuple):
    """One code that was put aside just now."""

    code_id: int
    prize_id: int | None
    openid: str


def given(session: Session) -> dict[str, list[LostCode]]:
    """Slug of each campaign of this database → the codes that it has given, or knows as given by what it took the place of."""
    found: defaultdict[str, list[LostCode]] = defaultdict(list)
    columns = (Campaign.slug, PrizeCode.code_index, PrizeCode.code_sealed, func.coalesce(Prize.ordinal, 0))
    codes = select(*columns).join(PrizeCode, PrizeCode.campaign_id == Campaign.id)
    codes = codes.outerjoin(Prize, Prize.id == PrizeCode.prize_id).order_by(PrizeCode.id)
    won = codes.add_columns(Award.k, Award.openid).join(Award, Award.id == PrizeCode.award_id)
    for slug, index, sealed, ordinal, k, openid in session.execute(won):
        found[slug].append(LostCode(index, sealed, ordinal, k, openid))
    kept = {each["name"] for each in inspect(session.connection()).get_columns(PrizeCode.__tablename__)}
    if "lost_k" not in kept:  # of a version that put none aside
        return found
    owner = func.coalesce(PrizeCode.lost_openid, "") if "lost_openid" in kept else literal("")
    aside = codes.add_columns(PrizeCode.lost_k, owner).where(
        PrizeCode.award_id.is_(None), PrizeCode.lost_k.is_not(None)
    )
    for slug, index, sealed, ordinal, k, openid in session.execute(aside):
        found[slug].append(LostCode(index, sealed, ordinal, k, openid))
    return found


def put_aside(session: Session, lost: Mapping[str, Sequence[LostCode]]) -> dict[int, list[PutAside]]:
    """Campaign → its codes that are put aside now. Nothing is given any more in one that the copy knows as closed."""
    aside: dict[int, list[PutAside]] = {}
    query = select(Campaign).where(Campaign.status != "closed").order_by(Campaign.id).with_for_update()
    for campaign in session.scalars(query).all():
        mine = lost.get(campaign.slug, ())
        chunks = (mine[begin : begin + CHUNK] for begin in range(0, len(mine), CHUNK))
        each = [code for chunk in chunks for code in _put_aside(session, campaign.id, chunk)]
        if each:
            aside[campaign.id] = each
            log.warning("codes_put_aside", campaign_id=campaign.id, codes=len(each))
    return aside


def _put_aside(session: Session, campaign_id: int, lost: Sequence[LostCode]) -> list[PutAside]:
    prizes = {row.ordinal: row.id for row in session.execute(_PRIZES.where(Prize.campaign_id == campaign_id))}
    mine = PrizeCode.campaign_id == campaign_id
    rows = session.scalars(select(PrizeCode).where(mine, PrizeCode.code_index.in_([each.code_index for each in lost])))
    known = {row.code_index: row for row in rows}
    last = session.scalar(select(func.max(PrizeCode.ordinal)).where(mine)) or 0
    aside: list[tuple[PrizeCode, str]] = []
    for each in lost:
        row = known.get(each.code_index)
        if row is None:
            last += 1
            row = PrizeCode(campaign_id=campaign_id, prize_id=prizes.get(each.ordinal), ordinal=last)
            row.code_sealed, row.code_index = each.code_sealed, each.code_index
            session.add(row)
        elif row.award_id is not None or row.lost_k is not None:
            continue
        row.lost_k, row.lost_openid = each.k, each.openid or None
        aside.append((row, each.openid))
    session.flush()
    return [PutAside(row.id, row.prize_id, openid) for row, openid in aside]


_PRIZES = select(Prize.ordinal, Prize.id).where(Prize.kind == "code")


def take_pieces(session: Session, aside: Sequence[PutAside]) -> dict[str, int]:
    """Take the pieces that these codes were out of their prizes; ordinal of a prize → how many, no more than it has left."""
    taken: dict[str, int] = {}
    of_prize = Counter(each.prize_id for each in aside if each.prize_id is not None)
    for prize_id, n in sorted(of_prize.items()):
        prize = session.get_one(Prize, prize_id, populate_existing=True)
        if pieces := min(n, prize.left):
            session.execute(update(Prize).where(Prize.id == prize_id).values(left=Prize.left - pieces))
            taken[str(prize.ordinal)] = pieces
    return taken


def aside_of(session: Session, campaign_id: int, ordinal: int | None) -> int:
    """How many codes of a prize, or of those that lay ready for one (None), nobody gets because somebody of a lost past has them."""
    query = select(func.count()).select_from(PrizeCode).outerjoin(Prize, Prize.id == PrizeCode.prize_id)
    mine = (PrizeCode.campaign_id == campaign_id, PrizeCode.award_id.is_(None), PrizeCode.lost_k.is_not(None))
    of_prize = Prize.id.is_(None) if ordinal is None else Prize.ordinal == ordinal
    return session.scalar(query.where(*mine, of_prize)) or 0


def given_back(session: Session, aside: Sequence[PutAside]) -> int:
    """How many of these are somebody's again."""
    numbers = [each.code_id for each in aside]
    chunks = (numbers[begin : begin + CHUNK] for begin in range(0, len(numbers), CHUNK))
    count = select(func.count()).select_from(PrizeCode).where(PrizeCode.award_id.is_not(None))
    return sum(session.scalar(count.where(PrizeCode.id.in_(chunk))) or 0 for chunk in chunks)
