"""Console pages where kinds of voucher are set up. They define money, so a cashier edits them, and every change is logged."""

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from wxbot.money import plain_yuan, yuan
from wxbot.orders.admin import channel_word
from wxbot.orders.channels import DIRECT
from wxbot.payouts import rule_changes
from wxbot.payouts.admin_rules import RuleWord, refuse_change_of_rules, rules_shown, rules_subject
from wxbot.payouts.models import Programme
from wxbot.payouts.programmes import budget_name
from wxbot.staff import accounts, audit
from wxbot.staff.console import (
    SMALL,
    act,
    actor,
    cny,
    me,
    now,
    number,
    one_or_404,
    role_required,
    runtime,
    said,
    tell,
    text,
)
from wxbot.text import Refusal, Text
from wxbot.vouchers import kinds
from wxbot.vouchers.admin_pages import blueprint
from wxbot.vouchers.models import VoucherKind

AMOUNT_WORDS = {"fixed": Text("固定", "fixed"), "per_unit": Text("按数量", "by number"), "free": Text("自己填", "free")}
MONEY_FIELDS = ("fixed_fen", "unit_fen", "min_fen", "max_fen", "month_fen_cap")


def form_of(kind: VoucherKind | None) -> dict[str, str]:
    """The form of a stored kind, or of a new one."""
    if kind is None:
        return {"amount_rule": "fixed", "needs_binding": "1", "is_on": "1"}
    values = {
        name: str(getattr(kind, name) or "") for name in ("name", "ask", "unit_name", "wishing", "remark", "channel")
    }
    money = {name: plain_yuan(getattr(kind, name)) if getattr(kind, name) else "" for name in MONEY_FIELDS}
    numbers = {name: str(getattr(kind, name) or "") for name in ("month_count_cap", "position", "programme_id")}
    marks = {name: "1" if getattr(kind, name) else "" for name in ("needs_binding", "is_on")}
    return values | money | numbers | marks | {"amount_rule": kind.amount_rule, "version": str(kind.version)}


def _form_page(form: Mapping[str, str], faults: Mapping[str, Text], kind: VoucherKind | None) -> str:
    with runtime().database.reading() as session:
        programmes = session.scalars(select(Programme).order_by(Programme.department, Programme.name).limit(500)).all()
        change = rule_changes.open_one(session, "kind", kind.id) if kind is not None else None
        names = accounts.names(session, [change.requested_by] if change is not None else [])
        paid_by = {programme.id: budget_name(programme) for programme in programmes}
        rules = rules_shown(session, change, kind, _rule_words(paid_by)) if change is not None else None
    shown = {name: said(text) for name, text in faults.items()}
    settings = runtime().settings
    return render_template(
        "console/voucher_kind.html",
        form=form,
        faults=shown,
        kind=kind,
        rules=rules,
        names=names,
        programmes=programmes,
        channels=DIRECT,
        least_fen=settings.payout_min_fen,
        most_fen=settings.payout_max_fen,
    )


def _rule_words(programmes: Mapping[int, str]) -> dict[str, RuleWord]:
    def money(fen: int) -> str:
        return cny(fen) if fen else "—"

    def yes(is_so: bool) -> str:
        return str(gettext("是") if is_so else gettext("否"))

    return {
        "amount_rule": (gettext("金额规则"), lambda rule: said(AMOUNT_WORDS[rule])),
        "fixed_fen": (gettext("每份金额"), money),
        "unit_fen": (gettext("单价"), money),
        "unit_name": (gettext("单位"), lambda name: name or "—"),
        "min_fen": (gettext("每份最低"), money),
        "max_fen": (gettext("每份最高"), money),
        "month_fen_cap": (gettext("每人每月最多"), lambda fen: cny(fen) if fen else gettext("不限")),
        "month_count_cap": (gettext("每人每月最多几份"), lambda count: str(count or gettext("不限"))),
        "programme_id": (gettext("项目"), lambda number: programmes.get(number, str(number))),
        "channel": (gettext("付款方式"), lambda name: channel_word(name) if name else gettext("按项目设置")),
        "needs_binding": (gettext("要先绑定手机号"), yes),
        "is_on": (gettext("正在收取"), yes),
    }


def _read() -> kinds.KindForm:
    """The form, with the faults that only the deployment knows: its programmes, and what one payout may be."""
    form = kinds.read_form(request.form)
    faults = dict(form.faults)
    with runtime().database.reading() as session:
        programme = session.get(Programme, form.values["programme_id"])
    if programme is None:
        faults.setdefault("programme_id", Text("请选择项目。", "Choose the programme that pays."))
    least, most = runtime().settings.payout_min_fen, runtime().settings.payout_max_fen
    bounds = Text(
        f"单笔付款须在 {yuan(least)} 到 {yuan(most)} 元之间。",
        f"One payout is between {yuan(least)} and {yuan(most)} yuan.",
    )
    rule = form.values["amount_rule"]
    names = {"fixed": ("fixed_fen",), "free": ("min_fen", "max_fen"), "per_unit": ("max_fen",)}.get(rule, ())
    for name in names:
        if not least <= form.values[name] <= most:
            faults.setdefault(name, bounds)
    return kinds.KindForm(form.values, faults)


@blueprint.get("/voucher-kinds")
@role_required("reviewer", "marketer", "cashier")
def kind_list() -> str:
    """All kinds in the order people see them."""
    with runtime().database.reading() as session:
        found = session.scalars(select(VoucherKind).order_by(VoucherKind.position, VoucherKind.id)).all()
        programmes = {programme.id: programme for programme in session.scalars(select(Programme).limit(500))}
        waiting = rule_changes.open_for(session, "kind")
    return render_template("console/voucher_kinds.html", kinds=found, programmes=programmes, waiting=waiting)


@blueprint.get("/voucher-kinds/new")
@role_required("cashier")
def blank_kind() -> str:
    """An empty form."""
    return _form_page(form_of(None), {}, None)


@blueprint.post("/voucher-kinds/new")
@role_required("cashier")
def add_kind() -> tuple[str, int] | BaseResponse:
    """Save a new kind, or show every fault beside its field."""
    return _save(None)


def _kind_or_404(kind_id: int) -> VoucherKind:
    with runtime().database.reading() as session:
        kind: VoucherKind = one_or_404(session.get(VoucherKind, kind_id) if kind_id < 2**31 else None)
    return kind


@blueprint.get("/voucher-kinds/<int:kind_id>")
@role_required("cashier")
def kind(kind_id: int) -> str:
    """A kind again."""
    found = _kind_or_404(kind_id)
    return _form_page(form_of(found), {}, found)


@blueprint.post("/voucher-kinds/<int:kind_id>")
@role_required("cashier")
def change_kind(kind_id: int) -> tuple[str, int] | BaseResponse:
    """Save a kind again. What was handed in before keeps the amount it asked for."""
    return _save(_kind_or_404(kind_id))


def _save(before: VoucherKind | None) -> tuple[str, int] | BaseResponse:
    form = _read()
    if form.faults:
        return _form_page(request.form, form.faults, before), 422
    old: dict[str, Any] = {name: getattr(before, name) for name in kinds.RULES} if before else {}
    try:
        with runtime().database.transaction() as session:
            kind, asked = kinds.save(
                session, form, me().id, now(), before.id if before else None, number("version", SMALL) or 0
            )
            changes = {
                name: [old.get(name), getattr(kind, name)]
                for name in kinds.RULES
                if old.get(name) != getattr(kind, name)
            }
            audit.record(session, actor(), "voucher_kind", f"kind:{kind.id}", now(), detail=changes)
            if asked is not None:
                detail = {"rules": asked.id, **asked.asked}
                audit.record(session, actor(), "rules_ask", f"kind:{kind.id}", now(), detail=detail)
    except Refusal as refused:
        field = "name" if refused.reason == "name" else "form"
        return _form_page(request.form, {field: refused.text}, before), 422
    if asked is None:
        tell(gettext("凭证类型已保存。"))
        return redirect(url_for("vouchers.kind_list"), 303)
    tell(gettext("凭证类型已保存。金额、限额、付款方式和开始收取由另一位财务同事批准后生效。"))
    return _to_kind(kind.id)


def _to_kind(kind_id: int) -> BaseResponse:
    return redirect(url_for("vouchers.kind", kind_id=kind_id), 303)


@blueprint.post("/voucher-kinds/rules/<int:change_id>/approve")
@role_required("cashier")
def approve_rules(change_id: int) -> BaseResponse:
    """The second cashier agrees to what a kind is worth, or that it is switched on."""
    kind_id = rules_subject("kind", change_id)
    detail: dict[str, Any] = {"rules": change_id}
    with act("rules_approve", f"kind:{kind_id}", gettext("已批准，新规则已生效。"), detail=detail) as session:
        detail |= kinds.approve_rules(session, change_id, me().id, text("content_sha256"), now())
    return _to_kind(kind_id)


@blueprint.post("/voucher-kinds/rules/<int:change_id>/refuse")
@role_required("cashier")
def refuse_rules(change_id: int) -> BaseResponse:
    """Say no, or take one's own request back."""
    kind_id = rules_subject("kind", change_id)
    refuse_change_of_rules("kind", change_id, f"kind:{kind_id}")
    return _to_kind(kind_id)
