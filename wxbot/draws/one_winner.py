"""The durable part of a draw in which a person wins at most once: one row per try, decided by unique indexes (I8).

Counts tries by a conditional write and hands out the same line again while the draw is open (S34).
"""

import json
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.db import UtcDateTime, is_sqlite
from wxbot.draws.admission import BOUND, Admission, Booked
from wxbot.draws.outcomes import Outcome
from wxbot.people import marks
from wxbot.prepared import Prepared

_ASKED_SQLITE = """
    asked (i, campaign_id, openid, hash, device_id, ip, handed_out) AS (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
               json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
               json_extract(value, '$[6]')
          FROM json_each(:rows))
"""
_ASKED_POSTGRESQL = """
    asked (i, campaign_id, openid, hash, device_id, ip, handed_out) AS (
        SELECT * FROM unnest(CAST(:i AS integer[]), CAST(:campaign_id AS bigint[]), CAST(:openid AS text[]), CAST(:hash AS text[]),
                             CAST(:device_id AS text[]), CAST(:ip AS text[]), CAST(:handed_out AS text[])))
"""
"""Arrays, because PostgreSQL knows how long one is. It takes any JSON for a hundred rows, and read every draw for a batch."""

_COLUMNS = ("i", "campaign_id", "openid", "hash", "device_id", "ip", "handed_out")
_KNOWN = """
    WITH {asked}
    SELECT i, 'blocked' AS why, '' AS handed_out
      FROM ({blocked}) AS blocked
    UNION ALL
    SELECT asked.i, draws.status, draws.handed_out
      FROM {won}
    UNION ALL
    SELECT asked.i, 'used:' || draws.status, ''
      FROM {used}
"""
_JOINS = {
    "won": (
        "draws",
        "draws.campaign_id = asked.campaign_id AND draws.openid = asked.openid AND draws.status IN ('admitted', 'bound')",
    ),
    "used": ("draws", "draws.campaign_id = asked.campaign_id AND draws.ticket_hash = asked.hash"),
}
"""What each who asks is looked up in, by an index; name in _KNOWN → (table, condition)."""


def beside(table: str, condition: str, is_fenced: bool) -> str:
    """Who asked, beside their rows of a table.

    Fenced (OFFSET 0): PostgreSQL looks once for each who asks, whatever it believes about the table; else it reads some ten
    thousand draws in full rather than look a hundred times.
    """
    if is_fenced:
        return f"asked CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {condition} OFFSET 0) AS {table}"  # noqa: S608 - both are written here and in people/marks
    return f"asked JOIN {table} ON {condition}"


_DRAW = """
    WITH {asked}
    INSERT INTO draws (campaign_id, openid, status, handed_out, ticket_hash, device_id, ip, admitted_at)
    SELECT campaign_id, openid, CASE WHEN handed_out IS NULL THEN 'missed' ELSE 'admitted' END, handed_out, hash,
           device_id, ip, :now
      FROM asked WHERE true
    ON CONFLICT DO NOTHING
    RETURNING openid
"""


def _statements(asked: str, is_fenced: bool) -> tuple[Prepared, Prepared]:
    join = partial(beside, is_fenced=is_fenced)
    joins = {name: join(table, condition) for name, (table, condition) in _JOINS.items()}
    joins["blocked"] = marks.blocked_among(join)
    draw = text(_DRAW.format(asked=asked)).bindparams(bindparam("now", type_=UtcDateTime()))
    return Prepared(text(_KNOWN.format(asked=asked, **joins))), Prepared(draw)


_SQLITE = _statements(_ASKED_SQLITE, is_fenced=False)
_POSTGRESQL = _statements(_ASKED_POSTGRESQL, is_fenced=True)
"""(known, draw) per database: each takes a whole batch at once, so its cost is shared."""


def _of(session: Session) -> tuple[Prepared, Prepared]:
    return _SQLITE if is_sqlite(session) else _POSTGRESQL


def _batch(session: Session, admissions: Sequence[Admission]) -> dict[str, Any]:
    """The batch as parameters: one JSON text for SQLite, an array per column for PostgreSQL; no luck, no signature."""
    rows = [
        (
            i,
            one.campaign_id,
            one.openid,
            one.ticket_hash,
            one.device_id,
            one.ip,
            one.handed_out,
        )
        for i, one in enumerate(admissions)
    ]
    if is_sqlite(session):
        return {"rows": json.dumps(rows)}
    return {name: list(column) for name, column in zip(_COLUMNS, zip(*rows, strict=True), strict=True)}


def _known(session: Session, admissions: Sequence[Admission]) -> dict[int, Booked]:
    """What the tables already say about these people and shakes, by place in the batch."""
    found: dict[int, dict[str, str | None]] = {}
    for i, why, handed_out in _of(session)[0].rows(session, _batch(session, admissions)):
        found.setdefault(int(i), {})[why] = handed_out
    return {i: _verdict(rows) for i, rows in found.items()}


def _verdict(rows: dict[str, str | None]) -> Booked:
    if "blocked" in rows:
        return Booked(Outcome.BLOCKED)
    if "bound" in rows:
        return Booked(Outcome.ALREADY_DRAWN, kept=BOUND)
    if "admitted" in rows:
        return _won(rows["admitted"])
    return Booked(Outcome.MISSED if "used:missed" in rows else Outcome.TICKET_TOO_OLD)


def _won(handed_out: str | None, is_new: bool = False) -> Booked:
    return Booked(Outcome.ADMITTED, handed_out, is_new, kept=f"admitted|{handed_out}" if handed_out else None)


def _again(session: Session, admission: Admission, otherwise: Outcome) -> Booked:
    """Look once more after another process was quicker."""
    return _known(session, [admission]).get(0) or Booked(otherwise)


def tries(campaign_id: int, openid: str) -> str:
    """The name of one person's limit of tries in one campaign: in all, and in a day where that is fewer."""
    return f"tries:{campaign_id}:{openid}"


def _try_periods(one: Admission) -> dict[str, int]:
    """Period → how many tries. A day that allows as many as there are in all is no limit and costs no row."""
    in_day = {one.day: one.tries_per_day} if one.tries_per_day < one.tries_per_person else {}
    return in_day | {quotas.ALL_TIME: one.tries_per_person}


def _with_a_try(session: Session, asking: Sequence[Admission]) -> set[str]:
    """Count a try for each, all of one campaign on one day; the openids of those who had one left."""
    people = {tries(one.campaign_id, one.openid): one.openid for one in asking}
    fitting, counted = set(people), list[str]()
    for period, most in _try_periods(asking[0]).items():
        asked, fitting = fitting, quotas.take_each(session, sorted(fitting), period, most)
        for name, before in product(sorted(asked - fitting), counted):
            quotas.give_back(session, name, before)
        counted.append(period)
    return {people[name] for name in fitting}


def _give_back_try(session: Session, one: Admission) -> None:
    for period in _try_periods(one):
        quotas.give_back(session, tries(one.campaign_id, one.openid), period)


def book(session: Session, admissions: Sequence[Admission]) -> list[Booked]:
    """Write admissions of different people inside the caller's transaction, or say why not, in their order."""
    results = _known(session, admissions)
    by_terms: dict[tuple[Any, ...], list[int]] = {}
    for i, one in enumerate(admissions):
        if i not in results:
            terms = (one.campaign_id, one.tries_per_person, one.tries_per_day, one.day)
            by_terms.setdefault(terms, []).append(i)
    for places in by_terms.values():
        allowed = _with_a_try(session, [admissions[i] for i in places])
        going = [i for i in places if admissions[i].openid in allowed]
        written: set[str] = set()
        if going:
            drawing = _batch(session, [admissions[i] for i in going]) | {"now": admissions[going[0]].now}
            written = {openid for (openid,) in _of(session)[1].rows(session, drawing)}
        for i in places:
            one = admissions[i]
            if one.openid in written:
                results[i] = _won(one.handed_out, is_new=True) if one.handed_out is not None else Booked(Outcome.MISSED)
            elif one.openid in allowed:  # this person's draw, or this shake, was written elsewhere a moment ago
                _give_back_try(session, one)
                results[i] = _again(session, one, Outcome.TRY_AGAIN)
            else:  # the last try may have become a draw in another process while this one waited for the row
                results[i] = _again(session, one, Outcome.NO_TRIES_LEFT)
    return [results[i] for i in range(len(admissions))]


def drawn_key(campaign_id: int, openid: str, _ticket_hash: str = "") -> str:
    """The Redis key that remembers how a person's draw stands, so that repeats need no SQL."""
    return f"drawn:{campaign_id}:{openid}"


def recall(kept: str) -> tuple[Booked, bool]:
    """What Redis remembers of an earlier draw, and whether that is the answer whatever the gates say now."""
    word, _, handed_out = kept.partition("|")
    return (Booked(Outcome.ALREADY_DRAWN), True) if word == BOUND else (Booked(Outcome.ADMITTED, handed_out), False)
