"""Why a campaign stands still, written on it for the console."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.wechat.errors import Refused, WeChatError


def write_trouble(session: Session, campaign: Campaign, trouble: str | None) -> None:
    """Write on the campaign why it stands still, as an error code and a sentence; None clears it."""
    changed(session, update(Campaign).where(Campaign.id == campaign.id).values(trouble=trouble))
    campaign.trouble = trouble


def write_error(session: Session, campaign: Campaign, error: WeChatError) -> None:
    """Write on the campaign what WeChat refused, or that it did not answer."""
    if isinstance(error, Refused):
        write_trouble(session, campaign, f"{error.code} {error.row.zh}"[:200])
    else:
        write_trouble(session, campaign, f"{type(error).__name__} 微信暂时没有回应，系统会自动重试")
