"""DOOR time: the table of tasks, the table of intervals, and the Celery application that runs them.

Celery only carries names: every task looks into the database for what is due (level-triggered, F76), so a lost or
doubled message changes nothing, and an emptied broker is refilled by the next tick (F02, I18).
"""

from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.signals import worker_shutdown
from redis.exceptions import RedisError

from wxbot import invariants, ledger
from wxbot.campaigns.launch import active_campaigns, advance
from wxbot.draws import bind
from wxbot.heartbeat import Heartbeat
from wxbot.logs import configure, get_logger
from wxbot.orders.bill import fetch_bills
from wxbot.orders.reconcile import reconcile_due
from wxbot.orders.send import recover_sending, send_due
from wxbot.payouts.follow import follow_due
from wxbot.payouts.list_rows import request_rows
from wxbot.payouts.order import held_back, order_due
from wxbot.people.erasure import erase_due
from wxbot.people.notices import tell_due
from wxbot.people.outbox import send_due as send_sms
from wxbot.replies.dialogues.ends import sweep
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.vouchers import erasure as voucher_erasure
from wxbot.vouchers import fetch as voucher_photos

log = get_logger(__name__)

RECONCILE_BATCH = 200


def climb(runtime: Runtime) -> int:
    """Advance every campaign that needs it; one that raises does not keep the others waiting (F89)."""
    done = 0
    for campaign_id in active_campaigns(runtime.database):
        try:
            done += advance(runtime, campaign_id)
        except Exception:
            log.exception("climb_failed", campaign_id=campaign_id)
    return done


def send(runtime: Runtime) -> int:
    """Send what is due; one sender at a time is enough, the lock is only advice (F60)."""
    lock = runtime.redis.lock("wxbot:sending", timeout=60, blocking=False)
    try:
        has_lock = lock.acquire()
    except RedisError:
        has_lock = True  # without Redis the guarded UPDATE alone keeps two senders apart
    if not has_lock:
        return 0
    try:
        return send_due(runtime, held_back=held_back).sent
    finally:
        try:
            lock.release()
        except RedisError:
            log.info("sending_lock_lost")


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


def seal(runtime: Runtime) -> int:
    """Extend the ledger's hash chain."""
    with runtime.database.transaction() as session:
        settled = ledger.settled_id(session)
    with runtime.database.transaction() as session:
        return ledger.seal(session, up_to=settled)


def check(runtime: Runtime) -> int:
    """Run the invariants that cost little; anything but 0 is an alarm."""
    return _alarm(invariants.check(runtime.database, invariants.QUICK))


def audit(runtime: Runtime) -> int:
    """Run every invariant over all rows; anything but 0 is an alarm."""
    return _alarm(invariants.check(runtime.database))


def _alarm(found: dict[str, int]) -> int:
    broken = {name: rows for name, rows in found.items() if rows}
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
    "campaigns.climb": climb,
    "orders.send": send,
    "orders.recover": recover,
    "orders.reconcile": reconcile,
    "orders.bill": fetch_bills,
    "payouts.rows": request_rows,
    "payouts.order": order_due,
    "payouts.follow": follow_due,
    "draws.match": match_binds,
    "draws.lapse": lapse_draws,
    "people.sms": send_sms,
    "people.tell": tell_due,
    "people.erase": erase_due,
    "replies.sweep": sweep,
    "vouchers.fetch": voucher_photos.fetch_due,
    "vouchers.lapse": voucher_photos.lapse,
    "vouchers.erase": voucher_erasure.erase_due,
    "ledger.seal": seal,
    "invariants.check": check,
    "invariants.audit": audit,
}
"""Task name → function. Whoever reads this table knows everything the clock can ask for."""

INTERVALS: dict[str, float] = {
    "campaigns.climb": 1.0,
    "orders.send": 1.0,
    "orders.recover": 10.0,
    "orders.reconcile": 2.0,
    "orders.bill": 600.0,
    "payouts.rows": 1.0,
    "payouts.order": 1.0,
    "payouts.follow": 1.0,
    "replies.sweep": 10.0,
    "vouchers.fetch": 1.0,
    "vouchers.lapse": 60.0,
    "vouchers.erase": 60.0,
    "draws.match": 5.0,
    "draws.lapse": 300.0,
    "people.sms": 1.0,
    "people.tell": 2.0,
    "people.erase": 600.0,
    "ledger.seal": 15.0,
    "invariants.check": 60.0,
    "invariants.audit": 3600.0,
}
"""Task name → seconds between two runs."""


def run_task(runtime: Runtime, name: str) -> int:
    """Run one task once, here and now; returns how much it did. Used by the worker, the demo and the tests."""
    return TASKS[name](runtime)


def run_until_quiet(runtime: Runtime, rounds: int = 200) -> int:
    """Run the tasks that move money and campaigns, in order, until none of them finds work; returns the rounds used."""
    names = (
        "campaigns.climb", "payouts.rows", "payouts.order", "orders.recover", "orders.send", "orders.reconcile", "payouts.follow",
        "draws.match",
    )  # fmt: skip
    for used in range(rounds):
        if sum(run_task(runtime, name) for name in names) == 0:
            return used
    return rounds


def make_celery(settings: Settings) -> Celery:
    """The Celery application: every task registered, the schedule from the table of intervals."""
    application = Celery("wxbot", broker=settings.redis_url)
    application.conf.update(
        task_ignore_result=True,
        task_default_queue="wxbot",
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": 3600},
        timezone="UTC",
        beat_schedule={
            name: {"task": name, "schedule": seconds, "options": {"expires": max(seconds * 2, 5.0)}}
            for name, seconds in INTERVALS.items()
        },
    )
    runtime = Runtime(settings)
    heartbeat = Heartbeat(runtime.redis)
    for name in TASKS:
        application.task(name=name, shared=False)(_bound(runtime, heartbeat, name))
    worker_shutdown.connect(lambda **_: heartbeat.end(), weak=False)
    return application


def _bound(runtime: Runtime, heartbeat: Heartbeat, name: str) -> Callable[[], int]:
    """A Celery task body: the function with the process's runtime; a failure is logged, the next tick tries again."""

    def body() -> int:
        try:
            with heartbeat.during(name):
                return run_task(runtime, name)
        except Exception:
            log.exception("task_failed", task=name)
            return -1

    body.__name__ = name.replace(".", "_")
    body.__doc__ = TASKS[name].__doc__
    return body


def run_worker(settings: Settings, *, concurrency: int = 4, with_clock: bool = True) -> None:
    """Run a worker in this process until it is told to stop; `with_clock` also runs the schedule (one worker only)."""
    configure(settings.log_level, settings.log_format)
    application = make_celery(settings)
    arguments: list[Any] = ["worker", "--pool", "threads", "--concurrency", str(concurrency), "--loglevel", "WARNING"]
    arguments += ["--without-gossip", "--without-mingle"]
    if with_clock:
        arguments += ["--beat", "--scheduler", "celery.beat:Scheduler"]
    application.worker_main(arguments)
