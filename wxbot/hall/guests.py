"""What the host does with guests: out of the next roster for a reason that stands in the log, off the wall, words to the screen."""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.hall import journal
from wxbot.hall.log import Exclusion
from wxbot.hall.models import DANMAKU_NEXT, Danmaku, DanmakuStatus, Guest
from wxbot.text import Text, fault
from wxbot.transitions import moved_on, moving

REASONS: dict[Exclusion, Text] = {
    "staff": Text("现场工作人员", "works on the evening"),
    "duplicate": Text("重复签到", "signed in twice"),
    "ineligible": Text("不符合参加条件", "was not invited"),
    "left": Text("已经离场", "has left"),
    "own_wish": Text("本人不参加", "asked for it"),
}
"""Why somebody may not win: what the form offers, in the order in which it does."""


def strike(session: Session, campaign_id: int, no: int, reason: str, now: datetime) -> None:
    """Somebody may not win any more, for a reason of the list that everybody reads. Raises Refusal; it cannot be taken back."""
    found = next((word for word in get_args(Exclusion) if word == reason), None)
    if found is None:
        raise fault("reason", "请从列表中选择原因", "Choose a reason from the list")
    hall = journal.lock(session, campaign_id)
    journal.require_and_append(session, hall, "excluded", {"no": no, "reason": found}, now)
    mine = (Guest.campaign_id == campaign_id) & (Guest.no == no)
    if not changed(session, update(Guest).where(mine).values(is_struck=True)):
        raise moved_on()


def hide(session: Session, campaign_id: int, no: int, is_hidden: bool) -> None:
    """Take somebody's name and face off the wall, or put them back; they may win all the same. Raises Refusal for nobody."""
    mine = (Guest.campaign_id == campaign_id) & (Guest.no == no)
    if not changed(session, update(Guest).where(mine).values(is_hidden=is_hidden)):
        raise moved_on()


def decide(
    session: Session, campaign_id: int, danmaku_id: int, after: Literal["shown", "refused"], now: datetime
) -> None:
    """Show somebody's words on the screen, or not. Raises Refusal when that was decided already."""
    before: tuple[DanmakuStatus, ...] = ("waiting",) if after == "shown" else ("waiting", "shown")
    mine = (Danmaku.campaign_id == campaign_id) & (Danmaku.id == danmaku_id)
    if not changed(session, moving(Danmaku, DANMAKU_NEXT, before, after, decided_at=now).where(mine)):
        raise moved_on()
