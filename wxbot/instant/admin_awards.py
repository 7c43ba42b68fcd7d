"""Console: a draft of instant draws played a thousand times, and a running campaign's stock, awards and draws."""

from typing import get_args

from flask import Blueprint, render_template, request
from sqlalchemy import func, select

from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.campaigns.draft_faults import faults_of
from wxbot.campaigns.draft_form import read_form
from wxbot.instant import thousand, watch
from wxbot.instant.models import Award, AwardStatus
from wxbot.staff.console import guard, now, number, role_required, runtime, text
from wxbot.staff.models import WATCHERS

blueprint = guard(Blueprint("awards", __name__))


@blueprint.post("/campaigns/simulate")
@role_required("marketer")
def simulate() -> str:
    """What stands in the form right now, played a thousand times; changes nothing."""
    values, faults = read_form(request.form)
    faults += faults_of(values, now())
    with runtime().database.reading() as session:
        claimed_percent = thousand.claimed_percent(session)
    made = None if any(each.field in thousand.FIELDS for each in faults) else thousand.play(values, claimed_percent)
    return render_template("console/_forecast_played.html", played=made)


@blueprint.get("/campaigns/<int:campaign_id>/figures")
@role_required(*WATCHERS)
def figures(campaign_id: int) -> str:
    """Stock with its runway, and what is owed and paid."""
    campaign = campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        stock = watch.stock_lines(session, campaign_id, now())
        sums = watch.award_sums(session, campaign_id)
    return render_template("console/_figures_awards.html", campaign=campaign, stock=stock, sums=sums)


@blueprint.get("/campaigns/<int:campaign_id>/awards")
@role_required("marketer", "cashier")
def page(campaign_id: int) -> str:
    """The funnel by way in, one person's or one number's draws with their reason, and the awards."""
    campaign = campaign_or_404(campaign_id)
    sought, status = text("q"), request.args.get("status", "")
    status = status if status in get_args(AwardStatus) else ""
    with runtime().database.reading() as session:
        found = watch.awards(session, campaign_id, sought, status, number("before"))
        traced = watch.traced(session, campaign_id, sought) if sought else []
        funnel = watch.funnel_by_channel(session, campaign_id) if not sought else []
        total = session.scalar(select(func.count()).where(Award.campaign_id == campaign_id)) or 0
    shown = found[: watch.AWARD_ROWS]
    return render_template(
        "console/awards.html",
        campaign=campaign,
        awards=shown,
        has_more=len(found) > len(shown),
        traced=traced,
        funnel=funnel,
        total=total,
        q=sought,
        status=status,
        statuses=get_args(AwardStatus),
    )
