"""Console: the codes of a prize, pasted or as a sheet, with what became of each line."""

from collections.abc import Callable, Mapping

from flask import Blueprint, render_template, request
from flask_babel import gettext
from sqlalchemy.orm import Session

from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.confined.run import Busy
from wxbot.instant import codes, codes_lost
from wxbot.staff import reports
from wxbot.staff.console import act, guard, me, one_or_404, refusal_told, role_required, runtime, tell
from wxbot.staff.reports import KeptReport
from wxbot.staff.uploads import SHEET_BYTES, allow_upload, sent_rows

PASTE_BYTES = 256 * 1024

Lines = list[tuple[int, str]]
"""(line, code)"""

_pages = Blueprint("codes", __name__)
allow_upload(_pages, "codes.take", SHEET_BYTES, PASTE_BYTES)
blueprint = guard(_pages)


@blueprint.get("/campaigns/<int:campaign_id>/codes/<int:ordinal>")
@role_required("marketer")
def page(campaign_id: int, ordinal: int) -> str:
    """How many codes a prize has, and the form for more."""
    return _page(campaign_id, ordinal)


@blueprint.post("/campaigns/<int:campaign_id>/codes/<int:ordinal>")
@role_required("marketer")
def take(campaign_id: int, ordinal: int) -> str:
    """Read codes in; the page again, with the report."""
    campaign_or_404(campaign_id)

    def read_in(session: Session, lines: Lines, replace: bool) -> codes.CodeReport:
        return codes.read_in(session, runtime().vault, campaign_id, ordinal, lines, replace=replace)

    return _page(campaign_id, ordinal, taken_in(campaign_id, read_in, {"prize": ordinal}))


def taken_in(
    campaign_id: int, read_in: Callable[[Session, Lines, bool], codes.CodeReport], of: Mapping[str, int]
) -> codes.CodeReport | None:
    """What became of the codes that were sent, by this verb with (session, lines, replace); `of` stands in the audit, too.

    None where nothing was read in, which the staff member has been told.
    """
    target, report = f"campaign:{campaign_id}", None
    with refusal_told("prize_codes", target):
        try:
            lines = _sent_codes()
        except Busy:
            tell(gettext("现在有很多文件在处理，请过一会儿再传。"), "danger")
            return None
        is_all = request.form.get("replace") == "1"
        detail: dict[str, int | bool] = {**of, "replaced": is_all}
        with act("prize_codes", target, gettext("卡密已导入。"), detail=detail) as session:
            report = read_in(session, lines, is_all)
            detail |= {"added": report.added, "doubled": report.doubled, "faults": report.faulty}
    return report


def whole_of(campaign_id: int, report: codes.CodeReport | None) -> KeptReport | None:
    """What was left out as a sheet to take away; None for nothing."""
    if report is None or not report.left_out:
        return None
    return reports.keep(runtime(), me().id, f"campaign:{campaign_id}", codes.HEADER, report.sheet_rows())


def _sent_codes() -> Lines:
    """(line, code) of the sheet where one was sent, and of what was pasted. Raises Refusal and Busy."""
    rows = sent_rows(codes.COLUMNS, codes.NEEDS)
    sent = [(row.number, codes.UNREADABLE if row.faults else row.cells["code"]) for row in rows]
    return sent + list(enumerate(request.form.get("codes", "").splitlines(), 1))


def _page(campaign_id: int, ordinal: int, report: codes.CodeReport | None = None) -> str:
    campaign = campaign_or_404(campaign_id)
    prizes = campaign.terms.get("prizes", ())
    prize = one_or_404(prizes[ordinal - 1] if 0 < ordinal <= len(prizes) else None)
    one_or_404(prize if prize["kind"] == "code" else None)
    with runtime().database.reading() as session:
        n = codes.counts(session, campaign_id).get(ordinal, 0)
        aside = codes_lost.aside_of(session, campaign_id, ordinal)
    shown = {"campaign": campaign, "prize": prize, "ordinal": ordinal, "n": n, "aside": aside, "report": report}
    return render_template("console/codes.html", whole=whole_of(campaign_id, report), **shown)
