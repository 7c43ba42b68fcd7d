"""The platform's own wire against the published vectors (wechat-protocol appendix A) and against garbage."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import many
from wxbot.simulator import wire

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APPID = "wx0123456789abcdef"
MESSAGE = (
    "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>"
    "<FromUserName><![CDATA[oTESTuser0000000000000000001a]]></FromUserName><CreateTime>1700000000</CreateTime>"
    "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[红包]]></Content><MsgId>7300000000000000001</MsgId></xml>"
)
ENCRYPTED = (
    "Q3stYC6hdFzMh9T8HCvyDNlQSuDDtQm2I6puL+LFAVfrpQFViqeq15p/A3LoSNgzG45/uIBbJLS86DScr1YJR599zVMiZVDlJncY8Lm1SPN74Rj9"
    "qbE1yL8eRTVqxFCRW0q6HJb98igjO0BqWXI9UkzjKLPp7lrhvOwUWxboRIjDeDhx3vWrHfqvsndCutBRKI7O5P54ZtEJvv1CZ8kv8J73daUT+3ZG"
    "8y06PAwKc3/vsEvfH2lgeaOabzZde/cymplslULJH9K1hi5s4sQrHhA2MnzNe1Xtd9CsrqeyLvkgrTf8co2v5omLlNFkopVUdKye5hQOqxn+KRRb"
    "qQHqeSPu0X02fi+mBjx5MCiAAHaK6pM9n8wByXs4gl/Y1oLWy0dmaDnzDpTenfiVbvJMBziOeVVihyZgZQocvwwtD/0="
)


def test_published_v2_signature() -> None:
    params = {
        "appid": "wxd930ea5d5a258f4f",
        "mch_id": "10000100",
        "device_info": "1000",
        "body": "test",
        "nonce_str": "ibuaiVcKdpRxkhJA",
        "sign": "is left out",
        "attach": "",
    }
    assert wire.v2_sign(params, "192006250b4c09247ec02edce69f6a2d") == "9A0A8659F005D6984697E2CA0A9CF3B7"


def test_lottery_signature() -> None:
    params = {
        "lottery_id": "9sQqUrmdFaY6v9z8TartXX",
        "noncestr": "378507853820041854759013",
        "openid": "oTESTuser0000000000000000001a",
    }
    assert wire.v2_sign(params, "K" * 32) == "3096E10A0EC0BC3C639D7C0D92CE75A9"


def test_published_jsapi_signature() -> None:
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    url = "http://mp.weixin.qq.com?params=value#rest"
    assert wire.jsapi_sign(ticket, "Wm3WZYTPz0wzccnW", 1414587457, url) == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_callback_signature() -> None:
    assert wire.sha1_of("mytoken123", "1700000000", "123456789") == "3279f9b5a8916bdcc2a2f6806c830a0f6b0cdd06"


def test_message_is_sealed_as_in_the_vector() -> None:
    assert wire.seal(MESSAGE, AES_KEY, APPID, prefix=b"0123456789abcdef") == ENCRYPTED
    sign = wire.sha1_of("mytoken123", "1700000000", "123456789", ENCRYPTED)
    assert sign == "9c204520f79af443e5f2c3cc7c3e4d41dcec2e2f"


def test_message_is_opened_as_in_the_vector() -> None:
    assert wire.unseal(ENCRYPTED, AES_KEY, APPID) == MESSAGE
    with pytest.raises(wire.WireError) as refused:
        wire.unseal(ENCRYPTED, AES_KEY, "wxffffffffffffffff")
    assert refused.value.code == -40005


@many()
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300))
def test_sealed_is_opened_again(text: str) -> None:
    assert wire.unseal(wire.seal(text, AES_KEY, APPID), AES_KEY, APPID) == text


@many()
@given(st.binary(max_size=200))
def test_garbage_is_refused_cleanly(garbage: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unseal(base64.b64encode(garbage).decode(), AES_KEY, APPID)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=80))
def test_every_text_survives_xml(text: str) -> None:
    text = wire.FORBIDDEN.sub("", text)
    read = wire.read_xml(wire.build_xml({"Content": text + "]]>", "N": 5}).encode())
    assert read == {"Content": text + "]]>", "N": "5"}


def test_lists_are_repeated_and_read_back() -> None:
    fields = {"AroundBeacons": {"AroundBeacon": [{"Major": 1}, {"Major": 2}]}, "Empty": None}
    text = wire.build_xml(fields)
    assert text.count("<AroundBeacon>") == 2
    assert wire.read_xml(text.encode())["AroundBeacons"]["AroundBeacon"][1] == {"Major": "2"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<xml>",
        b"<other/>",
        b"<xml a='1'/>",
        b"<html><body>500</body></html>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><xml><a>&a;</a></xml>',
        b'<!DOCTYPE x SYSTEM "http://x.example.test/"><xml/>',
        b"<?php echo 1 ?><xml/>",
        b"<xml>text<a>1</a></xml>",
        b"<xml>" + b"<a>" * 50 + b"</a>" * 50 + b"</xml>",
        b"<xml><a>\xff</a></xml>",
    ],
)
def test_what_is_not_plain_xml_is_refused_S11(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.read_xml(body)
