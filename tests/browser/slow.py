"""A phone on a slow network: the page is there, and its scripts are not yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.waiting import until_page

DEAF = """() => [...document.querySelectorAll('button, input[type=file], form')]
  .filter((one) => one.checkVisibility() && !one.closest('form')?.querySelector('[name=form_mark]'))
  .filter((one) => one.tagName === 'FORM' ? !one.querySelector('[type=submit]') : !one.disabled)
  .map((one) => one.outerHTML)"""
"""What can be tapped, or sent with Enter, and only a script would hear; a form with its mark is read by the server."""
SHUT = "() => [...document.querySelectorAll('[data-waits]')].filter((one) => one.disabled).map((one) => one.outerHTML)"

DRESSED = "document.querySelector('.still-opening').getAnimations().length > 0"
"""Its style has come, before which nobody sees anything of it."""
WAITED = "(ms) => document.querySelector('.still-opening').getAnimations().forEach((one) => { one.pause(); one.currentTime = ms; })"
"""As if somebody had looked at the page for so long, however long this machine took to show it."""

LATE = """(() => {
  let late = null;
  const quiet = (event) => event.stopImmediatePropagation();
  document.addEventListener('WeixinJSBridgeReady', quiet, true);
  Object.defineProperty(window, 'WeixinJSBridge', { configurable: true, get: () => undefined, set: (bridge) => { late = bridge; } });
  window.bringBridge = () => {
    if (!late) { return false; }
    document.removeEventListener('WeixinJSBridgeReady', quiet, true);
    delete window.WeixinJSBridge;
    window.WeixinJSBridge = late;
    document.dispatchEvent(new Event('WeixinJSBridgeReady'));
    return true;
  };
})()"""


@contextmanager
def held_back(page: Any, scripts: str) -> Iterator[None]:
    """These scripts of the page that is opened within come only afterwards."""
    held: list[Any] = []
    page.route(scripts, lambda route: held.append(route))
    yield
    for route in held:
        route.continue_()
    page.unroute(scripts)
    page.wait_for_load_state()


def open_without(page: Any, address: str, loaded: str = "body") -> None:
    """Open a page whose scripts are held back: all of its text is there, behind the pages of a sign-in."""
    page.goto(address, wait_until="commit")
    page.locator(loaded).first.wait_for(state="attached")
    until_page(page, "document.readyState === 'interactive'")


def hold_bridge(page: Any) -> None:
    """WeChat's bridge comes to the next page only when it is brought."""
    page.add_init_script(LATE)


def bring_bridge(page: Any) -> None:
    """It is there now, and says so."""
    until_page(page, "bringBridge()")


def open_slowly(page: Any, address: str) -> None:
    """Open a page of the phone: nothing of it is deaf while its scripts are on their way, and what waits for them opens when they are there."""
    with held_back(page, "**/static/h5/*.js*"):
        open_without(page, address, "script[src*='/static/h5/']")
        until_page(page, DRESSED)
        assert page.evaluate(DEAF) == []
        opening = page.locator(".still-opening")
        page.evaluate(WAITED, 3_000)
        assert not opening.is_visible(), "a short wait says nothing"
        page.evaluate(WAITED, 10_000)
        assert opening.is_visible()
    assert page.evaluate(SHUT) == []
    assert not opening.is_visible()
