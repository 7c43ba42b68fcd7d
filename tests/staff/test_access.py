"""Who may do what: every console route × every role, from one table; what is not in the table fails."""

import re
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from tests.rows import everything
from tests.staff.consoles import Browser, form_at
from wxbot.db import Database
from wxbot.staff.console import HEADERS, roles_of

CONSOLE = (
    "staff.",
    "totp.",
    "campaigns.",
    "orders.",
    "draw_charts.",
    "looks.",
    "codes.",
    "previews.",
    "listed.",
    "ties.",
    "reports.",
    "awards.",
    "campaign_changes.",
    "reply_rules.",
    "menus.",
    "dialogues.",
    "programmes.",
    "lists.",
    "payouts.",
    "thaw.",
    "timeline.",
    "roster.",
    "marks.",
    "confirmations.",
    "vouchers.",
)

ALL, WATCH, RUNS, MONEY, BOSS, SEES, ANY = (
    ("marketer", "reviewer", "cashier", "admin"),
    ("marketer", "cashier", "admin"),
    ("marketer",),
    ("cashier",),
    ("admin",),
    ("marketer", "cashier"),
    ("anyone",),
)
DESK, LISTS, CHATS = ("reviewer", "cashier", "admin"), ("reviewer", "admin"), ("marketer", "admin")
MATRIX: dict[str, tuple[str, ...]] = {
    "staff.sign_in_form": ANY,
    "staff.sign_in_post": ANY,
    "staff.language": ANY,
    "staff.sign_out": ALL,
    "staff.password_form": ALL,
    "staff.password": ALL,
    "staff.reset_totp": BOSS,
    "totp.code_form": ANY,
    "totp.code_post": ANY,
    "totp.page": ALL,
    "totp.begin": ALL,
    "totp.confirm": ALL,
    "totp.renew_codes": ALL,
    "totp.off": ALL,
    "reports.take": ALL,
    "ties.page": ALL,
    "ties.waiting": ALL,
    "ties.confirm": ALL,
    "ties.untie": BOSS,
    "staff.people": BOSS,
    "staff.add_person": BOSS,
    "staff.disable_person": BOSS,
    "staff.enable_person": BOSS,
    "staff.reset_person": BOSS,
    "staff.audit_log": BOSS,
    "campaigns.overview": WATCH,
    "campaigns.delete": RUNS,
    "campaigns.overview_live": WATCH,
    "campaigns.overview_money": WATCH,
    "campaigns.index": WATCH,
    "campaigns.page": WATCH,
    "campaigns.page_live": WATCH,
    "campaigns.qr_code": WATCH,
    "campaigns.qr_picture": WATCH,
    "campaigns.poster_picture": WATCH,
    "campaigns.add_place": RUNS,
    "campaigns.scene_picture": RUNS,
    "draw_charts.entries": WATCH,
    "looks.save": RUNS,
    "previews.page": WATCH,
    "previews.frame": WATCH,
    "codes.page": RUNS,
    "codes.take": RUNS,
    "listed.page": RUNS,
    "listed.take": RUNS,
    "awards.simulate": RUNS,
    "awards.figures": WATCH,
    "awards.page": SEES,
    "awards.winners": SEES,
    "campaign_days.page": SEES,
    "campaign_days.sheet": SEES,
    "campaign_changes.page": SEES,
    "campaign_changes.ask": RUNS,
    "campaign_changes.approve": MONEY,
    "campaign_changes.refuse": SEES,
    "looks.picture": WATCH,
    "campaigns.money_chart": WATCH,
    "campaigns.packets": SEES,
    "campaigns.packet": SEES,
    "campaigns.export_packets": SEES,
    "campaigns.new": RUNS,
    "campaigns.create": RUNS,
    "campaigns.edit": RUNS,
    "campaigns.update": RUNS,
    "campaigns.show_forecast": RUNS,
    "campaigns.copy": RUNS,
    "campaigns.submit": RUNS,
    "campaigns.approve": MONEY,
    "campaigns.send_back": SEES,
    "campaigns.start": RUNS,
    "campaigns.pause": SEES,
    "campaigns.resume": RUNS,
    "campaigns.end": SEES,
    "draw_charts.funnel": WATCH,
    "draw_charts.chart": WATCH,
    "orders.ledger_page": MONEY,
    "orders.export_ledger": MONEY,
    "orders.index": MONEY,
    "orders.order": MONEY,
    "orders.ask": MONEY,
    "orders.mark": MONEY,
    "orders.confirm": MONEY,
    "orders.withdraw": MONEY,
    "orders.stop_merchant": MONEY,
    "orders.open_merchant": MONEY,
    "thaw.index": MONEY,
    "thaw.pairs": MONEY,
    "thaw.confirm_all": MONEY,
    "thaw.propose": MONEY,
    "thaw.confirm": MONEY,
    "thaw.send_back": MONEY,
    "thaw.ask_open": MONEY,
    "thaw.confirm_open": MONEY,
    "thaw.release": MONEY,
    "thaw.confirm_release": MONEY,
    "programmes.index": MONEY,
    "programmes.new": MONEY,
    "programmes.create": MONEY,
    "programmes.page": MONEY,
    "programmes.edit": MONEY,
    "programmes.update": MONEY,
    "programmes.close": MONEY,
    "programmes.reopen": MONEY,
    "programmes.ask_change": MONEY,
    "programmes.approve_change": MONEY,
    "programmes.refuse_change": MONEY,
    "programmes.approve_rules": MONEY,
    "programmes.refuse_rules": MONEY,
    "lists.index": SEES,
    "lists.new": SEES,
    "lists.create": SEES,
    "lists.template": SEES,
    "lists.page": SEES,
    "lists.live": SEES,
    "lists.check": SEES,
    "lists.submit": SEES,
    "lists.approve": MONEY,
    "lists.send_back": SEES,
    "lists.drop": SEES,
    "lists.results_csv": SEES,
    "lists.results_xlsx": SEES,
    "lists.faulty": SEES,
    "timeline.search": (*DESK, "marketer"),
    "timeline.person": (*DESK, "marketer"),
    "payouts.index": MONEY,
    "payouts.payout": MONEY,
    "payouts.approve": MONEY,
    "payouts.cancel": MONEY,
    "payouts.take_back": MONEY,
    "payouts.ask": MONEY,
    "payouts.reissue": MONEY,
    "payouts.new": MONEY,
    "payouts.who": MONEY,
    "payouts.create": MONEY,
    "payouts.export_csv": MONEY,
    "payouts.export_xlsx": MONEY,
    "roster.index": DESK,
    "roster.bound": DESK,
    "roster.unmask": DESK,
    "roster.upload": LISTS,
    "roster.take_over": LISTS,
    "roster.faulty": LISTS,
    "roster.activate": LISTS,
    "roster.deactivate": LISTS,
    "roster.approve": LISTS,
    "roster.refuse": LISTS,
    "roster.unbind": LISTS,
    "marks.index": DESK,
    "marks.put": DESK,
    "marks.take": DESK,
    "marks.remove": ("cashier", "admin"),
    "confirmations.index": DESK,
    "confirmations.page": DESK,
    "confirmations.confirm": DESK,
    "vouchers.index": ("reviewer", "cashier"),
    "vouchers.everything": ("reviewer", "cashier"),
    "vouchers.page": ("reviewer", "cashier"),
    "vouchers.photo": ("reviewer", "cashier"),
    "vouchers.step": ("reviewer",),
    "vouchers.claim": ("reviewer",),
    "vouchers.release": ("reviewer",),
    "vouchers.approve": ("reviewer",),
    "vouchers.reject": ("reviewer",),
    "vouchers.want_photo": ("reviewer",),
    "vouchers.bulk": ("reviewer",),
    "vouchers.approve_many": ("reviewer",),
    "vouchers.undo": ("reviewer",),
    "vouchers.kind_list": ("marketer", "reviewer", "cashier"),
    "vouchers.blank_kind": MONEY,
    "vouchers.add_kind": MONEY,
    "vouchers.kind": MONEY,
    "vouchers.change_kind": MONEY,
    "vouchers.approve_rules": MONEY,
    "vouchers.refuse_rules": MONEY,
    "reply_rules.index": RUNS,
    "reply_rules.add": RUNS,
    "reply_rules.remove": RUNS,
    "reply_rules.change": RUNS,
    "reply_rules.switch": RUNS,
    "reply_rules.move": RUNS,
    "reply_rules.stand": RUNS,
    "menus.index": RUNS,
    "menus.save": RUNS,
    "menus.review": RUNS,
    "menus.publish": RUNS,
    "menus.fetch": RUNS,
    "dialogues.index": CHATS,
    "dialogues.end": CHATS,
}

LOGIN = {"marketer": "li", "reviewer": "sun", "cashier": "wang", "admin": "chen"}


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, a path that exists in the story) of every console route."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(CONSOLE):
            path = re.sub(r"<int:packet_id>|<int:order_id>", "1000007", rule.rule)
            path = re.sub(r"<int:staff_id>", "2", re.sub(r"<int:campaign_id>", "1", path))
            path = re.sub(r"<int:\w+>", "1", path)
            found += [(rule.endpoint, method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return sorted(found)


def test_every_route_has_a_row_and_says_the_same_S28(story_app: Flask) -> None:
    endpoints = {endpoint for endpoint, _, _ in routes(story_app)}
    assert endpoints <= MATRIX.keys(), f"routes without a row: {sorted(endpoints - MATRIX.keys())}"
    for endpoint in endpoints:
        assert roles_of(story_app.view_functions[endpoint]) == frozenset(MATRIX[endpoint]), endpoint


@pytest.mark.parametrize("role", ["marketer", "reviewer", "cashier", "admin", "nobody"])
def test_each_role_opens_exactly_its_routes_S28(story_app: Flask, role: str) -> None:
    browser = Browser(story_app, LOGIN[role]) if role in LOGIN else Browser(story_app)
    token = browser.token()
    wrong = []
    for endpoint, method, path in routes(story_app):
        if endpoint in ("staff.sign_out", "staff.sign_in_post", "orders.stop_merchant"):
            continue
        answer = browser.client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
        turned_away = answer.status_code == 403 or answer.headers.get("Location", "").endswith("/admin/sign-in")
        allowed = role in MATRIX[endpoint] or "anyone" in MATRIX[endpoint]
        is_by_state = endpoint in ("staff.language", "staff.password", "totp.code_form", "totp.code_post")
        if not is_by_state and turned_away == allowed:
            wrong.append((endpoint, method, answer.status_code))
        assert answer.status_code < 500, (endpoint, answer.status_code)
    assert wrong == []


def test_a_view_that_names_no_role_is_refused_to_everybody_S28(console_app: Flask) -> None:
    view = console_app.view_functions["campaigns.overview"]
    console_app.view_functions["campaigns.overview"] = lambda: "open"
    try:
        assert Browser(console_app, "li").get("/admin/").status_code == 403
    finally:
        console_app.view_functions["campaigns.overview"] = view


def test_another_marketers_campaign_is_as_absent_as_none_S29(story_app: Flask) -> None:
    other = Browser(story_app, "zhao")
    for endpoint, method, path in routes(story_app):
        if "/campaigns/1" not in path or "marketer" not in MATRIX[endpoint]:
            continue
        token = {"csrf_token": other.token()} if method == "POST" else None
        theirs = other.client.open(path, method=method, data=token)
        absent = other.client.open(path.replace("/campaigns/1", "/campaigns/999"), method=method, data=token)
        assert (theirs.status_code, absent.status_code) == (404, 404), path
        assert theirs.text == absent.text
    assert "新春到店摇红包" not in other.get("/admin/campaigns").text
    assert "新春到店摇红包" in Browser(story_app, "li").get("/admin/campaigns").text


def test_a_post_without_or_with_a_foreign_token_is_refused_S55(story_app: Flask) -> None:
    browser, stranger = Browser(story_app, "li"), Browser(story_app, "li")
    for values in ({}, {"csrf_token": "x"}, {"csrf_token": stranger.token()}):
        answer = browser.client.post("/admin/campaigns/1/pause", data=values)
        assert answer.status_code == 400
    assert (
        browser.client.post("/admin/campaigns/1/pause", data="csrf_token", content_type="text/plain").status_code == 400
    )
    assert browser.client.post("/admin/sign-in", data={"login": "li.test", "password": "x"}).status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost.evil.test", "http://localhost:81"])
def test_a_post_from_another_origin_is_refused_even_with_a_token_S55(story_app: Flask, origin: str) -> None:
    browser = Browser(story_app, "li")
    assert browser.post("/admin/campaigns/1/pause", Origin=origin).status_code == 400
    assert browser.post("/admin/campaigns/1/pause", None, **{"Sec-Fetch-Site": "cross-site"}).status_code == 400
    assert browser.post("/admin/campaigns/1/pause", Origin="http://localhost").status_code == 303


def _dump(url: str, but: tuple[str, ...]) -> dict[str, Any]:
    with closing(Database(url)) as database, database.engine.connect() as connection:
        return {name: sorted(map(repr, rows)) for name, rows in everything(connection).items() if name not in but}


@pytest.mark.parametrize("login", ["li", "wang", "chen"])
def test_no_get_changes_anything_S55(story_app: Flask, login: str, database_url: str) -> None:
    browser = Browser(story_app, login)
    before = _dump(database_url, but=("audit_events",))
    for _, method, path in routes(story_app):
        if method == "GET":
            browser.get(path)
    assert _dump(database_url, but=("audit_events",)) == before


EVIL = (
    "1 OR 1=1",
    "1;DROP TABLE staff",
    "' OR ''='",
    '"',
    "\\",
    "%00",
    "\x00",
    "-1",
    "9" * 30,
    "9" * 15,
    "../../etc/passwd",
    "{{7*7}}",
    "𝟙",
    "é" * 200,
)


@pytest.mark.on_postgresql
def test_hostile_parameters_change_nothing_and_break_nothing_S74(story_app: Flask, database_url: str) -> None:
    browser, money, boss = (Browser(story_app, who) for who in ("li", "wang", "chen"))
    before = _dump(database_url, but=("audit_events",))
    for text in EVIL:
        for who, path, names in (
            (browser, "/admin/campaigns", ("group", "before")),
            (browser, "/admin/campaigns/1/packets", ("status", "q", "after", "before", "jump")),
            (money, "/admin/ledger", ("campaign", "kind", "ref", "before")),
            (money, "/admin/orders", ("status", "after")),
            (money, "/admin/vouchers/all", ("status", "kind", "openid", "before")),
            (money, "/admin/payouts", ("tab", "programme", "source", "q", "before")),
            (money, "/admin/roster/bindings", ("view", "q", "before")),
            (boss, "/admin/audit", ("staff", "action", "outcome", "target", "before")),
        ):
            answer = who.client.get(path, query_string=dict.fromkeys(names, text))
            assert answer.status_code in (200, 400), (path, text, answer.status_code)
    assert _dump(database_url, but=("audit_events",)) == before


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/sign-in", "/admin/campaigns/1", "/admin/campaigns/1/money.json", "/admin/nowhere"]
)
def test_no_page_is_framed_or_kept_S72_S77(story_app: Flask, path: str) -> None:
    headers = Browser(story_app, "li").get(path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "private, no-store"


def test_the_policy_allows_no_inline_script_and_pages_have_none_S71(story_app: Flask) -> None:
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    browser = Browser(story_app, "li")
    for endpoint, method, path in routes(story_app):
        if method == "GET" and "marketer" in MATRIX[endpoint]:
            answer = browser.get(path)
            text = answer.text if answer.mimetype == "text/html" else ""
            assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text), path
            assert not re.search(r"<[a-z][^<>]*\s(?:style|on[a-z]+)\s*=", text), path


def test_an_admin_cannot_change_themselves_and_a_role_has_no_route_S56(story_app: Flask) -> None:
    admin = Browser(story_app, "chen")
    for action in ("disable", "enable", "reset"):
        assert admin.post(f"/admin/staff/5/{action}").status_code == 404
    assert not [path for _, _, path in routes(story_app) if "role" in path]


def test_a_person_who_is_not_signed_in_is_told_by_htmx_too(story_app: Flask) -> None:
    answer = Browser(story_app).get("/admin/overview/live", **{"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/admin/sign-in"


def test_the_form_of_a_marketer_reaches_the_same_rules_as_the_pages(console_app: Flask) -> None:
    now = console_app.extensions["wxbot"].clock.now()
    cashier = Browser(console_app, "wang")
    assert cashier.post("/admin/campaigns/new", form_at(now)).status_code == 403


def test_a_name_that_turns_the_words_around_is_kept_and_sought_without(story_app: Flask) -> None:
    boss, browser = Browser(story_app, "chen"), Browser(story_app, "li")
    boss.post("/admin/staff", {"login": "qian\u200b.test", "name": "\u202e钱\u200b财务\u3164", "role": "cashier"})
    assert "qian.test" in (page := boss.get("/admin/staff").text) and ">钱财务<" in page.replace("<bdi>", "")
    for q in ("#\u200b7", "\u202e#7\ufeff", "\u3000#7\u2028"):
        assert browser.get(f"/admin/campaigns/1/packets?q={quote(q)}").text.count("<tr>") == 2, q
    login = Browser(story_app).post(
        "/admin/sign-in", {"login": "\u2066li\u200b.test\u2069", "password": "correct-horse-7"}
    )
    assert login.status_code == 303
