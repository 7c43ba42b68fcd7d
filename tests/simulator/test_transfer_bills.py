"""Merchant transfers of WeChat Pay v3, met as a client meets them (wechat-protocol §4, vectors A.6 and A.7)."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tests.simulator.conftest import Web
from tests.simulator.transfer_client import BILLS, OAEP, NotifyServer, TransferClient, body_of, open_resource
from wxbot.simulator import pay_v3_keys
from wxbot.simulator.server import Simulator

NUMBER = "HB20260315000042"


@pytest.fixture
def client(simulator: Simulator) -> TransferClient:
    return TransferClient(simulator)


@pytest.fixture
def person(web: Web) -> dict[str, Any]:
    return dict(web.post("/_sim/people", json={"nickname": "小明"}).json()["people"][0])


@pytest.fixture
def notify() -> Iterator[NotifyServer]:
    server = NotifyServer()
    yield server
    server.close()


def switch(web: Web, **changes: Any) -> None:
    assert web.put("/_sim/switches", json=changes).status_code == 200


def advance(web: Web, seconds: float) -> None:
    web.post("/_sim/clock", json={"advance_s": seconds})


def books(web: Web) -> dict[str, int]:
    found = web.get("/_sim/bank?check=1").json()
    assert found["broken"] == []
    return {name: found[f"{name}_fen"] for name in ("balance", "frozen", "paid", "returned")}


def refusal(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


def confirm(web: Web, person: dict[str, Any], number: str) -> requests.Response:
    return web.post(f"/_sim/people/{person['id']}/transfers/{number}/confirm", json={})


# -- signatures and secrets -----------------------------------------------------------------------------------------------


def test_vector_a6_sealed_callback() -> None:
    plain = (
        '{"mch_id":"1900000001","out_bill_no":"HB20260315000042","transfer_bill_no":"1330000071100999991182026031500000000001",'
        '"transfer_amount":100,"state":"SUCCESS","openid":"oTESTuser0000000000000000001a",'
        '"create_time":"2026-03-15T10:00:00+08:00","update_time":"2026-03-15T10:00:09+08:00"}'
    )
    sealed = (
        "DUcegK3BDoUcIhRKvcPWwAdqzVnh08OCU0ZfTXYsoraHZBhZ2IIRW5jSOYScj7gOWra3ukw01h/pttOTK96dS4NNHs5mmQZ7OAF0Xn0NBc8X7FGM8hg"
        "GjXzmZNXLUtHYWQydyh6L0T8eGTSkNREMzUSUdSEInvlC3CnydnhXp7tVbeji/gVqJXLO4nH89qT9MI7AbIhlXYVaJ1LACvuVh86tjUOTGGTFYdwVp4"
        "lGHZ4EengsiFZOzsMaCYEBWl3gvX6zrKXX/ZC+LREyIuG6BiQigzoVe9Zgmvl1zihZBDkrSvzMdtiwUcmUgsGW2B10RVkk/zQpsXkI6tfo1ku9Mwz+R"
        "Q1w7PWvee+fBlgg8QtwXAyqbX5CSIiFDpIfUsOzy0xSglWwg0byykA="
    )
    key = "0123456789abcdef0123456789abcdef"
    assert pay_v3_keys.seal(plain.encode(), key, "fdasflkja484", "mch_payment") == sealed
    resource = {"ciphertext": sealed, "nonce": "fdasflkja484", "associated_data": "mch_payment"}
    assert open_resource(resource, key).decode() == plain


def test_vector_a7_the_text_that_is_signed(client: TransferClient) -> None:
    """What the tests' client signs hashes as the reference says; the simulator accepts that client, so it agrees."""
    path = f"{BILLS}/out-bill-no/{NUMBER}"
    signed: list[bytes] = []

    class Pen:
        def sign(self, text: bytes, *_arguments: Any) -> bytes:
            signed.append(text)
            return b""

    client.key = Pen()
    client.authorization("GET", path, b"", timestamp="1773540000")
    assert hashlib.sha256(signed[0]).hexdigest() == "aaa21a6e97dd991cd2e7b6e0efdff19b02565709829fcb1ec137d828af0098a0"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"signature": "AAAA"}, "signature"),
        ({"signature": "no base64!"}, "signature"),
        ({"timestamp": "now"}, "timestamp"),
        ({"serial_no": "0123"}, "serial_no"),
        ({"mchid": "1900000002"}, "mchid"),
        ({"nonce_str": ""}, "nonce_str"),
    ],
)
def test_a_wrong_authorization_is_a_sign_error(client: TransferClient, changes: dict[str, str], field: str) -> None:
    path = f"{BILLS}/out-bill-no/{NUMBER}"
    reply = client.send("GET", path, Authorization=client.authorization("GET", path, b"", **changes))
    assert refusal(reply) == (401, "SIGN_ERROR")
    assert reply.json()["detail"]["field"] == field


@pytest.mark.parametrize("skew_s", [-305, 305, -290, 290])
def test_the_clock_may_be_five_minutes_off(client: TransferClient, skew_s: int) -> None:
    path = f"{BILLS}/out-bill-no/{NUMBER}"
    at = str(int(client.simulator.world.clock.now()) + skew_s)
    reply = client.send("GET", path, Authorization=client.authorization("GET", path, b"", timestamp=at))
    assert reply.status_code == (401 if abs(skew_s) > 300 else 404)


def test_the_signature_covers_the_exact_bytes(client: TransferClient, person: dict[str, Any]) -> None:
    body = json.dumps(body_of(person["openid"]), ensure_ascii=False).encode()
    stale = client.authorization("POST", BILLS, body)
    assert refusal(client.send("POST", BILLS, body + b" ", Authorization=stale)) == (401, "SIGN_ERROR")
    assert refusal(client.send("GET", f"{BILLS}?a=1", Authorization=stale))[0] in (401, 405)
    escaped = json.dumps(body_of(person["openid"])).encode()  # escapes are fine when they are what was signed
    assert client.send("POST", BILLS, escaped).json()["state"] == "WAIT_USER_CONFIRM"
    reply = client.session.get(client.simulator.https_url + f"{BILLS}/out-bill-no/{NUMBER}")
    assert refusal(reply) == (401, "SIGN_ERROR")


def test_replies_are_signed_with_the_key_the_request_names(web: Web, client: TransferClient) -> None:
    path = f"{BILLS}/out-bill-no/{NUMBER}"
    by_key = client.send("GET", path)
    assert by_key.headers["Wechatpay-Serial"] == client.account.pay_public_key_id
    by_certificate = client.send("GET", path, Wechatpay_Serial=client.platform_serial)
    assert by_certificate.headers["Wechatpay-Serial"] == client.platform_serial
    assert refusal(client.send("GET", path, Wechatpay_Serial="PUB_KEY_ID_OTHER")) == (400, "PARAM_ERROR")
    switch(web, v3_sign_with="certificate")
    assert client.send("GET", path).headers["Wechatpay-Serial"] == client.platform_serial
    switch(web, v3_wrong_signature=True)
    with pytest.raises(InvalidSignature):
        client.send("GET", path)


def test_the_platform_certificate_is_handed_out_sealed(web: Web, client: TransferClient) -> None:
    row = client.send("GET", "/v3/certificates").json()["data"][0]
    pem = open_resource(row["encrypt_certificate"], client.account.api_v3_key)
    assert x509.load_pem_x509_certificate(pem) == client.platform
    assert row["serial_no"] == client.platform_serial
    switch(web, v3_certificates_given=False)
    assert refusal(client.send("GET", "/v3/certificates")) == (404, "RESOURCE_NOT_EXISTS")


def test_who_names_no_key_is_answered_with_the_certificate_while_one_is_listed(
    web: Web, client: TransferClient
) -> None:
    path = f"{BILLS}/out-bill-no/{NUMBER}"
    by = [client.send("GET", path, Wechatpay_Serial=None).headers["Wechatpay-Serial"]]
    by.append(client.send("GET", path, Wechatpay_Serial=None, Authorization="none").headers["Wechatpay-Serial"])
    switch(web, v3_certificates_given=False)
    by.append(client.send("GET", path, Wechatpay_Serial=None).headers["Wechatpay-Serial"])
    assert by == [client.platform_serial, client.platform_serial, client.account.pay_public_key_id]


def test_no_client_certificate_is_needed_and_unknown_bills_are_not_found(client: TransferClient) -> None:
    assert client.session.cert is None
    assert refusal(client.send("GET", f"{BILLS}/out-bill-no/HB1")) == (404, "NOT_FOUND")
    assert refusal(client.send("GET", f"{BILLS}/transfer-bill-no/133")) == (404, "NOT_FOUND")
    assert refusal(client.cancel("HB1")) == (404, "NOT_FOUND")


# -- fields ---------------------------------------------------------------------------------------------------------------

REPORTS = body_of("o")["transfer_scene_report_infos"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"appid": None}, "PARAM_ERROR"),
        ({"appid": "wx0000000000000000"}, "INVALID_REQUEST"),
        ({"out_bill_no": "HB-1"}, "PARAM_ERROR"),
        ({"out_bill_no": "H" * 33}, "PARAM_ERROR"),
        ({"transfer_scene_id": "9"}, "PARAM_ERROR"),
        ({"transfer_scene_id": "1009"}, "INVALID_REQUEST"),
        ({"openid": "oSOMEONE"}, "INVALID_REQUEST"),
        ({"transfer_amount": "100"}, "PARAM_ERROR"),
        ({"transfer_amount": 0}, "PARAM_ERROR"),
        ({"transfer_amount": True}, "PARAM_ERROR"),
        ({"transfer_amount": 9}, "INVALID_REQUEST"),
        ({"transfer_amount": 20_001}, "INVALID_REQUEST"),
        ({"transfer_remark": "字" * 33}, "PARAM_ERROR"),
        ({"transfer_remark": " "}, "PARAM_ERROR"),
        ({"notify_url": "https://shop.example.test/n?a=1"}, "PARAM_ERROR"),
        ({"notify_url": "http://198.51.100.7/n"}, "PARAM_ERROR"),
        ({"notify_url": "https://shop.example.test/" + "n" * 256}, "PARAM_ERROR"),
        ({"user_recv_perception": "恭喜发财"}, "INVALID_REQUEST"),
        ({"user_recv_style": {"type": "ENVELOPE"}}, "PARAM_ERROR"),
        ({"transfer_scene_report_infos": None}, "PARAM_ERROR"),
        ({"transfer_scene_report_infos": REPORTS[:1]}, "PARAM_ERROR"),
        ({"transfer_scene_report_infos": [*REPORTS, REPORTS[0]]}, "PARAM_ERROR"),
        (
            {"transfer_scene_report_infos": [REPORTS[0], {"info_type": "奖励说明", "info_content": "字" * 33}]},
            "PARAM_ERROR",
        ),
        ({"scene_id": "PRODUCT_1"}, "PARAM_ERROR"),
        ({"user_name": "bm90IHNlYWxlZA=="}, "PARAM_ERROR"),
    ],
)
def test_a_wrong_field_is_refused_and_leaves_no_bill(
    web: Web, client: TransferClient, person: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    reply = client.create(body_of(person["openid"]) | {"user_recv_style": {"type": "CONFIRM_PAGE"}} | changes)
    if None in changes.values():
        reply = client.create(body_of(person["openid"], **changes))
    assert refusal(reply) == (400, code)
    assert web.get("/_sim/bank").json()["orders"] == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":NaN}', b'{"appid":"1","appid":"2"}', b'{"appid":"\xff"}'])
def test_a_body_that_is_no_json_object_is_refused(client: TransferClient, body: bytes) -> None:
    assert refusal(client.send("POST", BILLS, body)) == (400, "PARAM_ERROR")


def test_headers_are_needed_too(client: TransferClient, person: dict[str, Any]) -> None:
    body = body_of(person["openid"])
    assert refusal(client.create(body, Content_Type="text/plain")) == (400, "PARAM_ERROR")
    assert refusal(client.create(body, Accept="text/html")) == (400, "PARAM_ERROR")
    for name in ("User_Agent", "Accept"):
        assert refusal(client.create(body, **{name: ""})) == (400, "PARAM_ERROR")


def test_the_serial_is_needed_for_a_sealed_name_and_by_a_switch_always(
    web: Web, client: TransferClient, person: dict[str, Any]
) -> None:
    body = body_of(person["openid"])
    sealed = body | {"user_name": client.sealed_name("张三", client.platform.public_key())}
    assert refusal(client.create(sealed, Wechatpay_Serial=None)) == (400, "PARAM_ERROR")
    switch(web, v3_serial_required=True)
    assert refusal(client.create(body, Wechatpay_Serial=None)) == (400, "PARAM_ERROR")
    switch(web, v3_serial_required=False)
    assert client.create(body, Wechatpay_Serial=None).headers["Wechatpay-Serial"] == client.platform_serial


@pytest.mark.parametrize("text", ["恭喜🎉", "𠮷祥如意", "👨‍👩‍👧", "🇨🇳"])
@pytest.mark.parametrize("field", ["transfer_remark", "info_content"])
def test_a_character_of_four_bytes_is_refused(
    client: TransferClient, person: dict[str, Any], text: str, field: str
) -> None:
    """Every emoji beyond the oldest is one (§4.2); what three bytes hold passes."""
    reports = [REPORTS[0], {"info_type": "奖励说明", "info_content": text}]
    changes = {"transfer_remark": text} if field == "transfer_remark" else {"transfer_scene_report_infos": reports}
    assert refusal(client.create(body_of(person["openid"], **changes))) == (400, "PARAM_ERROR")
    assert client.create(body_of(person["openid"], transfer_remark="恭喜☺★")).status_code == 200


def test_a_moved_clock_does_not_lock_out_who_lives_by_the_real_one(web: Web, client: TransferClient) -> None:
    """The answer follows the clock of the request, so that a program which checks it is content, too (§4.9)."""
    path = f"{BILLS}/out-bill-no/{NUMBER}"
    web.post("/_sim/clock", json={"advance_s": 86_400})
    clocks = {"simulated": int(client.simulator.world.clock.now()), "real": int(time.time())}

    def answered(at: int) -> tuple[int, str]:
        reply = client.send("GET", path, Authorization=client.authorization("GET", path, b"", timestamp=str(at)))
        told = int(reply.headers["Wechatpay-Timestamp"])
        return reply.status_code, next(name for name, now in clocks.items() if abs(told - now) < 60)

    assert {name: answered(at) for name, at in clocks.items()} == {
        "simulated": (404, "simulated"),
        "real": (404, "real"),
    }
    assert answered(clocks["real"] + 43_200) == (401, "simulated")
    switch(web, v3_clock="simulated")
    assert [answered(at)[0] for at in clocks.values()] == [404, 401]
    switch(web, v3_clock="real")
    assert [answered(at)[0] for at in clocks.values()] == [401, 404]


def test_the_real_name_from_two_thousand_yuan_on_and_never_below_thirty_fen(
    web: Web, client: TransferClient, person: dict[str, Any]
) -> None:
    web.put("/_sim/bank/limits", json={"transfer_max_fen": 500_000, "transfer_user_fen_per_day": 2_000_000})
    plain: dict[str, Any] = {"user_recv_style": None}
    dear = body_of(person["openid"], transfer_amount=200_000, **plain)
    assert refusal(client.create(dear)) == (400, "PARAM_ERROR")
    assert refusal(client.create(dear | {"user_name": "张三"})) == (400, "PARAM_ERROR")
    other_key = client.platform.public_key()
    assert refusal(client.create(dear | {"user_name": client.sealed_name("张三", other_key)})) == (400, "PARAM_ERROR")
    assert client.create(dear | {"user_name": client.sealed_name("张三")}).status_code == 200
    again = client.create(dear | {"user_name": client.sealed_name("张三")})  # sealed anew, the same name
    assert again.status_code == 200
    shown = client.query()["user_name"]
    assert client.key.decrypt(base64.b64decode(shown), OAEP).decode() == "张三"
    cheap = body_of(person["openid"], "HB2", transfer_amount=29, user_name=client.sealed_name("张三"), **plain)
    assert refusal(client.create(cheap)) == (400, "PARAM_ERROR")
    sealed = client.sealed_name("张三", other_key)
    by_certificate = body_of(person["openid"], "HB3", user_name=sealed)
    assert client.create(by_certificate, Wechatpay_Serial=client.platform_serial).status_code == 200
    web.patch(f"/_sim/people/{person['id']}", json={"real_name": "李四"})
    client.create(body_of(person["openid"], "HB4", user_name=client.sealed_name("张三")))
    assert client.query("HB4")["fail_reason"] == "NAME_NOT_CORRECT"


# -- numbers and limits ---------------------------------------------------------------------------------------------------


def test_the_same_number_is_the_same_bill(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    body = body_of(person["openid"])
    first = client.create(body).json()
    assert first["state"] == "WAIT_USER_CONFIRM"
    assert set(first) == {"out_bill_no", "transfer_bill_no", "create_time", "state", "package_info"}
    shuffled = body | {"transfer_scene_report_infos": body["transfer_scene_report_infos"][::-1]}
    assert client.create(shuffled).json() == first
    assert refusal(client.create(body | {"transfer_amount": 101})) == (400, "INVALID_REQUEST")
    switch(web, transfer_repeat_package=False)
    assert client.create(body).json() == {name: first[name] for name in first if name != "package_info"}
    assert books(web) == {"balance": 9_999_900, "frozen": 100, "paid": 0, "returned": 0}


def test_limits_of_person_merchant_and_rate(web: Web, client: TransferClient) -> None:
    people = web.post("/_sim/people", json={"count": 3}).json()["people"]
    anna, bert, frozen = (one["openid"] for one in people)
    web.patch(f"/_sim/people/{people[2]['id']}", json={"is_frozen": True})
    assert refusal(client.create(body_of(frozen))) == (403, "USER_ERROR")
    web.put("/_sim/bank/limits", json={"transfer_user_fen_per_day": 150, "transfer_fen_per_day": 250})
    assert client.create(body_of(anna, "HB1")).status_code == 200
    assert refusal(client.create(body_of(anna, "HB2"))) == (400, "INVALID_REQUEST")
    assert client.create(body_of(bert, "HB3")).status_code == 200
    assert refusal(client.create(body_of(bert, "HB4", transfer_amount=51))) == (400, "INVALID_REQUEST")
    client.cancel("HB1")
    client.query("HB1")
    assert client.create(body_of(anna, "HB5")).status_code == 200  # what was cancelled does not count
    advance(web, 86_400)
    assert client.create(body_of(anna, "HB6")).status_code == 200
    web.put("/_sim/bank/limits", json={"transfer_query_per_second": 0, "transfer_cancel_per_second": 0})
    assert refusal(client.send("GET", f"{BILLS}/out-bill-no/HB1")) == (429, "FREQUENCY_LIMITED")
    assert refusal(client.cancel("HB3")) == (429, "FREQUENCY_LIMIT_EXCEED")
    switch(web, transfer_opened=False)
    assert refusal(client.create(body_of(anna, "HB7"))) == (403, "NO_AUTH")
    web.put("/_sim/account", json={"pay_ips": ["203.0.113.7"]})
    assert refusal(client.create(body_of(anna, "HB7"))) == (400, "INVALID_REQUEST")


def test_a_short_balance_refuses_or_waits_for_a_top_up(
    web: Web, client: TransferClient, person: dict[str, Any]
) -> None:
    web.post("/_sim/bank/topup", json={"amount_fen": -9_999_950})
    body = body_of(person["openid"])
    assert refusal(client.create(body)) == (403, "NOT_ENOUGH")
    assert client.send("GET", f"{BILLS}/out-bill-no/{NUMBER}").status_code == 404
    switch(web, transfer_short_waits=True)
    made = client.create(body).json()
    assert made["state"] == "PROCESSING"
    assert "package_info" not in made
    advance(web, 3600)
    assert client.create(body).json() == made
    web.post("/_sim/bank/topup", json={"amount_fen": 1000})
    again = client.create(body).json()  # the way to package_info when the first reply had none
    assert again["state"] == "WAIT_USER_CONFIRM"
    assert again["package_info"]
    assert books(web) == {"balance": 950, "frozen": 100, "paid": 0, "returned": 0}


# -- states ---------------------------------------------------------------------------------------------------------------


def test_from_accepted_to_success(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    switch(web, transfer_accepted_s=10, transfer_processing_s=20, transfer_transfering_s=30)
    made = client.create(body_of(person["openid"])).json()
    seen = [made["state"]]
    for seconds in (11, 20):
        advance(web, seconds)
        seen.append(client.query()["state"])
    found = confirm(web, person, made["transfer_bill_no"]).json()
    seen.append(found["state"])
    advance(web, 31)
    by_number = client.send("GET", f"{BILLS}/transfer-bill-no/{made['transfer_bill_no']}").json()
    seen.append(by_number["state"])
    assert seen == ["ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM", "TRANSFERING", "SUCCESS"]
    assert set(by_number) == {
        *("mch_id", "out_bill_no", "transfer_bill_no", "appid", "state", "transfer_amount", "transfer_remark"),
        *("openid", "create_time", "update_time"),
    }
    assert books(web) == {"balance": 9_999_900, "frozen": 0, "paid": 100, "returned": 0}
    assert web.get(f"/_sim/people/{person['id']}/wallet").json()["wallet_fen"] == 100
    assert confirm(web, person, made["transfer_bill_no"]).json()["state"] == "SUCCESS"  # a second tap pays nothing
    assert refusal(client.cancel()) == (400, "INVALID_REQUEST")
    assert books(web)["paid"] == 100


def type_password(web: Web, number: str, **sent: Any) -> requests.Response:
    return web.post(f"/_sim/bank/transfers/{number}/password", json=sent)


def test_a_transfer_waits_for_the_password_of_the_merchants_staff(
    web: Web, client: TransferClient, person: dict[str, Any]
) -> None:
    """验密: PROCESSING for hours; typed in, money is locked and may be received; never asked, there is nothing to type."""
    number = client.create(body_of(person["openid"])).json()["transfer_bill_no"]
    assert type_password(web, number).status_code == 409
    switch(web, transfer_password_asked=True)
    made = client.create(body_of(person["openid"], out_bill_no="HB2")).json()
    advance(web, 5 * 3600)
    assert client.query("HB2")["state"] == "PROCESSING"
    (row,) = [one for one in web.get("/_sim/bank/orders").json()["orders"] if one["mch_billno"] == "HB2"]
    assert (row["state"], row["password"]) == ("PROCESSING", "waiting")
    assert confirm(web, person, made["transfer_bill_no"]).status_code == 409
    web.put("/_sim/world", json=web.get("/_sim/world").json())  # a world that was saved waits on
    assert type_password(web, made["transfer_bill_no"], is_given="yes").status_code == 400
    assert type_password(web, made["transfer_bill_no"]).json()["state"] == "WAIT_USER_CONFIRM"
    assert type_password(web, made["transfer_bill_no"]).status_code == 409
    advance(web, 23 * 3600)
    assert confirm(web, person, made["transfer_bill_no"]).json()["state"] == "SUCCESS"
    assert books(web)["paid"] == 100


@pytest.mark.parametrize("reason", ["MERCHANT_NOT_CONFIRM", "MERCHANT_REJECT"])
def test_a_password_that_is_not_typed_ends_the_transfer(
    web: Web, client: TransferClient, person: dict[str, Any], reason: str
) -> None:
    switch(web, transfer_password_asked=True)
    web.put("/_sim/bank/limits", json={"transfer_password_hours": 2})
    number = client.create(body_of(person["openid"])).json()["transfer_bill_no"]
    if reason == "MERCHANT_REJECT":
        assert type_password(web, number, is_given=False).json()["fail_reason"] == reason
    else:
        advance(web, 2 * 3600 - 5)
        assert client.query()["state"] == "PROCESSING"
        advance(web, 6)
    found = client.query()
    assert (found["state"], found["fail_reason"]) == ("FAIL", reason)
    assert books(web) == {"balance": 10_000_000, "frozen": 0, "paid": 0, "returned": 0}


def test_a_page_that_is_closed_says_so_in_either_word(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    made = client.create(body_of(person["openid"])).json()
    asked = {"mchId": "1900000001", "appId": "wx0123456789abcdef", "package": made["package_info"]}
    for word in ("cancel", "close"):
        switch(web, transfer_close_says=word)
        sheet = web.post(f"/_sim/people/{person['id']}/request_merchant_transfer", json=asked).json()
        assert sheet["closed_err_msg"] == f"requestMerchantTransfer:{word}"


def test_cancelling_gives_the_money_back_once(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    made = client.create(body_of(person["openid"])).json()
    reply = client.cancel().json()
    assert set(reply) == {"out_bill_no", "transfer_bill_no", "state", "update_time"}
    assert reply["state"] == "CANCELING"
    assert client.query()["state"] == "CANCELLED"
    assert client.cancel().json()["state"] == "CANCELLED"
    assert confirm(web, person, made["transfer_bill_no"]).status_code == 409
    assert books(web) == {"balance": 10_000_000, "frozen": 0, "paid": 0, "returned": 100}
    bill = web.get("/_sim/bank/bill").json()["rows"]
    assert [(row["kind"], row["amount_fen"]) for row in bill] == [("transfer", -100), ("transfer_return", 100)]
    assert "商家转账" in web.get("/_sim/bank/bill?format=text").content.decode()
    orders = web.get("/_sim/bank/orders?channel=transfer_bills").json()["orders"]
    assert [(row["mch_billno"], row["status"], row["state"]) for row in orders] == [(NUMBER, "returned", "CANCELLED")]


def test_nobody_confirmed_for_a_day(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    switch(web, transfer_overdue_lag_s=3600)
    made = client.create(body_of(person["openid"])).json()
    advance(web, 24 * 3600 + 1)
    assert client.query()["state"] == "WAIT_USER_CONFIRM"  # the closing lags
    late = confirm(web, person, made["transfer_bill_no"])
    assert late.status_code == 409
    assert "24小时" in late.json()["error"]
    advance(web, 3600)
    found = client.query()
    assert (found["state"], found["fail_reason"]) == ("FAIL", "OVERDUE_CLOSE")
    assert client.create(body_of(person["openid"])).json()["fail_reason"] == "OVERDUE_CLOSE"
    assert books(web) == {"balance": 10_000_000, "frozen": 0, "paid": 0, "returned": 100}
    advance(web, 30 * 86_400)
    assert client.send("GET", f"{BILLS}/out-bill-no/{NUMBER}").status_code == 404


@pytest.mark.parametrize("is_late", [False, True])
def test_a_transfer_can_fail_before_and_after_the_tap(
    web: Web, client: TransferClient, person: dict[str, Any], is_late: bool
) -> None:
    switch(web, transfer_fails_with="TRANSFER_RISK", transfer_fails_late=is_late)
    made = client.create(body_of(person["openid"])).json()
    if is_late:
        assert confirm(web, person, made["transfer_bill_no"]).json()["state"] == "FAIL"
    else:
        assert (made["state"], made["fail_reason"]) == ("FAIL", "TRANSFER_RISK")
    assert client.query()["fail_reason"] == "TRANSFER_RISK"
    assert books(web)["balance"] == 10_000_000


def test_a_wallet_without_a_real_name_fails(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    made = client.create(body_of(person["openid"])).json()
    web.patch(f"/_sim/people/{person['id']}", json={"is_real_named": False})
    assert confirm(web, person, made["transfer_bill_no"]).json()["fail_reason"] == "REAL_NAME_CHECK_FAIL"


def test_bills_survive_a_restart(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    made = client.create(body_of(person["openid"])).json()
    saved = web.get("/_sim/world").json()
    web.post("/_sim/reset", json={})
    assert web.put("/_sim/world", json=saved).status_code == 200
    assert client.create(body_of(person["openid"])).json() == made
    advance(web, 24 * 3600 + 1)
    assert client.query()["fail_reason"] == "OVERDUE_CLOSE"
    assert books(web)["returned"] == 100


# -- the phone ------------------------------------------------------------------------------------------------------------


def test_the_call_of_a_page(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    other = web.post("/_sim/people", json={}).json()["people"][0]
    package = client.create(body_of(person["openid"])).json()["package_info"]
    call = {"mchId": "1900000001", "appId": "wx0123456789abcdef", "package": package}

    def ask(who: dict[str, Any], **changes: str) -> dict[str, Any]:
        return dict(web.post(f"/_sim/people/{who['id']}/request_merchant_transfer", json=call | changes).json())

    shown = ask(person)
    assert shown["err_msg"] == "requestMerchantTransfer:ok"
    sheet = shown["sheet"]
    assert (sheet["amount_fen"], sheet["remark"], sheet["style"], sheet["is_open"]) == (
        100,
        "到店有礼",
        "RED_PACKET",
        True,
    )
    stranger = ask(other)
    assert stranger["err_msg"] == "requestMerchantTransfer:fail"
    assert "微信账号" in stranger["message"]
    assert "sheet" not in stranger
    assert confirm(web, other, sheet["transfer_bill_no"]).status_code == 409
    for changes in ({"package": "nothing"}, {"mchId": "1900000002"}, {"appId": ""}):
        assert "fail" in ask(person, **changes)["err_msg"]
    assert "invalid url domain" in ask(person, page_url="http://evil.example.test/x")["err_msg"]
    assert ask(person, page_url="http://shop.example.test/x")["err_msg"].endswith(":ok")
    confirm(web, person, sheet["transfer_bill_no"])
    again = ask(person)
    assert again["sheet"]["is_open"] is False
    assert web.get(f"/_sim/people/{person['id']}/transfers").json()["transfers"][0]["state"] == "SUCCESS"


# -- callbacks ------------------------------------------------------------------------------------------------------------


def settle(web: Web) -> None:
    assert web.post("/_sim/pushes/settle", json={"timeout_s": 10}).json()["settled"]


def test_the_final_state_is_announced(
    web: Web, client: TransferClient, person: dict[str, Any], notify: NotifyServer
) -> None:
    made = client.create(body_of(person["openid"], notify_url=notify.url)).json()
    settle(web)
    assert notify.came == []
    confirm(web, person, made["transfer_bill_no"])
    settle(web)
    ((headers, body),) = notify.came
    assert client.verify(headers, body) == client.account.pay_public_key_id
    notice = json.loads(body)
    assert (notice["event_type"], notice["resource_type"]) == ("MCHTRANSFER.BILL.FINISHED", "encrypt-resource")
    inside = json.loads(open_resource(notice["resource"], client.account.api_v3_key))
    query = client.query()
    assert inside == {name: query[name] for name in inside}
    assert (inside["state"], inside["transfer_amount"]) == ("SUCCESS", 100)


def test_a_callback_is_repeated_until_it_is_answered(
    web: Web, client: TransferClient, person: dict[str, Any], notify: NotifyServer
) -> None:
    notify.answers = [500, 204]
    client.create(body_of(person["openid"], notify_url=notify.url), Wechatpay_Serial=client.platform_serial)
    client.cancel()
    client.query()
    settle(web)
    assert len(notify.came) == 1
    advance(web, 16)
    settle(web)
    advance(web, 4000)
    settle(web)
    (first, second) = notify.came
    assert first[1] == second[1]
    assert client.verify(*second) == client.platform_serial
    row = web.get("/_sim/transfer_notices").json()["notices"][0]
    assert [attempt["http_status"] for attempt in row["attempts"]] == [500, 204]
    assert row["status"] == "answered"


def test_copies_probes_loss_and_faults(
    web: Web, client: TransferClient, person: dict[str, Any], notify: NotifyServer
) -> None:
    def finish(number: str) -> list[dict[str, Any]]:
        before = web.get("/_sim/transfer_notices").json()["last"]
        client.create(body_of(person["openid"], number, notify_url=notify.url))
        client.cancel(number)
        client.query(number)
        settle(web)
        return list(web.get(f"/_sim/transfer_notices?after={before}").json()["notices"])

    def judge(headers: dict[str, str], body: bytes) -> int:
        return 401 if headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/") else 200

    notify.judge = judge
    switch(web, transfer_notify_copies=1, transfer_notify_probed=True)
    rows = finish("HB1")
    assert [(row["is_probe"], row["judgement"], row["status"]) for row in rows] == [
        (True, "refused", "answered"),
        (False, "", "answered"),
        (False, "", "answered"),
    ]
    switch(web, transfer_notify_copies=0, transfer_notify_probed=False, transfer_notify_lost=True)
    assert [row["status"] for row in finish("HB2")] == ["lost"]
    assert web.post(f"/_sim/transfer_notices/{rows[-1]['n']}/repeat", json={}).status_code == 200
    settle(web)
    assert len(notify.came) == 4
    switch(web, transfer_notify_lost=False)
    web.put("/_sim/faults/push/MCHTRANSFER.BILL.FINISHED", json={"kind": "garble", "times": 1})
    finish("HB3")
    with pytest.raises(InvalidSignature):
        client.verify(*notify.came[-1])


# -- faults ---------------------------------------------------------------------------------------------------------------


def test_faults_of_the_calls(web: Web, client: TransferClient, person: dict[str, Any]) -> None:
    body = body_of(person["openid"])

    def put(endpoint: str, **fault: Any) -> None:
        web.put(f"/_sim/faults{endpoint}", json={"times": 1, **fault})

    put(BILLS, kind="refuse", err_code="NOT_ENOUGH")
    assert refusal(client.create(body)) == (403, "NOT_ENOUGH")
    put(BILLS, kind="drop_request")
    with pytest.raises(requests.ConnectionError):
        client.create(body)
    assert client.send("GET", f"{BILLS}/out-bill-no/{NUMBER}").status_code == 404
    put(BILLS, kind="refuse", err_code="SYSTEM_ERROR", is_landed=True)
    assert refusal(client.create(body)) == (500, "SYSTEM_ERROR")
    put(BILLS, kind="drop_reply")
    with pytest.raises(requests.ConnectionError):
        client.create(body)
    put(BILLS, kind="repeat")
    assert client.create(body).json()["state"] == client.query()["state"] == "WAIT_USER_CONFIRM"
    put(f"{BILLS}/out-bill-no/*", kind="refuse", err_code="502:BAD_GATEWAY")
    assert refusal(client.send("GET", f"{BILLS}/out-bill-no/{NUMBER}")) == (502, "BAD_GATEWAY")
    put(f"{BILLS}/out-bill-no/*/cancel", kind="garble")
    with pytest.raises(InvalidSignature):
        client.cancel()
    assert client.query()["state"] == "CANCELLED"
    assert books(web) == {"balance": 10_000_000, "frozen": 0, "paid": 0, "returned": 100}
