"""Console: a draft of instant draws played a thousand times, and a running campaign's stock, awards and draws."""

from datetime import date
from typing import Any, get_args

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns import entries, mechanic
from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.campaigns.draft_faults import faults_of
from wxbot.campaigns.draft_form import read_form
from wxbot.campaigns.models import Campaign
from wxbot.instant import exports, sums, thousand, watch
from wxbot.instant.models import AwardStatus, InstantTerms
from wxbot.staff.console import (
    absent,
    guard,
    log_export,
    now,
    number,
    one_or_404,
    role_required,
    runtime,
    said,
    tell,
    text,
)
from wxbot.staff.downloads import XLSX_ROWS, form_or_404, sheet_response
from wxbot.staff.models import WATCHERS

HOURS_SHOWN = 48

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
    return render_template(
        "console/_figures_awards.html",
        campaign=campaign,
        way=mechanic.way_of(campaign.mechanic),
        stock=stock,
        sums=sums,
        words=exports.status_words(),
    )


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
        funnel = _by_way_in(session, campaign) if not sought else []
        hours = watch.funnel_by_time(session, campaign_id)[: -HOURS_SHOWN - 1 : -1] if not sought else []
        total, _ = sums.wins(sums.of(session, campaign_id))
    shown = found[: watch.AWARD_ROWS]
    return render_template(
        "console/awards.html",
        campaign=campaign,
        way=mechanic.way_of(campaign.mechanic),
        awards=shown,
        has_more=len(found) > len(shown),
        traced=traced,
        funnel=funnel,
        hours=hours,
        total=total,
        words=exports.status_words(),
        status_of=exports.status_of,
        q=sought,
        status=status,
        statuses=get_args(AwardStatus),
    )


def _ways(campaign: Campaign) -> dict[str, str]:
    """Channel code → the name by which its marketer knows this way in."""
    return {code: said(entries.name_of(campaign.places, code)) for code in (*entries.ENTRIES, *campaign.places)}


def _by_way_in(session: Session, campaign: Campaign) -> list[dict[str, Any]]:
    """The funnel of each way in."""
    ways = _ways(campaign)
    return [{**line, "by": ways.get(line["by"], line["by"])} for line in watch.funnel_by_channel(session, campaign.id)]


def drawing_or_404(campaign_id: int) -> Campaign:
    """A campaign of this mechanic that they may see."""
    campaign = campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        one_or_404(session.get(InstantTerms, campaign_id))
    return campaign


@blueprint.post("/campaigns/<int:campaign_id>/winners.<form>")
@role_required("marketer", "cashier")
def winners(campaign_id: int, form: str) -> BaseResponse:
    """All awards, or those won on one day, as a spreadsheet; a POST, because the export itself is written in the audit log."""
    campaign = drawing_or_404(campaign_id)
    form_or_404(form)
    day = _day_of(text("day"))
    with runtime().database.reading() as session:
        total = exports.winner_count(session, campaign_id, day)
    if form == "xlsx" and total > XLSX_ROWS:
        tell(gettext("超过 %(n)s 行，请导出 CSV。", n=f"{XLSX_ROWS:,}"), "danger")
        return redirect(url_for("awards.page", campaign_id=campaign_id), 303)
    log_export("winners_export", f"campaign:{campaign_id}", form=form, day=text("day"))
    batches = exports.winner_batches(runtime().database, campaign_id, exports.status_words(), _ways(campaign), day)
    name = f"winners-{campaign_id}" if day is None else f"winners-{campaign_id}-{day}"
    return sheet_response(form, name, exports.winner_header(), batches)


def _day_of(typed: str) -> date | None:
    """The day that a form names; None when it names none. Absent when it is no day that a campaign can have."""
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        absent()
    if not 2000 <= day.year < 9000:
        absent()
    return day
