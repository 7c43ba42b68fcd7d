"""The task that looks and tells, and the thread of a web process that sees when no worker is left to do it."""

import threading
from collections.abc import Sequence
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from wxbot import heartbeat
from wxbot.alerts import book, targets
from wxbot.alerts.book import Telling
from wxbot.alerts.conditions import conditions, of_workers
from wxbot.alerts.words import AlertPhrases
from wxbot.clock import SHANGHAI
from wxbot.logs import get_logger
from wxbot.metrics import snapshot
from wxbot.runtime import Runtime
from wxbot.settings import Settings

WATCH_EVERY_S = 15.0
"""How often a web process looks whether workers live."""

log = get_logger(__name__)


def tell_due(runtime: Runtime) -> int:
    """Look at everything but the workers, keep what is wrong, and tell what is due; returns how many lines were told."""
    found = conditions(snapshot.take(runtime), runtime.settings)
    with runtime.database.transaction() as session:
        book.keep(session, found, runtime.database.now(session), without="worker")
    return _tell(runtime)


def watch_workers(runtime: Runtime) -> int:
    """Look whether workers live, as a web process does, and tell what is due: dead workers cannot tell of themselves.

    While Redis does not answer nobody knows; nothing is changed then.
    """
    try:
        found = of_workers(heartbeat.workers(runtime.redis), runtime.settings)
    except RedisError:
        return 0
    with runtime.database.transaction() as session:
        book.keep(session, found, runtime.database.now(session), only="worker")
    return _tell(runtime)


def _tell(runtime: Runtime) -> int:
    """Claim what is due, send it as one message, note it when at least one target took it. No transaction is open meanwhile."""
    settings = runtime.settings
    if not settings.alert_targets.get_secret_value():
        return 0
    with runtime.database.transaction() as session:
        remind = timedelta(hours=settings.alert_remind_hours)
        claimed = book.claim(session, runtime.database.now(session), remind)
    if not claimed:
        return 0
    sent = targets.send(targets.of(settings), title_of(claimed, settings), body_of(claimed, settings))
    if not any(delivery.is_good for delivery in sent):
        return 0
    with runtime.database.transaction() as session:
        book.note_told(session, claimed, runtime.database.now(session))
    log.info("alerts_told", keys=[telling.key for telling in claimed], targets=sum(each.is_good for each in sent))
    return len(claimed)


def title_of(tellings: Sequence[Telling], settings: Settings) -> str:
    """The message's first line; it begins with the brand, which robots that ask for a keyword can be given."""
    w = AlertPhrases(settings.locale)
    is_over = all(telling.what == "over" for telling in tellings)
    return f"{settings.brand} {w.title_over if is_over else w.title}"


def body_of(tellings: Sequence[Telling], settings: Settings) -> str:
    """One paragraph for each line, with the address of the page where it can be mended."""
    w = AlertPhrases(settings.locale)
    said = []
    for telling in tellings:
        since = telling.since.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
        before = {"begun": "", "still": w("still", since=since), "over": w.over}[telling.what]
        link = "" if telling.what == "over" or not telling.path else f"\n{settings.public_url}{telling.path}"
        said.append(f"{before}{telling.text}{link}")
    return "\n\n".join(said)


class Watchman(threading.Thread):
    """The thread of a web process that looks whether workers live, for as long as the process runs."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(name="watchman", daemon=True)
        self._runtime = runtime
        self._end = threading.Event()

    def run(self) -> None:
        """Look every WATCH_EVERY_S; what fails is tried again."""
        while not self._end.wait(WATCH_EVERY_S):
            try:
                watch_workers(self._runtime)
            except SQLAlchemyError:
                log.warning("workers_not_watched")
            except Exception:
                log.exception("watchman_stumbled", task="alerts.watch")

    def stop(self) -> None:
        """End after the present look."""
        self._end.set()
