"""The marketer's own picture on the page of a campaign: read by the confined program, kept beside the campaign, served by a name
that nobody can guess before it is shown.

It is public by nature and small, so it is a row of the database whatever store the vouchers' photos have: every machine sees it.
"""

import hashlib
import re
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from wxbot.campaigns.models import Campaign
from wxbot.db import insert_into
from wxbot.instant import banner
from wxbot.instant.look import colour_of
from wxbot.instant.models import CampaignPicture
from wxbot.runtime import Runtime
from wxbot.transitions import moved_on
from wxbot.vouchers import photos

NAME = re.compile(r"[0-9a-f]{64}")


def keep(runtime: Runtime, campaign_id: int, raw: bytes, now: datetime) -> str:
    """Re-encode a picture and keep it; returns its name, the SHA-256 of what is kept. Raises BadPhoto or Busy.

    Never call it with an open transaction.
    """
    content = photos.read(raw, Path(runtime.settings.data_dir), banner.__name__).content
    name = hashlib.sha256(content).hexdigest()
    row = {"campaign_id": campaign_id, "name": name, "content": content, "added_at": now}
    with runtime.database.transaction() as session:
        session.execute(insert_into(session, CampaignPicture).values(**row).on_conflict_do_nothing())
    return name


def content_of(runtime: Runtime, campaign_id: int, name: str) -> bytes | None:
    """The JPEG of this name that belongs to this campaign."""
    if not NAME.fullmatch(name):
        return None
    query = select(CampaignPicture.content).where(
        CampaignPicture.campaign_id == campaign_id, CampaignPicture.name == name
    )
    with runtime.database.reading() as session:
        return session.scalar(query)


def dress(runtime: Runtime, campaign_id: int, colour: str, raw: bytes | None, is_bare: bool, now: datetime) -> None:
    """Give a draft its colour (#rrggbb) and picture: a new one (`raw`), none (`is_bare`), or the one it has.

    Both are part of what a second person approves. Raises BadPhoto or Busy, and Refusal when it is no draft any more.
    """
    name = keep(runtime, campaign_id, raw, now) if raw else ""
    with runtime.database.transaction() as session:
        query = select(Campaign).where(Campaign.id == campaign_id).with_for_update()
        campaign = session.scalars(query).one()
        if campaign.status != "draft":
            raise moved_on()
        look = {"colour": colour_of(colour), "picture": name or ("" if is_bare else picture_of(campaign))}
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
