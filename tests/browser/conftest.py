"""The application behind a port, and a person's phone: what the stories of phone pages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Cast, Person
from tests.servers import SimulatedWeChat
from tests.sites import site_at
from tests.staff.consoles import Browser
from wxbot.runtime import Runtime
from wxbot.staff.console import cookie_name


@pytest.fixture
def site(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """The application on a port of its own, which WeChat knows; its merchant has money."""
    with site_at(simulator, sqlite_url, redis_url, tmp_path) as runtime:
        yield runtime


@pytest.fixture
def page(browser_page: Any) -> Iterator[Any]:
    """A page of the size of a phone that fails the test on a dialog of the browser's own or a blocked script or style (CSP)."""
    broken: list[str] = []
    browser_page.on("dialog", lambda dialog: (broken.append(dialog.message), dialog.dismiss()))
    browser_page.on(
        "console", lambda message: broken.append(message.text) if "Content Security Policy" in message.text else None
    )
    yield browser_page
    assert broken == []


@pytest.fixture
def phone(page: Any, cast: Cast) -> Any:
    """阿明's phone: inside the simulated WeChat, holding his identity."""
    hold(page, cast.ming)
    return page


def hold(page: Any, person: Person) -> None:
    """The phone is this person's from now on: nobody else is signed in."""
    page.context.clear_cookies()
    belong(page, person)


def belong(page: Any, person: Person) -> None:
    """The phone is this person's; whoever else the browser knows, a paired screen for example, stays known."""
    cookies = {"sim_person": str(person.id), "wxsim_client": "MicroMessenger/8.0.50"}
    page.context.add_cookies(
        [{"name": name, "value": value, "domain": "127.0.0.1", "path": "/"} for name, value in cookies.items()]
    )


def enter(page: Any, app: Flask, login: str) -> None:
    """The page's browser is this colleague's, who has signed in; the form itself is filled in by tests of replies, vouchers and halls."""
    page.context.clear_cookies()
    page.context.add_cookies([pass_of(Browser(app, login))])


def pass_of(colleague: Browser) -> Any:
    """The cookie with which a page is this colleague's."""
    with colleague.app.app_context():
        cookie = colleague.client.get_cookie(cookie_name(), domain="127.0.0.1")
    assert cookie
    return {"name": cookie.key, "value": cookie.value, "domain": "127.0.0.1", "path": "/"}
