"""The draw page and its small JSON doors, for a phone. Thin: parse, ask `admit`, render.

No view reads an openid from the request (S24); what a page sends is its page token and the shake ticket of its address.
"""

import io
import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import redis as redis_client
import segno
from flask import Blueprint, Response, current_app, g, render_template, request
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from wxbot import oauth
from wxbot.draws import admit, shakes
from wxbot.draws.board import Board
from wxbot.draws.booking import drawn_key
from wxbot.draws.desk import Desk, desk_of
from wxbot.draws.models import Draw
from wxbot.draws.outcomes import HTTP_STATUS, Outcome, sentence
from wxbot.draws.words import Words, language_of
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.wechat import jssdk
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)

blueprint = Blueprint("h5", __name__)
"""Registered under /h5."""

SIMULATED_CLIENT_COOKIE = "wxsim_client"
"""The simulator's phone shows our page in a frame and cannot change the browser's name; its cookie says so instead."""

SHAKES_ASKED_PER_MINUTE = 20
"""Shake tickets of one person that a page load may ask WeChat about in a minute."""

DRAW_BODY_BYTES = 4096


def _runtime() -> Runtime:
    runtime: Runtime = current_app.extensions["wxbot"]
    return runtime


@blueprint.app_template_global("phone_words")
def phone_words() -> Words:
    """The sentences in the language of the present request."""
    words: Words | None = g.get("phone_words")
    if words is None:
        words = g.phone_words = Words(language_of(request))
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
        desk = desk_of(_runtime())
        board = desk.boards.find(slug)
        if board is None:
            if request.method != "GET" or request.path.endswith("/state"):
                return _json({"outcome": "gone"}, 404)
            return Response(render_template("h5/gone.html"), 404)
        return view(desk, board)

    return found


def inside_wechat(view: Callable[[Desk, Board], BaseResponse | str]) -> Callable[[Desk, Board], BaseResponse | str]:
    """Show outside WeChat what to do instead of the page."""

    @wraps(view)
    def shown(desk: Desk, board: Board) -> BaseResponse | str:
        runtime = _runtime()
        if is_inside_wechat(runtime):
            return view(desk, board)
        address = f"{runtime.settings.public_url}{request.path}"
        return render_template("h5/outside.html", board=board, address=address, qr=_qr(address))

    return shown


@blueprint.get("/c/<slug>")
@with_board
@inside_wechat
@oauth.openid_required
def page(desk: Desk, board: Board) -> BaseResponse | str:
    """The draw page."""
    runtime = _runtime()
    session = oauth.signed_in()
    now_unix = runtime.clock.unix()
    shake_ticket = request.args.get("ticket", "")
    refusal = board.refusal(now_unix)
    entrance = _entrance(runtime, board, session.openid, shake_ticket, now_unix)
    if entrance is Outcome.FOREIGN_TICKET:
        again = oauth.renew(shakes.ticket_hash(shake_ticket)[:8])
        if again is not None:
            return again  # another person may hold this phone now; WeChat is asked once
    desk.counts.add(board.campaign_id, "page", now_unix)
    mine = _mine(runtime, board, session.openid)
    words = phone_words()
    state = _state(runtime, board, session, now_unix) | {
        "mine": mine,
        "hint": None if refusal or mine == "bound" or entrance is None else _spoken(entrance),
        "begin": board.begin_unix,
        "language": words.language,
        "share": _share_config(runtime),
        "words": {
            name: words(name)
            for name in ("draw", "opening", "waiting", "ok", "bound_title", "bound_text", "starts_in", "ready")
        },
        "oops": _spoken(Outcome.TRY_AGAIN),
    }  # fmt: skip
    return render_template(
        "h5/draw.html", board=board, state=state, mine=mine, refusal=refusal,
        zb_base=runtime.settings.zb_base, res_base=runtime.settings.res_base,
    )  # fmt: skip


@blueprint.get("/c/<slug>/state")
@with_board
@oauth.openid_required
def state(desk: Desk, board: Board) -> BaseResponse:
    """What the page shows live; with ?mine=1 also whether this person's packet is bound (F47: only WeChat's event says)."""
    runtime = _runtime()
    session = oauth.signed_in()
    answer = _state(runtime, board, session, runtime.clock.unix())
    if request.args.get("mine") == "1":
        answer["mine"] = _mine(runtime, board, session.openid)
    return _json(answer)


@blueprint.post("/c/<slug>/draw")
@with_board
@oauth.openid_required
def draw(desk: Desk, board: Board) -> BaseResponse:
    """Ask to draw: every gate is decided now. Answers 200 with the signed parameters, or why not."""
    runtime = _runtime()
    session = oauth.signed_in()
    asked = _asked_body(runtime)
    if asked is None:
        return _json({"outcome": "refused"}, 403)
    now_unix = runtime.clock.unix()
    if not admit.is_page_token(runtime, asked["page_token"], session.session_id, board.campaign_id, now_unix):
        token = admit.page_token(runtime, session.session_id, board.campaign_id, now_unix)
        return _json({"outcome": "stale_page", "page_token": token}, 409)
    person = admit.Asked(session.openid, session.session_id, asked["ticket"], request.remote_addr or "")
    decision = admit.admit(runtime, desk, board, person)
    desk.counts.add(board.campaign_id, decision.outcome, now_unix)
    answer: dict[str, Any] = {"outcome": decision.outcome, **_spoken(decision.outcome)}
    if decision.jump is not None:
        answer["jump"] = {**decision.jump._asdict(), "openid": session.openid}
    return _json(answer, HTTP_STATUS.get(decision.outcome, 409))


@blueprint.get("/c/<slug>/rules")
@with_board
def rules(desk: Desk, board: Board) -> str:
    """The rules everybody may read before taking part (wechat-protocol §10.2)."""
    odds = f"{board.odds_ppm / 10_000:.4f}".rstrip("0").rstrip(".")
    return render_template("h5/rules.html", board=board, odds=odds, is_certain=board.odds_ppm >= admit.ODDS_OF)


@blueprint.get("/c/<slug>/after")
@with_board
def after(desk: Desk, board: Board) -> str:
    """Where WeChat's packet page leads when the campaign has no page of its own to show (jump_url)."""
    return render_template("h5/after.html", board=board)


for open_view in (page, rules, after):
    open_view.guard = "public"  # type: ignore[attr-defined]  # page shows a person nothing before WeChat named them


# --- parts --------------------------------------------------------------------------------------------------------


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    response = Response(json.dumps(answer, ensure_ascii=False), status, content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def _spoken(outcome: Outcome) -> dict[str, str]:
    title, text = sentence(outcome, phone_words().language)
    return {"title": title, "text": text}


def _asked_body(runtime: Runtime) -> dict[str, str] | None:
    """The page token and the shake ticket of a request from our own page, or None (S55: JSON, own origin)."""
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return None
    if (origin is not None and origin != _own_origin(runtime)) or request.mimetype != "application/json":
        return None
    if (request.content_length or 0) > DRAW_BODY_BYTES:
        return None
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict):
        return None
    token, ticket = asked.get("page_token", ""), asked.get("ticket", "")
    if not isinstance(token, str) or not isinstance(ticket, str):
        return None
    return {"page_token": token, "ticket": ticket}


def _own_origin(runtime: Runtime) -> str:
    parts = urlsplit(runtime.settings.public_url)
    return f"{parts.scheme}://{parts.netloc}"


def _state(runtime: Runtime, board: Board, session: oauth.Session, now_unix: float) -> dict[str, Any]:
    """The live part of the page: two numbers and a word, all from the board."""
    refusal = board.refusal(now_unix)
    return {
        "state": refusal or "on",
        "packets": board.packet_count,
        "taken": board.taken,
        "now": round(now_unix, 3),
        "page_token": admit.page_token(runtime, session.session_id, board.campaign_id, now_unix),
    }


def _entrance(
    runtime: Runtime, board: Board, openid: str, shake_ticket: str, now_unix: float
) -> Outcome | None:  # fmt: skip
    """What is wrong with the way this person came in, or None; asked here so that the draw itself finds it in Redis."""
    if not shakes.SHAKE_TICKET.fullmatch(shake_ticket):
        return Outcome.NOT_BY_SHAKING
    key = f"rate:look:{openid}:{int(now_unix) // 60}"
    try:
        with runtime.redis.pipeline(transaction=False) as pipe:
            pipe.incr(key)
            pipe.expire(key, 90)
            looked = int(pipe.execute()[0])
    except redis_client.RedisError:
        looked = 0
    if looked > SHAKES_ASKED_PER_MINUTE:
        return Outcome.TOO_OFTEN
    try:
        shake = shakes.look(runtime, shake_ticket, now_unix)
    except shakes.NoShake:
        return Outcome.TICKET_TOO_OLD
    except shakes.CannotAsk:
        return None  # the page opens; the draw asks again and decides
    return admit.judge(shake, board, openid, now_unix)


def _mine(runtime: Runtime, board: Board, openid: str) -> str:
    """How this person's draw stands: none, admitted or bound."""
    try:
        kept = runtime.redis.get(drawn_key(board.campaign_id, openid))
    except redis_client.RedisError:
        kept = None
    if isinstance(kept, str):
        return kept.partition("|")[0]
    query = select(Draw.status).where(
        Draw.campaign_id == board.campaign_id, Draw.openid == openid, Draw.status.in_(("admitted", "bound"))
    )
    with runtime.database.reading() as session:
        return session.scalar(query) or "none"


def _share_config(runtime: Runtime) -> dict[str, Any] | None:
    """wx.config for this very address, only to hide the share menu; without a ticket the page works all the same."""
    query = request.query_string.decode("ascii", "ignore")
    address = f"{runtime.settings.public_url}{request.path}" + (f"?{query}" if query else "")
    try:
        jsapi_ticket = runtime.tokens.jsapi_ticket()
    except (WeChatError, redis_client.RedisError):
        return None
    apis = ("hideOptionMenu", "hideAllNonBaseMenuItem")
    return jssdk.config(address, jsapi_ticket, runtime.clock.now(), appid=runtime.settings.appid, js_api_list=apis)


def _qr(address: str) -> Markup:
    """A QR code as an SVG without styles, so that the page's policy holds."""
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=1, border=2, xmldecl=False, svgns=True, omitsize=True)
    return Markup(out.getvalue().decode())  # noqa: S704 - made by segno from our own address
