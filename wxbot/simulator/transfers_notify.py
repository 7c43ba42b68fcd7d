"""Callbacks of merchant transfers: signed, repeated until they are answered, spoilt on purpose (wechat-protocol §4.10)."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import urllib3

from wxbot.simulator.deliveries import Deliveries
from wxbot.simulator.faults import Fault, Faults
from wxbot.simulator.ground import Ground
from wxbot.simulator.pay_v3_keys import PlatformKeys
from wxbot.simulator.pay_v3_wire import notice_body, platform_headers
from wxbot.simulator.transfers_bill import TransferBill

log = logging.getLogger(__name__)

EVENT = "MCHTRANSFER.BILL.FINISHED"
THREADS = 3
KEPT = 2000
TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 64 * 1024
#: After the first attempt: 10 at the switch's gap (15 s), 10 × 300 s, 44 × 1800 s (§4.10).
SLOW_GAPS_S = (300.0,) * 10 + (1800.0,) * 44
QUICK_REPEATS = 10
NOT_SENT = ("drop_request", "refuse", "token_invalidated")


@dataclass
class Notice:
    """One callback with its attempts. `status`: queued, answered, failed (all repeats used up), lost, nowhere (no URL).

    `is_probe`: its signature is false on purpose; `judgement` then says whether the application saw that.
    """

    n: int
    out_bill_no: str
    openid: str
    url: str
    body: str
    created_at: float
    due_at: float
    is_by_certificate: bool = False
    is_probe: bool = False
    status: str = "queued"
    judgement: str = ""
    attempts: list[dict[str, Any]] = field(default_factory=list)


class Notices(Deliveries[Notice]):
    """The callbacks of merchant transfers."""

    def __init__(self, ground: Ground, faults: Faults, lock: Any, keys: Callable[[], PlatformKeys]) -> None:
        super().__init__(ground, lock, "notice", THREADS)
        self.faults = faults
        self.keys = keys
        self.sent: deque[Notice] = deque(maxlen=KEPT)
        self.last_n = 0
        self._http = urllib3.PoolManager(num_pools=4, maxsize=THREADS, retries=False)

    # -- queueing -----------------------------------------------------------------------------------------------

    def announce(self, bill: TransferBill) -> None:
        """Queues the callback of a bill that reached its final state, with its probe and copies if switches ask (§4.10)."""
        now, switches = self.ground.clock.now(), self.ground.switches
        day = time.strftime("%Y%m%d", time.gmtime(bill.updated_at + 8 * 3600))
        body = notice_body(self.ground, bill, f"EV-{day}{self.last_n + 1:08d}").decode()
        if not bill.content["notify_url"] or switches["transfer_notify_lost"]:
            notice = self._enter(bill, body, now)
            notice.status = "lost" if bill.content["notify_url"] else "nowhere"
            return
        if switches["transfer_notify_probed"]:
            self._schedule(self._enter(bill, body, now, is_probe=True))
        for _ in range(1 + switches["transfer_notify_copies"]):
            self._schedule(self._enter(bill, body, now + switches["transfer_notify_delay_s"]))

    def _enter(self, bill: TransferBill, body: str, due_at: float, *, is_probe: bool = False) -> Notice:
        self.last_n += 1
        notice = Notice(
            self.last_n,
            bill.out_bill_no,
            bill.openid,
            bill.content["notify_url"],
            body,
            self.ground.clock.now(),
            due_at,
            bill.is_by_certificate,
            is_probe,
        )
        self.sent.append(notice)
        return notice

    def repeat(self, n: int) -> Notice | None:
        """Sends an earlier callback again: the same body, signed anew."""
        for old in self.sent:
            if old.n == n and old.url:
                self.last_n += 1
                now = self.ground.clock.now()
                again = Notice(self.last_n, old.out_bill_no, old.openid, old.url, old.body, now, now)
                again.is_by_certificate, again.is_probe = old.is_by_certificate, old.is_probe
                self.sent.append(again)
                self._schedule(again)
                return again
        return None

    # -- delivery -----------------------------------------------------------------------------------------------

    def _deliver(self, notice: Notice) -> None:
        """One attempt; without a good answer the next one is queued after its gap (§4.10)."""
        with self.lock:
            fault = self.faults.take(f"push/{EVENT}", "push")
            if fault is not None and fault.kind in ("overtake", "reorder"):
                if fault.kind == "reorder":
                    notice.due_at = self.ground.clock.now() + fault.seconds
                    self._schedule(notice)
                    return
                fault = None
        is_answered = self._attempt(notice, fault)
        with self.lock:
            if notice.is_probe:
                notice.status = "answered"
                found = "refused" if notice.attempts[-1]["http_status"] >= 400 else "no answer"
                notice.judgement = "accepted: signatures are not verified" if is_answered else found
                return
            if is_answered:
                notice.status = "answered"
                return
            repeats = len(notice.attempts) - 1
            if repeats >= QUICK_REPEATS + len(SLOW_GAPS_S):
                notice.status = "failed"
                return
            quick_s = float(self.ground.switches["transfer_notify_gap_s"])
            gap_s = quick_s if repeats < QUICK_REPEATS else SLOW_GAPS_S[repeats - QUICK_REPEATS]
            notice.due_at = self.ground.clock.now() + gap_s
            self._schedule(notice)

    def _attempt(self, notice: Notice, fault: Fault | None) -> bool:
        """Posts once; was it answered with HTTP 200 or 204 in time? Logged either way."""
        began, kind = time.perf_counter(), fault.kind if fault else ""
        entry: dict[str, Any] = {"at": self.ground.clock.now(), "http_status": 0, "answer": "", "error": ""}
        entry["fault"] = kind
        notice.attempts.append(entry)
        is_answered = False
        try:
            if kind in NOT_SENT:
                raise urllib3.exceptions.HTTPError("dropped by a fault")
            if fault is not None and kind == "slow":
                time.sleep(fault.seconds)
            if kind == "repeat":
                self._post(notice, is_garbled=False)
            status, content = self._post(notice, is_garbled=kind == "garble")
            entry["http_status"], entry["answer"] = status, content[:4096].decode("utf-8", "replace")
            if status not in (200, 204):
                entry["error"] = f"HTTP {status}"
            elif kind == "drop_reply":
                entry["error"] = "answer dropped by a fault"
            else:
                is_answered = True
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            entry["error"] = f"{type(error).__name__}: {error}"[:300]
        entry["took_ms"] = round((time.perf_counter() - began) * 1000, 1)
        return is_answered

    def _post(self, notice: Notice, *, is_garbled: bool) -> tuple[int, bytes]:
        """One signed POST within five seconds (§4.10). Raises HTTPError."""
        body = notice.body.encode()
        headers = platform_headers(
            self.ground, self.keys(), body, notice.is_by_certificate, self.ground.clock.now(), is_probe=notice.is_probe
        )
        reply = self._http.request(
            "POST",
            notice.url,
            body=body[: len(body) // 2] if is_garbled else body,
            headers={"Content-Type": "application/json", "User-Agent": "Mozilla/4.0", "Accept": "*/*", **dict(headers)},
            timeout=urllib3.Timeout(connect=TIMEOUT_S, read=TIMEOUT_S, total=TIMEOUT_S),
            preload_content=False,
            redirect=False,
        )
        try:
            return reply.status, bytes(reply.read(MAX_ANSWER_BYTES))
        finally:
            reply.release_conn()

    # -- shown and saved ----------------------------------------------------------------------------------------

    def after(self, n: int, limit: int = 500) -> list[dict[str, Any]]:
        """Callbacks after number `n`, oldest first; n < 0 counts from the end."""
        if n < 0:
            n = self.last_n + n
        return [shown(notice) for notice in self.sent if notice.n > n][:limit]

    def to_state(self) -> dict[str, Any]:
        kept = [notice for notice in self.sent if notice.status == "queued"] + list(self.sent)[-200:]
        rows = {notice.n: vars(notice) for notice in kept}
        return {"last_n": self.last_n, "sent": [rows[n] for n in sorted(rows)]}

    def load_state(self, saved: dict[str, Any]) -> None:
        self.last_n = saved["last_n"]
        self.sent = deque((Notice(**each) for each in saved["sent"]), maxlen=KEPT)
        for notice in self.sent:
            if notice.status == "queued":
                self._schedule(notice)


def shown(notice: Notice) -> dict[str, Any]:
    return {**vars(notice), "attempts": [*notice.attempts]}
