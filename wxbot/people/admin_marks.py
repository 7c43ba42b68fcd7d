"""The console's block and allow lists."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot.confined.run import Busy
from wxbot.people import bindings, imports, marks
from wxbot.people.admin import masked
from wxbot.people.import_kept import whole_of
from wxbot.people.imports import ImportReport
from wxbot.staff import accounts as staff_roster
from wxbot.staff import audit
from wxbot.staff.console import (
    actor,
    guard,
    log_action,
    me,
    now,
    number,
    one_or_404,
    refusal,
    role_required,
    runtime,
    said,
    tell,
    text,
)
from wxbot.staff.uploads import SHEET_BYTES, allow_upload, sent_rows
from wxbot.text import Refusal, Text

PAGE_ROWS = 50
LINES_MOST = 5_000
PASTE_BYTES = 512 * 1024
TOO_MANY = Text(f"一次最多导入 {LINES_MOST:,} 行，请分几次。", f"At most {LINES_MOST:,} lines at once; split them.")

_pages = Blueprint("marks", __name__)
allow_upload(_pages, "marks.take", SHEET_BYTES, PASTE_BYTES)
blueprint = guard(_pages)


def _may_put(mark: str) -> bool:
    """Who reviews vouchers may stop payments; letting somebody be paid without a phone is for others."""
    return mark != "allow" or me().role in ("cashier", "admin")


def _page(fault: str = "", report: ImportReport | None = None) -> str:
    mark = text("mark") if text("mark") in marks.MARKS else "block"
    with runtime().database.reading() as session:
        found = marks.page(session, mark, PAGE_ROWS + 1, number("before"))
        staff_ids = [each.staff_id for each in found if each.staff_id is not None]
        names = staff_roster.names(session, staff_ids)
    rows = [(each, masked(each.phone_sealed), names.get(each.staff_id or 0, "")) for each in found[:PAGE_ROWS]]
    return render_template(
        "console/marks.html",
        rows=rows,
        mark=mark,
        has_more=len(found) > PAGE_ROWS,
        fault=fault,
        may_put=_may_put,
        report=report,
        whole=whole_of(report, "marks"),
    )


@blueprint.get("/marks")
@role_required("reviewer", "cashier", "admin")
def index() -> str:
    """One of the two lists, the newest first."""
    return _page()


@blueprint.post("/marks")
@role_required("reviewer", "cashier", "admin")
def put() -> BaseResponse | tuple[str, int]:
    """Put an openid or a phone on a list, with the reason."""
    mark, kind = text("mark"), text("kind")
    if not _may_put(mark):
        log_action("person_mark", "", "refused", mark=mark)
        return refusal(403, gettext("您的角色没有这项权限。如有需要，请联系管理员。"))
    try:
        with runtime().database.transaction() as session:
            subject, reason = text("subject"), text("reason", marks.REASON_CHARS + 1)
            mark_id = marks.put(session, runtime().vault, mark, kind, subject, reason, me().id, now())
            detail = {"mark": mark, "kind": kind, "reason": reason}
            audit.record(session, actor(), "person_mark", f"mark:{mark_id}", now(), detail=detail)
    except Refusal as bad:
        return _page(said(bad.text)), 422
    if mark == "allow":
        tell(gettext("已加入白名单。另一种角色的同事确认后才会付款。"))
    else:
        tell(gettext("名单已更新，立即生效。"))
    return redirect(url_for("marks.index", mark=mark), 303)


@blueprint.post("/marks/import")
@role_required("reviewer", "cashier", "admin")
def take() -> str | tuple[str, int]:
    """Put everybody on the block list who is named in a sheet or in pasted lines; the list again, with the report."""
    try:
        rows = sent_rows(imports.COLUMNS, imports.NEEDS)
        lines = list(imports.lines_in(rows, request.form.get("people", "")))
        if len(lines) > LINES_MOST:
            raise Refusal("many", TOO_MANY)
        with runtime().database.transaction() as session:
            reason = text("reason", marks.REASON_CHARS + 1)
            report = marks.block_all(session, runtime().vault, lines, reason, me().id, now())
            detail = {"mark": "block", "reason": reason, "added": report.added, "faults": report.faults}
            audit.record(session, actor(), "person_mark", "", now(), detail=detail)
    except Busy:
        return _page(gettext("现在有很多文件在处理，请过一会儿再传。")), 422
    except Refusal as bad:
        log_action("person_mark", "", "refused", mark="block", reason=bad.reason)
        return _page(said(bad.text)), 422
    return _page(report=report)


@blueprint.post("/marks/<int:mark_id>/remove")
@role_required("cashier", "admin")
def remove(mark_id: int) -> BaseResponse:
    """Take a mark off."""
    one_or_404(mark_id if mark_id < 2**63 else None)
    with runtime().database.transaction() as session:
        row = one_or_404(bindings.take_off_mark(session, runtime().vault, mark_id, actor(), now()))
    tell(gettext("已移出名单，立即生效。"))
    return redirect(url_for("marks.index", mark=row.mark), 303)
