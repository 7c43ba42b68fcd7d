"""wxbot staff (accounts of the console) and wxbot reply (keyword replies of the chat)."""

import secrets
import sys

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.cli.desk import (
    act,
    friendly,
    looking,
    opened,
    operator,
    show,
    stdin_password,
)
from wxbot.cli.output import as_json, show_json
from wxbot.clock import SHANGHAI
from wxbot.replies import rules
from wxbot.replies.models import TRIGGERS
from wxbot.staff import accounts, audit, totp
from wxbot.staff.models import ROLES, Staff
from wxbot.staff.sign_in import end_sessions, normal_login

ROLES_ZH = {"marketer": "运营", "reviewer": "审核", "cashier": "财务", "admin": "管理员"}


def _chosen_password(is_from_stdin: bool) -> tuple[str, bool]:
    """(password, whether it was made up here). Made-up ones must be changed at the first sign-in."""
    if is_from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    return secrets.token_urlsafe(12), True


def _person(session: Session, login: str) -> Staff:
    found = session.scalar(select(Staff).where(Staff.login == normal_login(login)))
    if found is None:
        raise click.ClickException(
            f"没有账号 {login}，用 wxbot staff list 查看。\nThere is no account {login}; wxbot staff list shows all."
        )
    return found


@click.group()
def staff() -> None:
    """People who may sign in to the console."""


@staff.command()
@click.argument("login")
@click.option("--name", help="how the console shows this person (the login)")
@click.option("--role", type=click.Choice(ROLES), required=True)
@stdin_password
@friendly
def add(login: str, name: str | None, role: str, password_stdin: bool) -> None:
    """Add a person. Without --password-stdin a password is made up and shown once."""
    password, is_made_up = _chosen_password(password_stdin)
    with opened() as runtime:
        accounts.hire(
            runtime.database,
            login,
            name or login[: accounts.NAME_CHARS],
            role,
            password,
            runtime.clock.now(),
            is_temporary=is_made_up,
            by=operator(),
        )
        url = runtime.settings.public_url
    click.echo(f"已添加{ROLES_ZH[role]}账号 {normal_login(login)}。Added. {url}/admin/")
    _show_password(password, is_made_up)


def _show_password(password: str, is_made_up: bool) -> None:
    if is_made_up:
        click.echo(f"初始密码（只显示这一次，首次登录时须修改）Password, shown only once, to be changed: {password}")


@staff.command("list")
@as_json
@friendly
def list_people(is_json: bool) -> None:
    """List everybody."""
    with looking() as runtime, runtime.database.reading() as session:
        found = accounts.everyone(session)
    people = [
        {
            "id": each.id,
            "login": each.login,
            "name": each.name,
            "role": each.role,
            "is_active": each.is_active,
            "has_totp": each.totp_at is not None,
            "created_at": each.created_at,
        }
        for each in found
    ]
    if is_json:
        show_json(people)
        return
    rows = [
        (
            each.id,
            each.login,
            each.name,
            f"{ROLES_ZH[each.role]} {each.role}",
            "启用" if each.is_active else "停用",
            each.created_at.astimezone(SHANGHAI).strftime("%Y-%m-%d"),
        )
        for each in found
    ]
    empty = "还没有账号，请运行：wxbot staff add LOGIN --role marketer\nNobody yet; run: wxbot staff add LOGIN --role marketer"
    show("后台账号 Staff", ("#", "登录名", "姓名", "角色", "状态", "创建"), rows, empty)


@staff.command()
@click.argument("login")
@stdin_password
@friendly
def password(login: str, password_stdin: bool) -> None:
    """Give a person a new password; all their sessions end."""
    chosen, is_made_up = _chosen_password(password_stdin)
    with opened() as runtime:
        with runtime.database.reading() as session:
            staff_id = _person(session, login).id
        accounts.set_password(
            runtime.database,
            staff_id,
            chosen,
            runtime.clock.now(),
            is_temporary=is_made_up,
            by=operator(),
        )
    click.echo(f"{login} 的密码已更新，原有登录全部失效。The password was changed; all sessions have ended.")
    _show_password(chosen, is_made_up)


def _set_active(login: str, is_active: bool) -> None:
    with opened() as runtime:
        with runtime.database.reading() as session:
            staff_id = _person(session, login).id
        with act(runtime, "staff_enable" if is_active else "staff_disable", f"staff:{staff_id}") as session:
            accounts.set_active(session, staff_id, is_active)


@staff.command()
@click.argument("login")
@friendly
def disable(login: str) -> None:
    """Lock a person out at once."""
    _set_active(login, False)
    click.echo(f"{login} 已停用，原有登录全部失效。Disabled; all sessions have ended.")


@staff.command()
@click.argument("login")
@friendly
def enable(login: str) -> None:
    """Let a disabled person in again, and whoever tried too often at this account."""
    _set_active(login, True)
    click.echo(f"{login} 已启用。Enabled.")


@staff.command("totp-off")
@click.argument("login")
@friendly
def totp_off(login: str) -> None:
    """Ask a person for no code at sign-in any more: their authenticator is lost. They may set it up again."""
    with opened() as runtime:
        with runtime.database.reading() as session:
            staff_id = _person(session, login).id
        with act(runtime, "totp_reset", f"staff:{staff_id}") as session:
            if not totp.switch_off(session, staff_id):
                raise click.ClickException(f"{login} 没有开启两步验证。{login} has no second step.")
            end_sessions(session, staff_id)
    click.echo(f"{login} 的两步验证已关闭，原有登录全部失效。The second step is off; all sessions have ended.")


@click.group()
def reply() -> None:
    """Keyword replies of the chat; a change works within a second."""


@reply.command("list")
@as_json
@friendly
def list_rules(is_json: bool) -> None:
    """List all rules in the order in which they are asked."""
    with looking() as runtime, runtime.database.reading() as session:
        found = rules.list_rules(session)
    if is_json:
        names = ("id", "trigger", "pattern", "text", "campaign_id", "priority", "is_on")
        show_json([{name: getattr(each, name) for name in names} for each in found])
        return
    rows = [
        (
            each.id,
            each.priority,
            each.trigger,
            each.pattern,
            each.text or f"→ 活动 {each.campaign_id}",
            "" if each.is_on else "停",
        )
        for each in found
    ]
    empty = "还没有规则。No rule yet; for example: wxbot reply add equal 红包 --text 摇一摇领红包"
    show("关键词回复 Replies", ("#", "优先 #", "触发", "关键词", "回复", ""), rows, empty)


@reply.command("add")
@click.argument("trigger", type=click.Choice(TRIGGERS))
@click.argument("pattern", default="")
@click.option("--text", default="", help="answer with this text")
@click.option("--campaign", "campaign_id", type=int, help="answer with the entry of this campaign")
@click.option("--priority", type=int, default=100, show_default=True, help="lower is asked first")
@friendly
def add_rule(trigger: str, pattern: str, text: str, campaign_id: int | None, priority: int) -> None:
    """Add a rule. TRIGGER subscribe and default take no PATTERN."""
    with opened() as runtime, runtime.database.transaction() as session:
        made = rules.add_rule(
            session, trigger, pattern, runtime.clock.now(), text=text, campaign_id=campaign_id, priority=priority
        )
        audit.record(session, operator(), "reply_rule", f"reply:{made.id}", runtime.clock.now(), detail={"did": "add"})
    click.echo(f"已添加规则 {made.id}。Added rule {made.id}.")


@reply.command("remove")
@click.argument("rule_id", type=int)
@friendly
def remove_rule(rule_id: int) -> None:
    """Remove a rule."""
    with opened() as runtime, act(runtime, "reply_rule", f"reply:{rule_id}", {"did": "remove"}) as session:
        if not rules.remove_rule(session, rule_id):
            raise click.ClickException(f"没有规则 {rule_id}。There is no rule {rule_id}.")
    click.echo(f"已删除规则 {rule_id}。Removed rule {rule_id}.")
