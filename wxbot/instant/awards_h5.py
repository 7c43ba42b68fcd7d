"""A person's awards: all of them on one page, and the tap that has one paid.

No request here speaks to WeChat Pay and none waits: the tap commits what the person wants and wakes a worker, and the page asks
again how it stands. Another person's award is as absent as none (S24, S28).
"""

from flask import Blueprint, Response, jsonify, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from wxbot import wake
from wxbot.instant import award_shown, awards
from wxbot.instant.page_words import InstantPhrases
from wxbot.payouts import listing
from wxbot.payouts.h5 import ask_early
from wxbot.people.phone_pages import (
    form_mark,
    language,
    no_store,
    openid,
    own_form,
    person_required,
    runtime,
    wants_json,
    wx_config,
)
from wxbot.text import Refusal

blueprint = Blueprint("awards_h5", __name__)
"""Registered under /h5."""


@blueprint.get("/awards")
@person_required
def page() -> BaseResponse | str:
    """All my awards of all campaigns, the newest first: as a page, or as JSON for a page of a campaign."""
    now, spoken = runtime().clock.now(), language()
    with runtime().database.reading() as session:
        mine = award_shown.of_person(session, runtime(), openid(), spoken, now)
    if wants_json():
        return no_store(jsonify(awards=mine, form_mark=form_mark()))
    seen = {
        "awards": mine,
        "words": InstantPhrases(spoken).all(),
        "language": spoken,
        "bind": url_for("bind.page", lang="en" if spoken == "en" else None),
        "mark": form_mark(),
        "config": wx_config("checkJsApi", "requestMerchantTransfer"),
    }
    return no_store(Response(render_template("h5/awards.html", state=seen, res_base=runtime().settings.res_base)))


@blueprint.get("/awards/<public_id>/state")
@person_required
def state(public_id: str) -> BaseResponse:
    """How one award stands now."""
    return _answer(public_id)


@blueprint.post("/awards/<public_id>/collect")
@person_required
@own_form
def collect(public_id: str) -> BaseResponse:
    """The tap. What was said already is said again: a double tap, a lost answer and a reload do the same once."""
    try:
        with runtime().database.transaction() as session:
            award = awards.find(session, public_id, openid())
            is_due = award is not None and awards.collect(session, award, runtime().database.now(session))
    except Refusal as refusal:
        return _answer(public_id, refusal)
    if is_due:
        wake.wake(runtime(), wake.PAY)
    return _answer(public_id)


@blueprint.post("/awards/<public_id>/look")
@person_required
@own_form
def look(public_id: str) -> BaseResponse:
    """The person came back from WeChat's page: have the worker ask how it ended, and tell how it stands."""
    with runtime().database.reading() as session:
        award = awards.find(session, public_id, openid())
        line = listing.find(session, award.payout_id) if award is not None and award.payout_id is not None else None
    if line is not None:
        ask_early(line, runtime().clock.now())
    return _answer(public_id)


def _answer(public_id: str, refusal: Refusal | None = None) -> BaseResponse:
    """An award's state; of a refused tap the reason stands in place of the state's sentence."""
    now, spoken = runtime().clock.now(), language()
    with runtime().database.reading() as session:
        award = awards.find(session, public_id, openid())
        if award is not None:
            shown = award_shown.shown(session, runtime(), award, spoken, now)
        elif (aside := award_shown.put_aside(session, runtime(), public_id, openid(), spoken)) is not None:
            shown = aside
        else:
            return no_store(jsonify(outcome="gone"), 404)
    if refusal is None:
        return no_store(jsonify(shown))
    shown |= {"outcome": refusal.reason, "text": refusal.text.within(spoken)}
    return no_store(jsonify(shown), 409)
