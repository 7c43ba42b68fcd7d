"""Who may get how much changes only when a second cashier agrees to what they saw (money rule 14, security S56)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.payouts.desk import Desk
from tests.payouts.test_programmes import FORM, change_of, decide, made, seen
from tests.staff.test_inbox import waiting
from wxbot import invariants
from wxbot.budget import Budget
from wxbot.payouts.models import BudgetChange, Programme, RuleChange
from wxbot.staff.models import AuditEvent
from wxbot.vouchers.models import VoucherKind

KIND = {
    "name": "门店海报",
    "ask": "请拍下海报",
    "amount_rule": "fixed",
    "fixed_fen": "3.00",
    "needs_binding": "1",
    "is_on": "1",
    "position": "1",
}


def row(desk: Desk, table: Any, row_id: int) -> Any:
    with desk.runtime.database.reading() as session:
        return session.get_one(table, row_id)


def newest(desk: Desk) -> RuleChange:
    with desk.runtime.database.reading() as session:
        return session.scalars(select(RuleChange).order_by(RuleChange.id.desc()).limit(1)).one()


def answer(desk: Desk, login: str, verb: str, **values: str) -> str:
    """Decide the newest change as its page shows it, or with other values; what the next page tells."""
    change, browser = newest(desk), desk.as_(login)
    place = "voucher-kinds" if change.subject_kind == "kind" else "programmes"
    path = f"/admin/{place}/rules/{change.id}/{verb}"
    return desk.told(
        browser, browser.post(path, values or seen(desk, login, f"/admin/{place}/{change.subject_id}", path))
    )


def save(desk: Desk, login: str, path: str, values: dict[str, str]) -> str:
    browser = desk.as_(login)
    saved = browser.post(path, values)
    assert saved.status_code == 303, re.findall(r'class="fault".*?<|role="alert".*?</div>', saved.text, re.S)
    return desk.told(browser, saved)


def new_kind(desk: Desk, programme_id: int, login: str = "wang") -> int:
    save(desk, login, "/admin/voucher-kinds/new", KIND | {"programme_id": str(programme_id)})
    with desk.runtime.database.reading() as session:
        return session.scalars(select(VoucherKind.id).order_by(VoucherKind.id.desc()).limit(1)).one()


def changed_kind(desk: Desk, kind_id: int, login: str = "wang", **values: str) -> str:
    kind = row(desk, VoucherKind, kind_id)
    form = KIND | {"programme_id": str(kind.programme_id), "version": str(kind.version)} | values
    return save(desk, login, f"/admin/voucher-kinds/{kind_id}", form)


def limits(desk: Desk, programme_id: int) -> tuple[int, bool, str]:
    programme = row(desk, Programme, programme_id)
    return programme.person_fen_per_month, programme.needs_binding, programme.wishing


def test_a_months_limit_and_the_binding_change_when_a_second_cashier_agrees_S56(desk: Desk) -> None:
    programme_id = made(desk)
    path = f"/admin/programmes/{programme_id}/edit"
    loose = FORM | {"person_per_month": "", "needs_binding": "", "wishing": "新的祝福"}
    assert "由另一位财务同事批准后生效" in save(desk, "wang", path, loose)
    assert limits(desk, programme_id) == (50_000, True, "新的祝福"), "texts at once, limits not"
    assert waiting(desk, "wang").get("项目规则待审批") is None, "not by who asked"
    assert waiting(desk, "zhou")["项目规则待审批"] == (1, f"/admin/programmes/{programme_id}")
    page = desk.as_("zhou").get(f"/admin/programmes/{programme_id}").text
    assert "¥500.00 → <strong>不限" in page and "必须绑定 → <strong>不要求" in page
    assert "不能批准自己提出的规则修改" in answer(desk, "wang", "approve")
    assert "与看到的不一致" in answer(desk, "zhou", "approve", content_sha256="0" * 64)
    assert "已有一项规则修改等待批准" in desk.as_("zhou").post(path, loose).text
    assert limits(desk, programme_id)[:2] == (50_000, True)
    assert "已批准" in answer(desk, "zhou", "approve")
    assert limits(desk, programme_id)[:2] == (0, False)
    assert "状态已经变化" in answer(desk, "zhou", "approve", content_sha256="0" * 64)
    assert newest(desk).content_sha256
    with desk.runtime.database.reading() as session:
        actions = session.scalars(select(AuditEvent.action).where(AuditEvent.target == f"programme:{programme_id}"))
        assert {"programme_save", "budget_ask", "rules_ask", "rules_approve"} <= set(actions.all())


def test_the_way_of_payment_changes_when_a_second_cashier_agrees_S56(desk: Desk) -> None:
    programme_id = made(desk)
    path = f"/admin/programmes/{programme_id}/edit"
    assert "付款方式的修改由另一位" in save(desk, "wang", path, FORM | {"channel": "transfer_bills"})
    assert row(desk, Programme, programme_id).channel == ""
    assert (
        "<dt>付款方式</dt><dd>跟随系统设置（现金红包） → <strong>商家转账"
        in desk.as_("zhou").get(f"/admin/programmes/{programme_id}").text
    )
    assert "不能批准自己提出的规则修改" in answer(desk, "wang", "approve")
    assert (
        "已批准" in answer(desk, "zhou", "approve") and row(desk, Programme, programme_id).channel == "transfer_bills"
    )


def test_a_closed_programme_pays_again_when_a_second_cashier_agrees_S56(desk: Desk) -> None:
    programme_id = desk.fund()
    page, wang = f"/admin/programmes/{programme_id}", desk.as_("wang")
    assert "已关闭" in desk.told(wang, wang.post(f"{page}/close")), "closing needs nobody else"
    assert "由另一位财务同事批准后生效" in desk.told(wang, wang.post(f"{page}/open"))
    assert not row(desk, Programme, programme_id).is_open
    assert waiting(desk, "zhou")["项目规则待审批"] == (1, page)
    assert "<dt>状态</dt><dd>已关闭 → <strong>开放" in desk.as_("zhou").get(page).text
    assert "已有一项规则修改等待批准" in desk.told(wang, wang.post(f"{page}/open"))
    assert "不能批准自己提出的规则修改" in answer(desk, "wang", "approve")
    assert not row(desk, Programme, programme_id).is_open
    assert "已批准" in answer(desk, "zhou", "approve") and row(desk, Programme, programme_id).is_open
    wang.post(f"{page}/open")
    assert newest(desk).status == "approved", "an open one asks for nothing"


def test_what_changed_since_the_page_was_shown_is_agreed_to_by_nobody_S56(desk: Desk) -> None:
    programme_id = made(desk)
    page, path = f"/admin/programmes/{programme_id}", f"/admin/programmes/{programme_id}/edit"
    save(desk, "wang", path, FORM | {"person_per_month": "900"})
    rules, money = f"/admin/programmes/rules/{newest(desk).id}/approve", change_of(desk, programme_id).id
    before = seen(desk, "zhou", page, rules), seen(desk, "zhou", page, f"/admin/programmes/changes/{money}/approve")
    assert all(before)
    save(desk, "wang", path, FORM | {"remark": "四月促销奖励"})
    assert "与看到的不一致" in answer(desk, "zhou", "approve", **before[0])
    assert "与看到的不一致" in decide(desk, "zhou", money, "approve", **before[1])
    assert "与看到的不一致" in decide(desk, "zhou", money, "approve", content_sha256="")
    assert row(desk, Budget, programme_id).budget_fen == 0 and limits(desk, programme_id)[0] == 50_000
    assert "已批准" in decide(desk, "zhou", money, "approve")
    assert row(desk, BudgetChange, money).content_sha256
    assert "已作废" in answer(desk, "wang", "refuse")
    assert limits(desk, programme_id)[0] == 50_000 and newest(desk).status == "refused"
    save(desk, "zhou", path, FORM | {"person_per_month": "800"})
    assert "已批准" in answer(desk, "wang", "approve") and limits(desk, programme_id)[0] == 80_000


def test_a_kind_of_voucher_is_worth_and_taken_in_what_a_second_cashier_agreed_to_S56(desk: Desk) -> None:
    kind_id = new_kind(desk, desk.fund())
    assert row(desk, VoucherKind, kind_id).is_on is False, "a new one takes nothing in alone"
    assert waiting(desk, "zhou") == {"凭证类型待审批": (1, f"/admin/voucher-kinds/{kind_id}")}
    assert "待批准" in desk.as_("wang").get("/admin/voucher-kinds").text
    assert "不能批准自己提出的规则修改" in answer(desk, "wang", "approve")
    assert "已批准" in answer(desk, "zhou", "approve") and row(desk, VoucherKind, kind_id).is_on
    changed_kind(desk, kind_id, fixed_fen="8.00", month_fen_cap="99", programme_id=str(desk.fund(n=2)), ask="新说明")
    kind = row(desk, VoucherKind, kind_id)
    assert (kind.fixed_fen, kind.month_fen_cap, kind.ask) == (300, 0, "新说明")
    assert set(newest(desk).asked) == {"fixed_fen", "month_fen_cap", "programme_id"}
    assert "¥3.00 → <strong>¥8.00" in desk.as_("zhou").get(f"/admin/voucher-kinds/{kind_id}").text
    old = seen(desk, "zhou", f"/admin/voucher-kinds/{kind_id}", f"/admin/voucher-kinds/rules/{newest(desk).id}/approve")
    same = {"programme_id": str(kind.programme_id), "is_on": ""}
    assert "已保存" in changed_kind(desk, kind_id, **same) and not row(desk, VoucherKind, kind_id).is_on, "off alone"
    assert "与看到的不一致" in answer(desk, "zhou", "approve", **old)
    assert "已批准" in answer(desk, "zhou", "approve")
    kind = row(desk, VoucherKind, kind_id)
    assert (kind.fixed_fen, kind.month_fen_cap, kind.is_on) == (800, 9_900, False)
    changed_kind(desk, kind_id, fixed_fen="8.00", month_fen_cap="99", is_on="1")
    assert newest(desk).asked == {"is_on": True} and not row(desk, VoucherKind, kind_id).is_on, "on again: not alone"


@pytest.mark.parametrize("field", ["amount_rule", "channel", "needs_binding", "month_count_cap"])
def test_each_rule_of_a_kind_waits_alone_S56(desk: Desk, field: str) -> None:
    kind_id = new_kind(desk, desk.fund())
    answer(desk, "zhou", "approve")
    changes = {
        "amount_rule": {"amount_rule": "free", "min_fen": "1.00", "max_fen": "9.00"},
        "channel": {"channel": "transfer_bills"},
        "needs_binding": {"needs_binding": ""},
        "month_count_cap": {"month_count_cap": "4"},
    }
    before = getattr(row(desk, VoucherKind, kind_id), field)
    changed_kind(desk, kind_id, **changes[field])
    assert getattr(row(desk, VoucherKind, kind_id), field) == before and field in newest(desk).asked
    answer(desk, "zhou", "approve")
    assert getattr(row(desk, VoucherKind, kind_id), field) != before


def test_a_change_is_decided_where_it_belongs_and_never_by_who_asked_for_it_I16(desk: Desk) -> None:
    new_kind(desk, desk.fund())
    change_id = newest(desk).id
    zhou = desk.as_("zhou")
    assert zhou.post(f"/admin/programmes/rules/{change_id}/approve", {}).status_code == 404
    assert zhou.post(f"/admin/voucher-kinds/rules/{2**63}/approve", {}).status_code == 404
    assert desk.as_("sun").post(f"/admin/voucher-kinds/rules/{change_id}/refuse", {}).status_code == 403
    with pytest.raises(IntegrityError, match="four_eyes"), desk.runtime.database.transaction() as session:
        session.execute(update(RuleChange).values(status="approved", decided_by=newest(desk).requested_by))
    with desk.runtime.database.reading() as session:
        assert invariants.payouts_have_two_people(session) == 0
