"""wxbot ledger: where every fen stands, and the proof that the books agree."""

import sys

import click

from wxbot import invariants
from wxbot import ledger as books
from wxbot.cli.desk import as_json, friendly, opened, show, show_json
from wxbot.money import yuan

MEANINGS_ZH = {
    "external": "外部（充值来源）", "merchant": "商户余额（按我方账）", "reserved": "已预留", "in_flight": "下单途中",
    "tickets": "已下单，未抽中", "unclaimed": "已抽中，未拆开", "paid": "已领取", "suspense": "待查",
}  # fmt: skip


@click.group()
def ledger() -> None:
    """The ledger: double entry in fen, append-only."""


@ledger.command()
@click.option("--campaign", "campaign_id", type=int, help="only this campaign")
@as_json
@friendly
def balances(campaign_id: int | None, is_json: bool) -> None:
    """Show what stands in each account."""
    with opened() as runtime, runtime.database.reading() as session:
        found = books.balances(session, campaign_id)
    if is_json:
        show_json(found)
        return
    rows = [
        (account, MEANINGS_ZH.get(account, ""), yuan(amount), books.ACCOUNTS[account])
        for account, amount in found.items()
    ]
    show("账本 Ledger", ("科目", "含义", "金额 元", "Meaning"), rows, "")


@ledger.command()
@as_json
@friendly
def check(is_json: bool) -> None:
    """Check every rule that must hold: balances, the hash chain, budgets, orders. Exit code 1 when one is broken."""
    with opened() as runtime:
        found = {name: int(rows) for name, rows in invariants.check(runtime.database).items()}
    is_whole = not any(found.values())
    if is_json:
        show_json({"ok": is_whole, "broken": found})
    else:
        meanings = {
            name: (query.__doc__ or "").strip().splitlines()[0] for name, query in invariants.INVARIANTS.items()
        }
        shown = [("✗" if n else "✓", name, n or "", meanings.get(name, "")) for name, n in found.items()]
        show("账本检查 Invariants", ("", "规则", "违反数", "Meaning"), shown, "")
        click.echo(
            "全部成立。All rules hold."
            if is_whole
            else "有规则被破坏：请先暂停发放（后台 → 订单 → 停止所有付款，或 wxbot payout stop），再查明原因。Rules are broken: stop payments first, then find out why."
        )
    sys.exit(0 if is_whole else 1)
