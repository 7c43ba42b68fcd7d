"""The check of the database's connections: can all processes of all boxes open what they may, at the same time?"""

import os
from dataclasses import dataclass

from sqlalchemy import Connection, text

from wxbot.db import APPLICATION_NAME, is_pooled
from wxbot.doctor.finding import Finding, bad, good, note
from wxbot.runtime import Runtime

BOXES_SQL = text("SELECT count(DISTINCT client_addr) FROM pg_stat_activity WHERE application_name = :name")
LIMITS_SQL = text(
    "SELECT name, setting FROM pg_settings WHERE name IN ('max_connections', 'superuser_reserved_connections')"
)


@dataclass(frozen=True)
class Demand:
    """What a deployment may open: web processes and one worker on each box, each with a pool of its own."""

    boxes: int
    processes: int
    kept: int
    most: int

    @property
    def zh(self) -> str:
        """The sum, in Chinese."""
        return f"{self.boxes} 台机器 × {self.processes} 个进程：常用 {self.kept} 个连接，最多 {self.most} 个"

    @property
    def en(self) -> str:
        """The sum, in English."""
        return f"{self.boxes} box(es) × {self.processes} processes keep {self.kept} connections and open {self.most} at most"


def web_processes() -> int:
    """gunicorn's processes on a box like this one (deploy/gunicorn.conf.py)."""
    asked = os.environ.get("WXBOT_WEB_WORKERS", "")
    return int(asked) if asked.isdigit() else max(2, os.cpu_count() or 2)


def _free_for_us(connection: Connection) -> int:
    """How many connections PostgreSQL gives to ordinary roles."""
    found = {name: int(value) for name, value in connection.execute(LIMITS_SQL)}
    return found["max_connections"] - found["superuser_reserved_connections"]


def _demand(connection: Connection, size: int, overflow: int) -> Demand:
    boxes = max(1, int(connection.execute(BOXES_SQL, {"name": APPLICATION_NAME}).scalar_one()))
    processes = web_processes() + 1
    return Demand(boxes, processes, boxes * processes * size, boxes * processes * (size + overflow))


def database_connections(runtime: Runtime) -> Finding:
    """The pools of all processes fit into PostgreSQL's max_connections; boxes are counted by who is connected now."""
    if runtime.database.is_sqlite:
        return good("SQLite 不限制连接数", "SQLite has no limit of connections")
    size, overflow = runtime.settings.db_pool_size, runtime.settings.db_pool_overflow
    with runtime.database.engine.connect() as connection:
        if is_pooled(connection.connection.driver_connection):
            return note(
                "经过连接池（PgBouncer）连接数据库，连接上限由它管理",
                "a pooler (PgBouncer) stands in front of the database and keeps the limit",
                f"让它的 max_client_conn 不小于所有进程之和（每个进程最多 {size + overflow} 个连接），pool_mode 为 transaction",
                f"give it a max_client_conn of at least the sum of all processes (each opens {size + overflow} at most) and pool_mode transaction",
            )
        allowed, demand = _free_for_us(connection), _demand(connection, size, overflow)
    fitting = max(1, allowed // (demand.boxes * demand.processes) - overflow)
    mend = (
        f"在 PostgreSQL 中设置 max_connections = {demand.most + 10} 并重启它，或设置 WXBOT_DB_POOL_SIZE={fitting}"
        "（同时可减小 WXBOT_DB_POOL_OVERFLOW），或在前面放 PgBouncer"
    )
    mend_en = (
        f"set max_connections = {demand.most + 10} in PostgreSQL and restart it, or WXBOT_DB_POOL_SIZE={fitting} (and a smaller "
        "WXBOT_DB_POOL_OVERFLOW), or put PgBouncer in front"
    )
    if demand.kept > allowed:
        return bad(
            f"{demand.zh}，而数据库只给 {allowed} 个", f"{demand.en}, but PostgreSQL gives {allowed}", mend, mend_en
        )
    if demand.most > allowed:
        return note(
            f"{demand.zh}，而数据库只给 {allowed} 个：高峰时会报错",
            f"{demand.en}, but PostgreSQL gives {allowed}: a rush would meet errors", mend, mend_en,
        )  # fmt: skip
    return good(f"{demand.zh}，数据库给 {allowed} 个", f"{demand.en}; PostgreSQL gives {allowed}")
