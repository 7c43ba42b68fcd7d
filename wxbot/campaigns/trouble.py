"""Why a campaign stands still, written on it for the console: a code, and what to do in both languages."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.text import Refusal, Text
from wxbot.wechat.errors import Refused, WeChatError

SILENT = Text("微信暂时没有回应，系统会自动重试", "WeChat does not answer at the moment; it is asked again by itself")


def write_trouble(session: Session, campaign: Campaign, why: Refusal | None) -> None:
    """Write on the campaign why it stands still, with the reason as its code; None clears it."""
    code, words = (why.reason, why.text._asdict()) if why is not None else (None, None)
    query = update(Campaign).where(Campaign.id == campaign.id)
    changed(session, query.values(trouble=code, trouble_words=words))
    campaign.trouble, campaign.trouble_words = code, words


def write_error(session: Session, campaign: Campaign, error: WeChatError) -> None:
    """Write on the campaign what WeChat refused, or that it did not answer."""
    if isinstance(error, Refused):
        write_trouble(session, campaign, Refusal(error.code, Text(error.row.zh, error.row.en)))
    else:
        write_trouble(session, campaign, Refusal(type(error).__name__, SILENT))


def trouble_of(campaign: Campaign) -> Text | None:
    """What stops the campaign and what to do; None when nothing does."""
    if not campaign.trouble:
        return None
    return Text(**campaign.trouble_words) if campaign.trouble_words else Text(campaign.trouble, campaign.trouble)
