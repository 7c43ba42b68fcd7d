"""The code of the authenticator app in a form of the console: whether it is asked for, and whether it is right (S54)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.wrappers import Response as BaseResponse

from wxbot.staff import sign_in, totp
from wxbot.staff.browsers import known_people
from wxbot.staff.console import me, now, refusal_told, runtime
from wxbot.text import Refusal, Text

WRONG = Text(
    "验证码不正确或已用过，请等应用显示下一个再试", "The code is wrong or was used; wait for the app's next one"
)
TOO_OFTEN = Text("验证码试错太多次，请半小时后再试", "Too many wrong codes; try again in half an hour")


def is_code_due(amount_fen: int | None) -> bool:
    """Whether who is signed in types a code again to approve so much; None stands for what no amount bounds."""
    if not current_user.is_authenticated or not me().has_totp:
        return False
    return amount_fen is None or amount_fen >= runtime().settings.totp_again_fen


def is_code_taken(action: str, target: str, amount_fen: int | None) -> bool:
    """Take the form's code where the amount asks for one; False when it was refused, which is then logged and told.

    A code that was taken is used up, come what may of what it was typed for.
    """
    is_taken = False
    with refusal_told(action, target):
        if is_code_due(amount_fen):
            take_code(me())
        is_taken = True
    return is_taken  # noqa: RET504 - what is refused within is swallowed there


def code_for(
    action: str, amount: InstrumentedAttribute[int], back: Callable[[int], BaseResponse]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Before a view of one thing of `amount`'s table: take the form's code where its amount asks for one, else `back`."""
    table = amount.class_

    def with_code(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def asked(**named: int) -> Any:
            (thing_id,) = named.values()
            if me().has_totp and thing_id < 2**62:
                with runtime().database.reading() as session:
                    fen = session.scalar(select(amount).where(table.id == thing_id)) or 0
                if not is_code_taken(action, f"{table.__tablename__}:{thing_id}", abs(fen)):
                    return back(thing_id)
            return view(**named)

        return asked

    return with_code


def code_always(
    action: str, target: str, back: Callable[[], BaseResponse]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Before a view that lets money go which no amount bounds: take the form's code, else `back`."""

    def with_code(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def asked(**named: int) -> Any:
            return view(**named) if is_code_taken(action, target, None) else back()

        return asked

    return with_code


def take_code(person: sign_in.SignedIn) -> None:
    """Count the try, then take the form's code. Raises Refusal `code` or `code_tries`."""
    ip, is_known = request.remote_addr or "", person.id in known_people()
    with runtime().database.transaction() as session:
        may_look = sign_in.take_look(session, person.login, ip, is_known, now())
        is_right = may_look and totp.take(session, runtime().vault, person.id, request.form.get("code", ""), now())
        if is_right:
            sign_in.count_anew(session, person.login, ip, is_known)
    if not may_look:
        raise Refusal("code_tries", TOO_OFTEN, "code")
    if not is_right:
        raise Refusal("code", WRONG, "code")
