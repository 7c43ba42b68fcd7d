"""Published and own vectors of the protocol reference (Appendix A, §1.7, §6.4)."""

import hashlib

import pytest

from tests.wechat import platform_v3 as bank
from wxbot.wechat import crypto_v3, http_v3, sign
from wxbot.wechat.crypt import MessageCrypt

OWN_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
OWN_MESSAGE = (
    "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>"
    "<FromUserName><![CDATA[oTESTuser0000000000000000001a]]></FromUserName><CreateTime>1700000000</CreateTime>"
    "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[红包]]></Content><MsgId>7300000000000000001</MsgId></xml>"
).encode()
OWN_ENCRYPT = (
    "Q3stYC6hdFzMh9T8HCvyDNlQSuDDtQm2I6puL+LFAVfrpQFViqeq15p/A3LoSNgzG45/uIBbJLS86DScr1YJR599zVMiZVDlJncY8Lm1SPN74Rj9"
    "qbE1yL8eRTVqxFCRW0q6HJb98igjO0BqWXI9UkzjKLPp7lrhvOwUWxboRIjDeDhx3vWrHfqvsndCutBRKI7O5P54ZtEJvv1CZ8kv8J73daUT+3ZG"
    "8y06PAwKc3/vsEvfH2lgeaOabzZde/cymplslULJH9K1hi5s4sQrHhA2MnzNe1Xtd9CsrqeyLvkgrTf8co2v5omLlNFkopVUdKye5hQOqxn+KRRb"
    "qQHqeSPu0X02fi+mBjx5MCiAAHaK6pM9n8wByXs4gl/Y1oLWy0dmaDnzDpTenfiVbvJMBziOeVVihyZgZQocvwwtD/0="
)
OWN_SIGNATURE = "9c204520f79af443e5f2c3cc7c3e4d41dcec2e2f"

WECHATPY_MESSAGE = b"""<xml>
<MsgType><![CDATA[text]]></MsgType>
<Content><![CDATA[test]]></Content>
<FromUserName><![CDATA[wx49f0ab532d5d035a]]></FromUserName>
<ToUserName><![CDATA[messense]]></ToUserName>
<AgentID>1</AgentID>
<CreateTime>1411525903</CreateTime>
</xml>"""
WECHATPY_ENCRYPT = (
    "9s4gMv99m88kKTh/H8IdkOiMg6bisoy3ypwy9H4hvSPe9nsGaqyw5hhSjdYbcrKk+j3nba4HMOTzHrluLBYqxgNcBqGsL8GqxlhZgURnAtObvesE"
    "l5nZ+uBE8bviY0LWke8Zy9V/QYKxNV2FqllNXcfmstttyIkMKCCmVbCFM2JTF5wY0nFhHZSjPUL2Q1qvSUCUld+/WIXrx0oyKQmpB6o8NRrrNrsD"
    "f03oxI1p9FxUgMnwKKZeOA/uu+2IEvEBtb7muXsVbwbgX05UPPJvFurDXafG0RQyPR+mf1nDnAtQmmNOuiR5MIkdQ39xn1vWwi1O5oazPoQJz0nT"
    "YjxxEE8kv3kFxtAGVRe3ypD3WeK2XeFYFMNMpatF9XiKzHo3"
)


def test_a1_published_v2_sign_md5_and_hmac() -> None:
    params = {
        "appid": "wxd930ea5d5a258f4f",
        "body": "test",
        "device_info": "1000",
        "mch_id": "10000100",
        "nonce_str": "ibuaiVcKdpRxkhJA",
        "sign": "ignored",
        "attach": "",
        "detail": None,
    }
    key = "192006250b4c09247ec02edce69f6a2d"
    assert sign.v2_sign(params, key) == "9A0A8659F005D6984697E2CA0A9CF3B7"
    assert (
        sign.v2_sign(params, key, "HMAC-SHA256") == "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
    )


def test_a2_own_v2_sign_of_a_direct_packet() -> None:
    params = {
        "act_name": "开业抽奖",
        "client_ip": "203.0.113.7",
        "mch_billno": "1900000001202603150000000042",
        "mch_id": "1900000001",
        "nonce_str": "a1b2c3d4e5f60718293a4b5c6d7e8f90",
        "re_openid": "oTESTuser0000000000000000001a",
        "remark": "到店有礼",
        "scene_id": "PRODUCT_2",
        "send_name": "示例小店",
        "total_amount": 100,
        "total_num": 1,
        "wishing": "恭喜发财",
        "wxappid": "wx0123456789abcdef",
    }
    assert sign.v2_sign(params, "0123456789abcdef0123456789abcdef") == "85D675EFC066AB99C639875ABB3030F6"


def test_a2_own_v2_sign_of_hbpreorder() -> None:
    params = {
        "act_name": "开业抽奖",
        "amt_type": "ALL_RAND",
        "auth_appid": "wxbf42bd79c4391863",
        "auth_mchid": "1000052601",
        "hb_type": "NORMAL",
        "mch_billno": "1900000001202603150000000043",
        "mch_id": "1900000001",
        "nonce_str": "b1b2c3d4e5f60718293a4b5c6d7e8f91",
        "remark": "到店有礼",
        "risk_cntl": "NORMAL",
        "send_name": "示例小店",
        "total_amount": "100",
        "total_num": "1",
        "wishing": "恭喜发财",
        "wxappid": "wx0123456789abcdef",
    }
    assert sign.v2_sign(params, "0123456789abcdef0123456789abcdef") == "D7E13F9424D355A4FDAF9B6FB2243130"


def test_1_7_own_lottery_sign() -> None:
    signed = sign.lottery_sign(
        "9sQqUrmdFaY6v9z8TartXX", "378507853820041854759013", "oTESTuser0000000000000000001a", "K" * 32
    )
    assert signed == "3096E10A0EC0BC3C639D7C0D92CE75A9"


@pytest.mark.parametrize("fragment", ["", "#wechat_redirect", "#a#b"])
def test_6_4_published_jssdk_signature_and_the_fragment_is_cut(fragment: str) -> None:
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    url = "http://mp.weixin.qq.com?params=value" + fragment
    signature = sign.jssdk_signature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, url)
    assert signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_a3_own_url_check() -> None:
    assert sign.callback_signature("mytoken123", "1700000000", "123456789") == (
        "3279f9b5a8916bdcc2a2f6806c830a0f6b0cdd06"
    )


def test_a4_own_message_crypto_with_spare_bits_in_the_key() -> None:
    crypt = MessageCrypt("mytoken123", OWN_KEY, "wx0123456789abcdef")
    assert len(OWN_MESSAGE) == 274
    assert crypt.encrypt(OWN_MESSAGE, prefix=b"0123456789abcdef") == OWN_ENCRYPT
    assert crypt.sign("1700000000", "123456789", OWN_ENCRYPT) == OWN_SIGNATURE
    assert crypt.open(OWN_SIGNATURE, "1700000000", "123456789", OWN_ENCRYPT) == OWN_MESSAGE


def test_a5_published_message_crypto() -> None:
    crypt = MessageCrypt("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "wx49f0ab532d5d035a")
    assert len(WECHATPY_MESSAGE) == 247
    assert crypt.encrypt(WECHATPY_MESSAGE, prefix=b"1234567890123456") == WECHATPY_ENCRYPT
    signature = crypt.sign("1411525903", "461056294", WECHATPY_ENCRYPT)
    assert signature == "407518b7649e86ef23978113f92d27afa9296533"
    assert crypt.open(signature, "1411525903", "461056294", WECHATPY_ENCRYPT) == WECHATPY_MESSAGE


A6_PLAIN = (
    '{"mch_id":"1900000001","out_bill_no":"HB20260315000042","transfer_bill_no":"13300000711009999911820260315000000000'
    '01","transfer_amount":100,"state":"SUCCESS","openid":"oTESTuser0000000000000000001a","create_time":"2026-03-15T10:'
    '00:00+08:00","update_time":"2026-03-15T10:00:09+08:00"}'
)
A6_SEALED = (
    "DUcegK3BDoUcIhRKvcPWwAdqzVnh08OCU0ZfTXYsoraHZBhZ2IIRW5jSOYScj7gOWra3ukw01h/pttOTK96dS4NNHs5mmQZ7OAF0Xn0NBc8X7FGM8h"
    "gGjXzmZNXLUtHYWQydyh6L0T8eGTSkNREMzUSUdSEInvlC3CnydnhXp7tVbeji/gVqJXLO4nH89qT9MI7AbIhlXYVaJ1LACvuVh86tjUOTGGTFYdw"
    "Vp4lGHZ4EengsiFZOzsMaCYEBWl3gvX6zrKXX/ZC+LREyIuG6BiQigzoVe9Zgmvl1zihZBDkrSvzMdtiwUcmUgsGW2B10RVkk/zQpsXkI6tfo1ku9"
    "Mwz+RQ1w7PWvee+fBlgg8QtwXAyqbX5CSIiFDpIfUsOzy0xSglWwg0byykA="
)


def test_a6_own_v3_seal() -> None:
    key = crypto_v3.key_bytes("0123456789abcdef0123456789abcdef")
    assert crypto_v3.open_seal(key, "fdasflkja484", "mch_payment", A6_SEALED).decode() == A6_PLAIN
    assert http_v3.read_object(A6_PLAIN.encode())["state"] == "SUCCESS"
    for associated, sealed in (("mch_paymenT", A6_SEALED), ("mch_payment", A6_SEALED.replace("DU", "DV")), ("", "")):
        with pytest.raises(crypto_v3.BadSeal):
            crypto_v3.open_seal(key, "fdasflkja484", associated, sealed)
    with pytest.raises(ValueError):
        crypto_v3.key_bytes("too short")


NUMBER_PATH = "/v3/fund-app/mch-transfer/transfer-bills/out-bill-no/HB20260315000042"
A7_BODY = (
    '{"appid":"wx0123456789abcdef","out_bill_no":"HB20260315000042","transfer_scene_id":"1000",'
    '"openid":"oTESTuser0000000000000000001a","transfer_amount":100,"transfer_remark":"到店有礼"}'
).encode()
A7_NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"


@pytest.mark.parametrize(
    ("text", "size", "digest"),
    [
        (
            crypto_v3.request_text("GET", NUMBER_PATH, 1773540000, A7_NONCE, b""),
            119,
            "aaa21a6e97dd991cd2e7b6e0efdff19b02565709829fcb1ec137d828af0098a0",
        ),
        (
            crypto_v3.request_text("POST", bank.BILLS, 1773540000, A7_NONCE, A7_BODY),
            277,
            "b458d2d245d8fd4f12ed6512f97d37545b6eaff956ec2a2a4d763297a3483f20",
        ),
        (
            crypto_v3.reply_text("1773540009", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS", b'{"id":"EV-1"}'),
            58,
            "28b7dd24199a5a2cf203eb5cd18c76b842762df2d70cdf7c6751ee0b9f476e7b",
        ),
    ],
    ids=["get", "post", "callback"],
)
def test_a7_own_v3_texts_to_sign(text: bytes, size: int, digest: str) -> None:
    assert (len(text), hashlib.sha256(text).hexdigest()) == (size, digest)


def test_a_v3_signature_is_verified_by_its_own_key_only() -> None:
    text = crypto_v3.reply_text("1773540009", "N", b"{}")
    signature = crypto_v3.MerchantKey(bank.private_key("platform"), "1").sign(text)
    ours = crypto_v3.PlatformKey.of_public_key(bank.KEY_ID, bank.public_pem("platform"))
    other = crypto_v3.PlatformKey.of_public_key(bank.KEY_ID, bank.public_pem("stranger"))
    assert signature == bank.signed(text) and ours.has_signed(text, signature)
    assert not other.has_signed(text, signature) and not ours.has_signed(text + b" ", signature)
    assert not ours.has_signed(text, "") and not ours.has_signed(text, "é")


def test_signatures_with_strange_characters_are_unequal_not_an_error() -> None:
    assert not sign.same("é" * 40, "a" * 40)
    assert not sign.same("", "a")
    assert sign.same("abc", "abc")
