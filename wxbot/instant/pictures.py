"""The marketer's own picture on the page of a campaign: read by the confined program, kept beside the campaign, served by a name
that nobody can guess before it is shown.

It is public by nature and small, so it is a row of the database whatever store the vouchers' photos have: every machine sees it.
"""

import hashlib
import re
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.db import insert_into
from wxbot.instant import banner
from wxbot.instant.look import colour_of
from wxbot.instant.models import CampaignPicture
from wxbot.runtime import Runtime
from wxbot.transitions import moved_on
from wxbot.vouchers import photos

NAME = re.compile(r"[0-9a-f]{64}")


def read(runtime: Runtime, raw: bytes) -> bytes:
    """The JPEG that is kept of a picture. Raises BadPhoto or Busy. Never call it with an open transaction."""
    return photos.read(raw, Path(runtime.settings.data_dir), banner.__name__).content


def keep(session: Session, campaign_id: int, content: bytes, now: datetime) -> str:
    """Keep a picture that was read; returns its name, its SHA-256."""
    name = hashlib.sha256(content).hexdigest()
    row = {"campaign_id": campaign_id, "name": name, "content": content, "added_at": now}
    session.execute(insert_into(session, CampaignPicture).values(**row).on_conflict_do_nothing())
    return name


def path_of(slug: str, name: str) -> str:
    """Where a phone and WeChat find it (instant/h5.py), once the campaign has a public page."""
    return f"/h5/c/{slug}/picture/{name}.jpg"


def content_of(runtime: Runtime, campaign_id: int, name: str) -> bytes | None:
    """The JPEG of this name that belongs to this campaign."""
    if not NAME.fullmatch(name):
        return None
    query = select(CampaignPicture.content).where(
        CampaignPicture.campaign_id == campaign_id, CampaignPicture.name == name
    )
    with runtime.database.reading() as session:
        return session.scalar(query)


def dress(session: Session, campaign_id: int, colour: str, content: bytes | None, is_bare: bool, now: datetime) -> None:
    """Give a draft its colour (#rrggbb) and picture: a new one (`content`), none (`is_bare`), or the one it has.

    Both are part of what a second person approves. Raises Refusal when it is no draft any more.
    """
    campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id).with_for_update()).one()
    if campaign.status != "draft":
        raise moved_on()
    name = keep(session, campaign_id, content, now) if content else "" if is_bare else picture_of(campaign)
    look = {"colour": colour_of(colour), "picture": name}
    if campaign.half_written is not None:
        campaign.half_written = {**campaign.half_written, **look}
    else:
        campaign.terms = {**campaign.terms, "look": look}
    campaign.version += 1
    campaign.updated_at = now


def look_of(campaign: Campaign) -> dict[str, str]:
    """The colour and picture that a campaign has now; a half-written draft keeps them among what was typed."""
    look = campaign.half_written if campaign.half_written is not None else campaign.terms.get("look") or {}
    return {"colour": colour_of(str(look.get("colour") or "")), "picture": str(look.get("picture") or "")}


def picture_of(campaign: Campaign) -> str:
    """The name of its picture, empty without one."""
    return look_of(campaign)["picture"]
