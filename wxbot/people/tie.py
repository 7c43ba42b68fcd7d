"""A member of staff ties their own WeChat to their account: who knows a draw from inside cannot win in it.

The console shows a code with a signed link that lives LINK_LIFE_S. Opened in WeChat, the page says whose account it is; a tap offers
that WeChat, and both sides show the same four digits. Only the console, signed in as that person, ties it. Redis holds the offer.
"""

from collections.abc import Callable
from functools import partial

import redis as redis_client
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wxbot import oauth, own_page
from wxbot.db import changed
from wxbot.runtime import Runtime
from wxbot.staff.models import Staff
from wxbot.text import Refusal, Text

LINK_LIFE_S = 600
"""How long a link may be opened, and an offer be confirmed."""

_BUSY = Text("系统忙，请过一会儿再试", "The system is busy; try again in a moment")
_TAKEN = Text(
    "这个微信已经绑定了别的员工账号，请换一个微信，或请管理员先解绑",
    "This WeChat is tied to another account. Use another one, or ask an admin to untie it",
)
_TIED = Text("已经绑定过微信，请管理员先解绑", "A WeChat is tied already; ask an admin to untie it first")
_NO_OFFER = Text("没有等待确认的微信，请用手机重新扫码", "There is nothing to confirm; scan the code again")
_OTHER = Text("数字与手机上的不同，请重新扫码", "The digits differ from the phone's; scan the code again")


def _sign(runtime: Runtime) -> Callable[[str], str]:
    return partial(oauth.signature, runtime, "tie")


def link(runtime: Runtime, staff_id: int) -> str:
    """The address in the code that this person scans."""
    mark = own_page.mark(_sign(runtime), str(staff_id), runtime.clock.unix())
    return (
        f"{runtime.settings.public_url}/h5/tie/{staff_id}-{mark.replace('.', '-')}"  # a path to come back to has no dot
    )


def opened(runtime: Runtime, session: Session, token: str) -> Staff | None:
    """Whose link this is: an active account without a WeChat; None for one that is forged or too old."""
    whose, _, mark = token.partition("-")
    if not own_page.is_fresh(mark.replace("-", "."), _sign(runtime), whose, runtime.clock.unix(), LINK_LIFE_S):
        return None
    person = session.get(Staff, int(whose))  # we signed it, so it is a number
    return person if person is not None and person.is_active and person.openid is None else None


def _key(staff_id: int) -> str:
    return f"tie:{staff_id}"


def offer(runtime: Runtime, staff_id: int, openid: str) -> str:
    """This WeChat asks to be tied; returns the four digits to compare. Raises Refusal when Redis does not answer."""
    try:
        runtime.redis.set(_key(staff_id), openid, ex=LINK_LIFE_S)
    except redis_client.RedisError as error:
        raise Refusal("busy", _BUSY) from error
    return digits(runtime, staff_id, openid)


def digits(runtime: Runtime, staff_id: int, openid: str) -> str:
    """Four digits that both sides show for one account and one WeChat."""
    return f"{int(oauth.signature(runtime, 'tie digits', f'{staff_id}|{openid}')[:8], 16) % 10_000:04d}"


def offered(runtime: Runtime, staff_id: int) -> str:
    """The digits of the WeChat that waits to be confirmed; empty when none does."""
    try:
        openid = runtime.redis.get(_key(staff_id))
    except redis_client.RedisError:
        return ""
    return digits(runtime, staff_id, str(openid)) if openid else ""


def take(runtime: Runtime, staff_id: int, seen: str) -> str:
    """The WeChat that waits, once, if its digits are the ones that were seen. Raises Refusal."""
    try:
        openid = runtime.redis.getdel(_key(staff_id))
    except redis_client.RedisError as error:
        raise Refusal("busy", _BUSY) from error
    if not openid:
        raise Refusal("no_offer", _NO_OFFER)
    if seen != digits(runtime, staff_id, str(openid)):
        raise Refusal("digits", _OTHER)
    return str(openid)


def tie(session: Session, staff_id: int, openid: str) -> None:
    """Tie a WeChat to an account that has none. Raises Refusal when it has one, or another account has this WeChat."""
    if session.scalar(select(Staff.id).where(Staff.openid == openid, Staff.id != staff_id)) is not None:
        raise Refusal("taken", _TAKEN)
    try:
        is_tied = changed(
            session, update(Staff).where(Staff.id == staff_id, Staff.openid.is_(None)).values(openid=openid)
        )
    except IntegrityError as error:
        raise Refusal("taken", _TAKEN) from error
    if not is_tied:
        raise Refusal("tied", _TIED)


def untie(session: Session, staff_id: int) -> None:
    """Take the WeChat off an account; they can neither submit nor approve draws until they tie one again."""
    session.execute(update(Staff).where(Staff.id == staff_id).values(openid=None))
