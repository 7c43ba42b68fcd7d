"""The way through for WeChat's messages: verify, open, once-only, route, seal (wechat-protocol §5).

A route either answers (its reply is a pure function of the message, so it is made first, and one Redis round trip decides
whose bytes count) or records (claimed first, so that a repeat runs nothing, and answered with 503 when the rows could not
be written, so that WeChat sends it again, money F40). The same round trip says whether a person is in a dialogue; only
then is SQL asked, and the message recorded. Redis is only the quick guard: what must happen once is unique in SQL, so an
empty or absent Redis costs nothing (I18).
"""

import threading
import time
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.exc import DataError

from wxbot import addresses, logs
from wxbot.callback.routes import ROUTES, UNKNOWN, Route, RouteContext, turn_of
from wxbot.callback.wire import AGAIN, BROKEN, FORBIDDEN, TOO_BIG, WRONG_METHOD, CallbackResponse, body_of, query_of
from wxbot.draws.counts import UNREADABLE
from wxbot.draws.draw_state import draw_state_of
from wxbot.once import Claimed, OnceOnly, Talk
from wxbot.people.languages import KnownLanguages
from wxbot.replies import answers
from wxbot.replies.answers import Start
from wxbot.replies.dialogues import engine
from wxbot.replies.dialogues.definitions import DIALOGUES
from wxbot.replies.dialogues.engine import NotOurs
from wxbot.replies.dialogues.runner import Talks
from wxbot.runtime import Runtime
from wxbot.wechat import messages
from wxbot.wechat.errors import BadMessage, UnreadableMessage
from wxbot.wechat.messages import SUCCESS, Message, Reply, TextReply

ANSWER_S = 4.0
"""WeChat waits 5 seconds (wechat-protocol §5.4); whatever happens, the answer leaves before that."""

READ_RULES_S = 3.0
"""How long a message may wait for the reply rules to be read; after that the last known ones are used."""

RECENT = timedelta(minutes=2)
"""Dialogues that moved within this time are known from SQL, beside Redis: longer than Redis' set is believed (once)."""

log = logs.get_logger(__name__)

Found = TypeVar("Found")


class Later(Exception):
    """What the message says could not be written down in time: WeChat shall send it again."""


class CallbackDoor:
    """A small WSGI application of its own, mounted in front of Flask: it needs no session, cookie, page or form.

    It keeps what lives between messages: the runtime, the once-only guard, the reply rules and a few threads.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.once = OnceOnly(runtime.settings.redis_url)
        self.answers = answers.Answers(self._read_book, runtime.settings.public_url, runtime.settings.brand)
        self.talks = Talks(runtime)
        self._languages = KnownLanguages()
        self._room = RouteContext(runtime, self.answers, self._languages)
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="callback")
        self._noting = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one request (PEP 3333)."""
        try:
            answer = self._answer(environ)
        except BadMessage as error:  # one constant answer for all that WeChat did not send; the reason is for the log
            log.warning("callback_refused", reason=error.reason, ip=addresses.whole(environ.get("REMOTE_ADDR") or ""))
            answer = FORBIDDEN
        except UnreadableMessage as error:
            self._count_unreadable(error)
            answer = CallbackResponse("200 OK", SUCCESS)
        except Later:
            answer = AGAIN
        except Exception:
            log.exception("callback_broken")
            answer = BROKEN
        start_response(answer.status, answer.headers_with_length())
        return [answer.body]

    def _answer(self, environ: MutableMapping[str, Any]) -> CallbackResponse:
        method = environ["REQUEST_METHOD"]
        if method == "POST":
            return self._receive(environ)
        if method == "GET":
            query = query_of(environ)
            return CallbackResponse(
                "200 OK", self._fresh(lambda now_s: messages.verify_url(query, self.runtime.account, now_s)).encode()
            )
        return WRONG_METHOD

    def _receive(self, environ: MutableMapping[str, Any]) -> CallbackResponse:
        deadline = time.monotonic() + ANSWER_S
        query = query_of(environ)
        body = body_of(environ)
        if body is None:
            return TOO_BIG
        account = self.runtime.account
        message = self._fresh(lambda now_s: messages.open_callback(query, body, account, now_s))
        route = ROUTES.get(message.route, UNKNOWN)
        if isinstance(message, messages.UnknownMessage):
            route = UNKNOWN
        sealed = self._record(route, message, deadline) if route.is_recorded else self._reply(route, message, deadline)
        return (
            CallbackResponse("200 OK", sealed)
            if sealed == SUCCESS
            else CallbackResponse("200 OK", sealed, kind="text/xml; charset=utf-8")
        )

    # --- messages that write nothing ------------------------------------------------------------------------------

    def _reply(self, route: Route, message: Message, deadline: float) -> bytes:
        """Make the reply, then let Redis say whether an earlier delivery of this message was answered: its bytes win.

        Unless the person is in a dialogue, or asks for one: then the message is recorded.
        """
        now = self.runtime.clock.now()
        try:
            reply = route.work(self._room, message, now)
            sealed = (
                b""
                if isinstance(reply, Start)
                else messages.seal(reply, message, self.runtime.account, now.timestamp())
            )
        except Exception:  # a fault of ours must not become the error text that WeChat shows to the person
            log.exception("callback_failed", kind=message.kind)
            return SUCCESS
        if isinstance(reply, Start):
            return self._converse(message, reply, None, deadline)
        if not route.is_spoken:
            return self.once.first_answer(message, sealed)
        is_recent = message.openid in self.answers.known.talking
        known = Talk.YES if is_recent else self.once.first_answer_unless_talking(message, sealed)
        if isinstance(known, bytes):
            return known
        if known is Talk.MAYBE:
            self._note_all()
        if known is Talk.BUSY or self._concerns(message, known):
            return self._converse(message, None, reply, deadline)
        return self.once.first_answer(message, sealed)

    def _concerns(self, message: Message, known: Talk) -> bool:
        """Ask SQL, which alone knows. When it cannot be asked, whoever is said to be in a dialogue is asked to wait."""
        try:
            return self.talks.concerns(turn_of(self._room, message, None), READ_RULES_S)
        except Exception as error:
            log.error("dialogues_unreadable", reason=type(error).__name__, error=str(error)[:300])
            if known is Talk.YES:
                raise Later from error
            return False

    def _note_all(self) -> None:
        """Redis has lost, or never had, the set of those in a dialogue: fill it again, once at a time, in passing."""
        if not self._noting.acquire(blocking=False):
            return

        since = self.runtime.clock.now() - RECENT

        def note() -> None:
            try:
                with self.runtime.database.reading() as session:
                    openids = engine.open_openids(session, since)
                self.once.note_all_talking(openids)
            except Exception as error:
                log.warning("dialogues_not_noted", reason=type(error).__name__)
            finally:
                self._noting.release()

        try:
            self._threads.submit(note)
        except RuntimeError:  # closing
            self._noting.release()

    # --- messages that write rows ---------------------------------------------------------------------------------

    def _record(self, route: Route, message: Message, deadline: float) -> bytes:
        """Write what the message says, in a thread that may take longer than the answer."""

        def work(now: datetime) -> Reply | None:
            running = self._threads.submit(route.work, self._room, message, now)
            answer = running.result(timeout=max(deadline - time.monotonic(), 0.1))
            return self._spoken(message, answer, None, deadline, now) if isinstance(answer, Start) else answer

        return self._claimed(message, deadline, work)

    def _converse(self, message: Message, start: Start | None, otherwise: Reply | None, deadline: float) -> bytes:
        """Give the message to the person's dialogue; `otherwise` is the reply when none takes it after all."""
        return self._claimed(message, deadline, lambda now: self._spoken(message, start, otherwise, deadline, now))

    def _spoken(
        self, message: Message, start: Start | None, otherwise: Reply | None, deadline: float, now: datetime
    ) -> Reply | None:
        turn = turn_of(self._room, message, start)
        opens = start is not None and not DIALOGUES[start.name].is_instant
        if opens:
            self.once.note_talking(message.openid)
        said = self.talks.take(turn, deadline, now)
        if opens:  # once more: the set may have been emptied and filled from SQL before the row was there
            self.once.note_talking(message.openid)
        if isinstance(said, NotOurs):
            return otherwise
        return TextReply(said.words) if said.words else None

    def _claimed(self, message: Message, deadline: float, work: Callable[[datetime], Reply | None]) -> bytes:
        """Claim the message, do its work, keep the answer; a repeat waits for the first delivery's answer."""
        known = self.once.claim(message, deadline)
        if isinstance(known, bytes):
            return known
        if known is Claimed.BUSY:
            raise Later
        now = self.runtime.clock.now()
        reply: Reply | None = None
        try:
            reply = work(now)
        except DataError:
            log.exception("callback_unwritable", kind=message.kind)  # sending it again would not make it fit
        except Exception as error:
            log.error("callback_later", kind=message.kind, reason=type(error).__name__, error=str(error)[:300])
            self.once.release(message)
            raise Later from error
        sealed = messages.seal(reply, message, self.runtime.account, now.timestamp())
        self.once.keep(message, sealed)
        return sealed

    # --- what nobody can read ---------------------------------------------------------------------------------------

    def _count_unreadable(self, error: UnreadableMessage) -> None:
        """WeChat has signed it: refused, it would come again and silence the account for everybody (wechat-protocol §5.4)."""
        log.warning("callback_unreadable", reason=error.reason)
        draw_state_of(self.runtime).counts.add(0, UNREADABLE, self.runtime.clock.unix())

    # --- what both need -------------------------------------------------------------------------------------------

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
        since = self.runtime.clock.now() - RECENT

        def read() -> answers.Book:
            with self.runtime.database.reading() as session:
                self._languages.refresh(session)
                return replace(answers.read_book(session), talking=engine.recent_openids(session, since))

        return self._threads.submit(read).result(timeout=READ_RULES_S)

    def close(self) -> None:
        """Let the threads end and close the connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.talks.close()
        self.once.close()
