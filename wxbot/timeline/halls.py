"""What on-site lotteries tell of a person: that they came, were selected before everybody's eyes, and were owed a prize."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select

from wxbot.hall.models import Guest, Hall, Selection, Winner
from wxbot.instant.models import Award
from wxbot.money import yuan
from wxbot.text import Text
from wxbot.timeline.sources import Moment, Names, StorySource


def _signed_in(row: Guest, names: Names, at: datetime) -> Moment:
    said = Text(f"现场签到，{row.no} 号", f"signed in to a hall, no {row.no}")
    return Moment(at, "draw", said, names.words(row.name), "", _campaign(row.campaign_id))


def _campaign(campaign_id: int) -> tuple[str, str, int]:
    return ("campaigns.page", "campaign_id", campaign_id)


def _selected(row: Selection, names: Names, at: datetime) -> Moment:
    said = Text(f"大屏抽中，第 {row.d} 次抽取", f"selected on the screen, selection {row.d}")
    void = Text("这次抽取作废", "the selection is void") if row.status == "voided" else None
    return Moment(at, "draw", said, void, "bad" if void else "good", _campaign(row.campaign_id))


def _selections_of(openid: str) -> ColumnElement[bool]:
    """Selections that were shown, in which this person was selected."""
    is_theirs = and_(Guest.campaign_id == Winner.campaign_id, Guest.no == Winner.guest_no, Guest.openid == openid)
    won = select(Winner.d).join(Guest, is_theirs).where(Winner.campaign_id == Selection.campaign_id)
    return Selection.d.in_(won.correlate(Selection))


def _owed(row: Award, names: Names, at: datetime) -> Moment:
    zh, en = (f" ¥{yuan(row.amount_fen)}", f" of ¥{yuan(row.amount_fen)}") if row.amount_fen else ("", "")
    said = Text(f"现场中奖{zh}，已确认", f"a prize{en}, confirmed on the spot")
    return Moment(at, "draw", said, None, "good", _campaign(row.campaign_id))


def _awards_of(openid: str) -> ColumnElement[bool]:
    return and_(Award.openid == openid, Award.campaign_id.in_(select(Hall.campaign_id)))


HALLS: tuple[StorySource, ...] = (
    StorySource(Guest, Guest.signed_in_at, lambda openid: Guest.openid == openid, _signed_in),
    StorySource(Selection, Selection.revealed_at, _selections_of, _selected),
    StorySource(Award, Award.won_at, _awards_of, _owed),
)
"""Their rows beside those of sources.SOURCES."""
