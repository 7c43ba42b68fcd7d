"""Copies of a database, and machines that come up with one: what a restore looks like from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.servers import PrivatePostgres
from wxbot.runtime import Runtime


class Copies:
    """Takes copies of a runtime's database, as `.backup` and `pg_dump` would, and starts machines on them."""

    def __init__(self, postgres: PrivatePostgres | None, folder: Path) -> None:
        self._postgres, self._folder, self._made = postgres, folder, list[str]()

    def take(self, runtime: Runtime) -> str:
        """The address of a copy that nobody uses yet."""
        url = make_url(runtime.settings.database_url)
        if self._postgres is None:
            path = self._folder / f"copy{len(self._made)}.db"
            with closing(sqlite3.connect(str(url.database))) as source, closing(sqlite3.connect(path)) as target:
                source.backup(target)
            self._made.append(str(path))
            return f"sqlite:///{path}"
        runtime.database.close()  # PostgreSQL copies a database that nobody is connected to
        self._made.append(self._postgres.create(template=str(url.database)))
        return self._postgres.url_of(self._made[-1])

    def drop(self) -> None:
        """Remove the copies."""
        for name in self._made if self._postgres is not None else ():
            assert self._postgres is not None
            self._postgres.drop(name)


@contextmanager
def machine(runtime: Runtime, database_url: str, folder: Path) -> Iterator[Runtime]:
    """Another start of the same deployment, on this database and with this data folder."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = runtime.settings.model_copy(update={"database_url": database_url, "data_dir": folder})
    with closing(Runtime(settings)) as made:
        made.clock.refresh()
        yield made
