"""The console watches a campaign of instant draws: stock, awards, ways in, and why one draw ended as it did."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import select

from tests.draws.stage import Phone
from tests.instant import crowd
from tests.instant.stage import ask, set_wheel, tap
from tests.instant.test_prize_table import wheel
from tests.staff.consoles import PASSWORD, Browser
from wxbot.clock import SHANGHAI
from wxbot.draws.draw_state import draw_state_of
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.models import AuditEvent

SPARE = {"name": "备用", "odds_ppm": 0}
"""A prize that nobody hits: what is left of it keeps the campaign open, so that whoever draws after the last win is booked as lost,
however old the snapshot is by which the door would turn them away."""

pytestmark = pytest.mark.usefixtures("added_up")


@pytest.fixture
def cashier(app: Flask, runtime: Runtime) -> Browser:
    """A cashier's browser."""
    accounts.hire(runtime.database, "wang.test", "wang", "cashier", PASSWORD, runtime.clock.now())
    return Browser(app, "wang")


def words(page: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(page)))


def test_a_draw_is_explained_by_its_dice_and_what_was_left(
    cashier: Browser, runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    stage = set_wheel(runtime, {"name": "一元", "stock": 1}, SPARE)
    page = ming.state_of(ming.open(stage.path))
    ask(ming, stage, {"page_token": page["page_token"], "nonce": page["nonce"], "channel": "poster"})
    tap(hong, stage)
    won, gone = stage.draws()
    place = f"/admin/campaigns/{stage.campaign_id}"
    first = words(cashier.get(f"{place}/awards?q=1").text)
    assert "第 1 次抽奖" in first and "点到“一元”：当时已放出 1 个，还剩 1 个" in first and "中了 一元 ¥1.00" in first
    assert f"{won.dice:,} / 1,000,000" in first
    second = words(cashier.get(f"{place}/awards?q={gone.openid}").text)
    assert "还剩 0 个" in second and "点到的奖品当时没有可发的，没中" in second and "没有符合的中奖记录" in second
    assert "没有这次抽奖" in words(cashier.get(f"{place}/awards?q=99").text)
    (award,) = stage.awards()
    by_award = words(cashier.get(f"{place}/awards?q={award.public_id}").text)
    assert "第 1 次抽奖" in by_award and "中了 一元 ¥1.00" in by_award and "没有符合" not in by_award

    every = words(cashier.get(f"{place}/awards").text)
    assert "共 1 条" in every and "等用户领取" in every
    assert re.search(r"海报 \d+ 1 1 0 0", every) and re.search(r"链接 \d+ 1 0 0 0", every), every
    hour = f"{won.drawn_at.astimezone(SHANGHAI):%Y-%m-%d %H:00}"
    assert re.search(rf"{hour} \d+ [12] 1 0 0", every), every
    figures = words(cashier.get(f"{place}/figures").text)
    assert "已经发完" in figures and "等用户领取 1 · ¥1.00" in figures
    assert f"{place}/figures" in cashier.get(place).text


def test_the_funnel_counts_people_who_drew_and_won_however_often(
    cashier: Browser, runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    stage = set_wheel(runtime, {"name": "一元", "stock": 2}, SPARE)
    for phone in (ming, ming, hong):
        tap(phone, stage)
    crowd.taps(stage, [(who, crowd.nonce(stage, who)) for who in (crowd.person(runtime), crowd.person(runtime))])
    draw_state_of(runtime).counts.write()
    told = words(cashier.get(f"/admin/campaigns/{stage.campaign_id}/funnel").text)
    assert "打开页面 3" in told and "抽奖 5" in told
    assert re.search(r"人数 来过的人 4 抽过的人 4 100.0% 抽中的人 1 25.0% 点了领取的人 0 0.0% 领到的人 0 次数", told), (
        told
    )
    assert "摇一摇" not in told
    assert "摇一摇" not in cashier.get(f"/admin/campaigns/{stage.campaign_id}").text
    for page in ("/admin/", "/admin/campaigns"):
        assert "已抽中 2 / 7" in words(cashier.get(page).text), page


def test_the_live_page_says_of_each_way_in_and_hour_how_many_people_came_drew_won_asked_and_have_it(
    cashier: Browser, runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    stage = set_wheel(runtime, {"name": "月卡", "kind": "code", "min_fen": 0, "max_fen": 0, "stock": 2}, SPARE)
    stage.import_codes("FACE-1", "FACE-2")
    stage.work()
    for phone, way_in in ((ming, "poster"), (ming, "poster"), (ming, "qr"), (hong, "")):
        page = phone.state_of(phone.open(f"{stage.path}?c={way_in}"))
        ask(phone, stage, {"page_token": page["page_token"], "nonce": page["nonce"], "channel": way_in})
    hong.open(f"{stage.path}?c=poster&ticket=made-up")
    draw_state_of(runtime).counts.write()
    place = f"/admin/campaigns/{stage.campaign_id}"
    told = words(cashier.get(f"{place}/funnel").text)
    assert re.search(
        r"来过的人 2 抽过的人 2 100.0% 抽中的人 1 50.0% 点了领取的人 1 100.0% 领到的人 1 100.0% 次数", told
    ), told
    assert re.search(
        r"领到 海报 1 1 100.0% 1 100.0% 1 100.0% 1 100.0% 链接 1 1 100.0% 0 0.0% 0 0 每小时的人数", told
    ), told
    hour = f"{stage.draws()[0].drawn_at.astimezone(SHANGHAI):%m-%d %H:00}"
    assert re.search(rf"{hour} 2 2 100.0% 1 50.0% 1 100.0% 1 100.0%", told), told
    assert "摇一摇" not in told, "no place is proven here, whatever an address says"
    of_posters = words(cashier.get(f"{place}/funnel?channel=poster").text)
    assert re.search(rf"“海报”每小时的人数.*{hour} 1 1 100.0% 1 100.0%", of_posters), of_posters
    assert '<option value="poster">海报</option>' in cashier.get(place).text


def test_a_launch_that_stands_still_says_why_without_our_code(cashier: Browser, runtime: Runtime) -> None:
    stage = set_wheel(runtime, {"name": "月卡", "kind": "code", "min_fen": 0, "max_fen": 0})
    told = words(cashier.get(f"/admin/campaigns/{stage.campaign_id}").text)
    assert "进度停住了 奖品“月卡”还缺 5 个卡密" in told and "codes" not in told
    for page in ("/admin/", "/admin/campaigns"):
        told = words(cashier.get(page).text)
        assert "已抽中 0 / 5" in told and "奖品“月卡”还缺 5 个卡密" in told and "codes" not in told
    cashier.post("/admin/language", {"locale": "en", "back": "/admin/"})
    for page in (f"/admin/campaigns/{stage.campaign_id}", "/admin/", "/admin/campaigns"):
        told = words(cashier.get(page).text)
        assert "the prize “月卡” lacks 5 codes" in told and "卡密" not in told


def test_a_dice_beyond_the_prizes_says_where_they_end(cashier: Browser, runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime, {"odds_ppm": 0, "stock": 10})
    tap(ming, stage)
    told = words(cashier.get(f"/admin/campaigns/{stage.campaign_id}/awards?q=1").text)
    assert "有奖的部分到 0 为止，这次落在没有奖的部分" in told and "结果 没中" in told


def test_a_draft_is_played_a_thousand_times_before_it_is_saved(app: Flask, runtime: Runtime) -> None:
    accounts.hire(runtime.database, "li.test", "li", "marketer", PASSWORD, runtime.clock.now())
    marketer = Browser(app, "li")
    told = words(marketer.post("/admin/campaigns/simulate", wheel(runtime)).text)
    assert "超出预算的场数 0" in told and "还没有往期" in told and "小奖 100% 的场次发完" in told
    assert "大奖 一千场里都没有发完" in told
    assert "先把时间、人数和奖品填好" in words(marketer.post("/admin/campaigns/simulate", {"mechanic": "instant"}).text)
    assert "/admin/campaigns/simulate" in marketer.get("/admin/campaigns/new?mechanic=instant").text


def test_winners_and_days_are_taken_away_as_sheets_that_run_nothing_and_the_log_says_so(
    cashier: Browser, runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    stage = set_wheel(runtime, {"name": "=1+1", "stock": 1}, SPARE)
    tap(ming, stage)
    tap(hong, stage)
    won, _ = stage.draws()
    place = f"/admin/campaigns/{stage.campaign_id}"
    for form in ("csv", "xlsx"):
        assert f"{place}/winners.{form}" in cashier.get(f"{place}/awards").text
        header, row = rows_of(cashier.post(f"{place}/winners.{form}").data, form)
        assert (header[0], header[4]) == ("抽奖编号", "状态")
        assert (row[0], *row[3:5], *row[8:]) == ("1", "1.00", "等用户领取", won.openid, "链接")
        assert row[2] == ("'=1+1" if form == "csv" else "=1+1")
        header, day = rows_of(cashier.post(f"{place}/days.{form}").data, form)
        assert (header[2], header[3], header[4]) == ("抽奖人数", "抽奖", "中奖")
        assert day[0] == f"{won.drawn_at.astimezone(SHANGHAI):%Y-%m-%d}" and day[2:8] == [
            "2",
            "2",
            "1",
            "1.00",
            "0",
            "0",
        ]
    assert cashier.post(f"{place}/winners.pdf").status_code == cashier.post(f"{place}/days.exe").status_code == 404
    with runtime.database.reading() as session:
        logged = session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("%_export"))).all()
    assert sorted(logged) == ["days_export"] * 2 + ["winners_export"] * 2


def rows_of(content: bytes, form: str) -> list[list[str]]:
    """The cells of a sheet, as texts."""
    if form == "csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    sheet = load_workbook(io.BytesIO(content)).active
    assert sheet is not None and all(cell.data_type != "f" for row in sheet.rows for cell in row)
    return [["" if value is None else str(value) for value in row] for row in sheet.values]
