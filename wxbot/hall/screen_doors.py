"""What a screen asks and does: become one, see the state, start, stop. Winners leave the server with the answer to the stop."""

import json
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from wxbot import current, own_page
from wxbot.hall import guests, pairing, rates, record_kept, screen_pass, screens, standing, state, told, wire
from wxbot.hall import select as selecting
from wxbot.hall.models import Hall, Selection
from wxbot.hall.screen import blueprint as blueprint
from wxbot.hall.screen import language_of, paired
from wxbot.phone_session import is_https
from wxbot.staff import audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text
from wxbot.transitions import moved_on

FOREIGN = Text("请求不是来自本站页面", "The request does not come from a page of ours")
NOT_LEADING = Text("现在由另一块屏幕控制，这块只能看", "Another screen leads now; this one only looks on")
TOO_MANY = Text(
    "这个网络输错太多次了：请在主持台换一个配对码，或换一个网络（如手机热点）再输入",
    "Too many wrong codes from this network: get a new code at the host's desk, or use another network, such as a phone's",
)
UNPAIRED = Text("这块屏幕还没有配对，请刷新页面", "This screen is not paired; reload the page")


def _refused(hall: Hall, status: int, reason: str, text: Text) -> Response:
    response = jsonify(error=text.within(language_of(hall)), reason=reason)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_ours() -> bool:
    """JSON from a page of ours: no other site can send it in this browser's name (S55)."""
    return own_page.is_ours(request, current.runtime().settings.public_url) and request.is_json


@blueprint.get("/<slug>/state")
def state_of(slug: str) -> BaseResponse:
    """The state, from Redis and without SQL, while no stream is open: for a paired screen all of it, for everybody else what
    phones are told, in which nobody is named."""
    runtime = current.runtime()
    text = told.text_of(runtime, slug)
    if text is None:
        raise NotFound
    pass_ = request.cookies.get(screen_pass.cookie_name(runtime, slug))
    epoch = pairing.screen_session(runtime, slug, pass_)
    if epoch is not None:
        screens.note(runtime, slug, epoch)
    else:
        whole = json.loads(text)
        text = json.dumps({"v": whole["v"], **wire.for_phones(whole)}, ensure_ascii=False)
    response = Response(text, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<slug>/record.json")
def record_json(slug: str) -> BaseResponse:
    """The record of the evening for whoever wants to work it out again; nothing that was not revealed is in it."""
    runtime, found = current.runtime(), paired(slug)
    response = Response(record_kept.body_of(runtime, found.campaign.id), mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="record-{slug}.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<slug>/rosters/<int:version>.txt")
def roster(slug: str, version: int) -> BaseResponse:
    """The file of a frozen roster."""
    found = paired(slug)
    with current.runtime().database.reading() as session:
        frozen = standing.roster_of(session, found.campaign.id, version) if 0 < version < 2**31 else None
    if frozen is None:
        raise NotFound
    response = Response(frozen.content.encode(), mimetype="text/plain")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@blueprint.post("/<slug>/pair")
def pair(slug: str) -> BaseResponse:
    """This browser becomes the screen that leads, if it knows the six digits of the desk."""
    found, runtime = paired(slug), current.runtime()
    if not _is_ours():
        return _refused(found.hall, 400, "origin", FOREIGN)
    digits = str(own_page.fields_of(request).get("code", ""))[:6]
    asker = f"{request.remote_addr}:{found.hall.pair_until}"
    if rates.is_too_often(runtime, "pair", found.campaign.id, asker):
        return _refused(found.hall, 429, "too_often", TOO_MANY)
    with runtime.database.transaction() as session:
        epoch = pairing.pair(session, found.campaign.id, digits, runtime.database.now(session))
    if isinstance(epoch, Refusal):
        return _refused(found.hall, 403, epoch.reason, epoch.text)
    told.tell(runtime, found.campaign.id)
    response = jsonify(epoch=epoch)
    response.set_cookie(
        screen_pass.cookie_name(runtime, slug),
        screen_pass.write(runtime, slug, epoch),
        max_age=screen_pass.LIFE_S,
        httponly=True,
        secure=is_https(runtime),
        samesite="Lax",
        path="/",
    )
    return response


@blueprint.post("/<slug>/start")
def start(slug: str) -> BaseResponse:
    """Draw the armed selection. The answer holds no winner; a second press is answered as the first."""
    runtime = current.runtime()

    def draw(session: Any, campaign_id: int) -> Selection:
        return selecting.start(session, runtime.vault, campaign_id, runtime.database.now(session))

    return _press(slug, "start", draw)


@blueprint.post("/<slug>/stop")
def stop(slug: str) -> BaseResponse:
    """Reveal it, and answer with the winners."""
    runtime = current.runtime()

    def show(session: Any, campaign_id: int) -> Selection:
        return selecting.reveal(session, campaign_id, runtime.database.now(session))

    return _press(slug, "stop", show)


@blueprint.post("/<slug>/hide")
def hide(slug: str) -> BaseResponse:
    """Take one guest off the wall, at the host's key; they may win all the same."""
    found, runtime = paired(slug), current.runtime()
    if not _is_ours():
        return _refused(found.hall, 400, "origin", FOREIGN)
    if not pairing.is_leading(found.hall, found.epoch):
        return _refused(found.hall, 403, "not_leading", NOT_LEADING)
    no = own_page.fields_of(request).get("no")
    try:
        with runtime.database.transaction() as session:
            guests.hide(session, found.campaign.id, no if isinstance(no, int) and 0 < no < 2**31 else 0, is_hidden=True)
            by = Actor(None, "screen", request.remote_addr or "")
            about, seen = f"campaign:{found.campaign.id}", {"no": no, "epoch": found.epoch}
            audit.record(session, by, "hall_hide", about, runtime.database.now(session), detail=seen)
    except Refusal as refusal:
        return _refused(found.hall, 409, refusal.reason, refusal.text)
    told.tell(runtime, found.campaign.id)
    return jsonify(no=no)


def _press(slug: str, action: str, verb: Callable[[Any, int], Selection]) -> BaseResponse:
    found, runtime = paired(slug), current.runtime()
    if not _is_ours():
        return _refused(found.hall, 400, "origin", FOREIGN)
    if not found.epoch:
        return _refused(found.hall, 401, "unpaired", UNPAIRED)
    if not pairing.is_leading(found.hall, found.epoch):
        return _refused(found.hall, 403, "not_leading", NOT_LEADING)
    try:
        with runtime.database.transaction() as session:
            selected = verb(session, found.campaign.id)
            if own_page.fields_of(request).get("d", selected.d) != selected.d:
                raise moved_on()  # a press for a selection that is over
            now, seen = runtime.database.now(session), {"d": selected.d, "epoch": found.epoch}
            by = Actor(None, "screen", request.remote_addr or "")
            audit.record(session, by, f"hall_{action}", f"campaign:{found.campaign.id}", now, detail=seen)
            answer: dict[str, Any] = {"d": selected.d, "status": selected.status}
            if selected.status == "revealed":
                hall = session.get_one(Hall, found.campaign.id)
                answer["winners"] = state.shown_winners(session, hall, selected.d)
    except Refusal as refusal:
        return _refused(found.hall, 409, refusal.reason, refusal.text)
    told.tell(runtime, found.campaign.id)
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response
