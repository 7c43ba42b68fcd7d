"""Counts for the funnel (shakes, pages, admitted, each refusal), added up in this process and written once a second.

They draw charts and decide nothing; a killed process loses its last second of them.
"""

import threading
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from wxbot.db import Database
from wxbot.draws.models import DrawCount
from wxbot.logs import get_logger

log = get_logger(__name__)

WRITE_EVERY_S = 1.0


class Counts:
    """The counts of one process; `add` is a dictionary write, `write` puts them into the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._waiting: dict[tuple[int, int, str], int] = {}
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def add(self, campaign_id: int, outcome: str, now_unix: float) -> None:
        """Count one outcome in the hour of `now_unix`."""
        key = (campaign_id, int(now_unix) // 3600, outcome)
        with self._guard:
            self._waiting[key] = self._waiting.get(key, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="draw-counts", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Write what was counted since the last time; on failure nothing is lost."""
        with self._guard:
            counted, self._waiting = self._waiting, {}
        if not counted:
            return
        insert: Any = sqlite.insert if self._database.is_sqlite else postgresql.insert
        try:
            with self._database.transaction() as session:
                for (campaign_id, hour, outcome), n in sorted(counted.items()):
                    statement = insert(DrawCount).values(
                        campaign_id=campaign_id, hour=datetime.fromtimestamp(hour * 3600, UTC), outcome=outcome, n=n
                    )
                    session.execute(
                        statement.on_conflict_do_update(
                            index_elements=["campaign_id", "hour", "outcome"],
                            set_={"n": DrawCount.n + statement.excluded.n},
                        )
                    )
        except SQLAlchemyError:
            log.warning("draw_counts_not_written", exc_info=True)
            with self._guard:
                for key, n in counted.items():
                    self._waiting[key] = self._waiting.get(key, 0) + n

    def _run(self) -> None:
        while True:
            self._wake.wait(WRITE_EVERY_S)
            self.write()
