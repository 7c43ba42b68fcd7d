"""Staff tie their own WeChat on both sides; without it no draws are submitted or approved, and with it none are won."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests.draws.stage import BASE, Phone
from tests.instant.stage import set_wheel, tap
from tests.instant.test_prize_table import stored, wheel
from tests.staff.consoles import PASSWORD, Browser
from wxbot.people import tie
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.models import AuditEvent, Staff


@pytest.fixture
def staff(app: Flask, runtime: Runtime) -> dict[str, Browser]:
    """Browsers of one of each whom draws need."""
    for login, role in (("li", "marketer"), ("wang", "cashier"), ("chen", "admin")):
        accounts.hire(runtime.database, f"{login}.test", login, role, PASSWORD, runtime.clock.now())
    return {login: Browser(app, login) for login in ("li", "wang", "chen")}


def link_of(runtime: Runtime, login: str) -> str:
    """The path in the code that this person's page shows."""
    with runtime.database.reading() as session:
        staff_id = session.scalars(select(Staff.id).where(Staff.login == f"{login}.test")).one()
    return tie.link(runtime, staff_id).removeprefix(runtime.settings.public_url)


def offer(phone: Phone, path: str) -> str:
    """Scan the code and tap: the digits that the phone shows."""
    mark = re.search(r'name="form_mark" value="([^"]+)"', phone.open(path).text)
    assert mark
    answer = phone.client.post(path, base_url=BASE, headers={"Origin": BASE}, data={"form_mark": mark[1]})
    digits = re.search(r"<strong>([0-9]{4})</strong>", answer.text)
    assert digits, answer.text
    return digits[1]


def openids(runtime: Runtime) -> dict[str, str | None]:
    with runtime.database.reading() as session:
        return {row.login.removesuffix(".test"): row.openid for row in session.scalars(select(Staff))}


def test_a_wechat_is_tied_when_phone_and_console_agree_then_cannot_win_and_an_admin_takes_it_off(
    runtime: Runtime, staff: dict[str, Browser], ming: Phone, hong: Phone
) -> None:
    li = staff["li"]
    assert "data:image/svg" in li.get("/admin/wechat").text
    digits = offer(ming, link_of(runtime, "li"))
    assert digits in li.get("/admin/wechat/waiting").text and openids(runtime)["li"] is None
    li.post("/admin/wechat", {"digits": f"{(int(digits) + 1) % 10_000:04d}"})
    assert openids(runtime)["li"] is None, "other digits tie nothing"
    li.post("/admin/wechat", {"digits": digits})
    assert openids(runtime)["li"] is None, "an offer is used once"
    li.post("/admin/wechat", {"digits": offer(ming, link_of(runtime, "li"))})
    assert openids(runtime)["li"] is not None and "已绑定" in li.get("/admin/wechat").text

    staff["wang"].post("/admin/wechat", {"digits": offer(ming, link_of(runtime, "wang"))})
    assert openids(runtime)["wang"] is None, "one WeChat, one account"
    stage = set_wheel(runtime)
    assert tap(ming, stage).get_json()["outcome"] == "staff" and not stage.draws()
    assert tap(hong, stage).get_json()["outcome"] == "won"

    with runtime.database.reading() as session:
        staff_id = session.scalars(select(Staff.id).where(Staff.login == "li.test")).one()
    assert li.post(f"/admin/staff/{staff_id}/untie").status_code == 403
    assert "已绑微信" in staff["chen"].get("/admin/staff").text
    staff["chen"].post(f"/admin/staff/{staff_id}/untie")
    assert openids(runtime)["li"] is None
    with runtime.database.reading() as session:
        query = (
            select(AuditEvent.action, func.count().label("n"))
            .where(AuditEvent.outcome == "done")
            .group_by(AuditEvent.action)
        )
        done = {row.action: row.n for row in session.execute(query)}
    assert (done["staff_tie"], done["staff_untie"]) == (1, 1)


def test_a_link_that_is_forged_old_or_of_a_tied_account_offers_nothing(
    runtime: Runtime, staff: dict[str, Browser], ming: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link_of(runtime, "li")
    staff_id, issued, signature = path.rpartition("/")[2].split("-")
    for other in (
        f"{int(staff_id) + 1}-{issued}-{signature}",
        f"{staff_id}-{int(issued, 16) + 60:x}-{signature}",
        f"{staff_id}-{issued}-{'0' * 32}",
        f"-{issued}-{signature}",
        "x",
    ):
        assert ming.open(f"/h5/tie/{other}").status_code == 404
    assert ming.open(path).status_code == 200
    answer = ming.client.post(path, base_url=BASE, headers={"Origin": BASE}, data={"form_mark": "x"})
    assert answer.status_code == 409 and "手机上显示的数字" not in staff["li"].get("/admin/wechat/waiting").text
    now = runtime.clock.unix()
    monkeypatch.setattr(runtime.clock, "unix", lambda: now + tie.LINK_LIFE_S + 1)
    assert ming.get(path).status_code == 404


def test_draws_are_neither_submitted_nor_approved_by_somebody_without_a_wechat(
    runtime: Runtime, staff: dict[str, Browser]
) -> None:
    li, wang = staff["li"], staff["wang"]
    place = li.post("/admin/campaigns/new", wheel(runtime)).headers["Location"]
    li.post(f"{place}/submit")
    assert stored(runtime).status == "draft" and "还没有绑定自己的微信" in unescape(li.get(place).text)
    set_openid(runtime, "li", "oLiOfTheStaff")
    li.post(f"{place}/submit")
    assert stored(runtime).status == "submitted"
    assert "还没有绑定自己的微信" in unescape(wang.get(place).text), "instead of the button it says why not"
    wang.post(f"{place}/approve", {"content_sha256": stored(runtime).content_sha256})
    assert stored(runtime).status == "submitted"
    set_openid(runtime, "wang", "oWangOfTheStaff")
    wang.post(f"{place}/approve", {"content_sha256": stored(runtime).content_sha256})
    assert stored(runtime).status == "approved"


def set_openid(runtime: Runtime, login: str, openid: str) -> None:
    with runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.login == f"{login}.test").values(openid=openid))
