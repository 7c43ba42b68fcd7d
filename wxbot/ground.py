"""What every process of a deployment stands on: settings, clock, database, Redis and the vault, each made on first use.

A process that speaks to WeChat has a Runtime (wxbot/runtime.py), which is this and the clients; `wxbot live` has this alone.
"""

from collections.abc import Callable
from functools import cached_property

import redis as redis_client
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from wxbot import logs
from wxbot.clock import Clock, Measured
from wxbot.db import Database
from wxbot.settings import Settings
from wxbot.vault import Vault

log = logs.get_logger(__name__)


class Ground:
    """The parts without which nothing runs.

    A forked process must make its own: sockets are not shared between processes (money F28). With `read_only` the
    database is only looked at.
    """

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self.settings = settings
        self._read_only = read_only
        self._ends: list[Callable[[], None]] = []
        self.clock = Clock(
            f"{settings.api_base}/_sim/clock" if settings.is_simulated else None,
            self.measure_clock if settings.database_url.startswith("postgres") else None,
        )

    def measure_clock(self) -> Measured | None:
        """The reference of this deployment's clock: the database's own; None while it cannot be had."""
        try:
            return self.database.measured_clock()
        except SQLAlchemyError as error:  # without its traceback: this is told as long as the database is away
            log.warning("clock_not_measured", reason=type(error).__name__)
        except Exception:  # whatever else keeps it away: the time goes on as it was last known
            log.exception("clock_not_measured")
        return None

    @cached_property
    def database(self) -> Database:
        """The SQL database. A new connection shows that it answers again (after an outage there are only new ones)."""
        settings = self.settings
        pool = {"pool_size": settings.db_pool_size, "pool_overflow": settings.db_pool_overflow}
        made = Database(settings.database_url, self.clock, read_only=self._read_only, **pool)
        event.listen(made.engine, "connect", lambda *_: logs.worked(kind="database"))
        return made

    @cached_property
    def redis(self) -> "redis_client.Redis":
        """Redis: tokens, rate buckets, wake-ups; nothing in it may be missed when it is emptied (I18)."""
        return redis_client.Redis.from_url(
            self.settings.redis_url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2
        )

    @cached_property
    def vault(self) -> Vault:
        """Encryption at rest."""
        return Vault(self.settings.secret_key.get_secret_value())

    @cached_property
    def former_vault(self) -> Vault | None:
        """The vault of WXBOT_SECRET_KEY_OLD; None when it is not set."""
        old = self.settings.secret_key_old.get_secret_value()
        return Vault(old) if old else None

    def at_close(self, end: Callable[[], None]) -> None:
        """Let `end` be called once before the database is closed, by whoever keeps something for it in this process."""
        self._ends.append(end)

    def close(self) -> None:
        """End what is kept for the database, then close what was opened."""
        while self._ends:
            self._ends.pop()()
        self.clock.close()
        for name in ("database", "redis"):
            if name in self.__dict__:
                getattr(self, name).close()
