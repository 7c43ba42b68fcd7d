"""From parsed XML to a typed message: which fields each kind carries (wechat-protocol §5.5, §5.6, §8).

A kind that is not in the tables, or a known kind whose fields make no sense, becomes an UnknownMessage that keeps every
field: it is logged and answered `success`, because it did come from WeChat.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wxbot.wechat import xml
from wxbot.wechat.errors import UnreadableMessage
from wxbot.wechat.message_kinds import (
    AgentSession,
    AuthorizationChange,
    Beacon,
    Envelope,
    Fields,
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


def moment(text: str) -> datetime:
    """Unix seconds as WeChat writes them; anything else raises ValueError."""
    if not text.isascii() or not text.strip().isdigit() or len(text) > 12:
        raise ValueError("not a time")
    return datetime.fromtimestamp(int(text), UTC)


def _moment_or_none(text: str) -> datetime | None:
    return moment(text) if text.strip("0 ") else None


def _count(text: str) -> int:
    if not text.isascii() or not text.strip().isdigit() or len(text) > 12:
        raise ValueError("not a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("not a number") from None  # Python's own words would quote the text into the log


def _degrees(text: str) -> float:
    number = _number(text)
    if not -180.0 <= number <= 180.0:
        raise ValueError("not a coordinate")
    return number


def _metres(text: str) -> float:
    number = _number(text)
    if not 0.0 <= number < 1e9:
        raise ValueError("not a distance")
    return number


def _beacon(fields: Fields) -> Beacon:
    t = xml.text_of
    return Beacon(
        t(fields, "Uuid"), _count(t(fields, "Major")), _count(t(fields, "Minor")), _metres(t(fields, "Distance"))
    )


def _required(fields: Fields, name: str) -> str:
    value = xml.text_of(fields, name)
    if not value:
        raise ValueError(f"{name} is missing")
    return value


def _texts(*names: str) -> Callable[[Fields], tuple[Any, ...]]:
    def pick(fields: Fields) -> tuple[Any, ...]:
        return tuple(xml.text_of(fields, name) for name in names)

    return pick


def _subscribe(f: Fields) -> tuple[Any, ...]:
    return xml.text_of(f, "EventKey").removeprefix("qrscene_"), xml.text_of(f, "Ticket")


def _voice(f: Fields) -> tuple[Any, ...]:
    t = xml.text_of
    return t(f, "MediaId"), t(f, "Format"), t(f, "Recognition") or t(f, "Recongnition")


def _location(f: Fields) -> tuple[Any, ...]:
    t = xml.text_of
    return _degrees(t(f, "Location_X")), _degrees(t(f, "Location_Y")), t(f, "Scale"), t(f, "Label")


def _location_report(f: Fields) -> tuple[Any, ...]:
    t = xml.text_of
    return _degrees(t(f, "Latitude")), _degrees(t(f, "Longitude")), _metres(t(f, "Precision"))


def _menu_scan(f: Fields) -> tuple[Any, ...]:
    code = xml.children_of(f, "ScanCodeInfo")
    return xml.text_of(f, "EventKey"), xml.text_of(code, "ScanType"), xml.text_of(code, "ScanResult")


def _menu_pictures(f: Fields) -> tuple[Any, ...]:
    pictures = xml.children_of(f, "SendPicsInfo")
    md5s = tuple(xml.text_of(row, "PicMd5Sum") for row in xml.rows_of(pictures, "PicList", "item"))
    return xml.text_of(f, "EventKey"), _count(xml.text_of(pictures, "Count", "0")), md5s


def _menu_location(f: Fields) -> tuple[Any, ...]:
    place = xml.children_of(f, "SendLocationInfo")
    return (xml.text_of(f, "EventKey"), *_location(place), xml.text_of(place, "Poiname"))


def _mass_sent(f: Fields) -> tuple[Any, ...]:
    t = xml.text_of
    counts = (_count(t(f, name, "0")) for name in ("TotalCount", "FilterCount", "SentCount", "ErrorCount"))
    return (t(f, "MsgID") or t(f, "MsgId"), t(f, "Status"), *counts)


def _notices(container: str) -> Callable[[Fields], tuple[Any, ...]]:
    names = ("TemplateId", "SubscribeStatusString", "PopupScene", "MsgID", "ErrorCode", "ErrorStatus")

    def pick(f: Fields) -> tuple[Any, ...]:
        rows = xml.rows_of(f, container, "List")
        return (tuple(NoticeAnswer(*(xml.text_of(row, name) for name in names)) for row in rows),)

    return pick


def _verification(f: Fields) -> tuple[Any, ...]:
    t = xml.text_of
    return _moment_or_none(t(f, "ExpiredTime")), _moment_or_none(t(f, "FailTime")), t(f, "FailReason")


def _user_shake(f: Fields) -> tuple[Any, ...]:
    chosen = xml.children_of(f, "ChosenBeacon")
    around = tuple(_beacon(row) for row in xml.rows_of(f, "AroundBeacons", "AroundBeacon"))
    return _beacon(chosen) if chosen else None, around


def _lottery_bind(f: Fields) -> tuple[Any, ...]:
    bound_at = moment(_required(f, "BindTime"))
    return _required(f, "LotteryId"), _required(f, "Ticket"), _count(_required(f, "Money")), bound_at


def _agent_session(f: Fields) -> tuple[Any, ...]:
    t = xml.text_of
    return t(f, "KfAccount"), t(f, "FromKfAccount"), t(f, "ToKfAccount")


Kind = tuple[type[Message], Callable[[Fields], tuple[Any, ...]]]

MESSAGES: dict[str, Kind] = {
    "text": (TextMessage, _texts("Content", "bizmsgmenuid")),
    "image": (ImageMessage, _texts("PicUrl", "MediaId")),
    "voice": (VoiceMessage, _voice),
    "video": (VideoMessage, _texts("MediaId", "ThumbMediaId")),
    "shortvideo": (VideoMessage, _texts("MediaId", "ThumbMediaId")),
    "location": (LocationMessage, _location),
    "link": (LinkMessage, _texts("Title", "Description", "Url")),
}

_AUTHORIZATION: Kind = (AuthorizationChange, _texts("OpenID", "AppID", "RevokeInfo"))
_VERIFICATION: Kind = (Verification, _verification)
_AGENT: Kind = (AgentSession, _agent_session)

EVENTS: dict[str, Kind] = {
    "subscribe": (Subscribe, _subscribe),
    "unsubscribe": (Unsubscribe, _texts()),
    "SCAN": (Scan, _texts("EventKey", "Ticket")),
    "LOCATION": (LocationReport, _location_report),
    "CLICK": (MenuClick, _texts("EventKey")),
    "VIEW": (MenuView, _texts("EventKey", "MenuId")),
    "view_miniprogram": (MenuView, _texts("EventKey", "MenuId")),
    "scancode_push": (MenuScan, _menu_scan),
    "scancode_waitmsg": (MenuScan, _menu_scan),
    "pic_sysphoto": (MenuPictures, _menu_pictures),
    "pic_photo_or_album": (MenuPictures, _menu_pictures),
    "pic_weixin": (MenuPictures, _menu_pictures),
    "location_select": (MenuLocation, _menu_location),
    "TEMPLATESENDJOBFINISH": (TemplateSent, _texts("MsgID", "Status")),
    "MASSSENDJOBFINISH": (MassSent, _mass_sent),
    "subscribe_msg_popup_event": (NoticeEvent, _notices("SubscribeMsgPopupEvent")),
    "subscribe_msg_change_event": (NoticeEvent, _notices("SubscribeMsgChangeEvent")),
    "subscribe_msg_sent_event": (NoticeEvent, _notices("SubscribeMsgSentEvent")),
    "user_info_modified": _AUTHORIZATION,
    "user_authorization_revoke": _AUTHORIZATION,
    "user_authorization_cancellation": _AUTHORIZATION,
    "qualification_verify_success": _VERIFICATION,
    "qualification_verify_fail": _VERIFICATION,
    "naming_verify_success": _VERIFICATION,
    "naming_verify_fail": _VERIFICATION,
    "annual_renew": _VERIFICATION,
    "verify_expired": _VERIFICATION,
    "ShakearoundUserShake": (UserShake, _user_shake),
    "ShakearoundLotteryBind": (LotteryBind, _lottery_bind),
    "kf_create_session": _AGENT,
    "kf_close_session": _AGENT,
    "kf_switch_session": _AGENT,
}
_EVENT_SPELLING = {name.lower(): name for name in EVENTS}


def read(fields: Fields, envelope: Envelope) -> Message:
    """The typed message behind parsed fields; UnreadableMessage when it has no sender or type.

    What a person wrote is read without a CreateTime too, as of the signed time of the push. An event is not: its time says
    which of two counts.
    """
    openid = xml.text_of(fields, "FromUserName")
    msg_type = xml.text_of(fields, "MsgType").strip()
    if not openid or not msg_type or len(openid) > 64 or not openid.isprintable():
        raise UnreadableMessage("FromUserName or MsgType")
    is_dated = True
    try:
        created_at = moment(xml.text_of(fields, "CreateTime"))
    except (ValueError, OverflowError, OSError):
        created_at, is_dated = moment(envelope.timestamp), False
    event = ""
    known: Kind | None
    if msg_type.lower() == "event":
        msg_type = "event"
        event = xml.text_of(fields, "Event").strip()
        event = _EVENT_SPELLING.get(event.lower(), event)
        known = EVENTS.get(event)
    else:
        msg_type = msg_type.lower()
        known = MESSAGES.get(msg_type)
    msg_id = "" if event else xml.text_of(fields, "MsgId").strip()
    common = (
        event or msg_type,
        msg_type,
        event,
        openid,
        xml.text_of(fields, "ToUserName"),
        created_at,
        msg_id,
        fields,
        envelope,
    )
    if known is None:
        return UnknownMessage(*common)
    if event and not is_dated:
        return UnknownMessage(*common, fault="CreateTime")
    kind, pick = known
    try:
        return kind(*common, *pick(fields))
    except (ValueError, OverflowError, OSError) as error:
        return UnknownMessage(*common, fault=str(error) or "unreadable fields")
