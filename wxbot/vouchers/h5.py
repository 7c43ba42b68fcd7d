"""The person's door to vouchers: a form with photos, and a page for each voucher. Thin: parse, ask `submit`, render.

Who asks is read from the signed session alone (S24); another person's voucher or photo is as absent as none (S28).
"""

import json
import re
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot import oauth, own_page
from wxbot.confined.run import Busy
from wxbot.logs import get_logger
from wxbot.money import NotANumber, NotMoney, parse_number, parse_yuan
from wxbot.people.phone_pages import form_mark, is_own, language, person_required
from wxbot.people.phone_pages import runtime as _runtime
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.vouchers import kinds, listing, photos, submit
from wxbot.vouchers.models import Photo, Voucher
from wxbot.vouchers.storage import StorageProblem
from wxbot.vouchers.views import photo_response
from wxbot.vouchers.words import VoucherPhrases

log = get_logger(__name__)

blueprint = Blueprint("vouchers_h5", __name__)
"""Registered under /h5."""

TOKEN = re.compile(r"[A-Za-z0-9_-]{8,40}")
RECENT_ROWS = 5
SCRIPT_WORDS = (
    "hand_in",
    "hand_in_sum",
    "finish",
    "uploading",
    "waiting_net",
    "retry",
    "remove",
    "failed_some",
    "too_big",
    "choose_photo",
    "choose_kind",
    "oops",
    "ok",
    "mark_done",
)


def _words() -> VoucherPhrases:
    return VoucherPhrases(language())


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    response = Response(json.dumps(answer, ensure_ascii=False), status, content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def _no(refused: Refusal, status: int = 409) -> Response:
    return _json({"outcome": refused.reason, "text": refused.text.within(_words().language)}, status)


def _foreign() -> Response | None:
    """The refusal of a request that no page of this session made."""
    if is_own(request.headers.get("X-Page-Mark", "")):
        return None
    return _json({"outcome": "stale_page", "text": _words().stale}, 403)


def _own(session: Session, public_id: str) -> Voucher:
    """The signed-in person's voucher, else 404."""
    voucher = listing.by_public_id(session, public_id, oauth.signed_in().openid)
    if voucher is None:
        abort(404)
    return voucher


@blueprint.errorhandler(404)
def absent(_error: Exception) -> BaseResponse:
    """The same page for what is absent and what is somebody else's."""
    words = _words()
    if request.method != "GET" or "application/json" in request.headers.get("Accept", ""):
        return _json({"outcome": "absent", "text": words.absent_text}, 404)
    return Response(render_template("h5/voucher_absent.html", w=words), 404)


# --- pages --------------------------------------------------------------------------------------------------------


def _script(
    runtime: Runtime, words: VoucherPhrases, voucher: Voucher | None, count: int = 0, **more: Any
) -> dict[str, Any]:
    """What voucher.js needs to know."""
    address = url_for("vouchers_h5.page", public_id=voucher.public_id) if voucher else ""
    return more | {
        "mark": form_mark(),
        "address": address,
        "open": url_for("vouchers_h5.form"),
        "shrink": url_for("static", filename="h5/shrink.js"),
        "count": count,
        "most": submit.PHOTOS_AT_MOST,
        "most_bytes": photos.MOST_BYTES,
        "language": words.language,
        "words": words.raw(*SCRIPT_WORDS),
    }


def _kind_for_script(left: listing.Left) -> dict[str, Any]:
    kind = left.kind
    return {
        "id": kind.id,
        "rule": kind.amount_rule,
        "fixed": kind.fixed_fen,
        "unit": kind.unit_fen,
        "unit_name": kind.unit_name,
        "ask": kind.ask,
    }


@blueprint.get("/voucher")
@person_required
def form() -> BaseResponse | str:
    """Choose a kind, say how much, add photos."""
    runtime, words = _runtime(), _words()
    openid = oauth.signed_in().openid
    with runtime.database.reading() as session:
        open_kinds = kinds.open_kinds(session)
        refused = submit.gate(session, openid)
        gates = {kind.id: submit.gate(session, openid, kind) for kind in open_kinds}
        left = listing.left_this_month(session, openid, open_kinds, runtime.clock.now())
        recent = listing.of_person(session, openid, RECENT_ROWS)
    free = [each for each in left if gates[each.kind.id] is None]
    if refused is None and not free:
        refused = next((each for each in gates.values() if each is not None), None)
    script = _script(runtime, words, None, kinds=[_kind_for_script(each) for each in free])
    return render_template(
        "h5/voucher.html",
        w=words,
        left=free,
        bind_first=[each.kind for each in left if (no := gates[each.kind.id]) is not None and no.reason == "unbound"],
        refused=refused,
        recent=recent,
        script=script,
        most=submit.PHOTOS_AT_MOST,
        note_chars=submit.NOTE_CHARS,
    )


@blueprint.get("/voucher/<public_id>")
@person_required
def page(public_id: str) -> BaseResponse | str:
    """How one voucher stands, with its photos; more of them may be added while it is open."""
    runtime, words = _runtime(), _words()
    with runtime.database.reading() as session:
        voucher = _own(session, public_id)
        (row,) = listing.rows(session, [voucher])
        shown = listing.shown_photos(session, voucher.id)
    state = state_of(voucher)
    script = _script(runtime, words, voucher, len(shown), state=state)
    return render_template(
        "h5/voucher_page.html",
        w=words,
        row=row,
        voucher=voucher,
        kind=row.kind,
        photos=shown,
        state=state,
        script=script,
        is_open=state in ("draft", "photo_wanted"),
        most=submit.PHOTOS_AT_MOST,
        units=f"{voucher.units} {row.kind.unit_name}" if voucher.units else "",
    )


def state_of(voucher: Voucher) -> str:
    """The status as its owner sees it: a voucher whose owner has not said "that is all" is still a draft to them."""
    return "draft" if voucher.status == "submitted" and not voucher.is_complete else voucher.status


@blueprint.get("/voucher/<public_id>/state")
@person_required
def state(public_id: str) -> BaseResponse:
    """The status alone, for the page that watches it."""
    with _runtime().database.reading() as session:
        return _json({"state": state_of(_own(session, public_id))})


@blueprint.get("/voucher/<public_id>/photos/<int:photo_id>.jpg")
@person_required
def photo(public_id: str, photo_id: int) -> BaseResponse:
    """A photo of one's own voucher."""
    runtime = _runtime()
    with runtime.database.reading() as session:
        voucher = _own(session, public_id)
        found = session.get(Photo, photo_id) if photo_id < 2**62 else None
    if found is None or found.voucher_id != voucher.id or found.status != "kept":
        abort(404)
    return photo_response(runtime, found, is_thumb=request.args.get("thumb") == "1")


# --- what pages send ----------------------------------------------------------------------------------------------


def _asked(fields: dict[str, Any]) -> tuple[int, int]:
    """(units, fen) as typed; nothing typed is 0, which the kind's rule then refuses with its bounds."""
    units, typed = str(fields.get("units") or "").strip(), str(fields.get("amount") or "").strip()
    try:
        number = parse_number(units)
    except NotANumber:
        number = 0
    try:
        return number, parse_yuan(typed) if typed else 0
    except NotMoney:
        return number, 0


@blueprint.post("/voucher")
@person_required
def open_voucher() -> BaseResponse:
    """Open a voucher; the page then sends its photos one by one."""
    if (refusal := _foreign()) is not None:
        return refusal
    runtime, words = _runtime(), _words()
    fields = own_page.fields_of(request)
    token, kind_id = str(fields.get("token", "")), fields.get("kind_id")
    if not TOKEN.fullmatch(token) or type(kind_id) is not int or not 0 < kind_id < 2**31:
        return _json({"outcome": "stale_page", "text": words.stale}, 400)
    openid, now = oauth.signed_in().openid, runtime.clock.now()
    try:
        with runtime.database.transaction() as session:
            units, amount_fen = _asked(fields)
            voucher = submit.open_voucher(
                session,
                openid,
                kind_id,
                units,
                amount_fen,
                "h5",
                now,
                note=str(fields.get("note") or ""),
                token=f"page:{token}",
            )
    except Refusal as refused:
        return _no(refused)
    return _json({"address": url_for("vouchers_h5.page", public_id=voucher.public_id)})


@blueprint.post("/voucher/<public_id>/photos")
@person_required
def add_photo(public_id: str) -> BaseResponse:
    """One photo as the bare body of the request: no file name ever comes along (S43). The same token is the same photo."""
    request.max_content_length = photos.MOST_BYTES  # the only address that takes more than a form (S16)
    if (refusal := _foreign()) is not None:
        return refusal
    runtime, words = _runtime(), _words()
    token = request.args.get("token", "")
    if not TOKEN.fullmatch(token):
        return _json({"outcome": "stale_page", "text": words.stale}, 400)
    with runtime.database.reading() as session:
        voucher = _own(session, public_id)
    if (request.content_length or 0) > photos.MOST_BYTES:
        return _no(photos.refusal("too_big"), 413)
    try:
        kept = submit.add_photo(runtime, voucher.id, request.get_data(cache=False), runtime.clock.now(), token)
    except Busy as busy:
        return _no(busy, 503)
    except Refusal as refused:
        return _no(refused)
    except StorageProblem as problem:
        log.warning("photo_not_stored", error=str(problem)[:200])
        return _json({"outcome": "busy", "text": words.oops}, 503)
    return _json({"photo": kept.id})


@blueprint.post("/voucher/<public_id>/done")
@person_required
def done(public_id: str) -> BaseResponse:
    """The person says that this is all."""
    if (refusal := _foreign()) is not None:
        return refusal
    runtime = _runtime()
    try:
        with runtime.database.transaction() as session:
            voucher = submit.finish(session, _own(session, public_id).id, runtime.clock.now())
    except Refusal as refused:
        return _no(refused)
    return _json({"state": state_of(voucher)})
