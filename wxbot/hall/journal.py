"""The rows of the public log: one line more under the hall's lock, and the log as `evening` and `verify` read it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.clock import from_unix
from wxbot.hall import allowed, log
from wxbot.hall.evening import Evening
from wxbot.hall.log import Kind, LineBody, LogLine
from wxbot.hall.models import Hall, HallEvent
from wxbot.staff.models import Staff
from wxbot.text import Refusal, Text

_LINE = (HallEvent.seq, HallEvent.kind, HallEvent.body, HallEvent.prev_hash, HallEvent.hash, HallEvent.at)
"""What a line is read from; the rows are never changed, and two hundred of them as objects take a state ten times as long."""


def lock(session: Session, campaign_id: int) -> Hall:
    """The hall, locked until the transaction ends: whatever its host decides, and each number of a guest, waits for this.

    Raises Refusal when the campaign has none (not launched, or another mechanic).
    """
    query = select(Hall).where(Hall.campaign_id == campaign_id).with_for_update()
    hall = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if hall is None:
        raise Refusal(
            "absent", Text("没有这场活动，或者还没有启动", "There is no such hall, or it is not launched yet")
        )
    return hall


def hall_id(session: Session, campaign_id: int) -> str:
    """What a hall is called in published bytes."""
    return session.get_one(Campaign, campaign_id).slug


def names_of_two(session: Session, asked_by: int, agreed_by: int) -> list[str]:
    """The two people who agreed, as the public log names them: two of one name differ by their login."""
    people = [session.get_one(Staff, staff_id) for staff_id in (asked_by, agreed_by)]
    return [f"{person.name}（{person.login}）" for person in people]


def append(session: Session, hall: Hall, kind: Kind, body: LineBody, now: datetime) -> LogLine:
    """Write the next line of a hall that is locked; `now` is the database's, and never earlier than the line before.

    Whether it may come now is asked before (`allowed.require`, or `require_and_append`). Raises ValueError for a wrong body.
    """
    return append_all(session, hall, kind, [body], now)[0]


def append_all(session: Session, hall: Hall, kind: Kind, bodies: Sequence[LineBody], now: datetime) -> list[LogLine]:
    """Several lines of one kind behind one another."""
    before, named = last(session, hall.campaign_id), hall_id(session, hall.campaign_id)
    at = max(int(now.timestamp()), before.at if before else 0)
    written: list[LogLine] = []
    for body in bodies:
        before = log.append(named, before, kind, body, at)
        written.append(before)
    session.add_all(
        HallEvent(
            campaign_id=hall.campaign_id,
            seq=entry.seq,
            kind=entry.kind,
            body=log.canonical(dict(entry.body)),
            prev_hash=entry.prev_hash,
            hash=entry.hash,
            at=from_unix(entry.at),
        )
        for entry in written
    )
    session.flush()
    return written


def require_and_append(
    session: Session, hall: Hall, kind: Kind, body: LineBody, now: datetime, state: Evening | None = None
) -> Evening:
    """The same, if it may come now; the evening with this line taken. Raises Refusal."""
    return require_and_append_all(session, hall, kind, [body], now, state)


def require_and_append_all(
    session: Session, hall: Hall, kind: Kind, bodies: Sequence[LineBody], now: datetime, state: Evening | None = None
) -> Evening:
    """Several lines of one kind, each if it may come behind the one before. `state` is the evening of whoever has read it behind
    this lock: it is taken on, so that a log is read once however many lines a verb writes. Raises Refusal."""
    state = evening(session, hall.campaign_id) if state is None else state
    at = max(int(now.timestamp()), state.at)
    for body in bodies:
        line = LogLine(0, at, kind, body, "", "")
        allowed.require(state, line)
        state.take(line)
    append_all(session, hall, kind, bodies, now)
    return state


def last(session: Session, campaign_id: int) -> LogLine | None:
    """The newest line."""
    query = select(*_LINE).where(HallEvent.campaign_id == campaign_id).order_by(HallEvent.seq.desc()).limit(1)
    row = session.execute(query).one_or_none()
    return None if row is None else _entry(row)


def entries(session: Session, campaign_id: int, after: int = 0) -> list[LogLine]:
    """The lines behind number `after`, in their order."""
    query = select(*_LINE).where(HallEvent.campaign_id == campaign_id, HallEvent.seq > after)
    return [_entry(row) for row in session.execute(query.order_by(HallEvent.seq))]


def evening(session: Session, campaign_id: int) -> Evening:
    """What the log has come to. Of the sign-ins only the last is read: their number is all that counts."""
    mine = HallEvent.campaign_id == campaign_id
    last_in = select(*_LINE).where(mine, HallEvent.kind == "signed_in").order_by(HallEvent.seq.desc()).limit(1)
    others = session.execute(select(*_LINE).where(mine, HallEvent.kind != "signed_in"))
    rows = sorted([*others, *session.execute(last_in)], key=lambda row: int(row.seq))
    return Evening.of(_entry(row) for row in rows)


def _entry(row: Row[int, str, str, str, str, datetime]) -> LogLine:
    kind, body = cast(Kind, row.kind), json.loads(row.body)
    return LogLine(row.seq, int(row.at.timestamp()), kind, body, row.prev_hash, row.hash)
