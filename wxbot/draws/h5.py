"""The draw page and its small JSON doors, for a phone. Thin: parse, ask `admit`, render.

No view reads an openid from the request (S24); what a page sends is its page token and the ticket of its address.
"""

import io
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import segno
from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from wxbot import current, oauth, own_page
from wxbot.campaigns import entries
from wxbot.draws import admit
from wxbot.draws.counts import PAGE
from wxbot.draws.door import DrawDoor
from wxbot.draws.door import language as language_of
from wxbot.draws.draw_state import DrawState, draw_state_of
from wxbot.draws.mechanic import Entrant, ticket_hash
from wxbot.draws.outcomes import Outcome
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.draws.words import DrawPhrases
from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

blueprint = Blueprint("h5", __name__)
"""Registered under /h5."""

SIMULATED_CLIENT_COOKIE = "wxsim_client"
"""The simulator's phone shows our page in a frame and cannot change the browser's name; its cookie says so instead."""

CLOSED_STATES = ("not_yet", "over", "paused", "outside_hours", "sold_out")
"""States of a campaign in which nobody can draw; the page says a sentence for each without being asked."""


@blueprint.app_template_global("phone_words")
def phone_words() -> DrawPhrases:
    """The sentences in the language of the present request."""
    words: DrawPhrases | None = g.get("phone_words")
    if words is None:
        words = g.phone_words = DrawPhrases(
            language_of(request.query_string.decode("ascii", "ignore"), request.headers.get("Accept-Language", ""))
        )
    return words


def is_inside_wechat(runtime: Runtime) -> bool:
    """Whether the page is shown in WeChat's browser. Only for showing the right page: it proves nothing (S37)."""
    if "micromessenger" in (request.user_agent.string or "").lower():
        return True
    return runtime.settings.is_simulated and "MicroMessenger" in request.cookies.get(SIMULATED_CLIENT_COOKIE, "")


def with_board(view: Callable[..., BaseResponse | str]) -> Callable[..., BaseResponse | str]:
    """Find the campaign of `<slug>`; a kind 404 when there is none."""

    @wraps(view)
    def found(slug: str) -> BaseResponse | str:
        draw_state = draw_state_of(current.runtime())
        snapshot = draw_state.snapshots.find(slug)
        if snapshot is None:
            if request.method != "GET" or request.path.endswith("/state"):
                return _json({"outcome": "gone"}, 404)
            return Response(render_template("h5/gone.html"), 404)
        return view(draw_state, snapshot)

    return found


def inside_wechat(
    view: Callable[[DrawState, CampaignSnapshot], BaseResponse | str],
) -> Callable[[DrawState, CampaignSnapshot], BaseResponse | str]:
    """Show outside WeChat what to do instead of the page."""

    @wraps(view)
    def shown(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse | str:
        runtime = current.runtime()
        if is_inside_wechat(runtime):
            return view(draw_state, snapshot)
        return _outside(runtime, snapshot)

    return shown


def _outside(runtime: Runtime, snapshot: CampaignSnapshot) -> str:
    """What to do instead: scan a code, with a word on a campaign that rests now; nothing to scan when it is over."""
    refusal = snapshot.refusal(runtime.clock.unix())
    said = _spoken(snapshot, refusal) if refusal else None
    is_over = refusal is Outcome.OVER
    qr = None if is_over else _qr(f"{runtime.settings.public_url}{request.path}")
    outside = snapshot.mechanic.outside.within(phone_words().language)
    return render_template("h5/outside.html", snapshot=snapshot, qr=qr, said=said, outside=outside)


@blueprint.get("/c/<slug>")
@with_board
@inside_wechat
@oauth.openid_required
def page(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse | str:
    """The draw page."""
    runtime = current.runtime()
    session = oauth.signed_in()
    now_unix = runtime.clock.unix()
    refusal = snapshot.refusal(now_unix)
    entrant = Entrant(session.openid, request.args.get("ticket", ""))
    entrance = snapshot.mechanic.welcome(runtime, snapshot.stock, entrant, now_unix)
    if entrance is Outcome.FOREIGN_TICKET:
        again = oauth.renew(ticket_hash(entrant.ticket)[:8])
        if again is not None:
            return again  # another person may hold this phone now; WeChat is asked once
    came_by = entries.known(snapshot.places, request.args.get("c", ""))
    way, language = snapshot.mechanic, phone_words().language
    if refusal is Outcome.OVER:
        draw_state.counts.add(snapshot.campaign_id, PAGE, now_unix, came_by)
    else:
        draw_state.counts.visit(snapshot.campaign_id, session.openid, now_unix, came_by)
    if way.arrival is not None and entrance is None and entrant.ticket:
        draw_state.counts.add(snapshot.campaign_id, way.arrival, now_unix, came_by)
    mine = way.mine(runtime, snapshot.campaign_id, session.openid)
    state = _state(runtime, snapshot, session, now_unix) | {
        "mine": mine,
        "hint": None if refusal or mine == "bound" or entrance is None else _spoken(snapshot, entrance),
        "begin": snapshot.begin_unix,
        "language": language,
        "oops": _spoken(snapshot, Outcome.TRY_AGAIN),
        **way.page_state(runtime, snapshot, language),
        **way.person_state(runtime, snapshot, session.openid, language),
    }
    sentences = {name: way.sentence(Outcome(name), language)[1] for name in CLOSED_STATES}
    return render_template(
        way.page,
        snapshot=snapshot,
        state=state,
        mine=mine,
        refusal=refusal,
        sentences=sentences,
        zb_base=runtime.settings.zb_base,
        res_base=runtime.settings.res_base,
    )


@blueprint.get("/c/<slug>/state")
@with_board
@oauth.openid_required
def state(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse:
    """What the page shows live; with ?mine=1 also how this person stands."""
    runtime = current.runtime()
    session = oauth.signed_in()
    answer = _state(runtime, snapshot, session, runtime.clock.unix())
    if request.args.get("mine") == "1":
        answer["mine"] = snapshot.mechanic.mine(runtime, snapshot.campaign_id, session.openid)
    own = snapshot.mechanic.person_state(runtime, snapshot, session.openid, phone_words().language)
    return _json({**answer, **own})


@blueprint.post("/c/<slug>/draw")
def draw(slug: str) -> BaseResponse:
    """Ask to draw. In production the door in front of Flask answers (door.py); this is the same answer through Flask."""
    answer = DrawDoor(current.runtime()).answer(request.environ)
    return _bytes(answer.body, answer.status)


@blueprint.get("/c/<slug>/rules")
@with_board
def rules(draw_state: DrawState, snapshot: CampaignSnapshot) -> str:
    """The rules everybody may read before taking part (wechat-protocol §10.2)."""
    way = snapshot.mechanic
    return render_template(way.rules, snapshot=snapshot, **way.rules_facts(snapshot))


@blueprint.get("/c/<slug>/after")
@with_board
def after(draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse | str:
    """Where WeChat's packet page leads when the campaign has no page of its own to show (jump_url); where there is no packet page,
    the campaign itself."""
    if not snapshot.mechanic.has_afterwards:
        return redirect(url_for("h5.page", slug=snapshot.slug, lang=request.args.get("lang")))
    return render_template("h5/after.html", snapshot=snapshot)


for open_view in (page, rules, after):
    own_page.public(open_view)  # page shows a person nothing before WeChat named them


# --- parts --------------------------------------------------------------------------------------------------------


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    return _bytes(json.dumps(answer, ensure_ascii=False).encode(), status)


def _bytes(body: bytes, status: int) -> Response:
    response = Response(body, status, content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def _spoken(snapshot: CampaignSnapshot, outcome: Outcome) -> dict[str, str]:
    title, text = snapshot.mechanic.sentence(outcome, phone_words().language)
    return {"title": title, "text": text}


def _state(
    runtime: Runtime, snapshot: CampaignSnapshot, session: oauth.PhoneSession, now_unix: float
) -> dict[str, Any]:
    """The live part of the page: two numbers and a word, all from the snapshot."""
    refusal = snapshot.refusal(now_unix)
    return {
        "state": refusal or "on",
        "packets": snapshot.packet_count,
        "taken": snapshot.taken,
        "now": round(now_unix, 3),
        "page_token": admit.page_token(runtime, session.session_id, snapshot.campaign_id, now_unix),
    }


def _qr(address: str) -> Markup:
    """A QR code as an SVG without styles, so that the page's policy holds."""
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=1, border=2, xmldecl=False, svgns=True, omitsize=True)
    return Markup(out.getvalue().decode())  # noqa: S704 - made by segno from our own address
