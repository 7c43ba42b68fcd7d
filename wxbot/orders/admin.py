"""Console pages about money: the ledger, orders and what a cashier may do with them, the merchant's stop switch."""

import json
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot import ledger
from wxbot.db import Database
from wxbot.ledger import Balance
from wxbot.money import plain_yuan
from wxbot.orders import bill_faults, listing, manual, reconcile, throttle, words
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import MARKED_AS, LaneState, Mark, Order
from wxbot.staff import accounts, audit
from wxbot.staff.code_asked import code_always, code_for
from wxbot.staff.console import (
    act,
    actor,
    guard,
    local,
    log_export,
    log_refusal,
    may,
    now,
    number,
    one_or_404,
    refusal_told,
    role_required,
    runtime,
    said,
    tell,
    text,
)
from wxbot.staff.downloads import csv_response
from wxbot.text import Refusal, Text

blueprint = guard(Blueprint("orders", __name__))

LEDGER_COLUMNS = ("id", "at", "kind", "ref", "debit", "credit", "amount_yuan", "campaign")


@blueprint.get("/ledger")
@role_required("cashier")
def ledger_page() -> str:
    """Where every fen stands, and how it got there."""
    budget_id, args = number("budget") or None, request.args
    kind = args.get("kind", "") if args.get("kind") in listing.KINDS else ""
    with runtime().database.reading() as session:
        accounts = ledger.balances(session, budget_id)
        found = listing.entries(
            session,
            before_id=number("before"),
            budget_id=budget_id,
            ref=text("ref"),
            kind=kind,
        )
        per_budget = _per_budget(session)
        names = listing.budget_names(session, {entry.budget_id for entry in found} | per_budget.keys() | {budget_id})
        differences = [] if budget_id else bill_faults.findings(session, now())
    return render_template(
        "console/ledger.html",
        accounts=accounts,
        entries=found[: listing.PAGE_ROWS],
        has_more=len(found) > listing.PAGE_ROWS,
        budget_id=budget_id,
        kinds=listing.KINDS,
        kind=kind,
        ref=text("ref"),
        per_budget=per_budget,
        names=names,
        differences=differences,
    )


def _per_budget(session: Session) -> dict[int, dict[str, int]]:
    """Balances of the latest budgets that have any, newest first."""
    rows = session.scalars(select(Balance).where(Balance.budget_id > 0).order_by(Balance.budget_id.desc()).limit(200))
    found: dict[int, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.budget_id, dict.fromkeys(ledger.ACCOUNTS, 0))[row.account] = row.balance_fen
    return found


def _entry_batches(database: Database, budget_id: int | None) -> Iterator[list[tuple[object, ...]]]:
    after_id = 0
    while True:
        with database.reading() as session:
            batch = listing.entries_after(session, after_id, budget_id)
        if not batch:
            return
        after_id = batch[-1].id
        yield [
            (
                entry.id,
                local(entry.at, "%Y-%m-%d %H:%M:%S"),
                entry.kind,
                entry.ref,
                entry.debit,
                entry.credit,
                plain_yuan(entry.amount_fen),
                entry.budget_id,
            )
            for entry in batch
        ]


@blueprint.post("/ledger.csv")
@role_required("cashier")
def export_ledger() -> Response:
    """All entries, or those of one campaign, as a spreadsheet; the export is written in the audit log."""
    budget_id = number("budget") or None
    log_export("ledger_export", f"budget:{budget_id}" if budget_id else "all")
    return csv_response("ledger", LEDGER_COLUMNS, _entry_batches(runtime().database, budget_id))


OVER = ("failed", "returned", "received")
"""Statuses of orders that are over: shown newest first, all others oldest first."""


@blueprint.get("/orders")
@role_required("cashier")
def index() -> BaseResponse | str:
    """Orders by status, those that a person must decide first; a whole order number opens its order."""
    status = request.args.get("status", "manual")
    status = status if status in listing.DESK_STATUSES else "manual"
    sought = text("q", 40)
    with runtime().database.reading() as session:
        exact = listing.by_billno(session, sought)
        if exact is not None:
            return redirect(url_for("orders.order", order_id=exact.id))
        counts = listing.count_open(session, listing.DESK_STATUSES[:-1])
        if status in OVER:
            found = listing.latest_orders(session, status, number("before"))
        else:
            found = listing.open_orders(session, status, number("after") or 0)
        lane = listing.lane_of(session, runtime().settings.mch_id)
    orders = found[: listing.PAGE_ROWS]
    return render_template(
        "console/orders.html",
        orders=orders,
        has_more=len(found) > listing.PAGE_ROWS,
        counts=counts,
        status=status,
        statuses=listing.DESK_STATUSES,
        is_over=status in OVER,
        q=sought,
        lane=lane,
        **order_words(orders, lane),
    )


def order_words(orders: Iterable[Order], lane: LaneState | None) -> dict[str, dict[int, object]]:
    """For templates: what each order's code means, and what happens to it next."""
    found = list(orders)
    settings, moment = runtime().settings, now()
    return {
        "meanings": dict(words.meanings(found)),
        "steps": {order.id: words.next_step(order, lane, settings, moment) for order in found},
    }


@blueprint.get("/orders/<int:order_id>")
@role_required("cashier")
def order(order_id: int) -> str:
    """One order with its evidence, what happens next, and what a person may do."""
    return _order_page(order_id)


def _order_page(order_id: int, fault: str = "") -> str:
    with runtime().database.reading() as session:
        found: Order = one_or_404(session.get(Order, order_id) if order_id < 2**62 else None)
        evidence = listing.evidence_of(session, [order_id])[order_id]
        lane = listing.lane_of(session, runtime().settings.mch_id)
        marks = {order_id: listing.marks_of(session, order_id)}
        names = accounts.names(session, sorted({mark.marked_by for mark in marks[order_id]}))
    return render_template(
        "console/order.html",
        orders=[found],
        order=found,
        evidence={order_id: evidence},
        marks=marks,
        names=names,
        ends=MARKED_AS,
        fault=fault,
        **order_words([found], lane),
    )


@blueprint.post("/orders/<int:order_id>/ask")
@role_required("cashier")
def ask(order_id: int) -> BaseResponse:
    """Have the worker ask WeChat about an order now."""
    with runtime().database.reading() as session:
        one_or_404(session.get(Order, order_id) if order_id < 2**62 else None)
    ask_and_tell(f"order:{order_id}", order_id)
    return redirect(url_for("orders.order", order_id=order_id), 303)


def ask_and_tell(target: str, order_id: int | None) -> None:
    """Have the worker ask WeChat about an order, with its line in the audit log; tell it, or that there is nothing to ask."""
    with runtime().database.transaction() as session:
        is_due = order_id is not None and reconcile.make_due(session, order_id, now())
        audit.record(session, actor(), "order_ask", target, now(), outcome="done" if is_due else "refused")
    if is_due:
        tell(gettext("已安排立即向微信查询，几秒后刷新查看结果。"))
    else:
        tell(gettext("这笔订单已有结果，无需再查。"), "warning")


@blueprint.post("/orders/<int:order_id>/mark")
@role_required("cashier")
def mark(order_id: int) -> BaseResponse | tuple[str, int]:
    """Say how a manual order ended, with evidence; it has effect when a second cashier confirms."""
    with runtime().database.reading() as session:
        one_or_404(session.get(Order, order_id) if order_id < 2**62 else None)
    evidence = request.form.get("evidence", "").replace("\r\n", "\n")
    try:
        manual.mark(runtime().database, order_id, request.form.get("after", ""), evidence, actor(), now())
    except Refusal as refused:
        log_refusal("order_mark", f"order:{order_id}", refused)
        return _order_page(order_id, said(refused.text)), 422
    tell(gettext("已记录，等另一位财务确认后生效。"))
    return redirect(url_for("orders.order", order_id=order_id), 303)


def _to_order(order_id: int) -> BaseResponse:
    return redirect(url_for("orders.order", order_id=order_id), 303)


@blueprint.post("/orders/<int:order_id>/confirm")
@role_required("cashier")
@code_for("order_confirm", Order.amount_fen, _to_order)
def confirm(order_id: int) -> BaseResponse:
    """Confirm another cashier's mark: order, budget and ledger follow."""
    return _decide(order_id, "order_confirm")


@blueprint.post("/orders/<int:order_id>/withdraw")
@role_required("cashier")
def withdraw(order_id: int) -> BaseResponse:
    """Take a mark back before it has effect."""
    return _decide(order_id, "order_withdraw")


def _decide(order_id: int, action: str) -> BaseResponse:
    """Confirm or withdraw the mark that the form names; it must be one of this order."""
    mark_id = number("mark") or 0
    with runtime().database.reading() as session:
        found: Mark = one_or_404(session.get(Mark, mark_id))
    one_or_404(found.order_id == order_id or None)
    with refusal_told(action, f"order:{order_id}"):
        if action == "order_confirm":
            manual.confirm(runtime().database, mark_id, actor(), now())
            tell(gettext("已确认，订单按此结果了结。"))
        else:
            manual.withdraw(runtime().database, mark_id, actor(), now())
            tell(gettext("处理意见已撤回。"), "warning")
    return _to_order(order_id)


# --- the stop switch ----------------------------------------------------------------------------------------------


WHY_CHARS = 60
"""What a cashier may write of why sending stops; it stands on every page until it goes on."""

BACK = ("payouts.index", "orders.index")


def _back() -> str:
    """The page whose button was pressed, one of our own names."""
    endpoint = request.form.get("back", "")
    return url_for(endpoint if endpoint in BACK and may(endpoint) else "orders.index")


@blueprint.post("/merchant/stop")
@role_required("cashier")
def stop_merchant() -> BaseResponse:
    """Stop all new sending at once, in every worker."""
    done = gettext("已停止付款：不再发出任何新订单。查询和对账继续进行。")
    why = {"why": text("why", WHY_CHARS)} if text("why") else None
    with act("merchant_stop", "merchant", done, "warning", detail=why) as session:
        throttle.stop_lane(session, runtime().settings.mch_id, throttle.OPERATOR_STOP, now())
    return redirect(_back(), 303)


@blueprint.post("/merchant/open")
@role_required("cashier")
@code_always("merchant_open", "merchant", lambda: redirect(_back(), 303))
def open_merchant() -> BaseResponse:
    """Send again."""
    with act("merchant_open", "merchant", gettext("已恢复付款。")) as session:
        throttle.open_lane(session, runtime().settings.mch_id, by_staff=True)
    return redirect(_back(), 303)


@blueprint.app_template_global("stop_told")
def stop_told() -> Text | None:
    """Who or what stopped all sending, when and why, for the head of every page of the console; None while nothing is stopped."""
    with runtime().database.reading() as session:
        return listing.stop_told(session, runtime().settings.mch_id)


@blueprint.app_template_global("code_meaning")
def code_meaning(code: str, channel: str = "") -> words.Meaning:
    """What a code means and who must act, for templates that have no order."""
    return words.meaning_of(channel, code)


@blueprint.app_template_global("request_of")
def request_of(order: Order) -> str:
    """The frozen parameters of an order as people read them; no key or signature is among them."""
    return json.dumps(json.loads(order.params), ensure_ascii=False, indent=2)


@blueprint.app_template_filter("channel_word")
def channel_word(name: str) -> str:
    """What people call a channel, in the language of the reader; the console's catalogue has the English of its forms."""
    return str(gettext(CHANNELS[name].word.zh)) if name in CHANNELS else name


@blueprint.app_template_filter("order_status")
def order_status(status: str) -> str:
    """The one word for an order's status, in the language of the reader."""
    return said(words.status_word(status))


@blueprint.app_template_filter("evidence_word")
def evidence_word(kind: str) -> str:
    """What a piece of evidence is, in the language of the reader."""
    return said(words.EVIDENCE_WORDS[kind])


@blueprint.app_template_filter("actor_word")
def actor_word(name: str) -> str:
    """Who must act, in the language of the reader."""
    return said(words.ACTORS[name])
