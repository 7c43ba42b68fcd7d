"""The calls that stock programs share with wxbot: what each must bring about in the simulated world."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.simulator.story import Shop, png
from tests.simulator.transfer_client import NotifyServer, TransferClient, body_of
from wxbot.simulator import wire
from wxbot.simulator.config import CALLBACK_MODES
from wxbot.simulator.pay_orders import beijing
from wxbot.simulator.server import Simulator

PAGE = "http://shop.example.test/draw?x=1"
BACK = "http://shop.example.test/oauth/cb"
PICTURE = png(8, 8)
MENU = {
    "button": [{"type": "click", "name": "今日活动", "key": "TODAY"}, {"type": "view", "name": "门店", "url": PAGE}]
}
PACKET = {"send_name": "示例小店", "act_name": "开业抽奖", "wishing": "恭喜发财", "remark": "到店有礼"}
PUSHED = "红包"
ANSWER = "欢迎参加"


@dataclass
class Scene:
    """The world of one call, and what a program is told of it: `told` holds nothing but JSON."""

    simulator: Simulator
    web: requests.Session
    token: str
    by_certificate: bool = False
    """Is the merchant one of the platform certificate, not of the public key?"""
    told: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        world = self.simulator.world
        with world.lock:
            self.person = world.people.make("小红")
            world.people.follow(self.person)
        account, files = world.account, self.simulator.certificates
        client = TransferClient(self.simulator)
        names = (
            "appid",
            "appsecret",
            "mch_id",
            "pay_key",
            "api_v3_key",
            "pay_public_key_id",
            "callback_token",
            "aes_key",
        )
        self.told |= {name: getattr(account, name) for name in names}
        self.told |= {"files": {name: str(path) for name, path in vars(files).items()}}
        self.told |= {"openid": self.person.openid, "page": PAGE, "back": BACK, "menu": MENU, "packet": PACKET}
        self.told |= {
            "by_certificate": self.by_certificate,
            "serial": client.serial,
            "platform_serial": client.platform_serial,
            "answer": ANSWER,
        }
        self.told |= {"picture": base64.b64encode(PICTURE).decode(), "bill": body_of(self.person.openid)}
        self.client = client


Prepare = Callable[[Scene], None]
Check = Callable[[Scene, Any], bool]


@dataclass(frozen=True)
class Call:
    """One call: what it is, what stands in the world before it, and whether what came back (and happened) is right."""

    words: str
    check: Check
    prepare: Prepare = lambda scene: None


def code(scene: Scene) -> None:
    """A code of somebody who agreed to be known."""
    with scene.simulator.world.lock:
        scene.told["code"] = scene.simulator.world.grants.issue_code(scene.person, "snsapi_userinfo")


def shaken(scene: Scene) -> None:
    """Somebody shook at a beacon with a page."""
    shop = Shop(scene.simulator, scene.web, scene.token)
    device_id, _ = shop.hang_beacon()
    card = shop.shake(scene.person.shown(), device_id)
    scene.told["ticket"] = card["url"].split("ticket=")[1].split("&")[0]


def packet_sent(scene: Scene) -> None:
    """A packet is on its way to the person."""
    world = scene.simulator.world
    params = {
        **PACKET,
        "mch_billno": "1900000001202603150000000777",
        "re_openid": scene.person.openid,
        "total_amount": "100",
    }
    params |= {"total_num": "1", "mch_id": "1900000001", "wxappid": "wx0123456789abcdef", "client_ip": "127.0.0.1"}
    with world.lock:
        world.cash.send(params, world.clock.now())
    scene.told["mch_billno"] = params["mch_billno"]


def packet_of_yesterday(scene: Scene) -> None:
    """Yesterday's bill holds a packet."""
    packet_sent(scene)
    world = scene.simulator.world
    scene.told["bill_date"] = beijing(world.clock.now(), "%Y%m%d")
    with world.lock:
        world.clock.advance(86_400)


def bill_made(scene: Scene) -> None:
    """A transfer waits for its person."""
    scene.client.create(scene.told["bill"])
    scene.told["number"] = scene.told["bill"]["out_bill_no"]


def is_jsapi(scene: Scene, found: Any) -> bool:
    """May this config run on this page?"""
    args = {f"verify{name}": str(found[key]) for name, key in SIGNED}
    reply = scene.web.post("/_sim/bridge/preVerifyJSAPI", json={"args": args, "url": PAGE}).json()
    return bool(reply["err_msg"] == "preVerifyJSAPI:ok")


SIGNED = (("AppId", "appId"), ("Timestamp", "timestamp"), ("NonceStr", "nonceStr"), ("Signature", "signature"))


def is_link(scene: Scene, found: str) -> bool:
    """Does the link open on the person's phone and lead back with a code?"""
    path = found.removeprefix("https://open.weixin.qq.com").removesuffix("#wechat_redirect")
    scene.web.cookies.set("sim_person", str(scene.person.id))
    reply = scene.web.get(path, allow_redirects=False)
    scene.web.cookies.clear()
    return reply.status_code == 302 and "code=" in urlsplit(reply.headers["Location"]).query


def is_sealed_answer(scene: Scene, found: Any) -> bool:
    """What was read of the push, and an answer that WeChat can open."""
    account = scene.simulator.world.account
    text = wire.unseal(found["encrypt"], account.aes_key, account.appid)
    words = (account.callback_token, found["timestamp"], found["nonce"], found["encrypt"])
    return PUSHED in found["message"] and ANSWER in text and wire.sha1_of(*words) == found["signature"]


def sealed_push(scene: Scene) -> None:
    """A message as WeChat posts it in encrypted mode, without the network."""
    account = scene.simulator.world.account
    head = {"ToUserName": account.original_id, "FromUserName": scene.person.openid, "CreateTime": 1773540000}
    text = wire.build_xml({**head, "MsgType": "text", "Content": PUSHED, "MsgId": 7300000000000000001})
    sealed = wire.seal(text, account.aes_key, account.appid)
    push = {"timestamp": "1773540000", "nonce": "1372623149", "encrypt": sealed}
    push["msg_signature"] = wire.sha1_of(
        account.callback_token, *(push[name] for name in ("timestamp", "nonce", "encrypt"))
    )
    push["signature"] = wire.sha1_of(account.callback_token, push["timestamp"], push["nonce"])
    push["body"] = wire.build_xml({"ToUserName": account.original_id, "Encrypt": sealed})
    scene.told["push"] = push


def chat_holds(scene: Scene, text: str) -> bool:
    lines = scene.web.get(f"/_sim/people/{scene.person.id}/chat").json()["messages"]
    return any(line["from"] == "account" and line.get("content") == text for line in lines)


def wrote(scene: Scene) -> None:
    """The person wrote a moment ago: customer messages are allowed."""
    scene.web.post(f"/_sim/people/{scene.person.id}/messages", json={"type": "text", "content": "在吗"})
    scene.web.post("/_sim/pushes/settle", json={})


def orders(scene: Scene) -> list[Any]:
    return list(scene.simulator.world.bank.orders.values())


def state_of(scene: Scene) -> str:
    return str(scene.client.query(scene.told["bill"]["out_bill_no"])["state"])


def bill_finished(scene: Scene) -> None:
    """A person has received a transfer, and WeChat's callback of it arrived."""
    notify = NotifyServer()
    serial = scene.client.platform_serial if scene.by_certificate else scene.client.account.pay_public_key_id
    made = scene.client.create(scene.told["bill"] | {"notify_url": notify.url}, Wechatpay_Serial=serial).json()
    scene.web.post(f"/_sim/people/{scene.person.id}/transfers/{made['transfer_bill_no']}/confirm", json={})
    scene.web.post("/_sim/pushes/settle", json={})
    notify.close()
    headers, body = notify.came[0]
    scene.told["notice"] = {"headers": headers, "body": body.decode()}


CALLS: dict[str, Call] = {
    "token": Call("access_token", lambda scene, found: scene.simulator.world.accounts.check_token(found) == 0),
    "callback_ips": Call("callback IPs", lambda scene, found: bool(found)),
    "clear_quota": Call("clear_quota", lambda scene, found: found == 0),
    "menu": Call("menu create, get", lambda scene, found: found == ["今日活动", "门店"]),
    "user": Call("user/info", lambda scene, found: found == 1),
    "users": Call("user/info/batchget", lambda scene, found: found == [1]),
    "followers": Call("user/get", lambda scene, found: scene.person.openid in found),
    "message": Call("customer message", lambda scene, found: chat_holds(scene, ANSWER), wrote),
    "media": Call("media upload, get", lambda scene, found: base64.b64decode(found) == PICTURE),
    "qrcode": Call("QR code", lambda scene, found: found in scene.simulator.world.qrcodes.by_ticket),
    "jsapi": Call("JS-SDK config", is_jsapi),
    "devices": Call("apply for beacons", lambda scene, found: found > 0),
    "shake": Call("getshakeinfo", lambda scene, found: found == scene.person.openid, shaken),
    "oauth_link": Call("authorize link", is_link),
    "oauth": Call("code for openid", lambda scene, found: found == scene.person.openid, code),
    "oauth_user": Call("sns/userinfo", lambda scene, found: found == scene.person.nickname, code),
    "oauth_refresh": Call("refresh_token", lambda scene, found: found == scene.person.openid, code),
    "push": Call("encrypted push, sealed reply", is_sealed_answer, sealed_push),
    "robot": Call(
        "a live server: URL check, messages in every mode", lambda scene, found: found == list(CALLBACK_MODES)
    ),
    "redpack": Call("sendredpack", lambda scene, found: found == orders(scene)[0].detail_id),
    "redpack_query": Call("gethbinfo", lambda scene, found: found == "SENT", packet_sent),
    "fundflow": Call("fund bill", lambda scene, found: "1900000001202603150000000777" in found, packet_of_yesterday),
    "certificates": Call("v3 certificates", lambda scene, found: found == scene.told["platform_serial"]),
    "transfer": Call("v3 transfer", lambda scene, found: found == state_of(scene) == "WAIT_USER_CONFIRM"),
    "named_transfer": Call("v3 transfer with a sealed name", lambda scene, found: found == state_of(scene)),
    "transfer_query": Call("v3 query", lambda scene, found: found == "WAIT_USER_CONFIRM", bill_made),
    "transfer_cancel": Call("v3 cancel", lambda scene, found: state_of(scene) == "CANCELLED", bill_made),
    "transfer_notice": Call("v3 callback", lambda scene, found: found == "SUCCESS", bill_finished),
    "js_config": Call("wx.config", lambda scene, found: found == "ready"),
    "js_check": Call("checkJsApi", lambda scene, found: found == {"requestMerchantTransfer": True, "nothing": False}),
    "js_network": Call("getNetworkType", lambda scene, found: found == "wifi"),
    "js_share": Call("updateAppMessageShareData", lambda scene, found: found == "updateAppMessageShareData:ok"),
    "js_denied": Call("a call that was not listed", lambda scene, found: found == "scanQRCode:permission denied"),
    "js_transfer": Call("requestMerchantTransfer", lambda scene, found: found == state_of(scene) == "SUCCESS"),
    "js_frame": Call("the same in the simulator's phone", lambda scene, found: found == state_of(scene) == "SUCCESS"),
    "js_menu": Call("cards of its share menu, new and old call", lambda scene, found: found == ["有礼", "老办法"]),
    "balance": Call("v3 balance", lambda scene, found: found == scene.simulator.world.bank.balance_fen),
}
