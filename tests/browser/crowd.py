"""A phone in a crowd: its first request to draw is answered by the waiting line, as the server in front of the application does."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from wxbot.draws.plain_draw import plain_draw
from wxbot.draws.waiting_line import WaitingLine
from wxbot.runtime import Runtime


def turn_away_once(phone: Any, runtime: Runtime) -> list[dict[str, Any]]:
    """The bodies that the phone sends to draw; the first of them meets a full house."""
    line, bodies = WaitingLine(runtime), list[dict[str, Any]]()

    def full(route: Any) -> None:
        bodies.append(json.loads(route.request.post_data))
        if len(bodies) > 1:
            route.continue_()
            return
        body, path = route.request.post_data.encode(), urlsplit(route.request.url).path
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nAccept-Language: zh-CN\r\n\r\n"
        draw = plain_draw(head.encode() + body)
        assert draw is not None
        answer = line.turned_away(draw, 9, 0)
        assert answer is not None
        said = answer.partition(b"\r\n\r\n")[2].decode()
        route.fulfill(status=503, content_type="application/json", body=said)

    phone.route("**/draw?*", full)
    return bodies
