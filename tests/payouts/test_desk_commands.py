"""wxbot order and wxbot payout: the cashier's verbs at a terminal, with the same rules as on the pages."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result
from sqlalchemy import select, update

from tests.deployments import environment
from tests.payouts.desk import Desk, openid
from tests.payouts.stories import owe, payout_of
from tests.staff.consoles import PASSWORD
from wxbot.cli import cli
from wxbot.orders.models import Evidence, Mark, Order
from wxbot.payouts.place_orders import order_due
from wxbot.people import roster
from wxbot.staff.models import AuditEvent, StaffSession

WHY = "资金账单 2026-03-15 没有这个单号的支出"


def run(desk: Desk, *arguments: str, said: str | None = None) -> Result:
    return CliRunner(env=environment(desk.runtime.settings)).invoke(cli, list(arguments), input=said)


def test_rule14_an_order_is_settled_at_the_terminal_by_two_cashiers_with_their_passwords(desk: Desk) -> None:
    desk.know(1)
    payout_id = owe(desk.runtime, desk.fund(), openid(1), 880)
    order_due(desk.runtime)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Order).values(status="manual", err_code="FATAL_ERROR"))
        number = session.scalars(select(Order.mch_billno)).one()
        session.add(
            Evidence(order_id=payout_of(desk.runtime, payout_id).order_id, kind="reply", body="<xml/>", at=desk.now)
        )
    shown = json.loads(run(desk, "order", "show", number, "--json").output)
    assert (shown["status"], shown["code"], shown["evidence"][0]["body"]) == ("manual", "FATAL_ERROR", "<xml/>")
    assert "fund bill" in shown["next_step"]
    assert "已安排查询" in run(desk, "order", "ask", number).output
    mark = ("order", "mark", number, "failed", "--evidence", WHY, "--password-stdin")
    assert run(desk, *mark, "--as", "wang.test", said="wrong\n").exit_code == 1
    assert "在职的财务" in run(desk, *mark, "--as", "li.test", said=f"{PASSWORD}\n").output
    assert run(desk, *mark, "--as", "wang.test", said=f"{PASSWORD}\n").exit_code == 0
    with desk.runtime.database.reading() as session:
        mark_id = str(session.scalars(select(Mark.id)).one())
    confirm = ("order", "confirm", mark_id, "--password-stdin", "--as")
    assert "不能确认自己" in run(desk, *confirm, "wang.test", said=f"{PASSWORD}\n").output
    plain = run(desk, "order", "show", number).output
    assert "待人工处理" in plain and "微信答复" in plain and "已失败" in plain and "待确认" in plain
    assert not {"manual", "sendredpack", "reply", "err_code"} & set(plain.split())
    assert "现为“已失败”" in run(desk, *confirm, "zhou.test", said=f"{PASSWORD}\n").output
    assert (
        run(desk, "order", "withdraw", mark_id, "--password-stdin", "--as", "zhou.test", said=f"{PASSWORD}\n").exit_code
        == 1
    )
    assert run(desk, "order", "show", "999").exit_code == 1
    with desk.runtime.database.reading() as session:
        assert session.scalars(select(StaffSession)).all() == []
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["order_ask", "order_mark", "order_confirm"]


def test_stop_and_open_and_what_is_owed_F85(desk: Desk) -> None:
    desk.know(1)
    owe(desk.runtime, desk.fund(), openid(1), 880)
    assert run(desk, "payout", "stop").exit_code == 0
    assert order_due(desk.runtime) == 0
    listed = json.loads(run(desk, "payout", "list", "--json").output)
    assert (listed["stopped"], listed["counts"]["queued"]) == ("STOPPED_BY_STAFF", 1)
    told = run(desk, "payout", "list").output
    assert "停止" in told and "排队中 1" in told and "STOPPED_BY_STAFF" not in told
    assert run(desk, "payout", "open").exit_code == 0
    assert order_due(desk.runtime) == 1
    assert "¥" not in run(desk, "payout", "list", "--tab", "queued").output
    with desk.runtime.database.reading() as session:
        events = session.execute(select(AuditEvent.action, AuditEvent.actor)).all()
    assert [action for action, _ in events] == ["merchant_stop", "merchant_open"]
    assert all(actor.startswith("cli:") for _, actor in events)


def test_one_payout_is_shown_at_the_terminal_with_its_orders_and_the_next_step(desk: Desk) -> None:
    desk.know(1)
    payout_id = owe(desk.runtime, desk.fund(), openid(1), 880)
    assert "还没有下单" in run(desk, "payout", "show", str(payout_id)).output
    order_due(desk.runtime)
    shown = json.loads(run(desk, "payout", "show", str(payout_id), "--json").output)
    with desk.runtime.database.reading() as session:
        number = session.scalars(select(Order.mch_billno)).one()
    assert (shown["status"], shown["amount_yuan"], shown["openid"]) == ("ordered", "8.80", openid(1))
    assert [(one["mch_billno"], one["status"]) for one in shown["orders"]] == [(number, "planned")]
    assert number in run(desk, "payout", "show", str(payout_id)).output
    refused = run(desk, "payout", "show", "999")
    assert refused.exit_code == 1 and "没有付款 999" in refused.output


def test_the_roster_is_listed_at_the_terminal_masked_and_by_pages(desk: Desk) -> None:
    people = [(f"员工{n}", f"+8613900{n:06d}", "市场部", "") for n in range(60)]
    with desk.runtime.database.transaction() as session:
        roster.put(session, desk.runtime.vault, people, None, desk.now)
    first = json.loads(run(desk, "people", "list", "--json").output)
    assert len(first["people"]) == 50 and first["people"][0]["phone"] == "139****0059"
    rest = json.loads(run(desk, "people", "list", "--before", str(first["next_before"]), "--json").output)
    assert len(rest["people"]) == 10 and rest["next_before"] is None
    assert [
        one["name"] for one in json.loads(run(desk, "people", "list", "13900000007", "--json").output)["people"]
    ] == ["员工7"]
    told = run(desk, "people", "list", "员工59").output
    assert "139****0059" in told and "13900000059" not in told
    assert "名册里没有" in run(desk, "people", "list", "没有这个人").output
