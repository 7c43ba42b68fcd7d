"""The console's page of uploads and allow marks that wait for somebody of another role."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot import approval
from wxbot.people import trust
from wxbot.people.admin import masked
from wxbot.people.models import Confirmation, PersonMark, RosterEntry
from wxbot.staff import accounts
from wxbot.staff.console import act, guard, me, now, one_or_404, role_required, runtime
from wxbot.text import Text

blueprint = guard(Blueprint("confirmations", __name__))


@blueprint.get("/confirmations")
@role_required("reviewer", "cashier", "admin")
def index() -> str:
    """What waits, the oldest first."""
    with runtime().database.reading() as session:
        found = trust.waiting(session)
        names = accounts.names(session, [each.asked.asked_by for each in found if each.asked.asked_by is not None])
    return render_template("console/confirmations.html", found=found, names=names, may_confirm=_may_confirm)


def _may_confirm(asked: Confirmation) -> bool:
    return trust.may_confirm(asked, me().id, me().role)


def _or_404(session: Session, confirmation_id: int) -> Confirmation:
    found: Confirmation = one_or_404(session.get(Confirmation, confirmation_id) if confirmation_id < 2**62 else None)
    return found


@blueprint.get("/confirmations/<int:confirmation_id>")
@role_required("reviewer", "cashier", "admin")
def page(confirmation_id: int) -> str:
    """Everybody whom one of them is about, and the button."""
    with runtime().database.reading() as session:
        asked = _or_404(session, confirmation_id)
        content = trust.content(session, confirmation_id)
        listed = select(RosterEntry).where(RosterEntry.waits_for == confirmation_id, RosterEntry.is_active)
        entries = session.scalars(listed.order_by(RosterEntry.id).limit(trust.PAGE_ROWS)).all()
        marks = session.scalars(select(PersonMark).where(PersonMark.waits_for == confirmation_id)).all()
        names = accounts.names(session, [each for each in (asked.asked_by, asked.decided_by) if each is not None])
    return render_template(
        "console/confirmation.html",
        asked=asked,
        people=len(content),
        content_sha256=approval.content_hash(content),
        entries=[(entry, masked(entry.phone_sealed)) for entry in entries],
        marks=[(mark, masked(mark.phone_sealed)) for mark in marks],
        names=names,
        notes=[Text(*note) for note in asked.notes or ()],
        can_confirm=asked.decided_at is None and bool(content) and _may_confirm(asked),
    )


@blueprint.post("/confirmations/<int:confirmation_id>/confirm")
@role_required("reviewer", "cashier", "admin")
def confirm(confirmation_id: int) -> BaseResponse:
    """Agree to all that the page showed."""
    with runtime().database.reading() as session:
        _or_404(session, confirmation_id)
    seen = request.form.get("content_sha256", "")[:64]
    detail: dict[str, object] = {"content": seen}
    done = gettext("已确认，这些人从现在起可以收款。")
    with act("trust_confirm", f"confirmation:{confirmation_id}", done, detail=detail) as session:
        detail["people"] = trust.confirm(session, confirmation_id, me().id, seen, now())
    return redirect(url_for("confirmations.page", confirmation_id=confirmation_id), 303)
