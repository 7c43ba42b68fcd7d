"""The people who may sign in: hire, disable, enable, new passwords. A role never changes: a new task is a new account (S56)."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.clock import SHANGHAI
from wxbot.db import Database, changed
from wxbot.staff import audit, passwords
from wxbot.staff.audit import Actor
from wxbot.staff.models import ROLES, Staff
from wxbot.staff.sign_in import end_sessions, forget_tries, normal_login
from wxbot.text import Refusal, Text, fault

LOGIN = re.compile(r"^[a-z0-9][a-z0-9._-]{2,39}$")
NAME_CHARS = 20
TEMPORARY_FOR = timedelta(hours=72)
"""A password that somebody else made up must be changed within this time: it may have been written down."""

WAITS = timedelta(hours=24)
"""How long an account that an admin can sign in to with a password of their own making agrees to nothing (security S56)."""


def hire(
    database: Database,
    login: str,
    name: str,
    role: str,
    password: str,
    now: datetime,
    *,
    is_temporary: bool = False,
    locale: str = "zh_CN",
    approves_from: datetime | None = None,
    by: Actor | None = None,
) -> int:
    """Add a person, who approves nothing before `approves_from`; returns the id. `by` whom is in the audit log with it. Raises Refusal for a bad or taken login, a bad name, role or password."""
    login, name = normal_login(login), typed.line(name)
    if not LOGIN.fullmatch(login):
        raise fault(
            "login", "登录名为 3 到 40 个小写字母、数字或 . _ -", "A login has 3 to 40 small letters, digits or . _ -"
        )
    if not 1 <= len(name) <= NAME_CHARS:
        raise fault("name", f"姓名为 1 到 {NAME_CHARS} 个字", f"A name has 1 to {NAME_CHARS} characters")
    if role not in ROLES:
        raise fault("role", "请选择角色", "Choose a role")
    passwords.check_new(password, login)
    password_hash = passwords.hash_password(password)
    try:
        with database.transaction() as session:
            person = Staff(
                login=login,
                name=name,
                role=role,
                password_hash=password_hash,
                locale=locale,
                is_active=True,
                is_password_temporary=is_temporary,
                password_ends_at=now + TEMPORARY_FOR if is_temporary else None,
                approves_from=approves_from,
                created_at=now,
            )
            session.add(person)
            session.flush()
            if by is not None:
                audit.record(session, by, "staff_add", f"staff:{person.id}", now, detail={"role": role})
            return person.id
    except IntegrityError as error:
        raise fault("login", "这个登录名已经有人使用", "Someone has this login already") from error


def set_active(session: Session, staff_id: int, is_active: bool, *, approves_from: datetime | None = None) -> None:
    """Disable a person, which ends all their sessions at once, or enable them again: then everybody may try anew.

    Who was disabled approves nothing before `approves_from` (None: as before).
    """
    if is_active and approves_from is not None:
        was_off = update(Staff).where(Staff.id == staff_id, Staff.is_active.is_(False))
        changed(session, was_off.values(approves_from=approves_from))
    session.execute(update(Staff).where(Staff.id == staff_id).values(is_active=is_active))
    if is_active:
        forget_tries(session, session.scalar(select(Staff.login).where(Staff.id == staff_id)) or "")
    else:
        end_sessions(session, staff_id)


def set_password(
    database: Database,
    staff_id: int,
    password: str,
    now: datetime,
    *,
    is_temporary: bool = False,
    approves_from: datetime | None = None,
    by: Actor | None = None,
) -> None:
    """Give a person a new password, `by` whom is in the audit log with it, and end all their sessions; a temporary one opens nothing after TEMPORARY_FOR, and nothing
    is approved before `approves_from` (None: as before).

    Raises Refusal when the password is weak.
    """
    with database.reading() as session:
        login = session.execute(select(Staff.login).where(Staff.id == staff_id)).scalar_one()
    passwords.check_new(password, login)
    password_hash = passwords.hash_password(password)
    held: dict[str, datetime] = {} if approves_from is None else {"approves_from": approves_from}
    with database.transaction() as session:
        session.execute(
            update(Staff)
            .where(Staff.id == staff_id)
            .values(
                password_hash=password_hash,
                is_password_temporary=is_temporary,
                password_ends_at=now + TEMPORARY_FOR if is_temporary else None,
                **held,
            )
        )
        forget_tries(session, login)
        if by is not None and by.id == staff_id:
            audit.record(session, by, "password_change", f"staff:{staff_id}", now)
        elif by is not None:
            audit.record(session, by, "staff_reset", f"staff:{staff_id}", now, detail={"login": login})
        end_sessions(session, staff_id)


def change_own_password(
    database: Database, staff_id: int, old: str, new: str, now: datetime, *, by: Actor | None = None
) -> None:
    """Change one's own password. Raises Refusal when the old one is wrong, or the new one weak or the same."""
    with database.reading() as session:
        password_hash = session.execute(select(Staff.password_hash).where(Staff.id == staff_id)).scalar_one()
    if not passwords.matches(password_hash, old):
        raise fault("old", "当前密码不正确", "The present password is wrong")
    if old == new:
        raise fault("password", "新密码不能与当前密码相同", "The new password must differ from the present one")
    set_password(database, staff_id, new, now, by=by)


def hold(session: Session, staff_id: int, approves_from: datetime) -> None:
    """Let a person approve nothing before this moment; the caller's transaction changes what they sign in with."""
    session.execute(update(Staff).where(Staff.id == staff_id).values(approves_from=approves_from))


def held(session: Session, now: datetime) -> Sequence[Staff]:
    """Active accounts that may not approve yet: hired, enabled, or given a password or a new second step in the console within WAITS."""
    query = select(Staff).where(Staff.is_active, Staff.approves_from > now)
    return session.scalars(query.order_by(Staff.approves_from, Staff.id)).all()


def approves_from(session: Session, staff_id: int | None, now: datetime) -> datetime | None:
    """Until when this person agrees to nothing; None when they may."""
    until = session.scalar(select(Staff.approves_from).where(Staff.id == staff_id)) if staff_id is not None else None
    return until if until is not None and until > now else None


def require_settled(session: Session, staff_id: int, now: datetime) -> None:
    """Raise Refusal `held` while an account is too fresh to approve: whoever gave it its password could be two people."""
    until = approves_from(session, staff_id, now)
    if until is not None:
        raise Refusal("held", held_text(until))


def require_tied(session: Session, staff_ids: Collection[int | None]) -> None:
    """Raise Refusal `untied` when one of these people has no WeChat tied: who knows a draw from inside must not win in it."""
    wanted = {staff_id for staff_id in staff_ids if staff_id is not None}
    query = select(Staff.name).where(Staff.id.in_(wanted), Staff.openid.is_(None)).order_by(Staff.id).limit(1)
    name = session.scalar(query)
    if name is not None:
        raise Refusal(
            "untied",
            Text(
                f"{name}还没有绑定自己的微信：抽奖活动的提交人和审批人都要先在右上角菜单“我的微信”里绑定，绑定的微信不能中奖",
                f"{name} has tied no WeChat yet: who submits or approves draws does so first, under “My WeChat” in the "
                "menu; a WeChat that is tied cannot win",
            ),
        )


def held_text(until: datetime) -> Text:
    """Why who is signed in agrees to nothing before `until`."""
    at = f"{until.astimezone(SHANGHAI):%m-%d %H:%M}"
    return Text(
        f"您的账号在后台新建、启用、重设密码或两步验证不满 24 小时，{at} 之后才能审批",
        f"Your account was made, enabled, or had its password or second step reset in the console lately; it may approve from {at} on",
    )


def require_cashier(session: Session, actor: Actor) -> int:
    """The id of an active cashier (I16). Raises Refusal for anybody else, and for the command line, which has no account."""
    staff = session.get(Staff, actor.id) if actor.id is not None else None
    if staff is None or not staff.is_active or staff.role != "cashier":
        raise Refusal("role", Text("只有在职的财务可以处理", "Only an active cashier may do this"))
    return staff.id


def everyone(session: Session) -> Sequence[Staff]:
    """All people, the active ones first."""
    return session.scalars(select(Staff).order_by(Staff.is_active.desc(), Staff.id)).all()


def names(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Names of people by id."""
    return {row.id: row.name for row in session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids)))}
