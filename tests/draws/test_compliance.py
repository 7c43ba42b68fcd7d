"""What WeChat forbids on a page that hands out packets (wechat-protocol §10), and what must never stand in an address."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from PIL import Image

from tests.conftest import Cast
from tests.draws.stage import Phone, Stage
from tests.servers import SimulatedWeChat
from wxbot.draws.outcomes import SENTENCES
from wxbot.draws.words import WORDS
from wxbot.runtime import Runtime

ROOT = Path(__file__).resolve().parents[2]
INDUCEMENT = re.compile("关注后|先关注|关注公众号|转发|分享到|分享后|邀请好友|助力|集赞|朋友圈|必中|百分百|100%中")


def test_no_sentence_asks_to_follow_or_share_S40() -> None:
    texts = [text for pair in WORDS.values() for text in pair]
    texts += [part for pair in SENTENCES.values() for text in pair for part in text]
    pages = sorted((ROOT / "templates" / "h5").glob("*.html")) + sorted((ROOT / "wxbot/static/h5").glob("*.js"))
    texts += [path.read_text(encoding="utf-8") for path in pages]
    assert not [text[:60] for text in texts if INDUCEMENT.search(text)]


def test_someone_who_does_not_follow_draws_like_anyone_S40(
    stage: Stage, app: Flask, runtime: Runtime, cast: Cast
) -> None:
    wang = Phone(app, runtime, cast.wang.id)  # 老王 does not follow the account
    assert wang.draw(stage, stage.shake(cast.wang.openid)).get_json()["outcome"] == "admitted"


def test_pages_have_no_inline_script_style_or_foreign_file_S71(stage: Stage, ming: Phone, runtime: Runtime) -> None:
    for more in ("", "/rules", "/after"):
        page = ming.open(stage.path + more).get_data(as_text=True)
        assert "<style" not in page
        assert not re.search(r"\sstyle=|\son\w+=", page)
        scripts = re.findall(r"<script([^>]*)>", page)
        assert all("src=" in one or 'type="application/json"' in one for one in scripts)
        for address in re.findall(r'(?:src|href)="([^"]+)"', page):
            assert address.startswith(("/", runtime.settings.res_base, runtime.settings.zb_base)), address


def test_texts_of_a_marketer_are_escaped_and_a_language_can_be_chosen(stage: Stage, ming: Phone) -> None:
    evil = "<img src=x onerror=alert(1)>{{7*7}}"
    stage.change(name=evil, organiser=evil, rules=evil, wishing="</script>")
    for more in ("", "/rules", "/after"):
        page = ming.open(stage.path + more).get_data(as_text=True)
        assert "<img src=x" not in page
        assert "49" not in re.sub(r"\d+:\d+|[0-9a-f]{8,}", "", page) or "{{7*7}}" in page
    assert "Read the full rules" in ming.open(f"{stage.path}?lang=en").get_data(as_text=True)
    assert "查看完整规则" in ming.open(stage.path).get_data(as_text=True)
    assert "Rules" in ming.get(f"{stage.path}/rules", **{"Accept-Language": "en-GB,en;q=0.8"}).get_data(as_text=True)


def test_outside_wechat_there_is_a_code_to_scan_and_no_redirect(stage: Stage, app: Flask, runtime: Runtime) -> None:
    browser = Phone(app, runtime, agent="Mozilla/5.0 (Windows NT 10.0) Chrome/140.0")
    reply = browser.get(f"{stage.path}?ticket=secret-ticket-of-someone")
    page = reply.get_data(as_text=True)
    assert reply.status_code == 200
    assert "请在微信里打开" in page
    assert "<svg" in page
    assert "secret-ticket" not in page


def test_outside_wechat_a_campaign_that_cannot_be_drawn_says_so(stage: Stage, app: Flask, runtime: Runtime) -> None:
    """Nobody takes out their phone and scans a code only to read that it is over."""
    now = runtime.clock.now()
    table: list[tuple[dict[str, Any], str, bool]] = [
        ({"status": "closing"}, "活动已经结束", False),
        ({"status": "closed"}, "活动已经结束", False),
        ({"begin_at": now - timedelta(hours=2), "end_at": now - timedelta(seconds=1)}, "活动已经结束", False),
        ({"status": "off"}, "活动暂停一下", True),
        ({"begin_at": now + timedelta(minutes=5)}, "活动还没开始", True),
    ]
    good = {"status": "on", "begin_at": now - timedelta(hours=3), "end_at": now + timedelta(hours=3)}
    browser = Phone(app, runtime, agent="Mozilla/5.0 (Windows NT 10.0) Chrome/140.0")
    for changes, said, has_code in table:
        stage.change(**(good | changes))
        page = browser.get(stage.path).text
        assert said in page
        assert ("<svg" in page, "请在微信里打开" in page) == (has_code, has_code)


def test_a_real_shake_of_the_simulator_opens_the_draw_S35(
    stage: Stage, ming: Phone, hong: Phone, cast: Cast, simulator: SimulatedWeChat
) -> None:
    """A shake that only WeChat knows: the page asks getshakeinfo once, the draw finds the proof in Redis."""
    shakearound = stage.runtime.shakearound
    address = f"http://127.0.0.1:8000{stage.path}"
    out = io.BytesIO()
    Image.new("RGB", (120, 120), "red").save(out, "PNG")
    icon = shakearound.material_add(out.getvalue(), "icon.png")
    page_id = shakearound.page_add(title="新春", description="到店有礼", page_url=address, icon_url=icon)
    beacon = simulator.control("POST", "beacons", {"comment": "door"})
    beacon = beacon.get("beacon", beacon)
    shakearound.device_bindpage({"device_id": beacon["device_id"]}, [page_id])
    stage.change(page_id=page_id)
    simulator.control("POST", f"people/{cast.ming.id}/near", {"device_ids": [beacon["device_id"]]})
    (card,) = simulator.control("POST", f"people/{cast.ming.id}/shake", {})["cards"]
    assert card["url"].startswith(f"{address}?")
    shake_ticket = parse_qs(urlsplit(card["url"]).query)["ticket"][0]
    assert ming.draw(stage, shake_ticket).get_json()["outcome"] == "admitted"
    assert hong.draw(stage, shake_ticket).get_json()["outcome"] == "foreign_ticket"
    (draw,) = stage.draws()
    assert draw.device_id == f"{beacon['major']}:{beacon['minor']}"
