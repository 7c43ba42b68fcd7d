"""WeChat Pay: what is sent, what counts as an answer, and that nothing else does."""

import hashlib
import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wechat.wires import Authority, Wire, dripping, http_reply, resetting, saying, silent
from wxbot.wechat import pay_texts, sign, xml
from wxbot.wechat.errors import NotSent, Refused, Unanswered
from wxbot.wechat.http import Timeouts, Transport
from wxbot.wechat.pay import PayClient, sendredpack_params
from wxbot.wechat.xml import build, parse

KEY = "0123456789abcdef0123456789abcdef"
BILLNO = "1900000001202603150000000043"
OPENID = "oTESTuser0000000000000000001a"
QUICK = Timeouts(connect_s=0.5, read_s=0.3, total_s=0.6)
XML = {"Content-Type": "text/plain"}


def client_on(url: str, **options: Any) -> Any:
    return PayClient(Transport(**options), url, appid="wx0123456789abcdef", mch_id="1900000001", pay_key=KEY)


def params(client: Any = None, **texts: Any) -> Any:
    texts = {"send_name": "示例小店", "wishing": "恭喜发财", "act_name": "开业抽奖", "remark": "到店有礼", **texts}
    return (client or client_on("http://x")).hbpreorder_params(mch_billno=BILLNO, amount_fen=100, **texts)


SUCCESS = {
    "return_code": "SUCCESS",
    "return_msg": "发放成功",
    "result_code": "SUCCESS",
    "err_code": "0",
    "err_code_des": "发放成功",
    "mch_billno": BILLNO,
    "mch_id": "1900000001",
    "wxappid": "wx0123456789abcdef",
    "sp_ticket": "v1|U0lNVElDS0VUMDAwMDAwMDAwMDAwMDAwMDAwMDE=",
    "total_amount": 100,
    "detail_id": "0000000001202603150000000001",
    "send_time": "20260315100000",
}
REFUSAL = {
    "return_code": "SUCCESS",
    "return_msg": "帐号余额不足",
    "result_code": "FAIL",
    "err_code": "NOTENOUGH",
    "err_code_des": "帐号余额不足，请到商户平台充值后再重试",
    "mch_billno": BILLNO,
    "mch_id": "1900000001",
    "wxappid": "wx0123456789abcdef",
    "total_amount": 100,
}


def replying(fields: Any, *, pay_key: str | None = None) -> Any:
    if pay_key:
        fields = {**fields, "sign": sign.v2_sign(fields, pay_key)}
    return saying(http_reply(build(fields), headers=XML))


def test_the_request_is_the_frozen_parameters_plus_nonce_and_a_right_sign() -> None:
    with Wire(replying(SUCCESS)) as wire:
        client = client_on(wire.url)
        frozen = params(client)
        client.hbpreorder(frozen)
        client_on(wire.url).hbpreorder(frozen)  # a fresh connection: the canned server closes each after its answer
    first, second = (parse(heard.body) for heard in wire.heard)
    assert wire.heard[0].line == "POST /mmpaymkttransfers/hbpreorder HTTP/1.1"
    for sent in (first, second):
        assert sent.pop("sign") == sign.v2_sign(sent, KEY)
    assert first.pop("nonce_str") != second.pop("nonce_str")
    assert first == second == frozen
    assert (frozen["auth_mchid"], frozen["auth_appid"]) == ("1000052601", "wxbf42bd79c4391863")
    assert (frozen["hb_type"], frozen["total_num"], frozen["amt_type"]) == ("NORMAL", "1", "ALL_RAND")
    assert not {"re_openid", "client_ip", "sign_type", "scene_id"} & frozen.keys()


def test_params_that_bring_their_own_nonce_or_sign_are_refused_F13() -> None:
    for name in ("nonce_str", "sign"):
        with pytest.raises(ValueError):
            client_on("http://127.0.0.1:1").hbpreorder({**params(), name: "x"})


def test_a_success_carries_ticket_and_proof() -> None:
    with Wire(replying(SUCCESS)) as wire:
        answer = client_on(wire.url).hbpreorder(params())
    assert answer.is_success and answer.echoes(params()) and not answer.is_signed
    assert answer.fields["sp_ticket"] == SUCCESS["sp_ticket"]
    assert answer.fields["detail_id"] == SUCCESS["detail_id"]
    assert "U0lNVElDS0VU" not in answer.raw + repr(answer)


@pytest.mark.parametrize("code", ["NOTENOUGH", "SYSTEMERROR", "TIME _LIMITED", "268458547", "SOMETHING_NEW_2027"])
def test_a_refusal_is_an_answer_with_its_row_F07(code: Any) -> None:
    with Wire(replying({**REFUSAL, "err_code": code})) as wire:
        answer = client_on(wire.url).hbpreorder(params())
    assert not answer.is_success and answer.err_code == code.replace(" ", "")
    assert answer.row.code == code.replace(" ", "")
    assert answer.row.retry == ("query" if code == "SOMETHING_NEW_2027" else answer.row.retry)


def test_a_transport_failure_is_an_answer_too() -> None:
    with Wire(replying({"return_code": "FAIL", "return_msg": "签名错误"})) as wire:
        answer = client_on(wire.url).hbpreorder(params())
    assert (answer.return_code, answer.result_code, answer.err_code, answer.err_code_des) == (
        "FAIL",
        "",
        "",
        "签名错误",
    )
    assert not answer.row.is_known and answer.row.retry == "query"


@pytest.mark.parametrize(
    "change",
    [
        {"mch_billno": "1900000001202603150000000099"},
        {"total_amount": 20000},
        {"mch_id": "1900000002"},
        {"wxappid": "wxANOTHER"},
        {"sp_ticket": ""},
        {"mch_billno": ""},
        {"total_amount": ""},
    ],
)
def test_a_success_that_echoes_something_else_is_unanswered_with_an_alarm_S65_F11(change: Any) -> None:
    with Wire(replying({**SUCCESS, **change})) as wire, pytest.raises(Unanswered) as caught:
        client_on(wire.url).hbpreorder(params())
    assert (caught.value.reason, caught.value.security) == ("wrong_echo", True)


def test_a_right_sign_is_noticed_and_a_wrong_one_raises_the_alarm_S65() -> None:
    with Wire(replying(SUCCESS, pay_key=KEY)) as wire:
        assert client_on(wire.url).hbpreorder(params()).is_signed
    forged = {**REFUSAL, "sign": sign.v2_sign(REFUSAL, KEY)}
    for reply in ({**forged, "result_code": "SUCCESS"}, {**forged, "sign": "0" * 32}, {**forged, "sign": "é"}):
        with Wire(replying(reply)) as wire, pytest.raises(Unanswered) as caught:
            client_on(wire.url).hbpreorder(params())
        assert (caught.value.reason, caught.value.security) == ("bad_sign", True)
    with Wire(replying(SUCCESS, pay_key="another-key-another-key-another-")) as wire, pytest.raises(Unanswered):
        client_on(wire.url).hbpreorder(params())


SENT = {
    "return_code": "SUCCESS",
    "return_msg": "发放成功",
    "result_code": "SUCCESS",
    "err_code": "SUCCESS",
    "err_code_des": "发放成功",
    "mch_billno": BILLNO,
    "mch_id": "1900000001",
    "wxappid": "wx0123456789abcdef",
    "re_openid": OPENID,
    "total_amount": 100,
    "send_listid": "1000041701202603153000000000001",
}


def packet(**changes: Any) -> Any:
    texts = {"send_name": "示例小店", "wishing": "恭喜发财", "act_name": "开业抽奖", "remark": "到店有礼"}
    return sendredpack_params(
        **{
            "mch_id": "1900000001",
            "appid": "wx0123456789abcdef",
            "mch_billno": BILLNO,
            "openid": OPENID,
            "amount_fen": 100,
            "client_ip": "203.0.113.7",
            "scene_id": "PRODUCT_2",
            **texts,
            **changes,
        }
    )


def test_sendredpack_sends_the_frozen_packet_to_one_person_and_returns_wechats_number() -> None:
    with Wire(replying(SENT)) as wire:
        answer = client_on(wire.url).sendredpack(packet())
    sent = parse(wire.heard[0].body)
    assert wire.heard[0].line == "POST /mmpaymkttransfers/sendredpack HTTP/1.1"
    assert sent.pop("sign") == sign.v2_sign(sent, KEY) and sent.pop("nonce_str")
    assert sent == packet() and (sent["total_num"], sent["re_openid"]) == ("1", OPENID)
    assert answer.is_success and answer.echoes(packet()) and answer.fields["send_listid"] == SENT["send_listid"]
    assert "scene_id" not in packet(scene_id="")


@pytest.mark.parametrize(
    "change",
    [
        {"send_listid": ""},
        {"err_code": "NO_AUTH", "send_listid": ""},
        {"re_openid": "oANOTHER"},
        {"re_openid": ""},
        {"mch_billno": BILLNO[:-1] + "9"},
        {"total_amount": 20000},
        {"mch_id": ""},
        {"wxappid": "wxANOTHER"},
    ],
)
def test_a_packet_is_only_sent_when_everything_says_so_S65_F11(change: Any) -> None:
    with Wire(replying({**SENT, **change})) as wire, pytest.raises(Unanswered) as caught:
        client_on(wire.url).sendredpack(packet())
    assert (caught.value.reason, caught.value.security) == ("wrong_echo", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"send_name": "中" * 11},
        {"act_name": "a" * 33},
        {"wishing": "中" * 43},
        {"remark": "中" * 86},
        {"wishing": ""},
        {"send_name": " "},
        {"remark": "a\nb"},
        {"act_name": "\ud800"},
    ],
)
def test_a_text_that_wechat_would_refuse_never_becomes_an_order(wrong: Any) -> None:
    with pytest.raises(ValueError):
        packet(**wrong)
    fault = pay_texts.faults("sendredpack", wrong)[0]
    assert fault.field in wrong and fault.zh and fault.en
    assert packet(send_name="中" * 10 + "ab", wishing="中" * 42 + "ab", remark="中" * 85 + "a")


@pytest.mark.parametrize("wide", ["🎉", "𠮷", "👨\u200d👩", "🇨🇳"])
def test_a_character_of_four_bytes_is_named_at_the_form_and_carried_by_v2_alone(wide: str) -> None:
    """A form's text may go by any channel; an order of v2 that was approved with one still goes on (§4.2)."""
    for channel, field in (
        ("sendredpack", "wishing"),
        ("transfer_bills", "transfer_remark"),
        ("hbpreorder", "act_name"),
    ):
        found = pay_texts.fault_of(channel, field, f"好{wide}")
        assert found is not None and found.reason == "wide"
        assert wide[0] in found.zh and wide[0] in found.en
    assert packet(wishing=f"好{wide}")
    with pytest.raises(ValueError, match="emoji"):
        pay_texts.require("transfer_bills", {"info_content": wide})


@given(st.text())
def test_what_is_named_is_the_first_character_of_four_bytes(text: str) -> None:
    wide = [character for character in text if len(character.encode("utf-8", "surrogatepass")) > 3]
    assert pay_texts.wide_character(text) == "".join(wide[:1])


GARBAGE = [
    b"",
    b"<html><body>502 Bad Gateway</body></html>",
    b"<xml><return_code>SUCCESS</return_code>",
    build(SUCCESS)[:-20],
    b"<xml></xml>",
    b"<xml><return_code></return_code></xml>",
    b"<xml><return_code>MAYBE</return_code></xml>",
    b"<xml><result_code>SUCCESS</result_code></xml>",
    b"<xml><return_code>SUCCESS</return_code><return_code>FAIL</return_code></xml>",
    b'{"return_code":"SUCCESS","result_code":"SUCCESS"}',
    "<xml><return_code>SUCCESS</return_code><return_msg>成功</return_msg></xml>".encode("gbk"),
    b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><return_code>&e;</return_code></xml>',
    b"\x1f\x8b\x08\x00garbage",
    b"<xml><return_code>SUCCESS</return_code><a>" + b"x" * 70_000 + b"</a></xml>",
]


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("call", ["hbpreorder", "sendredpack", "gethbinfo"])
def test_what_is_not_an_answer_is_unanswered_F11_S05(body: Any, call: Any) -> None:
    with Wire(saying(http_reply(body, headers=XML))) as wire:
        client = client_on(wire.url)
        with pytest.raises(Unanswered) as caught:
            client.gethbinfo(BILLNO) if call == "gethbinfo" else getattr(client, call)(params())
    assert caught.value.reason in ("unreadable", "too_big")
    assert len(wire.heard) == 1


def test_two_thousand_mangled_replies_never_read_as_another_success_F11() -> None:
    dice = random.Random(20260315)
    whole = build({**SUCCESS, "sign": sign.v2_sign(SUCCESS, KEY)})
    frozen = params()
    client = client_on("http://x")
    for _ in range(2_000):
        body = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            where = dice.randrange(len(body))
            choice = dice.random()
            if choice < 0.4:
                body[where] = dice.randrange(256)
            elif choice < 0.7:
                del body[where : where + dice.randint(1, 40)]
            else:
                body[where:where] = body[dice.randrange(len(body)) :][: dice.randint(1, 40)]
        try:
            answer = client._read(_reply(bytes(body)), "hbpreorder", "pay")
        except Unanswered:
            continue
        if answer.is_success and answer.is_signed:
            assert answer.echoes(frozen) and answer.fields["sp_ticket"] == SUCCESS["sp_ticket"]


def _reply(body: Any) -> Any:
    from wxbot.wechat.http import Reply

    return Reply(200, {}, body)


@pytest.mark.parametrize("answer", [silent, resetting, dripping(http_reply(build(SUCCESS)))])
def test_a_lost_or_slow_reply_is_unanswered_and_never_sent_twice_F05_F06(answer: Any) -> None:
    with Wire(answer) as wire:
        with pytest.raises(Unanswered):
            client_on(wire.url, timeouts=QUICK).hbpreorder(params())
        assert len(wire.heard) == 1


def test_nobody_there_is_not_sent() -> None:
    with pytest.raises(NotSent):
        client_on("http://127.0.0.1:1").hbpreorder(params())


def test_a_wish_cannot_add_fields_to_the_request_S16b() -> None:
    wish = "]]></wishing><total_amount>20000</total_amount><wishing><![CDATA["
    with Wire(replying(SUCCESS)) as wire:
        client_on(wire.url).hbpreorder(params(wishing=wish))
    sent = parse(wire.heard[0].body)
    assert (sent["wishing"], sent["total_amount"]) == (wish, "100")
    with pytest.raises(xml.BadXml):
        client_on("http://127.0.0.1:1").hbpreorder(params(wishing="a\x00b"))


# --- gethbinfo ----------------------------------------------------------------------------------------------------

FOUND = {
    "return_code": "SUCCESS",
    "return_msg": "OK",
    "result_code": "SUCCESS",
    "err_code": "SUCCESS",
    "mch_billno": BILLNO,
    "mch_id": "1900000001",
    "detail_id": "1000041701202603153000000000001",
    "status": "RECEIVED",
    "send_type": "API",
    "hb_type": "NORMAL",
    "total_num": 1,
    "total_amount": 100,
    "send_time": "2026-03-15 10:00:00",
}
RECEIPT = {"openid": "oTESTuser0000000000000000001a", "amount": 100, "rcv_time": "2026-03-15 10:03:21"}


@pytest.mark.parametrize("receipts", [[], [RECEIPT], [RECEIPT, {"openid": "oB", "amount": 1}]])
def test_a_query_lists_receipts_whatever_their_number(receipts: Any) -> None:
    fields = {**FOUND, "hblist": {"hbinfo": receipts} if receipts else {}}
    with Wire(replying({**fields, "sign": "NESTED-SO-NOT-JUDGED"} if receipts else fields)) as wire:
        answer = client_on(wire.url).gethbinfo(BILLNO)
    sent = parse(wire.heard[0].body)
    assert wire.heard[0].line == "POST /mmpaymkttransfers/gethbinfo HTTP/1.1"
    assert {name: sent[name] for name in ("appid", "mch_id", "mch_billno", "bill_type")} == {
        "appid": "wx0123456789abcdef",
        "mch_id": "1900000001",
        "mch_billno": BILLNO,
        "bill_type": "MCHT",
    }
    assert "wxappid" not in sent
    assert [dict(row) for row in answer.receipts] == [{k: str(v) for k, v in row.items()} for row in receipts]
    assert answer.receiver == (RECEIPT["openid"] if receipts else None)
    assert answer.fields["status"] == "RECEIVED"


def test_not_found_is_an_answer_that_says_ask_later_F08() -> None:
    with Wire(replying({**REFUSAL, "err_code": "NOT_FOUND"})) as wire:
        answer = client_on(wire.url).gethbinfo(BILLNO)
    assert (answer.is_success, answer.row.code, answer.row.retry, answer.row.api) == (
        False,
        "NOT_FOUND",
        "later",
        "query",
    )


def test_the_answer_about_another_order_is_unanswered_F11() -> None:
    other = replying({**FOUND, "mch_billno": "1900000001202603150000000099"})
    with Wire(other) as wire, pytest.raises(Unanswered) as caught:
        client_on(wire.url).gethbinfo(BILLNO)
    assert caught.value.security


# --- the bill -----------------------------------------------------------------------------------------------------

BILL = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号\r\n"
    "`2026-03-15 10:00:00,`1000041701,`1900000001,`现金红包,`支出,`支出,`1.00,`99.00,`system,`,`1900000001\r\n"
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`1,`0,`0.00,`1,`1.00\r\n"
)


def bill_reply(text: str = BILL, digest: str | None = None) -> Any:
    body = text.encode("utf-8-sig")
    return saying(http_reply(body, headers={"Content-Type": "text/plain", "Digest": digest or f"SHA={sha1(body)}"}))


def sha1(body: Any) -> Any:
    return hashlib.sha1(body).hexdigest()


def test_the_bill_is_asked_for_with_hmac_and_comes_back_as_text() -> None:
    with Wire(bill_reply()) as wire:
        assert client_on(wire.url).downloadfundflow(date(2026, 3, 15)) == BILL
    sent = parse(wire.heard[0].body)
    assert wire.heard[0].line == "POST /pay/downloadfundflow HTTP/1.1"
    assert sent.pop("sign") == sign.v2_sign(sent, KEY, "HMAC-SHA256")
    assert (sent["bill_date"], sent["account_type"], sent["sign_type"]) == ("20260315", "Basic", "HMAC-SHA256")


def test_a_day_without_a_bill_is_refused_with_its_row() -> None:
    reply = {"return_code": "SUCCESS", "result_code": "FAIL", "err_code": "NO_BILL_EXIST", "err_code_des": "账单不存在"}
    with Wire(replying(reply)) as wire, pytest.raises(Refused) as caught:
        client_on(wire.url).downloadfundflow(date(2026, 3, 15))
    assert caught.value.code == "NO_BILL_EXIST" and caught.value.row.is_known


def test_a_bill_that_was_cut_or_changed_is_unanswered_F86() -> None:
    with Wire(bill_reply(digest="SHA=" + "0" * 40)) as wire, pytest.raises(Unanswered):
        client_on(wire.url).downloadfundflow(date(2026, 3, 15))
    gbk = saying(http_reply(BILL.encode("gbk"), headers={"Content-Type": "text/plain"}))
    with Wire(gbk) as wire, pytest.raises(Unanswered):
        client_on(wire.url).downloadfundflow(date(2026, 3, 15))


def test_a_bill_of_several_megabytes_passes() -> None:
    with Wire(bill_reply(BILL * 10_000)) as wire:
        assert len(client_on(wire.url).downloadfundflow(date(2026, 3, 15))) == len(BILL) * 10_000


# --- secrets and certificates -------------------------------------------------------------------------------------


def test_no_failure_shows_the_pay_key_or_a_ticket_S59() -> None:
    leaky = f"<html>key={KEY} <sp_ticket>{SUCCESS['sp_ticket']}</sp_ticket></html>".encode()
    for answer in (saying(http_reply(leaky)), saying(http_reply(leaky, status="500 Oops")), silent):
        with Wire(answer) as wire, pytest.raises(Unanswered) as caught:
            client_on(wire.url, timeouts=QUICK).hbpreorder(params())
        seen = f"{caught.value!r}{caught.value.evidence}{caught.value.__cause__!r}"
        assert KEY not in seen and "U0lNVElDS0VU" not in seen


def test_mutual_tls_end_to_end_S64(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.server_context(authority.issue("server"), wants_client=True)
    reply = http_reply(build(SUCCESS), headers=XML)
    with Wire(saying(reply), tls) as wire:
        client = client_on(wire.url, ca_file=authority.ca_file, cert=authority.issue("merchant"))
        assert client.hbpreorder(params()).is_success
        with pytest.raises(NotSent):
            client_on(wire.url).hbpreorder(params())
