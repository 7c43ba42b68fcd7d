"""Awards as the pages of their own person show them, for scripts and templates alike."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.instant import award_words, awards
from wxbot.instant.models import Award, Prize, PrizeCode
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
    """The newest awards of a person, of one campaign or of all; before them the codes that a restore has put aside for them."""
    query = select(Award).where(Award.openid == openid).order_by(Award.id.desc()).limit(limit)
    aside = _ASIDE.where(PrizeCode.lost_openid == openid).order_by(PrizeCode.id.desc()).limit(limit)
    if campaign_id is not None:
        query, aside = query.where(Award.campaign_id == campaign_id), aside.where(PrizeCode.campaign_id == campaign_id)
    found = [_aside(session, runtime, code, spoken) for code in session.scalars(aside)]
    return [*found, *(shown(session, runtime, award, spoken, now) for award in session.scalars(query))][:limit]


_ASIDE = select(PrizeCode).where(PrizeCode.award_id.is_(None))
_LOST = "lost-"
"""Begins the id of a code that was put aside; no award's begins so."""


def put_aside(session: Session, runtime: Runtime, public_id: str, openid: str, spoken: str) -> dict[str, Any] | None:
    """One code that a restore has put aside, for a page of whoever won it; None where this is no such id or another person's."""
    number = public_id.removeprefix(_LOST)
    if number == public_id or not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    code = session.scalar(_ASIDE.where(PrizeCode.id == int(number), PrizeCode.lost_openid == openid))
    return _aside(session, runtime, code, spoken) if code is not None else None


def _aside(session: Session, runtime: Runtime, code: PrizeCode, spoken: str) -> dict[str, Any]:
    view = award_words.AwardView("given", award_words.GIVEN_BEFORE)
    prize = session.get(Prize, code.prize_id) if code.prize_id is not None else None
    return {
        "id": f"{_LOST}{code.id}",
        **_of(session.get(Campaign, code.campaign_id), prize),
        **sheet(view, "code", 0, None, spoken),
        "code": runtime.vault.open(code.code_sealed),
    }


def _of(campaign: Campaign | None, prize: Prize | None) -> dict[str, Any]:
    return {
        "campaign": campaign.act_name if campaign is not None else "",
        "slug": campaign.slug if campaign is not None else "",
        "name": prize.name if prize is not None else "",
        "ordinal": prize.ordinal if prize is not None else None,
    }


def shown(session: Session, runtime: Runtime, award: Award, spoken: str, now: datetime) -> dict[str, Any]:
    """One award for a page of its own person; a code and what takes a transfer are opened here, so for nobody else."""
    view = award_words.view(session, runtime.settings, award, now)
    found: dict[str, Any] = {
        "id": award.public_id,
        **_of(session.get(Campaign, award.campaign_id), session.get(Prize, award.prize_id)),
        **sheet(view, award.kind, award.amount_fen, award.deadline_at, spoken),
    }
    if award.kind == "code":
        found["code"] = awards.code_of(session, runtime.vault, award) or ""
    if view.state == "confirm":
        found |= _to_confirm(session, runtime, award, now)
    return found


def sheet(
    view: award_words.AwardView, kind: str, amount_fen: int, deadline_at: datetime | None, spoken: str
) -> dict[str, Any]:
    """What the page writes on the sheet of an award beside its prize's name."""
    return {
        "kind": kind,
        "yuan": yuan(amount_fen) if kind == "money" else None,
        "state": view.state,
        "title": view.title.within(spoken),
        "text": view.sentence.within(spoken),
        "deadline": moment_text(deadline_at).within(spoken) if deadline_at is not None else "",
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
