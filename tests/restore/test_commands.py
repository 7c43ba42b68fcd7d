"""wxbot thaw: the way out of a freeze at a terminal, with the same two cashiers as on the page."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from tests.deployments import environment
from tests.payouts.desk import Desk
from tests.payouts.stories import payout_of
from tests.restore.offices import found_in, thaw_of
from tests.staff.consoles import PASSWORD
from wxbot import lineage
from wxbot.cli import cli

WHY = "这是人工在商户平台补的差旅报销"


def run(desk: Desk, *arguments: str, login: str = "") -> Result:
    """`wxbot thaw …`; a cashier's password follows on standard input."""
    whom = ("--as", login, "--password-stdin") if login else ()
    runner = CliRunner(env=environment(desk.runtime.settings))
    return runner.invoke(cli, ["thaw", *arguments, *whom], input=f"{PASSWORD}\n" if login else None)


def told(desk: Desk, *arguments: str, login: str = "") -> str:
    result = run(desk, *arguments, login=login)
    assert result.exit_code == 0, result.output
    return result.output


def refused(desk: Desk, *arguments: str, login: str) -> str:
    result = run(desk, *arguments, login=login)
    assert result.exit_code == 1, result.output
    return result.output


def standing(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(desk, "status", "--json"))
    return found


def test_two_cashiers_judge_and_open_at_the_terminal(desk: Desk, thawing: int) -> None:
    before = standing(desk)
    assert (before["frozen"], before["step"], before["asked"]) == ("older", "judging", 6000)
    assert before["found"] == {"open": [1, 880]}
    shown = told(desk, "status")
    assert "微信知道的比数据库多" in shown and "8.80" in shown
    assert "登录名或密码不正确" in run(desk, "pairs", login="nobody.test").output
    assert "在职的" in refused(desk, "pairs", login="li.test"), "a marketer judges nothing"
    assert "已提出 1 笔" in told(desk, "pairs", login="wang.test")
    assert "已确认 0 笔" in told(desk, "confirm", login="wang.test"), "nobody confirms what is their own"
    assert "已确认 1 笔" in told(desk, "confirm", login="zhou.test")
    assert payout_of(desk.runtime, thawing).status == "ordered"
    assert "已提出解冻" in told(desk, "open", login="wang.test")
    assert "已提出解冻" in told(desk, "open", login="wang.test"), "the same cashier only asks again"
    assert not lineage.may_send(desk.runtime)
    assert "数据库已解冻" in told(desk, "open", login="zhou.test")
    assert lineage.may_send(desk.runtime) and thaw_of(desk.runtime).step == "opened"
    assert standing(desk)["frozen"] is None


def test_one_order_is_judged_by_hand_and_one_payout_released(desk: Desk, thawing: int) -> None:
    (order,) = found_in(desk.runtime)
    number = str(order.id)
    assert "payout:ID" in refused(desk, "propose", number, "payment", "--evidence", WHY, login="wang.test")
    assert "请写明依据" in refused(desk, "propose", number, "apart", "--evidence", "急", login="wang.test")
    assert "已提出" in told(desk, "propose", number, "apart", "--evidence", WHY, login="wang.test")
    assert "已确认 1 笔" in told(desk, "confirm", login="zhou.test")
    assert payout_of(desk.runtime, thawing).status == "approved", "what was apart pays nothing that is owed"
    payout = str(thawing)
    assert "已提出放行 1 笔" in told(desk, "release", payout, "--evidence", "昨天当面确认还没有收到", login="wang.test")
    assert "不能确认自己" in refused(desk, "release", payout, login="wang.test")
    assert "已放行" in told(desk, "release", payout, login="zhou.test")
