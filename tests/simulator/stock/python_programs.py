"""Stock programs in Python, as somebody would write them: they name WeChat's hosts and know nothing of the simulator."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import werobot.config
import werobot.robot
from wechatpayv3 import WeChatPay as WeChatPayV3
from wechatpayv3 import WeChatPayType
from wechatpy import WeChatClient, WeChatOAuth, WeChatPay, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import TextReply

Told = dict[str, Any]
Cell = Callable[[Told], Any]


# -- wechatpy -----------------------------------------------------------------------------------------------------------


def client(told: Told) -> Any:
    return WeChatClient(told["appid"], told["appsecret"])


def oauth(told: Told, state: str = "a-b_c1") -> Any:
    return WeChatOAuth(told["appid"], told["appsecret"], told["back"], "snsapi_userinfo", state)


def pay(told: Told) -> Any:
    files = told["files"]
    return WeChatPay(
        told["appid"],
        told["pay_key"],
        told["mch_id"],
        mch_cert=files["client_cert"],
        mch_key=files["client_key"],
    )


def picture(told: Told) -> io.BytesIO:
    content = io.BytesIO(base64.b64decode(told["picture"]))
    content.name = "a.png"
    return content


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def wechatpy_menu(told: Told) -> Any:
    mine = client(told)
    mine.menu.create(told["menu"])
    return [button["name"] for button in mine.menu.get()["menu"]["button"]]


def wechatpy_media(told: Told) -> str:
    mine = client(told)
    return encoded(mine.media.download(mine.media.upload("image", picture(told))["media_id"]).content)


def wechatpy_jsapi(told: Told) -> Any:
    api = client(told).jsapi
    signature = api.get_jsapi_signature("n1", api.get_jsapi_ticket(), 1773540000, told["page"])
    return {"appId": told["appid"], "timestamp": 1773540000, "nonceStr": "n1", "signature": signature}


def wechatpy_user(told: Told) -> Any:
    mine = oauth(told)
    mine.fetch_access_token(told["code"])
    return mine.get_user_info()["nickname"]


def wechatpy_refresh(told: Told) -> Any:
    mine = oauth(told)
    return mine.refresh_access_token(mine.fetch_access_token(told["code"])["refresh_token"])["openid"]


def wechatpy_push(told: Told) -> Any:
    push, crypto = told["push"], WeChatCrypto(told["callback_token"], told["aes_key"], told["appid"])
    text = crypto.decrypt_message(push["body"], push["msg_signature"], push["timestamp"], push["nonce"])
    reply = TextReply(content=told["answer"], message=parse_message(text)).render()
    return sealed(text, crypto.encrypt_message(reply, push["nonce"], push["timestamp"]))


def sealed(text: str, answer: str) -> dict[str, str]:
    """What was read, and the four fields of the sealed answer."""
    fields = {"encrypt": "Encrypt", "signature": "MsgSignature", "timestamp": "TimeStamp", "nonce": "Nonce"}
    found = {name: answer.split(f"<{tag}>")[1].split(f"</{tag}>")[0] for name, tag in fields.items()}
    bare = {name: value.removeprefix("<![CDATA[").removesuffix("]]>") for name, value in found.items()}
    return {"message": text, **bare}


WECHATPY: dict[str, Cell] = {
    "token": lambda told: client(told).access_token,
    "callback_ips": lambda told: client(told).misc.get_wechat_ips(),
    "menu": wechatpy_menu,
    "user": lambda told: client(told).user.get(told["openid"])["subscribe"],
    "users": lambda told: [one["subscribe"] for one in client(told).user.get_batch([told["openid"]])],
    "followers": lambda told: list(client(told).user.iter_followers()),
    "message": lambda told: client(told).message.send_text(told["openid"], told["answer"]),
    "media": wechatpy_media,
    "qrcode": lambda told: client(told).qrcode.create(
        {"expire_seconds": 600, "action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "door"}}}
    )["ticket"],
    "jsapi": wechatpy_jsapi,
    "devices": lambda told: client(told).shakearound.apply_device_id(1, "开业", comment="门口")["apply_id"],
    "shake": lambda told: client(told).shakearound.get_shake_info(told["ticket"])["openid"],
    "oauth_link": lambda told: oauth(told).authorize_url,
    "oauth": lambda told: oauth(told).fetch_access_token(told["code"])["openid"],
    "oauth_user": wechatpy_user,
    "oauth_refresh": wechatpy_refresh,
    "push": wechatpy_push,
    "redpack": lambda told: pay(told).redpack.send(
        told["openid"], 100, **told["packet"], client_ip="127.0.0.1", out_trade_no="1900000001202603150000000001"
    )["send_listid"],
    "redpack_query": lambda told: pay(told).redpack.query(told["mch_billno"])["status"],
}


# -- werobot ------------------------------------------------------------------------------------------------------------


def robot(told: Told) -> Any:
    values = {"APP_ID": told["appid"], "APP_SECRET": told["appsecret"], "SESSION_STORAGE": False}
    values |= {"TOKEN": told["callback_token"], "ENCODING_AES_KEY": told["aes_key"]}
    return werobot.robot.BaseRoBot(config=werobot.config.Config(**values))


def werobot_menu(told: Told) -> Any:
    mine = robot(told).client
    mine.create_menu(told["menu"])
    return [button["name"] for button in mine.get_menu()["menu"]["button"]]


def werobot_media(told: Told) -> str:
    mine = robot(told).client
    return encoded(mine.download_media(mine.upload_media("image", picture(told))["media_id"]).content)


def werobot_push(told: Told) -> Any:
    mine, push = robot(told), told["push"]
    mine.add_handler(lambda message: told["answer"])
    assert mine.check_signature(push["timestamp"], push["nonce"], push["signature"])
    message = mine.parse_message(push["body"], push["timestamp"], push["nonce"], push["msg_signature"])
    return sealed(message.content, mine.get_encrypted_reply(message))


WEROBOT: dict[str, Cell] = {
    "token": lambda told: robot(told).client.get_access_token(),
    "callback_ips": lambda told: robot(told).client.get_ip_list()["ip_list"],
    "menu": werobot_menu,
    "user": lambda told: robot(told).client.get_user_info(told["openid"])["subscribe"],
    "users": lambda told: [
        one["subscribe"] for one in robot(told).client.get_users_info([told["openid"]])["user_info_list"]
    ],
    "followers": lambda told: robot(told).client.get_followers()["data"]["openid"],
    "message": lambda told: robot(told).client.send_text_message(told["openid"], told["answer"]),
    "media": werobot_media,
    "qrcode": lambda told: robot(told).client.create_qrcode(
        {"expire_seconds": 600, "action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "door"}}}
    )["ticket"],
    "push": werobot_push,
}


# -- wechatpayv3, by the public key or by platform certificates -----------------------------------------------------------


def merchant(told: Told) -> Any:
    files = {name: read(path) for name, path in told["files"].items() if path.endswith(".pem")}
    by_key = {"public_key": files["pay_public_key"], "public_key_id": told["pay_public_key_id"]}
    return WeChatPayV3(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=told["mch_id"],
        private_key=files["client_key"],
        cert_serial_no=told["serial"],
        apiv3_key=told["api_v3_key"],
        appid=told["appid"],
        notify_url="https://shop.example.test/notify",
        **({} if told["by_certificate"] else by_key),
    )


def read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def content(answer: tuple[int, str]) -> Any:
    """What a call gave; a refusal fails the test with its words."""
    status, text = answer
    assert status == 200, text
    return json.loads(text)


def v3_create(told: Told, **more: Any) -> Any:
    names = ["out_bill_no", "transfer_scene_id", "openid", "transfer_amount", "transfer_remark"]
    names += ["user_recv_perception", "transfer_scene_report_infos"]
    return content(merchant(told).mch_transfer_bills(**{name: told["bill"][name] for name in names}, **more))["state"]


WECHATPAYV3: dict[str, Cell] = {
    "transfer": v3_create,
    "named_transfer": lambda told: v3_create(told, user_name="小红"),
    "transfer_query": lambda told: content(merchant(told).mch_transfer_bills_query(told["number"]))["state"],
    "transfer_cancel": lambda told: content(merchant(told).mch_transfer_bills_cancel(told["number"])),
    "transfer_notice": lambda told: merchant(told).callback(**told["notice"])["resource"]["state"],
}

PROGRAMS: dict[str, dict[str, Cell]] = {
    "wechatpy": WECHATPY,
    "werobot": WEROBOT,
    "wechatpayv3, public key": WECHATPAYV3,
    "wechatpayv3, certificates": WECHATPAYV3,
}
