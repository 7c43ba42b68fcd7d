"""Console pages of lists to pay: upload, look at every row, submit, approve, watch, take the results away."""

from collections.abc import Callable

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot import sheets
from wxbot.confined.rows import ROWS_MAX
from wxbot.payouts import list_check, list_results, list_rows, list_words, lists, programmes
from wxbot.payouts.forecast import forecast
from wxbot.payouts.lists import AlreadyUploaded, File
from wxbot.payouts.models import ListRow, PayList, Programme
from wxbot.staff import accounts, audit
from wxbot.staff.code_asked import code_for
from wxbot.staff.console import (
    SMALL,
    absent,
    act,
    actor,
    guard,
    locale,
    log_export,
    log_refusal,
    may,
    me,
    now,
    number,
    one_or_404,
    refusal_told,
    role_required,
    runtime,
    said,
    text,
    why_not,
)
from wxbot.staff.downloads import csv_response, form_or_404, sheet_response, xlsx_response
from wxbot.staff.uploads import SHEET_BYTES, allow_upload
from wxbot.text import Refusal, Text

KINDS = ("faulty", "warned", "good", "all")


_pages = Blueprint("lists", __name__)
allow_upload(_pages, "lists.create", SHEET_BYTES)
blueprint = guard(_pages)


def _owner() -> int | None:
    """A marketer sees the lists they uploaded; a cashier sees all (S29)."""
    return None if me().role == "cashier" else me().id


def _list_or_404(session: Session, list_id: int) -> PayList:
    pay_list: PayList = one_or_404(session.get(PayList, list_id) if list_id < 2**62 else None)
    if _owner() not in (None, pay_list.created_by):
        absent()
    return pay_list


@blueprint.get("/lists")
@role_required("marketer", "cashier")
def index() -> str:
    """Lists, the newest first."""
    with runtime().database.reading() as session:
        found = lists.page(session, created_by=_owner(), before_id=number("before"))
        shown = found[: lists.PAGE_ROWS]
        people = accounts.names(session, sorted({pay_list.created_by for pay_list in shown}))
        funds = {
            programme.id: programme for programme in programmes.named(session, {row.programme_id for row in shown})
        }
    return render_template(
        "console/lists.html", lists=shown, has_more=len(found) > len(shown), names=people, programmes=funds
    )


@blueprint.get("/lists/new")
@role_required("marketer", "cashier")
def new() -> str:
    """The upload form."""
    return _upload_page()


def _upload_page(fault: str = "", known: int | None = None) -> str:
    with runtime().database.reading() as session:
        funds = programmes.open_ones(session)
        taken = session.get(PayList, known) if known is not None else None
        is_seen = taken is not None and _owner() in (None, taken.created_by)
    return render_template(
        "console/list_upload.html",
        programmes=funds,
        fault=fault,
        known=taken if is_seen else None,
        form=request.form,
        most_rows=ROWS_MAX,
        most_mb=sheets.BYTES_MAX // 1024 // 1024,
    )


@blueprint.get("/lists/template.xlsx")
@role_required("marketer", "cashier")
def template() -> Response:
    """An empty list with the right columns."""
    if locale().startswith("zh"):
        rows = (("手机号", "姓名", "金额", "备注"), ("13800138000", "示例：张三", "88.00", "三月促销"))
    else:
        rows = (("phone", "name", "amount", "note"), ("13800138000", "example: Zhang San", "88.00", "March promotion"))
    return xlsx_response("list-template", rows[0], [[rows[1]]])


@blueprint.post("/lists/new")
@role_required("marketer", "cashier")
def create() -> tuple[str, int] | BaseResponse:
    """Read the file into a draft, or say what is wrong with it."""
    uploaded = request.files.get("file")
    if uploaded is None or not uploaded.filename:
        return _upload_page(gettext("请选择一个 xlsx 或 csv 文件。")), 422
    file = File(uploaded.read(), uploaded.filename[:300], text("name", 100))
    parts, programme_id = runtime(), number("programme") or 0

    def keep(session: Session) -> int:
        list_id = lists.keep(session, parts.vault, parts.settings, found, programme_id, me().id, now())
        audit.record(session, actor(), "list_upload", f"list:{list_id}", now())
        return list_id

    try:
        found = lists.read(parts, file)
        list_id = parts.database.twice(keep)
    except Refusal as refused:
        known = refused.list_id if isinstance(refused, AlreadyUploaded) else None
        log_refusal("list_upload", f"list:{known}" if known else "", refused)
        return _upload_page(said(refused.text), known), 422 if refused.reason == "file" else 409
    return _to_page(list_id)


@blueprint.get("/lists/<int:list_id>")
@role_required("marketer", "cashier")
def page(list_id: int) -> str:
    """One list: before approval what would happen, afterwards what has happened; bad rows first."""
    with runtime().database.reading() as session:
        pay_list = _list_or_404(session, list_id)
        is_open = pay_list.status in ("draft", "submitted")
        warned = list_check.warnings(session, pay_list, now()) if is_open else {}
        faulty = lists.count_faulty(session, list_id)
        kind = _kind(faulty, len(warned), is_open)
        found = lists.rows_page(session, list_id, kind, number("after", SMALL) or 0, sorted(warned))
        shown = found[: lists.PAGE_ROWS]
        values = {
            "pay_list": pay_list,
            "programme": session.get_one(Programme, pay_list.programme_id),
            "kind": kind,
            "results": list_results.results_of(session, shown),
            "has_more": len(found) > len(shown),
            "warned": warned,
            "faulty": faulty,
            "notes": _notes(session, pay_list) if is_open else (),
            "take_faulty": sheets.TAKE_FAULTY,
            "is_open": is_open,
            "default_channel": runtime().settings.payout_channel,
            "names": accounts.names(session, _people(pay_list)),
            "forecast": forecast(session, runtime().settings, pay_list, now()) if is_open else None,
            "progress": None if is_open else list_rows.progress(session, list_id),
            "blocked": _blocked(session, pay_list),
        }
    return render_template(
        "console/list.html", fault_text=_fault_text, warning_text=_warning_text, **_words(), **values
    )


def _notes(session: Session, pay_list: PayList) -> list[Text]:
    """What of its file somebody must know before they agree to it."""
    hidden = sheets.hidden_text(lists.hidden_rows(session, pay_list.id))
    return [note for note in (hidden, sheets.unread_text([pay_list.unread] if pay_list.unread else [])) if note]


def _blocked(session: Session, pay_list: PayList) -> str:
    """Why who looks at a submitted list is not offered to approve it; '' when they are."""
    if pay_list.status != "submitted" or not may("lists.approve"):
        return ""
    return why_not(lists.require_approvable, session, pay_list, me().id, now())


def _people(pay_list: PayList) -> list[int]:
    return sorted({staff_id for staff_id in (pay_list.created_by, pay_list.approved_by) if staff_id})


def _kind(faulty: int, warned: int, is_open: bool) -> str:
    """Which rows to show: what was asked for, else the bad ones first."""
    asked = request.args.get("show", "")
    if asked in KINDS:
        return asked
    if not is_open:
        return "all"
    return "faulty" if faulty else "warned" if warned else "all"


def _fault_text(row: ListRow) -> str:
    return list_words.fault_text(row.fault, locale())


def _warning_text(code: str) -> str:
    return list_words.warning_text(code, locale())


def _words() -> dict[str, Callable[[str], str]]:
    return {
        "status_text": lambda status: list_words.status_text(status, locale()),
        "hold_text": lambda hold: list_words.hold_text(hold, locale()),
    }


@blueprint.get("/lists/<int:list_id>/live")
@role_required("marketer", "cashier")
def live(list_id: int) -> str:
    """The part of an approved list's page that refreshes itself."""
    with runtime().database.reading() as session:
        pay_list = _list_or_404(session, list_id)
        values = {
            "pay_list": pay_list,
            "programme": session.get_one(Programme, pay_list.programme_id),
            "progress": list_rows.progress(session, list_id),
        }
    return render_template("console/_list_live.html", **_words(), **values)


def _to_page(list_id: int) -> BaseResponse:
    return redirect(url_for("lists.page", list_id=list_id), 303)


def _target(list_id: int) -> str:
    """How the audit log names a list that is theirs to see."""
    with runtime().database.reading() as session:
        return f"list:{_list_or_404(session, list_id).id}"


@blueprint.post("/lists/<int:list_id>/check")
@role_required("marketer", "cashier")
def check(list_id: int) -> BaseResponse:
    """Look at the rows again: people may have bound meanwhile."""
    parts = runtime()
    with act("list_check", _target(list_id), gettext("已重新检查每一行。")) as session:
        lists.check(session, parts.vault, parts.settings, list_id, now())
    return _to_page(list_id)


@blueprint.post("/lists/<int:list_id>/submit")
@role_required("marketer", "cashier")
def submit(list_id: int) -> BaseResponse:
    """Hand it to a second person."""
    target, parts = _target(list_id), runtime()
    with refusal_told("list_submit", target):
        with parts.database.transaction() as session:  # kept even when it is refused: the page shows what was found
            lists.check(session, parts.vault, parts.settings, list_id, now())
        with act("list_submit", target, gettext("已提交，请另一位财务同事审批。")) as session:
            lists.submit(session, list_id, is_partial_meant=bool(request.form.get("skip_faulty")))
    return _to_page(list_id)


@blueprint.post("/lists/<int:list_id>/approve")
@role_required("cashier")
@code_for("list_approve", PayList.total_fen, _to_page)
def approve(list_id: int) -> BaseResponse:
    """Approve what was shown; its rows become payouts at once."""
    seen = request.form.get("content_sha256", "")[:64]
    with act(
        "list_approve", _target(list_id), gettext("已批准，正在登记每一笔付款。"), detail={"content": seen}
    ) as session:
        lists.approve(session, list_id, me().id, seen, now())
    return _to_page(list_id)


@blueprint.post("/lists/<int:list_id>/send-back")
@role_required("marketer", "cashier")
def send_back(list_id: int) -> BaseResponse:
    """Make it a draft again."""
    with act("list_send_back", _target(list_id), gettext("已退回为草稿。")) as session:
        lists.send_back(session, list_id)
    return _to_page(list_id)


@blueprint.post("/lists/<int:list_id>/drop")
@role_required("marketer", "cashier")
def drop(list_id: int) -> BaseResponse:
    """Throw it away; nothing was owed."""
    with act("list_drop", _target(list_id), gettext("名单已丢弃，没有产生任何付款。")) as session:
        lists.drop(session, list_id)
    return redirect(url_for("lists.index"), 303)


@blueprint.post("/lists/<int:list_id>/results.csv")
@role_required("marketer", "cashier")
def results_csv(list_id: int) -> Response:
    """Every row and what became of it, as csv; written in the audit log."""
    _log_export(list_id, "csv")
    return csv_response(
        f"list-{list_id}", list_results.header(locale()), list_results.batches(runtime().database, list_id, locale())
    )


@blueprint.post("/lists/<int:list_id>/results.xlsx")
@role_required("marketer", "cashier")
def results_xlsx(list_id: int) -> Response:
    """The same as xlsx."""
    _log_export(list_id, "xlsx")
    return xlsx_response(
        f"list-{list_id}", list_results.header(locale()), list_results.batches(runtime().database, list_id, locale())
    )


@blueprint.post("/lists/<int:list_id>/faulty.<form>")
@role_required("marketer", "cashier")
def faulty(list_id: int, form: str) -> Response:
    """The rows that are not paid, what was read of them and what is wrong, as csv or xlsx; written in the audit log."""
    form_or_404(form)
    _log_export(list_id, form)
    parts, name, words = runtime(), f"list-{list_id}-faulty", list_results.faulty_header(locale())
    batches = list_results.faulty_batches(parts.database, parts.vault, list_id, locale())
    return sheet_response(form, name, words, batches)


def _log_export(list_id: int, form: str) -> None:
    log_export("list_export", _target(list_id), form=form)
