"""The binding page through its door: without scripts, with them, and with forms that are not ours."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from tests.conftest import Cast
from tests.draws.stage import BASE, Phone
from tests.people.conftest import LISTED, STRANGE, Town
from tests.servers import SimulatedWeChat
from wxbot.app import create_app
from wxbot.people import bindings, languages, limits
from wxbot.people.models import Binding, SmsOut


@pytest.fixture
def phone(town: Town, simulator: SimulatedWeChat, cast: Cast) -> Phone:
    """阿明's phone, before the application."""
    domains = ["127.0.0.1:8000"]
    simulator.control("PUT", "account", {"oauth_domains": domains, "js_domains": domains})
    return Phone(create_app(town.runtime), town.runtime, cast.ming.id)


def mark(page: Any) -> str:
    found = re.search(r'name="form_mark" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def send(phone: Phone, path: str, values: dict[str, str], **headers: str) -> Any:
    return phone.client.post(path, base_url=BASE, data=values, headers={"User-Agent": phone.agent, **headers})


def test_a_phone_is_bound_without_scripts_and_the_session_is_renewed(phone: Phone, town: Town) -> None:
    page = phone.open("/h5/bind")
    asked = send(phone, "/h5/bind/code", {"form_mark": mark(page), "phone": "\u202d138 0013 8000\u202c"}, Origin=BASE)
    assert asked.status_code == 200
    assert "验证码已发送到 138****8000" in asked.text
    town.send()
    wrong = send(phone, "/h5/bind", {"form_mark": mark(asked), "code": "abc"})
    assert (wrong.status_code, "6 位数字" in wrong.text) == (422, True)
    before = phone.client.get_cookie("wxbot_person", "127.0.0.1")
    town.later(seconds=2)
    done = send(phone, "/h5/bind", {"form_mark": mark(asked), "code": f"验证码：{town.code()}。"})
    assert (done.status_code, done.headers["Refresh"]) == (200, "0; url=/h5/bind")
    assert "绑定成功" in done.text
    shown = phone.open("/h5/bind")
    assert any("/oauth/back" in step for step in phone.trail)  # S23: WeChat was asked again, once
    assert "138****8000" in shown.text and "13800138000" not in shown.text
    after = phone.client.get_cookie("wxbot_person", "127.0.0.1")
    assert before and after and before.value != after.value
    phone.open("/h5/bind")
    assert phone.trail == ["/h5/bind"]


def test_a_page_that_is_read_asks_for_the_language_once_and_writes_nothing_that_is_known(
    phone: Phone, town: Town, cast: Cast
) -> None:
    """Who writes English and has a Chinese phone opens no transaction with each page."""
    with town.runtime.database.transaction() as session:
        languages.note(session, cast.ming.openid, "en", town.now, is_written=True)
    phone.open("/h5/bind")
    asked: list[str] = []
    event.listen(town.runtime.database.engine, "before_cursor_execute", lambda *run: asked.append(run[2]))
    phone.open("/h5/bind")
    assert [statement.split()[0] for statement in asked if "person_languages" in statement] == ["SELECT"]


def test_a_session_of_before_the_unbinding_opens_nothing_S26(phone: Phone, town: Town, cast: Cast) -> None:
    page = phone.open("/h5/bind")
    town.bind(cast.ming.openid)
    with town.runtime.database.transaction() as session:
        bindings.unbind(session, town.runtime.vault, town.rows(Binding)[0].id, 1, town.now + timedelta(seconds=3))
    values = {"form_mark": mark(page), "phone": LISTED}
    assert send(phone, "/h5/bind/code", values).status_code == 409
    script = send(phone, "/h5/bind/code", values, Accept="application/json")
    assert (script.status_code, script.get_json()["outcome"]) == (401, "sign_in")


def test_the_page_answers_a_strangers_number_alike_S53(phone: Phone, town: Town) -> None:
    page = phone.open("/h5/bind")
    answers: list[tuple[Any, ...]] = []
    for number in (STRANGE, LISTED):
        got = send(
            phone, "/h5/bind/code", {"form_mark": mark(page), "phone": number}, Accept="application/json", Origin=BASE
        )
        answers.append(
            (got.status_code, got.get_json()["outcome"], got.get_json()["wait_s"], sorted(got.headers.keys()))
        )
        town.send()
        state = phone.get("/h5/bind/code", Accept="application/json").get_json()
        answers[-1] += (state["outcome"],)
    assert answers[0] == answers[1]


def test_a_port_is_no_address_of_its_own_S51(phone: Phone, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a gateway in front writes: the same line with another port each time, and one line of IPv6."""
    monkeypatch.setattr(limits, "IP", (limits.Limit("ip_hour", 3600, 1),))
    monkeypatch.setattr(limits, "OPENID", ())
    town.set(trusted_proxies=1)
    phone = Phone(create_app(town.runtime), town.runtime, phone.person_id)
    answers = []
    for n, line in enumerate(
        (
            "198.51.100.7:20001",
            "198.51.100.7:20002",
            "[::ffff:198.51.100.7]:3",
            "[2001:db8::7]:20001",
            "2001:db8::8",
            "_a",
            "_b",
        )
    ):
        values = {"form_mark": mark(phone.open("/h5/bind")), "phone": f"1380013810{n}"}
        got = send(phone, "/h5/bind/code", values, Accept="application/json", Origin=BASE, **{"X-Forwarded-For": line})
        answers.append(got.get_json()["outcome"])
    assert answers == ["sent", "too_often", "too_often", "sent", "too_often", "sent", "too_often"]


@pytest.mark.parametrize(
    ("values", "headers"),
    [
        ({}, {}),
        ({"form_mark": "x"}, {}),
        ({"form_mark": "٣.x"}, {}),
        (None, {"Origin": "https://evil.test"}),
        (None, {"Sec-Fetch-Site": "cross-site"}),
        (None, {"Referer": "https://evil.test/form"}),  # a browser that is too old to send one of the others
    ],
)
def test_a_form_that_is_not_ours_does_nothing_S55(
    phone: Phone, town: Town, values: dict[str, str] | None, headers: dict[str, str]
) -> None:
    page = phone.open("/h5/bind")
    own = {"form_mark": mark(page)} if values is None else values
    assert send(phone, "/h5/bind/code", own | {"phone": LISTED}, **headers).status_code == 409
    assert town.rows(SmsOut) == []


def test_nobody_else_is_bound_by_a_field_S24(phone: Phone, town: Town, cast: Cast) -> None:
    page = phone.open(f"/h5/bind?openid={cast.hong.openid}")
    values = {"form_mark": mark(page), "phone": LISTED, "openid": cast.hong.openid}
    send(phone, "/h5/bind/code", values)
    assert [row.openid for row in town.rows(SmsOut)] == [cast.ming.openid]
    another = phone.client.application.test_client()
    assert another.post("/h5/bind/code", base_url=BASE, data=values).status_code == 401


def test_the_page_speaks_english_when_the_phone_does(phone: Phone, town: Town) -> None:
    page = phone.open("/h5/bind?lang=en")
    assert "Send code" in page.text and 'lang="en"' in page.text
    values = {"form_mark": mark(page), "phone": "12"}
    answer = send(phone, "/h5/bind/code?lang=en", values, Accept="application/json")
    assert answer.get_json()["text"].startswith("Please give a mainland China")
