"""The fixtures themselves: what they promise to the other tests."""

from __future__ import annotations

from typing import Any

import pytest
import redis
import requests
from sqlalchemy import text

from tests.servers import SimulatedWeChat
from wxbot.db import Database


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_a_fresh_database_with_the_schema(database: Database, turn: int) -> None:
    with database.transaction() as session:
        assert session.execute(text("SELECT count(*) FROM campaigns")).scalar_one() == 0
        session.execute(text("CREATE TABLE left_behind (turn INTEGER)"))


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_redis(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.keys() == []
        connection.set("left_behind", turn)


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_wechat_with_the_cast(simulator: SimulatedWeChat, cast: Any, turn: int) -> None:
    people = simulator.control("GET", "people")["people"]
    assert {person["nickname"] for person in people} == {"阿明", "小红", "老王", "阿贵"}
    assert {person["nickname"] for person in people if person["is_followed"]} == {"阿明", "小红", "阿贵"}
    assert abs(simulator.control("GET", "clock")["offset_s"]) < 1
    assert simulator.control("GET", "faults")["faults"] == {}
    assert simulator.control("GET", "account")["callback_mode"] == "encrypted"
    simulator.advance(3600)
    simulator.control("PUT", "faults/shakearound", {"kind": "slow", "seconds": 1})
    simulator.control("PUT", "account", {"callback_mode": "plain"})


def test_the_runtime_reaches_the_simulator(runtime: Any) -> None:
    assert runtime.tokens.access_token()


@pytest.mark.browser
def test_the_browser_shows_chinese(browser_page: Any) -> None:
    browser_page.set_content("<h1>摇一摇</h1>")
    assert browser_page.locator("h1").inner_text() == "摇一摇"


def test_the_live_application_answers_the_network(live: Any) -> None:
    assert requests.get(f"{live.url}/healthz", timeout=5).text == "ok"
