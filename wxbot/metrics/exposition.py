"""GET /metrics: the snapshot in Prometheus's text format 0.0.4, for whoever knows the key.

Values come from rows, so every process answers the same and nothing is counted in memory.
"""

import hmac
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, current_app, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from wxbot import current
from wxbot.metrics.snapshot import Snapshot, take
from wxbot.runtime import Runtime

KEPT_S = 5.0
"""An answer is kept this long: several scrapers cost no more than one."""

blueprint = Blueprint("metrics", __name__)


class _Kept:
    """The last answer of this process, made by one thread at a time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._until_s = 0.0
        self._text = b""

    def of(self, runtime: Runtime) -> bytes:
        """The text, at most KEPT_S old. Raises SQLAlchemyError when the database does not answer."""
        with self._guard:
            if time.monotonic() >= self._until_s:
                self._text = text_of(take(runtime))
                self._until_s = time.monotonic() + KEPT_S
            return self._text


@blueprint.get("/metrics")
def metrics() -> Response:
    """Metrics, with `Authorization: Bearer <WXBOT_METRICS_KEY>`; without a key set there is no such page."""
    runtime = current.runtime()
    key = runtime.settings.metrics_key.get_secret_value()
    if not key:
        return Response("", 404, mimetype="text/plain")
    given = request.headers.get("Authorization", "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, f"Bearer {key}".encode()):
        return Response("", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    kept: _Kept = current_app.extensions.setdefault("wxbot.metrics", _Kept())
    return Response(kept.of(runtime), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def text_of(seen: Snapshot) -> bytes:
    """A snapshot in the text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges(seen))
    return generate_latest(registry)


NAMES: dict[str, str] = {
    "wxbot_workers_alive": "workers that ended a task within the last minute; absent while Redis does not answer",
    "wxbot_worker_age_seconds": "seconds since a worker was heard of, by worker",
    "wxbot_task_due_age_seconds": "how long the oldest due row of a task has waited, by task",
    "wxbot_orders": "orders that are not over, by status, counted to 10000",
    "wxbot_orders_stuck": "orders whose outcome has been unknown for over an hour",
    "wxbot_line_stopped": "1 while a line (v2, v3) is stopped, by line and code",
    "wxbot_invariant_broken_rows": "rows that break a rule, as the last run found, by rule; absent while all rules hold",
    "wxbot_invariants_checked_timestamp_seconds": "when the rules were run last",
    "wxbot_ledger_fen": "what stands in an account of the ledger, by account",
    "wxbot_bill_differences": "lines of fund bills that differ from the books, by kind; absent while they agree",
    "wxbot_balance_fen": "the merchant's balance: last fund bill and our movements since; absent before the first bill",
    "wxbot_balance_timestamp_seconds": "of when it is: the end of that bill, or when WeChat Pay told it (WXBOT_BALANCE_QUERY)",
    "wxbot_balance_fen_per_hour": "what left the account in the last two hours, an hour",
    "wxbot_certificate_end_timestamp_seconds": "when a certificate ends, by file",
    "wxbot_frozen": "1 while the database is frozen because it may be a copy",
    "wxbot_campaigns_without_stock": "campaigns in their window with nothing to draw",
    "wxbot_callbacks_unreadable": "messages of the last day that WeChat signed and nobody could read; answered, not believed",
    "wxbot_live_streams": "open streams of halls, by process of wxbot live; absent while none runs",
    "wxbot_live_sockets": "those of a race among them, by process",
    "wxbot_live_memory_bytes": "the most memory such a process has had, by process",
    "wxbot_live_late_seconds": "how late such a process came to something that was due, at the worst within two seconds",
    "wxbot_hall_guests": "who signed in to a hall that is launched and not closed, by campaign",
    "wxbot_hall_selections": "its selections, by campaign and status; revealed for long: nobody has confirmed its winners",
    "wxbot_hall_games": "its rains and races, by campaign and status; running for minutes: no worker has settled it",
    "wxbot_waiting_for_a_person": "what waits for a second person, by kind",
}
"""Every name with what it says; docs/operations.md lists them."""


class _Gauges(Collector):
    def __init__(self, seen: Snapshot) -> None:
        self._seen = seen

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All gauges of the snapshot, in the order of NAMES."""
        values = _values(self._seen)
        for name, told in NAMES.items():
            labels, found = values[name]
            gauge = GaugeMetricFamily(name, told, labels=labels)
            for label, value in found.items():
                gauge.add_metric([label] if isinstance(label, str) else list(label), float(value))
            if found:
                yield gauge


Labelled = Mapping[Any, float]
"""A label's value (or those of several labels) → the gauge's value."""


def _values(seen: Snapshot) -> dict[str, tuple[Sequence[str], Labelled]]:
    """Name → its labels, and label → value; the one value of a gauge without labels stands under ()."""
    alive = None if seen.workers is None else sum(worker.is_alive for worker in seen.workers)
    checked, balance = seen.checked_at, seen.balance
    return {
        "wxbot_workers_alive": ((), {} if alive is None else {(): alive}),
        "wxbot_worker_age_seconds": (("worker",), {worker.id: worker.age_s for worker in seen.workers or ()}),
        "wxbot_task_due_age_seconds": (("task",), seen.due_s),
        "wxbot_orders": (("status",), seen.orders),
        "wxbot_orders_stuck": ((), {(): seen.orders_stuck}),
        "wxbot_line_stopped": (("line", "code"), {(stop.lane, stop.code): 1.0 for stop in seen.stops}),
        "wxbot_invariant_broken_rows": (("rule",), seen.broken),
        "wxbot_invariants_checked_timestamp_seconds": ((), {(): checked.timestamp()} if checked else {}),
        "wxbot_ledger_fen": (("account",), seen.accounts),
        "wxbot_bill_differences": (("kind",), {finding.kind: finding.count for finding in seen.bill}),
        "wxbot_balance_fen": ((), {(): balance.balance_fen} if balance else {}),
        "wxbot_balance_timestamp_seconds": ((), {(): balance.as_of.timestamp()} if balance else {}),
        "wxbot_balance_fen_per_hour": ((), {(): balance.fen_per_hour} if balance else {}),
        "wxbot_certificate_end_timestamp_seconds": (
            ("file",),
            {name: ends.timestamp() for name, ends in seen.certificates.items()},
        ),
        "wxbot_frozen": ((), {(): float(seen.frozen_why is not None)}),
        "wxbot_campaigns_without_stock": ((), {(): len(seen.empty_campaigns)}),
        "wxbot_callbacks_unreadable": ((), {(): seen.unreadable}),
        "wxbot_live_streams": (("live",), {live.id: live.streams for live in seen.lives}),
        "wxbot_live_sockets": (("live",), {live.id: live.sockets for live in seen.lives}),
        "wxbot_live_memory_bytes": (("live",), {live.id: live.memory_mb << 20 for live in seen.lives}),
        "wxbot_live_late_seconds": (("live",), {live.id: live.late_ms / 1000 for live in seen.lives}),
        "wxbot_hall_guests": (("campaign",), {str(hall.campaign_id): hall.guests for hall in seen.halls}),
        "wxbot_hall_selections": (
            ("campaign", "status"),
            {(str(hall.campaign_id), status): n for hall in seen.halls for status, n in hall.selections.items()},
        ),
        "wxbot_hall_games": (
            ("campaign", "status"),
            {(str(hall.campaign_id), status): n for hall in seen.halls for status, n in hall.games.items()},
        ),
        "wxbot_waiting_for_a_person": (("kind",), seen.waiting),
    }
