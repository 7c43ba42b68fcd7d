"""The preview: drawn by the decision of the real draws, seen by who has a pass, and of which nothing is kept anywhere."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.instant.stage import InstantStage, approved
from tests.rows import everything
from tests.staff.consoles import NOON, Browser, console
from wxbot.campaigns.models import Campaign
from wxbot.instant import preview
from wxbot.instant.h5_preview import PASS_LIFE_S
from wxbot.instant.models import CampaignPicture
from wxbot.runtime import Runtime
from wxbot.staff.models import Staff

BASE = "http://localhost"
PRIZES: tuple[dict[str, Any], ...] = (
    {"name": "一元红包", "odds_ppm": 100_000, "stock": 1},
    {
        "name": "随机红包",
        "odds_ppm": 200_000,
        "split": "exact",
        "min_fen": 50,
        "max_fen": 300,
        "total_fen": 10_000,
        "stock": 100,
    },
    {"name": "封面", "odds_ppm": 300_000, "kind": "code", "min_fen": 0, "max_fen": 0, "release": {"way": "even"}},
)


@pytest.fixture
def app(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    with console(sqlite_url, redis_url, tmp_path, NOON) as made:
        yield made


@dataclass
class Frame:
    """A browser that has nothing but the address that the console gave it."""

    app: Flask
    address: str

    def get(self, path: str = "", **headers: str) -> Any:
        return self.app.test_client().get(self.address + path, base_url=BASE, headers=headers)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.app.test_client().post(self.address + path, base_url=BASE, json=body)

    def state(self) -> dict[str, Any]:
        """What the page was drawn from."""
        found = re.search(r'id="state">(.*?)</script>', self.get().text, re.DOTALL)
        assert found
        state: dict[str, Any] = json.loads(found[1])
        return state

    def draw(self, nonce: object = "7", wish: str = "", **more: Any) -> dict[str, Any]:
        said: dict[str, Any] = self.post("/draw", {"nonce": str(nonce), "wish": wish, **more}).get_json()
        return said


def drafted(app: Flask, **changes: Any) -> InstantStage:
    return approved(app.extensions["wxbot"], *PRIZES, status="draft", **changes)


def framed(app: Flask, stage: InstantStage, login: str = "li") -> Frame:
    answer = Browser(app, login).get(f"/admin/campaigns/{stage.campaign_id}/preview/frame")
    assert answer.status_code == 302
    return Frame(app, answer.location.partition("?")[0])


def kept(runtime: Runtime) -> tuple[Any, Any]:
    """All rows of all tables, and all of Redis."""
    with runtime.database.engine.connect() as connection:
        rows = {name: sorted(map(repr, rows)) for name, rows in everything(connection).items()}
    return rows, {key: runtime.redis.dump(key) for key in runtime.redis.keys("*")}


def test_two_hundred_draws_and_all_that_follows_leave_every_table_and_key_as_it_was(app: Flask) -> None:
    stage = drafted(app)
    frame = framed(app, stage)
    before = kept(stage.runtime)
    state = frame.state()
    ends = set()
    for _ in range(200):
        answer = frame.draw(state["nonce"])
        state["nonce"] = answer["nonce"]
        ends.add(answer["outcome"])
        assert answer["tries_left"] == state["tries_left"] == 3
    assert ends == {"won", "lost"}
    award = frame.draw(wish="1")["award"]["id"]
    for method, step in (("post", "collect"), ("get", "state"), ("post", "look")):
        award = getattr(frame, method)(f"/awards/{award}/{step}").get_json()["id"]
    assert frame.get("/state").status_code == frame.get("/rules").status_code == 200
    assert kept(stage.runtime) == before


def test_the_odds_are_those_of_the_draft_though_it_has_not_begun_and_its_stock_is_small(app: Flask) -> None:
    stage = drafted(app, begin_at=NOON + timedelta(days=3), end_at=NOON + timedelta(days=9))
    with stage.runtime.database.reading() as session:
        seen = preview.read(session, session.get_one(Campaign, stage.campaign_id), "a seed", NOON)
    draws = 2000
    counts = dict.fromkeys((1, 2, 3, None), 0)
    for k in range(draws):
        outcome, prize, amount_fen = preview.drawn(seen, k, "")
        counts[prize.ordinal if prize else None] += 1
        assert (outcome == "won") == (prize is not None)
        assert prize is None or prize.ordinal != 2 or 50 <= amount_fen <= 300
    expected = {1: 0.1 * draws, 2: 0.2 * draws, 3: 0.3 * draws, None: 0.4 * draws}
    assert sum((counts[end] - n) ** 2 / n for end, n in expected.items()) < 16.3  # p = 0.001, three degrees of freedom


def test_the_same_tap_has_the_same_end_and_the_next_one_its_own(app: Flask) -> None:
    frame = framed(app, drafted(app))
    first = frame.draw(1234)
    assert frame.draw(1234) | {"award": None} == first | {"award": None}
    assert len({str(frame.draw(n)["prize"]) for n in range(20)}) > 1


def test_each_end_can_be_asked_for_and_a_winner_sees_what_a_winner_sees(app: Flask) -> None:
    stage = drafted(app, terms={"gap_s": 60, "wins_per_day": 1, "password": "新年好"}, tries_per_day=1)
    frame = framed(app, stage)
    state = frame.state()
    assert state["is_test"] and state["needs_password"] and "config" not in state
    assert frame.draw(wish="1")["outcome"] == "wrong_password"
    ends = {}
    for wish, _ in state["wishes"][1:]:
        answer = frame.draw(wish=wish, password="新年好")
        ends[wish] = answer["prize"]["name"] if answer.get("prize") else answer["title"]
    assert ends == dict(state["wishes"][1:])
    assert {"1", "2", "3", "lost", "not_released", "no_tries_today", "too_soon", "won_today"} <= ends.keys()
    award = frame.draw(wish="1", password="新年好")["award"]
    seen = [award["state"]]
    for method, step in (("get", "state"), ("post", "collect"), ("get", "state"), ("get", "state"), ("post", "look")):
        award = getattr(frame, method)(f"/awards/{award['id']}/{step}").get_json()
        seen.append(award["state"])
    assert seen == ["open", "open", "preparing", "confirm", "confirm", "paid"]
    assert award["yuan"] == "1.00"
    code = frame.draw(wish="3", password="新年好")["award"]
    assert frame.get(f"/awards/{code['id']}/state").get_json()["code"] == preview.CODE


def test_a_packet_in_the_chat_is_told_as_one(app: Flask) -> None:
    frame = framed(app, approved(app.extensions["wxbot"], status="draft", terms={"channel": "sendredpack"}))
    award = frame.draw(wish="1")["award"]["id"]
    award = frame.post(f"/awards/{award}/collect").get_json()["id"]
    assert "聊天" in frame.get(f"/awards/{award}/state").get_json()["text"]


def test_the_page_has_the_drafts_words_and_rules_and_says_that_it_is_a_preview(app: Flask) -> None:
    stage = drafted(app, act_name="周年庆大转盘")
    frame = framed(app, stage)
    page = frame.get().text
    assert "周年庆大转盘" in page and "预览" in page and "jweixin" not in page and "1/10（10%）· 1 份" in page
    assert "¥1.00" in page and "价值 ¥" in page
    rules = frame.get("/rules").text
    assert "周年庆大转盘" in rules and "指纹在启动时公布" in rules
    assert "Preview" in frame.get("?lang=en").text
    name = hashlib.sha256(b"a picture").hexdigest()
    with stage.runtime.database.transaction() as session:
        campaign = session.get_one(Campaign, stage.campaign_id)
        campaign.act_name = "换了名字"
        campaign.terms = {**campaign.terms, "look": {"picture": name}}
        kept = {"campaign_id": campaign.id, "name": name, "content": b"a picture", "added_at": NOON}
        session.add(CampaignPicture(**kept))
    assert "换了名字" in frame.get().text
    assert app.test_client().get(frame.state()["picture"], base_url=BASE).data == b"a picture"


@pytest.mark.parametrize("status", ["submitted", "approved", "on", "closed"])
def test_a_campaign_of_any_status_can_be_looked_at(app: Flask, status: str) -> None:
    frame = framed(app, approved(app.extensions["wxbot"], *PRIZES, status=status), "wang")
    assert frame.draw(wish="2")["prize"]["name"] == "随机红包"


def test_the_preview_speaks_the_language_that_was_chosen_whatever_the_browser_prefers(app: Flask) -> None:
    stage, console = drafted(app), Browser(app, "li")
    place = f"/admin/campaigns/{stage.campaign_id}/preview"
    for chosen, query, said in (("zh", "", "预览"), ("en", "?lang=en", "Preview"), ("zh", "?lang=xx", "预览")):
        page = console.get(place + query).text
        assert re.search(rf'class="is-here" aria-current=true lang="{chosen}[^"]*"', page), query
        assert f"preview/frame?lang={chosen}" in page and f'?lang={chosen}" aria-label' in page
        for at in ("page", "rules"):
            framed_at = console.get(f"{place}/frame?lang={chosen}&at={at}").location
            foreign = {"Accept-Language": "en" if chosen == "zh" else "zh-CN"}
            shown = app.test_client().get(framed_at, base_url=BASE, headers=foreign).text
            assert f'<html lang="{"en" if chosen == "en" else "zh-CN"}"' in shown
            assert at == "rules" or said in shown
    console.post("/admin/language", {"locale": "en", "back": "/admin/"})
    assert "preview/frame?lang=en" in console.get(place).text


def test_only_our_own_console_frames_it(app: Flask) -> None:
    stage = drafted(app)
    answer = framed(app, stage).get()
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' http://127.0.0.1:9;" in policy, "the second is the simulator's phone"
    assert "script-src 'self';" in policy and "X-Frame-Options" not in answer.headers
    shown = Browser(app, "li").get(f"/admin/campaigns/{stage.campaign_id}/preview")
    assert "frame-src 'self'" in shown.headers["Content-Security-Policy"]
    assert f"/campaigns/{stage.campaign_id}/preview/frame" in shown.text
    assert f"{BASE}/h5/preview/{stage.campaign_id}/" in shown.text, "the address of the code"


def test_without_a_good_pass_nothing_is_seen(app: Flask) -> None:
    stage, other = drafted(app), drafted(app, slug="other")
    frame = framed(app, stage)
    mark = frame.address.rpartition("/")[2]
    forged = mark[:-1] + ("0" if mark[-1] != "0" else "1")
    for address in (f"/h5/preview/{other.campaign_id}/{mark}", f"/h5/preview/{stage.campaign_id}/{forged}"):
        stranger = Frame(app, address)
        assert (stranger.get().status_code, stranger.post("/draw", {}).status_code) == (404, 404)
        assert "转一转" not in stranger.get().text
        for path in ("/rules", "/state", "/awards/1-1-open/state", "/picture/x.jpg"):
            assert stranger.get(path).status_code == 404
    app.extensions["wxbot"].clock.move(timedelta(seconds=PASS_LIFE_S + 1))
    ended = frame.get()
    assert ended.status_code == 404 and "预览链接已过期" in ended.text
    assert Browser(app, "zhao").get(f"/admin/campaigns/{stage.campaign_id}/preview/frame").status_code == 404


def test_a_pass_ends_with_the_account_of_its_maker_and_is_nobody_elses(app: Flask) -> None:
    stage = drafted(app)
    frame = framed(app, stage)
    assert frame.get().status_code == 200
    runtime: Runtime = app.extensions["wxbot"]
    with runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.login == "li.test").values(role="cashier"))
    assert frame.get().status_code == 200
    with runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.login == "li.test").values(role="reviewer"))
    assert frame.get().status_code == 404, "a reviewer sees no campaign"
    with runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.login == "li.test").values(role="marketer", is_active=False))
    assert (frame.get().status_code, frame.post("/draw", {}).status_code) == (404, 404)
    place, _, mark = frame.address.rpartition("/")
    for maker in ("2", "999", "x", "²", ""):
        assert Frame(app, f"{place}/{maker}-{mark.partition('-')[2]}").get().status_code == 404


def test_a_draft_that_cannot_be_drawn_from_says_what_to_do(app: Flask) -> None:
    stage = drafted(app)
    frame = framed(app, stage)
    for change, sentence in (
        ({"terms": {"prizes": []}}, "至少要有一个奖品"),
        ({"half_written": {"mechanic": "instant", "act_name": "半张"}}, "奖品"),
    ):
        with stage.runtime.database.transaction() as session:
            campaign = session.scalars(select(Campaign).where(Campaign.id == stage.campaign_id)).one()
            for name, value in change.items():
                setattr(campaign, name, value)
        answer = frame.get()
        assert (answer.status_code, sentence in answer.text) == (409, True)
        assert frame.post("/draw", {"nonce": "1"}).status_code == 409
