"""Console: the daily report of a campaign of instant draws, day by day and as a sheet."""

from flask import Blueprint, Response, render_template

from wxbot.instant import days, exports
from wxbot.instant.admin_awards import drawing_or_404, sheet_or_404
from wxbot.staff.console import guard, log_export, now, role_required, runtime
from wxbot.staff.downloads import sheet_response

blueprint = guard(Blueprint("campaign_days", __name__))


@blueprint.get("/campaigns/<int:campaign_id>/days")
@role_required("marketer", "cashier")
def page(campaign_id: int) -> str:
    """Every day of the campaign, the newest first, with the winners of each to take away."""
    campaign = drawing_or_404(campaign_id)
    with runtime().database.reading() as session:
        lines = days.listed(session, campaign_id, now())
    return render_template("console/campaign_days.html", campaign=campaign, lines=lines)


@blueprint.post("/campaigns/<int:campaign_id>/days.<form>")
@role_required("marketer", "cashier")
def sheet(campaign_id: int, form: str) -> Response:
    """The same as a spreadsheet; written in the audit log."""
    drawing_or_404(campaign_id)
    sheet_or_404(form)
    log_export("days_export", f"campaign:{campaign_id}", form=form)
    rows = exports.day_rows(runtime().database, campaign_id, now())
    return sheet_response(form, f"days-{campaign_id}", exports.day_header(), [rows])
