"""DOOR time: the table of tasks, the table of intervals, and the Celery application that runs them.

Celery only carries names: every task looks into the database for what is due (level-triggered, F76), so a lost or
doubled message changes nothing, and an emptied broker is refilled by the next tick (F02, I18).
"""

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from celery import Celery, signals
from celery.utils.log import LoggingProxy
from sqlalchemy.orm import Session

from wxbot import invariants, ledger, lineage, retention, wake
from wxbot.alerts.tell import tell_due as tell_alerts
from wxbot.broker import outlive
from wxbot.campaigns.launch import active_campaigns, advance
from wxbot.draws import days
from wxbot.hall import erasure as hall_erasure
from wxbot.hall import faces
from wxbot.heartbeat import Heartbeat
from wxbot.instant import awards, remind
from wxbot.logs import configure, get_logger, worked
from wxbot.metrics.models import note_run
from wxbot.metrics.told_balance import ask as ask_balance
from wxbot.orders.bill import fetch_bills
from wxbot.orders.lost import ask_due
from wxbot.orders.models import Order
from wxbot.orders.newest import prove_due
from wxbot.orders.reconcile import reconcile_due
from wxbot.orders.send import recover_sending, send_due
from wxbot.orders.settle import Settle, settle_due
from wxbot.payouts import erasure as list_erasure
from wxbot.payouts.list_rows import request_rows
from wxbot.payouts.models import PAYOUT_REASON
from wxbot.payouts.place_orders import held_back, order_due
from wxbot.payouts.settle import settle as settle_payouts
from wxbot.people.erasure import erase_due
from wxbot.people.notices import tell_due
from wxbot.people.outbox import send_due as send_sms
from wxbot.replies.dialogues.expiry import sweep
from wxbot.runtime import Runtime
from wxbot.schedule import Schedule
from wxbot.settings import Settings
from wxbot.shake import bind
from wxbot.vouchers import decisions
from wxbot.vouchers import erasure as voucher_erasure
from wxbot.vouchers import fetch as voucher_photos

log = get_logger(__name__)

RECONCILE_BATCH = 200


def advance_campaigns(runtime: Runtime) -> int:
    """Advance every campaign that needs it; one that raises does not keep the others waiting (F89)."""
    done = 0
    if not lineage.may_send(runtime):
        return done
    for campaign_id in active_campaigns(runtime.database):
        try:
            done += advance(runtime, campaign_id)
        except Exception:
            log.exception("advance_failed", task="campaigns.advance", campaign_id=campaign_id)
    return done


def send(runtime: Runtime) -> int:
    """Send what is due. Every worker may send at the same time: the rows keep rate, day, stop and probe for all of them."""
    if lineage.is_doubted():  # the tick of orders.prove may go to another worker each time
        prove_due(runtime)
    return send_due(runtime, held_back=held_back).sent


def pay_now(runtime: Runtime) -> int:
    """Somebody waits at their phone: place and send what is due without waiting for the ticks of both (wake.py)."""
    return order_due(runtime) and send(runtime)


def recover(runtime: Runtime) -> int:
    """Take back orders whose worker died."""
    with runtime.database.transaction() as session:
        return recover_sending(session, runtime.database.now(session))


def reconcile(runtime: Runtime) -> int:
    """Ask WeChat about everything unsettled that is due."""
    total = 0
    while (asked := reconcile_due(runtime, RECONCILE_BATCH)) > 0:
        total += asked
        if asked < RECONCILE_BATCH or total >= 10 * RECONCILE_BATCH:
            break
    return total


def follow_payouts(runtime: Runtime, session: Session, orders: Sequence[Order], now: datetime) -> Sequence[Order]:
    """Payouts follow their orders, and awards their payouts."""
    done = settle_payouts(runtime, session, orders, now)
    awards.follow(session, done, now)
    return done


REASONS: dict[str, Settle] = {PAYOUT_REASON: follow_payouts}
"""reason_kind → who follows orders of that kind. Packets follow theirs while their campaign advances, under its lease."""


def settle_orders(runtime: Runtime) -> int:
    """Hand orders whose status changed to whoever asked for them."""
    return sum(settle_due(runtime, reason_kind, settle) for reason_kind, settle in REASONS.items())


def seal(runtime: Runtime) -> int:
    """Extend the ledger's hash chain."""
    settled = ledger.settled_id(runtime.database)
    if settled is None:  # a transaction stays open for long: the next round takes its entries, and those after it
        return 0
    with runtime.database.transaction() as session:
        return ledger.seal(session, up_to=settled)


def check(runtime: Runtime) -> int:
    """Run the invariants that cost little; anything but 0 is an alarm."""
    return _alarm(runtime, "quick", invariants.check(runtime.database, invariants.QUICK))


def audit(runtime: Runtime) -> int:
    """Run every invariant over all rows; anything but 0 is an alarm."""
    return _alarm(runtime, "audit", invariants.check(runtime.database))


def _alarm(runtime: Runtime, run: str, found: dict[str, int]) -> int:
    broken = {name: rows for name, rows in found.items() if rows}
    with runtime.database.transaction() as session:
        note_run(session, run, broken, runtime.database.now(session))
    if broken:
        log.error("invariants_broken", **broken)
    return sum(broken.values())


def match_binds(runtime: Runtime) -> int:
    """Join bind events that came before what they belong to."""
    return bind.match_pending(runtime, runtime.clock.now())


def lapse_draws(runtime: Runtime) -> int:
    """Give up draws that were admitted but never bound."""
    return bind.lapse(runtime, runtime.clock.now())


TASKS: dict[str, Callable[[Runtime], int]] = {
    "campaigns.advance": advance_campaigns,
    "orders.prove": prove_due,
    "orders.thaw": ask_due,
    "orders.send": send,
    "orders.recover": recover,
    "orders.reconcile": reconcile,
    "orders.bill": fetch_bills,
    "payouts.rows": request_rows,
    "payouts.order": order_due,
    "payouts.settle": settle_orders,
    wake.PAY: pay_now,
    "awards.forfeit": awards.forfeit_due,
    "awards.remind": remind.remind_due,
    "campaigns.days": days.write_due,
    "draws.match": match_binds,
    "draws.lapse": lapse_draws,
    "people.sms": send_sms,
    "people.tell": tell_due,
    "people.erase": erase_due,
    "payouts.erase": list_erasure.erase_due,
    "replies.sweep": sweep,
    "vouchers.fetch": voucher_photos.fetch_due,
    "vouchers.decide": decisions.carry_out_due,
    "vouchers.lapse": voucher_photos.lapse,
    "vouchers.erase": voucher_erasure.erase_due,
    "hall.faces": faces.fetch_due,
    "hall.erase": hall_erasure.erase_due,
    "retention.sweep": retention.sweep,
    "ledger.seal": seal,
    "metrics.balance": ask_balance,
    "alerts.tell": tell_alerts,
    "invariants.check": check,
    "invariants.audit": audit,
}
"""Task name → function. Whoever reads this table knows everything the clock can ask for."""

INTERVALS: dict[str, float] = {
    "campaigns.advance": 1.0,
    "orders.prove": 1.0,
    "orders.thaw": 5.0,
    "orders.send": 1.0,
    "orders.recover": 10.0,
    "orders.reconcile": 2.0,
    "orders.bill": 600.0,
    "payouts.rows": 1.0,
    "payouts.order": 1.0,
    "payouts.settle": 1.0,
    wake.PAY: 60.0,
    "awards.forfeit": 5.0,
    "awards.remind": 60.0,
    "campaigns.days": 300.0,
    "replies.sweep": 10.0,
    "vouchers.fetch": 1.0,
    "vouchers.decide": 1.0,
    "vouchers.lapse": 60.0,
    "vouchers.erase": 60.0,
    "hall.faces": 2.0,
    "hall.erase": 60.0,
    "draws.match": 5.0,
    "draws.lapse": 300.0,
    "people.sms": 1.0,
    "people.tell": 2.0,
    "people.erase": 600.0,
    "payouts.erase": 600.0,
    "retention.sweep": 600.0,
    "ledger.seal": 15.0,
    "metrics.balance": 15.0,
    "alerts.tell": 15.0,
    "invariants.check": 60.0,
    "invariants.audit": 3600.0,
}
"""Task name → seconds between two runs, by whichever worker is quicker."""


def run_task(runtime: Runtime, name: str) -> int:
    """Run one task once, here and now; returns how much it did. Used by the worker, the demo and the tests."""
    return TASKS[name](runtime)


def run_until_quiet(runtime: Runtime, rounds: int = 200) -> int:
    """Run the tasks that move money and campaigns, in order, until none of them finds work; returns the rounds used."""
    names = (
        "campaigns.advance",
        "payouts.rows",
        "payouts.order",
        "orders.recover",
        "orders.send",
        "orders.reconcile",
        "payouts.settle",
        "draws.match",
    )
    for used in range(rounds):
        if sum(run_task(runtime, name) for name in names) == 0:
            return used
    return rounds


BESIDE_ITSELF = frozenset({"campaigns.advance"})
"""Tasks of which one process runs several at once: while one campaign takes long, the others go on."""


def make_celery(runtime: Runtime, schedule: Schedule | None = None, heartbeat: Heartbeat | None = None) -> Celery:
    """The Celery application with every task registered. With a schedule each run is told to it, with a heartbeat counted."""
    outlive()
    application = Celery("wxbot", broker=runtime.settings.broker_url)
    application.conf.update(
        task_ignore_result=True,
        task_default_queue="wxbot",
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,  # what a worker has taken and not begun dies with it
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A tick carries no time and never expires: machines' clocks differ. One that comes back after an hour is one look more.
        broker_transport_options={"visibility_timeout": 3600},
        timezone="UTC",
    )
    for name in TASKS:
        application.task(name=name, shared=False)(_bound(runtime, name, schedule, heartbeat))
    return application


def _bound(runtime: Runtime, name: str, schedule: Schedule | None, heartbeat: Heartbeat | None) -> Callable[[], int]:
    """A Celery task body: the function with the process's runtime; a failure is logged, the next tick tries again."""
    alone = threading.Lock()

    def body() -> int:
        if schedule is not None:
            schedule.begun(name)
        if name not in BESIDE_ITSELF and not alone.acquire(blocking=False):
            return 0  # one slow task must not take every thread; another worker may run it meanwhile
        try:
            with heartbeat.during(name) if heartbeat else nullcontext():
                done = run_task(runtime, name)
        except Exception:
            log.exception("task_failed", task=name)
            return -1
        finally:
            if name not in BESIDE_ITSELF:
                alone.release()
        worked(name)
        return done

    body.__name__ = name.replace(".", "_")
    body.__doc__ = TASKS[name].__doc__
    return body


def _leave_logs_alone(**_: Any) -> None:
    """Connected to Celery's setup_logging: with a listener there, Celery leaves the logs as `configure` made them."""


def _say_ready(**_: Any) -> None:
    log.info("worker_ready")


def _say_stopping(sig: str = "", how: str = "", **_: Any) -> None:
    """Said by a thread of its own: the signal may have interrupted this thread within a line of the log, whose lock it holds."""
    threading.Thread(
        target=log.info, args=("worker_stopping",), kwargs={"signal": sig, "how": how}, name="stopping"
    ).start()


def run_worker(settings: Settings, *, concurrency: int = 4) -> None:
    """Run a worker in this process until it is told to stop. It keeps the schedule together with all other workers."""
    configure(settings.log_level, settings.log_format)
    signals.setup_logging.connect(_leave_logs_alone)
    setattr(sys, "__stdout__", LoggingProxy(logging.getLogger("celery"), "INFO"))  # noqa: B010 - Celery's own words go there
    lineage.doubt()
    runtime = Runtime(settings)
    heartbeat = Heartbeat(runtime.redis)
    schedule = Schedule(runtime.redis, INTERVALS, lambda name: application.send_task(name, retry=False))
    application = make_celery(runtime, schedule, heartbeat)
    signals.worker_ready.connect(_say_ready)
    signals.worker_ready.connect(lambda **_: schedule.start(), weak=False)
    signals.worker_shutting_down.connect(_say_stopping)
    signals.worker_shutting_down.connect(lambda **_: schedule.stop(), weak=False)
    signals.worker_shutdown.connect(lambda **_: heartbeat.end(), weak=False)
    arguments: list[Any] = [
        "--quiet",
        "worker",
        "--pool",
        "threads",
        "--concurrency",
        str(concurrency),
        "--loglevel",
        "WARNING",
    ]
    application.worker_main([*arguments, "--without-gossip", "--without-mingle", "--without-heartbeat"])
