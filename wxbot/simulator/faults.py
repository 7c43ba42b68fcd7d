"""Named faults per endpoint, off by default. Set under /_sim/faults; applied by the server and by the push engine.

Endpoints are paths as called (`/cgi-bin/token`, `/mmpaymkttransfers/hbpreorder`), `*` for all of them, `push` for every
callback and `push/<Event or MsgType>` for one kind of it, `sms` for the SMS provider. Where a path holds a number, `*`
stands for any: `/v3/fund-app/mch-transfer/transfer-bills/out-bill-no/*`.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "refuse",
    "slow",
    "drop_request",
    "drop_reply",
    "repeat",
    "reorder",
    "garble",
    "token_invalidated",
    "as_text",
    "gateway_page",
)


GATEWAY_PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
"""What a gateway puts in place of a reply, with HTTP 200."""


@dataclass
class Fault:
    """One fault. `times` counts down (None: for ever); `rate` is the chance that a call meets it."""

    kind: str
    err_code: str = "-1"
    seconds: float = 1.0
    times: int | None = None
    rate: float = 1.0
    is_landed: bool = False
    """For refuse: the call takes effect first, only its answer is replaced. For slow: first, only its answer comes late."""
    hits: int = 0
    #: For reorder: set when the call that overtakes is done. That call itself gets the inner kind `overtake`.
    overtaken: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    def hold_up(self, *, is_landed: bool) -> None:
        """Waits where a slow call does: before it takes effect, or when only its answer is to come late."""
        if self.kind == "slow" and self.is_landed is is_landed:
            time.sleep(self.seconds)

    def spoil(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        """(body, Content-Type) of a reply on whose way this fault lies."""
        if self.kind == "garble":
            return body[: len(body) // 2] + b"\xff\x00<garbled", content_type
        if self.kind == "as_text":
            return body, "text/plain"
        if self.kind == "gateway_page":
            return GATEWAY_PAGE, "text/html"
        return body, content_type

    def to_dict(self) -> dict[str, Any]:
        names = ("kind", "err_code", "seconds", "times", "rate", "is_landed", "hits")
        return {name: getattr(self, name) for name in names}


def read_fault(values: dict[str, Any], least_times: int = 1) -> Fault:
    """Checks what a person typed. Raises ValueError naming the field. A saved fault may be used up: its `times` are 0."""
    kind = values.get("kind")
    if kind not in KINDS:
        raise ValueError(f"kind: must be one of {', '.join(KINDS)}")
    seconds, rate, times = values.get("seconds", 1.0), values.get("rate", 1.0), values.get("times")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 120:
        raise ValueError("seconds: must be a number from 0 to 120")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise ValueError("rate: must be a number from 0 to 1")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < least_times):
        raise ValueError("times: must be a whole number from 1 on, or left out")
    return Fault(
        kind=kind,
        err_code=str(values.get("err_code", "-1")),
        seconds=float(seconds),
        times=times,
        rate=float(rate),
        is_landed=values.get("is_landed") is True,
        hits=int(values.get("hits", 0)),
    )


def endpoint_name(raw: str) -> str:
    """`cgi-bin/token` and `/cgi-bin/token` are the same endpoint."""
    if raw in ("*", "push", "sms") or raw.startswith("push/"):
        return raw
    return "/" + raw.strip("/")


class Faults:
    """The faults that are set, by endpoint."""

    def __init__(self) -> None:
        self.by_endpoint: dict[str, Fault] = {}

    def put(self, endpoint: str, values: dict[str, Any]) -> Fault:
        fault = read_fault(values)
        self.by_endpoint[endpoint_name(endpoint)] = fault
        return fault

    def remove(self, endpoint: str | None = None) -> None:
        """Takes one away, or all."""
        if endpoint is None:
            self.by_endpoint.clear()
        else:
            self.by_endpoint.pop(endpoint_name(endpoint), None)

    def take(self, *endpoints: str) -> Fault | None:
        """The fault this call meets, counted; the first endpoint that has one decides. Call under the world's lock."""
        if not self.by_endpoint:
            return None
        for endpoint in endpoints:
            fault = self.by_endpoint.get(endpoint)
            if fault is None:
                continue
            if fault.kind == "reorder" and fault.hits % 2 == 1 and not fault.overtaken.is_set():
                fault.hits += 1
                return Fault("overtake", overtaken=fault.overtaken)  # this call passes the one that waits
            if fault.rate < 1 and random.random() >= fault.rate:
                return None
            if fault.times is not None:
                if fault.times <= 0:
                    return None
                fault.times -= 1
            fault.hits += 1
            if fault.kind == "reorder":
                fault.overtaken = threading.Event()
            return Fault(**fault.to_dict(), overtaken=fault.overtaken)
        return None

    def to_state(self) -> dict[str, Any]:
        return {endpoint: fault.to_dict() for endpoint, fault in self.by_endpoint.items()}

    def load_state(self, saved: dict[str, Any]) -> None:
        self.by_endpoint = {endpoint: read_fault(values, least_times=0) for endpoint, values in saved.items()}

    def reset(self) -> None:
        self.by_endpoint = {}
