"""Between the start and the stop nobody can tell who won: no page of the console, no phone, and nothing that Redis is told, which is
all that `wxbot live` knows."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.draws.stage import BASE, Phone
from tests.hall.hosting import Host
from tests.hall.screens import still, without
from tests.hall.stage import open_hall
from tests.staff.consoles import PASSWORD, Browser
from tests.test_metrics import values
from wxbot.hall import wire
from wxbot.phone_session import session_cookie, session_text, signed
from wxbot.runtime import Runtime
from wxbot.staff import accounts

PROGRESS = {
    "/admin/audit",
    "/admin/halls/<int:campaign_id>",
    "/admin/halls/<int:campaign_id>/pulse",
    "/admin/campaigns/<int:campaign_id>/days",
}
"""What says that a selection was started, or how many were, so that it is not the same before and after."""

FILES_OF_PROGRESS = {"/admin/campaigns/<int:campaign_id>/days.<form>"}
"""The same of files: how many selections a day had."""

OF_THE_MOMENT = {"/admin/campaigns/new", "/admin/lists/template.xlsx"}
"""What has the minute of its making in it: a form's first suggestion, and a workbook."""

PICTURES = ("poster", "qr.svg", "qr.png")
"""Of the campaign's address, and long in the making."""


@pytest.fixture
def desk(runtime: Runtime) -> Host:
    desk = Host(open_hall(runtime, guests=12, terms={"mode": "seed", "groups": ["甲", "乙"]}))
    desk.freeze()
    desk.arm(k=3)
    desk.tell()
    return desk


def paths_of(app: Flask, desk: Host) -> dict[str, str]:
    """The address of each page of the console that is about nothing single, one campaign or one person, as the table of addresses
    has it → here; the person is one who wins."""
    given = {"campaign_id": desk.id, "openid": desk.stage.openids[desk.foretold()[0] - 1], "ordinal": 1}
    found = addresses(app, "GET", given)
    return {rule: path for rule, path in found.items() if not rule.endswith(PICTURES) and rule not in OF_THE_MOMENT}


def files_of(app: Flask, desk: Host) -> dict[str, str]:
    """The address of each file that is taken away by a POST, as text: what is a workbook, too, has the same rows."""
    found = addresses(app, "POST", {"campaign_id": desk.id, "form": "csv"})
    return {rule: path for rule, path in found.items() if path.endswith((".csv", ".json"))}


def addresses(app: Flask, method: str, given: Mapping[str, object]) -> dict[str, str]:
    """Rule → address of whatever the console answers that asks for nothing but what is given."""
    found = dict[str, str]()
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and rule.rule.startswith("/admin") and rule.arguments <= set(given):
            made = rule.build({name: given[name] for name in rule.arguments}, append_unknown=False)
            assert made is not None
            found[rule.rule] = made[1]
    return found


def colleagues(app: Flask, runtime: Runtime) -> list[Browser]:
    """One of each role, signed in."""
    people = list[Browser]()
    for role in ("cashier", "admin", "marketer"):
        accounts.hire(runtime.database, f"{role}.test", role, role, PASSWORD, runtime.clock.now())
        people.append(Browser(app, role))
    return people


def named_in(desk: Host, text: str) -> Counter[str]:
    """How often each guest is named in it, in whatever way that is done: by name, masked or not, openid, id or salt."""
    ways = {way for guest in desk.stage.guests() for way in (guest.name, guest.person, guest.openid, guest.salt)}
    words = re.findall(r"来宾\d+|来\*+|o-gala-\d+|[0-9a-f]{32,}", text)
    return Counter(word for word in words if word in ways or "*" in word)


def test_no_page_of_the_console_tells_a_winner_before_the_stop(app: Flask, runtime: Runtime, desk: Host) -> None:
    people = colleagues(app, runtime)
    paths = paths_of(app, desk)

    def page(path: str) -> bytes:
        """As the first of them reads it who may."""
        answers = (each.get(path) for each in people)
        return next((answer.data for answer in answers if answer.status_code == 200), b"")

    def read() -> dict[str, str]:
        read = {rule: _plain(page(path)) for rule, path in paths.items()}
        return {rule: text for rule, text in read.items() if text}

    read()  # one page sends on to the next with a notice, which is shown once
    before = read()
    assert {f"/admin/halls/<int:campaign_id>{part}" for part in ("", "/figures", "/record", "/pulse")} < set(before)
    assert {f"/admin/campaigns/<int:campaign_id>{part}" for part in ("", "/awards", "/figures")} < set(before)
    assert {f"/admin/{part}" for part in ("", "payouts", "ledger", "audit", "campaigns", "alerts")} < set(before)
    desk.start()
    desk.tell()
    rolling = read()
    named = {rule: named_in(desk, text) for rule, text in before.items()}
    assert {rule: named_in(desk, text) for rule, text in rolling.items()} == named
    other = {rule for rule in before if before[rule] != rolling[rule]}
    assert other <= PROGRESS, other
    desk.reveal()
    record = "/admin/halls/<int:campaign_id>/record"
    assert named_in(desk, _plain(page(paths[record]))) != named[record], "what tells, once it may"


def test_no_file_of_the_console_tells_a_winner_before_the_stop(app: Flask, runtime: Runtime, desk: Host) -> None:
    people = colleagues(app, runtime)
    files = files_of(app, desk)

    def read() -> dict[str, str]:
        """Each file as the first of them takes it away who may."""
        found = dict[str, str]()
        for rule, path in files.items():
            answers = (each.post(path) for each in people)
            taken = next((answer.data for answer in answers if answer.status_code == 200), b"")
            found |= {rule: _plain(taken)} if taken else {}
        return found

    before = read()
    of_hall, of_campaign = "/admin/halls/<int:campaign_id>", "/admin/campaigns/<int:campaign_id>"
    tell = {f"{of_hall}/winners.<form>", f"{of_hall}/record.json", f"{of_campaign}/winners.<form>"}
    assert tell | {"/admin/ledger.csv", "/admin/payouts.csv"} <= set(before)
    desk.start()
    desk.tell()
    rolling = read()
    named = {rule: named_in(desk, text) for rule, text in before.items()}
    assert {rule: named_in(desk, text) for rule, text in rolling.items()} == named
    assert {rule for rule in before if before[rule] != rolling[rule]} <= FILES_OF_PROGRESS
    desk.reveal()
    desk.confirm(1)
    assert tell <= {rule for rule, text in read().items() if text != before[rule]}, "what tells, once it may"


def test_no_metric_moves_with_who_won_before_the_stop(runtime: Runtime, desk: Host) -> None:
    """But for how many selections stand where, which the desk shows."""

    def read() -> dict[str, float]:
        seen = values(runtime)
        return {
            name: value for name, value in seen.items() if not re.search(r"hall_selections|_seconds|_time|_age", name)
        }

    before = read()
    assert 'wxbot_ledger_fen{account="owed"}' in before
    desk.start()
    desk.tell()
    assert read() == before
    desk.reveal()
    desk.confirm(1)
    assert read() != before, "what tells, once it may"


def _plain(page: bytes) -> str:
    """Without what is another with each look."""
    return re.sub(r'csrf_token" value="[^"]+|\d\d:\d\d:\d\d', "", still(page).decode(errors="replace"))


def test_no_phone_and_nothing_in_redis_tells_a_winner_before_the_stop(app: Flask, runtime: Runtime, desk: Host) -> None:
    """Each guest asks over HTTP; of Redis every key and every message is read."""
    heard = runtime.redis.pubsub()  # type: ignore[no-untyped-call]  # redis types no arguments there
    heard.psubscribe("*")

    def messages() -> list[str]:
        said = iter(lambda: heard.get_message(timeout=0.2), None)
        return [f"{each['channel']} {each['data']}" for each in said if each["type"] == "pmessage"]

    def phones() -> list[Any]:
        return [_asked(app, runtime, openid).get_json() | {"now": 0} for openid in desk.stage.openids]

    def kept() -> dict[str, str]:
        keys: list[str] = sorted(runtime.redis.scan_iter("*"))
        counters = re.compile(r"rate:.*|.*:(v|next)")  # how often phones asked, the numbers of states
        found = {key: _value(runtime, key) for key in keys if not counters.fullmatch(key)}
        return {key: without(still(text.encode())).decode() for key, text in found.items()}

    messages()
    own, before = phones(), kept()
    assert [phone["won"] for phone in own] == [[]] * 12 and wire.state_key("gala") in before
    desk.start()
    desk.tell()
    assert phones() == own
    assert kept() == before
    assert {word for said in messages() for word in named_in(desk, said)} == set(), "the number of the newest state"
    desk.reveal()
    desk.tell()
    assert sum(len(phone["won"]) for phone in phones()) == 3
    assert kept()[wire.state_key("gala")] != before[wire.state_key("gala")]


def _asked(app: Flask, runtime: Runtime, openid: str) -> Any:
    """What the hall answers to this guest's phone."""
    phone = Phone(app, runtime)
    said = session_text(openid, int(runtime.clock.unix()), secrets.token_hex(8))
    phone.client.set_cookie(
        session_cookie(runtime), signed(runtime, "session", said), domain=urlsplit(BASE).hostname or ""
    )
    answer = phone.get("/h5/hall/gala/me", Accept="application/json")
    assert answer.status_code == 200, answer.text
    return answer


def _value(runtime: Runtime, key: str) -> str:
    """Whatever stands under a key."""
    reads: dict[str, Any] = {
        "string": runtime.redis.get,
        "hash": runtime.redis.hgetall,
        "set": runtime.redis.smembers,
        "zset": lambda name: runtime.redis.zrange(name, 0, -1, withscores=True),
        "list": lambda name: runtime.redis.lrange(name, 0, -1),
    }
    kind = str(runtime.redis.type(key))
    return str(reads[kind](key))
