"""What a phone gives to a page through the bridge: codes, places, pictures, the network (wechat-protocol §9.4)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.shop_page import ShopPage
from wxbot.simulator.server import Simulator

PICTURE = b"\x89PNG\r\n\x1a\n" + b"pixels"
DATA_URL = "data:image/png;base64," + base64.b64encode(PICTURE).decode()


@pytest.fixture
def person(web: Web) -> dict[str, Any]:
    """Whose phone this session is."""
    made: dict[str, Any] = web.post("/_sim/people", json={}).json()["people"][0]
    web.post(f"/_sim/people/{made['id']}/session", json={})
    return made


def hold(web: Web, person: dict[str, Any], **things: Any) -> None:
    reply = web.put(f"/_sim/people/{person['id']}/in_hand", json=things)
    assert reply.status_code == 200, reply.text


def ask(web: Web, name: str, agent: str = "MicroMessenger", **args: Any) -> dict[str, Any]:
    sent = {"args": args, "url": "http://shop.example.test/"}
    reply = web.post(f"/_sim/bridge/{name}", json=sent, headers={"User-Agent": agent})
    return dict(reply.json())


def test_a_code_is_scanned_or_given_up(web: Web, person: dict[str, Any]) -> None:
    assert ask(web, "scanQRCode", needResult=1) == {"err_msg": "scanQRCode:cancel"}
    hold(web, person, scan="EAN_13,6901234567892")
    assert ask(web, "scanQRCode", needResult=0) == {"err_msg": "scanQRCode:ok"}
    assert ask(web, "scanQRCode", needResult=1)["resultStr"] == "EAN_13,6901234567892"
    wrapped = ask(web, "scanQRCode", "iPhone MicroMessenger", needResult=1)["resultStr"]
    assert json.loads(wrapped) == {"scan_code": {"scan_result": "EAN_13,6901234567892"}}
    hold(web, person, scan=None)
    assert ask(web, "scanQRCode", needResult=1) == {"err_msg": "scanQRCode:cancel"}


def test_a_place_is_told_and_shown(web: Web, person: dict[str, Any]) -> None:
    assert ask(web, "geoLocation")["latitude"] == pytest.approx(23.12911)
    hold(web, person, location={"latitude": 39.9, "longitude": 116.4})
    found = ask(web, "geoLocation", type="gcj02")
    assert (found["err_msg"], found["latitude"], found["longitude"]) == ("geoLocation:ok", 39.9, 116.4)
    assert ask(web, "openLocation", latitude=39.9, longitude=116.4)["err_msg"] == "openLocation:ok"
    assert ask(web, "openLocation", latitude="39.9", longitude="116.4")["err_msg"] == "openLocation:fail"


def test_a_picture_is_chosen_sent_and_fetched(web: Web, person: dict[str, Any], token: str) -> None:
    assert ask(web, "chooseImage")["err_msg"] == "chooseImage:cancel"
    hold(web, person, images=[DATA_URL, DATA_URL])
    ids = ask(web, "chooseImage", count=1)["localIds"]
    assert len(ids) == 1
    assert json.loads(ask(web, "chooseImage", "Android MicroMessenger", count=1)["localIds"]) == ids
    sent = ask(web, "uploadImage", localId=ids[0])
    got = web.get("/cgi-bin/media/get", params={"access_token": token, "media_id": sent["serverId"]})
    assert got.content == PICTURE
    assert ask(web, "uploadImage", localId="wxLocalResource://imageid7")["err_msg"] == "uploadImage:fail"


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (None, {"err_msg": "network_type:wifi"}),
        ("5g", {"err_msg": "network_type:wwan", "subtype": "5g"}),
        ("none", {"err_msg": "network_type:fail"}),
    ],
)
def test_the_network_has_a_name(web: Web, person: dict[str, Any], kind: str | None, answer: dict[str, str]) -> None:
    hold(web, person, network=kind)
    assert ask(web, "getNetworkType") == answer


@pytest.mark.parametrize(
    "wrong",
    [
        {"scan": ""},
        {"location": {"latitude": 91, "longitude": 0}},
        {"location": {"latitude": "39", "longitude": 0}},
        {"images": ["AAAA"]},
        {"images": []},
        {"network": "6g"},
        {"weather": "rain"},
    ],
)
def test_what_no_hand_can_hold_is_refused(web: Web, person: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert web.put(f"/_sim/people/{person['id']}/in_hand", json=wrong).status_code == 400
    assert web.get(f"/_sim/people/{person['id']}/in_hand").json() == {}


def test_a_phone_that_nobody_holds_has_empty_hands(web: Web) -> None:
    assert ask(web, "getNetworkType") == {"err_msg": "network_type:wifi"}
    assert ask(web, "scanQRCode", needResult=1) == {"err_msg": "scanQRCode:cancel"}


@pytest.mark.browser
def test_the_person_picks_in_the_phone_and_the_page_gets_it(
    simulator: Simulator, web: Web, person: dict[str, Any], browser_page: Any
) -> None:
    """Through a page's own wx, in the phone's web view: a code and a picture picked from the sheets, and one given up."""
    shop = ShopPage(simulator)
    simulator.world.account.js_domains.append(shop.url.removeprefix("http://"))
    shop.listed = ["scanQRCode", "chooseImage", "getLocation"]
    browser_page.goto(f"{simulator.http_url}/phone?person={person['id']}")
    browser_page.wait_for_selector("[data-testid=tab-me]")
    browser_page.evaluate(f"import('/sim/static/phone/web.js').then((web) => web.openPage('{shop.url}/draw'))")
    page = browser_page.wait_for_selector("[data-testid=page]").content_frame()
    page.wait_for_selector("#config >> text=ready")

    def picked(call: str, options: str, label: str) -> Any:
        ways = "success: done, cancel: done, fail: done"
        page.evaluate(f"() => {{ window.asked = new Promise((done) => wx.{call}({{ {options} {ways} }})); }}")
        browser_page.click(f".sheet-row >> text={label}")
        return page.evaluate("() => window.asked")

    try:
        assert picked("scanQRCode", "needResult: 1,", "条形码")["resultStr"] == "EAN_13,6901234567892"
        assert picked("scanQRCode", "needResult: 1,", "取消") == {"errMsg": "scanQRCode:cancel"}
        assert picked("chooseImage", "", "红色的图片")["localIds"] == ["wxLocalResource://imageid0"]
        assert web.get(f"/_sim/people/{person['id']}/in_hand").json()["images"][0].startswith("data:image/png")
    finally:
        shop.close()


@pytest.mark.browser
def test_a_page_asks_whether_it_may_feel_movements(simulator: Simulator, web: Web, browser_page: Any) -> None:
    """The switch's answer, only in the hand of a tap; what is granted brings movements, what is not asked has no such call."""
    shop = ShopPage(simulator)
    asking = """() => { window.moves = 0; addEventListener('devicemotion', () => { window.moves += 1; });
      document.getElementById('draw').onclick = () => { window.asked = Promise.race([
        DeviceMotionEvent.requestPermission().catch((error) => error.name),
        new Promise((done) => setTimeout(() => done('nothing'), 300))]); }; }"""
    try:
        for switch, answer in (
            ("granted", "granted"),
            ("denied", "denied"),
            ("unanswered", "nothing"),
            ("refused", "NotAllowedError"),
        ):
            web.put("/_sim/switches", json={"motion_permission": switch})
            browser_page.goto(shop.url + "/draw")
            browser_page.evaluate(asking)
            browser_page.click("#draw")
            assert browser_page.evaluate("() => window.asked") == answer
            browser_page.evaluate("() => new Promise((done) => setTimeout(done, 500))")
            assert (browser_page.evaluate("() => window.moves") > 0) is (switch == "granted")
        web.put("/_sim/switches", json={"motion_permission": "absent"})
        browser_page.goto(shop.url + "/draw")
        assert browser_page.evaluate("() => typeof DeviceMotionEvent.requestPermission") == "undefined"
    finally:
        shop.close()
