"""A record of an evening as whoever forges it edits it."""

from __future__ import annotations

from typing import Any

from wxbot.hall import log
from wxbot.hall.log import LogLine

Record = dict[str, Any]


def lines(record: Record, kind: str) -> list[dict[str, Any]]:
    """The lines of a kind."""
    return [line for line in record["log"] if line["kind"] == kind]


def chained(record: Record) -> Record:
    """The record with numbers and hashes of its log made anew: whoever edits a log would do so."""
    last: LogLine | None = None
    for line in record["log"]:
        seq, prev_hash = (last.seq + 1, last.hash) if last else (1, log.GENESIS)
        hashed = log.entry_hash(record["hall_id"], seq, line["at"], line["kind"], line["body"], prev_hash)
        line |= {"seq": seq, "prev_hash": prev_hash, "hash": hashed}
        last = LogLine(**line)
    return record
