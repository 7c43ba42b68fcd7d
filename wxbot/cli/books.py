"""wxbot ledger: where every fen stands, and the proof that the books agree."""

import sys
from typing import Any

import click

from wxbot import invariants
from wxbot import ledger as books
from wxbot.cli.cashier import as_cashier, cashier_who_types, opened_as
from wxbot.cli.desk import friendly, looking, opened, show
from wxbot.cli.output import as_json, show_json
from wxbot.money import yuan
from wxbot.orders import bill_faults, explain
from wxbot.orders.bill_faults import BillFinding

MEANINGS_ZH = {
    "external": "外部（充值来源）",
    "merchant": "商户余额（按我方账）",
    "reserved": "已预留",
    "owed": "已中奖，待领取",
    "in_flight": "下单途中",
    "tickets": "已下单，未抽中",
    "unclaimed": "已抽中，未拆开",
    "paid": "已领取",
    "suspense": "待查",
}

BILL_WAYS_ZH = {"income": "收入", "outgo": "支出", "no_income": "缺退款", "no_outgo": "缺支出"}


@click.group()
def ledger() -> None:
    """The ledger: double entry in fen, append-only."""


@ledger.command()
@click.option("--campaign", "campaign_id", type=int, help="only this campaign")
@as_json
@friendly
def balances(campaign_id: int | None, is_json: bool) -> None:
    """Show what stands in each account."""
    with looking() as runtime, runtime.database.reading() as session:
        found = books.balances(session, campaign_id)
    if is_json:
        show_json(found)
        return
    rows = [
        (account, MEANINGS_ZH.get(account, ""), yuan(amount), books.ACCOUNTS[account])
        for account, amount in found.items()
    ]
    show("账本 Ledger", ("科目", "含义", "金额 元", "Meaning"), rows, "")


lines = click.argument("lines", type=int, nargs=-1, required=True, metavar="LINE...")
notes = click.argument("note_ids", type=int, nargs=-1, required=True, metavar="NOTE...")


@ledger.command("explain")
@lines
@click.option("--note", required=True, help="what they were, and how you know")
@as_cashier
@friendly
def explain_lines(lines: tuple[int, ...], note: str, login: str, password_stdin: bool) -> None:
    """Say what lines of the fund bill were that `ledger check` names; nothing changes until a second cashier agrees."""
    with opened_as(login, password_stdin) as (runtime, actor):
        made = explain.state(runtime.database, lines, note, actor, runtime.clock.now())
    numbers = " ".join(map(str, made))
    click.echo(
        f"已记录说明，请另一位财务运行：wxbot ledger agree {numbers} --as LOGIN\n"
        f"Noted. A second cashier runs: wxbot ledger agree {numbers} --as LOGIN"
    )


@ledger.command("agree")
@notes
@as_cashier
@friendly
def agree_to_notes(note_ids: tuple[int, ...], login: str, password_stdin: bool) -> None:
    """Agree to another cashier's explanation: the lines are cleared, and foreign ones leave suspense."""
    with opened() as runtime:
        with runtime.database.reading() as session:
            for row in explain.waiting(session, note_ids):
                click.echo(f"{row.id}: #{row.line_id} {row.fault}: {row.words}")
        actor = cashier_who_types(runtime, login, password_stdin)
        n = explain.agree(runtime.database, note_ids, actor, runtime.clock.now())
    click.echo(f"已了结 {n} 笔。Cleared up: {n}.")


@ledger.command()
@as_json
@friendly
def check(is_json: bool) -> None:
    """Check every rule that must hold, and what WeChat's fund bills say against our books. Exit code 1 when one differs."""
    with looking() as runtime:
        found = {name: int(rows) for name, rows in invariants.check(runtime.database).items()}
        with runtime.database.reading() as session:
            differences = bill_faults.findings(session, runtime.clock.now())
    is_whole = not any(found.values()) and not differences
    if is_json:
        show_json({"ok": is_whole, "broken": found, "bill": [_as_fields(each) for each in differences]})
    else:
        _show_check(found, differences)
    sys.exit(0 if is_whole else 1)


def _show_check(found: dict[str, int], differences: list[BillFinding]) -> None:
    meanings = {name: (query.__doc__ or "").strip().splitlines()[0] for name, query in invariants.INVARIANTS.items()}
    shown = [("✗" if n else "✓", name, n or "", meanings.get(name, "")) for name, n in found.items()]
    show("账本检查 Invariants", ("", "规则", "违反数", "Meaning"), shown, "")
    if any(found.values()):
        click.echo(
            "有规则被破坏：请先暂停发放（后台 → 订单 → 停止所有付款，或 wxbot payout stop），再查明原因。Rules are broken: stop payments first, then find out why."
        )
    for each in differences:
        click.echo(f"\n✗ {each.text.zh}\n  {each.text.en}")
        rows = [
            (
                line.id,
                line.day,
                BILL_WAYS_ZH[line.kind],
                yuan(line.amount_fen),
                line.mch_billno or "",
                line.line_key,
                line.fault,
            )
            for line in each.lines
        ]
        if rows:
            show("", ("#", "日期", "方向", "金额 元", "商户单号", "流水", "Fault"), rows, "")
    if not any(found.values()) and not differences:
        click.echo("全部成立，账单一致。All rules hold, and the fund bills agree.")


def _as_fields(finding: BillFinding) -> dict[str, Any]:
    names = ("id", "day", "kind", "amount_fen", "mch_billno", "line_key", "fault")
    lines = [{name: getattr(line, name) for name in names} for line in finding.lines]
    return {
        "kind": finding.kind,
        "count": finding.count,
        "amount_fen": finding.amount_fen,
        "zh": finding.text.zh,
        "en": finding.text.en,
        "lines": lines,
    }
