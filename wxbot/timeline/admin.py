"""Console pages about one person: the search, and the story with its conclusion."""

from flask import Blueprint, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.payouts import people_search
from wxbot.payouts.people_search import FOUND_AT_MOST
from wxbot.people import marks
from wxbot.staff.console import absent, guard, me, now, role_required, runtime, text
from wxbot.timeline import search as finding
from wxbot.timeline import story, why

blueprint = guard(Blueprint("timeline", __name__))


def _is_masked() -> bool:
    """Marketers look after campaigns: they see what happened, not whose full name it was."""
    return me().role == "marketer"


@blueprint.get("/people-search")
@role_required("marketer", "reviewer", "cashier", "admin")
def search() -> BaseResponse | str:
    """Find a person by openid, phone, name, any number of ours or a time; a single one is opened at once."""
    wanted = text("q")
    with runtime().database.reading() as session:
        found = finding.find(session, runtime().vault, wanted, now())
        listed = finding.listed(session, runtime().vault, wanted)
    if len(found) == 1 and not listed:
        return redirect(url_for("timeline.person", openid=found[0].openid))
    if _is_masked():
        found = [finding.masked(person) for person in found]
        listed = [finding.masked_listed(person) for person in listed]
    return render_template("console/people_search.html", q=wanted, found=found, listed=listed, most=FOUND_AT_MOST)


@blueprint.get("/people/<openid>")
@role_required("marketer", "reviewer", "cashier", "admin")
def person(openid: str) -> str:
    """Everything that happened to one person, newest first, under one sentence that says why."""
    parts, moment = runtime(), now()
    with parts.database.reading() as session:
        if not _is_known(session, openid):
            absent()
        who = people_search.describe(session, parts.vault, [openid])[0]
        values = {
            "person": finding.masked(who) if _is_masked() else who,
            "marks": sorted(marks.of(session, openid)),
            "why": why.conclude(session, parts.settings, openid, moment),
            "day": why.day_use(session, parts.settings, openid, moment),
            "chapter": story.tell(session, parts.vault, openid, text("older", 30), is_masked=_is_masked()),
        }
    return render_template("console/person.html", openid=openid, is_older=bool(text("older", 30)), **values)


def _is_known(session: Session, openid: str) -> bool:
    return people_search.is_known(session, openid) or finding.has_drawn(session, openid)
