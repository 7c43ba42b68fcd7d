"""Every page may be used by everybody: axe-core finds nothing serious, on a phone and on a desk (WCAG 2 A and AA)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from tests.browser.axe import serious, too_small
from tests.browser.conftest import enter
from tests.draws.stage import WECHAT
from tests.instant.stage import approved, set_wheel
from tests.payouts.desk import Desk, csv_file, desk_on, openid
from tests.payouts.test_programmes import FORM
from tests.servers import LoopbackServer
from tests.staff.consoles import NOON, PEOPLE, seed_story
from tests.vouchers.stage import GUI, HONG, MING, Stage, lay_stage
from wxbot import oauth
from wxbot.campaigns.models import Campaign
from wxbot.staff.console import ANYONE, roles_of

pytestmark = pytest.mark.browser

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1440, "height": 900}}


class House:
    """The whole application behind a port, with something on every page."""

    def __init__(self, desk: Desk, stage: Stage, base: str, instant: list[str]) -> None:
        self.desk, self.stage, self.base = desk, stage, base
        self.instant = instant
        """The pages of campaigns of instant draws, which share their views with those of shaking."""

    @property
    def app(self) -> Flask:
        return self.desk.app

    def sign_in(self, page: Any, login: str) -> None:
        enter(page, self.app, login)

    def be(self, page: Any, person: str) -> None:
        """Sign a person in, as WeChat would have."""
        cookie = self.stage.phone(person).client.get_cookie(oauth.session_cookie(self.stage.runtime))
        assert cookie
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "domain": "127.0.0.1", "path": "/"}])

    def open(self, page: Any, path: str) -> None:
        """Go to a page; SLUG stands for the running campaign."""
        with self.stage.runtime.database.reading() as session:
            slug = session.get_one(Campaign, 1).slug
        page.goto(self.base + path.replace("SLUG", slug))

    def may(self, login: str, endpoint: str | None) -> bool:
        """Whether somebody's role may open a view."""
        roles = roles_of(self.app.view_functions.get(endpoint or ""))
        return ANYONE in roles or PEOPLE[login][1] in roles

    def endpoint(self, path: str) -> str | None:
        """What answers a GET of a path."""
        try:
            return str(self.app.url_map.bind("").match(path.partition("?")[0], method="GET")[0])
        except HTTPException:
            return None


@pytest.fixture
def house(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[House]:
    with LoopbackServer() as server, desk_on(sqlite_url, redis_url, tmp_path, public_url=server.url) as desk:
        runtime = desk.app.extensions["wxbot"]
        seed_story(runtime.database, NOON, packets=60)
        stage = lay_stage(runtime)
        stage.__dict__["app"] = desk.app
        stage.hand_in(1, kind="boxes", units=5)
        stage.hand_in(2, HONG)
        desk.know(7, "赵七")
        programme = desk.fund()
        desk.uploaded(csv_file((openid(7), "", "8.80", "三月"), ("nobody", "", "x", "")), programme)
        set_wheel(runtime, {}, {"name": "大奖", "odds_ppm": 0}, send_name="示例小店", wishing="恭喜", remark="奖品")
        draft = approved(runtime, slug="later", status="draft").campaign_id
        desk.as_("wang").post(f"/admin/programmes/{programme}/edit", FORM | {"person_per_month": "900"})
        desk.as_("chen").post("/admin/staff", {"login": "fresh.test", "name": "新人", "role": "cashier"})
        server.serve(desk.app.wsgi_app)
        yield House(desk, stage, server.url, [f"/admin/campaigns/{draft - n}" for n in (0, 1)])


@pytest.fixture
def wechat(chromium: Any) -> Iterator[Any]:
    """WeChat's browser, which our pages know by its name."""
    context = chromium.new_context(viewport=SIZES["phone"], locale="zh-CN", user_agent=WECHAT, reduced_motion="reduce")
    yield context.new_page()
    context.close()


PHONE_PAGES = {
    "a form with choices and photos": (MING, "/h5/voucher"),
    "a form with some choices closed": (GUI, "/h5/voucher"),
    "binding": (GUI, "/h5/bind"),
    "a list": (MING, "/h5/me"),
    "the envelope": (MING, "/h5/c/SLUG"),
    "a wheel": (MING, "/h5/c/wheel"),
    "rules": (MING, "/h5/c/SLUG/rules"),
    "afterwards": (MING, "/h5/c/SLUG/after"),
    "what is not there": (MING, "/h5/c/nowhere"),
    "an error": (MING, "/nowhere"),
}
WIZARD = "/admin/campaigns/new?mechanic=instant&step=prizes"
CONSOLE_PAGES = {
    "li": ("/admin/", "/admin/campaigns/1", "/admin/campaigns/new", WIZARD, "/admin/reply-rules"),
    "wang": ("/admin/payouts", "/admin/lists/1"),
    "sun": ("/admin/vouchers",),
}
"""One of each kind: figures, charts, a long form, a table in place, filters, a file's rows, the desk of photos."""


def test_one_page_of_each_kind_on_the_phone(house: House, wechat: Any) -> None:
    found = {}
    for name, (person, path) in PHONE_PAGES.items():
        house.be(wechat, person)
        house.open(wechat, path)
        found[name] = serious(wechat)
    assert not {name: each for name, each in found.items() if each}


def test_one_page_of_each_kind_in_the_console(house: House, browser_page: Any) -> None:
    browser_page.goto(f"{house.base}/admin/sign-in")
    found = {"sign-in": serious(browser_page)}
    for login, paths in CONSOLE_PAGES.items():
        house.sign_in(browser_page, login)
        for path in paths:
            browser_page.goto(house.base + path)
            found[path] = serious(browser_page)
    assert not {name: each for name, each in found.items() if each}


LINKS = "[...document.querySelectorAll('a[href], [hx-get]')].map(a => a.getAttribute('href') || '').filter(h => h.startsWith('/admin'))"


@pytest.mark.proof
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("login", ["li", "wang", "sun", "chen"])
def test_every_page_of_the_console_that_a_role_can_reach(
    house: House, browser_page: Any, login: str, size: str
) -> None:
    """Follows every link from the home page, looks at one address of each view, and opens every view that needs no number."""
    page, found, lost = browser_page, {}, {}
    seen: set[str | None] = set()
    page.set_viewport_size(SIZES[size])
    house.sign_in(page, login)
    own = (
        *house.instant,
        f"{house.instant[0]}/edit",
        *(f"{house.instant[1]}/{part}" for part in ("changes", "awards", "days")),
    )
    plain = [
        rule.rule
        for rule in house.app.url_map.iter_rules()
        if rule.rule.startswith("/admin") and "GET" in (rule.methods or ()) and not rule.arguments
    ]
    waiting = dict.fromkeys(("/admin/", *own, *plain), "the address bar")
    while path := next((each for each in waiting if each not in seen), None):
        seen.add(path)
        endpoint = house.endpoint(path)
        if "sign_out" in (endpoint or ""):
            continue
        answer = page.request.get(house.base + path)
        if path in (*own, *plain) and not house.may(login, endpoint):
            assert answer.status == 403, f"{path} is not for {login}"
        elif answer.status != 200:
            lost[path] = f"{answer.status}, linked from {waiting[path]}"
        elif path in own or endpoint not in seen:
            seen.add(endpoint)
            if "text/html" in answer.headers["content-type"] and "<html" in answer.text():
                page.goto(house.base + path)
                found[path] = serious(page) + (too_small(page)[:6] if size == "phone" else [])
                waiting = dict.fromkeys((link.partition("?")[0] for link in page.evaluate(LINKS)), path) | waiting
    assert not lost, "no link leads nowhere, and a role is refused nothing that is its own"
    assert len(found) >= 8, "the console has pages"
    assert not {path: each for path, each in found.items() if each}


@pytest.mark.proof
def test_every_page_of_the_phone_in_both_languages_dark_and_light(house: House, chromium: Any) -> None:
    """With the pages of one voucher and one packet; in English, and in the dark, where every colour is another."""
    voucher = house.stage.open(MING)
    kept = house.stage.hand_in(9)
    paths = {path for _person, path in PHONE_PAGES.values()}
    paths |= {f"/h5/voucher/{each.public_id}" for each in (voucher, kept)} | {"/h5/voucher/nobodys", "/h5/pay/nobodys"}
    paths |= {"/h5/c/wheel/rules", "/h5/c/wheel/proof", "/h5/awards"}
    found = {}
    for scheme in ("light", "dark"):
        context = chromium.new_context(viewport=SIZES["phone"], locale="zh-CN", user_agent=WECHAT, color_scheme=scheme)
        page = context.new_page()
        house.be(page, MING)
        house.open(page, "/h5/c/wheel")
        page.locator("#go").click()
        page.locator("#sheet-title", has_text="抽中").wait_for()
        found[f"a prize {scheme}"] = serious(page)
        for path in sorted(paths):
            for language in ("zh", "en"):
                house.open(page, f"{path}?lang={language}")
                found[f"{path} {language} {scheme}"] = serious(page)
        context.close()
    assert not {name: each for name, each in found.items() if each}
