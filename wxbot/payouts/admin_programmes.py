"""Console pages of programmes: the balance table, one programme with its budget changes, and its form."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from wxbot.money import plain_yuan
from wxbot.orders.admin import channel_word
from wxbot.orders.channels import DIRECT
from wxbot.payouts import programmes, rule_changes
from wxbot.payouts.admin_rules import RuleWord, refuse_change_of_rules, rules_shown, rules_subject
from wxbot.payouts.models import BudgetChange, Programme
from wxbot.payouts.programmes import TEXTS, Standing
from wxbot.staff import accounts, audit
from wxbot.staff.code_asked import code_for
from wxbot.staff.console import (
    act,
    actor,
    cny,
    guard,
    me,
    now,
    one_or_404,
    role_required,
    runtime,
    said,
    tell,
    text,
    why_not,
)
from wxbot.text import Faulty, Refusal

blueprint = guard(Blueprint("programmes", __name__))


@blueprint.get("/programmes")
@role_required("cashier")
def index() -> str:
    """The balance table: what every programme may spend, has committed, has paid."""
    with runtime().database.reading() as session:
        found = programmes.standings(session, now())
    return render_template("console/programmes.html", standings=found, totals=_totals(found))


def _totals(found: Sequence[Standing]) -> dict[str, int]:
    names = ("budget_fen", "committed_fen", "paid_fen", "free_fen", "waiting_fen", "month_fen")
    return {name: sum(getattr(standing, name) for standing in found) for name in names}


@blueprint.get("/programmes/new")
@role_required("cashier")
def new() -> str:
    """An empty form, with texts that are usual."""
    brand = runtime().settings.brand
    values = {"send_name": brand, "act_name": "促销奖励", "wishing": "感谢您的付出，祝您天天开心", "remark": "促销奖励"}
    return _form_page(MultiDict(values), (), None)


@blueprint.post("/programmes/new")
@role_required("cashier")
def create() -> tuple[str, int] | BaseResponse:
    """Save a new programme; its first budget, when one was typed, waits for a second person."""
    try:
        draft = programmes.read(request.form)
        first = programmes.read_change(request.form | {"note": gettext("首次预算")}) if _typed("amount") else None
        with runtime().database.transaction() as session:
            programme_id = programmes.create(session, draft, me().id, now())
            target, named = f"programme:{programme_id}", {"name": programmes.budget_name(draft)}
            audit.record(session, actor(), "programme_save", target, now(), detail=named)
            if first is not None:
                change_id = programmes.ask_change(session, programme_id, *first, me().id, now())
                asked = {"change": change_id, "fen": first[0]}
                audit.record(session, actor(), "budget_ask", target, now(), detail=asked)
    except Faulty as faulty:
        return _form_page(request.form, faulty.faults, None), 422
    tell(gettext("项目已建立。预算由另一位同事批准后才能付款。"))
    return _to_page(programme_id)


def _typed(name: str) -> bool:
    return bool(str(request.form.get(name, "")).strip())


@blueprint.get("/programmes/<int:programme_id>")
@role_required("cashier")
def page(programme_id: int) -> str:
    """One programme: its money, its budget changes, what people will read."""
    with runtime().database.reading() as session:
        standing = _standing(session, programme_id)
        changes = programmes.changes_of(session, programme_id)
        rules = rule_changes.open_one(session, "programme", programme_id)
        ids = {change.requested_by for change in changes} | {
            change.decided_by for change in changes if change.decided_by
        }
        ids |= {standing.programme.created_by} | ({rules.requested_by} if rules else set())
        names = accounts.names(session, sorted(ids))
        seen = {change.id: programmes.content_of(change, standing.programme) for change in changes}
        asked = [change for change in changes if change.status == "requested"]
        blocked = {each.id: why_not(programmes.require_approvable, session, each, me().id, now()) for each in asked}
        shown = rules_shown(session, rules, standing.programme, _rule_words()) if rules else None
    return render_template(
        "console/programme.html",
        standing=standing,
        programme=standing.programme,
        changes=changes,
        seen=seen,
        rules=shown,
        blocked=blocked,
        names=names,
        form=request.form,
        faults={},
        second_fen=runtime().settings.second_person_fen,
        channel=standing.programme.channel or runtime().settings.payout_channel,
    )


def _channel_shown(channel: str) -> str:
    own = channel_word(channel or runtime().settings.payout_channel)
    return own if channel else gettext("跟随系统设置") + f"（{own}）"


def _rule_words() -> dict[str, RuleWord]:
    return {
        "person_fen_per_month": (gettext("每人每月"), lambda fen: cny(fen) if fen else gettext("不限")),
        "needs_binding": (gettext("手机绑定"), lambda needed: gettext("必须绑定") if needed else gettext("不要求")),
        "channel": (gettext("付款方式"), _channel_shown),
        "is_open": (gettext("状态"), lambda is_open: gettext("开放") if is_open else gettext("已关闭")),
    }


def _standing(session: Session, programme_id: int) -> Standing:
    found = programmes.standings(session, now(), [programme_id]) if programme_id < 2**62 else []
    standing: Standing = one_or_404(found[0] if found else None)
    return standing


@blueprint.get("/programmes/<int:programme_id>/edit")
@role_required("cashier")
def edit(programme_id: int) -> str:
    """The form of a stored programme."""
    with runtime().database.reading() as session:
        programme = _standing(session, programme_id).programme
    values = {name: getattr(programme, name) for name in ("department", "name", "channel", *TEXTS)}
    values["person_per_month"] = plain_yuan(programme.person_fen_per_month) if programme.person_fen_per_month else ""
    values["needs_binding"] = "1" if programme.needs_binding else ""
    return _form_page(MultiDict(values), (), programme)


@blueprint.post("/programmes/<int:programme_id>/edit")
@role_required("cashier")
def update(programme_id: int) -> tuple[str, int] | BaseResponse:
    """Save it again."""
    with runtime().database.reading() as session:
        programme = _standing(session, programme_id).programme
    target = f"programme:{programme_id}"
    try:
        draft = programmes.read(request.form)
        with runtime().database.transaction() as session:
            asked = programmes.edit(session, programme_id, draft, me().id, now())
            audit.record(session, actor(), "programme_save", target, now())
            if asked is not None:
                detail = {"rules": asked.id, **asked.asked}
                audit.record(session, actor(), "rules_ask", target, now(), detail=detail)
    except Faulty as faulty:
        return _form_page(request.form, faulty.faults, programme), 422
    except Refusal as refused:
        tell(said(refused.text), "danger")
        return _form_page(request.form, (), programme), 409
    tell(
        gettext("已保存。上限、绑定要求和付款方式的修改由另一位财务同事批准后生效。") if asked else gettext("已保存。")
    )
    return _to_page(programme_id)


def _form_page(form: Any, faults: Sequence[Refusal], programme: Programme | None) -> str:
    by_field: dict[str, list[str]] = {}
    for fault in faults:
        by_field.setdefault(fault.field, []).append(said(fault.text))
    return render_template(
        "console/programme_form.html",
        form=form,
        faults=by_field,
        programme=programme,
        channels=DIRECT,
        default_channel=runtime().settings.payout_channel,
    )


def _to_page(programme_id: int) -> BaseResponse:
    return redirect(url_for("programmes.page", programme_id=programme_id), 303)


@blueprint.post("/programmes/<int:programme_id>/close")
@role_required("cashier")
def close(programme_id: int) -> BaseResponse:
    """No new payouts, and approved ones wait."""
    with runtime().database.reading() as session:
        _standing(session, programme_id)
    detail = {"changed": False}
    done = gettext("项目已关闭，不再接受新的付款，排队中的付款暂停。")
    with act("programme_close", f"programme:{programme_id}", done, detail=detail) as session:
        detail["changed"] = programmes.close(session, programme_id, now())
    return _to_page(programme_id)


@blueprint.post("/programmes/<int:programme_id>/open")
@role_required("cashier")
def reopen(programme_id: int) -> BaseResponse:
    """Ask that it takes payouts again; a second person agrees as to other rules."""
    with runtime().database.reading() as session:
        _standing(session, programme_id)
    detail: dict[str, Any] = {"changed": False}
    done = gettext("已申请重新打开，由另一位财务同事批准后生效。")
    with act("programme_open", f"programme:{programme_id}", done, detail=detail) as session:
        asked = programmes.ask_reopening(session, programme_id, me().id, now())
        detail |= {"changed": asked is not None} | ({"rules": asked.id} if asked else {})
    return _to_page(programme_id)


@blueprint.post("/programmes/<int:programme_id>/changes")
@role_required("cashier")
def ask_change(programme_id: int) -> BaseResponse:
    """Ask for more or less budget."""
    with runtime().database.reading() as session:
        _standing(session, programme_id)
    target, detail = f"programme:{programme_id}", dict[str, int]()
    with act("budget_ask", target, gettext("已提交，请另一位财务同事批准。"), detail=detail) as session:
        change_fen, note = programmes.read_change(request.form)
        change_id = programmes.ask_change(session, programme_id, change_fen, note, me().id, now())
        detail |= {"change": change_id, "fen": change_fen}
    return _to_page(programme_id)


def _change(change_id: int) -> BudgetChange:
    with runtime().database.reading() as session:
        found: BudgetChange = one_or_404(session.get(BudgetChange, change_id) if change_id < 2**62 else None)
    return found


def _to_change(change_id: int) -> BaseResponse:
    return _to_page(_change(change_id).programme_id)


@blueprint.post("/programmes/changes/<int:change_id>/approve")
@role_required("cashier")
@code_for("budget_approve", BudgetChange.change_fen, _to_change)
def approve_change(change_id: int) -> BaseResponse:
    """The second person agrees: budget and ledger change together."""
    approve = partial(programmes.approve_change, seen_sha256=text("content_sha256"))
    return _decide(change_id, "budget_approve", approve, gettext("已批准，预算和账本已同时更新。"))


@blueprint.post("/programmes/changes/<int:change_id>/refuse")
@role_required("cashier")
def refuse_change(change_id: int) -> BaseResponse:
    """Say no, or take one's own request back."""
    return _decide(change_id, "budget_refuse", programmes.refuse_change, gettext("这条预算变更已作废。"))


def _decide(change_id: int, action: str, verb: Callable[..., BudgetChange], done: str) -> BaseResponse:
    change = _change(change_id)
    detail = {"change": change_id, "fen": change.change_fen}
    with act(action, f"programme:{change.programme_id}", done, detail=detail) as session:
        verb(session, change_id, staff_id=me().id, now=now())
    return _to_page(change.programme_id)


# --- other limits -------------------------------------------------------------------------------------------------


@blueprint.post("/programmes/rules/<int:change_id>/approve")
@role_required("cashier")
def approve_rules(change_id: int) -> BaseResponse:
    """The second person agrees to other limits."""
    subject_id = rules_subject("programme", change_id)
    detail: dict[str, Any] = {"rules": change_id}
    with act("rules_approve", f"programme:{subject_id}", gettext("已批准，新规则已生效。"), detail=detail) as session:
        detail |= programmes.approve_rules(session, change_id, me().id, text("content_sha256"), now())
    return _to_page(subject_id)


@blueprint.post("/programmes/rules/<int:change_id>/refuse")
@role_required("cashier")
def refuse_rules(change_id: int) -> BaseResponse:
    """Say no, or take one's own request back."""
    subject_id = rules_subject("programme", change_id)
    refuse_change_of_rules("programme", change_id, f"programme:{subject_id}")
    return _to_page(subject_id)
