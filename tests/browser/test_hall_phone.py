"""A guest's page of a hall in a real browser: signing in, the roll, a win, one's own line worked out on the phone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.browser.axe import serious
from tests.browser.conftest import pass_of
from tests.browser.slow import open_slowly
from tests.hall.guests import code_of
from tests.hall.hosting import Host
from tests.hall.night import TWO
from tests.hall.office import Office
from tests.hall.stage import open_hall
from tests.hall.test_added_games import RAIN
from tests.staff.consoles import PASSWORD, Browser
from wxbot.app import create_app
from wxbot.campaigns.models import Campaign
from wxbot.hall import absent, games, guests, journal
from wxbot.hall.log import LoggedPrize
from wxbot.hall.models import Game, RainHit
from wxbot.instant.models import InstantTerms
from wxbot.runtime import Runtime
from wxbot.staff import accounts

pytestmark = pytest.mark.browser


def look(phone: Any, name: str) -> None:
    """Keep a picture, where somebody asks for them."""
    folder = os.environ.get("WXBOT_PICTURES")
    if folder:
        phone.screenshot(path=str(Path(folder) / f"hall-{name}.png"), full_page=True)


def without_spaces(phone: Any, place: str) -> str:
    return "".join(phone.locator(place).inner_text().split())


def is_narrow(phone: Any) -> bool:
    width: bool = phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return width


def test_a_guest_signs_in_sees_the_roll_wins_and_proves_their_line(phone: Any, site: Runtime) -> None:
    hall = open_hall(
        site,
        [{"stock": 1, "per_selection": 1, "name": "一等奖"}],
        organiser="示例公司",
        terms={"groups": ["销售部", "技术部"]},
        end_at=site.clock.now() + timedelta(hours=5),
    )
    base = f"{site.settings.public_url}{hall.path}"
    phone.goto(base)
    phone.locator("h2", has_text="请扫大屏上的二维码").wait_for()
    phone.goto(f"{base}?code={code_of(hall)}")
    look(phone, "sign-in")
    assert serious(phone) == []
    phone.set_viewport_size({"width": 320, "height": 640})
    assert is_narrow(phone)
    small = phone.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]),select,button,.weui-btn,nav a')]"
        ".filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
    )
    assert small == []
    phone.locator("#name").fill("13800138000")
    phone.locator("#group").select_option("技术部")
    phone.locator("button[type=submit]").click()
    phone.locator("#told", has_text="手机号").wait_for()
    phone.locator("#name").fill("阿明 <b>")
    phone.locator("button[type=submit]").click()
    phone.locator(".hall-no", has_text="1").wait_for()
    open_slowly(phone, base)
    assert is_narrow(phone)
    phone.set_viewport_size({"width": 390, "height": 844})
    look(phone, "waiting")
    assert serious(phone) == []
    phone.locator("#words").fill("恭喜")
    phone.locator("#danmaku button").click()
    phone.locator("#danmaku-told", has_text="审核").wait_for()
    phone.locator("#proof summary").click()
    phone.locator("#prove").click()
    phone.locator("#proved", has_text="还没有冻结").wait_for()
    host = Host(hall)
    with site.database.transaction() as session:
        locked, now = journal.lock(session, hall.campaign_id), site.database.now(session)
        added = LoggedPrize(2, "总经理加奖", 1, (), "prize", "pool").body()
        journal.require_and_append(session, locked, "prize_added", {"prize": added, "names": TWO}, now)
    host.tell()
    phone.locator("#news", has_text="现场加奖：总经理加奖。所有人都可以中。").wait_for()
    roster = host.freeze()
    phone.locator("#prove").click()
    phone.locator("#proved", has_text="第 1 版名单").wait_for()
    assert "is-wrong" not in (phone.locator("#proved").get_attribute("class") or "")
    assert phone.locator("#roster-now").inner_text() == "现在的名单是第 1 版，共 1 人，指纹："
    assert without_spaces(phone, "#roster-hash") == roster.sha256
    look(phone, "proof")
    host.arm()
    host.start()
    host.tell()
    host.reveal()
    host.tell()
    phone.locator("#stage-title", has_text="恭喜，你中了 一等奖").wait_for()
    look(phone, "won")
    host.confirm(1)
    host.tell()
    phone.locator("#collect").wait_for()
    look(phone, "confirmed")
    phone.emulate_media(color_scheme="dark")
    look(phone, "dark")
    assert serious(phone) == []
    phone.locator("#collect").click()
    phone.locator("#sheet-main", has_text="领取").wait_for()  # the sheet of this prize, not a list to search


@pytest.mark.proof
def test_a_guest_is_told_why_a_selection_goes_without_them(phone: Any, site: Runtime) -> None:
    bike = {"name": "自行车", "kind": "goods", "min_fen": 0, "max_fen": 0, "value_fen": 300_000}
    prizes = [{"name": "一等奖", "stock": 2}, bike | {"stock": 2}]
    hall = open_hall(site, prizes, end_at=site.clock.now() + timedelta(hours=5))
    phone.goto(f"{site.settings.public_url}{hall.path}?code={code_of(hall)}")
    phone.locator("#name").fill("阿明")
    phone.locator("button[type=submit]").click()
    phone.locator(".hall-no").wait_for()
    host, text = Host(hall), phone.locator("#stage-text")
    hall.come(1)
    host.draw(k=2)
    host.reveal()
    host.tell()
    phone.locator("#stage-title", has_text="恭喜").wait_for()
    host.mark(1, 1)  # says so at once, not only when the others are confirmed
    host.tell()
    phone.locator("#stage-title", has_text="不在场").wait_for()
    assert "否则今晚不再参加抽取" in text.inner_text()
    host.confirm(1)
    host.tell()
    phone.locator("#stage-text", has_text="这次已经确认").wait_for()
    host.do(absent.take_back, host.id, 1, 1)
    host.confirm(1)
    host.tell()
    phone.locator("#me[data-stage=confirmed] #collect").wait_for()
    hall.come(1)
    host.freeze()
    host.arm(2)
    host.tell()
    phone.locator("#stage-text", has_text="这次没有你：你已经中过奖").wait_for()
    host.start()
    host.reveal()
    host.tell()
    phone.locator("#me[data-stage=waiting] #stage-title", has_text="一等奖 还没领").wait_for()  # calm, not forgotten
    assert phone.locator("#collect").is_visible()
    look(phone, "kept")
    host.do(guests.strike, host.id, 1, "left")
    host.confirm(2)
    host.tell()
    phone.locator("#won-list li").first.wait_for()
    phone.reload()
    phone.locator("#collect").click()
    phone.locator("#sheet-main", has_text="领取").wait_for()


def test_only_whom_a_selection_concerns_asks_the_web_door_for_their_part(phone: Any, site: Runtime) -> None:
    hall = open_hall(
        site,
        [{"name": "一等奖", "stock": 2}],
        end_at=site.clock.now() + timedelta(hours=5),
        terms={"channel": "sendredpack"},
    )
    with site.database.transaction() as session:
        session.get_one(InstantTerms, hall.campaign_id).channel = "sendredpack"
    asked: list[str] = []
    phone.on("request", lambda each: asked.append(each.url) if each.url.endswith("/me") else None)
    phone.add_init_script("Math.random = () => 0")  # what is asked is asked at once
    phone.goto(f"{site.settings.public_url}{hall.path}?code={code_of(hall)}")
    phone.locator("#name").fill("阿明")
    phone.locator("button[type=submit]").click()
    phone.locator(".hall-no").wait_for()
    host, title = Host(hall), phone.locator("#stage-title")
    host.freeze()
    for verb in (host.arm, host.start, host.reveal):
        verb()
        host.tell()
    phone.locator("#me[data-stage=won]").wait_for()
    host.confirm(1)
    host.tell()
    phone.locator("#me[data-stage=confirmed]").wait_for()
    assert "一等奖 是你的了" in title.inner_text()
    hall.come(1)
    host.freeze()
    host.tell()
    phone.locator("#me[data-stage=confirmed]").wait_for()
    asked.clear()
    for verb, stage in ((host.arm, "马上开始"), (host.start, "正在抽取"), (host.reveal, "这次没有你")):
        verb()
        host.tell()
        title.filter(has_text=stage).wait_for()
    host.confirm(2)
    host.tell()
    with phone.expect_request("**/hall/*/state"):
        pass  # the answer says so
    phone.evaluate("document.getElementById('offline').hidden = false")
    phone.locator("#offline").wait_for(state="hidden")  # it is there
    phone.evaluate("new Promise((done) => setTimeout(done, 50))")  # what the page asks because of it, it asks by now
    assert len(asked) == 1


@pytest.mark.proof
def test_a_guest_is_told_that_they_are_struck_hidden_late_and_that_the_evening_is_over(
    phone: Any, site: Runtime
) -> None:
    hall = open_hall(site, [{"stock": 3}], guests=2, end_at=site.clock.now() + timedelta(hours=5))
    host = Host(hall)
    host.freeze()
    host.tell()
    phone.goto(f"{site.settings.public_url}{hall.path}?code={code_of(hall)}")
    phone.locator("#name").fill("阿明")
    phone.locator("button[type=submit]").click()
    host.arm()
    host.tell()
    phone.locator("#stage-text", has_text="冻结以后你才签到").wait_for()
    host.start()
    host.reveal()
    host.tell()
    phone.locator("#stage-title", has_text="已签到").wait_for()  # they may have come when it was over
    host.do(guests.strike, host.id, 3, "left")
    host.tell()
    with site.database.transaction() as session:
        guests.hide(session, hall.campaign_id, 3, True)
    phone.reload()
    phone.locator("#stage-text", has_text="已经离场").wait_for()
    phone.locator("#hidden", has_text="不影响中奖").wait_for()
    look(phone, "struck")
    assert serious(phone) == []
    with site.database.transaction() as session:
        session.get_one(Campaign, hall.campaign_id).end_at = site.clock.now()
    phone.reload()
    phone.locator("#stage-title", has_text="活动已经结束").wait_for()
    assert not phone.locator("#danmaku").is_visible()


@pytest.mark.proof
def test_the_page_in_english_and_at_the_door(phone: Any, site: Runtime) -> None:
    hall = open_hall(site, terms={"day_word": "cherry", "is_rehearsal": True, "mode": "seed"})
    phone.emulate_media(color_scheme="dark")
    phone.goto(f"{site.settings.public_url}{hall.path}?door=1&lang=en")
    phone.locator("label", has_text="Word of the day").wait_for()
    assert "Rehearsal" in phone.locator(".hall-chip").inner_text()
    look(phone, "door-en-dark")
    assert serious(phone) == []
    phone.locator("#word").fill("Cherry")
    phone.locator("#name").fill("Ann")
    phone.locator("button[type=submit]").click()
    phone.locator(".hall-no", has_text="1").wait_for()
    assert "Watch the screen" in phone.locator("#stage-title").inner_text()


def test_whoever_missed_a_packet_is_told_that_it_is_theirs_where_the_rules_say_so(phone: Any, site: Runtime) -> None:
    rain = {
        "name": "红包雨",
        "way": "rain",
        "stock": 3,
        "split": "exact",
        "total_fen": 300,
        "min_fen": 50,
        "max_fen": 200,
    }
    rain |= {"value_fen": 200, "per_selection": 3, "seconds": 10, "leftover": "person"}
    hall = open_hall(site, (rain,), end_at=site.clock.now() + timedelta(hours=5))
    phone.goto(f"{site.settings.public_url}{hall.path}?code={code_of(hall)}")
    phone.locator("#name").fill("阿明")
    phone.locator("button[type=submit]").click()
    phone.locator(".hall-no").wait_for()
    host = Host(hall)
    game = host.do(games.begin, site.vault, host.id, 1)
    with site.database.transaction() as session:  # it is over in a moment
        now = site.database.now(session).replace(microsecond=0)
        moved = {"begin_at": now - timedelta(seconds=9), "end_at": now + timedelta(seconds=1)}
        session.execute(update(Game).where(Game.id == game.id).values(moved))
    host.tell()
    phone.locator(".hall-told", has_text="没接住的也归你").wait_for()
    look(phone, "missed")


def test_a_rain_that_the_desk_adds_in_the_evening_is_caught_on_a_phone(phone: Any, site: Runtime) -> None:
    accounts.hire(site.database, "li.test", "li", "marketer", PASSWORD, site.clock.now())
    app = create_app(site)
    office = Office(app, site, Browser(app, "li"), end_at=site.clock.now() + timedelta(hours=5))
    phone.add_init_script("Math.random = () => 0")  # what is asked is asked at once
    phone.goto(f"{site.settings.public_url}{office.host.stage.path}?code={code_of(office.host.stage)}")
    phone.locator("#name").fill("阿明")
    phone.locator("button[type=submit]").click()
    phone.locator(".hall-no", has_text="7").wait_for()
    desk = phone.context.new_page()
    desk.context.add_cookies([pass_of(office.li)])
    desk.goto(f"{site.settings.public_url}{office.path}")
    for name, typed in (RAIN | {"prize_stock": "14", "prize_each": "2", "prize_seconds": "5"}).items():
        field = desk.locator(f"[name={name}]")
        field.select_option(typed) if name in ("prize_way", "prize_kind", "prize_leftover") else field.fill(typed)
    desk.locator("form[action$='/changes'] button").click()
    desk.locator("strong", has_text="加一场雨 × 14").wait_for()
    desk.goto(f"{site.settings.public_url}/admin/halls/{office.host.id}")
    office.agree()
    desk.locator("#games form[action$='/game'] button").click()  # it is there by the pulse, without asking anew

    phone.locator("#news", has_text="加一场雨").wait_for()
    phone.locator(".hall-packet").first.dispatch_event("pointerdown")
    told = phone.locator(".hall-rain .hall-told", has_text="接到 ¥")
    told.wait_for()
    look(phone, "caught")
    with site.database.reading() as session:
        (caught,) = session.scalars(select(RainHit).where(RainHit.claimed_at.is_not(None)))
    assert caught.guest_no == 7
    assert told.inner_text() == f"接到 ¥{caught.amount_fen / 100:.2f}"
