"""The host's desk: an evening by its buttons, who may press them, and that it shows no winner before the stop."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select, update

from tests.hall.hosting import Host, leap, numbers
from tests.hall.screens import pair
from tests.hall.stage import open_hall
from tests.staff.consoles import PASSWORD, Browser
from wxbot.campaigns import poster as poster_file
from wxbot.hall import admin_seal, door_sheet, pairing, screen_pass, told
from wxbot.hall.log import RESTORED
from wxbot.hall.models import Danmaku, Guest, Hall
from wxbot.hall.state import public_state
from wxbot.payouts.models import RuleChange
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.models import AuditEvent


@pytest.fixture
def host(runtime: Runtime, marketer: Browser) -> Host:
    """A hall of the marketer's, with twelve guests."""
    return Host(open_hall(runtime, guests=12))


@pytest.fixture
def cashier(app: Flask, runtime: Runtime) -> Browser:
    """Somebody who sees every hall."""
    accounts.hire(runtime.database, "wang.test", "wang", "cashier", PASSWORD, runtime.clock.now())
    return Browser(app, "wang")


def press(browser: Browser, host: Host, verb: str, **fields: Any) -> str:
    """The page after a button, with what it says."""
    answer = browser.post(f"/admin/halls/{host.id}/{verb}", fields)
    assert answer.status_code in (200, 303), answer.text
    return answer.text if answer.status_code == 200 else page(browser, host)


def page(browser: Browser, host: Host) -> str:
    answer = browser.get(f"/admin/halls/{host.id}")
    assert answer.status_code == 200
    return str(answer.text)


def audited(host: Host) -> list[tuple[str, str]]:
    with host.stage.runtime.database.reading() as session:
        rows = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [(row.action, row.outcome) for row in rows if row.action.startswith("hall_")]


def state_of(host: Host) -> dict[str, Any]:
    """What the screen is told."""
    with host.stage.runtime.database.reading() as session:
        return public_state(session, host.stage.hall())


def test_an_evening_by_the_buttons_of_the_desk(host: Host, marketer: Browser) -> None:
    assert "冻结名单" in page(marketer, host)
    seen = press(marketer, host, "freeze")
    assert "第 1 版" in seen and "12" in seen and host.freeze().sha256 not in seen
    press(marketer, host, "arm", prize=1, k=3)
    seen = press(marketer, host, "numbers", number_1="1", number_2="2", number_3="3")
    assert "8" in seen and "number_1" in seen
    typed = dict(zip(("number_1", "number_2", "number_3"), numbers(1), strict=True))
    assert "/start" in press(marketer, host, "numbers", **typed)
    assert "/stop" in press(marketer, host, "start")
    winners = [line.guest_no for line in host.lines(1)]
    seen = press(marketer, host, "stop")
    assert all(f'name="no" value="{no}"' in seen for no in winners)
    press(marketer, host, "absent", d=1, no=winners[0], word="absent")
    press(marketer, host, "undo", d=1, no=winners[0])
    press(marketer, host, "absent", d=1, no=winners[1], word="refill")
    press(marketer, host, "confirm", d=1)
    assert len(host.stage.awards()) == 2
    kinds = ["freeze", "arm", "numbers", "numbers", "start", "stop", "absent", "undo", "absent", "confirm"]
    assert [action for action, _ in audited(host)] == [f"hall_{kind}" for kind in kinds]
    assert audited(host)[2] == ("hall_numbers", "refused")
    assert told.text_of(host.stage.runtime, "gala") is not None
    assert host.verified() == []


def test_the_desk_shows_no_winner_before_the_stop(host: Host, marketer: Browser) -> None:
    host.freeze()
    host.arm(k=3)
    before = page(marketer, host)
    host.start()
    rolling = page(marketer, host)
    assert "还没有揭晓过" in marketer.get(f"/admin/halls/{host.id}/record").text
    names = re.compile(r"来宾\d+")
    assert names.findall(before) == names.findall(rolling)
    assert "host-winners" not in rolling
    host.reveal()
    assert "host-winners" in page(marketer, host)


def test_the_desk_says_whether_the_screen_that_leads_is_there(
    host: Host, marketer: Browser, client: FlaskClient
) -> None:
    runtime, warning = host.stage.runtime, "没有大屏连着，现场的人看不到抽取"
    assert warning in page(marketer, host)
    pair(host, client)
    first = client.get_cookie(screen_pass.cookie_name(runtime, "gala"), domain="127.0.0.1")
    assert first is not None and client.get("/hall/gala/state").status_code == 200
    pulse = f"/admin/halls/{host.id}/pulse"
    for seen in (page(marketer, host), marketer.get(pulse).text):
        assert warning not in seen and "大屏连着" in seen
    with runtime.database.transaction() as session:
        session.execute(update(Hall).values(screen_epoch=2))
    client.get("/hall/gala/state")
    assert warning in marketer.get(pulse).text, "another one was paired since, and only it can start and stop"
    host.freeze()
    host.arm()
    assert "没有大屏连着" in press(marketer, host, "start").partition("host-now")[0]


def test_two_people_declare_a_selection_void_at_the_desk(host: Host, marketer: Browser, cashier: Browser) -> None:
    host.freeze()
    host.show(k=2)
    assert "念错了奖项" in press(marketer, host, "void/ask", d=1, reason="念错了奖项")
    press(marketer, host, "void", d=1, reason="念错了奖项")
    assert [each.status for each in host.selections()] == ["revealed"]
    assert "do-void" in page(cashier, host)
    press(cashier, host, "void", d=1, reason="念错了奖项")
    assert [each.status for each in host.selections()] == ["voided"]
    assert ("hall_void", "refused") in audited(host) and ("hall_void", "done") in audited(host)


def test_who_may_host(app: Flask, host: Host, cashier: Browser) -> None:
    runtime = host.stage.runtime
    for login, role in (("zhao", "marketer"), ("sun", "reviewer"), ("chen", "admin")):
        accounts.hire(runtime.database, f"{login}.test", login, role, PASSWORD, runtime.clock.now())
    path = f"/admin/halls/{host.id}"
    assert Browser(app, "zhao").get(path).status_code == 404  # another marketer's
    assert Browser(app, "sun").get(path).status_code == 403
    admin = Browser(app, "chen")
    assert admin.get(path).status_code == 200
    assert admin.post(f"{path}/freeze", {}).status_code == 403
    assert cashier.post(f"{path}/freeze", {}).status_code == 303
    assert cashier.get("/admin/halls/999").status_code == 404


def test_guests_words_scene_and_screen(host: Host, marketer: Browser) -> None:
    runtime = host.stage.runtime
    with runtime.database.transaction() as session:
        session.add(Danmaku(campaign_id=host.id, guest_no=1, words="新年好", sent_at=runtime.clock.now()))
    assert "新年好" in page(marketer, host)
    press(marketer, host, "words", id=1, after="shown")
    press(marketer, host, "words", id=1, after="shown")  # a double press
    assert '"words":"新年好"' in str(told.text_of(runtime, "gala"))
    press(marketer, host, "words", id=1, after="refused")
    assert "新年好" not in str(told.text_of(runtime, "gala"))
    press(marketer, host, "hide", no=2, hide=1)
    assert '"hidden":[2]' in str(told.text_of(runtime, "gala"))
    assert '来宾2"' not in str(told.text_of(runtime, "gala"))
    press(marketer, host, "strike", no=3, reason="staff")
    press(marketer, host, "strike", no=4, reason="我不喜欢他")
    press(marketer, host, "scene", scene="prizes")
    press(marketer, host, "scene", scene="<b>")
    with runtime.database.reading() as session:
        assert session.get_one(Hall, host.id).scene == "prizes"
        struck = session.scalars(select(Guest.no).where(Guest.is_struck)).all()
    assert struck == [3]
    digits = re.search(r'aria-label="(\d{6})"', press(marketer, host, "pair"))
    assert digits
    assert digits[1] not in page(marketer, host)
    found = marketer.get(f"/admin/halls/{host.id}?q=来宾1").text
    assert "来宾11" in found and "来宾2<" not in found
    assert "来宾7" in marketer.get(f"/admin/halls/{host.id}?q=7").text


def test_the_desk_counts_who_came_and_who_was_struck_since_the_freeze(host: Host, marketer: Browser) -> None:
    press(marketer, host, "freeze")
    assert "冻结之后有" not in page(marketer, host)
    press(marketer, host, "strike", no=3, reason="staff")
    host.stage.come(1)
    assert "冻结之后有 2 人的变化" in page(marketer, host)
    press(marketer, host, "freeze")
    assert "冻结之后有" not in page(marketer, host), "who was struck before it is no change"


def test_the_page_is_asked_for_anew_when_somebody_else_pressed(host: Host, marketer: Browser) -> None:
    mark = re.search(r"pulse\?mark=([^\"&]+)", page(marketer, host))
    assert mark
    pulse = f"/admin/halls/{host.id}/pulse?mark={mark[1]}"
    assert "HX-Refresh" not in marketer.get(pulse).headers
    host.stage.come(1)
    assert "13" in marketer.get(pulse).text and "HX-Refresh" not in marketer.get(pulse).headers
    host.freeze()
    assert marketer.get(pulse).headers["HX-Refresh"] == "true"


def test_the_screen_speaks_the_language_of_the_hall_whatever_the_browser_on_the_stage_prefers(
    host: Host, marketer: Browser, client: FlaskClient
) -> None:
    def said() -> str:
        answer = client.get("/hall/gala/screen", headers={"Accept-Language": "en-US,en;q=0.9"})
        return answer.get_data(as_text=True)

    assert '<html lang="zh-CN">' in said() and "请输入主持台上的 6 位配对码" in said()
    assert "大屏语言已切换" in press(marketer, host, "language", language="en")
    assert '<html lang="en">' in said() and "Type the six digits" in said()
    assert state_of(host)["language"] == "en"
    wrong = client.post("/hall/gala/pair", json={"code": "000000"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert "does not count any more" in wrong.get_json()["error"]
    assert "请选择中文或英文" in press(marketer, host, "language", language="fr")
    assert state_of(host)["language"] == "en"
    assert audited(host)[-2:] == [("hall_language", "done"), ("hall_language", "refused")]
    assert client.get("/hall/gala/screen?lang=zh").get_data(as_text=True).count("请输入主持台上的") == 1


def test_why_a_restore_made_a_selection_void_is_said_in_one_language(host: Host, marketer: Browser) -> None:
    host.freeze()
    host.arm()
    leap(host)
    assert state_of(host)["selection"]["reason"] == state_of(host)["void"][0]["reason"] == RESTORED.zh
    press(marketer, host, "language", language="en")
    assert state_of(host)["selection"]["reason"] == RESTORED.en
    shown = marketer.get(f"/admin/halls/{host.id}/record").text
    assert RESTORED.zh in shown and RESTORED.en not in shown
    sheet = marketer.post(f"/admin/halls/{host.id}/winners.csv", {}).data.decode("utf-8-sig")
    assert RESTORED.zh in sheet and RESTORED.en not in sheet


def test_the_page_of_digits_stands_until_they_are_used_and_is_never_pressed_anew(host: Host, marketer: Browser) -> None:
    assert "还没有配对大屏" in page(marketer, host)
    shown = press(marketer, host, "pair")
    digits, pulse = re.search(r'aria-label="(\d{6})"', shown), re.search(r'hx-get="([^"]+pulse[^"]+)"', shown)
    assert digits and pulse and "/pair#screen" in shown
    address = pulse[1].replace("&amp;", "&")
    host.stage.come(1)
    host.freeze()
    waiting = marketer.get(address)
    assert not {"HX-Refresh", "HX-Redirect"} & set(waiting.headers.keys())
    assert 'id="since-freeze" hx-swap-oob=true' in waiting.text
    assert host.do(pairing.pair, host.id, digits[1]) == 1
    used = marketer.get(address)
    assert "HX-Refresh" not in used.headers and used.headers["HX-Redirect"] == f"/admin/halls/{host.id}#screen"
    assert "大屏已配对 1 次" in page(marketer, host)


def test_the_record_is_taken_away_as_a_sheet_and_as_json(host: Host, marketer: Browser) -> None:
    host.freeze()
    winners = host.show(k=2)
    host.confirm(1)
    shown = marketer.get(f"/admin/halls/{host.id}/record").text
    assert host.stage.hall().commitment in shown and "来**" in shown
    sheet = marketer.post(f"/admin/halls/{host.id}/winners.xlsx", {})
    rows = list(load_workbook(io.BytesIO(sheet.data)).active.values)  # type: ignore[union-attr]  # there is a sheet
    *won, total = rows[1:]
    assert [row[3] for row in won] == [str(no) for no in winners]
    assert {str(row[4])[0] for row in won} == {"来"} and "来宾" not in str(rows)
    assert {row[7:9] for row in won} == {("1.00", "等用户领取")} and (total[0], total[7]) == ("合计", "2.00")
    assert "¥2.00" in shown and "¥1.00" in shown and "等用户领取" in shown
    made = marketer.post(f"/admin/halls/{host.id}/record.json", {})
    assert made.json is not None and made.json["seal"]
    assert marketer.post(f"/admin/halls/{host.id}/winners.exe", {}).status_code == 404
    assert [action for action, _ in audited(host)].count("hall_record") == 2


def test_the_page_of_the_record_says_whether_a_file_that_somebody_shows_is_ours(
    host: Host, marketer: Browser, cashier: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.freeze()
    host.show(k=2)
    path = f"/admin/halls/{host.id}/record"
    page_of_it = marketer.get(path).text
    assert f'action="{path}/seal"' in page_of_it
    assert "最大 11 MB" in page_of_it and "wxbot hall verify 文件" in page_of_it, (
        "before it is sent: a refusal may be the proxy's"
    )

    def said(browser: Browser, raw: bytes) -> str:
        sent = {"csrf_token": browser.token(), "file": (io.BytesIO(raw), "record.json")}
        answer = browser.client.post(f"{path}/seal", data=sent, content_type="multipart/form-data")
        assert (answer.status_code, answer.headers["Location"]) == (303, path)
        return str(browser.get(path).text)

    ours = marketer.post(f"{path}.json", {}).data
    assert "封签是本系统的" in said(marketer, ours) and "封签是本系统的" in said(cashier, ours)
    assert "封签不是本系统的" in said(marketer, ours.replace("来**".encode(), "王**".encode(), 1))
    for nothing in (b"[" * 100_000, b"\xff\xfe"):
        assert "文件里没有封签" in said(marketer, nothing)
    other = open_hall(host.stage.runtime, slug="other", guests=1)
    assert "另一场活动（other）" in said(
        cashier, cashier.post(f"/admin/halls/{other.campaign_id}/record.json", {}).data
    )
    monkeypatch.setattr(admin_seal, "FILE_BYTES", 300_000)
    assert "文件超过 11 MB" in said(marketer, b" " * 300_001)
    assert [action for action, _ in audited(host)].count("hall_record") == 2, "what was taken away; a look is no line"


def test_a_thing_that_was_handed_over_is_no_code_in_the_sheet_of_awards(runtime: Runtime, marketer: Browser) -> None:
    host = Host(open_hall(runtime, ({"kind": "goods", "name": "电视", "stock": 2},), guests=2, terms={"mode": "seed"}))
    host.freeze()
    no = host.show(k=1)[0]
    host.confirm(1)
    press(marketer, host, "hand-over", d=1, no=no)
    sheet = marketer.post(f"/admin/campaigns/{host.id}/winners.xlsx", {})
    rows = list(load_workbook(io.BytesIO(sheet.data)).active.values)  # type: ignore[union-attr]  # there is a sheet
    assert [row[4] for row in rows[1:]] == ["实物已领走"]
    for path in (f"/admin/campaigns/{host.id}/awards", f"/admin/halls/{host.id}/record"):
        seen = marketer.get(path).text
        assert "实物已领走" in seen and "卡密已给出" not in seen


def test_the_campaigns_page_counts_guests_and_selections_and_leads_to_desk_screen_and_record(
    host: Host, marketer: Browser
) -> None:
    seen = marketer.get(f"/admin/campaigns/{host.id}").text
    for nothing in ("转化漏斗", "抽奖趋势", "各个入口", "暂停抽奖"):
        assert nothing not in seen, nothing
    for part in ("", "/record", "/figures"):
        assert f'"/admin/halls/{host.id}{part}"' in seen
    assert f"/admin/halls/{host.id}/door" not in seen + page(marketer, host), "its door has no word"
    assert "/hall/gala/screen" in seen and "/hall/gala/preflight" in seen
    host.freeze()
    absent, *_ = host.show(k=2)
    assert "<b>2</b>" not in figures_of(marketer, host), "two have won and nobody is confirmed"
    host.mark(1, absent)
    host.confirm(1)
    seen = figures_of(marketer, host)
    assert "<b>12</b>" in seen and "第 1 版，12 人" in seen and "1 次" in seen
    assert "<b>1</b> <small>/ 2</small>" in seen and "缺席</dt><dd>1 人" in seen


def test_the_sheet_for_the_door_has_its_code_and_word_and_none_without_a_word(
    runtime: Runtime, marketer: Browser
) -> None:
    hall = open_hall(runtime, slug="doors", terms={"day_word": "樱桃", "is_rehearsal": True})
    for place in ("campaigns", "halls"):
        assert f'"/admin/halls/{hall.campaign_id}/door"' in marketer.get(f"/admin/{place}/{hall.campaign_id}").text
    sheet = marketer.get(f"/admin/halls/{hall.campaign_id}/door").text
    assert "樱桃" in sheet and "data:image/svg" in sheet and "data-print" in sheet
    poster = marketer.get(f"/admin/halls/{hall.campaign_id}/door-poster")
    assert poster.status_code == 200 and "door-doors." in poster.headers["Content-Disposition"]
    words = door_sheet.poster_text(hall.campaign(), hall.hall())
    assert "樱桃" in words.when and words.name == hall.campaign().act_name
    assert all(word in poster_file.svg(words, "https://x.test/") for word in (words.when, words.scan, *words.notes))
    bare = open_hall(runtime, slug="bare")
    assert marketer.get(f"/admin/halls/{bare.campaign_id}/door-poster").status_code == 404


def figures_of(browser: Browser, host: Host) -> str:
    """The part of the campaign's page that counts."""
    return str(browser.get(f"/admin/halls/{host.id}/figures").text)


def test_a_halls_days_count_who_signed_in_and_what_was_selected(host: Host, marketer: Browser) -> None:
    host.freeze()
    host.show(k=2)
    host.confirm(1)
    seen = marketer.get(f"/admin/campaigns/{host.id}/days").text
    assert "签到人数" in seen and "抽取次数" in seen and "打开页面" not in seen
    cells = re.findall(r'data-label="(签到人数|抽取次数|中奖)">(\d+)', seen)
    assert cells == [("签到人数", "12"), ("抽取次数", "1"), ("中奖", "2")]
    assert "当天发出 2 个" in seen and "1 / 3" in seen
    sheet = marketer.post(f"/admin/campaigns/{host.id}/days.xlsx", {})
    head, row = load_workbook(io.BytesIO(sheet.data)).worksheets[0].iter_rows(values_only=True)
    assert head[1:4] == ("签到人数", "抽取次数", "中奖") and row[1:5] == ("12", "1", "2", "2.00")
    awards = marketer.get(f"/admin/campaigns/{host.id}/awards").text
    assert "从哪里来" not in awards and "抽奖编号" not in awards and "中奖编号" in awards


def test_who_is_taken_back_after_the_confirmation_is_confirmed_at_the_desk(host: Host, marketer: Browser) -> None:
    host.freeze()
    first, second = host.show(k=2)
    host.mark(1, first)
    before = page(marketer, host)
    host.confirm(1)
    assert "do-confirm" not in page(marketer, host)
    press(marketer, host, "undo", d=1, no=first)  # from a page that was open before
    seen = page(marketer, host)
    assert 'data-dialog="do-confirm"' in seen and "确认 1 人中奖" in seen
    assert "/undo" in before and "/undo" not in seen
    press(marketer, host, "confirm", d=1)
    assert {line.guest_no: line.status for line in host.lines(1)} == {first: "confirmed", second: "confirmed"}
    assert len(host.stage.awards()) == 2
    assert "do-confirm" not in page(marketer, host)


def test_a_running_hall_is_not_changed_by_the_page_of_instant_campaigns(host: Host, marketer: Browser) -> None:
    """Its prizes stand in the log since the launch, and its rules are of another kind."""
    address = f"/admin/campaigns/{host.id}/changes"
    assert marketer.get(address).status_code == 404
    marketer.post(address, {"more_1": "5"})
    with host.stage.runtime.database.reading() as session:
        assert session.scalars(select(RuleChange)).all() == []
