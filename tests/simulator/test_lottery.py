"""Shake-around and its lotteries as WeChat would run them (wechat-protocol §1.3–1.8, §2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.story import KEY, PAGE, Shop, png
from wxbot.simulator.server import Simulator


@pytest.fixture
def shop(simulator: Simulator, web: Web, token: str) -> Shop:
    return Shop(simulator, web, token)


@pytest.fixture
def ready(shop: Shop) -> tuple[Shop, int]:
    """A lottery that is on with three tickets, and a beacon that leads to the draw page."""
    device_id, _ = shop.hang_beacon()
    shop.lottery()
    shop.load(shop.tickets(3))
    return shop, device_id


def events(shop: Shop) -> list[tuple[str, str, dict[str, Any]]]:
    """What is pushed from now on, instead of being sent."""
    pushed: list[tuple[str, str, dict[str, Any]]] = []
    shop.simulator.world.shake.event = lambda openid, event, fields: pushed.append((openid, event, fields))
    return pushed


# -- devices, pages -----------------------------------------------------------------------------------------------------


def test_devices_pages_and_relations_as_in_2_13(shop: Shop) -> None:
    device_id, page_id = shop.hang_beacon()
    which = {"device_identifier": {"device_id": device_id}}
    assert shop.call("/device/update", which | {"comment": "收银台"}) == {
        "data": {},
        "errcode": 0,
        "errmsg": "success.",
    }
    assert shop.call("/device/bindlocation", which | {"poi_id": 1234, "type": 1})["errcode"] == 0
    found = shop.call("/device/search", {"type": 1, "device_identifiers": [{"device_id": device_id}]})["data"]
    device = found["devices"][0]
    assert (device["comment"], device["poi_id"], device["status"]) == ("收银台", 1234, 0)
    triple = {name: device[name] for name in ("uuid", "major", "minor")}
    rows = shop.call("/relation/search", {"type": 1, "device_identifier": triple})["data"]
    assert rows["relations"] == [{"device_id": device_id, "page_id": page_id, **triple}]
    assert shop.call("/page/delete", {"page_id": page_id})["errcode"] == 9001029
    shop.call("/device/bindpage", which | {"page_ids": []})
    assert shop.call("/page/delete", {"page_id": page_id})["errcode"] == 0
    assert shop.call("/page/search", {"type": 2, "begin": 0, "count": 50})["data"] == {"pages": [], "total_count": 0}


@pytest.mark.parametrize(
    ("path", "body", "errcode"),
    [
        ("/device/applyid", {"quantity": 0, "apply_reason": "开业"}, 9001022),
        ("/device/applyid", {"quantity": "3", "apply_reason": "开业"}, 9001022),
        ("/device/applyid", {"quantity": 1}, 9001035),
        ("/device/update", {"device_identifier": {"device_id": 1}, "comment": "x"}, 9001025),
        ("/device/search", {"type": 2, "last_seen": 0, "count": 51}, 9001036),
        ("/device/search", {"type": 1, "device_identifiers": [{"device_id": 1}] * 51}, 9001024),
        ("/page/search", {"type": 1, "page_ids": list(range(51))}, 9001030),
        ("/page/delete", {"page_id": 1}, 9001026),
        ("/page/add", {"title": "一二三四五六七", "description": "", "page_url": PAGE, "icon_url": ""}, 9001027),
        (
            "/page/add",
            {"title": "新春", "description": "", "page_url": PAGE, "icon_url": "http://x.test/a.png"},
            9001027,
        ),
        ("/user/getshakeinfo", {"ticket": "nonsense"}, 9001003),
        ("/lottery/setprizebucket", {"lottery_id": "nonsense"}, 9001061),
        ("/page/add", b"{not json", 9001001),
        ("/page/add", b'{"title":"\\u65b0\\u6625"}', 40033),
    ],
)
def test_refusals_of_the_shake_platform(shop: Shop, path: str, body: Any, errcode: int) -> None:
    assert shop.call(path, body)["errcode"] == errcode


def test_more_than_500_devices_wait_for_a_review(shop: Shop) -> None:
    assert shop.call("/device/applyid", {"quantity": 500, "apply_reason": "开业"})["data"]["audit_status"] == 2
    many = shop.call("/device/applyid", {"quantity": 501, "apply_reason": "开业"})["data"]
    assert many["audit_status"] == 1
    assert shop.call("/device/applystatus", {"apply_id": many["apply_id"]})["data"]["audit_time"] == 0
    assert shop.call("/device/applyid", {"quantity": 1, "apply_reason": "开业"})["errcode"] == 9001023


@pytest.mark.parametrize(
    ("content", "errcode"), [(png(), 0), (png(201, 201), 9001009), (png(100, 120), 9001009), (b"GIF", 9001008)]
)
def test_icons_are_square_and_at_most_200(shop: Shop, content: bytes, errcode: int) -> None:
    files = {"media": ("icon.png", content, "image/png")}
    reply = shop.web.post("/shakearound/material/add", params={"access_token": shop.token}, files=files).json()
    assert reply["errcode"] == errcode
    if not errcode:
        assert shop.web.get(reply["data"]["pic_url"]).content == content


def test_a_dead_token_is_40001(shop: Shop) -> None:
    shop.token = "dead"
    assert shop.call("/page/search", {"type": 2, "begin": 0, "count": 1})["errcode"] == 40001


# -- lotteries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"title": "一二三四五六七"}, 9001060),
        ({"desc": "一二三四五六七八"}, 9001060),
        ({"key": "short"}, 9001060),
        ({"sponsor_appid": "wx0000000000000000"}, 9001063),
        ({"total": 0}, 9001075),
        ({"total": 100_001}, 9001075),
        ({"total": "500"}, 9001001),
        ({"onoff": 2}, 9001001),
        ({"begin_time": "1773504000"}, 9001001),
        ({"expire_time": 1}, 9001031),
        ({"begin_time": 1_773_504_000, "expire_time": 1_773_504_000 + 91 * 86400 + 1}, 9001031),
        ({"begin_time": 1_773_504_000, "expire_time": 1_773_504_000 + 91 * 86400}, 0),
        ({"title": "twelve chars"}, 0),
    ],
)
def test_addlotteryinfo_refuses_what_wechat_refuses(shop: Shop, changes: dict[str, Any], errcode: int) -> None:
    assert shop.lottery(**changes)["errcode"] == errcode


def test_a_template_needs_a_logo_and_gets_a_page(shop: Shop) -> None:
    assert shop.lottery(use_template="1")["page_id"] > 0
    body = {"title": "新春", "desc": "礼", "begin_time": 1, "expire_time": 2, "sponsor_appid": "x", "total": 1}
    assert shop.call("/lottery/addlotteryinfo", body, use_template="1")["errcode"] == 9001059


def test_permission_codes_are_a_switch(shop: Shop) -> None:
    shop.simulator.world.switches.change({"redpacket_permission_error": 9001066})
    assert shop.lottery()["errcode"] == 9001066


def test_every_refused_ticket_is_named_in_its_list(shop: Shop) -> None:
    shop.lottery()
    (used,) = shop.tickets(1)
    assert shop.load([used]) == {"errcode": 0, "errmsg": "", "success_num": 1}
    (old,) = shop.tickets(1)
    shop.pass_time(72 * 3600 + 1)
    (foreign,) = shop.tickets(1, auth_mchid="10000098", auth_appid="wx7777777")
    shop.simulator.world.bank.limits["max_fen"] = 200_000
    (large,) = shop.tickets(1, total_amount="150000")
    shop.simulator.world.bank.limits["max_fen"] = 100_000
    (good,) = shop.tickets(1)
    reply = shop.load([used, old, foreign, large, "v1|AAA=", good, good])
    assert reply == {
        "errcode": 0,
        "errmsg": "",
        "success_num": 1,
        "repeat_ticket_list": [{"ticket": used}, {"ticket": good}],
        "expire_ticket_list": [{"ticket": old}],
        "wrong_authmchid_ticket_list": [{"ticket": foreign}],
        "invalid_amount_ticket_list": [{"ticket": large}],
        "invalid_ticket_list": [{"ticket": "v1|AAA="}],
    }


def test_when_no_ticket_is_good_the_whole_load_is_9001090(shop: Shop) -> None:
    shop.lottery()
    reply = shop.load(["v1|AAA="])
    assert (reply["errcode"], reply["success_num"], len(reply["invalid_ticket_list"])) == (9001090, 0, 1)


def test_loads_are_limited_by_call_by_total_and_by_time(shop: Shop) -> None:
    shop.lottery(total=2)
    tickets = shop.tickets(3)
    assert shop.load(["x"] * 101)["errcode"] == 9001072
    assert shop.load(tickets)["errcode"] == 9001075
    assert shop.load(tickets[:2], sponsor_appid="wx0000000000000000")["errcode"] == 9001073
    assert shop.load(tickets[:2], mchid="1900000002")["errcode"] == 9001071
    assert shop.load(tickets[:2])["success_num"] == 2
    assert shop.load(tickets[2:])["errcode"] == 9001075
    shop.pass_time(8 * 86400)
    assert shop.load(tickets[2:])["errcode"] == 9001091


def test_querylottery_counts_free_drawn_and_expired(ready: tuple[Shop, int]) -> None:
    shop, device_id = ready
    person = shop.person()
    shop.draw(person, shop.shake(person, device_id)["url"])
    found = shop.call("/lottery/querylottery", lottery_id=shop.lottery_id)["result"]
    assert (found["onoff"], found["prize_count"], found["prize_count_limit"]) == ("1", 3, 500)
    assert (found["drawed_prizes"], found["available_prizes"], found["available_value"]) == (1, 2, 200)
    shop.pass_time(73 * 3600)
    found = shop.call("/lottery/querylottery", lottery_id=shop.lottery_id)["result"]
    assert (found["expired_prizes"], found["drawed_prizes"], found["available_prizes"]) == (2, 1, 0)
    assert shop.call("/lottery/querylottery", lottery_id="no")["errcode"] == 9001070
    assert shop.call("/lottery/setlotteryswitch", lottery_id="no", onoff=1)["errcode"] == 9001069


# -- shaking and drawing ------------------------------------------------------------------------------------------------


def test_a_shake_gives_a_card_an_event_and_getshakeinfo_for_30_minutes(ready: tuple[Shop, int]) -> None:
    shop, device_id = ready
    pushed = events(shop)
    person = shop.person()
    card = shop.shake(person, device_id)
    assert card["url"].startswith(PAGE + "&ticket=")
    found = shop.call("/user/getshakeinfo", {"ticket": card["shake_ticket"], "need_poi": 1})["data"]
    assert (found["openid"], found["page_id"]) == (person["openid"], card["page_id"])
    assert pushed[0][:2] == (person["openid"], "ShakearoundUserShake")
    assert pushed[0][2]["ChosenBeacon"]["Minor"] == found["beacon_info"]["minor"]
    shop.pass_time(30 * 60 + 1)
    assert shop.call("/user/getshakeinfo", {"ticket": card["shake_ticket"]})["errcode"] == 9001003


def test_nobody_near_gets_no_card_and_no_event(ready: tuple[Shop, int]) -> None:
    shop, _ = ready
    pushed = events(shop)
    assert shop.control(f"/people/{shop.person()['id']}/shake", {}) == {"cards": []}
    assert pushed == []


def test_around_beacons_are_at_most_five_and_never_the_chosen_one(ready: tuple[Shop, int]) -> None:
    shop, _ = ready
    shop.call("/device/applyid", {"quantity": 7, "apply_reason": "开业"})
    pushed = events(shop)
    person = shop.person()
    ids = list(shop.simulator.world.shake.beacons.devices)
    shop.control(f"/people/{person['id']}/near", {"distances": {str(one): one for one in ids}})
    shop.control(f"/people/{person['id']}/shake", {})
    fields = pushed[0][2]
    around = fields["AroundBeacons"]["AroundBeacon"]
    assert len(around) == 5 and fields["ChosenBeacon"] not in around


def test_a_draw_binds_one_ticket_and_pushes_the_bind(ready: tuple[Shop, int]) -> None:
    shop, device_id = ready
    person = shop.person()
    card = shop.shake(person, device_id)
    pushed = events(shop)
    reply = shop.draw(person, card["url"])
    assert (reply["code"], reply["packet"]["status"], reply["packet"]["amount_fen"]) == (0, "pending", 100)
    openid, name, fields = pushed[0]
    assert (openid, name, fields["LotteryId"]) == (person["openid"], "ShakearoundLotteryBind", shop.lottery_id)
    assert fields["Money"] == 100 and fields["Ticket"].startswith("v1|")
    opened = shop.control(f"/people/{person['id']}/packets/{reply['packet']['detail_id']}/open", {})
    assert opened["amount_fen"] == 100
    wallet = shop.control(f"/people/{person['id']}/wallet")
    assert (wallet["wallet_fen"], len(wallet["rows"])) == (100, 1)
    assert shop.control("/bank?check=1")["broken"] == []


def code(reply: dict[str, Any]) -> tuple[int, str]:
    return reply["code"], reply.get("reason", "")


def test_the_user_side_codes_of_1_7(ready: tuple[Shop, int]) -> None:
    shop, device_id = ready
    anna, bert = shop.person(), shop.person()
    url = shop.shake(anna, device_id)["url"]
    assert code(shop.draw(anna, PAGE)) == (11002, "no_shake")
    assert code(shop.draw(anna, PAGE + "&ticket=made-up")) == (11002, "no_shake")
    assert code(shop.draw(bert, url)) == (11003, "foreign_shake")
    assert code(shop.draw(anna, url.replace("shop.", "other."))) == (11014, "other_page")
    assert code(shop.draw(anna, url, signed={"noncestr": "n" * 33})) == (11010, "noncestr")
    assert code(shop.draw(anna, url, signed={"noncestr": ""})) == (11010, "noncestr")
    for junk in (" ", "\n", "x"):
        assert code(shop.draw(anna, url, signed={"lottery_id": shop.lottery_id + junk})) == (11011, "lottery_id")
    assert code(shop.draw(anna, url, sign="0" * 32)) == (11012, "sign")
    assert code(shop.draw(anna, url, noncestr="changed")) == (11012, "sign")
    assert code(shop.draw(anna, url, signed={"openid": bert["openid"]})) == (11013, "openid")
    shop.pass_time(30 * 60 + 1)
    assert code(shop.draw(anna, url)) == (5, "shake_expired")
    assert not shop.simulator.world.bank.packets_of(anna["openid"])


def test_one_win_per_person_and_lottery(ready: tuple[Shop, int]) -> None:
    shop, device_id = ready
    person = shop.person()
    url = shop.shake(person, device_id)["url"]
    won = shop.draw(person, url)["packet"]
    again = shop.draw(person, shop.shake(person, device_id)["url"])
    assert code(again) == (12013, "already_drawn") and again["packet"] == won
    shop.lottery()
    shop.load(shop.tickets(1))
    assert code(shop.draw(person, url)) == (0, "")


def test_window_switch_and_empty_bucket(ready: tuple[Shop, int]) -> None:
    shop, device_id = ready
    person = shop.person()
    url = shop.shake(person, device_id)["url"]
    shop.call("/lottery/setlotteryswitch", lottery_id=shop.lottery_id, onoff=0)
    assert code(shop.draw(person, url)) == (12013, "off")
    shop.lottery(begin_time=shop.now + 1000)
    assert code(shop.draw(person, url)) == (12013, "not_yet")
    shop.lottery(begin_time=shop.now - 1000, expire_time=shop.now - 1)
    assert code(shop.draw(person, url)) == (12013, "over")
    shop.lottery()
    assert code(shop.draw(person, url)) == (12013, "sold_out")


def test_tickets_that_expired_in_the_bucket_are_not_stock(ready: tuple[Shop, int]) -> None:
    shop, device_id = ready
    shop.pass_time(72 * 3600)
    person = shop.person()
    assert code(shop.draw(person, shop.shake(person, device_id)["url"])) == (12013, "sold_out")


def test_frozen_people_bad_luck_and_haste(ready: tuple[Shop, int]) -> None:
    shop, device_id = ready
    person = shop.person()
    url = shop.shake(person, device_id)["url"]
    world = shop.simulator.world
    world.people.by_id(person["id"]).is_frozen = True  # type: ignore[union-attr]
    assert code(shop.draw(person, url)) == (12013, "risk")
    world.people.by_id(person["id"]).is_frozen = False  # type: ignore[union-attr]
    world.switches.change({"win_percent": 0})
    assert code(shop.draw(person, url)) == (12013, "no_luck")
    world.switches.change({"draws_per_minute": 2})
    assert code(shop.draw(person, url)) == (12015, "too_often")


def test_a_template_lottery_is_drawn_by_its_own_page_only(shop: Shop) -> None:
    device_id, _ = shop.hang_beacon()
    page_id = shop.lottery(use_template="1")["page_id"]
    shop.load(shop.tickets(1))
    person = shop.person()
    url = shop.shake(person, device_id)["url"]
    assert code(shop.draw(person, url)) == (12019, "page")
    shop.call("/device/bindpage", {"device_identifier": {"device_id": device_id}, "page_ids": [page_id]})
    card = shop.shake(person, device_id)
    sent = {"is_template": True, "shake_ticket": card["shake_ticket"]}
    assert shop.control(f"/people/{person['id']}/jump_hongbao", sent)["code"] == 0


def test_no_secret_leaves_by_the_overview(ready: tuple[Shop, int]) -> None:
    shop, _ = ready
    assert KEY not in shop.web.get("/_sim/lotteries").text
