"""The push engine: signed callbacks to the application, three attempts, the answer judged (wechat-protocol §5.1-5.4)."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3

from wxbot.simulator import wire
from wxbot.simulator.deliveries import Deliveries
from wxbot.simulator.faults import Fault, Faults
from wxbot.simulator.ground import Ground, Switch
from wxbot.simulator.judge import CANNOT_SERVE, Judgement, judge
from wxbot.simulator.media import MediaStore
from wxbot.simulator.people import People

log = logging.getLogger(__name__)

ATTEMPTS = 3
KEPT = 5000
THREADS = 8
MAX_ANSWER_BYTES = 64 * 1024

SWITCHES = (
    Switch(
        "mark_fail_after", "MarkFail: pushes that fail in a row before WeChat stops for a minute; 0: never.", 30, "§5.4"
    ),
    Switch("mark_fail_loses", "Pushes of a MarkFail minute are lost; off: they wait until it is over.", True, "§5.4"),
    Switch(
        "texts_copied_raw",
        "Texts go into CDATA as they are, control characters and ]]> too; off: these are dropped and split.",
        True,
        "§5.5",
    ),
    Switch("mark_fail_s", "Length of a MarkFail pause in seconds.", 60, "§5.4"),
)


@dataclass
class PushSettings:
    """How pushes misbehave on purpose; seconds are simulated, except `timeout_s` and `retry_gap_s`."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    repeat: int = 0
    bind_delay_s: float = 0.0
    bind_repeat: int = 0
    timeout_s: float = 5.0
    retry_gap_s: float = 1.0

    def change(self, changes: dict[str, Any]) -> None:
        """Raises ValueError on an unknown name or a value that is no number from 0 on."""
        for name, value in changes.items():
            if name not in vars(self):
                raise ValueError(f"{name}: no such setting; known are {', '.join(vars(self))}")
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name}: must be a number from 0 on")
        for name, value in changes.items():
            setattr(self, name, type(getattr(self, name))(value))


@dataclass
class Pushed:
    """One callback with its attempts. `status`: queued, answered, failed, lost (MarkFail), nowhere (no URL)."""

    n: int
    openid: str
    kind: str
    name: str
    xml: str
    created_at: float
    due_at: float
    is_event: bool
    timestamp: str = ""
    nonce: str = ""
    status: str = "queued"
    judgement: str = ""
    reason: str = ""
    attempts: list[dict[str, Any]] = field(default_factory=list)


class Push(Deliveries[Pushed]):
    """The callbacks of the official account."""

    def __init__(self, ground: Ground, people: People, media: MediaStore, faults: Faults, lock: Any) -> None:
        super().__init__(ground, lock, "push", THREADS)
        self.people = people
        self.media = media
        self.faults = faults
        self.settings = PushSettings()
        self.sent: deque[Pushed] = deque(maxlen=KEPT)
        self.last_n = 0
        self.last_msg_id = 24_500_000_000_000_000
        self.failed_in_row = 0
        self.marked_until = 0.0
        self._http = urllib3.PoolManager(num_pools=4, maxsize=THREADS, retries=False)

    # -- queueing -----------------------------------------------------------------------------------------------

    def event(self, openid: str, name: str, fields: dict[str, Any]) -> None:
        """Queues an event of this person (§5.6). Nested dicts become elements, lists repeated elements."""
        self.queue_event(openid, name, fields)

    def queue_event(self, openid: str, name: str, fields: dict[str, Any]) -> Pushed:
        head = self._head(openid, "event")
        return self.put(openid, "event", name, self._document({**head, "Event": name, **fields}))

    def message(self, openid: str, kind: str, fields: dict[str, Any]) -> Pushed:
        """Queues a message of this person with the next MsgId (§5.5)."""
        self.last_msg_id += 1
        more = {
            "MsgId": self.last_msg_id,
            **({"bizmsgmenuid": fields["bizmsgmenuid"]} if "bizmsgmenuid" in fields else {}),
        }
        own = {name: value for name, value in fields.items() if name != "bizmsgmenuid"}
        return self.put(openid, kind, kind, self._document({**self._head(openid, kind), **own, **more}))

    def _document(self, fields: dict[str, Any]) -> str:
        return wire.build_xml(fields, is_raw=self.ground.switches["texts_copied_raw"])

    def _head(self, openid: str, kind: str) -> dict[str, Any]:
        return {
            "ToUserName": self.ground.account.original_id,
            "FromUserName": openid,
            "CreateTime": int(self.ground.clock.now()),
            "MsgType": kind,
        }

    def put(self, openid: str, kind: str, name: str, xml: str) -> Pushed:
        """Queues one callback body, and its copies if the settings ask for them; returns the first."""
        settings, is_bind = self.settings, name == "ShakearoundLotteryBind"
        delay_s = settings.delay_s + (settings.bind_delay_s if is_bind else 0.0)
        copies = 1 + settings.repeat + (settings.bind_repeat if is_bind else 0)
        first: Pushed | None = None
        for _ in range(int(copies)):
            jitter_s = self.ground.chance.random.uniform(0, settings.jitter_s) if settings.jitter_s else 0.0
            pushed = self._enqueue(openid, kind, name, xml, delay_s + jitter_s)
            first = first or pushed
        return first or pushed

    def _enqueue(self, openid: str, kind: str, name: str, xml: str, delay_s: float) -> Pushed:
        now = self.ground.clock.now()
        self.last_n += 1
        pushed = Pushed(self.last_n, openid, kind, name, xml, now, now + delay_s, kind == "event")
        self.sent.append(pushed)
        self._schedule(pushed)
        return pushed

    def repeat(self, n: int) -> Pushed | None:
        """Sends an earlier callback again, word for word."""
        for pushed in self.sent:
            if pushed.n == n:
                return self._enqueue(pushed.openid, pushed.kind, pushed.name, pushed.xml, 0.0)
        return None

    # -- delivery -----------------------------------------------------------------------------------------------

    def _deliver(self, pushed: Pushed) -> None:
        """Up to three attempts; then the judgement (§5.4)."""
        with self.lock:
            if self._is_marked(pushed):
                return
            url = self.ground.account.callback_url
            if not url:
                pushed.status = "nowhere"
                return
            fault = self.faults.take(f"push/{pushed.name}", "push")
            if fault is not None and fault.kind == "overtake":
                fault = None
            if fault is not None and fault.kind == "reorder":
                pushed.due_at = self.ground.clock.now() + fault.seconds
                self._schedule(pushed)
                return
            pushed.timestamp = pushed.timestamp or str(int(self.ground.clock.now()))
            pushed.nonce = pushed.nonce or str(self.ground.chance.random.randrange(10**8, 10**10))
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self.settings.retry_gap_s)
                with self.lock:
                    if not self._is_started:
                        self._schedule(pushed)
                        return
                    fault = self.faults.take(f"push/{pushed.name}", "push")
            answer = self._attempt(pushed, url, fault)
            if answer is not None:
                self._finish(pushed, answer)
                return
        with self.lock:
            pushed.status, pushed.judgement = "failed", "no answer"
            self._count_failure()
            self._show_failure(pushed)

    def _is_marked(self, pushed: Pushed) -> bool:
        """MarkFail: nothing goes out for a minute after many failures in a row (§5.4)."""
        now = self.ground.clock.now()
        if now >= self.marked_until:
            return False
        if self.ground.switches["mark_fail_loses"]:
            pushed.status, pushed.reason = "lost", "MarkFail"
        else:
            pushed.due_at = self.marked_until
            self._schedule(pushed)
        return True

    def _count_failure(self) -> None:
        self.failed_in_row += 1
        most = self.ground.switches["mark_fail_after"]
        if most and self.failed_in_row >= most:
            self.failed_in_row = 0
            self.marked_until = self.ground.clock.now() + self.ground.switches["mark_fail_s"]

    def _attempt(self, pushed: Pushed, url: str, fault: Fault | None) -> bytes | None:
        """Posts once. The answer's body when it came with HTTP 200 in time, else None; logged either way."""
        began = time.perf_counter()
        entry: dict[str, Any] = {"at": self.ground.clock.now(), "http_status": 0, "answer": "", "error": ""}
        if fault is not None:
            entry["fault"] = fault.kind
        pushed.attempts.append(entry)
        answer: bytes | None = None
        try:
            if fault is not None and fault.kind in ("drop_request", "refuse", "token_invalidated"):
                raise urllib3.exceptions.HTTPError("dropped by a fault")
            if fault is not None and fault.kind == "slow":
                time.sleep(fault.seconds)
            target, body = self.sealed(pushed, url)
            if fault is not None and fault.kind == "garble":
                body = body[: len(body) // 2]
            if fault is not None and fault.kind == "repeat":
                self._post(target, body)
            status, content = self._post(target, body)
            entry["http_status"], entry["answer"] = status, content[:4096].decode("utf-8", "replace")
            if status != 200:
                entry["error"] = f"HTTP {status}"
            elif fault is not None and fault.kind == "drop_reply":
                entry["error"] = "answer dropped by a fault"
            else:
                answer = content
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            entry["error"] = f"{type(error).__name__}: {error}"[:300]
        entry["took_ms"] = round((time.perf_counter() - began) * 1000, 1)
        return answer

    def _post(self, target: str, body: bytes) -> tuple[int, bytes]:
        """One POST within the limit as a whole, whatever it is spent on (§5.4: 5 s). Raises HTTPError."""
        limit_s = self.settings.timeout_s
        until = time.monotonic() + limit_s
        reply = self._http.request(
            "POST",
            target,
            body=body,
            headers={"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0", "Accept": "*/*"},
            timeout=urllib3.Timeout(connect=limit_s, read=limit_s, total=limit_s),
            preload_content=False,
            redirect=False,
        )
        try:
            content = b""
            for piece in reply.stream(16_384):
                content += piece
                if len(content) > MAX_ANSWER_BYTES:
                    raise urllib3.exceptions.HTTPError("the answer is too long")
                if time.monotonic() > until:
                    raise urllib3.exceptions.ReadTimeoutError(self._http, target, "the answer took too long")  # type: ignore[arg-type]
            return reply.status, content
        finally:
            reply.release_conn()

    def sealed(self, pushed: Pushed, url: str) -> tuple[str, bytes]:
        """The address and body of one callback in the account's mode (§5.2, §8.4)."""
        account = self.ground.account
        query = {
            "signature": wire.sha1_of(account.callback_token, pushed.timestamp, pushed.nonce),
            "timestamp": pushed.timestamp,
            "nonce": pushed.nonce,
            "openid": pushed.openid,
        }
        xml = pushed.xml
        if account.callback_mode != "plain":
            encrypted = wire.seal(xml, account.aes_key, account.appid)
            query["encrypt_type"] = "aes"
            query["msg_signature"] = wire.sha1_of(account.callback_token, pushed.timestamp, pushed.nonce, encrypted)
            field_text = wire.element("Encrypt", encrypted)
            if account.callback_mode == "compatible":
                xml = xml.removesuffix("</xml>") + field_text + "</xml>"
            else:
                xml = f"<xml>{wire.element('ToUserName', account.original_id)}{field_text}</xml>"
        return url + ("&" if "?" in url else "?") + urlencode(query), xml.encode()

    # -- the answer ---------------------------------------------------------------------------------------------

    def _finish(self, pushed: Pushed, answer: bytes) -> None:
        with self.lock:
            self.failed_in_row = 0
            most_bytes = self.ground.switches["text_limit_bytes"]
            found = judge(answer, pushed.openid, pushed.kind, self.ground.account, self.media, most_bytes)
            pushed.status, pushed.judgement, pushed.reason = "answered", found.verdict, found.reason
            if found.verdict == "invalid":
                self._show_failure(pushed)
            elif found.verdict == "reply":
                pushed.judgement = f"reply {found.type}"
                self._show_reply(pushed, found)

    def _show_reply(self, pushed: Pushed, found: Judgement) -> None:
        """The person sees the reply, but not one to unsubscribe or VIEW (§5.6)."""
        person = self.people.by_openid(pushed.openid)
        if person is None or pushed.name.lower() in ("unsubscribe", "view"):
            return
        said_by = "system" if found.type == "transfer_customer_service" else "account"
        self.people.say(person, said_by, found.type, **found.shown, way="reply")

    def _show_failure(self, pushed: Pushed) -> None:
        """The system text, for messages only (§5.4)."""
        person = self.people.by_openid(pushed.openid)
        if person is not None and not pushed.is_event:
            self.people.say(person, "system", "text", content=CANNOT_SERVE)

    # -- shown and saved ----------------------------------------------------------------------------------------

    def after(self, n: int, limit: int = 500) -> list[dict[str, Any]]:
        """Callbacks after number `n`, oldest first; n < 0 counts from the end."""
        if n < 0:
            n = self.last_n + n
        return [shown(pushed) for pushed in self.sent if pushed.n > n][:limit]

    def to_state(self) -> dict[str, Any]:
        kept = [vars(p) for p in self.sent if p.status == "queued"] + [vars(p) for p in list(self.sent)[-200:]]
        return {
            "settings": vars(self.settings),
            "last_n": self.last_n,
            "last_msg_id": self.last_msg_id,
            "marked_until": self.marked_until,
            "sent": sorted({each["n"]: each for each in kept}.values(), key=lambda each: int(each["n"])),
        }

    def load_state(self, saved: dict[str, Any]) -> None:
        self.settings.change(saved["settings"])
        self.last_n, self.last_msg_id = saved["last_n"], saved["last_msg_id"]
        self.marked_until = saved["marked_until"]
        self.sent = deque((Pushed(**each) for each in saved["sent"]), maxlen=KEPT)
        for pushed in self.sent:
            if pushed.status == "queued":
                self._schedule(pushed)


def shown(pushed: Pushed) -> dict[str, Any]:
    return {**vars(pushed), "event": pushed.name if pushed.is_event else "", "attempts": [*pushed.attempts]}
