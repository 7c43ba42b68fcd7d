"""The check of the database's connections: can all processes of all boxes open what they may, at the same time?"""

import os
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import Connection, text

from wxbot import heartbeat
from wxbot.db import APPLICATION_NAME, is_pooled
from wxbot.doctor.finding import Finding, bad, good, note
from wxbot.heartbeat import Worker
from wxbot.runtime import Runtime

BOXES_SQL = text("SELECT count(DISTINCT client_addr) FROM pg_stat_activity WHERE application_name = :name")
LIMITS_SQL = text(
    "SELECT name, setting FROM pg_settings WHERE name IN ('max_connections', 'superuser_reserved_connections')"
)


@dataclass(frozen=True)
class Demand:
    """What a deployment may open: the web processes of each box and all workers, each with a pool of its own."""

    boxes: int
    web: int
    workers: int
    kept: int
    most: int

    @property
    def processes(self) -> int:
        """All processes of all boxes."""
        return self.boxes * self.web + self.workers

    @property
    def zh(self) -> str:
        """The sum, in Chinese."""
        parts = f"{self.boxes} 台机器各 {self.web} 个网站进程，后台任务 {self.workers} 个"
        return f"{parts}：常用 {self.kept} 个连接，最多 {self.most} 个"

    @property
    def en(self) -> str:
        """The sum, in English."""
        parts = f"{self.boxes} box(es) with {self.web} web processes each, and {self.workers} worker(s)"
        return f"{parts}, keep {self.kept} connections and open {self.most} at most"


def web_processes() -> int:
    """gunicorn's processes on a box like this one (deploy/gunicorn.conf.py)."""
    asked = os.environ.get("WXBOT_WEB_WORKERS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(asked) if asked.isdigit() and int(asked) else max(2, cores)


def _free_for_us(connection: Connection) -> int:
    """How many connections PostgreSQL gives to ordinary roles."""
    found = {name: int(value) for name, value in connection.execute(LIMITS_SQL)}
    return found["max_connections"] - found["superuser_reserved_connections"]


def _living_workers(runtime: Runtime) -> list[Worker]:
    """The workers that were heard of; none without Redis, which has a check of its own."""
    try:
        return [worker for worker in heartbeat.workers(runtime.redis) if worker.is_alive]
    except RedisError:
        return []


def _demand(connection: Connection, workers: list[Worker], size: int, overflow: int) -> Demand:
    """Boxes are counted by who is connected now and where workers live; each is taken to be like this one."""
    connected = int(connection.execute(BOXES_SQL, {"name": APPLICATION_NAME}).scalar_one())
    boxes = max(1, connected, len({worker.host for worker in workers}))
    web, working = web_processes(), max(1, len(workers))
    processes = boxes * web + working
    return Demand(boxes, web, working, processes * size, processes * (size + overflow))


def database_connections(runtime: Runtime) -> Finding:
    """The pools of all processes of all boxes fit into PostgreSQL's max_connections."""
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
        allowed, demand = _free_for_us(connection), _demand(connection, _living_workers(runtime), size, overflow)
    fitting = max(1, allowed // demand.processes - overflow)
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
            f"{demand.en}, but PostgreSQL gives {allowed}: a rush would meet errors",
            mend,
            mend_en,
        )
    return good(f"{demand.zh}，数据库给 {allowed} 个", f"{demand.en}; PostgreSQL gives {allowed}")
