"""The console's roster: who may bind, which bindings wait for a person, and one place that shows a whole phone number."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from wxbot import sheets
from wxbot.people import bindings, limits, phones, roster
from wxbot.people.limits import Limit
from wxbot.people.models import Binding, PersonMark, RosterEntry
from wxbot.staff import audit
from wxbot.staff.console import (
    act,
    actor,
    guard,
    locale,
    me,
    now,
    number,
    one_or_404,
    role_required,
    runtime,
    said,
    tell,
    text,
    too_often,
    why_not,
)
from wxbot.staff.downloads import form_or_404, sheet_response
from wxbot.staff.uploads import SHEET_BYTES, allow_upload
from wxbot.text import Refusal, Text

SHOWN_ROWS = 200
"""Rows of a preview on the page; the counts are of all."""

VIEWS = ("held", "active", "ended")
LOOKS = Limit("unmask_hour", 3600, 30)
"""How many whole numbers one member of staff may look at."""

UNMASKED: dict[str, Any] = {"roster": RosterEntry, "binding": Binding, "mark": PersonMark}


_pages = Blueprint("roster", __name__)
allow_upload(_pages, "roster.upload", SHEET_BYTES)
blueprint = guard(_pages)


def masked(sealed: str) -> str:
    """A sealed phone as a page may show it; empty after an erasure."""
    return phones.masked(runtime().vault.open(sealed)) if sealed else ""


def _number_or_404(value: int) -> int:
    if value >= 2**63:
        abort(404)
    return value


# --- the list -----------------------------------------------------------------------------------------------------


def _index(fault: str = "", status: int = 200) -> tuple[str, int]:
    q = text("q", 60)
    with runtime().database.reading() as session:
        found = roster.page(session, runtime().vault, q, number("before"))
        held = session.scalar(select(Binding.id).where(Binding.status == "held").limit(1)) is not None
    rows = [(entry, masked(entry.phone_sealed), openid) for entry, openid in found[: roster.PAGE_ROWS]]
    has_more = len(found) > roster.PAGE_ROWS
    return render_template("console/roster.html", rows=rows, q=q, has_more=has_more, held=held, fault=fault), status


@blueprint.get("/roster")
@role_required("reviewer", "cashier", "admin")
def index() -> tuple[str, int]:
    """Everybody who may bind, the newest first; `q` finds a whole phone or a part of a name."""
    return _index()


@blueprint.post("/roster/upload")
@role_required("reviewer", "admin")
def upload() -> tuple[str, int]:
    """Look at a file: every row and what would become of it. Nothing is changed yet."""
    file = request.files.get("file")
    raw = file.stream.read(sheets.BYTES_MAX + 1) if file else b""
    name = sheets.plain_name(file.filename or "") if file else ""
    try:
        sheet = roster.read(raw, Path(runtime().settings.data_dir))
    except Refusal as bad:
        return _index(said(bad.text), 422)
    with runtime().database.reading() as session:
        preview = roster.look(session, runtime().vault, sheet)
    file_id = None
    if preview.good or preview.faulty:
        with runtime().database.transaction() as session:
            file_id = roster.keep(session, runtime().vault, name, raw, preview, me().id, now())
    order = {"bad": 0, "again": 1, "changed": 2, "back": 3, "added": 4, "same": 5}
    lines = sorted(preview.lines, key=lambda line: (order[line.fate], line.number))
    return render_template(
        "console/roster_preview.html",
        counts=preview.counts,
        notes=preview.notes,
        faulty=len(preview.faulty),
        take_faulty=sheets.TAKE_FAULTY,
        lines=lines[:SHOWN_ROWS],
        file_id=file_id,
        name=name,
        good=len(preview.good),
        total=len(lines),
    ), 200


@blueprint.post("/roster/upload/<int:file_id>/faulty.<form>")
@role_required("reviewer", "admin")
def faulty(file_id: int, form: str) -> Response:
    """The bad rows of a file one uploaded oneself, what was read of them and what is wrong, as csv or xlsx."""
    form_or_404(form)
    with runtime().database.transaction() as session:
        rows = roster.faulty_rows(session, runtime().vault, _number_or_404(file_id), me().id, locale())
        if rows is None:
            abort(404)
        audit.record(session, actor(), "list_export", f"file:{file_id}", now(), detail={"form": form})
    return sheet_response(form, f"roster-{file_id}-faulty", [str(cell) for cell in rows[0]], [rows[1:]])


@blueprint.post("/roster/upload/<int:file_id>")
@role_required("reviewer", "admin")
def take_over(file_id: int) -> BaseResponse:
    """Take the good rows of an uploaded file over, once."""
    with runtime().database.transaction() as session:
        taken = roster.take_over(session, runtime().vault, _number_or_404(file_id), me().id, now())
        if taken is not None:
            audit.record(session, actor(), "roster_import", f"file:{file_id}", now(), detail={"rows": taken})
    if taken is None:
        tell(gettext("这份名单已经导入过，或者放得太久了，请重新上传。"), "warning")
    else:
        tell(gettext("已导入 %(n)s 人。可以绑定；新的人在财务确认后才会收款。", n=taken))
    return redirect(url_for("roster.index"), 303)


@blueprint.post("/roster/<int:entry_id>/deactivate")
@role_required("reviewer", "admin")
def deactivate(entry_id: int) -> BaseResponse:
    """Take somebody off the roster; their binding ends."""
    done = gettext("已移出名单，绑定同时解除。")
    with act("roster_change", f"roster:{entry_id}", done, detail={"active": False}) as session:
        is_done = roster.deactivate(session, runtime().vault, _number_or_404(entry_id), me().id, now())
        one_or_404(is_done or None)
    return redirect(url_for("roster.index"), 303)


@blueprint.post("/roster/<int:entry_id>/activate")
@role_required("reviewer", "admin")
def activate(entry_id: int) -> BaseResponse:
    """Let somebody bind again."""
    done = gettext("已恢复，可以重新绑定。")
    with act("roster_change", f"roster:{entry_id}", done, detail={"active": True}) as session:
        one_or_404(roster.activate(session, _number_or_404(entry_id), me().id, now()) or None)
    return redirect(url_for("roster.index"), 303)


# --- bindings -----------------------------------------------------------------------------------------------------


@blueprint.get("/roster/bindings")
@role_required("reviewer", "cashier", "admin")
def bound() -> str:
    """Bindings of one status, the newest first; `q` finds a whole phone or an openid."""
    view = text("view") if text("view") in VIEWS else "held"
    q, before = text("q", 64), number("before")
    query = select(Binding).where(Binding.status == view)
    if q:
        try:
            query = query.where(Binding.phone_index == runtime().vault.index(phones.normalise(q)))
        except phones.BadPhone:
            query = query.where(Binding.openid == q)
    if before is not None:
        query = query.where(Binding.id < before)
    with runtime().database.reading() as session:
        found = session.scalars(query.order_by(Binding.id.desc()).limit(roster.PAGE_ROWS + 1)).all()
        held = found[: roster.PAGE_ROWS] if view == "held" else ()
        blocked = {each.id: why_not(bindings.require_approvable, session, each, me().id, now()) for each in held}
    rows = [(each, masked(each.phone_sealed)) for each in found[: roster.PAGE_ROWS]]
    return render_template(
        "console/bindings.html",
        rows=rows,
        blocked=blocked,
        view=view,
        views=VIEWS,
        q=q,
        has_more=len(found) > roster.PAGE_ROWS,
    )


DECIDED = Text("别人已经处理过了。", "Somebody else has decided already.")


def _decide(action: str, verb: Callable[..., bool], binding_id: int, done: str, view: str) -> BaseResponse:
    """One decision about a binding; that it was refused is told, and stands in no log."""
    with act(action, f"binding:{binding_id}", done, is_refusal_logged=False) as session:
        if not verb(session, runtime().vault, _number_or_404(binding_id), me().id, now()):
            raise Refusal("status", DECIDED)
    return redirect(url_for("roster.bound", view=view), 303)


@blueprint.post("/roster/bindings/<int:binding_id>/approve")
@role_required("reviewer", "admin")
def approve(binding_id: int) -> BaseResponse:
    """Let a held binding become active."""
    return _decide("binding_approve", bindings.approve, binding_id, gettext("已通过，本人会收到通知。"), "held")


@blueprint.post("/roster/bindings/<int:binding_id>/refuse")
@role_required("reviewer", "admin")
def refuse(binding_id: int) -> BaseResponse:
    """Turn a held binding down."""
    return _decide("binding_refuse", bindings.refuse, binding_id, gettext("已拒绝，本人会收到通知。"), "held")


@blueprint.post("/roster/bindings/<int:binding_id>/unbind")
@role_required("reviewer", "admin")
def unbind(binding_id: int) -> BaseResponse:
    """End an active binding."""
    return _decide("binding_end", bindings.unbind, binding_id, gettext("已解除绑定，本人会收到通知。"), "active")


# --- a whole number -----------------------------------------------------------------------------------------------


@blueprint.post("/roster/unmask")
@role_required("reviewer", "cashier", "admin")
def unmask() -> str | Response:
    """Show one whole phone number, once: the look is written to the audit log before the number leaves.

    A member of staff may look at LOOKS of them; nobody copies the roster number by number unseen.
    """
    kind, row_id = text("kind"), number("id")
    model = one_or_404(UNMASKED.get(kind))
    if row_id is None:
        abort(404)
    with runtime().database.transaction() as session:
        row = one_or_404(session.get(model, row_id))
        one_or_404(row.phone_sealed or None)
        may_look = limits.raise_count(session, LOOKS, str(me().id), now())
        outcome = "done" if may_look else "refused"
        audit.record(session, actor(), "phone_unmask", f"{kind}:{row_id}", now(), outcome=outcome)
    if not may_look:
        return too_often()
    phone = runtime().vault.open(row.phone_sealed).removeprefix("+86")
    return render_template("console/phone.html", phone=phone, name=getattr(row, "name", ""))
