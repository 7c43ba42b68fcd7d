"""A person's own pages of money: all their red packets in plain words, and the page on which a transfer is taken.

Identity comes from the session alone; another person's packet is as absent as none (S24, S28). What the page hands to
WeChat's client (package_info) is opened from its seal for its own person only, and only while it can be used.
"""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from wxbot import rate_limit
from wxbot.orders.channels import CONFIRMED
from wxbot.orders.reconcile import ask_soon
from wxbot.payouts import listing, words
from wxbot.payouts.listing import PayoutLine
from wxbot.people import bindings, notices, phones
from wxbot.people.phone_pages import (
    form_mark,
    language,
    no_store,
    openid,
    own_form,
    person_required,
    runtime,
    wx_config,
)
from wxbot.rate_limit import Rate
from wxbot.text import moment_text
from wxbot.wechat import jssdk

me = Blueprint("me", __name__)
"""Registered under /h5: the person's list."""

blueprint = Blueprint("payouts_h5", __name__)
"""Registered under /h5: one payout."""

PACKETS = 15
NOTICES = 8


@me.get("/me")
@person_required
def page() -> str:
    """My red packets: how each stands and what to do, the phone that is bound, and what I was told."""
    spoken, now = language(), runtime().clock.now()
    before = request.args.get("before", "")
    before_id = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
    with runtime().database.reading() as session:
        lines = listing.of_person(session, openid(), PACKETS + 1, before_id)
        told = notices.of(session, openid(), NOTICES) if before_id is None else ()
        bound = bindings.active(session, openid())
    phone = phones.masked(runtime().vault.open(bound.phone_sealed)) if bound is not None else ""
    return render_template(
        "h5/me.html",
        w=words.page_words(spoken),
        lang="en" if spoken == "en" else None,
        phone=phone,
        is_first=before_id is None,
        packets=[_packet(line, spoken, now) for line in lines[:PACKETS]],
        has_more=len(lines) > PACKETS,
        told=[(notice, moment_text(notice.created_at).within(spoken)) for notice in told],
    )


def _packet(line: PayoutLine, spoken: str, now: datetime) -> dict[str, Any]:
    view = words.for_person(line.payout, line.order, now)
    return {
        "id": line.payout.id,
        "public_id": line.payout.public_id,
        "amount_fen": line.payout.amount_fen,
        "state": view.state,
        "name": line.payout.texts.get("act_name", ""),
        "word": view.word.within(spoken),
        "text": view.sentence.within(spoken),
        "at": moment_text(line.payout.created_at).within(spoken),
        "is_here": listing.package_of(runtime().vault, line, now) is not None,
    }


@blueprint.get("/pay/<public_id>")
@person_required
def pay(public_id: str) -> BaseResponse | str:
    """One packet: the button that takes a transfer, or where it is and what happens next."""
    spoken, now = language(), runtime().clock.now()
    line = _mine(public_id)
    if line is None:
        return _absent(spoken)
    texts = words.page_words(spoken)
    state = _state(line, spoken, now)
    package = listing.package_of(runtime().vault, line, now)
    if package is not None:
        settings = runtime().settings
        state |= {
            "mark": form_mark(),
            "config": wx_config("checkJsApi", "requestMerchantTransfer"),
            "transfer": jssdk.merchant_transfer(settings.mch_id, settings.appid, package),
            "words": {
                name: texts[name] for name in ("take", "taking", "checking", "outside", "too_old", "not_yet", "oops")
            },
        }
    return render_template(
        "h5/pay.html",
        w=texts,
        lang="en" if spoken == "en" else None,
        line=line,
        state=state,
        can_take=package is not None,
        is_packet=line.payout.channel not in CONFIRMED,
        res_base=runtime().settings.res_base,
    )


@blueprint.get("/pay/<public_id>/state")
@person_required
def state(public_id: str) -> BaseResponse:
    """How the packet stands now, for the page."""
    line = _mine(public_id)
    if line is None:
        return no_store(jsonify(outcome="gone"), 404)
    return no_store(jsonify(_state(line, language(), runtime().clock.now())))


@blueprint.post("/pay/<public_id>/look")
@person_required
@own_form
def look(public_id: str) -> BaseResponse:
    """The person came back from WeChat's page: have the worker ask how it ended, and tell how it stands."""
    line = _mine(public_id)
    if line is None:
        return no_store(jsonify(outcome="gone"), 404)
    now = runtime().clock.now()
    ask_early(line, now)
    return no_store(jsonify(_state(line, language(), now)))


LOOKS_EVERY_S = 10
LOOKS = Rate(30, 3600)
"""How often one packet's page may have WeChat asked; the worker asks by its own plan all the same."""


def ask_early(line: PayoutLine, now: datetime) -> None:
    """Have the worker ask WeChat now about what its person may just have taken; not more often than LOOKS… allow."""
    if line.order is not None and line.order.status == "accepted" and _may_ask(line.order.id):
        ask_soon(runtime(), line.order.id, now)


def _may_ask(order_id: int) -> bool:
    """Count one look at a packet; without Redis nobody is asked early."""
    if rate_limit.counted(runtime(), f"order:{order_id}", LOOKS_EVERY_S) != 1:
        return False
    return not rate_limit.is_over(runtime(), f"order:{order_id}:hour", LOOKS)


def _mine(public_id: str) -> PayoutLine | None:
    """The payout of this name when it is the signed-in person's."""
    if len(public_id) > 32 or not (public_id.isascii() and public_id.isprintable()):
        return None
    with runtime().database.reading() as session:
        return listing.by_public_id(session, public_id, openid())


def _state(line: PayoutLine, spoken: str, now: datetime) -> dict[str, Any]:
    view = words.for_person(line.payout, line.order, now)
    is_done = view.state in ("done", "back", "lost", "off")
    return {
        "state": view.state,
        "word": view.word.within(spoken),
        "text": view.sentence.within(spoken),
        "is_done": is_done,
    }


def _absent(spoken: str) -> BaseResponse:
    lang = "en" if spoken == "en" else None
    return no_store(Response(render_template("h5/pay_absent.html", w=words.page_words(spoken), lang=lang)), 404)
