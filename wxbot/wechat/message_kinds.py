"""What WeChat may post to the callback: one frozen type per kind of message and event (wechat-protocol §5.5, §5.6, §8).

The neighbour message_fields.py makes them from parsed XML.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wxbot.wechat.crypt import MessageCrypt

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a message arrived: what a once-only check and the reply need."""

    timestamp: str
    nonce: str
    is_encrypted: bool
    body_digest: str
    """SHA-256 of the body as posted: the same nonce with another body is a forgery (security.md S02)."""
    crypt: MessageCrypt | None = field(default=None, repr=False, compare=False)
    """The keys that opened it, with which its reply is sealed: while keys are changed there are two."""


@dataclass(frozen=True, slots=True)
class Message:
    """What every push carries. `kind` is the MsgType, or the event's name in WeChat's spelling."""

    kind: str
    msg_type: str
    event: str
    openid: str
    account_id: str
    created_at: datetime
    msg_id: str
    fields: Fields
    envelope: Envelope

    @property
    def is_event(self) -> bool:
        """True for an event, false for something a person wrote."""
        return self.msg_type == "event"

    @property
    def route(self) -> tuple[str, str]:
        """(MsgType, Event), the key of the callback's table; Event is "" for messages."""
        return self.msg_type, self.event

    @property
    def dedupe_key(self) -> str:
        """The same for every delivery of one message, different for any two messages (money.md F36).

        Messages have WeChat's MsgId. Events have none, and the documented pair FromUserName + CreateTime merges two
        events of one second, so the key covers everything the event says.
        """
        if self.msg_id:
            return f"msg:{self.msg_id}"
        return "event:" + _digest(self.event, self.openid, str(int(self.created_at.timestamp())), _flat(self.fields))


@dataclass(frozen=True, slots=True)
class UnknownMessage(Message):
    """A message or event without a type of its own; `fault` says why a known kind could not be read, if it is one."""

    fault: str = ""


@dataclass(frozen=True, slots=True)
class TextMessage(Message):
    content: str
    menu_message_id: str
    """Set when the text is a tap in a menu message (`bizmsgmenuid`)."""


@dataclass(frozen=True, slots=True)
class ImageMessage(Message):
    pic_url: str
    media_id: str


@dataclass(frozen=True, slots=True)
class VoiceMessage(Message):
    media_id: str
    format: str
    recognition: str


@dataclass(frozen=True, slots=True)
class VideoMessage(Message):
    """`video` or `shortvideo`, see `kind`."""

    media_id: str
    thumb_media_id: str


@dataclass(frozen=True, slots=True)
class LocationMessage(Message):
    latitude: float
    longitude: float
    scale: str
    label: str


@dataclass(frozen=True, slots=True)
class LinkMessage(Message):
    title: str
    description: str
    url: str


@dataclass(frozen=True, slots=True)
class Subscribe(Message):
    scene: str
    """Scene of the QR code without `qrscene_`, empty when the person came another way."""
    qr_ticket: str


@dataclass(frozen=True, slots=True)
class Unsubscribe(Message):
    pass


@dataclass(frozen=True, slots=True)
class Scan(Message):
    scene: str
    qr_ticket: str


@dataclass(frozen=True, slots=True)
class LocationReport(Message):
    latitude: float
    longitude: float
    precision_m: float


@dataclass(frozen=True, slots=True)
class MenuClick(Message):
    key: str


@dataclass(frozen=True, slots=True)
class MenuView(Message):
    """`VIEW` (a URL) or `view_miniprogram` (a path), see `kind`."""

    target: str
    menu_id: str


@dataclass(frozen=True, slots=True)
class MenuScan(Message):
    """`scancode_push` or `scancode_waitmsg`; the second expects a reply."""

    key: str
    scan_type: str
    scan_result: str


@dataclass(frozen=True, slots=True)
class MenuPictures(Message):
    key: str
    count: int
    md5s: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MenuLocation(Message):
    key: str
    latitude: float
    longitude: float
    scale: str
    label: str
    place: str


@dataclass(frozen=True, slots=True)
class TemplateSent(Message):
    template_msg_id: str
    status: str


@dataclass(frozen=True, slots=True)
class MassSent(Message):
    mass_msg_id: str
    status: str
    total: int
    filtered: int
    sent: int
    failed: int


@dataclass(frozen=True, slots=True)
class NoticeAnswer:
    """One template of a subscription-notice event; fields an event does not carry are empty."""

    template_id: str
    answer: str
    scene: str
    notice_msg_id: str
    error_code: str
    error_status: str


@dataclass(frozen=True, slots=True)
class NoticeEvent(Message):
    """`subscribe_msg_popup_event`, `…_change_event` or `…_sent_event`, see `kind`."""

    answers: tuple[NoticeAnswer, ...]


@dataclass(frozen=True, slots=True)
class AuthorizationChange(Message):
    """`user_info_modified`, `user_authorization_revoke` or `…_cancellation`. The person is `subject_openid`, not `openid`.

    The last two oblige the account to delete the person's data.
    """

    subject_openid: str
    subject_appid: str
    revoked: str


@dataclass(frozen=True, slots=True)
class Verification(Message):
    """The account's verification life cycle, see `kind`."""

    expires_at: datetime | None
    failed_at: datetime | None
    fail_reason: str


@dataclass(frozen=True, slots=True)
class Beacon:
    """A beacon near the person; the distance is in metres."""

    uuid: str
    major: int
    minor: int
    distance_m: float


@dataclass(frozen=True, slots=True)
class UserShake(Message):
    chosen: Beacon | None
    around: tuple[Beacon, ...]


@dataclass(frozen=True, slots=True)
class LotteryBind(Message):
    """A ticket was tied to the person. Not yet received: the packet may stay unopened (wechat-protocol §1.8)."""

    lottery_id: str
    sp_ticket: str
    amount_fen: int
    bound_at: datetime


@dataclass(frozen=True, slots=True)
class AgentSession(Message):
    """`kf_create_session`, `kf_close_session` or `kf_switch_session`, see `kind`."""

    kf_account: str
    from_kf_account: str
    to_kf_account: str


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x00".join(parts).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name!r}:{_flat(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_flat, value)) + "]"
    return repr(value)
