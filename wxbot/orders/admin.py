"""Console pages about money: the ledger, orders that need a person, the merchant's stop switch."""

from collections.abc import Iterator

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot import ledger
from wxbot.db import Database
from wxbot.ledger import Balance
from wxbot.money import yuan
from wxbot.orders import limits, listing, reconcile
from wxbot.orders.export import csv_response
from wxbot.orders.models import STATUSES, Order
from wxbot.staff import audit
from wxbot.staff.console import (
    actor,
    guard,
    local,
    log_action,
    now,
    number,
    one_or_404,
    role_required,
    runtime,
    tell,
    text,
)
from wxbot.wechat.errors import row_for

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
            session, before_id=number("before"), budget_id=budget_id,
            ref=text("ref"), kind=kind,
        )  # fmt: skip
        per_budget = _per_budget(session)
        names = listing.budget_names(session, {entry.budget_id for entry in found} | per_budget.keys() | {budget_id})
    return render_template(
        "console/ledger.html", accounts=accounts, entries=found[: listing.PAGE_ROWS], has_more=len(found) > listing.PAGE_ROWS,
        budget_id=budget_id, kinds=listing.KINDS, kind=kind, ref=text("ref"), per_budget=per_budget, names=names,
    )  # fmt: skip


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
                entry.id, local(entry.at, "%Y-%m-%d %H:%M:%S"), entry.kind, entry.ref, entry.debit, entry.credit,
                yuan(entry.amount_fen).replace(",", ""), entry.budget_id,
            )
            for entry in batch
        ]  # fmt: skip


@blueprint.post("/ledger.csv")
@role_required("cashier")
def export_ledger() -> Response:
    """All entries, or those of one campaign, as a spreadsheet; the export is written in the audit log."""
    budget_id = number("budget") or None
    log_action("ledger_export", f"budget:{budget_id}" if budget_id else "all")
    return csv_response("ledger", LEDGER_COLUMNS, _entry_batches(runtime().database, budget_id))


@blueprint.get("/orders")
@role_required("cashier")
def index() -> str:
    """Orders whose outcome is open: those that a person must decide first."""
    status = request.args.get("status", "manual")
    status = status if status in STATUSES else "manual"
    after_id = number("after") or 0
    with runtime().database.reading() as session:
        counts = listing.count_open(session)
        line = listing.line_of(session, runtime().settings.mch_id)
        found = listing.open_orders(session, status, after_id)
    meanings = {order.err_code: row_for("pay", order.err_code) for order in found if order.err_code}
    return render_template(
        "console/orders.html", orders=found[: listing.PAGE_ROWS], has_more=len(found) > listing.PAGE_ROWS, counts=counts,
        status=status, line=line, stop_row=row_for("pay", line.stopped_code) if line and line.stopped_code else None,
        meanings=meanings,
    )  # fmt: skip


@blueprint.get("/orders/<int:order_id>")
@role_required("cashier")
def order(order_id: int) -> str:
    """One order with its evidence."""
    with runtime().database.reading() as session:
        found: Order = one_or_404(session.get(Order, order_id) if order_id < 2**62 else None)
        evidence = listing.evidence_of(session, [order_id])[order_id]
    meanings = {found.err_code: row_for("pay", found.err_code)} if found.err_code else {}
    return render_template(
        "console/order.html", orders=[found], evidence={order_id: evidence}, meanings=meanings, order=found
    )


@blueprint.post("/orders/<int:order_id>/ask")
@role_required("cashier")
def ask(order_id: int) -> BaseResponse:
    """Have the worker ask WeChat about an order now."""
    with runtime().database.reading() as session:
        one_or_404(session.get(Order, order_id) if order_id < 2**62 else None)
    is_due = reconcile.ask_now(runtime(), order_id, now())
    log_action("order_ask", f"order:{order_id}", "done" if is_due else "refused")
    if is_due:
        tell(gettext("已安排立即向微信查询，几秒后刷新查看结果。"))
    else:
        tell(gettext("这笔订单已有结果，无需再查。"), "warning")
    return redirect(url_for("orders.order", order_id=order_id), 303)


@blueprint.post("/merchant/stop")
@role_required("cashier")
def stop_merchant() -> BaseResponse:
    """Stop all new sending at once, for every campaign."""
    with runtime().database.transaction() as session:
        limits.stop_line(session, runtime().settings.mch_id, limits.OPERATOR_STOP, now())
        audit.record(session, actor(), "merchant_stop", "merchant", now())
    tell(gettext("已停止向微信支付下单。查询和对账继续进行。"), "warning")
    return redirect(url_for("orders.index"), 303)


@blueprint.post("/merchant/open")
@role_required("cashier")
def open_merchant() -> BaseResponse:
    """Send again."""
    with runtime().database.transaction() as session:
        limits.open_line(session, runtime().settings.mch_id, by_staff=True)
        audit.record(session, actor(), "merchant_open", "merchant", now())
    tell(gettext("已恢复向微信支付下单。"))
    return redirect(url_for("orders.index"), 303)
