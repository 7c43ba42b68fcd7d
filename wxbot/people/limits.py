"""How many text messages one number, one person, one address and the whole deployment may cause (S51).

Every count is one conditional upsert: the database decides, whoever asks at the same moment. A window begins with its
first message, so one per minute means sixty seconds between two.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, or_, select, update
from sqlalchemy.orm import Session

from wxbot.clock import shanghai_day
from wxbot.db import insert_into
from wxbot.people.models import SmsCount

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in `window_s` seconds for each subject."""

    kind: str
    window_s: int
    most: int


PHONE = (Limit("phone_minute", 60, 1), Limit("phone_hour", 3600, 5), Limit("phone_day", DAY_S, 10))
OPENID = (Limit("openid_hour", 3600, 3),)
IP = (Limit("ip_hour", 3600, 20),)

SPEND = "spend"
"""fen spent on a Shanghai day; its subject is the day."""

Counted = list[tuple[str, str, int]]
"""(kind, subject, amount) of every count that was raised: what give_back() needs."""


class TooOften(Exception):
    """A limit is reached; how long until one more is allowed. Raise it out of the transaction: nothing is counted then."""

    def __init__(self, kind: str, wait_s: int) -> None:
        super().__init__(kind)
        self.kind, self.wait_s = kind, wait_s


def raise_count(session: Session, limit: Limit, subject: str, now: datetime, amount: int = 1) -> bool:
    """Count `amount` more, unless that would pass the limit: then False and nothing is changed."""
    if amount > limit.most:
        return False
    is_over = SmsCount.began_at <= now - timedelta(seconds=limit.window_s)
    statement = insert_into(session, SmsCount).values(kind=limit.kind, subject=subject, began_at=now, n=amount)
    counted = statement.on_conflict_do_update(
        index_elements=["kind", "subject"],
        set_={
            "n": case((is_over, amount), else_=SmsCount.n + amount),
            "began_at": case((is_over, now), else_=SmsCount.began_at),
        },
        where=or_(is_over, SmsCount.n + amount <= limit.most),
    )
    return session.scalar(counted.returning(SmsCount.n)) is not None


def has_room(session: Session, limit: Limit, subject: str, now: datetime, amount: int) -> bool:
    """Whether raise_count() would say yes now; only for what must look like counting without counting."""
    row = session.get(SmsCount, (limit.kind, subject))
    is_over = row is None or row.began_at <= now - timedelta(seconds=limit.window_s)
    return amount <= limit.most and (row is None or is_over or row.n + amount <= limit.most)


def count_message(session: Session, subjects: list[tuple[Limit, str]], now: datetime) -> Counted:
    """Count one message for every subject, or raise TooOften for the first that has none left."""
    for limit, subject in subjects:
        if not raise_count(session, limit, subject, now):
            raise TooOften(limit.kind, _wait_s(session, limit, subject, now))
    return [(limit.kind, subject, 1) for limit, subject in subjects]


def count_spend(session: Session, amount_fen: int, fen_per_day: int, now: datetime, *, is_real: bool) -> Counted:
    """Take the price of one message out of today's budget, or raise TooOften. A message that is withheld costs nothing."""
    limit, day = Limit(SPEND, 2 * DAY_S, fen_per_day), f"{shanghai_day(now):%Y%m%d}"
    take = raise_count if is_real else has_room
    if not take(session, limit, day, now, amount_fen):
        raise TooOften(SPEND, 3600)
    return [(SPEND, day, amount_fen)] if is_real else []


def _wait_s(session: Session, limit: Limit, subject: str, now: datetime) -> int:
    began_at = session.scalar(select(SmsCount.began_at).where(SmsCount.kind == limit.kind, SmsCount.subject == subject))
    end = (began_at or now) + timedelta(seconds=limit.window_s)
    return max(1, int((end - now).total_seconds()) + 1)


def give_back(session: Session, counted: Counted, counted_at: datetime) -> None:
    """Undo the counts of a message that was provably not sent; a window that began after it is left alone."""
    for kind, subject, amount in counted:
        mine = and_(SmsCount.kind == kind, SmsCount.subject == subject, SmsCount.began_at <= counted_at)
        session.execute(update(SmsCount).where(mine, SmsCount.n >= amount).values(n=SmsCount.n - amount))
