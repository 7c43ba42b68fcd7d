"""A person's own pages: my red packets, and taking a transfer; nobody else's packet, and no secret of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Cast, simulator_settings
from tests.draws.stage import BASE, WECHAT, Phone
from tests.payouts.stories import fund, orders_of, owe, pass_time, payout_of
from tests.servers import SimulatedWeChat
from wxbot.app import create_app
from wxbot.payouts.models import HOLDS, PAYOUT_STATUSES, Payout
from wxbot.payouts.words import PERSON_HOLDS, STATES, for_person
from wxbot.people import notices
from wxbot.runtime import Runtime
from wxbot.text import Text
from wxbot.worker import run_until_quiet


@pytest.fixture
def runtime(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    simulator.control("POST", "bank/topup", {"amount_fen": 1_000_000})
    domains = {name: ["127.0.0.1:8000"] for name in ("oauth_domains", "js_domains")}
    simulator.control("PUT", "account", domains)
    with closing(Runtime(simulator_settings(simulator, sqlite_url, redis_url, tmp_path))) as made:
        yield made


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    return create_app(runtime)


@pytest.fixture
def ming(app: Flask, runtime: Runtime, cast: Cast) -> Phone:
    return Phone(app, runtime, cast.ming.id)


@pytest.fixture
def hong(app: Flask, runtime: Runtime, cast: Cast) -> Phone:
    return Phone(app, runtime, cast.hong.id)


def look(phone: Phone, path: str, mark: str, **headers: str) -> Any:
    """What the page's script sends when the person comes back from WeChat's page."""
    sent = {"User-Agent": WECHAT, "Accept": "application/json", "X-Form-Mark": mark, "Origin": BASE} | headers
    return phone.client.post(f"{path}/look", base_url=BASE, headers=sent)


def transfer(runtime: Runtime, openid: str, amount_fen: int = 880) -> Payout:
    payout_id = owe(runtime, fund(runtime, channel="transfer_bills"), openid, amount_fen)
    run_until_quiet(runtime)
    return payout_of(runtime, payout_id)


def test_a_transfer_is_taken_on_its_page_and_the_page_learns_it(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    payout = transfer(runtime, cast.ming.openid)
    path = f"/h5/pay/{payout.public_id}"
    page = ming.open(path)
    state = ming.state_of(page)
    assert (state["state"], state["word"]) == ("take", "待领取")
    assert set(state["transfer"]) == {"mchId", "appId", "package"}
    assert state["config"]["appId"] == runtime.settings.appid
    sheet = simulator.control(
        "POST",
        f"people/{cast.ming.id}/request_merchant_transfer",
        state["transfer"] | {"page_url": f"{BASE}{path}"},
    )
    assert sheet["sheet"]["amount_fen"] == 880
    simulator.control("POST", f"people/{cast.ming.id}/transfers/{sheet['sheet']['transfer_bill_no']}/confirm")
    run_until_quiet(runtime)
    assert payout_of(runtime, payout.id).status == "ordered"  # nothing is due yet, and WeChat's own notice is lost
    assert look(ming, path, state["mark"]).get_json()["state"] == "take"
    run_until_quiet(runtime)
    told = ming.get(f"{path}/state", Accept="application/json").get_json()
    assert (told["state"], told["is_done"]) == ("done", True)
    assert "transfer" not in ming.state_of(ming.open(path))
    assert "已领取" in ming.open("/h5/me").text


def test_coming_back_again_and_again_costs_one_question(runtime: Runtime, cast: Cast, ming: Phone) -> None:
    payout = transfer(runtime, cast.ming.openid)
    path = f"/h5/pay/{payout.public_id}"
    mark = ming.state_of(ming.open(path))["mark"]
    for _ in range(5):
        assert look(ming, path, mark).status_code == 200
    run_until_quiet(runtime)
    for _ in range(5):
        look(ming, path, mark)
    run_until_quiet(runtime)
    (order,) = orders_of(runtime, payout.id)
    assert order.checks == 1


def test_another_persons_packet_is_as_absent_as_none_S28(
    runtime: Runtime, cast: Cast, ming: Phone, hong: Phone
) -> None:
    payout = transfer(runtime, cast.ming.openid)
    path, nowhere = f"/h5/pay/{payout.public_id}", "/h5/pay/AAAAAAAAAAAAAAAAAAAAAAAA"
    mark = ming.state_of(ming.open(path))["mark"]
    theirs, none = hong.open(path), hong.open(nowhere)
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert theirs.text == none.text
    assert "8.80" not in hong.open("/h5/me").text
    for phone_path in (path, nowhere):
        answer = hong.get(f"{phone_path}/state", Accept="application/json")
        assert (answer.status_code, answer.get_json()) == (404, {"outcome": "gone"})
    assert look(hong, path, mark).status_code == 409  # a mark of somebody else's page
    guesses = (
        f"{path}?openid={cast.ming.openid}",
        f"/h5/pay/{payout.id}",
        "/h5/pay/" + "x" * 500,
        "/h5/pay/%27%20OR%201",
    )
    for guess in guesses:
        assert hong.open(guess).status_code == 404


def test_nothing_is_asked_for_a_page_of_another_site_S55(runtime: Runtime, cast: Cast, ming: Phone) -> None:
    payout = transfer(runtime, cast.ming.openid)
    path = f"/h5/pay/{payout.public_id}"
    mark = ming.state_of(ming.open(path))["mark"]
    assert look(ming, path, mark, Origin="https://evil.test").status_code == 409
    assert look(ming, path, "").status_code == 409
    run_until_quiet(runtime)
    assert orders_of(runtime, payout.id)[0].checks == 0


def test_an_expired_transfer_has_no_button_and_says_what_happened(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    payout = transfer(runtime, cast.ming.openid)
    path = f"/h5/pay/{payout.public_id}"
    simulator.advance(24 * 3600 + 30)
    runtime.clock.refresh()
    page = ming.open(path)
    assert 'id="take"' not in page.text
    assert "package" not in page.text
    pass_time(runtime, simulator, 600)
    assert "已自动退回" in ming.open(path).text


def test_a_cash_packet_says_where_it_is_and_my_page_tells_everything(runtime: Runtime, cast: Cast, ming: Phone) -> None:
    payout_id = owe(runtime, fund(runtime), cast.ming.openid, 660)
    run_until_quiet(runtime)
    with runtime.database.transaction() as session:
        notices.tell(
            session, cast.ming.openid, "voucher", "1", Text("<b>凭证</b>已通过", "approved"), now=runtime.clock.now()
        )
    page = ming.open(f"/h5/pay/{payout_of(runtime, payout_id).public_id}")
    assert "聊天" in page.text
    assert "红包在哪里" in page.text
    assert "jweixin" not in page.text
    mine = ming.open("/h5/me").text
    assert "6.60" in mine
    assert "绑定手机号" in mine
    assert "&lt;b&gt;凭证&lt;/b&gt;已通过" in mine
    clocks = re.findall(r".{6}\d\d:\d\d(?!:)", mine)
    assert len(clocks) >= 3 and all(re.search(r"月\d+日 \d\d:\d\d$", each) for each in clocks), (
        "one form for every date"
    )
    english = ming.open("/h5/me?lang=en").text
    assert "My red packets" in english
    assert "waiting for you" in english


def test_every_status_and_hold_has_words_and_none_names_a_list_or_a_code(runtime: Runtime, cast: Cast) -> None:
    payout_id = owe(runtime, fund(runtime), cast.ming.openid)
    run_until_quiet(runtime)
    payout, (order,), now = payout_of(runtime, payout_id), orders_of(runtime, payout_id), runtime.clock.now()
    assert PERSON_HOLDS.keys() == HOLDS.keys()
    for status in PAYOUT_STATUSES:
        for hold in (None, *HOLDS):
            for code in (None, "NOTENOUGH", "V2_ACCOUNT_SIMPLE_BAN", "SOMETHING_NEW", "UNANSWERED_TIMEOUT"):
                for order_status in (
                    "planned",
                    "sending",
                    "accepted",
                    "unknown",
                    "manual",
                    "received",
                    "returned",
                    "failed",
                ):
                    payout.status, payout.hold, payout.err_code = status, hold, code
                    order.status, order.err_code = order_status, code
                    view = for_person(payout, order, now)
                    assert view.state in STATES
                    for text in view.sentence:
                        assert text
                        assert not any(
                            word in text for word in ("名单", "预算", "list", "NOTENOUGH", "SOMETHING", "ACCOUNT")
                        )
