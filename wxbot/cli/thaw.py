"""wxbot thaw: the way out of a freeze, step by step; two cashiers judge, release and open, as on the console's page."""

import click

from wxbot.cli.cashier import as_cashier, opened_as
from wxbot.cli.desk import friendly, opened, show
from wxbot.cli.output import as_json, show_json
from wxbot.money import yuan
from wxbot.orders.found import FoundOrder
from wxbot.thaw import judge, listing, opening

STEPS = {
    "asking": "正在向微信查询副本之后的单号 / asking WeChat about the numbers since the copy",
    "judging": "查询结束：认定丢失的订单，再由两位财务解冻 / asked: judge what was found, then two cashiers open",
    "opened": "已解冻 / opened",
}

FOUND_ZH = {"open": "没有认定", "proposed": "等第二人", "adopted": "已入账", "apart": "另有原因"}
STATES_ZH = {"placed": "待领取", "received": "已领取", "returned": "已退回", "failed": "已失败"}
"""As the console's page says them."""


@click.group()
def thaw() -> None:
    """After a restore: what WeChat paid that the copy does not know, and who opens the database again."""


@thaw.command()
@as_json
@friendly
def status(is_json: bool) -> None:
    """How far it is: frozen or not, what was found, which bills are awaited, what may have been decided since."""
    with opened() as runtime, runtime.database.reading() as session:
        standing = listing.standing(session, runtime.clock.now())
        waiting, since = listing.waiting(session), listing.decided_since(session)
        found = [*listing.found_page(session, "open"), *listing.found_page(session, "proposed")]
    thaw_now = standing.thaw
    if is_json:
        show_json(
            {
                "frozen": standing.line.frozen_why,
                "step": thaw_now.step if thaw_now else None,
                "asked": thaw_now.asked if thaw_now else 0,
                "next_serial": thaw_now.next_serial if thaw_now else None,
                "refusal": standing.line.refusal or (thaw_now.refusal if thaw_now else ""),
                "awaited_bills": list(standing.awaited_days),
                "found": {name: list(n) for name, n in standing.counts.items()},
                "held": {"payouts": waiting[0], "amount_fen": waiting[1]},
                "decided_since": {
                    "lists": len(since.lists),
                    "vouchers": since.vouchers,
                    "campaigns": len(since.campaigns),
                },
            }
        )
        return
    if standing.line.frozen_why is None:
        click.echo("数据库没有冻结。The database is not frozen.")
    else:
        why = (
            "微信知道的比数据库多 / WeChat knows more than it does"
            if standing.line.frozen_why == "older"
            else "没有见证，正在向微信查询 / no witness, WeChat is being asked"
        )
        click.echo(f"数据库已冻结 The database is frozen: {why}")
    if thaw_now is None:
        return
    click.echo(STEPS[thaw_now.step])
    if refusal := standing.line.refusal or thaw_now.refusal:
        click.echo(f"微信没有答复 WeChat gave no answer: {refusal}")
    if standing.awaited_days:
        click.echo(f"等资金账单 Fund bills awaited: {'、'.join(standing.awaited_days)}")
    click.echo(f"挡住的付款 Payouts held: {waiting[0]}，{yuan(waiting[1])} 元")
    rows = [
        (
            each.id,
            FOUND_ZH[each.status],
            each.mch_billno,
            yuan(each.amount_fen),
            each.openid or "",
            STATES_ZH.get(each.state, "处理中"),
        )
        for each in found
    ]
    show("没有认定的 To be judged", ("#", "状态", "商户单号", "金额 元", "openid", "微信的说法"), rows, "")
    click.echo(
        f"副本之后可能已决定过 May have been decided since: 名单 lists {len(since.lists)}，凭证 vouchers {since.vouchers}，"
        f"活动 campaigns {len(since.campaigns)}"
    )


@thaw.command()
@as_cashier
@friendly
def pairs(login: str, password_stdin: bool) -> None:
    """Propose every found order that has one clear reason: the same person and amount, or the texts of one campaign."""
    with opened_as(login, password_stdin) as (runtime, actor):
        n = judge.propose_clear(runtime, actor, runtime.clock.now())
    click.echo(f"已提出 {n} 笔，请另一位财务运行：wxbot thaw confirm --as LOGIN\nProposed; a second cashier confirms.")


@thaw.command()
@click.argument("found_id", type=int)
@click.argument("reason")
@click.option("--evidence", required=True, help="how it is known")
@as_cashier
@friendly
def propose(found_id: int, reason: str, evidence: str, login: str, password_stdin: bool) -> None:
    """Say what one found order paid: payout:ID, campaign:ID, award:ID, prize:ID, or apart."""
    kind, _, reason_id = reason.partition(":")
    if reason != "apart" and not (kind in judge.PAID_FOR and reason_id.isdecimal()):
        raise click.ClickException(
            "请写 payout、campaign、award 或 prize 加冒号和编号，或 apart / write payout:ID, campaign:ID, award:ID, prize:ID or apart"
        )
    chosen = None if reason == "apart" else (kind, int(reason_id))
    with opened_as(login, password_stdin) as (runtime, actor), runtime.database.transaction() as session:
        judge.propose(session, found_id, chosen, evidence, actor, runtime.clock.now())
    click.echo("已提出，等另一位财务确认。Proposed; a second cashier confirms.")


@thaw.command()
@as_cashier
@friendly
def confirm(login: str, password_stdin: bool) -> None:
    """Agree to everything that another cashier proposed; it is shown first."""
    with opened_as(login, password_stdin) as (runtime, actor):
        with runtime.database.reading() as session:
            proposals = judge.proposals_for(session, actor.id or 0)
        rows = [
            (each.id, each.mch_billno, yuan(each.amount_fen), each.openid or "", _reason(each)) for each in proposals
        ]
        show(
            "等第二人 Proposed",
            ("#", "商户单号", "金额 元", "openid", "Reason"),
            rows,
            "没有待确认的。Nothing to confirm.",
        )
        if not password_stdin and proposals:
            click.confirm("全部确认？Confirm all of them?", abort=True)
        confirmed, left = judge.confirm_all(runtime, judge.seal_of(proposals), actor, runtime.clock.now())
    for found_id, refused in left:
        click.echo(f"#{found_id}: {refused.text}")
    click.echo(f"已确认 {confirmed} 笔。Confirmed: {confirmed}.")


def _reason(each: FoundOrder) -> str:
    return f"{each.reason_kind}:{each.reason_id}" if each.reason_kind else "apart"


@thaw.command()
@click.argument("payout_ids", type=int, nargs=-1, required=True)
@click.option("--evidence", help="how it is known that they were not paid; leave it out to confirm another's release")
@as_cashier
@friendly
def release(payout_ids: tuple[int, ...], evidence: str | None, login: str, password_stdin: bool) -> None:
    """Let payouts, named by their numbers, leave before the fund bill is there: one cashier with evidence, then another without."""
    with opened_as(login, password_stdin) as (runtime, actor):
        now = runtime.clock.now()
        if evidence is not None:
            n = opening.release(runtime, payout_ids, evidence, actor, now)
            click.echo(f"已提出放行 {n} 笔，等另一位财务确认。Asked for; a second cashier confirms.")
            return
        for payout_id in payout_ids:
            opening.confirm_release(runtime, payout_id, actor, now)
    click.echo("已放行。Released.")


@thaw.command("open")
@as_cashier
@friendly
def open_database(login: str, password_stdin: bool) -> None:
    """Open the database again: the first cashier asks, the second one opens. What is held stays held."""
    with opened_as(login, password_stdin) as (runtime, actor):
        now = runtime.clock.now()
        with runtime.database.reading() as session:
            thaw_now = listing.standing(session, now).thaw
        if thaw_now is None or thaw_now.open_asked_by in (None, actor.id):
            opening.ask(runtime, actor, now)
            click.echo(
                "已提出解冻，请另一位财务运行：wxbot thaw open --as LOGIN\nAsked for; a second cashier runs the same."
            )
            return
        opening.confirm(runtime, actor, now)
    click.echo("数据库已解冻，付款继续。The database is open; sending goes on.")
