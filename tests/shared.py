"""What the applications of one test process share, and the processes of one run: whatever is the same for all and takes long to make.

A deployment makes each of these once in its life; a test would make them anew a thousand times.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from jinja2.bccache import Bucket, FileSystemBytecodeCache
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

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


class _RuleOfAll(Rule):
    """An address that is read and compiled once per process: that takes more than all else of making an application."""

    _compiled: ClassVar[dict[Any, tuple[Any, ...]]] = {}

    def compile(self) -> None:
        """Take over what another application's rule of the same address has made; nothing of it changes afterwards."""
        where = (self.subdomain, self.host, self.map.host_matching, self.merge_slashes)
        key = (self.rule, self.endpoint, str(self.defaults), *where)
        if key not in self._compiled:
            super().compile()
            # Bound methods of the first rule: they look at its converters and defaults, which are the same.
            made = (self.arguments, self._parts, self._trace, self._converters, self._build, self._build_unknown)
            self._compiled[key] = made
        made = self._compiled[key]
        self.arguments, self._parts, self._trace, self._converters, self._build, self._build_unknown = made


def pages_and_addresses(folder: Path) -> None:
    """Compile each page once for all processes that share a folder, each address once in this one."""
    from wxbot.app import Site

    Site.jinja_options = {**Site.jinja_options, "bytecode_cache": _Compiled(folder)}
    Site.url_rule_class = _RuleOfAll


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
