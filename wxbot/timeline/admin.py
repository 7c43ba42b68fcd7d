"""Console pages about one person: the search, and the story with its conclusion."""

from flask import Blueprint, redirect, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.draws.models import Draw
from wxbot.payouts import people_search
from wxbot.people import marks
from wxbot.staff.console import absent, guard, now, role_required, runtime, text
from wxbot.timeline import story, why

blueprint = guard(Blueprint("timeline", __name__))


@blueprint.get("/people-search")
@role_required("reviewer", "cashier", "admin")
def search() -> BaseResponse | str:
    """Find a person by openid, phone, name or order number; a single one is opened at once."""
    wanted = text("q")
    with runtime().database.reading() as session:
        found = people_search.search(session, runtime().vault, wanted) if wanted else []
        if not found and wanted and _has_drawn(session, wanted):
            found = people_search.describe(session, runtime().vault, [wanted])
    if len(found) == 1:
        return redirect(url_for("timeline.person", openid=found[0].openid))
    return render_template("console/people_search.html", q=wanted, found=found)


@blueprint.get("/people/<openid>")
@role_required("reviewer", "cashier", "admin")
def person(openid: str) -> str:
    """Everything that happened to one person, newest first, under one sentence that says why."""
    parts, moment = runtime(), now()
    with parts.database.reading() as session:
        if not _is_known(session, openid):
            absent()
        values = {
            "person": people_search.describe(session, parts.vault, [openid])[0],
            "marks": sorted(marks.of(session, openid)),
            "why": why.conclude(session, parts.settings, openid, moment),
            "day": why.day_use(session, parts.settings, openid, moment),
            "chapter": story.tell(session, parts.vault, openid, text("older", 30)),
        }
    return render_template("console/person.html", openid=openid, is_older=bool(text("older", 30)), **values)


def _is_known(session: Session, openid: str) -> bool:
    return people_search.is_known(session, openid) or _has_drawn(session, openid)


def _has_drawn(session: Session, openid: str) -> bool:
    if not people_search.OPENID.fullmatch(openid):
        return False
    return session.scalar(select(Draw.id).where(Draw.openid == openid).limit(1)) is not None
