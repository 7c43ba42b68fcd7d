"""What guests of a hall do at their phones: come by the code of the screen, send the form, read how they stand."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from tests.draws.stage import BASE, Phone
from tests.hall.stage import OpenHall
from wxbot.hall import door_code, passes


def code_of(hall: OpenHall, back_s: float = 0) -> str:
    """What the screen shows, or showed so many seconds ago."""
    runtime = hall.runtime
    return door_code.code_at(passes.key_of(runtime, hall.hall()), runtime.clock.unix() - back_s)


def fields_of(page: str) -> dict[str, str]:
    """The hidden fields of the form."""
    return dict(re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]*)"', page))


def enter(phone: Phone, hall: OpenHall, query: str = "", **fields: str) -> Any:
    """Open the page with a living code (or another query) and send its form."""
    page = phone.open(f"{hall.path}?{query or 'code=' + code_of(hall)}").get_data(as_text=True)
    return send(phone, hall, {"name": "阿明", **fields_of(page), **fields})


def send(phone: Phone, hall: OpenHall, form: dict[str, str], **headers: str) -> Any:
    """The request of the form."""
    headers = {"User-Agent": phone.agent, "Origin": BASE, **headers}
    return phone.client.post(f"{hall.path}/sign-in", base_url=BASE, headers=headers, data=form)


def shown(reply: Any) -> str:
    """The page as a person reads it."""
    return unescape(reply.get_data(as_text=True))


def me(phone: Phone, hall: OpenHall) -> dict[str, Any]:
    """What the hall tells this phone about its guest alone."""
    answer: dict[str, Any] = phone.get(f"{hall.path}/me", Accept="application/json").get_json()
    return answer
