"""WeChat Pay over real HTTPS with a client certificate (wechat-protocol §1.2, §3.5b, §3.6, §8.7)."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.simulator.pay_client import PayClient, from_xml, preorder_params, sign, to_xml
from wxbot.simulator import wire
from wxbot.simulator.pay import hmac_sign
from wxbot.simulator.server import Simulator

ORDER = "/mmpaymkttransfers/hbpreorder"
BILLNO = "1900000001202603150000000043"


@pytest.fixture
def pay(simulator: Simulator) -> PayClient:
    return PayClient(simulator)


PUBLISHED = {
    "appid": "wxd930ea5d5a258f4f",
    "mch_id": "10000100",
    "device_info": "1000",
    "body": "test",
    "nonce_str": "ibuaiVcKdpRxkhJA",
}


def test_vector_a1_published_v2_signatures() -> None:
    key = "192006250b4c09247ec02edce69f6a2d"
    assert wire.v2_sign(PUBLISHED, key) == "9A0A8659F005D6984697E2CA0A9CF3B7"
    assert hmac_sign(PUBLISHED, key) == "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"


def test_vector_a2_own_signatures_of_preorder_sendredpack_and_draw() -> None:
    key = "0123456789abcdef0123456789abcdef"
    assert wire.v2_sign(preorder_params(), key) == "D7E13F9424D355A4FDAF9B6FB2243130"
    cash = preorder_params("1900000001202603150000000042", client_ip="203.0.113.7", scene_id="PRODUCT_2")
    cash |= {"nonce_str": "a1b2c3d4e5f60718293a4b5c6d7e8f90", "re_openid": "oTESTuser0000000000000000001a"}
    for name in ("amt_type", "auth_appid", "auth_mchid", "hb_type", "risk_cntl"):
        del cash[name]
    assert wire.v2_sign(cash, key) == "85D675EFC066AB99C639875ABB3030F6"
    draw = {"lottery_id": "9sQqUrmdFaY6v9z8TartXX", "noncestr": "378507853820041854759013"}
    draw["openid"] = "oTESTuser0000000000000000001a"
    assert wire.v2_sign(draw, "K" * 32) == "3096E10A0EC0BC3C639D7C0D92CE75A9"


def test_preorder_answers_as_documented_and_again_the_same(pay: PayClient) -> None:
    body = to_xml(preorder_params() | {"sign": sign(preorder_params(), pay.simulator.world.account.pay_key)})
    text = pay.post(ORDER, body).content.decode()
    reply = from_xml(text)
    assert re.fullmatch(r"v1\|[A-Za-z0-9+/=]{44}", reply.pop("sp_ticket"))
    assert re.fullmatch(r"\d{28}", reply.pop("detail_id"))
    assert re.fullmatch(r"20\d{12}", reply.pop("send_time"))
    assert "<total_amount>100</total_amount>" in text and "<err_code><![CDATA[0]]></err_code>" in text
    assert reply == {
        "return_code": "SUCCESS",
        "return_msg": "发放成功",
        "result_code": "SUCCESS",
        "err_code": "0",
        "err_code_des": "发放成功",
        "mch_billno": BILLNO,
        "mch_id": "1900000001",
        "wxappid": "wx0123456789abcdef",
        "total_amount": "100",
    }
    again = preorder_params(nonce_str="other")
    assert pay.preorder(nonce_str="other")["sp_ticket"] == from_xml(text)["sp_ticket"], again


def test_without_a_client_certificate_everything_is_ca_error(simulator: Simulator) -> None:
    reply = requests.post(simulator.https_url + ORDER, data=b"<xml/>", verify=str(simulator.certificates.ca), timeout=9)
    assert from_xml(reply.content.decode())["err_code"] == "CA_ERROR"


def test_a_stranger_cannot_trust_the_server_without_its_ca(simulator: Simulator) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(simulator.https_url + ORDER, data=b"<xml/>", timeout=9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sign": "0" * 32},
        {"sign": ""},
        {"sign": sign(preorder_params(), "another key").upper()},
        {"sign": sign(preorder_params(), "5imu1atorPayKey5imu1atorPayKey00").lower()},
        {"total_amount": "200"},  # changed after signing
        {"scene_id": "PRODUCT_2"},  # added after signing
    ],
)
def test_a_wrong_signature_is_refused_exactly_as_in_8_7(pay: PayClient, wrong: dict[str, str]) -> None:
    params = preorder_params()
    signed = params | {"sign": sign(params, pay.simulator.world.account.pay_key)} | wrong
    text = pay.post(ORDER, to_xml(signed)).content.decode()
    assert from_xml(text) == {"return_code": "FAIL", "return_msg": "签名错误"}
    assert not pay.simulator.world.bank.orders


@pytest.mark.parametrize("extra", [{"re_openid": "oA"}, {"client_ip": "127.0.0.1"}, {"sign_type": "MD5"}])
def test_a_field_that_the_call_does_not_have_makes_the_signature_wrong(pay: PayClient, extra: dict[str, str]) -> None:
    """WeChat signs the fields it knows; the hint is the simulator's own. An empty one is in no signature."""
    assert pay.preorder(**extra) == {"return_code": "FAIL", "return_msg": "签名错误"}
    params = preorder_params(**extra)
    signed = params | {"sign": sign(params, pay.simulator.world.account.pay_key)}
    assert pay.post(ORDER, to_xml(signed)).headers["X-Simulator-Hint"].startswith(next(iter(extra)))
    assert pay.query(BILLNO, wxappid="wx0123456789abcdef")["return_msg"] == "签名错误"
    assert not pay.simulator.world.bank.orders
    assert pay.preorder(**dict.fromkeys(extra, ""))["result_code"] == "SUCCESS"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<xml><mch_id>1</mch_id>",
        b"<xml><mch_id>1</mch_id><mch_id>1</mch_id></xml>",
        b"<xml><mch_id><deep>1</deep></mch_id></xml>",
        b'<xml><mch_id kind="x">1</mch_id></xml>',
        b"<xml>stray<mch_id>1</mch_id></xml>",
        b"<root><mch_id>1</mch_id></root>",
        b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><mch_id>&a;</mch_id></xml>',
        "<xml><mch_id>红包</mch_id></xml>".encode("gbk"),
        b"<xml>" + b"<mch_id>1</mch_id>" * 9000 + b"</xml>",
    ],
)
def test_malformed_xml_is_refused(pay: PayClient, body: bytes) -> None:
    reply = from_xml(pay.post(ORDER, body).content.decode())
    assert reply == {"return_code": "FAIL", "return_msg": "请求的 xml 格式错误，或者 post 的数据为空"}


@pytest.mark.parametrize(
    ("changes", "err_code"),
    [
        ({"wishing": ""}, "PARAM_ERROR"),
        ({"wishing": "一二三四五六七八九十一二三四五六七"}, "PARAM_ERROR"),
        ({"act_name": "一二三四五六七八九十一"}, "PARAM_ERROR"),  # 33 bytes
        ({"mch_billno": "a" * 29}, "PARAM_ERROR"),
        ({"mch_billno": "a-b"}, "PARAM_ERROR"),
        ({"total_amount": "1.00"}, "PARAM_ERROR"),
        ({"total_amount": "-100"}, "PARAM_ERROR"),
        ({"total_amount": "0100"}, "PARAM_ERROR"),
        ({"total_amount": "99"}, "MONEY_LIMIT"),
        ({"total_amount": "100001"}, "MONEY_LIMIT"),
        ({"total_num": "3"}, "PARAM_ERROR"),
        ({"hb_type": "GROUP"}, "PARAM_ERROR"),
        ({"amt_type": "FIXED"}, "PARAM_ERROR"),
        ({"risk_cntl": "NONE"}, "PARAM_ERROR"),
        ({"mch_id": "1900000002"}, "PARAM_ERROR"),
        ({"wxappid": "wx0000000000000000"}, "PARAM_ERROR"),
    ],
)
def test_parameters_the_platform_refuses(pay: PayClient, changes: dict[str, str], err_code: str) -> None:
    reply = pay.preorder(**changes)
    assert (reply["return_code"], reply["result_code"], reply["err_code"]) == ("SUCCESS", "FAIL", err_code)
    assert reply["return_msg"] == reply["err_code_des"]
    assert pay.simulator.world.bank.frozen_fen == 0


def test_notenough_echoes_the_request(pay: PayClient) -> None:
    pay.simulator.world.bank.top_up(-pay.simulator.world.bank.balance_fen, 0)
    reply = pay.preorder()
    assert (reply["err_code"], reply["mch_billno"], reply["total_amount"]) == ("NOTENOUGH", BILLNO, "100")
    assert reply["err_code_des"] == "帐号余额不足，请到商户平台充值后再重试"


def test_the_query_follows_a_packet_from_waiting_to_received(pay: PayClient) -> None:
    assert pay.query(BILLNO)["err_code"] == "NOT_FOUND"
    ticket = pay.preorder()["sp_ticket"]
    assert pay.query(BILLNO)["status"] == "SENT"
    world = pay.simulator.world
    with world.lock:
        order = world.bank.bind(ticket, "oTEST&<1>", world.clock.now())
        assert pay.simulator.world.bank.open_packet(order, "oTEST&<1>", world.clock.now()) == 100
    reply = pay.query(BILLNO)
    assert (reply["status"], reply["amount"], reply["openid"]) == ("RECEIVED", "100", "oTEST&amp;&lt;1&gt;")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", reply["rcv_time"])


def test_the_query_shows_a_refund_after_72_hours_and_forgets_after_30_days(pay: PayClient) -> None:
    pay.preorder()
    world = pay.simulator.world
    with world.lock:
        world.clock.advance(72 * 3600)
    reply = pay.query(BILLNO)
    assert (reply["status"], reply["refund_amount"]) == ("REFUND", "100")
    with world.lock:
        world.clock.advance(30 * 86400)
    assert pay.query(BILLNO)["err_code"] == "NOT_FOUND"


@pytest.mark.parametrize("changes", [{"bill_type": "X"}, {"appid": "wx1"}])
def test_the_query_is_as_strict(pay: PayClient, changes: dict[str, str]) -> None:
    assert pay.query(BILLNO, **changes)["err_code"] == "PARAM_ERROR"


def test_a_reply_sign_is_there_when_switched_on(pay: PayClient) -> None:
    pay.simulator.world.switches.change({"reply_carries_sign": True})
    reply = pay.preorder()
    assert reply["sign"] == sign(reply, pay.simulator.world.account.pay_key)


def test_the_fund_bill_of_yesterday_adds_up(pay: PayClient) -> None:
    pay.preorder()
    world = pay.simulator.world
    day = time.strftime("%Y%m%d", time.gmtime(world.clock.now() + 8 * 3600))
    params = {"appid": "wx0123456789abcdef", "mch_id": "1900000001", "nonce_str": "n1", "bill_date": day}
    params |= {"account_type": "Basic", "sign_type": "HMAC-SHA256"}
    signed = to_xml(params | {"sign": sign(params, world.account.pay_key, "hmac")})
    path = "/pay/downloadfundflow"
    assert from_xml(pay.post(path, signed).content.decode())["err_code"] == "NO_BILL_EXIST"
    with world.lock:
        world.clock.advance(86400)
    lines = pay.post(path, signed).content.decode().split("\r\n")
    assert f"`支出,`1.00,`99999.00,`API,`,`{BILLNO}" in lines[1]
    assert lines[3] == "`1,`0,`0.00,`1,`1.00"
    assert from_xml(pay.post(path, to_xml(params | {"sign": sign(params, "x")})).text)["return_code"] == "FAIL"


@pytest.mark.parametrize(
    ("err_code", "return_code"), [("SYSTEMERROR", "SUCCESS"), ("268458547", "FAIL"), ("PROCESSING", "SUCCESS")]
)
def test_a_named_fault_refuses_with_any_code(pay: PayClient, err_code: str, return_code: str) -> None:
    pay.simulator.world.faults.put(ORDER, {"kind": "refuse", "err_code": err_code, "times": 1})
    reply = pay.preorder()
    assert (reply["return_code"], reply["err_code"]) == (return_code, err_code)
    assert pay.preorder()["result_code"] == "SUCCESS"


def test_many_at_once_with_one_number_freeze_one_packet(pay: PayClient) -> None:
    clients = [PayClient(pay.simulator) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda client: client.preorder(), clients))
    assert len({reply["sp_ticket"] for reply in replies}) == 1
    assert pay.simulator.world.bank.frozen_fen == 100
