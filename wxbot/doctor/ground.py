"""Checks of this machine: settings, folder, disk, database, Redis, worker, staff."""

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import redis
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from wxbot import heartbeat
from wxbot.db import DatabaseMissing, sqlite_file
from wxbot.doctor.finding import Finding, bad, good, note, reason
from wxbot.migrations import revisions
from wxbot.plurals import plural
from wxbot.runtime import Runtime
from wxbot.staff.models import ROLES, Staff
from wxbot.text import Text, listed

LEAST_FREE_BYTES = 1 << 30
CASHIERS = 2


def profile(runtime: Runtime) -> Finding:
    """Settings are whole (they were read), and which WeChat they speak to."""
    settings = runtime.settings
    if settings.is_simulated:
        return note(
            f"使用微信模拟器（{settings.api_base}），不会动用真实资金",
            f"simulator profile, {settings.api_base}: no real money moves",
        )
    return good(f"正式环境，回调模式 {settings.callback_mode}", f"production, callback mode {settings.callback_mode}")


def data_folder(runtime: Runtime) -> Finding:
    """The data folder exists, can be written, and belongs to us alone."""
    folder = runtime.settings.data_dir
    if not folder.is_dir():
        return bad(
            f"数据目录 {folder} 不存在",
            f"the data folder {folder} does not exist",
            f"mkdir -p {folder} && chmod 700 {folder}",
        )
    owner = folder.stat().st_uid
    strangers = [path.name for path in sorted(folder.iterdir()) if path.stat(follow_symlinks=False).st_uid != owner]
    if strangers:
        said = listed(strangers[:5])
        return bad(
            f"数据目录 {folder} 里有别的用户的文件：{said.zh}，服务可能写不了",
            f"{folder} holds files of another user, which the service may not be able to write: {said.en}",
            f"chown -R --reference={folder} {folder}",
            f"chown -R --reference={folder} {folder}",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return bad(
            f"数据目录 {folder} 不可写",
            f"the data folder {folder} cannot be written",
            f"让运行 wxbot 的用户拥有它：chown -R $(whoami) {folder}",
            f"let the user that runs wxbot own it: chown -R $(whoami) {folder}",
        )
    if folder.stat().st_mode & 0o007 and not runtime.settings.is_simulated:
        return note(
            f"数据目录 {folder} 对其他用户开放",
            f"{folder} is open to other users of this machine",
            f"chmod 700 {folder}",
        )
    return good(f"数据目录 {folder} 可写", f"the data folder {folder} can be written")


def disk_space(runtime: Runtime) -> Finding:
    """There is room for the database to grow (money F64)."""
    folder = runtime.settings.data_dir
    usage = shutil.disk_usage(folder if folder.is_dir() else ".")
    share = usage.free * 100 // usage.total
    said = f"{usage.free / (1 << 30):.1f} GB ({share} %)"
    if usage.free < LEAST_FREE_BYTES:
        return bad(
            f"磁盘只剩 {said}",
            f"only {said} of the disk are free",
            "清理磁盘或扩容；磁盘写满时 wxbot 停止发放",
            "make room on the disk, or get a larger one; wxbot stops sending when it is full",
        )
    if share < 20:
        return note(f"磁盘剩余 {said}", f"{said} of the disk are free", "请尽早扩容", "get a larger disk soon")
    return good(f"磁盘剩余 {said}", f"{said} of the disk are free")


def database_answers(runtime: Runtime) -> Finding:
    """The database can be reached."""
    began = time.perf_counter()
    try:
        with runtime.database.reading() as session:
            session.execute(text("SELECT 1"))
    except DatabaseMissing as error:
        return bad("还没有数据库", str(error).splitlines()[-1], "wxbot db upgrade", "wxbot db upgrade")
    except SQLAlchemyError as error:
        return bad(
            "连不上数据库",
            f"the database does not answer: {reason(getattr(error, 'orig', None) or error)}",
            "检查 WXBOT_DATABASE_URL，以及数据库是否在运行",
            "check WXBOT_DATABASE_URL, and whether the database runs",
        )
    took_ms = (time.perf_counter() - began) * 1000
    kind = runtime.database.engine.dialect.name
    return good(f"数据库正常（{kind},{took_ms:.0f} 毫秒）", f"the database answers ({kind}, {took_ms:.0f} ms)")


def schema_is_current(runtime: Runtime) -> Finding:
    """The schema is the newest."""
    now, newest = revisions(runtime.database)
    if now != newest:
        return bad(
            f"数据库结构是 {now or '空'}，应为 {newest}",
            f"the schema is at {now or 'nothing'}, should be at {newest}",
            "wxbot db upgrade",
        )
    return good(f"数据库结构是最新的（{now}）", f"the schema is up to date ({now})")


def database_is_durable(runtime: Runtime) -> Finding:
    """What was committed survives a power loss (money F63, F65)."""
    with runtime.database.engine.connect() as connection:
        if runtime.database.is_sqlite:
            names = ("journal_mode", "synchronous", "foreign_keys")
            found = {name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar()) for name in names}
            found["journal_mode"] = _journal_mode(runtime)
            wanted = {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"}
        else:
            names = ("synchronous_commit", "fsync", "full_page_writes")
            found = {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in names}
            wanted = dict.fromkeys(names, "on")
    wrong = {name: found[name] for name in wanted if found[name] != wanted[name]}
    if wrong:
        said = ", ".join(f"{name}={value}" for name, value in wrong.items())
        return bad(
            f"数据库断电可能丢账：{said}",
            f"a power loss could lose bookings: {said}",
            "改成 " + ", ".join(f"{name}={wanted[name]}" for name in wrong),
            "set " + ", ".join(f"{name}={wanted[name]}" for name in wrong),
        )
    said = ", ".join(f"{name}={value}" for name, value in found.items())
    return good(f"数据库落盘设置正确（{said}）", f"commits are durable ({said})")


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(20)


def _journal_mode(runtime: Runtime) -> str:
    """As the file itself says (bytes 18 and 19 of its header): whoever only looks is not told by SQLite."""
    file = sqlite_file(runtime.settings.database_url)
    return "wal" if file is None or _head(file)[18:20] == b"\x02\x02" else "delete"


def redis_answers(runtime: Runtime) -> Finding:
    """Redis can be reached."""
    try:
        began = time.perf_counter()
        runtime.redis.ping()
    except redis.RedisError as error:
        return bad(
            "连不上 Redis",
            f"Redis does not answer: {reason(error)}",
            "检查 WXBOT_REDIS_URL，以及 Redis/Valkey 是否在运行",
            "check WXBOT_REDIS_URL, and whether Redis or Valkey runs",
        )
    took_ms = (time.perf_counter() - began) * 1000
    return good(f"Redis 正常（{took_ms:.1f} 毫秒）", f"Redis answers ({took_ms:.1f} ms)")


def redis_keeps_everything(runtime: Runtime) -> Finding:
    """Redis never throws keys away by itself (money F59)."""
    try:
        found = runtime.redis.config_get("maxmemory-policy")
    except redis.ResponseError:
        return note(
            "Redis 不允许查看 maxmemory-policy",
            "Redis does not let us read maxmemory-policy",
            "请确认它是 noeviction",
            "make sure that it is noeviction",
        )
    except redis.RedisError as error:
        return bad(
            "连不上 Redis", f"Redis does not answer: {reason(error)}", "检查 WXBOT_REDIS_URL", "check WXBOT_REDIS_URL"
        )
    policy = found.get("maxmemory-policy", "") if isinstance(found, dict) else ""
    if policy != "noeviction":
        return bad(
            f"Redis 会自动丢弃数据（{policy}）",
            f"Redis throws keys away by itself ({policy})",
            "redis-cli CONFIG SET maxmemory-policy noeviction，并写进 redis.conf",
            "redis-cli CONFIG SET maxmemory-policy noeviction, and write it into redis.conf",
        )
    return good("Redis 不会自动丢弃数据（noeviction）", "Redis throws nothing away (noeviction)")


def worker_lives(runtime: Runtime) -> Finding:
    """A worker has ended a task within the last minute, and none has fallen silent without being stopped."""
    try:
        known = heartbeat.workers(runtime.redis)
    except redis.RedisError as error:
        return bad(
            "连不上 Redis，看不到后台任务",
            f"no Redis, no sight of the worker: {reason(error)}",
            "先修好 Redis",
            "mend Redis first",
        )
    living = [worker for worker in known if worker.is_alive]
    silent = [worker for worker in known if not worker.is_alive]
    if not living:
        return bad(
            "后台任务没有运行：不会下单，也不会对账",
            "no worker is running: nothing is ordered or reconciled",
            "wxbot worker(或 systemctl start wxbot-worker)",
            "wxbot worker (or systemctl start wxbot-worker)",
        )
    if silent:
        lost = _named(silent)
        return note(
            f"{len(living)} 个后台任务进程在运行；没有正常退出就失去消息的：{lost.zh}",
            f"{len(living)} {plural(len(living), 'worker runs', 'workers run')}; silent without having been stopped: {lost.en}",
            "在那台机器上：systemctl status wxbot-worker；10 分钟后不再显示",
            "on that machine: systemctl status wxbot-worker; it is shown for 10 minutes",
        )
    said = _named(living)
    return good(
        f"{len(living)} 个后台任务进程在运行：{said.zh}",
        f"{len(living)} {plural(len(living), 'worker runs', 'workers run')}: {said.en}",
    )


def _named(workers: Iterable[heartbeat.Worker]) -> Text:
    return listed(f"{worker.host} (pid {worker.pid}, {worker.age_s:.0f} s)" for worker in workers)


def four_eyes(runtime: Runtime) -> Finding:
    """Every role is taken, and there are two cashiers: what one of them asks for, another approves (money rule 14)."""
    with runtime.database.reading() as session:
        counted = select(Staff.role, func.count().label("n")).where(Staff.is_active).group_by(Staff.role)
        active = {row.role: int(row.n) for row in session.execute(counted)}
    missing = [role for role in ROLES if not active.get(role)]
    if missing:
        said = listed(missing)
        return note(
            f"还没有这些角色的账号：{said.zh}",
            f"nobody has the role {said.en} yet",
            f"wxbot staff add LOGIN --role {missing[0]}",
        )
    if active["cashier"] < CASHIERS:
        return note(
            "只有一位财务：预算、大额付款和补发需要另一位财务审批",
            "there is one cashier: budgets, large payouts and re-issues need a second one",
            "wxbot staff add LOGIN --role cashier",
        )
    return good(f"后台账号齐全(共 {sum(active.values())} 人)", f"all roles are taken ({sum(active.values())} people)")
