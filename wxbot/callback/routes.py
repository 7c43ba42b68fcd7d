"""What each kind of message does: ROUTES is everything WeChat can tell us (wechat-protocol §5.5, §5.6, §1.8).

A route either answers (its reply is a pure function of the message and the rules) or records (it writes rows). What a
person wrote may belong to a dialogue: such a route says what the answer is when it does not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wxbot import logs
from wxbot.draws.draw_state import draw_state_of
from wxbot.people import followers
from wxbot.people.languages import ENGLISH, KnownLanguages
from wxbot.replies.answers import Answers, Start
from wxbot.replies.dialogues import expiry
from wxbot.replies.dialogues.definitions import Turn, is_command, shown_by
from wxbot.runtime import Runtime
from wxbot.shake import bind
from wxbot.wechat import messages
from wxbot.wechat.messages import Message, Reply

SPOKEN_ENDS = "。.!?,、 \uff01\uff1f\uff0c"
"""Speech recognition ends a keyword like a sentence."""

log = logs.get_logger(__name__)


@dataclass(frozen=True)
class RouteContext:
    """What a route may use."""

    runtime: Runtime
    answers: Answers
    languages: KnownLanguages

    def language(self, message: Message, text: str = "") -> str:
        """What this person is answered in, without SQL: what they write now, else what is known of them."""
        self.answers.book()  # the people are read with the rules
        known = self.languages.of(message.openid)
        shown = self.shown(text) if text else None
        return known if shown is None else shown

    def shown(self, text: str) -> str | None:
        """The language that a text shows; a keyword of a rule or a campaign, which staff chose, shows none."""
        shown = shown_by(text)
        return None if shown == ENGLISH and not is_command(text) and self.answers.answers(text) else shown


# --- what each message does ---------------------------------------------------------------------------------------


def answer_text(context: RouteContext, message: messages.TextMessage, now: datetime) -> Reply | Start | None:
    """A text: the first rule that fits, a campaign's keyword, or the default reply."""
    return context.answers.to_text(message.content, now, context.language(message, message.content))


def answer_voice(context: RouteContext, message: messages.VoiceMessage, now: datetime) -> Reply | Start | None:
    """A voice message: what WeChat heard counts like a text, when speech recognition is on."""
    heard = _heard(message)
    if not heard:
        return context.answers.to_anything_else(now, context.language(message))
    return context.answers.to_text(heard, now, context.language(message, heard))


def answer_click(context: RouteContext, message: messages.MenuClick, now: datetime) -> Reply | Start | None:
    """A tap in the menu: its key is looked up like a text."""
    return context.answers.to_text(message.key, now, context.language(message))


def answer_image(context: RouteContext, message: messages.ImageMessage, now: datetime) -> Reply | Start | None:
    """A photo: the rule for images, which may begin a dialogue, else the default reply."""
    return context.answers.to_image(now, context.language(message))


def answer_default(context: RouteContext, message: Message, now: datetime) -> Reply | Start | None:
    """A video, place or link: the default reply."""
    return context.answers.to_anything_else(now, context.language(message))


def stay_silent(context: RouteContext, message: Message, now: datetime) -> Reply | None:
    """Known, counted, and answered `success`."""
    return None


def log_notice(context: RouteContext, message: Message, now: datetime) -> Reply | None:
    """Something the account's owner should be able to find in the log."""
    log.info("callback_notice", kind=message.kind, fields=_shown(message))
    return None


def log_unknown(context: RouteContext, message: Message, now: datetime) -> Reply | None:
    """A kind of message that the reference does not know, or whose fields make no sense: logged, answered `success`."""
    fault = message.fault if isinstance(message, messages.UnknownMessage) else ""
    log.warning("callback_unknown", kind=message.kind[:64], msg_type=message.msg_type[:64], fault=fault)
    return None


def record_follow(context: RouteContext, message: messages.Subscribe, now: datetime) -> Reply | Start | None:
    """subscribe: the followers table, and the welcome."""
    with context.runtime.database.transaction() as session:
        followers.follow(session, message.openid, message.scene, message.created_at)
    return context.answers.to_new_follower(now, context.language(message), message.scene)


def answer_scan(context: RouteContext, message: messages.Scan, now: datetime) -> Reply | None:
    """A follower scanned a code with a scene: one of our campaigns', answered with its card, else silence."""
    return context.answers.to_scan(message.scene, now, context.language(message))


def record_unfollow(context: RouteContext, message: messages.Unsubscribe, now: datetime) -> Reply | None:
    """unsubscribe: the followers table, and the end of a dialogue; WeChat delivers no reply any more."""
    with context.runtime.database.transaction() as session:
        followers.unfollow(session, message.openid, message.created_at)
        expiry.end(session, message.openid, now, int(message.created_at.timestamp()))
    return None


def record_withdrawal(context: RouteContext, message: messages.AuthorizationChange, now: datetime) -> Reply | None:
    """Authorisation taken back or account closed: the wish to be erased is kept (wechat-protocol §5.6)."""
    openid = message.subject_openid or message.openid
    with context.runtime.database.transaction() as session:
        followers.note_withdrawal(session, openid, message.kind, message.created_at)
        expiry.forget(session, openid)
    return None


def count_shake(context: RouteContext, message: messages.UserShake, now: datetime) -> Reply | None:
    """A shake near our beacons: counted for the charts, under no campaign; the page it opens proves it (shake.shakes)."""
    draw_state_of(context.runtime).counts.add(0, "shake", now.timestamp())
    return None


def record_bind(context: RouteContext, message: messages.LotteryBind, now: datetime) -> Reply | None:
    """WeChat tied a ticket to a person: packet, draw, order and ledger follow, once (wechat-protocol §1.8)."""
    bind.record(context.runtime, message, now)
    return None


def _heard(message: messages.VoiceMessage) -> str:
    return message.recognition.rstrip(SPOKEN_ENDS)


def _shown(message: Message) -> dict[str, str]:
    """The flat fields of a message without the names of the two sides, cut short, for the log."""
    hidden = ("ToUserName", "FromUserName")
    return {k: v[:200] for k, v in message.fields.items() if isinstance(v, str) and k not in hidden}


# --- the table ----------------------------------------------------------------------------------------------------

Work = Callable[[RouteContext, Any, datetime], Reply | Start | None]


@dataclass(frozen=True)
class Route:
    """What one kind of message does; `is_recorded` when it writes rows, `is_spoken` when a person said it to us."""

    work: Work
    is_recorded: bool = False
    is_spoken: bool = False


def _event(name: str) -> tuple[str, str]:
    return "event", name


ROUTES: Mapping[tuple[str, str], Route] = {
    ("text", ""): Route(answer_text, is_spoken=True),
    ("image", ""): Route(answer_image, is_spoken=True),
    ("voice", ""): Route(answer_voice, is_spoken=True),
    ("video", ""): Route(answer_default, is_spoken=True),
    ("shortvideo", ""): Route(answer_default, is_spoken=True),
    ("location", ""): Route(answer_default, is_spoken=True),
    ("link", ""): Route(answer_default, is_spoken=True),
    _event("subscribe"): Route(record_follow, is_recorded=True),
    _event("unsubscribe"): Route(record_unfollow, is_recorded=True),
    _event("user_authorization_revoke"): Route(record_withdrawal, is_recorded=True),
    _event("user_authorization_cancellation"): Route(record_withdrawal, is_recorded=True),
    _event("user_info_modified"): Route(stay_silent),
    _event("CLICK"): Route(answer_click),
    _event("SCAN"): Route(answer_scan),
    _event("LOCATION"): Route(stay_silent),
    _event("VIEW"): Route(stay_silent),
    _event("view_miniprogram"): Route(stay_silent),
    _event("scancode_push"): Route(stay_silent),
    _event("scancode_waitmsg"): Route(stay_silent),
    _event("pic_sysphoto"): Route(stay_silent),
    _event("pic_photo_or_album"): Route(stay_silent),
    _event("pic_weixin"): Route(stay_silent),
    _event("location_select"): Route(stay_silent),
    _event("ShakearoundUserShake"): Route(count_shake),
    _event("ShakearoundLotteryBind"): Route(record_bind, is_recorded=True),
    _event("TEMPLATESENDJOBFINISH"): Route(log_notice),
    _event("MASSSENDJOBFINISH"): Route(log_notice),
    _event("subscribe_msg_popup_event"): Route(stay_silent),
    _event("subscribe_msg_change_event"): Route(stay_silent),
    _event("subscribe_msg_sent_event"): Route(stay_silent),
    _event("qualification_verify_success"): Route(log_notice),
    _event("qualification_verify_fail"): Route(log_notice),
    _event("naming_verify_success"): Route(log_notice),
    _event("naming_verify_fail"): Route(log_notice),
    _event("annual_renew"): Route(log_notice),
    _event("verify_expired"): Route(log_notice),
    _event("kf_create_session"): Route(stay_silent),
    _event("kf_close_session"): Route(stay_silent),
    _event("kf_switch_session"): Route(stay_silent),
}
"""(MsgType, Event) → what it does. Each name is WeChat's own spelling (wechat-protocol §5.5, §5.6, §1.8)."""

UNKNOWN = Route(log_unknown)
"""What every other message does."""


def turn_of(context: RouteContext, message: Message, start: Start | None) -> Turn:
    """The message as a dialogue sees it; `start` when it asks for one. A tap in the menu is no answer to a question."""
    text = ""
    if isinstance(message, messages.TextMessage):
        text = message.content
    elif isinstance(message, messages.VoiceMessage):
        text = _heard(message)
    photo = message.media_id if isinstance(message, messages.ImageMessage) else ""
    return Turn(
        message.openid,
        message.dedupe_key,
        int(message.created_at.timestamp()),
        "text" if text else "photo" if photo else "other",
        text,
        photo,
        start.name if start else "",
        start.greeting if start else "",
        bool(text) and context.answers.answers(text),
        context.shown(text) if text else None,
    )
