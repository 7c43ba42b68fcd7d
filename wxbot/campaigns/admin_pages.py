"""The blueprint of the campaign pages, and what they share: whose campaign it is, and how a refusal is told."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, redirect, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns.models import Campaign
from wxbot.staff import audit
from wxbot.staff.console import absent, actor, guard, me, now, one_or_404, refusal_told, runtime, tell

blueprint = guard(Blueprint("campaigns", __name__))

SEES_ALL = frozenset({"cashier", "admin"})


def owner_filter() -> int | None:
    """A marketer sees their own campaigns only; a cashier and an admin see all (S29)."""
    return None if me().role in SEES_ALL else me().id


def campaign_or_404(campaign_id: int, mechanic: str | None = None) -> Campaign:
    """The campaign, if it exists, is theirs to see and gives in this way: otherwise the same 404 as for an absent one."""
    with runtime().database.reading() as session:
        campaign: Campaign = one_or_404(session.get(Campaign, campaign_id) if campaign_id < 2**62 else None)
    if owner_filter() not in (None, campaign.created_by) or mechanic not in (None, campaign.mechanic):
        absent()
    return campaign


def own_ids(session: Any) -> list[int] | None:
    """Ids of a marketer's campaigns; None for those who see all."""
    owner_id = owner_filter()
    return (
        None if owner_id is None else list(session.scalars(select(Campaign.id).where(Campaign.created_by == owner_id)))
    )


def to_page(campaign_id: int) -> BaseResponse:
    """Back to the campaign's page."""
    return redirect(url_for("campaigns.page", campaign_id=campaign_id), 303)


def act(campaign_id: int, action: str, done: str, verb: Callable[..., Any], *args: Any, **detail: Any) -> BaseResponse:
    """One verb for a campaign with its line in the audit log, in one transaction; a refusal is logged, too. Then back to the page.

    The verb's guarded update decides: of two clicks one does it, the other is told so (F24).
    """
    campaign = campaign_or_404(campaign_id)
    target = f"campaign:{campaign_id}"
    whole = {"version": campaign.version, "content": campaign.content_sha256, **detail}
    with refusal_told(action, target, **detail):
        with runtime().database.transaction() as session:
            verb(session, campaign_id, me().id, now(), *args)
            audit.record(session, actor(), action, target, now(), detail=whole)
        tell(done)
    return to_page(campaign_id)
