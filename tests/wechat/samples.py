"""Every incoming message and event of the protocol reference (§8.1-8.3), built rather than copied, and an account."""

from __future__ import annotations

from typing import Any

from wxbot.wechat import sign
from wxbot.wechat.messages import CallbackAccount

GH = "gh_0123456789ab"
OPENID = "oTESTuser0000000000000000001a"
APPID = "wx0123456789abcdef"
TOKEN = "mytoken123mytoken123"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
NOW = 1773540002
UUID = "FDA50693-A4E2-4FB1-AFCF-C6EB07647825"

plain = CallbackAccount(GH, APPID, TOKEN)
encrypted = CallbackAccount(GH, APPID, TOKEN, AES_KEY, "encrypted")
compatible = CallbackAccount(GH, APPID, TOKEN, AES_KEY, "compatible")


def c(text: str) -> str:
    return f"<![CDATA[{text}]]>"


def document(inner: str, *, to: str = GH, sender: str = OPENID, created: int = 1773540001) -> bytes:
    return (
        f"<xml><ToUserName>{c(to)}</ToUserName><FromUserName>{c(sender)}</FromUserName>"
        f"<CreateTime>{created}</CreateTime>{inner}</xml>"
    ).encode()


def message(msg_type: str, inner: str = "", msg_id: str = "24500000000000001") -> bytes:
    return document(f"<MsgType>{c(msg_type)}</MsgType>{inner}<MsgId>{msg_id}</MsgId>")


def event(name: str, inner: str = "", **options: Any) -> bytes:
    return document(f"<MsgType>{c('event')}</MsgType><Event>{c(name)}</Event>{inner}", **options)


def bind(lottery_id: str = "9sQqUrmdFaY6v9z8TartXX", ticket: str = "v1|AAA=", money: str = "100") -> bytes:
    return event(
        "ShakearoundLotteryBind",
        f"<LotteryId>{c(lottery_id)}</LotteryId><Ticket>{c(ticket)}</Ticket><Money>{money}</Money>"
        "<BindTime>1773540210</BindTime>",
    )


def beacon(tag: str, minor: int, distance: str = "12.416") -> str:
    return f"<{tag}><Uuid>{c(UUID)}</Uuid><Major>10001</Major><Minor>{minor}</Minor><Distance>{distance}</Distance></{tag}>"


def shake(around: int) -> bytes:
    rows = "".join(beacon("AroundBeacon", 19008 + n) for n in range(around))
    return event(
        "ShakearoundUserShake", beacon("ChosenBeacon", 19007, "0.057") + f"<AroundBeacons>{rows}</AroundBeacons>"
    )


def query(timestamp: int = NOW, nonce: str = "482910337", token: str = TOKEN, **more: str) -> dict[str, str]:
    signature = sign.callback_signature(token, str(timestamp), nonce)
    return {"signature": signature, "timestamp": str(timestamp), "nonce": nonce, "openid": OPENID, **more}


def sealed(
    body: bytes,
    account: CallbackAccount = encrypted,
    *,
    beside: str = "",
    to: str = GH,
    timestamp: int = NOW,
    nonce: str = "482910337",
) -> tuple[dict[str, str], bytes]:
    """(query, body) of an encrypted push."""
    assert account.crypt is not None
    ciphertext = account.crypt.encrypt(body)
    outer = f"<xml><ToUserName>{c(to)}</ToUserName>{beside}<Encrypt>{c(ciphertext)}</Encrypt></xml>".encode()
    signed = account.crypt.sign(str(timestamp), nonce, ciphertext)
    return query(timestamp, nonce, encrypt_type="aes", msg_signature=signed), outer
