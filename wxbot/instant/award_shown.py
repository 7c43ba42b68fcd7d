"""Awards as the pages of their own person show them, for scripts and templates alike."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.instant import award_words, awards
from wxbot.instant.models import Award, Prize
from wxbot.money import yuan
from wxbot.payouts import listing
from wxbot.runtime import Runtime
from wxbot.text import moment_text
from wxbot.wechat import jssdk

SHOWN = 50
"""Awards of one person that a page shows, the newest first."""


def of_person(
    session: Session,
    runtime: Runtime,
    openid: str,
    spoken: str,
    now: datetime,
    campaign_id: int | None = None,
    *,
    limit: int = SHOWN,
) -> list[dict[str, Any]]:
    """The newest awards of a person, of one campaign or of all."""
    query = select(Award).where(Award.openid == openid).order_by(Award.id.desc()).limit(limit)
    if campaign_id is not None:
        query = query.where(Award.campaign_id == campaign_id)
    return [shown(session, runtime, award, spoken, now) for award in session.scalars(query)]


def shown(session: Session, runtime: Runtime, award: Award, spoken: str, now: datetime) -> dict[str, Any]:
    """One award for a page of its own person; a code and what takes a transfer are opened here, so for nobody else."""
    view = award_words.view(session, runtime.settings, award, now)
    prize, campaign = session.get(Prize, award.prize_id), session.get(Campaign, award.campaign_id)
    found: dict[str, Any] = {
        "id": award.public_id,
        "campaign": campaign.act_name if campaign is not None else "",
        "slug": campaign.slug if campaign is not None else "",
        "name": prize.name if prize is not None else "",
        "ordinal": prize.ordinal if prize is not None else None,
        **sheet(view, award.kind, award.amount_fen, award.deadline_at, spoken),
    }
    if award.kind == "code":
        found["code"] = awards.code_of(session, runtime.vault, award) or ""
    if view.state == "confirm":
        found |= _to_confirm(session, runtime, award, now)
    return found


def sheet(
    view: award_words.AwardView, kind: str, amount_fen: int, deadline_at: datetime, spoken: str
) -> dict[str, Any]:
    """What the page writes on the sheet of an award beside its prize's name."""
    return {
        "kind": kind,
        "yuan": yuan(amount_fen) if kind == "money" else None,
        "state": view.state,
        "title": view.title.within(spoken),
        "text": view.sentence.within(spoken),
        "deadline": moment_text(deadline_at).within(spoken),
    }


def _to_confirm(session: Session, runtime: Runtime, award: Award, now: datetime) -> dict[str, Any]:
    """What the phone needs to take a transfer, and the address of the page that does it; nothing for a packet in the chat."""
    line = listing.find(session, award.payout_id) if award.payout_id is not None else None
    package = listing.package_of(runtime.vault, line, now) if line is not None else None
    if line is None or package is None:
        return {}
    settings = runtime.settings
    confirm = jssdk.merchant_transfer(settings.mch_id, settings.appid, package)
    return {"page": f"/h5/pay/{line.payout.public_id}", "confirm": confirm}
