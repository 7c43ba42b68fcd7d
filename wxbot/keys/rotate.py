"""Change the secret key: everything sealed is sealed anew, every blind index made anew, while the service is stopped.

The state of the work is in the rows themselves: what the new key opens is done, what the former one opens is to do. Rows are
changed a batch at a time, each batch with its indexes in one transaction, so a kill at any point leaves both kinds beside
each other, no start is allowed, and the same command goes on. An index stays unique all the time: the rows of one table are
changed one by one from one function to the other, and nobody writes meanwhile.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import Row, bindparam, func, select, text, tuple_, update
from sqlalchemy.orm import Session

from wxbot import heartbeat
from wxbot.db import APPLICATION_NAME, LOCK_WAIT_S, Database, changed, is_pooled
from wxbot.keys import sentinel
from wxbot.keys.columns import SEALED, Sealed
from wxbot.keys.sentinel import KeyProblem, Sentinel, opens, read
from wxbot.logs import get_logger
from wxbot.people.models import CODE_NEXT, SMS_NEXT, SmsCode, SmsCount, SmsOut
from wxbot.runtime import Runtime
from wxbot.shake.models import Bind
from wxbot.staff import audit
from wxbot.staff.audit import Actor
from wxbot.transitions import moving

log = get_logger(__name__)

BATCH = 500


@dataclass
class Done:
    """What one run did: rows sealed anew by table, rows that neither key opens, bind events whose order is not known yet."""

    changed: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, list[str]] = field(default_factory=dict)
    binds_left: int = 0
    was_done: bool = False


OnProgress = Callable[[str, int], None]
"""Called after each batch: the table, and how many of its rows were sealed anew so far."""


class Rotation:
    """One run of the change, from the key of WXBOT_SECRET_KEY_OLD to that of WXBOT_SECRET_KEY."""

    def __init__(self, runtime: Runtime, told: OnProgress = lambda _table, _rows: None) -> None:
        former = runtime.former_vault
        if former is None:
            raise KeyProblem(
                "更换密钥需要两个密钥：WXBOT_SECRET_KEY 是新的，WXBOT_SECRET_KEY_OLD 是原来的\n"
                "Two keys are needed: WXBOT_SECRET_KEY is the new one, WXBOT_SECRET_KEY_OLD the former one"
            )
        self._runtime, self._database, self._told = runtime, runtime.database, told
        self._new, self._former = runtime.vault, former
        self._counted: set[str] = set()
        self.done = Done()

    def run(self, actor: Actor, *, leaves_unreadable: bool = False) -> Done:
        """Seal everything anew; going on with a run that was killed is the same call.

        Raises KeyProblem when the service still runs, when the keys are not the two that this database knows, and, unless
        `leaves_unreadable`, when a row opens with neither: then nothing more is done, and the start stays refused.
        """
        refuse_running(self._runtime)
        with self._database.transaction() as session:
            is_new = self._begin(session)
        for entry in SEALED:
            self._reseal_table(entry)
        if self.done.unreadable and not leaves_unreadable:
            raise KeyProblem(_unreadable(self.done.unreadable))
        with self._database.transaction() as session:
            self._finish(session, actor, is_new)
        return self.done

    def _begin(self, session: Session) -> bool:
        """Write down that the change has begun, or see that it may go on; whether there was anything left to begin."""
        row = session.get(Sentinel, 1, with_for_update=True)
        stands = sentinel.standing(session, self._new, self._former)
        if stands == "half" and row is not None:
            if not opens(self._new, row.coming) or not opens(self._former, row.sealed):
                raise KeyProblem(
                    "更换密钥已经开始，但用的是另一对密钥，请用那时的 WXBOT_SECRET_KEY 和 WXBOT_SECRET_KEY_OLD 继续\n"
                    "A change of the key was begun with two other keys; go on with those as WXBOT_SECRET_KEY and WXBOT_SECRET_KEY_OLD"
                )
        elif stands == "former":
            coming = self._new.seal(sentinel.TEXT)
            sealed = row.sealed if row is not None else self._former.seal(sentinel.TEXT)
            sentinel.write(session, sealed, coming, self._database.now(session))
            self._drop_codes(session)
        elif stands == "foreign":
            raise KeyProblem(
                "这个数据库既不是 WXBOT_SECRET_KEY 的，也不是 WXBOT_SECRET_KEY_OLD 的，请检查 WXBOT_SECRET_KEY_OLD\n"
                "This database is sealed with neither key; check WXBOT_SECRET_KEY_OLD"
            )
        else:
            self.done.was_done = True
        self._counted = set(session.scalars(select(SmsCount.subject)))
        return not self.done.was_done

    @staticmethod
    def _drop_codes(session: Session) -> None:
        """A code's hash cannot be made anew from what is stored; the person asks for another, it would live five minutes."""
        changed(session, moving(SmsCode, CODE_NEXT, ("live",), "dead"))
        changed(session, moving(SmsOut, SMS_NEXT, ("planned",), "late"))

    def _reseal_table(self, entry: Sealed) -> None:
        after: tuple[Any, ...] | None = None
        while True:
            with self._database.transaction() as session:
                rows = _next_rows(session, entry, after)
                self._reseal(session, entry, rows)
            if not rows:
                return
            after = _key_of(entry, rows[-1])
            self._told(entry.table.name, self.done.changed.get(entry.table.name, 0))

    def _reseal(self, session: Session, entry: Sealed, rows: Sequence[Row[Any]]) -> None:
        """One batch: what the former key sealed gets new seals and a new index, and what follows an index follows it."""
        changes: list[dict[str, Any]] = []
        plain: list[str] = []
        for row in rows:
            now, before = (
                {name: read(vault, getattr(row, name)) for name in entry.columns} for vault in (self._new, self._former)
            )
            texts = {name: before[name] if text is None else text for name, text in now.items()}
            if None in texts.values():
                self.done.unreadable.setdefault(entry.table.name, []).append("/".join(map(str, _key_of(entry, row))))
                continue
            first = str(texts[entry.columns[0]])
            if entry.index:
                plain.append(first)
            if None in now.values():
                values = {
                    f"new_{name}": self._new.seal(str(text)) if text else getattr(row, name)
                    for name, text in texts.items()
                }
                if entry.index:
                    values[f"new_{entry.index}"] = self._new.index(first)
                changes.append(values | {f"key_{name}": getattr(row, name) for name in _key_names(entry)})
        _write(session, entry, changes)
        self.done.changed[entry.table.name] = self.done.changed.get(entry.table.name, 0) + len(changes)
        self._move_followers(session, entry.columns[0] == "sp_ticket", plain)

    def _move_followers(self, session: Session, are_tickets: bool, plain: Sequence[str]) -> None:
        """Indexes of the same text that stand elsewhere without it: bind events of a ticket, message counts of a phone.

        Looked for in every run and for every row, since a ticket may become known after the bind event that names it.
        """
        column = Bind.sp_ticket_hash if are_tickets else SmsCount.subject
        pairs = ((self._former.index(one), self._new.index(one)) for one in plain)
        moves = [
            {"before": before, "after": after} for before, after in pairs if are_tickets or before in self._counted
        ]
        if moves:
            table: Any = column.class_.__table__
            moved = (
                update(table).where(table.c[column.key] == bindparam("before")).values({column.key: bindparam("after")})
            )
            session.connection().execute(moved, moves)

    def _finish(self, session: Session, actor: Actor, is_new: bool) -> None:
        """The new key is this database's; the former one opens nothing in it any more, the sentinel included."""
        now = self._database.now(session)
        waiting = select(func.count()).select_from(Bind).where(Bind.status == "pending")
        self.done.binds_left = session.execute(waiting).scalar_one()
        sentinel.write(session, self._new.seal(sentinel.TEXT), "", now)
        counts = {name: rows for name, rows in self.done.changed.items() if rows}
        if is_new or counts:
            left = {name: len(ids) for name, ids in self.done.unreadable.items()}
            audit.record(session, actor, "key_rotate", "secret_key", now, detail={"sealed": counts, "unreadable": left})
        self.done.changed = counts
        log.info("secret_key_changed", **counts)


def _next_rows(session: Session, entry: Sealed, after: tuple[Any, ...] | None) -> Sequence[Row[Any]]:
    keys = list(entry.table.primary_key)
    query = select(*keys, *(entry.table.c[name] for name in entry.columns))
    if after is not None:
        query = query.where(tuple_(*keys) > tuple_(*after) if len(keys) > 1 else keys[0] > after[0])
    return session.execute(query.where(entry.is_filled).order_by(*keys).limit(BATCH)).all()


def _key_names(entry: Sealed) -> list[str]:
    return [column.name for column in entry.table.primary_key]


def _key_of(entry: Sealed, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _key_names(entry))


def _write(session: Session, entry: Sealed, changes: Sequence[dict[str, Any]]) -> None:
    """Update rows by their keys, all in one message to the database."""
    if not changes:
        return
    names = (*entry.columns, *([entry.index] if entry.index else []))
    keys = [entry.table.c[name] == bindparam(f"key_{name}") for name in _key_names(entry)]
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    session.connection().execute(update(entry.table).where(*keys).values(new), list(changes))


def _unreadable(rows: dict[str, list[str]]) -> str:
    named = "; ".join(f"{table} {', '.join(ids[:10])}{' …' if len(ids) > 10 else ''}" for table, ids in rows.items())
    return (
        f"有些行两个密钥都打不开：{named}。如果它们早已无法读取，加 --leave-unreadable 再运行一次\n"
        f"Some rows open with neither key: {named}. If they have long been unreadable, run again with --leave-unreadable"
    )


# --- the service must be stopped ----------------------------------------------------------------------------------


def refuse_running(runtime: Runtime) -> None:
    """Raise KeyProblem when a process of this deployment still runs: it would go on writing with the former key."""
    for who in _running(runtime):
        raise KeyProblem(
            f"服务还在运行（{who}）。请先停止所有机器上的网站和后台任务，再更换密钥\n"
            f"The service still runs ({who}). Stop web and worker on every machine, then change the key"
        )


def _running(runtime: Runtime) -> Iterator[str]:
    try:
        workers = [worker for worker in heartbeat.workers(runtime.redis) if worker.is_alive]
    except RedisError:
        workers = []
    if workers:
        yield f"worker {workers[0].host}:{workers[0].pid}"
    database = runtime.database
    if database.is_sqlite:
        if _is_open_elsewhere(database):
            yield str(database.engine.url.database)
        return
    with database.engine.connect() as connection:
        if is_pooled(connection.connection.driver_connection):
            return  # a pooler's connections say nothing about who stands behind them
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        count = connection.execute(others, {"name": APPLICATION_NAME}).scalar_one()
    if count:
        yield f"{count} × PostgreSQL {APPLICATION_NAME}"


def _is_open_elsewhere(database: Database) -> bool:
    """Leaving WAL mode is possible only for somebody who is alone with the file; the next connection goes back to it."""
    database.close()
    alone = sqlite3.connect(str(database.engine.url.database), isolation_level=None, timeout=LOCK_WAIT_S / 10)
    try:
        return bool(alone.execute("PRAGMA journal_mode=DELETE").fetchone()[0] != "delete")
    except sqlite3.OperationalError:
        return True
    finally:
        alone.close()
