"""WeChat Pay v3: what is sent and signed, what counts as an answer, and that nothing unsigned is believed."""

import base64
import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import many
from tests.wechat import platform_v3 as bank
from tests.wechat.wires import Authority, Wire, dripping, http_reply, resetting, silent
from wxbot.wechat import http_v3, pay_v3
from wxbot.wechat.errors import BadMessage, NotSent, Unanswered
from wxbot.wechat.http import Reply


def call_create(client: Any) -> Any:
    return client.create(bank.PARAMS)


def call_query(client: Any) -> Any:
    return client.query(bank.BILL_NO)


def call_cancel(client: Any) -> Any:
    return client.cancel(bank.BILL_NO)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client that reads; there is nobody it could send to."""
    return bank.client_on("http://127.0.0.1:1", tmp_path_factory.mktemp("bank"))


CALLS = [call_create, call_query, call_cancel]
CANCELED = {
    "out_bill_no": bank.BILL_NO,
    "transfer_bill_no": bank.WECHAT_NO,
    "state": "CANCELING",
    "update_time": "2026-03-15T10:05:00+08:00",
}


# --- what is sent -------------------------------------------------------------------------------------------------


def test_create_over_tls_sends_the_frozen_body_signed_and_returns_the_bill(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Wire(bank.PlatformV3(), tls=authority.server_context(authority.issue("bank"))) as wire:
        answer = bank.client_on(wire.url, tmp_path, ca_file=authority.ca_file).create(bank.PARAMS)
    heard = wire.heard[0]
    assert heard.line == f"POST {bank.BILLS} HTTP/1.1"
    assert (
        json.loads(heard.body) == bank.PARAMS and "到店有礼".encode() in heard.body
    )  # the platform checked the signature
    assert heard.header("Wechatpay-Serial") == bank.KEY_ID and heard.header("Content-Type") == "application/json"
    assert answer.is_success and answer.echoes(bank.PARAMS) and not answer.is_final
    assert (answer.status, answer.state, answer.transfer_bill_no) == (200, "WAIT_USER_CONFIRM", bank.WECHAT_NO)
    assert answer.package_info == bank.CREATED["package_info"]
    assert answer.create_time is not None and answer.create_time.isoformat() == "2026-03-15T10:00:00+08:00"
    assert bank.CREATED["package_info"] not in answer.raw + repr(answer)  # S58


def test_query_and_cancel_ask_for_the_number(tmp_path: Path) -> None:
    platform = bank.PlatformV3(bank.ASKED)
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path)
        asked = client.query(bank.BILL_NO)
        platform.reply = CANCELED
        cancelled = client.cancel(bank.BILL_NO)
    number = f"{bank.BILLS}/out-bill-no/{bank.BILL_NO}"
    assert platform.paths == [f"GET {number}", f"POST {number}/cancel"]
    assert asked.is_final and (asked.amount_fen, asked.openid) == (100, bank.PARAMS["openid"])
    assert asked.echoes(bank.PARAMS) and not asked.echoes({**bank.PARAMS, "transfer_amount": 101})
    assert cancelled.is_success and cancelled.state == "CANCELING" and not cancelled.is_final


def test_a_balance_is_whole_fen_or_no_answer_at_all(tmp_path: Path) -> None:
    platform = bank.PlatformV3({"available_amount": 10_000})
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path)
        told = client.balance()
        assert (told.is_success, told.available_fen, told.pending_fen) == (True, 10_000, None)
        for amount in ("10000", 100.5, True, None, -1, 2**63):
            platform.reply = {"available_amount": amount, "pending_amount": 1}
            with pytest.raises(Unanswered):
                client.balance()
        platform.status, platform.reply = 403, {"code": "NO_AUTH", "message": "没有权限", "available_amount": 5}
        refused = client.balance()
        assert (refused.is_success, refused.code, refused.available_fen) == (False, "NO_AUTH", 0)
    assert set(platform.paths) == {"GET /v3/merchant/fund/balance/BASIC"}


def test_a_real_name_is_sealed_for_wechat_and_never_in_the_params(tmp_path: Path) -> None:
    with bank.wired(bank.PlatformV3()) as wire:
        bank.client_on(wire.url, tmp_path).create(bank.PARAMS, user_name="王小明")
    body = json.loads(wire.heard[0].body)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    opened = bank.private_key("platform").decrypt(base64.b64decode(body.pop("user_name")), oaep)
    assert opened.decode() == "王小明" and body == bank.PARAMS


def test_transfer_params_are_the_fields_of_the_reference() -> None:
    texts: dict[str, Any] = {
        "appid": bank.APPID,
        "out_bill_no": bank.BILL_NO,
        "transfer_scene_id": "1000",
        "openid": bank.PARAMS["openid"],
        "remark": "到店有礼",
        "notify_url": bank.PARAMS["notify_url"],
        "perception": "现金奖励",
        "reports": {"活动名称": "开业抽奖", "奖励说明": "摇一摇一等奖"},
    }
    made = pay_v3.transfer_params(amount_fen=100, **texts)
    assert made == bank.PARAMS and list(made) == list(bank.PARAMS)
    assert "user_recv_style" in pay_v3.transfer_params(amount_fen=20_000, **texts)
    assert "user_recv_style" not in pay_v3.transfer_params(amount_fen=20_001, **texts)
    assert "user_recv_style" not in pay_v3.transfer_params(amount_fen=100, is_red_packet=False, **texts)
    for wrong in (
        {"remark": "长" * 33},
        {"remark": ""},
        {"reports": {"活动名称": ""}},
        {"reports": {"活动名称": "长" * 33}},
        {"out_bill_no": "HB-1"},
        {"notify_url": "https://shop.example.test/pay?x=1"},
    ):
        with pytest.raises(ValueError):
            pay_v3.transfer_params(amount_fen=100, **{**texts, **wrong})


def test_a_number_that_would_change_the_path_is_refused_before_anything_is_sent_S17(tmp_path: Path) -> None:
    client = bank.client_on("http://127.0.0.1:1", tmp_path)
    for number in ("../../certificates", "HB1?x=1", "HB 1", "", "a" * 33):
        with pytest.raises(ValueError):
            client.query(number)
        with pytest.raises(ValueError):
            client.cancel(number)


# --- what counts as an answer -------------------------------------------------------------------------------------

ERRORS = [
    (400, "PARAM_ERROR", "query"),
    (400, "INVALID_REQUEST", "query"),
    (401, "SIGN_ERROR", "later"),
    (403, "NO_AUTH", "never"),
    (403, "NOT_ENOUGH", "later"),
    (403, "ACCOUNT_ERROR", "query"),
    (403, "USER_ERROR", "query"),
    (404, "NOT_FOUND", "same"),
    (429, "FREQUENCY_LIMITED", "same"),
    (429, "FREQUENCY_LIMIT_EXCEED", "same"),
    (500, "SYSTEM_ERROR", "same"),
    (400, "SOMETHING_NEW_2027", "query"),
]


def test_a_refusal_is_an_answer_with_its_row_F07(tmp_path: Path) -> None:
    platform = bank.PlatformV3()
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path)
        for status, code, retry in ERRORS:
            platform.status, platform.reply = status, {"code": code, "message": "资金不足", "detail": {"field": "x"}}
            for call in CALLS:
                answer = call(client)
                assert (answer.is_success, answer.is_final, answer.state) == (False, False, "")
                assert (answer.status, answer.code, answer.message) == (status, code, "资金不足")
                assert answer.row.retry == retry and code in answer.raw
    assert len(wire.heard) == len(ERRORS) * len(CALLS)  # never a retry


STRANGE = [
    {"out_bill_no": "HB20260315000099"},
    {"out_bill_no": ""},
    {"transfer_bill_no": ""},
    {"state": ""},
    {"state": 7},
    {"mch_id": "1900000002"},
]
STRANGE_CREATED = [{"transfer_amount": 20000}, {"openid": "oANOTHER"}, {"appid": "wxANOTHER"}]


def test_a_success_that_speaks_of_another_bill_is_unanswered_with_an_alarm_S65_F11(tmp_path: Path) -> None:
    platform = bank.PlatformV3()
    cases: list[Any] = [(call, bank.ASKED, change) for call in CALLS for change in STRANGE]
    cases += [(call_create, bank.CREATED, change) for change in STRANGE_CREATED]
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path)
        for call, reply, change in cases:
            platform.reply = {**reply, **change}
            with pytest.raises(Unanswered) as caught:
                call(client)
            assert (caught.value.reason, caught.value.security) == ("wrong_echo", True), (call, change)


FORGERIES: dict[str, dict[str, Any]] = {
    "no signature": {"is_unsigned": True},
    "another key": {"by": "stranger"},
    "too old": {"at": bank.NOW_S - 301},
    "from the future": {"at": bank.NOW_S + 301},
    "unknown key id": {"serial": "PUB_KEY_ID_0000000000000000000000000000"},
    "a probe": {"changed_headers": {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/AAAA"}},
    "no nonce": {"changed_headers": {"Wechatpay-Nonce": ""}},
    "another nonce": {"changed_headers": {"Wechatpay-Nonce": "x"}},
    "no timestamp": {"changed_headers": {"Wechatpay-Timestamp": ""}},
    "timestamp in words": {"changed_headers": {"Wechatpay-Timestamp": "now"}},
    "no serial": {"changed_headers": {"Wechatpay-Serial": ""}},
    "another algorithm": {"changed_headers": {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"}},
    "not base64": {"changed_headers": {"Wechatpay-Signature": "%%%"}},
}


def test_what_is_not_signed_by_wechat_is_unanswered_with_an_alarm_S65(tmp_path: Path) -> None:
    with bank.wired(bank.PlatformV3()) as wire:
        client = bank.client_on(wire.url, tmp_path)
        for name, forgery in FORGERIES.items():
            for status, reply in ((200, bank.CREATED), (403, {"code": "NOT_ENOUGH", "message": "x"})):
                platform = wire.answer = bank.PlatformV3(reply, status)
                for field, value in forgery.items():
                    setattr(platform, field, value)
                with pytest.raises(Unanswered) as caught:
                    call_create(client)
                told = (caught.value.reason, caught.value.security, caught.value.status)
                assert told == ("bad_sign", True, status), name
                assert bank.CREATED["package_info"] not in str(caught.value) + caught.value.evidence
    assert len(wire.heard) == 2 * len(FORGERIES)


def test_a_changed_byte_of_a_signed_reply_is_noticed(tmp_path: Path) -> None:
    whole = json.dumps(bank.CREATED).encode()
    headers = {name.lower(): value for name, value in bank.signed_headers(whole).items()}
    wire = bank.client_on("http://x", tmp_path)._wire
    assert wire._read(Reply(200, headers, whole), "x").fields == bank.CREATED
    dice = random.Random(20260315)
    for _ in range(300):
        body = bytearray(whole)
        body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
        with pytest.raises(Unanswered) as caught:
            wire._read(Reply(200, headers, bytes(body)), "x")
        assert caught.value.security


def test_a_401_that_cannot_be_signed_tells_the_operator_and_nothing_else_does(tmp_path: Path) -> None:
    platform = bank.PlatformV3({"code": "SIGN_ERROR", "message": "商户证书序列号有误"}, 401)
    platform.is_unsigned = True
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path)
        answer = call_create(client)
        assert (answer.code, answer.is_signed, answer.row.stops_lane) == ("SIGN_ERROR", False, True)
        for status in (429, 500, 502, 302):  # a proxy on the way: no alarm, no answer
            platform.status = status
            with pytest.raises(Unanswered) as caught:
                call_query(client)
            assert (caught.value.reason, caught.value.security) == ("http_status", False)


GARBAGE = [
    b"",
    b"<html>502</html>",
    b"[]",
    b"null",
    b'{"state":"SUCCESS"',
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":"\\ud800"}',
    b"\xff\xfe{}",
    b"[" * 5000,
]


def test_signed_garbage_is_unanswered_F11(tmp_path: Path) -> None:
    platform = bank.PlatformV3()
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path)
        for platform.body in GARBAGE:
            for platform.status, reason in ((200, "unreadable"), (400, "http_status")):
                with pytest.raises(Unanswered) as caught:
                    call_query(client)
                assert (caught.value.reason, caught.value.security) == (reason, False), platform.body


@many(2)
@given(
    st.dictionaries(
        st.sampled_from([*bank.ASKED, "code", "message", "package_info", "fail_reason"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.lists(st.integers(), max_size=2),
    ),
    st.integers(200, 599),
)
def test_any_signed_object_is_an_answer_or_unanswered_and_never_a_foreign_success(
    reader: Any, fields: Any, status: int
) -> None:
    client = reader
    body = json.dumps(fields).encode()
    headers = {name.lower(): value for name, value in bank.signed_headers(body).items()}
    try:
        reply = client._wire._read(Reply(status, headers, body), "x")
        answer = client._own(client._answer(reply), bank.PARAMS, "create")
    except Unanswered:
        return
    assert answer.echoes(bank.PARAMS) and answer.state if answer.is_success else fields["code"].strip()
    assert answer.row.retry and answer.reason_row.retry


@pytest.mark.parametrize("answer", [silent, resetting, dripping(http_reply(b"{}"), pause_s=0.05)])
def test_a_lost_or_slow_reply_is_unanswered_and_never_sent_twice_F05_F06(answer: Any, tmp_path: Path) -> None:
    with Wire(answer) as wire:
        with pytest.raises(Unanswered) as caught:
            call_create(bank.client_on(wire.url, tmp_path, is_impatient=True))
        assert len(wire.heard) == 1 and not caught.value.security


def test_nobody_there_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(NotSent):
        call_create(bank.client_on("http://127.0.0.1:1", tmp_path))


def test_keys_that_do_not_fit_stop_the_start(tmp_path: Path) -> None:
    bank.client_on("http://x", tmp_path)
    (tmp_path / "apiclient_key.pem").write_bytes(bank.key_pem("stranger"))
    with pytest.raises(ValueError, match="do not belong together"):
        bank.client_on("http://x", tmp_path)


# --- platform certificates ----------------------------------------------------------------------------------------


def certified(serial: int = 0x1DE2A3, **options: Any) -> Any:
    """A platform that signs with a certificate, and the client's clock in a list."""
    platform = bank.PlatformV3()
    platform.serial = f"{serial:X}"
    platform.certificates = [bank.sealed_certificate(bank.certificate("platform", serial, **options))]
    return platform


def test_certificates_are_fetched_once_and_kept(tmp_path: Path) -> None:
    platform = certified()
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path, has_public_key=False)
        for call in (call_create, call_create, call_query):
            platform.reply = bank.ASKED if call is call_query else bank.CREATED
            assert call(client).is_success
    assert [path for path in platform.paths if "certificates" in path] == ["GET /v3/certificates"]
    assert wire.heard[0].header("Wechatpay-Serial") == "" and wire.heard[1].header("Wechatpay-Serial") == "1DE2A3"


def test_a_changed_certificate_is_fetched_when_its_serial_appears_but_not_more_than_once_a_minute(
    tmp_path: Path,
) -> None:
    now = [bank.NOW_S]
    platform = certified()
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path, has_public_key=False, now=lambda: now[0])
        call_create(client)
        now[0] = platform.at = bank.NOW_S + 61
        platform.serial = "2DE2A3"
        platform.certificates.append(bank.sealed_certificate(bank.certificate("platform", 0x2DE2A3)))
        assert call_create(client).is_success
        platform.serial = "FFFF"
        for _ in range(3):
            with pytest.raises(Unanswered, match="nobody knows"):
                call_create(client)
    assert sum("certificates" in path for path in platform.paths) == 2


def test_without_a_believable_certificate_nothing_is_sent(tmp_path: Path) -> None:
    other_key = bank.sealed_certificate(bank.certificate("platform", 0x1DE2A3), key="x" * 32)
    wrong_serial = bank.sealed_certificate(bank.certificate("platform", 0x1DE2A3), serial="1DE2A4")
    expired = bank.sealed_certificate(bank.certificate("platform", 0x1DE2A3, ends_in_days=-1))
    answers: list[Any] = [[], [other_key], [wrong_serial], [expired], [{}], ["x"], None]
    for rows in answers:
        platform = certified()
        platform.certificates = rows
        with bank.wired(platform) as wire:
            client = bank.client_on(wire.url, tmp_path, has_public_key=False)
            for _ in range(2):
                with pytest.raises(NotSent):
                    call_create(client)
        assert platform.paths == ["GET /v3/certificates"], rows
    platform = certified()
    platform.by = "stranger"
    with bank.wired(platform) as wire, pytest.raises(NotSent):
        call_create(bank.client_on(wire.url, tmp_path, has_public_key=False))


# --- the callback -------------------------------------------------------------------------------------------------

FINISHED = {
    name: bank.ASKED[name]
    for name in (
        "mch_id",
        "out_bill_no",
        "transfer_bill_no",
        "transfer_amount",
        "state",
        "openid",
        "create_time",
        "update_time",
    )
}


def notice(inner: Any = None, *, resource: Any = None, **changes: Any) -> Any:
    outer = {
        "id": "EV-2026031500000001",
        "create_time": "2026-03-15T10:00:09+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "MCHTRANSFER.BILL.FINISHED",
        "summary": "商家转账单据终态通知",
        "resource": resource or {"original_type": "mch_payment", **bank.sealed(json.dumps(inner or FINISHED).encode())},
    }
    return json.dumps({**outer, **changes}, ensure_ascii=False).encode()


def test_a_callback_is_opened_whatever_the_case_of_its_headers(reader: Any) -> None:
    for body, headers in (
        (notice(), bank.signed_headers(notice())),
        (notice(), {name.upper(): value for name, value in bank.signed_headers(notice()).items()}),
    ):
        told = reader.open_callback(headers, body, bank.NOW_S + 299)
        assert (told.notice_id, told.out_bill_no, told.state) == ("EV-2026031500000001", bank.BILL_NO, "SUCCESS")
        assert (told.amount_fen, told.openid, told.fail_reason) == (100, bank.PARAMS["openid"], "")
    failed = notice({**FINISHED, "state": "FAIL", "fail_reason": "OVERDUE_CLOSE"})
    assert reader.open_callback(bank.signed_headers(failed), failed, bank.NOW_S).fail_reason == "OVERDUE_CLOSE"


def test_a_callback_that_is_not_wechats_is_refused_S18(reader: Any) -> None:
    whole = notice()
    good = bank.signed_headers(whole)
    refused = [
        ({}, whole),
        (good, whole[:-1] + b" }"),
        (bank.signed_headers(whole, by="stranger"), whole),
        ({**good, "Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + good["Wechatpay-Signature"][20:]}, whole),
        ({**good, "Wechatpay-Timestamp": str(int(bank.NOW_S) + 1)}, whole),
        ({**good, "Wechatpay-Serial": "5157F09EFDC096DE15EBE81A47057A72"}, whole),
    ]
    for headers, body in refused:
        with pytest.raises(BadMessage):
            reader.open_callback(headers, body, bank.NOW_S)
    for away in (-301, 301):
        with pytest.raises(BadMessage, match="5 minutes"):
            reader.open_callback(good, whole, bank.NOW_S + away)


@pytest.mark.parametrize(
    "body",
    [
        notice(event_type="TRANSACTION.SUCCESS"),
        notice(resource_type="plain"),
        notice({**FINISHED, "mch_id": "1900000002"}),
        notice({**FINISHED, "out_bill_no": "../x"}),
        notice({**FINISHED, "out_bill_no": None}),
        notice(resource=bank.sealed(b"{}")),
        notice(resource=bank.sealed(b"not json")),
        notice(resource=bank.sealed(json.dumps(FINISHED).encode()[:-1] + b',"state":"SUCCESS","state":"FAIL"}')),
        notice(resource=bank.sealed(json.dumps(FINISHED).encode(), key="x" * 32)),
        notice(resource={**bank.sealed(json.dumps(FINISHED).encode()), "associated_data": "other"}),
        notice(resource={**bank.sealed(json.dumps(FINISHED).encode()), "nonce": "short"}),
        notice(resource={**bank.sealed(json.dumps(FINISHED).encode()), "ciphertext": "AAAA"}),
        notice(resource={**bank.sealed(json.dumps(FINISHED).encode()), "algorithm": "NONE"}),
        notice(resource="x"),
        notice()[:-1] + b',"id":"twice"}',
        b"[]",
        b"",
        notice(summary="x" * 70_000),
    ],
    ids=range(18),
)
def test_a_signed_callback_that_makes_no_sense_is_refused_and_nothing_else_is_raised(reader: Any, body: Any) -> None:
    with pytest.raises(BadMessage):
        reader.open_callback(bank.signed_headers(body), body, bank.NOW_S)


def test_bogus_serials_do_not_make_us_call_wechat_again_and_again_F36(tmp_path: Path) -> None:
    platform = certified()
    body = notice()
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path, has_public_key=False)
        for serial in ("AAAA", "BBBB", "CCCC"):
            with pytest.raises(BadMessage):
                client.open_callback(bank.signed_headers(body, serial=serial), body, bank.NOW_S)
        headers = bank.signed_headers(body, serial="01de2a3")  # leading zeros and the case do not matter
        assert client.open_callback(headers, body, bank.NOW_S).state == "SUCCESS"
    assert platform.paths == ["GET /v3/certificates"]


NAMES = [
    "Wechatpay-Timestamp",
    "Wechatpay-Nonce",
    "Wechatpay-Serial",
    "Wechatpay-Signature",
    "Wechatpay-Signature-Type",
]


@many(2)
@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=60) | st.just(str(int(bank.NOW_S)))), st.binary())
def test_no_header_and_no_body_raises_anything_but_bad_message(reader: Any, headers: Any, body: Any) -> None:
    for given_headers in (headers, {**bank.signed_headers(body), **headers}):
        with pytest.raises(BadMessage):
            reader.open_callback(given_headers, body, bank.NOW_S)


@given(st.binary(max_size=200))
def test_any_bytes_read_as_an_object_or_as_bad_json(body: Any) -> None:
    with contextlib.suppress(http_v3.BadJson):
        assert isinstance(http_v3.read_object(body), dict)


def test_while_keys_are_changed_the_former_ones_still_open_what_wechat_sends(tmp_path: Path) -> None:
    """A notice is sent again for a day, under the keys of its first sending; a reply may come from a server not yet told."""
    former: dict[str, Any] = {
        "former_public_key_id": "PUB_KEY_ID_FORMER",
        "former_public_key": bank.public_pem("stranger"),
    }
    reader = bank.client_on("https://127.0.0.1:1", tmp_path, former_api_v3_key="f" * 32, **former)
    plain = json.dumps(FINISHED).encode()
    for seal_key in (bank.API_V3_KEY, "f" * 32):
        body = notice(resource=bank.sealed(plain, key=seal_key))
        for serial, by in ((bank.KEY_ID, "platform"), ("PUB_KEY_ID_FORMER", "stranger")):
            told = reader.open_callback(bank.signed_headers(body, serial=serial, by=by), body, bank.NOW_S)
            assert told.state == "SUCCESS"
    for serial, by in ((bank.KEY_ID, "stranger"), ("PUB_KEY_ID_FORMER", "platform"), ("PUB_KEY_ID_OTHER", "stranger")):
        with pytest.raises(BadMessage):
            reader.open_callback(bank.signed_headers(notice(), serial=serial, by=by), notice(), bank.NOW_S)
    body = notice(resource=bank.sealed(plain, key="x" * 32))
    with pytest.raises(BadMessage):
        reader.open_callback(bank.signed_headers(body), body, bank.NOW_S)
    platform = bank.PlatformV3()
    platform.by, platform.serial = "stranger", "PUB_KEY_ID_FORMER"
    with bank.wired(platform) as wire:
        client = bank.client_on(wire.url, tmp_path, **former)
        assert client.create(bank.PARAMS).is_success
