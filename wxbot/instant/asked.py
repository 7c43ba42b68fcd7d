"""What the tables say about everybody who asks to draw at one moment, each question once for all of them."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import bindparam, insert, text
from sqlalchemy.orm import Session

from wxbot.db import UtcDateTime, is_sqlite
from wxbot.draws.admission import Admission
from wxbot.draws.one_winner import beside
from wxbot.instant.models import InstantDraw
from wxbot.people import marks
from wxbot.prepared import Prepared

_ASKED_SQLITE = """
    asked (i, campaign_id, openid, nonce) AS (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
               json_extract(value, '$[3]')
          FROM json_each(:rows))
"""
_ASKED_POSTGRESQL = """
    asked (i, campaign_id, openid, nonce) AS (
        SELECT * FROM unnest(CAST(:i AS integer[]), CAST(:campaign_id AS bigint[]), CAST(:openid AS text[]), CAST(:nonce AS text[])))
"""
_COLUMNS = ("i", "campaign_id", "openid", "nonce")

_KNOWN = """
    WITH {asked}
    SELECT i, 'blocked' AS why FROM ({blocked}) AS blocked
    UNION ALL
    SELECT asked.i, 'staff' FROM {staff}
    UNION ALL
    SELECT asked.i, 'nonce' FROM {draws}
"""
_LISTED = """
    WITH {asked}
    SELECT asked.i FROM {by_openid}
    UNION ALL
    SELECT asked.i FROM {bound} JOIN campaign_people AS listed ON listed.subject = bindings.phone_index
     WHERE listed.kind = 'phone' AND listed.campaign_id = asked.campaign_id
"""
_BOUND = "WITH {asked} SELECT asked.i FROM {bound}"
_LATEST = """
    WITH {asked}
    SELECT asked.i, (SELECT drawn_at FROM instant_draws WHERE instant_draws.campaign_id = asked.campaign_id
                        AND instant_draws.openid = asked.openid ORDER BY k DESC LIMIT 1) AS drawn_at
      FROM asked
"""
_JOINS = {
    "staff": ("staff", "staff.openid = asked.openid"),
    "draws": (
        "instant_draws",
        "instant_draws.campaign_id = asked.campaign_id AND instant_draws.nonce = asked.nonce",
    ),
    "by_openid": (
        "campaign_people",
        "campaign_people.campaign_id = asked.campaign_id AND campaign_people.kind = 'openid'"
        " AND campaign_people.subject = asked.openid",
    ),
    "bound": ("bindings", "bindings.openid = asked.openid AND bindings.status = 'active'"),
}


def _statements(asked: str, is_fenced: bool) -> dict[str, Any]:
    join = partial(beside, is_fenced=is_fenced)
    joins = {name: join(table, condition) for name, (table, condition) in _JOINS.items()}
    joins |= {"asked": asked, "blocked": marks.blocked_among(join)}
    made = {"known": _KNOWN, "listed": _LISTED, "bound": _BOUND, "latest": _LATEST}
    statements: dict[str, Any] = {name: text(form.format(**joins)) for name, form in made.items()}
    known, latest = Prepared(statements["known"]), statements["latest"].columns(drawn_at=UtcDateTime())
    return statements | {"known": known, "latest": latest}


_SQLITE = _statements(_ASKED_SQLITE, is_fenced=False)
_POSTGRESQL = _statements(_ASKED_POSTGRESQL, is_fenced=True)
"""Each takes a whole batch at once, so its cost is shared."""


ROW = (
    *(
        "k",
        "openid",
        "nonce",
        "dice",
        "prize_ordinal",
        "amount_fen",
        "outcome",
        "released",
        "left",
        "channel_code",
        "ip",
    ),
)
"""Columns of a draw that differ within a batch."""

_TYPES = ("bigint", "text", "text", "integer", "integer", "bigint", "text", "integer", "integer", "text", "text")
_INSERT = """
    INSERT INTO instant_draws (campaign_id, rule_version, drawn_at, k, openid, nonce, dice, prize_ordinal, amount_fen, outcome,
                               released, "left", channel_code, ip)
    SELECT :campaign_id, :rule_version, CAST(:drawn_at AS timestamptz), drawn.* FROM unnest({columns}) AS drawn
"""
_COLUMNS_OF_ROWS = ", ".join(f"CAST(:r{n} AS {kind}[])" for n, kind in enumerate(_TYPES))
_INSERT_POSTGRESQL = Prepared(
    text(_INSERT.format(columns=_COLUMNS_OF_ROWS)).bindparams(bindparam("drawn_at", type_=UtcDateTime()))
)
_draws: Any = InstantDraw.__table__
_INSERT_SQLITE = Prepared(insert(_draws), ("campaign_id", "rule_version", "drawn_at", *ROW))
"""A row of its own costs SQLite nothing, and taking one out of JSON some microseconds; PostgreSQL would be asked once for each."""


def write(
    session: Session, campaign_id: int, rule_version: int, drawn_at: datetime, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert the draws of a batch; each row in the order of ROW."""
    same = {"campaign_id": campaign_id, "rule_version": rule_version, "drawn_at": drawn_at}
    if is_sqlite(session):
        _INSERT_SQLITE.changed(session, [{**same, **dict(zip(ROW, row, strict=True))} for row in rows])
        return
    columns = {f"r{n}": list(column) for n, column in enumerate(zip(*rows, strict=True))}
    _INSERT_POSTGRESQL.changed(session, same | columns)


def _of(session: Session, asking: Sequence[Admission]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The statements of this database, and who asks as their parameters."""
    rows = [(i, one.campaign_id, one.openid, one.ticket) for i, one in enumerate(asking)]
    if is_sqlite(session):
        return _SQLITE, {"rows": json.dumps(rows)}
    return _POSTGRESQL, dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))


def _ask(session: Session, name: str, asking: Sequence[Admission]) -> Any:
    statements, rows = _of(session, asking)
    return session.execute(statements[name], rows)


def known(session: Session, asking: Sequence[Admission]) -> dict[str, list[int]]:
    """`blocked`, `staff` (they tied their own openid) and `nonce` (drawn with already) → the places of those of whom it is true."""
    found: dict[str, list[int]] = {}
    statements, rows = _of(session, asking)
    for i, why in statements["known"].rows(session, rows):
        found.setdefault(why, []).append(int(i))
    return found


def listed(session: Session, asking: Sequence[Admission]) -> set[int]:
    """The places of those who are on their campaign's list, by openid or by the phone bound to it."""
    return {int(row.i) for row in _ask(session, "listed", asking)}


def bound(session: Session, asking: Sequence[Admission]) -> set[int]:
    """The places of those to whom a phone is bound."""
    return {int(row.i) for row in _ask(session, "bound", asking)}


def latest(session: Session, asking: Sequence[Admission]) -> dict[int, datetime]:
    """Place → when this person drew last in this campaign."""
    return {int(row.i): row.drawn_at for row in _ask(session, "latest", asking) if row.drawn_at is not None}
