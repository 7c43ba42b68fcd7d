"""wxbot order (look at one order, settle one by hand) and wxbot payout (what is owed, and the kill switch)."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import click
from sqlalchemy.orm import Session

from wxbot.cli.desk import act, friendly, looking, opened, operator, show, stdin_password
from wxbot.cli.output import as_json, show_json
from wxbot.clock import SHANGHAI
from wxbot.money import yuan
from wxbot.orders import listing, manual, reconcile, throttle
from wxbot.orders import words as order_words
from wxbot.orders.models import MARKED_AS, Mark, Order
from wxbot.payouts import listing as payout_listing
from wxbot.payouts import words
from wxbot.payouts.models import PAYOUT_REASON
from wxbot.payouts.sources import SOURCES
from wxbot.runtime import Runtime
from wxbot.staff import accounts, audit, sign_in, totp
from wxbot.staff.audit import Actor

Command = TypeVar("Command", bound=Callable[..., Any])


def as_cashier(command: Command) -> Command:
    """The options that say who acts."""
    whom = click.option("--as", "login", required=True, help="the cashier's login; the password is asked for")
    return whom(stdin_password(command))


LABELS = {
    "id": "编号 Id",
    "mch_billno": "商户单号 Number",
    "status": "状态 Status",
    "hold": "为什么等 Waits for",
    "openid": "收款人 openid",
    "programme": "项目 Programme",
    "channel": "通道 Channel",
    "amount_yuan": "金额 Yuan",
    "reason": "为了 For",
    "source": "来源 Source",
    "note": "备注 Note",
    "attempt": "第几次 Attempt",
    "code": "代码 Code",
    "meaning": "意思 Meaning",
    "who_acts": "谁处理 Who acts",
    "next_step": "下一步 Next",
    "detail_id": "微信单号 WeChat's id",
    "sends": "发送次数 Sends",
    "checks": "查询次数 Checks",
    "created_at": "登记 Created",
    "created_by": "提出 Asked by",
    "approved_at": "批准时间 Approved",
    "approved_by": "批准 Approved by",
    "sent_at": "发送 Sent",
    "settled_at": "了结 Settled",
    "reissued_as": "补发为 Issued again as",
}
"""What people read for the names of the JSON."""


def _show_facts(title: str, facts: dict[str, Any], **in_words: object) -> None:
    """The facts that there are, in people's words: `in_words` takes the place of codes."""
    told = facts | in_words
    show(title, ("", ""), [(LABELS[name], told[name]) for name in LABELS if told.get(name) not in (None, "")], "")


def _local(at: datetime | None) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def cashier_who_types(runtime: Runtime, login: str, is_from_stdin: bool) -> Actor:
    """Who acts: somebody with an account and its password; whoever holds the shell alone settles nothing (money rule 14)."""
    password = sys.stdin.readline().rstrip("\r\n") if is_from_stdin else click.prompt("密码 Password", hide_input=True)
    now = runtime.clock.now()
    try:
        entry = sign_in.sign_in(
            runtime.database, login, password, now, hours=1, user_agent="wxbot order", known=range(2**31)
        )
    except sign_in.SignInRefused as refused:
        raise click.ClickException("登录名或密码不正确 / the login or the password is wrong") from refused
    person = sign_in.signed_in(runtime.database, entry.token, now, is_code_due=entry.needs_code)
    if person is not None and entry.needs_code:
        _take_code(runtime, person, is_from_stdin)
    if person is not None:
        with runtime.database.transaction() as session:
            sign_in.sign_out(session, person.token_hash)
    if person is None or person.is_password_temporary:
        raise click.ClickException("请先在后台修改初始密码 / sign in to the console and choose your own password first")
    return Actor(entry.staff_id, sign_in.normal_login(login))


def _take_code(runtime: Runtime, person: sign_in.SignedIn, is_from_stdin: bool) -> None:
    code = sys.stdin.readline().strip() if is_from_stdin else click.prompt("验证码 Code of your authenticator")
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        may_look = sign_in.take_look(session, person.login, "", True, now)
        is_right = may_look and totp.take(session, runtime.vault, person.id, code, now)
        if is_right:
            sign_in.count_anew(session, person.login, "", True)
        else:
            sign_in.sign_out(session, person.token_hash)
    if not is_right:
        raise click.ClickException("验证码不正确 / the code is wrong")


@contextmanager
def opened_as(login: str, is_from_stdin: bool) -> Iterator[tuple[Runtime, Actor]]:
    """The runtime of a command that writes, and who acts."""
    with opened() as runtime:
        yield runtime, cashier_who_types(runtime, login, is_from_stdin)


def _order(session: Session, number: str) -> Order:
    """An order by its number, or by our id."""
    found = listing.by_billno(session, number)
    if found is None and number.isascii() and number.isdigit() and len(number) < 16:
        found = session.get(Order, int(number))
    if found is None:
        raise click.ClickException(f"没有订单 {number} / there is no order {number}")
    return found


@click.group()
def order() -> None:
    """Orders to WeChat Pay: look, ask, and settle by two cashiers what nobody else can."""


@order.command("show")
@click.argument("number")
@as_json
@friendly
def show_order(number: str, is_json: bool) -> None:
    """Everything about one order: what its code means, the next step with its time, marks, evidence."""
    with looking() as runtime, runtime.database.reading() as session:
        found = _order(session, number)
        merchant = listing.lane_of(session, runtime.settings.mch_id)
        step = order_words.next_step(found, merchant, runtime.settings, runtime.clock.now())
        meaning = order_words.meaning_of(found.channel, found.err_code) if found.err_code else None
        marks = listing.marks_of(session, found.id)
        evidence = listing.evidence_of(session, [found.id])[found.id]
    facts: dict[str, Any] = {
        "id": found.id,
        "mch_billno": found.mch_billno,
        "status": found.status,
        "channel": found.channel,
        "amount_yuan": yuan(found.amount_fen),
        "reason": f"{found.reason_kind}:{found.reason_id}",
        "attempt": found.attempt,
        "code": found.err_code,
        "meaning": str(meaning.said) if meaning else None,
        "who_acts": str(order_words.ACTORS[meaning.actor]) if meaning else None,
        "next_step": str(step),
        "detail_id": found.detail_id,
        "sends": found.sends,
        "checks": found.checks,
        "created_at": _local(found.created_at),
        "sent_at": _local(found.sent_at),
        "settled_at": _local(found.settled_at),
        "marks": [{"id": one.id, "after": one.after, "status": one.status, "evidence": one.evidence} for one in marks],
    }
    if is_json:
        show_json(
            facts | {"evidence": [{"kind": row.kind, "at": _local(row.at), "body": row.body} for row in evidence]}
        )
        return
    _show_facts(
        "订单 Order",
        facts,
        status=order_words.status_word(found.status),
        channel=words.CHANNEL_WORDS[found.channel],
    )
    for one in marks:
        after, stands = order_words.status_word(one.after), order_words.MARK_WORDS[one.status]
        click.echo(f"处理意见 Mark {one.id}：{after}（{stands}）{one.evidence}")
    for row in evidence[:5]:
        click.echo(f"\n{_local(row.at)} {order_words.EVIDENCE_WORDS[row.kind]}\n{row.body}")


@order.command("ask")
@click.argument("number")
@friendly
def ask_order(number: str) -> None:
    """Have the worker ask WeChat about an order within seconds."""
    with opened() as runtime:
        now = runtime.clock.now()
        with runtime.database.transaction() as session:
            order_id = _order(session, number).id
            is_due = reconcile.make_due(session, order_id, now)
            outcome = "done" if is_due else "refused"
            audit.record(session, operator(), "order_ask", f"order:{order_id}", now, outcome=outcome)
    if not is_due:
        raise click.ClickException("这笔订单已有结果，无需再查 / this order is settled; there is nothing to ask")
    click.echo("已安排查询，几秒后用 wxbot order show 查看。The worker asks within seconds; then: wxbot order show")


@order.command("mark")
@click.argument("number")
@click.argument("after", type=click.Choice(MARKED_AS))
@click.option("--evidence", required=True, help="the bill line's date and number, or what WeChat's staff said")
@as_cashier
@friendly
def mark_order(number: str, after: str, evidence: str, login: str, password_stdin: bool) -> None:
    """Say how a manual order ended; nothing moves until a second cashier confirms."""
    with opened() as runtime:
        with runtime.database.reading() as session:
            order_id = _order(session, number).id
        actor = cashier_who_types(runtime, login, password_stdin)
        mark_id = manual.mark(runtime.database, order_id, after, evidence, actor, runtime.clock.now())
    click.echo(
        f"已记录处理意见 {mark_id}，请另一位财务运行：wxbot order confirm {mark_id} --as LOGIN\n"
        f"Marked. A second cashier runs: wxbot order confirm {mark_id} --as LOGIN"
    )


def _decide(mark_id: int, login: str, is_from_stdin: bool, verb: Callable[..., None]) -> Order:
    with opened_as(login, is_from_stdin) as (runtime, actor):
        verb(runtime.database, mark_id, actor, runtime.clock.now())
        with runtime.database.reading() as session:
            return session.get_one(Order, session.get_one(Mark, mark_id).order_id)


@order.command("confirm")
@click.argument("mark_id", type=int)
@as_cashier
@friendly
def confirm_mark(mark_id: int, login: str, password_stdin: bool) -> None:
    """Confirm another cashier's mark: order, budget and ledger follow."""
    settled = _decide(mark_id, login, password_stdin, manual.confirm)
    word = order_words.status_word(settled.status)
    click.echo(f"已确认，订单 {settled.mch_billno} 现为“{word.zh}”。Confirmed; the order: {word.en}.")


@order.command("withdraw")
@click.argument("mark_id", type=int)
@as_cashier
@friendly
def withdraw_mark(mark_id: int, login: str, password_stdin: bool) -> None:
    """Take a mark back before it was confirmed."""
    settled = _decide(mark_id, login, password_stdin, manual.withdraw)
    word = order_words.status_word(settled.status)
    click.echo(f"已撤回，订单 {settled.mch_billno} 仍为“{word.zh}”。Withdrawn; the order, as before: {word.en}.")


# --- payouts ------------------------------------------------------------------------------------------------------


@click.group()
def payout() -> None:
    """What is owed to whom, and the switch that stops all sending."""


@payout.command("stop")
@friendly
def stop() -> None:
    """The kill switch: no new order leaves any worker from the next second on; asking goes on."""
    with opened() as runtime, act(runtime, "merchant_stop", "merchant") as session:
        throttle.stop_lane(session, runtime.settings.mch_id, throttle.OPERATOR_STOP, runtime.clock.now())
    click.echo(
        "付款已停止；查询和对账继续。恢复：wxbot payout open\nSending is stopped; asking goes on. Undo it: wxbot payout open"
    )


@payout.command("open")
@friendly
def open_again() -> None:
    """Send again, whatever had stopped it."""
    with opened() as runtime, act(runtime, "merchant_open", "merchant") as session:
        throttle.open_lane(session, runtime.settings.mch_id, by_staff=True)
    click.echo("付款已恢复。Sending goes on.")


@payout.command("list")
@click.option("--tab", type=click.Choice(tuple(payout_listing.TABS)), help="only these")
@as_json
@friendly
def list_payouts(tab: str | None, is_json: bool) -> None:
    """How many stand where, and the newest 50 with their next step."""
    with looking() as runtime, runtime.database.reading() as session:
        counts = payout_listing.counts(session)
        merchant = listing.lane_of(session, runtime.settings.mch_id)
        now = runtime.clock.now()
        lines = payout_listing.page(session, payout_listing.Sought(tab or ""))[: payout_listing.PAGE_ROWS]
        steps = [words.next_step(each.payout, each.order, merchant, runtime.settings, now) for each in lines]
        told = listing.stop_told(session, runtime.settings.mch_id)
    stopped = merchant.stopped_code if merchant is not None else None
    if is_json:
        rows = [
            {
                "id": each.payout.id,
                "status": each.payout.status,
                "hold": each.payout.hold,
                "openid": each.payout.openid,
                "amount_fen": each.payout.amount_fen,
                "mch_billno": each.order.mch_billno if each.order else None,
                "next_step": str(step),
            }
            for each, step in zip(lines, steps, strict=True)
        ]
        show_json({"stopped": stopped, "counts": counts, "payouts": rows})
        return
    if told is not None:
        click.echo(f"付款已停止 Sending is stopped: {told}")
    click.echo("  ".join(f"{words.TAB_WORDS[name].zh} {n}" for name, n in counts.items()))
    table = [
        (each.payout.id, words.status_of(each.payout).zh, yuan(each.payout.amount_fen), each.payout.openid, step.zh)
        for each, step in zip(lines, steps, strict=True)
    ]
    show("付款 Payouts", ("#", "状态", "金额 元", "openid", "下一步"), table, "没有付款。No payouts.")


@payout.command("show")
@click.argument("payout_id", type=int)
@as_json
@friendly
def show_payout(payout_id: int, is_json: bool) -> None:
    """Everything about one payout: who is owed what and why, who agreed, its orders, the next step."""
    with looking() as runtime, runtime.database.reading() as session:
        found = payout_listing.find(session, payout_id) if 0 < payout_id < 2**62 else None
        if found is None:
            raise click.ClickException(f"没有付款 {payout_id} / there is no payout {payout_id}")
        owed, merchant = found.payout, listing.lane_of(session, runtime.settings.mch_id)
        step = words.next_step(owed, found.order, merchant, runtime.settings, runtime.clock.now())
        programme = listing.budget_names(session, [owed.budget_id]).get(owed.budget_id, "")
        staff = accounts.names(session, [who for who in (owed.created_by, owed.approved_by) if who is not None])
        orders = listing.orders_for(session, PAYOUT_REASON, payout_id)
        again = payout_listing.reissue_of(session, payout_id)
    code = order_words.meaning_of(owed.channel, owed.err_code) if owed.err_code else None
    facts: dict[str, Any] = {
        "id": owed.id,
        "status": owed.status,
        "hold": owed.hold,
        "openid": owed.openid,
        "amount_yuan": yuan(owed.amount_fen),
        "programme": programme,
        "channel": owed.channel,
        "source": f"{owed.source_kind}:{owed.source_id}",
        "note": owed.note,
        "code": owed.err_code,
        "meaning": str(code.said) if code else None,
        "next_step": str(step),
        "created_at": _local(owed.created_at),
        "created_by": staff.get(owed.created_by) if owed.created_by is not None else None,
        "approved_at": _local(owed.approved_at),
        "approved_by": staff.get(owed.approved_by) if owed.approved_by is not None else None,
        "settled_at": _local(owed.settled_at),
        "reissued_as": again.id if again else None,
    }
    paid_by = [
        {"mch_billno": each.mch_billno, "status": each.status, "attempt": each.attempt, "sent_at": _local(each.sent_at)}
        for each in orders
    ]
    if is_json:
        show_json(facts | {"orders": paid_by})
        return
    _show_facts(
        "付款 Payout",
        facts,
        status=words.status_of(owed),
        hold=words.hold_of(owed) or "",
        channel=words.CHANNEL_WORDS[owed.channel],
        source=f"{SOURCES[owed.source_kind].word} #{owed.source_id}",
    )
    columns = ("商户单号", "状态", "次数", "发送时间")
    rows = [
        (each.mch_billno, order_words.status_word(each.status).zh, each.attempt, _local(each.sent_at))
        for each in orders
    ]
    show("订单 Orders", columns, rows, "还没有下单。No order yet.")
