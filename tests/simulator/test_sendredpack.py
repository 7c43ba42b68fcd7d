"""Cash packets to one person over real HTTPS (wechat-protocol §3): the send, the query, the return, the books."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.simulator.conftest import Web
from tests.simulator.pay_client import PayClient, from_xml
from wxbot.simulator.people import Person
from wxbot.simulator.server import Simulator
from wxbot.simulator.world import World

SEND = "/mmpaymkttransfers/sendredpack"
NOON = 1_773_547_200.0  # 2026-03-15 12:00 in Beijing
HOUR = 3600.0


class Till(PayClient):
    """A merchant that sends cash packets to one follower unless told otherwise."""

    def __init__(self, simulator: Simulator, openid: str) -> None:
        super().__init__(simulator)
        self.openid = openid

    @property
    def world(self) -> World:
        return self.simulator.world

    def send(self, number: int = 1, **changes: str) -> dict[str, str]:
        """The own example of §3.2 with another number; a field that is given empty is left out."""
        params = {
            "act_name": "开业抽奖",
            "client_ip": "203.0.113.7",
            "mch_billno": billno(number),
            "mch_id": "1900000001",
            "nonce_str": "a1b2c3d4e5f60718293a4b5c6d7e8f90",
            "re_openid": self.openid,
            "remark": "到店有礼",
            "scene_id": "PRODUCT_2",
            "send_name": "示例小店",
            "total_amount": "100",
            "total_num": "1",
            "wishing": "恭喜发财",
            "wxappid": "wx0123456789abcdef",
        } | changes
        return self.call(SEND, {name: value for name, value in params.items() if value})

    def codes(self, *numbers: int, **changes: str) -> list[str]:
        return [self.send(number, **changes)["err_code"] for number in numbers]

    def status(self, number: int = 1) -> str:
        reply = self.query(billno(number))
        return reply.get("status") or reply["err_code"]

    def switch(self, **values: Any) -> None:
        self.world.switches.change(values)

    def pass_time(self, seconds: float) -> None:
        with self.world.lock:
            self.world.clock.advance(seconds)


def billno(number: int) -> str:
    return f"1900000001{number:018d}"


@pytest.fixture
def person(simulator: Simulator) -> Person:
    made = simulator.world.people.make("小明")
    simulator.world.people.follow(made)
    return made


@pytest.fixture
def till(simulator: Simulator, person: Person) -> Iterator[Till]:
    """At noon of a fixed day, so that no test meets midnight; a number may be sent again at once."""
    world = simulator.world
    world.clock.offset_s = NOON - (world.clock.now() - world.clock.offset_s)
    made = Till(simulator, person.openid)
    made.switch(same_number_gap_s=0)
    yield made
    assert world.bank.broken_invariants() == []


def test_a_packet_is_answered_as_documented_and_again_the_same(till: Till) -> None:
    reply = till.send()
    assert re.fullmatch(r"1000041701\d{21}", reply["send_listid"])
    assert till.send(nonce_str="another") == reply
    del reply["send_listid"]
    assert reply == {
        "return_code": "SUCCESS",
        "return_msg": "发放成功",
        "result_code": "SUCCESS",
        "err_code": "SUCCESS",
        "err_code_des": "发放成功",
        "mch_billno": billno(1),
        "mch_id": "1900000001",
        "wxappid": "wx0123456789abcdef",
        "re_openid": till.openid,
        "total_amount": "100",
    }
    assert till.world.bank.frozen_fen == 100
    till.switch(send_time_in_reply=True)
    assert till.send()["send_time"] == "20260315120000"


def test_a_known_number_with_anything_else_is_fatal(till: Till) -> None:
    other = till.world.people.make().openid
    till.send()
    for changes in ({"re_openid": other}, {"total_amount": "101"}, {"wishing": "新年好"}, {"client_ip": "203.0.113.8"}):
        assert till.codes(1, **changes) == ["FATAL_ERROR"]
    till.switch(repeat_must_be_identical=False)
    assert till.codes(1, wishing="新年好") == ["SUCCESS"]
    assert till.codes(1, total_amount="101") == ["FATAL_ERROR"]
    assert till.preorder(billno(1))["err_code"] == "FATAL_ERROR"
    assert till.world.bank.frozen_fen == 100


@pytest.mark.parametrize(
    ("changes", "err_code"),
    [
        ({"re_openid": "oNobodyOfThisAccount000000000"}, "OPENID_ERROR"),
        ({"re_openid": ""}, "PARAM_ERROR"),
        ({"wxappid": "wx0000000000000000"}, "PARAM_ERROR"),
        ({"mch_id": "1900000002"}, "PARAM_ERROR"),
        ({"total_num": "2"}, "PARAM_ERROR"),
        ({"total_amount": "1.00"}, "PARAM_ERROR"),
        ({"total_amount": "0"}, "PARAM_ERROR"),
        ({"total_amount": "99"}, "MONEY_LIMIT"),
        ({"total_amount": "20001"}, "MONEY_LIMIT"),
        ({"total_amount": "99", "scene_id": ""}, "PARAM_ERROR"),
        ({"total_amount": "20001", "scene_id": ""}, "PARAM_ERROR"),
        ({"scene_id": "PRODUCT_9"}, "PARAM_ERROR"),
        ({"client_ip": "localhost"}, "PARAM_ERROR"),
        ({"client_ip": "::1"}, "PARAM_ERROR"),
        ({"client_ip": ""}, "PARAM_ERROR"),
        ({"send_name": "一二三四五六七八九十一"}, "PARAM_ERROR"),  # 33 bytes
        ({"act_name": "一二三四五六七八九十一"}, "PARAM_ERROR"),
        ({"wishing": "祝" * 43}, "PARAM_ERROR"),  # 129 bytes
        ({"remark": "注" * 86}, "PARAM_ERROR"),
        ({"remark": ""}, "PARAM_ERROR"),
        ({"risk_info": "colour=red"}, "PARAM_ERROR"),
        ({"sub_mch_id": "1900000003"}, "ACCEPTMODE_ERROR"),
        ({"msgappid": "wx0000000000000000"}, "MSGAPPID_ERROR"),
    ],
)
def test_what_the_platform_refuses(till: Till, changes: dict[str, str], err_code: str) -> None:
    reply = till.send(1, **changes)
    assert (reply["return_code"], reply["result_code"], reply["err_code"]) == ("SUCCESS", "FAIL", err_code)
    assert reply["return_msg"] == reply["err_code_des"] and "send_listid" not in reply
    assert till.status() == "NOT_FOUND"
    assert till.codes(1) == ["SUCCESS"]  # a refused number is not used up


@pytest.mark.parametrize("extra", [{"sign_type": "MD5"}, {"hb_type": "NORMAL"}])
def test_a_field_that_the_call_does_not_have_makes_the_signature_wrong(till: Till, extra: dict[str, str]) -> None:
    assert till.send(1, **extra) == {"return_code": "FAIL", "return_msg": "签名错误"}


def test_a_number_may_be_sent_again_after_a_second(simulator: Simulator, person: Person) -> None:
    till = Till(simulator, person.openid)
    assert till.codes(1, 1) == ["SUCCESS", "FREQ_LIMIT"]
    till.pass_time(1)
    assert till.codes(1) == ["SUCCESS"]


@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount": "20000", "scene_id": ""},
        {"wishing": "祝" * 42, "remark": "注" * 85, "send_name": "一二三四五六七八九十"},
        {"risk_info": "posttime=1773547200&mobile=86-13800138000"},
        {"msgappid": "wx0123456789abcdef", "consume_mch_id": "1900000001"},
    ],
)
def test_what_the_platform_takes(till: Till, changes: dict[str, str]) -> None:
    assert till.codes(1, **changes) == ["SUCCESS"]


def test_bounds_of_the_amount_are_the_merchants_own(till: Till) -> None:
    till.world.bank.limits |= {"cash_min_fen": 30, "cash_max_fen": 50_000}
    assert till.codes(1, total_amount="50000") == ["SUCCESS"]
    assert till.codes(2, total_amount="30") == ["SUCCESS"]
    assert till.codes(3, total_amount="29") == ["MONEY_LIMIT"]
    assert till.codes(3, total_amount="50000", scene_id="") == ["PARAM_ERROR"]


def test_without_a_certificate_or_from_a_foreign_address_nothing_is_sent(till: Till) -> None:
    simulator = till.simulator
    reply = requests.post(simulator.https_url + SEND, data=b"<xml/>", verify=str(simulator.certificates.ca), timeout=9)
    assert from_xml(reply.content.decode())["err_code"] == "CA_ERROR"
    assert till.call(SEND, {"mch_id": "1900000001"}, sign="0" * 32)["return_msg"] == "签名错误"
    simulator.world.account.pay_ips = ["203.0.113.7"]
    assert till.codes(1) == ["NO_AUTH"]
    simulator.world.account.pay_ips = ["127.0.0.1"]
    assert till.codes(1) == ["SUCCESS"]


def test_ten_packets_and_a_thousand_yuan_for_one_person_a_day(till: Till) -> None:
    other = till.world.people.make().openid
    assert till.codes(*range(1, 12)) == ["SUCCESS"] * 10 + ["SENDNUM_LIMIT"]
    assert till.codes(20, 21, 22, 23, 24, 25, re_openid=other, total_amount="20000") == [
        *["SUCCESS"] * 5,
        "RCVDAMOUNT_LIMIT",
    ]
    till.pass_time(12 * HOUR)  # midnight in Beijing
    assert till.codes(11) == ["SUCCESS"]
    assert till.codes(25, re_openid=other, total_amount="20000") == ["SUCCESS"]


def test_limits_of_the_merchant(till: Till) -> None:
    till.world.bank.limits |= {"cash_fen_per_day": 250}
    assert till.codes(1, 2, 3) == ["SUCCESS", "SUCCESS", "SENDAMOUNT_LIMIT"]
    till.world.bank.limits |= {"cash_fen_per_day": 10_000, "cash_per_minute": 3}
    assert till.codes(3, 4) == ["SUCCESS", "FREQ_LIMIT"]
    till.world.bank.limits |= {"cash_per_minute": 100, "cash_per_second": 0}
    assert till.codes(4) == ["FREQ_LIMIT"]
    assert till.preorder()["result_code"] == "SUCCESS"  # the shake's own limits are others


def test_rates_per_person_and_per_number_and_quiet_hours_are_switches(till: Till) -> None:
    till.switch(one_packet_a_minute=True, same_number_gap_s=1)
    assert till.codes(1, 1, 2) == ["SUCCESS", "FREQ_LIMIT", "FREQ_LIMIT"]
    till.pass_time(61)
    assert till.codes(1, 2) == ["SUCCESS", "SUCCESS"]
    till.switch(quiet_hours=True)
    till.pass_time(13 * HOUR)  # one at night
    assert till.codes(3) == ["TIME_LIMITED"]
    till.pass_time(7 * HOUR)
    assert till.codes(3) == ["SUCCESS"]


def test_a_frozen_person_gets_nothing_until_thawed(till: Till, person: Person) -> None:
    person.is_frozen = True
    assert till.codes(1) == ["NO_AUTH"]
    person.is_frozen = False
    assert till.codes(1) == ["SUCCESS"]


def test_a_low_balance_is_refused_or_sent_after_the_top_up(till: Till, person: Person) -> None:
    bank = till.world.bank
    bank.top_up(50 - bank.balance_fen, NOON)
    assert till.codes(1) == ["NOTENOUGH"]
    till.switch(notenough_as_processing=True)
    assert till.codes(1, 1) == ["PROCESSING", "PROCESSING"]
    assert (till.status(), bank.packets_of(person.openid)) == ("SENDING", [])
    bank.top_up(50, till.world.clock.now())
    assert (till.status(), bank.balance_fen, len(bank.packets_of(person.openid))) == ("SENT", 0, 1)
    assert till.codes(1) == ["SUCCESS"]
    assert till.codes(2) == ["PROCESSING"]
    till.pass_time(24 * HOUR)
    assert (till.status(2), till.codes(2)) == ("FAILED", ["SEND_FAILED"])
    assert bank.balance_fen == 100  # the first one came back, the second never cost anything


def test_a_packet_can_stay_sending_and_then_be_sent(till: Till, web: Web) -> None:
    till.switch(sending_s=600, query_lag_s=60)
    assert till.codes(1) == ["SUCCESS"]
    assert till.status() == "NOT_FOUND"
    till.pass_time(61)
    assert till.status() == "SENDING"
    assert web.get("/_sim/people/1/packets").json()["packets"] == []
    till.switch(sending_answers_processing=True)
    assert till.codes(1) == ["PROCESSING"]
    with till.world.lock:
        till.world.load_state(till.world.to_state())  # a restart forgets nothing
    till.pass_time(540)
    assert (till.status(), till.codes(1)) == ("SENT", ["SUCCESS"])


def test_a_packet_can_stay_sending_with_a_reason_and_fail(till: Till) -> None:
    till.switch(sending_s=86_400, sending_ends_failed=True)
    before_fen = till.world.bank.balance_fen
    assert till.codes(1) == ["SUCCESS"]
    assert till.query(billno(1))["reason"]
    assert till.world.bank.balance_fen == before_fen - 100
    till.pass_time(86_401)
    assert (till.status(), till.codes(1)) == ("FAILED", ["SEND_FAILED"])
    assert till.world.bank.balance_fen == before_fen
    till.switch(sending_s=0)
    assert till.codes(2) == ["SUCCESS"]


def test_the_packet_is_in_the_chat_is_opened_once_and_asked_for(till: Till, web: Web, person: Person) -> None:
    till.send(total_amount="888")
    line = web.get("/_sim/people/1/chat").json()["messages"][-1]
    assert (line["from"], line["type"], line["way"], line["wishing"]) == ("account", "packet", "chat", "恭喜发财")
    assert "amount_fen" not in line
    packet = web.get("/_sim/people/1/packets").json()["packets"][0]
    assert (packet["detail_id"], packet["channel"], packet["status"]) == (line["detail_id"], "sendredpack", "pending")
    assert "rcv_time" not in till.query(billno(1))
    for _ in range(2):
        opened = web.post(f"/_sim/people/1/packets/{line['detail_id']}/open").json()
        assert (opened["amount_fen"], opened["wallet_fen"], person.wallet_fen) == (888, 888, 888)
    till.world.people.make()
    assert web.post(f"/_sim/people/2/packets/{line['detail_id']}/open").status_code == 409
    reply = till.query(billno(1))
    names = ("status", "send_type", "hb_type", "total_num", "total_amount", "openid", "amount", "act_name", "remark")
    assert [reply[name] for name in names] == [
        *("RECEIVED", "API", "NORMAL", "1", "888", till.openid, "888", "开业抽奖", "到店有礼")
    ]
    assert reply["detail_id"] == line["detail_id"]
    till.pass_time(30 * 86_400)
    assert till.status() == "NOT_FOUND"


def test_who_does_not_follow_gets_a_service_notification(till: Till, web: Web) -> None:
    stranger = till.world.people.make()
    till.send(re_openid=stranger.openid)
    assert web.get("/_sim/people/2/chat").json()["messages"][-1]["way"] == "notice"
    assert len(web.get("/_sim/people/2/packets").json()["packets"]) == 1


@pytest.mark.parametrize("hours", [24, 72])
def test_an_unopened_packet_goes_back_once(till: Till, web: Web, person: Person, hours: int) -> None:
    till.switch(unclaimed_hours=hours, refund_delay_s=600)
    before_fen = till.world.bank.balance_fen
    till.send()
    till.pass_time(hours * HOUR - 60)
    assert till.status() == "SENT"
    till.pass_time(61)
    assert (till.status(), till.world.bank.balance_fen) == ("RFUND_ING", before_fen - 100)
    till.pass_time(600)
    reply = till.query(billno(1))
    assert (reply["status"], reply["refund_amount"], till.world.bank.balance_fen) == ("REFUND", "100", before_fen)
    assert reply["refund_time"] > reply["send_time"]
    packet = web.get("/_sim/people/1/packets").json()["packets"][0]
    assert packet["status"] == "returned"
    assert web.post(f"/_sim/people/1/packets/{packet['detail_id']}/open").status_code == 409
    assert till.send()["result_code"] == "SUCCESS"  # the number stays known and moves nothing
    assert (till.world.bank.balance_fen, person.wallet_fen) == (before_fen, 0)


def test_the_bank_lists_both_kinds(till: Till, web: Web) -> None:
    till.send()
    till.preorder()
    orders = web.get("/_sim/bank/orders").json()["orders"]
    assert [one["channel"] for one in orders] == ["sendredpack", "hbpreorder"]
    assert [row["channel"] for row in web.get("/_sim/bank/bill").json()["rows"]] == ["sendredpack", "hbpreorder"]
    assert len(web.get("/_sim/bank/orders", params={"channel": "sendredpack"}).json()["orders"]) == 1
    till.switch(sending_s=60)
    till.send(2)
    assert web.post(f"/_sim/bank/orders/{billno(2)}/fail", json={"reason": "试一试"}).status_code == 200
    assert (till.status(2), till.query(billno(2))["reason"]) == ("FAILED", "试一试")
    assert web.post(f"/_sim/bank/orders/{billno(1)}/fail", json={}).status_code == 409


def test_every_fault_works_and_one_number_is_one_payment(till: Till, web: Web) -> None:
    def put(**values: Any) -> None:
        web.put("/_sim/faults" + SEND, json={"times": 1, **values})

    put(kind="drop_request")
    with pytest.raises(requests.ConnectionError):
        till.send()
    assert till.status() == "NOT_FOUND"
    put(kind="drop_reply")
    with pytest.raises(requests.ConnectionError):
        till.send()
    assert till.status() == "SENT"
    put(kind="garble")
    with pytest.raises(UnicodeDecodeError):
        till.send(2)
    assert till.status(2) == "SENT"
    put(kind="repeat")
    assert till.codes(3) == ["SUCCESS"]
    put(kind="refuse", err_code="SYSTEMERROR", is_landed=True)
    assert (till.codes(4), till.status(4)) == (["SYSTEMERROR"], "SENT")
    put(kind="refuse", err_code="268458547")
    assert (till.codes(5), till.status(5)) == (["268458547"], "NOT_FOUND")
    put(kind="slow", seconds=0.05)
    assert till.codes(1, 2, 3, 4) == ["SUCCESS"] * 4
    assert till.world.bank.frozen_fen == 400


def test_many_at_once_with_one_number_are_one_payment(till: Till) -> None:
    tills = [Till(till.simulator, till.openid) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda one: one.send(), tills))
    assert len({reply["send_listid"] for reply in replies}) == 1
    assert till.world.bank.frozen_fen == 100
