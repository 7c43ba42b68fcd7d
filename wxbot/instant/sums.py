"""Draws and awards added up by hour and way in, by the very commits that write them: what a running campaign shows costs no look at
its rows, and is exact, also in a restored copy.

People are counted once for each step of a campaign, however often they take it, and all steps of a person in the hour and way in of
their first draw: a line of the funnel never says that more people won than drew. That somebody takes a step for the first time
is a limit of one (quotas), so two transactions of one person count it once.

What a transaction adds is kept until it ends and is then written at once, in one order: these rows are the last that any
transaction locks, so nobody waits for another in a circle.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple, get_args

from sqlalchemy import event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, SessionTransaction

from wxbot import quotas
from wxbot.instant.models import Award, AwardStatus, FirstStep, InstantDraw, InstantSum, SumOf
from wxbot.prepared import Prepared

_WAITING = "instant_sums"
"""Under this name a session keeps what is to be added."""

_BEFORE = "instant_sums_before"
"""Under this one, for each savepoint of the transaction: what waited when it was made."""

STATUSES: tuple[AwardStatus, ...] = get_args(AwardStatus)
STEPS: tuple[FirstStep, ...] = get_args(FirstStep)
"""In their order: who has come to one has come to those before it."""


class Participant(NamedTuple):
    """One person in one campaign."""

    campaign_id: int
    openid: str


class Came(NamedTuple):
    """When and by which way in a person drew for the first time."""

    at: datetime
    channel_code: str


@dataclass
class _Waiting:
    """What one transaction adds when it commits."""

    sums: dict[tuple[int, datetime, str, SumOf], list[int]] = field(default_factory=dict)
    """(campaign, hour, channel code, what) → [how many, fen]."""
    reached: dict[Participant, tuple[FirstStep, Came, bool]] = field(default_factory=dict)
    """The furthest step of each, a draw that led there, and whether that was their first one."""

    def copied(self) -> "_Waiting":
        return _Waiting({key: [*sums] for key, sums in self.sums.items()}, dict(self.reached))


def _waiting(session: Session) -> _Waiting:
    waiting: _Waiting = session.info.setdefault(_WAITING, _Waiting())
    return waiting


def add(
    session: Session, campaign_id: int, drawn_at: datetime, channel_code: str, what: SumOf, n: int = 1, fen: int = 0
) -> None:
    """Add (or with a negative `n` and `fen` take away) something of a draw of `drawn_at`, when this transaction commits."""
    hour = drawn_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    sums = _waiting(session).sums.setdefault((campaign_id, hour, channel_code, what), [0, 0])
    sums[0] += n
    sums[1] += fen


def moved(session: Session, award: Award, before: AwardStatus, after: AwardStatus, *, is_first_tap: bool) -> None:
    """An award went from one status to the next."""
    mine = (session, award.campaign_id, award.won_at, award.channel_code)
    add(*mine, before, -1, -award.amount_fen)
    add(*mine, after, 1, award.amount_fen)
    if is_first_tap:
        add(*mine, "tapped")
    if after in _STEP_OF:
        reach(session, Participant(award.campaign_id, award.openid), after, Came(award.won_at, award.channel_code))


def reach(session: Session, person: Participant, status: AwardStatus, came: Came, *, is_first: bool = False) -> None:
    """An award of this person has this status now. `came` is the draw that it was won with; `is_first` when it is known to be this
    person's first one."""
    step = _STEP_OF.get(status, "winners")
    reached = _waiting(session).reached
    before = reached.get(person)
    if before is None or STEPS.index(before[0]) < STEPS.index(step):
        reached[person] = (step, came, is_first or (before is not None and before[2]))


_STEP_OF: Mapping[AwardStatus, FirstStep] = {"collecting": "collectors", "paid": "receivers", "given": "receivers"}


def _count_people(session: Session, reached: Mapping[Participant, tuple[FirstStep, Came, bool]]) -> None:
    """Add up who takes a step for the first time, where they came from."""
    taken = {
        f"first:{step}:{person.campaign_id}:{person.openid}": (person, step)
        for person, (furthest, *_) in reached.items()
        for step in STEPS[: STEPS.index(furthest) + 1]
    }
    if not taken:
        return
    session.flush()
    new = [taken[name] for name in quotas.take_each(session, list(taken), quotas.ALL_TIME, 1)]
    elsewhere = {person for person, _ in new if not reached[person][2]}
    came = {person: reached[person][1] for person, _ in new} | _first_draws(session, elsewhere)
    for person, step in new:
        add(session, person.campaign_id, came[person].at, came[person].channel_code, step)


def _first_draws(session: Session, people: Collection[Participant]) -> dict[Participant, Came]:
    """The first draw of each who has one; in a hall nobody has."""
    found: dict[Participant, Came] = {}
    for campaign_id in {person.campaign_id for person in people}:
        mine = InstantDraw.campaign_id == campaign_id
        of_them = InstantDraw.openid.in_([person.openid for person in people if person.campaign_id == campaign_id])
        first = select(func.min(InstantDraw.k)).where(mine, of_them).group_by(InstantDraw.openid)
        columns = (InstantDraw.openid, InstantDraw.drawn_at, InstantDraw.channel_code)
        for openid, at, channel_code in session.execute(select(*columns).where(mine, InstantDraw.k.in_(first))):
            found[Participant(campaign_id, openid)] = Came(at, channel_code)
    return found


@cache
def _added(dialect: str) -> Prepared:
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    table: Any = InstantSum.__table__
    made = insert(table)
    added = made.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={"n": table.c.n + made.excluded.n, "fen": table.c.fen + made.excluded.fen},
    )
    return Prepared(added, table.c.keys())


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    if _WAITING not in session.info or session.in_nested_transaction():
        return
    _count_people(session, _waiting(session).reached)
    sums = session.info.pop(_WAITING).sums
    rows = [
        {"campaign_id": campaign_id, "hour": hour, "channel_code": channel_code, "what": what, "n": n, "fen": fen}
        for (campaign_id, hour, channel_code, what), (n, fen) in sorted(sums.items())
        if n or fen
    ]
    if rows:
        session.flush()  # SQLAlchemy would write what is left after us, and these rows would not be the last
        _added(session.get_bind().dialect.name).changed(session, rows)


@event.listens_for(Session, "after_transaction_create")
def _keep(session: Session, transaction: SessionTransaction) -> None:
    """What was added before a savepoint outlives it."""
    if transaction.nested and _WAITING in session.info:
        session.info.setdefault(_BEFORE, {})[transaction] = _waiting(session).copied()


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, previous: SessionTransaction) -> None:
    """What a transaction or a savepoint that is rolled back added is not added."""
    session.info.pop(_WAITING, None)
    if previous.nested and (kept := session.info.get(_BEFORE, {}).pop(previous, None)):
        session.info[_WAITING] = kept


@event.listens_for(Session, "after_transaction_end")
def _end(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_BEFORE, None)


def of(session: Session, campaign_id: int) -> dict[str, tuple[int, int]]:
    """What → (how many, fen) of a whole campaign."""
    return by(session, campaign_id, None).get(None, {})


def by(
    session: Session, campaign_id: int, part: Any, channel_code: str | None = None
) -> dict[Any, dict[str, tuple[int, int]]]:
    """The same for each value of `part`, a column of InstantSum or what is made of one; None is the whole. Of one way in alone where one
    is given."""
    parts = [] if part is None else [part]
    query = select(InstantSum.what, func.sum(InstantSum.n), func.sum(InstantSum.fen), *parts)
    query = query.where(InstantSum.campaign_id == campaign_id).group_by(InstantSum.what, *parts)
    if channel_code is not None:
        query = query.where(InstantSum.channel_code == channel_code)
    found: dict[Any, dict[str, tuple[int, int]]] = {}
    for what, n, fen, *value in session.execute(query):
        found.setdefault(value[0] if value else None, {})[what] = (int(n), int(fen))
    return found


def wins(sums: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """How many awards there are in any status, and how much money."""
    mine = [sums.get(status, (0, 0)) for status in STATUSES]
    return sum(n for n, _ in mine), sum(fen for _, fen in mine)


def have(sums: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """How many of them their people have, and how much money."""
    return sums.get("paid", (0, 0))[0] + sums.get("given", (0, 0))[0], sums.get("paid", (0, 0))[1]
