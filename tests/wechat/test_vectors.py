"""Published and own vectors of the protocol reference (Appendix A, §1.7, §6.4)."""

import pytest

from wxbot.wechat import sign
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


def test_a1_published_v2_sign_md5_and_hmac():
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


def test_a2_own_v2_sign_of_a_direct_packet():
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


def test_a2_own_v2_sign_of_hbpreorder():
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


def test_1_7_own_lottery_sign():
    signed = sign.lottery_sign(
        "9sQqUrmdFaY6v9z8TartXX", "378507853820041854759013", "oTESTuser0000000000000000001a", "K" * 32
    )
    assert signed == "3096E10A0EC0BC3C639D7C0D92CE75A9"


@pytest.mark.parametrize("fragment", ["", "#wechat_redirect", "#a#b"])
def test_6_4_published_jssdk_signature_and_the_fragment_is_cut(fragment):
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    url = "http://mp.weixin.qq.com?params=value" + fragment
    signature = sign.jssdk_signature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, url)
    assert signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_a3_own_url_check():
    assert sign.callback_signature("mytoken123", "1700000000", "123456789") == (
        "3279f9b5a8916bdcc2a2f6806c830a0f6b0cdd06"
    )


def test_a4_own_message_crypto_with_spare_bits_in_the_key():
    crypt = MessageCrypt("mytoken123", OWN_KEY, "wx0123456789abcdef")
    assert len(OWN_MESSAGE) == 274
    assert crypt.encrypt(OWN_MESSAGE, prefix=b"0123456789abcdef") == OWN_ENCRYPT
    assert crypt.sign("1700000000", "123456789", OWN_ENCRYPT) == OWN_SIGNATURE
    assert crypt.open(OWN_SIGNATURE, "1700000000", "123456789", OWN_ENCRYPT) == OWN_MESSAGE


def test_a5_published_message_crypto():
    crypt = MessageCrypt("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "wx49f0ab532d5d035a")
    assert len(WECHATPY_MESSAGE) == 247
    assert crypt.encrypt(WECHATPY_MESSAGE, prefix=b"1234567890123456") == WECHATPY_ENCRYPT
    signature = crypt.sign("1411525903", "461056294", WECHATPY_ENCRYPT)
    assert signature == "407518b7649e86ef23978113f92d27afa9296533"
    assert crypt.open(signature, "1411525903", "461056294", WECHATPY_ENCRYPT) == WECHATPY_MESSAGE


def test_signatures_with_strange_characters_are_unequal_not_an_error():
    assert not sign.same("é" * 40, "a" * 40)
    assert not sign.same("", "a")
    assert sign.same("abc", "abc")
