"""Counts for the funnel (pages, people who opened one, each answer to a draw), added up in this process and written once a second.

They draw charts and decide nothing; a killed process loses its last second of them. Who opens a page for the first time is a
limit of one (quotas) under a name that tells nobody's openid; it is taken with the counts, so a request waits for no SQL.
"""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.db import Database, insert_into
from wxbot.draws.models import DrawCount
from wxbot.logs import get_logger

log = get_logger(__name__)

WRITE_EVERY_S = 1.0
GIVE_UP_AFTER = 8
"""Failed writes in a row after which the waiting counts are dropped: they are charts, and memory is not for ever."""

UNREADABLE = "unreadable"
"""Under no campaign: callbacks that WeChat signed and nobody could read."""

PAGE, VISITOR = "page", "visitor"
"""A page that was opened, and a person who opened one of this campaign for the first time."""

VISITS_WAITING = 50_000
"""Visits kept until the next write; further ones are pages that were opened, by nobody new."""

AT_ONCE = 1_000
"""Visits asked about in one statement."""

Key = tuple[int, int, str, str]
"""Campaign, hour since 1970, outcome, channel code."""


class Counts:
    """The counts of one process; `add` is a dictionary write, `write` puts them into the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: dict[Key, int] = {}
        self._visits: dict[str, Key] = {}
        """Under the name of a person's first visit: as what it is counted if it is that."""
        self._thread: threading.Thread | None = None

    def add(self, campaign_id: int, outcome: str, now_unix: float, channel_code: str = "") -> None:
        """Count one outcome in the hour of `now_unix`, of a person who came by `channel_code`."""
        key = (campaign_id, int(now_unix) // 3600, outcome, channel_code)
        with self._guard:
            self._waiting[key] = self._waiting.get(key, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="draw-counts", daemon=True)
                self._thread.start()

    def visit(self, campaign_id: int, openid: str, now_unix: float, channel_code: str = "") -> None:
        """Count a page that was opened, and its person once in this campaign, where they came first."""
        name = f"{visits_of(campaign_id)}{hashlib.sha256(openid.encode()).hexdigest()[:32]}"
        with self._guard:
            if len(self._visits) < VISITS_WAITING:
                self._visits.setdefault(name, (campaign_id, int(now_unix) // 3600, VISITOR, channel_code))
        self.add(campaign_id, PAGE, now_unix, channel_code)

    def write(self) -> None:
        """Write what was counted since the last time; raises SQLAlchemyError, and then nothing is lost.

        What another thread is writing is written when this returns: one at a time.
        """
        with self._writing:
            with self._guard:
                counted, self._waiting = self._waiting, {}
                visits, self._visits = self._visits, {}
            if not counted:
                return
            try:
                with self._database.transaction() as session:
                    _upsert(session, Counter(counted) + _visitors(session, visits))
            except SQLAlchemyError:
                with self._guard:
                    for key, n in counted.items():
                        self._waiting[key] = self._waiting.get(key, 0) + n
                    self._visits = visits | self._visits
                raise

    def end(self) -> None:
        """Write what is left, or drop it: nobody writes to a database that is about to be closed."""
        try:
            self.write()
        except SQLAlchemyError as error:
            log.warning("draw_counts_not_written", error=type(error).__name__, failures=1)
        self._drop()

    def _drop(self) -> None:
        with self._guard:
            self._waiting.clear()
            self._visits.clear()

    def _run(self) -> None:
        """Write once a second while there is something to write; the next `add` starts a new thread."""
        failures = 0
        while failures < GIVE_UP_AFTER:
            time.sleep(WRITE_EVERY_S * (1 + failures))
            with self._guard:
                if not self._waiting:
                    self._thread = None
                    return
            try:
                self.write()
                failures = 0
            except SQLAlchemyError as error:
                failures += 1
                log.warning("draw_counts_not_written", error=type(error).__name__, failures=failures)
        self._drop()
        with self._guard:
            self._thread = None


def visits_of(campaign_id: int) -> str:
    """How the names begin under which its visitors are known; they are let go of when nothing of a campaign can happen any more."""
    return f"visit:{campaign_id}:"


def _visitors(session: Session, visits: Mapping[str, Key]) -> Counter[Key]:
    """Those of these visits that were their person's first."""
    names, found = sorted(visits), Counter[Key]()
    for begin in range(0, len(names), AT_ONCE):
        new = quotas.take_each(session, names[begin : begin + AT_ONCE], quotas.ALL_TIME, 1)
        found.update(visits[name] for name in new)
    return found


def _upsert(session: Session, counted: Mapping[Key, int]) -> None:
    for (campaign_id, hour, outcome, channel_code), n in sorted(counted.items()):
        statement = insert_into(session, DrawCount).values(
            campaign_id=campaign_id,
            hour=datetime.fromtimestamp(hour * 3600, UTC),
            outcome=outcome,
            channel_code=channel_code,
            n=n,
        )
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["campaign_id", "hour", "outcome", "channel_code"],
                set_={"n": DrawCount.n + statement.excluded.n},
            )
        )
