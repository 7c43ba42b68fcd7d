"""Console: who may draw in a campaign that is open to its list only, pasted or as a sheet, with what became of each line."""

from flask import Blueprint, render_template, request
from flask_babel import gettext

from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.confined.run import Busy
from wxbot.instant import listed
from wxbot.instant.models import RuleVersion
from wxbot.people import imports
from wxbot.people.import_kept import whole_of
from wxbot.people.imports import ImportReport
from wxbot.staff.console import act, guard, refusal_told, role_required, runtime, tell, text
from wxbot.staff.uploads import SHEET_BYTES, allow_upload, sent_rows

PASTE_BYTES = 512 * 1024

_pages = Blueprint("listed", __name__)
allow_upload(_pages, "listed.take", SHEET_BYTES, PASTE_BYTES)
blueprint = guard(_pages)


@blueprint.get("/campaigns/<int:campaign_id>/people")
@role_required("marketer")
def page(campaign_id: int) -> str:
    """How many people are on the list, and the form for more."""
    return _page(campaign_id)


@blueprint.post("/campaigns/<int:campaign_id>/people")
@role_required("marketer")
def take(campaign_id: int) -> str:
    """Read people in; the page again, with the report."""
    campaign_or_404(campaign_id)
    target, report = f"campaign:{campaign_id}", None
    with refusal_told("campaign_allow", target):
        try:
            rows = sent_rows(imports.COLUMNS, imports.NEEDS)
        except Busy:
            tell(gettext("现在有很多文件在处理，请过一会儿再传。"), "danger")
            return _page(campaign_id)
        lines = list(imports.lines_in(rows, request.form.get("people", "")))
        is_all = text("replace") == "1"
        detail: dict[str, int | bool] = {"replaced": is_all}
        with act("campaign_allow", target, gettext("名单已导入。"), detail=detail) as session:
            report = listed.read_in(session, runtime().vault, campaign_id, lines, replace=is_all)
            detail |= {"added": report.added, "known": report.known, "faults": report.faults}
    return _page(campaign_id, report)


def _page(campaign_id: int, report: ImportReport | None = None) -> str:
    campaign = campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        counts = listed.counts(session, campaign_id)
        is_published = session.get(RuleVersion, (campaign_id, 1)) is not None
    is_used = bool(campaign.terms.get("is_allow_only"))
    if campaign.half_written is not None:
        is_used = campaign.half_written.get("is_allow_only") == "1"
    return render_template(
        "console/listed.html",
        campaign=campaign,
        counts=counts,
        report=report,
        whole=whole_of(report, f"campaign:{campaign_id}"),
        is_published=is_published,
        is_used=is_used,
    )
