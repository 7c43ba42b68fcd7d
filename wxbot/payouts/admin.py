"""The cashier's pages of payouts: what is queued, held, unknown, failed, returned; one payout with everything about it; by hand."""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.money import NotMoney, parse_yuan
from wxbot.orders import listing as order_listing
from wxbot.orders import words as order_words
from wxbot.orders.admin import ask_and_tell
from wxbot.orders.channels import CHANNELS, DIRECT
from wxbot.orders.models import MARKED_AS, LaneState, Order
from wxbot.orders.reconcile import want_back
from wxbot.payouts import create as asking
from wxbot.payouts import exports, listing, manual, people_search, programmes, words
from wxbot.payouts.list_words import status_word
from wxbot.payouts.listing import PayoutLine, Sought
from wxbot.payouts.manual import ByHand
from wxbot.payouts.models import PAYOUT_REASON, Payout
from wxbot.payouts.sources import SOURCES
from wxbot.people.models import Notice
from wxbot.staff import accounts, audit
from wxbot.staff.code_asked import code_for
from wxbot.staff.console import (
    act,
    actor,
    guard,
    log_export,
    log_refusal,
    me,
    now,
    number,
    one_or_404,
    refusal_told,
    role_required,
    runtime,
    said,
    tell,
    text,
    why_not,
)
from wxbot.staff.downloads import XLSX_ROWS, csv_response, xlsx_response
from wxbot.text import Refusal, Text

blueprint = guard(Blueprint("payouts", __name__))


# --- the list -----------------------------------------------------------------------------------------------------


def _sought(session: Session) -> tuple[Sought, bool]:
    """The filters of the address, and whether its person was found; an unknown one finds nothing instead of everything."""
    tab = request.values.get("tab", "")
    source = request.values.get("source", "")
    wanted = text("q")
    people = [found.openid for found in people_search.search(session, runtime().vault, wanted)] if wanted else []
    sought = Sought(
        tab=tab if tab in listing.TABS else "",
        programme_id=number("programme"),
        openids=people or (["-"] if wanted else []),
        source=source if source in SOURCES else "",
    )
    return sought, bool(people) or not wanted


@blueprint.get("/payouts")
@role_required("cashier")
def index() -> BaseResponse | str:
    """Payouts by tab, newest first; a whole order number opens its payout."""
    with runtime().database.reading() as session:
        exact = listing.by_billno(session, text("q"))
        if exact is not None:
            return redirect(url_for("payouts.payout", payout_id=exact))
        sought, is_found = _sought(session)
        found = listing.page(session, sought, number("before"))
        shown = found[: listing.PAGE_ROWS]
        values = {
            "counts": listing.counts(session),
            "people": {one.openid: one for one in people_search.describe(session, runtime().vault, _openids(shown))},
            "names": order_listing.budget_names(session, [line.payout.budget_id for line in shown]),
            "programmes": programmes.open_ones(session),
            "lane": order_listing.lane_of(session, runtime().settings.mch_id),
        }
    return render_template(
        "console/payouts.html",
        lines=shown,
        has_more=len(found) > len(shown),
        sought=sought,
        q=text("q"),
        is_found=is_found,
        tabs=list(listing.TABS),
        steps=_steps(shown, values["lane"]),
        sources=SOURCES,
        channels=words.CHANNEL_WORDS,
        status_of=words.status_of,
        meaning_of=order_words.meaning_of,
        **values,
    )


def _openids(lines: Iterable[PayoutLine]) -> list[str]:
    return list(dict.fromkeys(line.payout.openid for line in lines))


def _steps(lines: Sequence[PayoutLine], lane: Any) -> dict[int, Text]:
    """Payout id → what happens to it next."""
    settings, moment = runtime().settings, now()
    return {each.payout.id: words.next_step(each.payout, each.order, lane, settings, moment) for each in lines}


# --- one payout ---------------------------------------------------------------------------------------------------


@blueprint.get("/payouts/<int:payout_id>")
@role_required("cashier")
def payout(payout_id: int) -> str:
    """Everything about one payout: why, who, its orders with their evidence, the next step, what the person was told."""
    parts, moment = runtime(), now()
    with parts.database.reading() as session:
        found: PayoutLine = one_or_404(listing.find(session, payout_id) if payout_id < 2**62 else None)
        orders = order_listing.orders_for(session, PAYOUT_REASON, payout_id)
        lane = order_listing.lane_of(session, parts.settings.mch_id)
        marks = {order.id: order_listing.marks_of(session, order.id) for order in orders}
        values: dict[str, Any] = {
            "evidence": order_listing.evidence_of(session, [order.id for order in orders]),
            "names": accounts.names(session, _staff(found.payout, marks)),
            "programme": order_listing.budget_names(session, [found.payout.budget_id]).get(found.payout.budget_id, ""),
            "source": listing.source_of(session, found.payout),
            "reissued": listing.reissue_of(session, payout_id),
            "person": people_search.describe(session, parts.vault, [found.payout.openid])[0],
            "notices": _notices(session, found.payout),
            "blocked": why_not(asking.require_approvable, session, found.payout, me().id, now()),
        }
    return render_template(
        "console/payout.html",
        payout=found.payout,
        order=found.order,
        orders=orders,
        marks=marks,
        ends=MARKED_AS,
        lane=lane,
        steps=_order_steps(orders, lane),
        meanings=order_words.meanings(orders),
        step=words.next_step(found.payout, found.order, lane, parts.settings, moment),
        to_person=words.for_person(found.payout, found.order, moment),
        can=_can(found),
        channels=words.CHANNEL_WORDS,
        sources=SOURCES,
        status_of=words.status_of,
        meaning_of=order_words.meaning_of,
        **values,
    )


def _order_steps(orders: Iterable[Order], lane: LaneState | None) -> dict[int, Text]:
    return {order.id: order_words.next_step(order, lane, runtime().settings, now()) for order in orders}


def _staff(payout: Payout, marks: dict[int, Any]) -> list[int]:
    """Everybody whose name the page shows."""
    ids = {payout.created_by, payout.approved_by, *(mark.marked_by for each in marks.values() for mark in each)}
    return sorted(staff_id for staff_id in ids if staff_id is not None)


NOTICES = ("payout_sent", "payout_paid", "payout_returned", "payout_failed")


def _notices(session: Session, payout: Payout) -> Sequence[Notice]:
    """What the person was told about this payout; notices are found by their kind and (payout, order)."""
    keys = [(kind, f"{payout.id}:{attempt}") for kind in NOTICES for attempt in range(1, payout.attempts + 1)]
    query = select(Notice).where(tuple_(Notice.kind, Notice.ref).in_(keys)).order_by(Notice.id.desc())
    return session.scalars(query).all() if keys else ()


def _can(line: PayoutLine) -> frozenset[str]:
    """What can be done with it now: ask, approve, cancel, take_back, reissue."""
    payout, order = line.payout, line.order
    able = set()
    if order is not None and payout.status == "ordered" and order.status in ("unknown", "accepted", "manual"):
        able.add("ask")
        if CHANNELS[order.channel].can_cancel and order.status != "manual" and not order.is_cancel_wanted:
            able.add("take_back")
    if payout.status == "requested":
        able.add("approve")
    if payout.status in ("requested", "approved") or (order is not None and order.status == "planned"):
        able.add("cancel")
    if payout.status in manual.REISSUED:
        able.add("reissue")
    return frozenset(able)


@blueprint.app_template_filter("payout_status")
def payout_status(status: str) -> str:
    """The one word for a payout's status, in the language of the reader."""
    return said(status_word(status))


@blueprint.app_template_filter("tab_word")
def tab_word(name: str) -> str:
    """What a tab of the payouts is called, in the language of the reader."""
    return said(words.TAB_WORDS[name])


def _to_payout(payout_id: int) -> BaseResponse:
    return redirect(url_for("payouts.payout", payout_id=payout_id), 303)


def _exists(payout_id: int) -> PayoutLine:
    with runtime().database.reading() as session:
        found: PayoutLine = one_or_404(listing.find(session, payout_id) if payout_id < 2**62 else None)
    return found


def _target(payout_id: int) -> str:
    """How the audit log names a payout that exists."""
    return f"payout:{_exists(payout_id).payout.id}"


@blueprint.post("/payouts/<int:payout_id>/approve")
@role_required("cashier")
@code_for("payout_approve", Payout.amount_fen, _to_payout)
def approve(payout_id: int) -> BaseResponse:
    """The second person agrees to exactly what the page showed."""
    seen = request.form.get("content_sha256", "")[:64]
    with act("payout_approve", _target(payout_id), gettext("已批准，马上下单。")) as session:
        asking.approve(session, payout_id, me().id, seen, now())
    return _to_payout(payout_id)


@blueprint.post("/payouts/<int:payout_id>/cancel")
@role_required("cashier")
def cancel(payout_id: int) -> BaseResponse:
    """Call off what nothing was sent of yet (F82)."""
    with act("payout_cancel", _target(payout_id), gettext("已取消，没有付款。"), "warning") as session:
        if not asking.cancel(session, payout_id, now()):
            raise Refusal(
                "status", Text("已经发出或已了结，不能取消", "it was sent or is settled, and cannot be called off")
            )
    return _to_payout(payout_id)


@blueprint.post("/payouts/<int:payout_id>/take-back")
@role_required("cashier")
def take_back(payout_id: int) -> BaseResponse:
    """Ask WeChat to cancel a transfer that nobody has confirmed; it counts only when WeChat says so (F82)."""
    done = gettext("已请求微信撤回；以微信的答复为准，对方可能已先确认收款。")
    with act("payout_take_back", _target(payout_id), done, "warning") as session:
        found = listing.find(session, payout_id)
        order = found.order if found is not None and found.payout.status == "ordered" else None
        if order is None or not want_back(session, order.id, now()):
            raise Refusal(
                "status",
                Text("这笔付款不能撤回：已有结果，或通道不支持", "it is settled, or its channel cannot take back"),
            )
    return _to_payout(payout_id)


@blueprint.post("/payouts/<int:payout_id>/ask")
@role_required("cashier")
def ask(payout_id: int) -> BaseResponse:
    """Have the worker ask WeChat about its order now."""
    order = _exists(payout_id).order
    ask_and_tell(f"payout:{payout_id}", order.id if order is not None else None)
    return _to_payout(payout_id)


@blueprint.post("/payouts/<int:payout_id>/reissue")
@role_required("cashier")
def reissue(payout_id: int) -> BaseResponse:
    """Owe a returned or failed payout once more; always approved by a second person (F83)."""
    target, shown_id = _target(payout_id), payout_id

    def issue(session: Session) -> Payout:
        made = manual.reissue(session, runtime().settings, payout_id, me().id, now())
        audit.record(session, actor(), "payout_reissue", target, now(), detail={"payout": made.id})
        return made

    with refusal_told("payout_reissue", target):
        made = runtime().database.twice(issue)
        tell(gettext("补发已登记，等另一位财务审批。"))
        shown_id = made.id
    return _to_payout(shown_id)


# --- by hand ------------------------------------------------------------------------------------------------------


@blueprint.get("/payouts/new")
@role_required("cashier")
def new() -> str:
    """The form for one payout: the person is looked for first, then chosen."""
    return _form(secrets.token_urlsafe(24))


def _form(token: str, fault: str = "") -> str:
    wanted = text("who")
    with runtime().database.reading() as session:
        found = people_search.search(session, runtime().vault, wanted) if wanted else []
        funds = programmes.open_ones(session)
    settings = runtime().settings
    return render_template(
        "console/payout_new.html",
        who=wanted,
        found=found,
        programmes=funds,
        channels=DIRECT,
        words=words.CHANNEL_WORDS,
        token=token,
        fault=fault,
        form=request.form,
        second_fen=settings.second_person_fen,
        min_fen=settings.payout_min_fen,
        max_fen=settings.payout_max_fen,
    )


@blueprint.get("/payouts/who")
@role_required("cashier")
def who() -> str:
    """The people that a text may mean, for the form while it is filled in."""
    wanted = text("who")
    with runtime().database.reading() as session:
        found = people_search.search(session, runtime().vault, wanted)
    return render_template("console/_found.html", found=found, who=wanted, chosen="")


def _asked(session: Session, asked: ByHand) -> Payout:
    made = manual.ask(session, runtime().settings, asked, me().id, now())
    audit.record(session, actor(), "payout_ask", f"payout:{made.id}", now(), detail={"amount_fen": made.amount_fen})
    return made


@blueprint.post("/payouts/new")
@role_required("cashier")
def create() -> BaseResponse | tuple[str, int]:
    """Owe one person money; the same form sent again is the same payout (F24)."""
    form = request.form
    try:
        asked = ByHand(
            form_token=form.get("form_token", "")[:80],
            programme_id=number("programme") or 0,
            openid=text("openid"),
            amount_fen=parse_yuan(form.get("amount", "")),
            reason=form.get("reason", ""),
            channel=form.get("channel", "")[:16],
        )
        made = runtime().database.twice(lambda session: _asked(session, asked))
    except NotMoney:
        return _form(form.get("form_token", "")[:80], gettext("请填写金额，最多两位小数。")), 422
    except Refusal as refused:
        log_refusal("payout_ask", "", refused)
        return _form(form.get("form_token", "")[:80], said(refused.text)), 422
    if made.status == "requested":
        tell(gettext("已登记，等另一位财务审批。"))
    else:
        tell(gettext("已登记，马上下单。"))
    return _to_payout(made.id)


# --- exports ------------------------------------------------------------------------------------------------------


def _export_filters(form: str) -> Sought:
    with runtime().database.reading() as session:
        sought, _ = _sought(session)
    log_export("payouts_export", sought.tab or "all", form=form, programme=sought.programme_id)
    return sought


@blueprint.post("/payouts.csv")
@role_required("cashier")
def export_csv() -> Response:
    """What the filters show, as csv; the export is written in the audit log."""
    return csv_response("payouts", exports.COLUMNS, exports.batches(runtime().database, _export_filters("csv")))


@blueprint.post("/payouts.xlsx")
@role_required("cashier")
def export_xlsx() -> Response:
    """The same as xlsx, its first 50,000 rows."""
    rows = exports.batches(runtime().database, _export_filters("xlsx"), XLSX_ROWS)
    return xlsx_response("payouts", exports.COLUMNS, rows)
