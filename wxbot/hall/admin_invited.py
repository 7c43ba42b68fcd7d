"""Console: the list of invited people of a hall: look at a file, with what would become of every row, then take it over."""

from pathlib import Path

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot import sheets
from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.confined.run import Busy
from wxbot.hall import invited_sheet
from wxbot.hall.invited_report import FATE_WORDS, HEADER, ORDER, InvitedReport, sheet_rows
from wxbot.staff import reports
from wxbot.staff.console import act, guard, me, refusal_told, role_required, runtime, tell
from wxbot.staff.reports import KeptReport
from wxbot.staff.uploads import SHEET_BYTES, allow_upload
from wxbot.text import Refusal, Text

_pages = Blueprint("invited", __name__)
allow_upload(_pages, "invited.look", SHEET_BYTES)
blueprint = guard(_pages)

SHOWN_ROWS = 200
"""Rows of a report on the page; all of them are in the sheet that it offers."""


@blueprint.get("/campaigns/<int:campaign_id>/invited")
@role_required("marketer")
def page(campaign_id: int) -> str:
    """How many are on the list, and the form for a file."""
    return _page(campaign_id)


@blueprint.post("/campaigns/<int:campaign_id>/invited")
@role_required("marketer")
def look(campaign_id: int) -> str:
    """Judge a file; nothing is changed yet."""
    campaign, report = campaign_or_404(campaign_id), None
    target = f"campaign:{campaign_id}"
    with refusal_told("hall_invited", target):
        try:
            sheet = _sent()
        except Busy:
            tell(gettext("现在有很多文件在处理，请过一会儿再传。"), "danger")
            return _page(campaign_id)
        with runtime().database.reading() as session:
            report = invited_sheet.look(session, campaign, sheet)
        if report.good and not invited_sheet.keep(runtime(), campaign_id, me().id, report):
            raise Refusal("busy", Text("系统繁忙，请稍后再传一次", "Busy: please upload it again in a moment"))
    return _page(campaign_id, report, _whole(target, report) if report else None)


def _whole(target: str, report: InvitedReport) -> KeptReport | None:
    return reports.keep(runtime(), me().id, target, HEADER, sheet_rows(report))


def _sent() -> sheets.Sheet:
    file = request.files.get("file")
    raw = file.read(sheets.BYTES_MAX + 1) if file is not None else b""
    return sheets.read(raw, invited_sheet.COLUMNS, invited_sheet.NEEDS, Path(runtime().settings.data_dir))


@blueprint.post("/campaigns/<int:campaign_id>/invited/take")
@role_required("marketer")
def take(campaign_id: int) -> BaseResponse:
    """Take over what was looked at, once."""
    campaign = campaign_or_404(campaign_id)
    target = f"campaign:{campaign_id}"
    with refusal_told("hall_invited", target):
        if campaign.status in ("closing", "closed"):
            raise Refusal("over", Text("活动已经结束", "The evening is over"))
        rows = invited_sheet.kept(runtime(), campaign_id, me().id)
        if rows is None:
            raise Refusal(
                "gone",
                Text(
                    "这份名单已经导入过，或者放得太久了，请重新上传",
                    "It was imported already, or is too old: upload it again",
                ),
            )
        detail: dict[str, int] = {}
        with act("hall_invited", target, gettext("名单已导入。"), detail=detail) as session:
            detail["rows"] = invited_sheet.take_over(session, campaign_id, rows)
    return redirect(url_for("invited.page", campaign_id=campaign_id))


@blueprint.post("/campaigns/<int:campaign_id>/invited/clear")
@role_required("marketer")
def clear(campaign_id: int) -> BaseResponse:
    """Take everybody off again, before the launch."""
    campaign_or_404(campaign_id)
    detail: dict[str, int] = {}
    with act("hall_invited", f"campaign:{campaign_id}", gettext("名单已清空。"), detail=detail) as session:
        detail["cleared"] = invited_sheet.clear(session, campaign_id)
    return redirect(url_for("invited.page", campaign_id=campaign_id))


def _page(campaign_id: int, report: InvitedReport | None = None, whole: KeptReport | None = None) -> str:
    campaign = campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        invited, weighed, here = invited_sheet.counted(session, campaign_id)
    is_used = bool(campaign.terms.get("is_invited_only"))
    if campaign.half_written is not None:
        is_used = campaign.half_written.get("is_invited_only") == "1"
    lines = sorted(report.lines, key=lambda line: (ORDER.index(line.fate), line.number)) if report else []
    return render_template(
        "console/invited.html",
        campaign=campaign,
        invited=invited,
        weighed=weighed,
        came=here,
        is_used=is_used,
        report=report,
        whole=whole,
        fate_words=FATE_WORDS,
        counts=report.counts if report else {},
        good=len(report.good) if report else 0,
        total=len(lines),
        lines=lines[:SHOWN_ROWS],
        unshown_bad=sum(line.fate == "bad" for line in lines[SHOWN_ROWS:]),
    )
