"""Waiting for what another process or thread does: no test knows how long that takes, each says what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

WAIT_S = 90.0
"""Long enough on a machine that does much else; who waits in vain fails."""


def until(seen: Callable[[], Any], what: str | Callable[[], str], wait_s: float = WAIT_S, pause_s: float = 0.02) -> Any:
    """Ask until the answer is true, and return it; fails with `what` never came (or what that says then, a log for example).

    A question that costs much is asked less often, each `pause_s`.
    """
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if found := seen():
            return found
        time.sleep(pause_s)
    raise AssertionError(f"this never came: {what if isinstance(what, str) else what()}")


def until_page(page: Any, expression: str) -> None:
    """Wait for a script's word; Playwright's own waiting evaluates texts within the page, which our policy forbids."""
    for _ in range(300):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError((expression, page.evaluate("({...document.body.dataset})")))
