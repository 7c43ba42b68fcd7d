"""wxbot people erase: forget one person by hand, as their own word in WeChat does it."""

from collections.abc import Sequence

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.cli.desk import act, friendly, opened
from wxbot.draws.models import Draw
from wxbot.money import yuan
from wxbot.orders.models import Order
from wxbot.payouts import erasure as lists
from wxbot.payouts.models import ListRow, Payout
from wxbot.people import erasure, followers, phones
from wxbot.people.models import Binding, Follower, Notice, PersonMark, RosterEntry
from wxbot.people.phones import BadPhone
from wxbot.plurals import plural
from wxbot.replies.dialogues import expiry
from wxbot.replies.models import Dialogue
from wxbot.runtime import Runtime
from wxbot.vouchers import erasure as vouchers
from wxbot.vouchers.models import Photo, Voucher

ROUNDS = 100
"""Batches of pictures and list rows in one command; the worker goes on with what is left."""

WHERE_KNOWN = (Follower, Binding, Notice, Dialogue, Voucher, Payout, Draw, ListRow, Order)
"""Tables that name a person by openid."""


@click.command("erase")
@click.argument("subject")
@click.option("--reason", required=True, help="why, for the audit log; no name and no number")
@click.option("--yes", is_flag=True, help="do not ask")
@friendly
def erase_person(subject: str, reason: str, yes: bool) -> None:
    """Forget SUBJECT, an openid or a phone: names, phones, words, pictures. Rows about money stay, and are named."""
    with opened() as runtime:
        with runtime.database.reading() as session:
            openids, entry_id = _whose(session, runtime, subject)
            if not openids:
                raise click.ClickException(_nobody(entry_id))
            for line in _plan(session, openids):
                click.echo(line)
        if not yes:
            click.confirm("删除后不能恢复，确定吗？This cannot be taken back. Erase?", abort=True)
        for openid in openids:
            _erase(runtime, openid, reason)
        left = _carry_out(runtime, openids)
    click.echo(
        "已删除。Erased."
        if not left
        else f"还有 {left} 张照片删不掉，后台任务会继续。{left} {plural(left, 'picture is', 'pictures are')} left; the worker goes on."
    )
    if entry_id is not None:
        click.echo(_of_roster(entry_id))


def _whose(session: Session, runtime: Runtime, subject: str) -> tuple[list[str], int | None]:
    """(openids that SUBJECT names, the roster's entry of a phone)."""
    try:
        index = runtime.vault.index(phones.normalise(subject))
    except BadPhone:
        openid = subject.strip()
        is_known = any(session.scalar(select(1).where(model.openid == openid).limit(1)) for model in WHERE_KNOWN)
        return ([openid] if is_known else []), None
    found = session.scalars(select(Binding.openid).where(Binding.phone_index == index).distinct()).all()
    return sorted(found), session.scalar(select(RosterEntry.id).where(RosterEntry.phone_index == index))


def _nobody(entry_id: int | None) -> str:
    said = "没有这个人的任何记录。Nothing is known of this person."
    return said if entry_id is None else f"{said}\n{_of_roster(entry_id)}"


def _of_roster(entry_id: int) -> str:
    return (
        f"名册第 {entry_id} 行（公司提供的姓名和电话）没有动，请在后台“人员名册”里移出。\n"
        f"Entry {entry_id} of the roster, the company's own list, was not touched; take it off in the console."
    )


def _plan(session: Session, openids: Sequence[str]) -> list[str]:
    """What goes and what stays, and why."""

    def counted(n: int, one: str, many: str) -> str:
        return f"{n} {plural(n, one, many)}"

    def count(model: type, *more: object) -> int:
        return int(session.scalar(select(func.count()).select_from(model).where(model.openid.in_(openids), *more)) or 0)  # type: ignore[attr-defined,arg-type]

    photos = select(func.count()).select_from(Photo).join(Voucher, Voucher.id == Photo.voucher_id)
    pictures = session.scalar(photos.where(Voucher.openid.in_(openids), Photo.status == "kept")) or 0
    orders, fen = session.execute(
        select(func.count(), func.coalesce(func.sum(Order.amount_fen), 0)).where(Order.openid.in_(openids))
    ).one()
    marks = session.scalar(select(func.count()).select_from(PersonMark).where(PersonMark.subject.in_(openids))) or 0
    return [
        f"openid: {', '.join(openids)}",
        f"删除：绑定中的手机号和姓名 {count(Binding)} 条，通知文字 {count(Notice)} 条，对话 {count(Dialogue)} 个，照片 {pictures} 张，验证码短信，"
        "凭证附言，名单里的姓名和电话",
        f"To be erased: phone and name of {counted(count(Binding), 'binding', 'bindings')}, "
        f"text of {counted(count(Notice), 'notice', 'notices')}, {counted(count(Dialogue), 'dialogue', 'dialogues')}, "
        f"{counted(pictures, 'picture', 'pictures')}, text messages, notes on vouchers, names and phones in lists",
        f"保留：{orders} 个订单（{yuan(int(fen))} 元）、{count(Payout)} 笔付款、{count(Draw)} 次抽奖和账本：会计档案必须保存；"
        f"黑白名单 {marks} 条：否则会再次付款",
        f"To be kept: {counted(orders, 'order', 'orders')} ({yuan(int(fen))} yuan), {counted(count(Payout), 'payout', 'payouts')}, "
        f"{counted(count(Draw), 'draw', 'draws')} and the ledger, because accounting records must be kept; "
        f"{counted(marks, 'mark', 'marks')}, because without a block the person could be paid again",
    ]


def _erase(runtime: Runtime, openid: str, reason: str) -> None:
    """Note the wish and carry out what one transaction can, with the line of the audit log in it."""
    now = runtime.clock.now()
    with act(runtime, "people_erase", f"openid:{openid}", {"reason": reason[:200]}) as session:
        followers.note_withdrawal(session, openid, "staff", now)
        expiry.forget(session, openid)
        erasure.erase(session, openid, now)


def _carry_out(runtime: Runtime, openids: Sequence[str]) -> int:
    """Pictures, notes and list rows, as the worker does it; returns how many pictures are left."""
    for task in (vouchers.erase_due, lists.erase_due):
        for _ in range(ROUNDS):
            if not task(runtime):
                break
    with runtime.database.reading() as session:
        left = select(func.count()).select_from(Photo).join(Voucher, Voucher.id == Photo.voucher_id)
        return int(session.scalar(left.where(Voucher.openid.in_(openids), Photo.status == "kept")) or 0)
