"""Waiting for what another process or thread does: no test knows how long that takes, each says what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

WAIT_S = 90.0
"""Long enough on a machine that does much else; who waits in vain fails."""
LEFT = "Execution context was destroyed"
"""How Playwright says that the page went while it was asked."""
SETTLED = """document.readyState === 'complete' && !document.querySelector(
  '.htmx-request, [data-waits]:disabled, canvas[data-chart]:not([data-points]):not([hidden])')"""
"""No part is on its way, no control waits for its script, every chart is drawn or has nothing to draw."""


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


def until_settled(page: Any) -> None:
    """Wait until a page that came has what it asks for by itself: only then is it what a person looks at."""
    until_page(page, SETTLED)


def until_page(page: Any, expression: str) -> None:
    """Wait for a script's word; Playwright's own waiting evaluates texts within the page, which our policy forbids.

    A question on whose way the page goes and another comes is asked of that one.
    """
    from playwright.sync_api import Error  # most who wait have no browser

    for _ in range(300):
        try:
            if page.evaluate(expression):
                return
        except Error as error:
            if LEFT not in error.message:
                raise
        page.wait_for_timeout(50)
    raise AssertionError((expression, page.evaluate("({...document.body.dataset})")))
