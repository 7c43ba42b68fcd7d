"""Pause, resume, close: one status change each, in effect at once; the worker tells WeChat."""

from datetime import datetime

from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns.models import CAMPAIGN_NEXT, Campaign, CampaignStatus
from wxbot.text import Refusal, Text
from wxbot.transitions import move


def _switch(
    session: Session,
    campaign_id: int,
    before: tuple[CampaignStatus, ...],
    after: CampaignStatus,
    now: datetime,
    text: Text,
) -> None:
    for status in before:
        if move(session, Campaign, campaign_id, CAMPAIGN_NEXT, status, after, updated_at=now):
            return
    raise Refusal("status", text)


def pause(session: Session, campaign_id: int, staff_id: int, now: datetime) -> None:
    """Stop new draws: the draw gates see it within a second; what was already signed may still bind (F46)."""
    _switch(
        session,
        campaign_id,
        ("on",),
        "off",
        now,
        Text("只有进行中的活动可以暂停", "only a running campaign can be paused"),
    )


def resume(session: Session, campaign_id: int, staff_id: int, now: datetime) -> None:
    """Let people draw again."""
    lineage.require_unfrozen(session)
    _switch(
        session,
        campaign_id,
        ("off",),
        "on",
        now,
        Text("只有已暂停的活动可以恢复", "only a paused campaign can be resumed"),
    )


def close(session: Session, campaign_id: int, staff_id: int, now: datetime) -> None:
    """End the campaign for good: no new draws; the worker waits out what is loaded and returns what was reserved."""
    _switch(
        session,
        campaign_id,
        ("launching", "on", "off"),
        "closing",
        now,
        Text("活动没有在进行，不能结束", "the campaign is not running, it cannot be closed"),
    )
