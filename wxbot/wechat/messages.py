"""The callback's two ends: open what WeChat posts, seal what wxbot answers (wechat-protocol §5.1-5.7).

Written here instead of taken from wechatpy because this is the hot path and the guard: wechatpy leaves the signature
check to the caller, raises foreign exceptions on garbage, does not know ShakearoundLotteryBind, and fails on a
ShakearoundUserShake with exactly one beacon around.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal, TypeVar

from wxbot.wechat import limits, sign, xml
from wxbot.wechat.crypt import MessageCrypt
from wxbot.wechat.errors import BadMessage, UnreadableMessage
from wxbot.wechat.message_fields import EVENTS, MESSAGES, read
from wxbot.wechat.message_kinds import (
    AgentSession,
    AuthorizationChange,
    Beacon,
    Envelope,
    ImageMessage,
    LinkMessage,
    LocationMessage,
    LocationReport,
    LotteryBind,
    MassSent,
    MenuClick,
    MenuLocation,
    MenuPictures,
    MenuScan,
    MenuView,
    Message,
    NoticeAnswer,
    NoticeEvent,
    Scan,
    Subscribe,
    TemplateSent,
    TextMessage,
    UnknownMessage,
    Unsubscribe,
    UserShake,
    Verification,
    VideoMessage,
    VoiceMessage,
)
from wxbot.wechat.replies import (
    Article,
    ImageReply,
    MusicReply,
    NewsReply,
    Reply,
    TextReply,
    TransferReply,
    VideoReply,
    VoiceReply,
    render,
)

__all__ = [
    "EVENTS",
    "MESSAGES",
    "SUCCESS",
    "AgentSession",
    "Article",
    "AuthorizationChange",
    "BadMessage",
    "Beacon",
    "CallbackAccount",
    "Envelope",
    "ImageMessage",
    "ImageReply",
    "LinkMessage",
    "LocationMessage",
    "LocationReport",
    "LotteryBind",
    "MassSent",
    "MenuClick",
    "MenuLocation",
    "MenuPictures",
    "MenuScan",
    "MenuView",
    "Message",
    "Mode",
    "MusicReply",
    "NewsReply",
    "NoticeAnswer",
    "NoticeEvent",
    "Reply",
    "Scan",
    "Subscribe",
    "TemplateSent",
    "TextMessage",
    "TextReply",
    "TransferReply",
    "UnknownMessage",
    "UnreadableMessage",
    "Unsubscribe",
    "UserShake",
    "Verification",
    "VideoMessage",
    "VideoReply",
    "VoiceMessage",
    "VoiceReply",
    "open_callback",
    "seal",
    "verify_url",
]

T = TypeVar("T")

Mode = Literal["plain", "compatible", "encrypted"]

SUCCESS = b"success"
"""The answer that ends a push without a reply (wechat-protocol §5.4)."""

_SHA1 = re.compile(r"[0-9a-f]{40}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_NONCE = re.compile(r"[0-9A-Za-z_\-]{1,64}")
_ENCRYPT = re.compile(rb"<Encrypt>(?:<!\[CDATA\[)?([A-Za-z0-9+/=]+)(?:\]\]>)?</Encrypt>")
_ECHOSTR = re.compile(rf"[\x21-\x7e]{{1,{limits.ECHOSTR_CHARS}}}")


@dataclass(frozen=True)
class CallbackAccount:
    """Whose messages the callback accepts, and how they are protected.

    original_id: the account's `gh_…` id, which every push must name (security.md S09).
    mode: `plain` trusts the body (nothing signs it), `compatible` and `encrypted` use only the encrypted part.
    former: the same account under earlier keys, asked only when these do not fit (`with_former` makes them).
    """

    original_id: str
    appid: str
    callback_token: str = field(repr=False)
    aes_key: str = field(default="", repr=False)
    mode: Mode = "plain"
    former: tuple[CallbackAccount, ...] = field(default=(), repr=False)
    crypt: MessageCrypt | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if not self.original_id or not self.callback_token:
            raise ValueError("a callback account needs its original id (gh_…) and its callback token")
        if self.mode not in ("plain", "compatible", "encrypted"):
            raise ValueError("mode is plain, compatible or encrypted")
        if self.mode != "plain":
            object.__setattr__(self, "crypt", MessageCrypt(self.callback_token, self.aes_key, self.appid))

    def with_former(self, callback_token: str, aes_key: str) -> CallbackAccount:
        """The same account while WeChat may still use an earlier token or AES key; empty means that it was not changed.

        A message is accepted under each pair: WeChat's servers do not all learn of a change in the same moment.
        """
        pairs = product(dict.fromkeys((self.callback_token, callback_token)), dict.fromkeys((self.aes_key, aes_key)))
        known = [pair for pair in pairs if all(pair) or (pair[0] and self.mode == "plain")]
        mine = (self.callback_token, self.aes_key)
        former = (replace(self, callback_token=token, aes_key=key) for token, key in known if (token, key) != mine)
        return replace(self, former=tuple(former))


def _signed_query(query: Mapping[str, str], account: CallbackAccount, now_s: float | None) -> tuple[str, str]:
    """(timestamp, nonce) of a query whose 3-part signature is right and fresh; absent is invalid (security.md S05)."""
    signature, timestamp, nonce = query.get("signature"), query.get("timestamp"), query.get("nonce")
    if not signature or not timestamp or not nonce:
        raise BadMessage("a signature parameter is missing")
    if not (_SHA1.fullmatch(signature) and _TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce)):
        raise BadMessage("a signature parameter is malformed")
    if not sign.same(sign.callback_signature(account.callback_token, timestamp, nonce), signature):
        raise BadMessage("signature")
    if now_s is not None and abs(now_s - int(timestamp)) > limits.CALLBACK_WINDOW_S:
        raise BadMessage("timestamp outside the window")
    return timestamp, nonce


def verify_url(query: Mapping[str, str], account: CallbackAccount, now_s: float | None = None) -> str:
    """The echostr to send back as text/plain when WeChat checks the URL; BadMessage otherwise.

    The check is the plain one in every mode (wechat-protocol §5.1). With `now_s` the ±300 s window holds too.
    """
    _under_any(account, lambda one: _signed_query(query, one, now_s))
    echostr = query.get("echostr") or ""
    if not _ECHOSTR.fullmatch(echostr):
        raise BadMessage("echostr")
    return echostr


def open_callback(query: Mapping[str, str], body: bytes, account: CallbackAccount, now_s: float) -> Message:
    """The message WeChat posted. BadMessage: forged, stale, for another account, or what WeChat never sends.

    UnreadableMessage: WeChat signed it, and it cannot be read for certain; nothing of it is believed.
    The body is not looked at before the query's signature is right (security.md S01). In compatible and encrypted mode
    only the decrypted part counts, whatever stands beside it, and a plain body is refused (S18).
    """
    return _under_any(account, lambda one: _opened(query, body, one, now_s))


def _under_any(account: CallbackAccount, check: Callable[[CallbackAccount], T]) -> T:
    """Check under the account's keys, then under former ones; what fails under all fails as it did under the first."""
    try:
        return check(account)
    except BadMessage:
        for former in account.former:
            with suppress(BadMessage):
                return check(former)
        raise


def _opened(query: Mapping[str, str], body: bytes, account: CallbackAccount, now_s: float) -> Message:
    timestamp, nonce = _signed_query(query, account, now_s)
    if len(body) > limits.CALLBACK_BODY_BYTES:
        raise BadMessage("body too big")
    sealed_in = account.crypt
    document = body if sealed_in is None else _decrypted(query, body, account, sealed_in, timestamp, nonce)
    try:
        fields = xml.parse_message(document)
    except xml.ForbiddenXml as error:
        raise BadMessage("xml") from error
    except xml.BadXml as error:
        raise UnreadableMessage(str(error)) from error
    if fields.get("ToUserName") != account.original_id:
        if xml.text_of(fields, "ToUserName"):
            raise BadMessage("ToUserName of another account")
        raise UnreadableMessage("ToUserName")
    digest = hashlib.sha256(body).hexdigest()
    return read(fields, Envelope(timestamp, nonce, sealed_in is not None, digest, sealed_in))


def _decrypted(
    query: Mapping[str, str],
    body: bytes,
    account: CallbackAccount,
    crypt: MessageCrypt,
    timestamp: str,
    nonce: str,
) -> bytes:
    msg_signature = query.get("msg_signature")
    encrypted = _encrypted(body, account)
    if query.get("encrypt_type") != "aes" or not encrypted:
        raise BadMessage("plain message to an encrypted account")
    if not msg_signature or not _SHA1.fullmatch(msg_signature):
        raise BadMessage("msg_signature is missing")
    for candidate in encrypted[:-1]:
        with suppress(BadMessage):
            return crypt.open(msg_signature, timestamp, nonce, candidate)
    return crypt.open(msg_signature, timestamp, nonce, encrypted[-1])


def _encrypted(body: bytes, account: CallbackAccount) -> list[str]:
    """What stands in `Encrypt`. Its own signature says whether it is WeChat's, so it is found in any body.

    In compatible mode the person's text stands beside it, raw, and may make the body unreadable or look like an `Encrypt`
    itself: then there are several to try.
    """
    try:
        fields = xml.parse(body)
    except xml.ForbiddenXml as error:
        raise BadMessage("xml") from error
    except xml.BadXml:
        return [found.decode() for found in _ENCRYPT.findall(body)]
    if xml.text_of(fields, "ToUserName", account.original_id) != account.original_id:
        raise BadMessage("ToUserName of another account")
    encrypted = xml.text_of(fields, "Encrypt")
    return [encrypted] if encrypted else []


def seal(reply: Reply | None, message: Message, account: CallbackAccount, now_s: float) -> bytes:
    """The body to answer with: the reply's XML, encrypted when the message was, or the bare word `success`."""
    if reply is None or message.event == "unsubscribe":
        return SUCCESS
    now = int(now_s)
    document = render(
        reply,
        openid=message.openid,
        account_id=message.account_id,
        answered_type=message.msg_type,
        now_s=now,
    )
    if document is None:
        return SUCCESS
    crypt = message.envelope.crypt or account.crypt
    if crypt is None or not message.envelope.is_encrypted:
        return document
    encrypted = crypt.encrypt(document)
    timestamp, nonce = str(now), secrets.token_hex(5)
    signature = crypt.sign(timestamp, nonce, encrypted)
    # Base64, hex, digits and letters of our own making: nothing here can close its CDATA, so it is not parsed again.
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
    ).encode()
