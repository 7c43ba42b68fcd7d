"""The console's page of dialogues: what is declared, who is in one now, and how to end it."""

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import gettext
from sqlalchemy import func, select
from werkzeug.wrappers import Response as BaseResponse

from wxbot.replies.answers import find, read_book
from wxbot.replies.dialogues import expiry
from wxbot.replies.dialogues.definitions import DIALOGUES
from wxbot.replies.models import Dialogue
from wxbot.staff import audit
from wxbot.staff.console import actor, guard, now, role_required, runtime, tell, text

blueprint = guard(Blueprint("dialogues", __name__))

PAGE_ROWS = 50


@blueprint.get("/dialogues")
@role_required("marketer", "admin")
def index() -> str:
    """Every declared dialogue with its steps and keywords, and the newest people who are in one."""
    with runtime().database.reading() as session:
        book = read_book(session)
        counted = session.execute(
            select(Dialogue.name, Dialogue.step, func.count())
            .where(Dialogue.step != "")
            .group_by(Dialogue.name, Dialogue.step)
        ).all()
        newest = select(Dialogue).where(Dialogue.step != "").order_by(Dialogue.expires_at.desc()).limit(PAGE_ROWS)
        rows = session.scalars(newest).all()
    counts = {(name, step): n for name, step, n in counted}
    taken = {
        keyword: found
        for each in DIALOGUES.values()
        for keyword in each.keywords
        if (found := find(book, keyword)).dialogue != each.name
    }
    return render_template(
        "console/dialogues.html", declared=list(DIALOGUES.values()), counts=counts, rows=rows, taken=taken, when=_when
    )


def _when(row: Dialogue) -> str:
    """How a row waits: expired, pending or open."""
    return "expired" if row.expires_at <= now() else "open" if row.words else "pending"


@blueprint.post("/dialogues/end")
@role_required("marketer", "admin")
def end() -> BaseResponse:
    """End somebody's dialogue: what they write next is answered by the rules again."""
    openid, moment = text("openid"), now()
    with runtime().database.transaction() as session:
        is_ended = expiry.end(session, openid, moment)
        if is_ended:
            audit.record(session, actor(), "dialogue_end", f"openid:{openid}", moment)
    tell(gettext("对话已结束。") if is_ended else gettext("这段对话已经不在进行。"))
    return redirect(url_for("dialogues.index"), 303)
