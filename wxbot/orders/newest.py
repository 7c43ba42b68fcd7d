"""Is this database the newest of its line? Where no witness says so, WeChat is asked for the numbers that would come next."""

import threading
from typing import Literal

from wxbot import lineage
from wxbot.logs import get_logger
from wxbot.orders import numbers
from wxbot.orders.numbers import Space
from wxbot.runtime import Runtime
from wxbot.witness import Witness

log = get_logger(__name__)

NEXT_SERIALS = 100
"""Serials asked about before an unwitnessed database is believed: numbers that were called off leave gaps."""

NEXT_ATTEMPTS = (1, 2, 3)

AT_START_SERIALS = 10
"""Serials asked about when a worker starts, though its witness agrees: a snapshot of the whole machine restores both alike."""

_asking = threading.Lock()

Freshness = Literal["newest", "older", "unanswered"]


def prove_due(runtime: Runtime) -> int:
    """Task: ask WeChat when the database is frozen for want of a witness, or when this worker has just started; 1 when that
    settled it."""
    if not _asking.acquire(blocking=False):
        return 0
    try:
        line = lineage.known(runtime)
        if line.frozen_why == "unwitnessed":
            return _prove(runtime, line.database_id)
        if lineage.is_doubted():
            return _prove_at_start(runtime)
        return 0
    finally:
        _asking.release()


def _prove(runtime: Runtime, database_id: str) -> int:
    answer, refusal = ask(runtime, NEXT_SERIALS, NEXT_ATTEMPTS)
    if answer == "unanswered":
        log.warning("database_not_proved", reason=refusal)
        lineage.note_refusal(runtime, refusal)
        return 0
    if answer == "older":
        lineage.freeze_now(runtime, "older", Witness())
        return 1
    log.info("database_proved", by="WeChat")
    return int(lineage.reopen(runtime, database_id, only_why="unwitnessed"))


def _prove_at_start(runtime: Runtime) -> int:
    """Only what WeChat knows counts: without an answer the witnesses are believed, and the lane's own stop tells the rest."""
    answer, refusal = ask(runtime, AT_START_SERIALS, NEXT_ATTEMPTS[:1])
    if answer == "older":
        lineage.freeze_now(runtime, "older", Witness())
    elif answer == "unanswered":
        log.warning("start_not_proved", reason=refusal)
        if not lineage.is_patience_over():
            return 0
    lineage.trust()
    return 1


def ask(runtime: Runtime, serials: int, attempts: tuple[int, ...]) -> tuple[Freshness, str]:
    """Whether WeChat knows a number that this database would give out next, or has never sent; and why there is no answer."""
    settings = runtime.settings
    with runtime.database.reading() as session:
        now = runtime.database.now(session)
        first = numbers.next_serial(session, settings.mch_id)
        since = numbers.all_known_until(session) or now
        days = numbers.days_between(since, now)
        space = Space(
            settings.mch_id, days, numbers.epochs(session, settings), attempts, numbers.versions(session, settings)
        )
        waiting = numbers.unsent(session, serials)
    asked = [
        numbers.ask_numbers(runtime, waiting),
        numbers.ask_serials(runtime, range(first, first + serials), space),
    ]
    with runtime.database.reading() as session:
        unknown = numbers.without_ours(session, [each for answers in asked for each in answers.found.values()])
    if unknown:
        log.error("numbers_unknown_to_us", first=unknown[0].mch_billno, count=len(unknown))
        return "older", ""
    refusals = [answers.refusal for answers in asked if answers.unanswered]
    return ("unanswered", refusals[0]) if refusals else ("newest", "")
