"""How api.weixin.qq.com speaks: JSON envelopes, access_token, methods, strict bodies (wechat-protocol §6).

`json_get` and `json_post` turn a rule (world, request, …) → dict into a view with every check in front of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from wxbot.simulator.codes import errmsg
from wxbot.simulator.door import Reply, Request, View, hints, json_reply
from wxbot.simulator.world import World

#: A \uXXXX escape that is not itself escaped, and is not a control character that JSON cannot say otherwise.
ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?!00[01])[0-9a-fA-F]{4}")

Answer = dict[str, Any]
GetRule = Callable[[World, Request], Answer | Reply]
PostRule = Callable[[World, Request, Answer], Answer | Reply]


class Refused(Exception):
    """A rule says no: the errcode, and text that follows the usual errmsg. `more` joins the JSON object."""

    def __init__(self, errcode: int, detail: str = "", more: Answer | None = None) -> None:
        super().__init__(errcode, detail)
        self.errcode = errcode
        self.detail = detail
        self.more = more or {}


def rid(world: World) -> str:
    """The support id that newer replies append to errmsg (§6.5)."""
    return f" rid: {int(world.clock.now()):08x}-{world.chance.hex(8)}-{world.chance.hex(8)}"


def refusal(world: World, errcode: int, detail: str = "", more: Answer | None = None) -> Reply:
    """{"errcode", "errmsg"} with HTTP 200, as every error of this host (§6.6)."""
    text = errmsg(errcode)
    text = text.format(detail) if "{}" in text else text + (f" {detail}" if detail else "")
    return json_reply({**(more or {}), "errcode": errcode, "errmsg": text + rid(world)})


def refuse(world: World, request: Request, err_code: str) -> Reply:
    """The refusal a fault asks for; an err_code that is no number becomes -1."""
    try:
        return refusal(world, int(err_code))
    except ValueError:
        return refusal(world, -1, err_code)


def wrong_method(world: World, request: Request, allowed: str) -> Reply:
    """43001 or 43002 (§6.6)."""
    return refusal(world, 43001 if allowed == "GET" else 43002)


def no_such_path(world: World, hint: str) -> Reply:
    """A call that is not simulated: 40066, as of a path that does not exist."""
    reply = refusal(world, 40066, hint)
    reply.headers += hints(hint)
    return reply


def ok(**more: Any) -> Answer:
    return {"errcode": 0, "errmsg": "ok", **more}


def require_token(world: World, request: Request) -> None:
    """access_token in the query must be alive, and the account must have the right to the call. Refused: 41001, 40001, 42001
    (§6.1), 48001 (§5.14)."""
    code = world.accounts.check_token(request.query.get("access_token", ""))
    if code:
        raise Refused(code)
    if not world.account.may_call(request.path):
        raise Refused(48001)


def strict_json(world: World, body: bytes) -> Answer:
    """The body as WeChat reads it: UTF-8 JSON object, no escapes. Refused: 44002, 40033, 47001 (§0.2 point 9, §6.6)."""
    if not body:
        raise Refused(44002)
    if world.switches["escapes_refused"] and ESCAPED.search(body):
        raise Refused(40033)
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=no_constant)
    except (ValueError, RecursionError):
        raise Refused(47001) from None
    if not isinstance(value, dict):
        raise Refused(47001)
    return value


def no_constant(name: str) -> Any:
    raise ValueError(name)


def finish(world: World, answer: Answer | Reply) -> Reply:
    return answer if isinstance(answer, Reply) else json_reply(answer)


def json_get(rule: GetRule, *, needs_token: bool = True) -> View:
    """A view for a GET call: token, daily quota (45009), then the rule."""

    def view(world: World, request: Request) -> Reply:
        try:
            if needs_token:
                require_token(world, request)
            spend(world, request)
            return finish(world, rule(world, request))
        except Refused as refused:
            return refusal(world, refused.errcode, refused.detail, refused.more)

    view.__doc__ = rule.__doc__
    return view


def json_post(rule: PostRule, *, needs_token: bool = True) -> View:
    """A view for a POST call with a JSON body: token, quota, strict body, then the rule."""

    def view(world: World, request: Request) -> Reply:
        try:
            if needs_token:
                require_token(world, request)
            spend(world, request)
            return finish(world, rule(world, request, strict_json(world, request.body)))
        except Refused as refused:
            return refusal(world, refused.errcode, refused.detail, refused.more)

    view.__doc__ = rule.__doc__
    return view


def spend(world: World, request: Request) -> None:
    code = world.accounts.spend(request.path)
    if code:
        raise Refused(code)


def text_field(body: Answer, name: str, errcode: int = 40097) -> str:
    """A required string. Refused with `errcode` when missing or of another type (47001 for another type)."""
    value = body.get(name)
    if value is None or value == "":
        raise Refused(errcode)
    if not isinstance(value, str):
        raise Refused(47001, f"{name} must be a string")
    return value
