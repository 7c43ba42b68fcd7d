"""The hall on a guest's phone: sign in, one's own number and how one stands, words to the screen.

Thin: parse, ask, render. No view reads an openid from the request (S24). Nothing counts by address: a hall is one address.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot import oauth, own_page
from wxbot.campaigns.models import Campaign
from wxbot.draws.draw_state import DrawState
from wxbot.draws.h5 import inside_wechat, with_board
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.hall import (
    coming,
    danmaku,
    faces,
    guests,
    import_map,
    names,
    passes,
    rain,
    rates,
    sign_in,
    standing,
    told,
)
from wxbot.hall.models import Guest, Hall
from wxbot.hall.phone_words import HallPhrases
from wxbot.people.phone_pages import form_mark, language, own_form, runtime, wants_json
from wxbot.text import Refusal, Text, moment_text

blueprint = Blueprint("hall_h5", __name__)
"""Registered under /h5."""

SLOT = re.compile(r"[1-9][0-9]{0,8}")

STATUS = {"too_often": 429, "sign_in": 401, "absent": 404, "not_open": 409, "over": 409, "paused": 409}


@blueprint.get("/hall/<slug>")
@with_board
@inside_wechat
@oauth.openid_required
def page(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse | str:
    """The whole page: the commitment, then the form for whoever came by a living code, or one's own number."""
    mine = oauth.signed_in()
    if rates.is_too_often(runtime(), "page", snapshot.campaign_id, mine.openid):
        return _plain("too_often", snapshot, 429)
    with runtime().database.reading() as session:
        hall, guest = session.get(Hall, snapshot.campaign_id), sign_in.of(session, snapshot.campaign_id, mine.openid)
        campaign = session.get_one(Campaign, snapshot.campaign_id)
        if hall is None:
            return _plain("gone", snapshot, 404)
        own = _own(session, campaign, guest) if guest is not None else None
        prizes = coming.prizes_of(session, snapshot.campaign_id) if guest is not None else []
    if guest is not None:
        coming.remember(runtime(), snapshot.slug, guest)
        return _page(snapshot, hall, guest=own, prizes=prizes)
    try:
        sign_in.require_open(campaign, runtime().clock.now())
    except Refusal as shut:
        return _page(snapshot, hall, shut=shut.reason)
    if snapshot.is_frozen:
        return _page(snapshot, hall, shut="paused")
    code, given = request.args.get("code", ""), request.args.get("token", "")
    way = passes.way_in(runtime(), hall, mine.openid, code, given, is_door=request.args.get("door") == "1")
    return _page(snapshot, hall, way=way, groups=coming.groups_of(campaign))


@blueprint.get("/hall/<slug>/share")
@with_board
@inside_wechat
@oauth.openid_required
def share(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse | str:
    """Have WeChat ask this person for name and picture, and come back to the form."""
    mine, given = oauth.signed_in(), request.args.get("token", "")
    is_here = passes.is_pass(runtime(), snapshot.campaign_id, mine.openid, given)
    if not is_here or rates.is_too_often(runtime(), "page", snapshot.campaign_id, mine.openid):
        return redirect(url_for("hall_h5.page", slug=snapshot.slug, lang=_lang()), 302)
    form = url_for("hall_h5.page", slug=snapshot.slug, lang=_lang(), shared="1", token=given)
    return oauth.begin(form, scope="snsapi_userinfo")


@blueprint.get("/hall/<slug>/face/<name>")
def picture(slug: str, name: str) -> BaseResponse:
    """The picture of a guest who agreed to show it; its name cannot be guessed before it is shown."""
    with runtime().database.reading() as session:
        campaign_id = coming.campaign_of(session, slug)
        content = faces.content_of(session, campaign_id, name) if campaign_id else None
    if content is None:
        return Response("", 404, mimetype="text/plain")
    response = Response(content, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "public, max-age=86400"
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    return response


@blueprint.post("/hall/<slug>/sign-in")
@with_board
@oauth.openid_required
@own_form
def enter(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse | str:
    """Take the form: the name on the wall, or who one is on the list; a script gets JSON."""
    mine = oauth.signed_in()
    try:
        if rates.is_too_often(runtime(), "sign_in", snapshot.campaign_id, mine.openid):
            raise Refusal("too_often", _said("too_often"))
        guest = coming.come(runtime(), snapshot.slug, snapshot.campaign_id, mine, coming.SignInForm.read(request.form))
    except Refusal as refusal:
        return _refused(snapshot, refusal)
    if wants_json():
        return _json({"outcome": "signed_in", "no": guest.no})
    return redirect(url_for("hall_h5.page", slug=snapshot.slug, lang=_lang()), 303)


def _refused(snapshot: CampaignSnapshot, refusal: Refusal) -> BaseResponse | str:
    status = STATUS.get(refusal.reason, 422)
    if wants_json():
        text = refusal.text.within(language())
        return _json({"outcome": refusal.reason, "text": text, "field": refusal.field}, status)
    with runtime().database.reading() as session:
        hall, campaign = session.get(Hall, snapshot.campaign_id), session.get_one(Campaign, snapshot.campaign_id)
    if hall is None:
        return _plain("gone", snapshot, 404)
    way: passes.WayIn = "door" if request.form.get("way") == "door" else "pass"
    if refusal.reason == "stale":
        way = "none"
    return Response(_page(snapshot, hall, way=way, groups=coming.groups_of(campaign), refusal=refusal), status)


@blueprint.get("/hall/<slug>/me")
@with_board
@oauth.openid_required
def me(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse:
    """How this guest stands: asked for when the hall's state says that something changed."""

    def part(session: Session, guest: Guest) -> dict[str, Any]:
        return _own(session, session.get_one(Campaign, snapshot.campaign_id), guest)

    return _own_part(snapshot, part)


@blueprint.post("/hall/<slug>/rain")
@with_board
@oauth.openid_required
@own_form
def catch(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse:
    """Catch a packet of the rain that is falling: {"fen"}; a repeat has the same answer."""
    mine, slot = oauth.signed_in(), request.form.get("slot", "")
    if rates.is_too_often(runtime(), "catch", snapshot.campaign_id, mine.openid):
        return _json({"outcome": "too_often"}, 429)
    try:
        with runtime().database.transaction() as session:
            guest = sign_in.of(session, snapshot.campaign_id, mine.openid)
            if guest is None or not SLOT.fullmatch(slot):
                raise Refusal("missed", rain.MISSED)
            now = runtime().database.now(session)
            fen = rain.claim(session, snapshot.campaign_id, guest.no, int(slot), now)
    except Refusal as refusal:
        return _json({"outcome": refusal.reason, "text": refusal.text.within(language())}, 409)
    told.tell_soon(runtime(), snapshot.slug, snapshot.campaign_id)
    return _json({"outcome": "caught", "fen": fen})


@blueprint.get("/hall/<slug>/line")
@with_board
@oauth.openid_required
def line(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse:
    """One's own line of the newest frozen roster, with what the phone needs to work it out itself."""
    openid = oauth.signed_in().openid

    def part(session: Session, guest: Guest) -> dict[str, Any] | None:
        roster = standing.roster_of(session, snapshot.campaign_id, 0)
        if roster is None:
            return None
        return {
            "hall": snapshot.slug,
            "openid": openid,
            "salt": guest.salt,
            "no": guest.no,
            "version": roster.version,
            "count": roster.count,
            "sha256": roster.sha256,
            "line": standing.line_of(roster, guest.no),
            "file": url_for("hall_h5.roster", slug=snapshot.slug, version=roster.version),
        }

    return _own_part(snapshot, part)


@blueprint.get("/hall/<slug>/roster/<int:version>")
def roster(slug: str, version: int) -> BaseResponse:
    """The file of a frozen roster, which is public."""
    with runtime().database.reading() as session:
        campaign_id = coming.campaign_of(session, slug)
        found = standing.roster_of(session, campaign_id, version) if campaign_id and version < 2**31 else None
    if found is None:
        return Response("", 404, mimetype="text/plain")
    response = Response(found.content.encode(), mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="roster-{slug}-{found.version}.txt"'
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@blueprint.post("/hall/<slug>/danmaku")
@with_board
@oauth.openid_required
@own_form
def send_words(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse:
    """Words to the screen; somebody looks at them first."""
    mine = oauth.signed_in()
    try:
        words = names.read_words(request.form.get("words", ""))
        if rates.is_too_often(runtime(), "words", snapshot.campaign_id, mine.openid):
            raise Refusal("too_often", _said("too_often"))
        with runtime().database.transaction() as session:
            danmaku.send(session, snapshot.campaign_id, mine.openid, words, runtime().database.now(session))
    except Refusal as refusal:
        text = refusal.text.within(language())
        return _json({"outcome": refusal.reason, "text": text}, STATUS.get(refusal.reason, 422))
    return _json({"outcome": "sent", "text": HallPhrases(language()).sent})


own_page.public(page)  # it shows a person nothing before WeChat named them
own_page.public(share)  # the same
own_page.public(picture)  # the screen shows it, which nobody of WeChat vouched for
own_page.public(roster)  # it holds nobody's name


# --- parts --------------------------------------------------------------------------------------------------------


def _own_part(snapshot: CampaignSnapshot, part: Callable[[Session, Guest], dict[str, Any] | None]) -> BaseResponse:
    """What a guest asks of themselves, no faster than somebody looks; `part` is None while no roster is frozen."""
    mine = oauth.signed_in()
    if rates.is_too_often(runtime(), "look", snapshot.campaign_id, mine.openid):
        return _json({"outcome": "too_often"}, 429)
    with runtime().database.reading() as session:
        guest = sign_in.of(session, snapshot.campaign_id, mine.openid)
        if guest is None:
            return _json({"outcome": "not_signed_in"}, 404)
        found = part(session, guest)
    coming.remember(runtime(), snapshot.slug, guest)
    return _json({"outcome": "no_roster"}, 404) if found is None else _json(found)


def _own(session: Session, campaign: Campaign, guest: Guest) -> dict[str, Any]:
    """How a guest stands, when the evening ends and whether it is over; moments in Unix seconds."""
    clock = runtime().clock
    is_over = campaign.is_over(clock.now())
    moments = {"now": clock.unix(), "ends": int(campaign.end_at.timestamp()), "is_over": is_over}
    return standing.of_guest(session, guest) | moments


def _lang() -> str | None:
    return "en" if language() == "en" else None


def _is_shared() -> bool:
    return (request.form if request.method == "POST" else request.args).get("shared") == "1"


def _said(name: str) -> Text:
    return HallPhrases.table[name]


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    response = jsonify(answer)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _plain(reason: str, snapshot: CampaignSnapshot, status: int) -> BaseResponse:
    if reason == "gone":
        return Response(render_template("h5/gone.html"), status)
    text = HallPhrases(language())(reason)
    page_text = render_template("h5/hall_plain.html", snapshot=snapshot, text=text)
    return Response(page_text, status)


def _page(
    snapshot: CampaignSnapshot,
    hall: Hall,
    *,
    guest: dict[str, Any] | None = None,
    prizes: Sequence[dict[str, Any]] = (),
    groups: Sequence[str] = (),
    way: passes.WayIn = "none",
    shut: str = "",
    refusal: Refusal | None = None,
) -> str:
    spoken, mine = language(), oauth.signed_in()
    words = HallPhrases(spoken)
    has_pass = way in ("code", "pass")
    profile = oauth.profile_of(runtime(), mine.openid) if has_pass and _is_shared() else None
    state = {
        "slug": snapshot.slug,
        "live": runtime().settings.live_url,
        "words": words.all(),
        "language": spoken,
        "mark": form_mark(),
        "me": guest,
        "prizes": prizes,
        "reasons": {name: text.within(spoken) for name, text in guests.REASONS.items()} if guest else {},
        "awards": url_for("awards_h5.page", lang=_lang()),
    }
    return render_template(
        "h5/hall.html",
        snapshot=snapshot,
        hall=hall,
        state=state,
        modules=import_map.of(import_map.PHONE),
        w=words,
        lang=_lang(),
        guest=guest,
        openid=mine.openid,
        way=way,
        shut=shut,
        begins=moment_text(snapshot.begin_at).within(spoken),
        pass_mark=passes.make(runtime(), snapshot.campaign_id, mine.openid) if has_pass else "",
        groups=groups if way != "none" else (),
        typed=request.form or {"name": profile[0] if profile else ""},
        is_shared=profile is not None,
        told=refusal.text.within(spoken) if refusal else "",
        wrong=refusal.field if refusal else "",
    )
