"""What the applications of one test process share, and the processes of one run: whatever is the same for all and takes long to make.

A deployment makes each of these once in its life; a test would make them anew a thousand times.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from flask.sansio.app import App
from flask.sansio.blueprints import Blueprint, BlueprintSetupState
from jinja2.bccache import Bucket, FileSystemBytecodeCache
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Map

from wxbot.confined import child, run

ROOT = Path(__file__).resolve().parent.parent

STATEMENTS = 5_000
"""More than there are in wxbot and its tests."""


class _Compiled(FileSystemBytecodeCache):
    """Templates that any application of this run of the tests has compiled."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key not in self._kept:
            super().load_bytecode(bucket)
            if bucket.code is None:
                return
            self._kept[bucket.key] = bucket.bytecode_to_string()
        bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()
        super().dump_bytecode(bucket)


class _KnownDoor(BlueprintSetupState):
    """A door of an application: its addresses are read and compiled for the first one of the process, the others have the same map.

    That takes more than all else of making an application. Nothing of a map changes once its application is made; views and all
    else that a door brings are each application's own.
    """

    _maps: ClassVar[dict[str, Map]] = {}

    def __init__(self, blueprint: Blueprint, app: App, options: dict[str, Any], first_registration: bool) -> None:
        super().__init__(blueprint, app, options, first_registration)
        self._is_known = blueprint.name in self._maps
        app.url_map = self._maps.setdefault(blueprint.name, app.url_map)

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Callable[..., Any] | None = None, **options: Any
    ) -> None:
        """The view alone where the map has the address."""
        if not self._is_known:
            super().add_url_rule(rule, endpoint, view_func, **options)
            return
        assert view_func
        self.app.view_functions[f"{self.name}.{endpoint or view_func.__name__}"] = view_func


def pages_and_addresses(folder: Path) -> None:
    """Compile each page once for all processes that share a folder, each address once in this one."""
    from wxbot.app import Site

    Site.jinja_options = {**Site.jinja_options, "bytecode_cache": _Compiled(folder)}

    def known(self: Blueprint, app: App, options: dict[str, Any], first_registration: bool = False) -> Any:
        make = _KnownDoor if isinstance(app, Site) else BlueprintSetupState
        return make(self, app, options, first_registration)

    setattr(Blueprint, "make_setup_state", known)  # noqa: B010 - a method of a class, which mypy would guard


def answers_of_children(folder: Path) -> None:
    """Ask the confined child about each file once in this run of the tests: to start it takes longer than to read most of them.

    What it says of the same bytes is the same in every test. Where it gives no answer, by another limit or from another place, it
    is asked itself.
    """
    ask = run._run

    def remembered(program: str, raw: bytes) -> bytes:
        asked = f"{child.__file__} {run.CHILD_S} {program} ".encode() + raw
        path = folder / f"child-{hashlib.sha256(asked).hexdigest()}"
        if not path.exists():
            answer = ask(program, raw)
            mine = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
            mine.write_bytes(answer)
            mine.replace(path)
        return path.read_bytes()

    vars(run)["_run"] = remembered


def files_of_tests(number: int, processes: int) -> None:
    """Load this process's share of the tests before all of them are collected.

    In a fresh checkout each process would compile all of them, at the same time as the others: that takes twice as long as to
    collect them. So each compiles a part and finds the rest done. What cannot be loaded is reported by the collection.
    """
    files = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))
    for path in files[number::processes]:
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(path.with_suffix("").parts))


def keys() -> None:
    """Read each private key once: to prove that its numbers belong together takes longer than most tests."""
    vars(serialization)["load_pem_private_key"] = lru_cache(maxsize=64)(serialization.load_pem_private_key)


def statements() -> None:
    """Compile each statement once for each kind of database; all engines of one kind are made with the same options."""
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        _share_statements(kind)


def _share_statements(kind: type[DefaultDialect]) -> None:
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)

    def keep_here(_kind: type[DefaultDialect], engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=compiled)

    changes = {
        "engine_created": classmethod(keep_here),
        # The dialect is a part of the key.
        "__eq__": lambda self, other: type(self) is type(other),
        "__hash__": lambda self: hash(type(self)),
    }
    for name, change in changes.items():
        setattr(kind, name, change)
