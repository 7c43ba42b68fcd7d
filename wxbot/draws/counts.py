"""Counts for the funnel (shakes, pages, admitted, each refusal), added up in this process and written once a second.

They draw charts and decide nothing; a killed process loses its last second of them.
"""

import threading
import time
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot.db import Database, insert_into
from wxbot.draws.models import DrawCount
from wxbot.logs import get_logger

log = get_logger(__name__)

WRITE_EVERY_S = 1.0
GIVE_UP_AFTER = 8
"""Failed writes in a row after which the waiting counts are dropped: they are charts, and memory is not for ever."""

UNREADABLE = "unreadable"
"""Under no campaign: callbacks that WeChat signed and nobody could read."""

Key = tuple[int, int, str, str]
"""Campaign, hour since 1970, outcome, channel code."""


class Counts:
    """The counts of one process; `add` is a dictionary write, `write` puts them into the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: dict[Key, int] = {}
        self._thread: threading.Thread | None = None

    def add(self, campaign_id: int, outcome: str, now_unix: float, channel_code: str = "") -> None:
        """Count one outcome in the hour of `now_unix`, of a person who came by `channel_code`."""
        key = (campaign_id, int(now_unix) // 3600, outcome, channel_code)
        with self._guard:
            self._waiting[key] = self._waiting.get(key, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="draw-counts", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Write what was counted since the last time; raises SQLAlchemyError, and then nothing is lost.

        What another thread is writing is written when this returns: one at a time.
        """
        with self._writing:
            with self._guard:
                counted, self._waiting = self._waiting, {}
            if not counted:
                return
            try:
                with self._database.transaction() as session:
                    _upsert(session, counted)
            except SQLAlchemyError:
                with self._guard:
                    for key, n in counted.items():
                        self._waiting[key] = self._waiting.get(key, 0) + n
                raise

    def end(self) -> None:
        """Write what is left, or drop it: nobody writes to a database that is about to be closed."""
        try:
            self.write()
        except SQLAlchemyError as error:
            log.warning("draw_counts_not_written", error=type(error).__name__, failures=1)
        with self._guard:
            self._waiting.clear()

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
        with self._guard:
            self._waiting.clear()
            self._thread = None


def _upsert(session: Session, counted: dict[Key, int]) -> None:
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
