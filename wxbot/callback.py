"""The door for WeChat's server: verify, open, once-only, route, seal (wechat-protocol §5).

ROUTES is everything WeChat can tell us. A route either `answers` (its reply is a pure function of the message, so it is
made first, and one Redis round trip decides whose bytes count) or `records` (it writes rows: claimed first, so that a
repeat runs nothing, and answered with 503 when the rows could not be written, so that WeChat sends it again, money F40).
Redis is only the quick guard: what must happen once is unique in SQL, so an empty or absent Redis costs nothing (I18).
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from sqlalchemy.exc import DataError

from wxbot import logs
from wxbot.draws import bind
from wxbot.draws.desk import desk_of
from wxbot.once import Claim, OnceOnly
from wxbot.people import followers
from wxbot.replies import answers
from wxbot.runtime import Runtime
from wxbot.wechat import messages
from wxbot.wechat.errors import BadMessage
from wxbot.wechat.limits import CALLBACK_BODY_BYTES
from wxbot.wechat.messages import SUCCESS, Message, Reply

ANSWER_S = 4.0
"""WeChat waits 5 seconds (wechat-protocol §5.4); whatever happens, the answer leaves before that."""

READ_RULES_S = 3.0
"""How long a message may wait for the reply rules to be read; after that the last known ones are used."""

QUERY_CHARACTERS = 2048
"""WeChat's query has about 250."""

SPOKEN_ENDS = "。.!?,、 \uff01\uff1f\uff0c"
"""Speech recognition ends a keyword like a sentence."""

log = logs.get_logger(__name__)


Found = TypeVar("Found")


class Later(Exception):
    """What the message says could not be written down in time: WeChat shall send it again."""


# --- what each message does ---------------------------------------------------------------------------------------


def answer_text(door: "CallbackDoor", message: messages.TextMessage, now: datetime) -> Reply | None:
    """A text: the first rule that fits, a campaign's keyword, or the default reply."""
    return door.answers.to_text(message.content, now)


def answer_voice(door: "CallbackDoor", message: messages.VoiceMessage, now: datetime) -> Reply | None:
    """A voice message: what WeChat heard counts like a text, when speech recognition is on."""
    heard = message.recognition.rstrip(SPOKEN_ENDS)
    return door.answers.to_text(heard, now) if heard else door.answers.to_anything_else(now)


def answer_click(door: "CallbackDoor", message: messages.MenuClick, now: datetime) -> Reply | None:
    """A tap in the menu: its key is looked up like a text."""
    return door.answers.to_text(message.key, now)


def answer_default(door: "CallbackDoor", message: Message, now: datetime) -> Reply | None:
    """A picture, video, place or link: the default reply."""
    return door.answers.to_anything_else(now)


def stay_silent(door: "CallbackDoor", message: Message, now: datetime) -> Reply | None:
    """Known, counted, and answered `success`."""
    return None


def log_notice(door: "CallbackDoor", message: Message, now: datetime) -> Reply | None:
    """Something the account's owner should be able to find in the log."""
    log.info("callback_notice", kind=message.kind, fields=_shown(message))
    return None


def log_unknown(door: "CallbackDoor", message: Message, now: datetime) -> Reply | None:
    """A kind of message that the reference does not know, or whose fields make no sense: logged, answered `success`."""
    fault = message.fault if isinstance(message, messages.UnknownMessage) else ""
    log.warning("callback_unknown", kind=message.kind[:64], msg_type=message.msg_type[:64], fault=fault)
    return None


def record_follow(door: "CallbackDoor", message: messages.Subscribe, now: datetime) -> Reply | None:
    """subscribe: the followers table, and the welcome."""
    with door.runtime.database.transaction() as session:
        followers.follow(session, message.openid, message.scene, message.created_at)
    return door.answers.to_new_follower(now)


def record_unfollow(door: "CallbackDoor", message: messages.Unsubscribe, now: datetime) -> Reply | None:
    """unsubscribe: the followers table; WeChat delivers no reply any more."""
    with door.runtime.database.transaction() as session:
        followers.unfollow(session, message.openid, message.created_at)
    return None


def record_withdrawal(door: "CallbackDoor", message: messages.AuthorizationChange, now: datetime) -> Reply | None:
    """Authorisation taken back or account closed: the wish to be erased is kept (wechat-protocol §5.6)."""
    with door.runtime.database.transaction() as session:
        followers.note_withdrawal(session, message.subject_openid or message.openid, message.kind, message.created_at)
    return None


def count_shake(door: "CallbackDoor", message: messages.UserShake, now: datetime) -> Reply | None:
    """A shake near our beacons: counted for the charts, under no campaign; the page it opens proves it (draws.shakes)."""
    desk_of(door.runtime).counts.add(0, "shake", now.timestamp())
    return None


def record_bind(door: "CallbackDoor", message: messages.LotteryBind, now: datetime) -> Reply | None:
    """WeChat tied a ticket to a person: packet, draw, order and ledger follow, once (wechat-protocol §1.8)."""
    bind.record(door.runtime, message, now)
    return None


def _shown(message: Message) -> dict[str, str]:
    """The flat fields of a message without the names of the two sides, cut short, for the log."""
    hidden = ("ToUserName", "FromUserName")
    return {k: v[:200] for k, v in message.fields.items() if isinstance(v, str) and k not in hidden}


# --- the table ----------------------------------------------------------------------------------------------------

Work = Callable[["CallbackDoor", Any, datetime], Reply | None]


@dataclass(frozen=True)
class Route:
    """What one kind of message does; `is_recorded` when it writes rows."""

    work: Work
    is_recorded: bool = False


def _event(name: str) -> tuple[str, str]:
    return "event", name


ROUTES: Mapping[tuple[str, str], Route] = {
    ("text", ""): Route(answer_text),
    ("image", ""): Route(answer_default),
    ("voice", ""): Route(answer_voice),
    ("video", ""): Route(answer_default),
    ("shortvideo", ""): Route(answer_default),
    ("location", ""): Route(answer_default),
    ("link", ""): Route(answer_default),
    _event("subscribe"): Route(record_follow, is_recorded=True),
    _event("unsubscribe"): Route(record_unfollow, is_recorded=True),
    _event("user_authorization_revoke"): Route(record_withdrawal, is_recorded=True),
    _event("user_authorization_cancellation"): Route(record_withdrawal, is_recorded=True),
    _event("user_info_modified"): Route(stay_silent),
    _event("CLICK"): Route(answer_click),
    _event("SCAN"): Route(stay_silent),
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


# --- the door -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What goes back to WeChat."""

    status: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/plain; charset=utf-8"
    """Plain text for everything but a sealed reply: an echostr must never be read as a document (security S08)."""

    def headers_with_length(self) -> list[tuple[str, str]]:
        """All headers of the answer."""
        return [("Content-Type", self.kind), ("Content-Length", str(len(self.body))), *self.headers]


FORBIDDEN = Answer("403 Forbidden")
TOO_BIG = Answer("413 Content Too Large")
AGAIN = Answer("503 Service Unavailable", headers=(("Retry-After", "5"),))
WRONG_METHOD = Answer("405 Method Not Allowed", headers=(("Allow", "GET, POST"),))
BROKEN = Answer("500 Internal Server Error")


class CallbackDoor:
    """A small WSGI application of its own, mounted in front of Flask: it needs no session, cookie, page or form.

    It keeps what lives between messages: the runtime, the once-only guard, the reply rules and a few threads.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.once = OnceOnly(runtime.settings.redis_url)
        self.answers = answers.Answers(self._read_book, runtime.settings.public_url, runtime.settings.brand)
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="callback")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one request (PEP 3333)."""
        try:
            answer = self._answer(environ)
        except BadMessage as error:  # one constant answer for all that WeChat did not send; the reason is for the log
            log.warning("callback_refused", reason=error.reason, ip=environ.get("REMOTE_ADDR", ""))
            answer = FORBIDDEN
        except Later:
            answer = AGAIN
        except Exception:
            log.exception("callback_broken")
            answer = BROKEN
        start_response(answer.status, answer.headers_with_length())
        return [answer.body]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        method = environ["REQUEST_METHOD"]
        if method == "POST":
            return self._receive(environ)
        if method == "GET":
            query = _query(environ)
            return Answer(
                "200 OK", self._fresh(lambda now_s: messages.verify_url(query, self.runtime.account, now_s)).encode()
            )
        return WRONG_METHOD

    def _receive(self, environ: Mapping[str, Any]) -> Answer:
        began = time.monotonic()
        query = _query(environ)
        body = _body(environ)
        if body is None:
            return TOO_BIG
        account = self.runtime.account
        message = self._fresh(lambda now_s: messages.open_callback(query, body, account, now_s))
        route = ROUTES.get(message.route, UNKNOWN)
        if isinstance(message, messages.UnknownMessage):
            route = UNKNOWN
        sealed = self._record(route, message, began) if route.is_recorded else self._reply(route, message)
        return (
            Answer("200 OK", sealed) if sealed == SUCCESS else Answer("200 OK", sealed, kind="text/xml; charset=utf-8")
        )

    def _reply(self, route: "Route", message: Message) -> bytes:
        """Make the reply, then let Redis say whether an earlier delivery of this message was answered: its bytes win."""
        now = self.runtime.clock.now()
        try:
            reply = route.work(self, message, now)
            sealed = messages.seal(reply, message, self.runtime.account, now.timestamp())
        except Exception:  # a fault of ours must not become the error text that WeChat shows to the person
            log.exception("callback_failed", kind=message.kind)
            return SUCCESS
        return self.once.first_answer(message, sealed)

    def _record(self, route: "Route", message: Message, began: float) -> bytes:
        """Claim the message, write what it says, keep the answer; a repeat waits for the first delivery's answer."""
        deadline = began + ANSWER_S
        known = self.once.claim(message, deadline)
        if isinstance(known, bytes):
            return known
        if known is Claim.BUSY:
            raise Later
        now = self.runtime.clock.now()
        work = self._threads.submit(route.work, self, message, now)
        reply: Reply | None = None
        try:
            reply = work.result(timeout=max(deadline - time.monotonic(), 0.1))
        except DataError:
            log.exception("callback_unwritable", kind=message.kind)  # sending it again would not make it fit
        except Exception as error:
            log.error("callback_later", kind=message.kind, reason=type(error).__name__, error=str(error)[:300])
            self.once.release(message)
            raise Later from error
        sealed = messages.seal(reply, message, self.runtime.account, now.timestamp())
        self.once.keep(message, sealed)
        return sealed

    def _fresh(self, check: Callable[[float], Found]) -> Found:
        """Run a check that compares a timestamp with now. A simulator's clock may just have been moved: look again then."""
        clock = self.runtime.clock
        try:
            return check(clock.unix())
        except BadMessage:
            if not self.runtime.settings.is_simulated:
                raise
            clock.refresh()
            return check(clock.unix())

    def _read_book(self) -> answers.Book:
        def read() -> answers.Book:
            with self.runtime.database.reading() as session:
                return answers.read_book(session)

        return self._threads.submit(read).result(timeout=READ_RULES_S)

    def close(self) -> None:
        """Let the threads end and close the connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.once.close()


def _query(environ: Mapping[str, Any]) -> dict[str, str]:
    """The query's parameters; BadMessage when one stands twice, which WeChat never does."""
    text = environ.get("QUERY_STRING", "")
    if len(text) > QUERY_CHARACTERS:
        raise BadMessage("query too long")
    single: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if name in single:
            raise BadMessage("a parameter stands twice")
        single[name] = unquote_plus(value) if "%" in value or "+" in value else value
    return single


def _body(environ: Mapping[str, Any]) -> bytes | None:
    """The body; None when it is bigger than any message, however it was sent (security S16)."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit():
        if int(length) > CALLBACK_BODY_BYTES:
            return None
        return _read(environ, int(length))
    if not environ.get("wsgi.input_terminated"):
        return b""
    body = _read(environ, CALLBACK_BODY_BYTES + 1)
    return body if len(body) <= CALLBACK_BODY_BYTES else None


def _read(environ: Mapping[str, Any], most: int) -> bytes:
    """Up to `most` bytes of the body; BadMessage when the sender breaks off, stalls or garbles its chunks."""
    try:
        body: bytes = environ["wsgi.input"].read(most)
    except OSError as error:
        raise BadMessage("body cannot be read") from error
    return body


class Chunks:
    """A chunked body whose faults are what every reader expects of a broken connection: an OSError.

    The server raises errors of its own for a garbled chunk; they would look like a fault of ours (security S16).
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes. Raises OSError when the sender broke the rules."""
        try:
            body: bytes = self._stream.read(size)
        except Exception as error:
            raise OSError("the body is broken") from error
        return body
