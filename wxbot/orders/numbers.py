"""Asking WeChat about numbers that this database does not know: it alone remembers what a lost database had sent."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.budget import Budget
from wxbot.clock import shanghai_day
from wxbot.db import Base
from wxbot.ledger import Entry
from wxbot.logs import get_logger
from wxbot.orders.channels import CHANNELS, CONFIRMED, LOTTERY, VERSIONS, Sighting
from wxbot.orders.models import LaneState, Order
from wxbot.orders.plan import NUMBER, number_of
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)

MEMORY = timedelta(days=30)
"""How long WeChat remembers a number (wechat-protocol §3.5b, §4.4)."""


@dataclass(frozen=True)
class Unknown:
    """A number that WeChat knows and this database does not."""

    serial: int
    mch_billno: str
    version: str
    sighting: Sighting


@dataclass
class QueryResults:
    """What a round of questions brought; `unanswered` serials must be asked about again."""

    found: dict[int, Unknown] = field(default_factory=dict)
    unanswered: set[int] = field(default_factory=set)
    refusal: str = ""
    """What the last answer said that was none."""
    asked: int = 0


def versions(session: Session, settings: Settings) -> tuple[str, ...]:
    """The API versions that are in use: by the settings, by an order, by a programme's own channel, by the money prizes of a
    campaign that is no rehearsal, v2 by any campaign. One that the merchant has no right to would refuse every question, and the asking would never end."""
    programmes, campaigns = (Base.metadata.tables[name] for name in ("programmes", "campaigns"))
    used = {settings.payout_channel, *session.scalars(select(programmes.c.channel).distinct())}
    shown = campaigns.c.status != "draft"  # submitted ones, too: they may have been launched since
    for terms in session.scalars(select(campaigns.c.terms).where(shown)):
        if not (terms or {}).get("is_rehearsal") and any(_is_money(prize) for prize in (terms or {}).get("prizes", ())):
            used.add(str(terms.get("channel") or CONFIRMED[0]))
    used |= {name for name in CHANNELS if session.scalar(select(Order.id).where(Order.channel == name).limit(1))}
    if session.scalar(select(Budget.id).where(Budget.kind == "campaign").limit(1)):
        used.add(LOTTERY)
    found = {CHANNELS[name].version for name in used if name in CHANNELS}
    return tuple(sorted(version for version in found if VERSIONS[version].has_keys(settings)))


def _is_money(prize: Mapping[str, Any]) -> bool:
    return str(prize.get("kind", "money")) == "money"


def all_known_until(session: Session) -> datetime | None:
    """A moment before which this database knows every number: when its newest order was made, else when money was first set
    aside. None for one that never had any. What was written since, by people who sign in to a copy, says nothing."""
    newest = session.scalar(select(Order.created_at).order_by(Order.id.desc()).limit(1))
    return newest or session.scalar(select(Entry.at).order_by(Entry.id).limit(1))


def days_between(first: datetime, last: datetime) -> list[date]:
    """The Shanghai days on which a number may have been given, the newest first, as far as WeChat remembers."""
    begin, end = max(shanghai_day(first), shanghai_day(last - MEMORY)), shanghai_day(last)
    return [end - timedelta(days=back) for back in range((end - begin).days + 1)]


def epochs(session: Session, settings: Settings) -> tuple[int, ...]:
    """The epochs that numbers may carry: that of the settings, and that of the newest number known."""
    newest = session.scalar(select(Order.mch_billno).order_by(Order.id.desc()).limit(1))
    parts = NUMBER.fullmatch((newest or "").removeprefix(settings.mch_id))
    return tuple(dict.fromkeys([settings.number_epoch, *([int(parts["epoch"])] if parts else [])]))


def next_serial(session: Session, mch_id: str) -> int:
    """The serial that the next number would get."""
    return session.scalar(select(LaneState.next_serial).where(LaneState.mch_id == mch_id)) or 1


@dataclass(frozen=True)
class Space:
    """Where an unknown number may lie: every day, epoch and attempt that it may carry, and whom to ask."""

    mch_id: str
    days: Sequence[date]
    epochs: Sequence[int]
    attempts: Sequence[int]
    versions: Sequence[str]

    def guesses(self) -> Iterator[tuple[str, date, int, int]]:
        """The likeliest first: most orders are first attempts."""
        for attempt in self.attempts:
            for version in self.versions:
                for epoch in self.epochs:
                    for day in self.days:
                        yield version, day, epoch, attempt


def ask_serials(runtime: Runtime, serials: Sequence[int], space: Space) -> QueryResults:
    """Ask WeChat who carries these serials. A serial is carried once, so what is found is not asked about again."""
    answers, left = QueryResults(), list(serials)
    with ThreadPoolExecutor(runtime.settings.pay_concurrency, thread_name_prefix="numbers") as pool:
        for version, day, epoch, attempt in space.guesses():
            asked = [(serial, version, number_of(space.mch_id, day, epoch, serial, attempt)) for serial in left]
            _ask_round(runtime, pool, asked, answers)
            left = [serial for serial in left if serial not in answers.found]
            if not left:
                break
    answers.unanswered -= answers.found.keys()
    return answers


def ask_numbers(runtime: Runtime, numbers: Sequence[tuple[str, str]]) -> QueryResults:
    """Ask about whole numbers as (version, number), in their order; they are found by their place from 0."""
    answers = QueryResults()
    asked = [(place, version, number) for place, (version, number) in enumerate(numbers)]
    with ThreadPoolExecutor(runtime.settings.pay_concurrency, thread_name_prefix="numbers") as pool:
        _ask_round(runtime, pool, asked, answers)
    return answers


def _ask_round(
    runtime: Runtime, pool: ThreadPoolExecutor, asked: Sequence[tuple[int, str, str]], answers: QueryResults
) -> None:
    """One question for each, no faster than orders are sent."""
    per_second = runtime.settings.pay_per_second
    for start in range(0, len(asked), per_second):
        began_s = time.monotonic()
        batch = asked[start : start + per_second]
        told = pool.map(lambda each: _ask(runtime, each[1], each[2]), batch)
        for (serial, version, number), answer in zip(batch, told, strict=True):
            answers.asked += 1
            if isinstance(answer, WeChatError):
                answers.unanswered.add(serial)
                answers.refusal = str(answer)[:64]
            elif answer is not None:
                answers.found[serial] = Unknown(serial, number, version, answer)
        if len(batch) == per_second:
            time.sleep(max(0.0, 1 - (time.monotonic() - began_s)))


def _ask(runtime: Runtime, version: str, mch_billno: str) -> Sighting | WeChatError | None:
    """One question; every way it can end is a value."""
    channel = VERSIONS[version]
    try:
        return channel.sighted(channel.query(runtime, mch_billno))
    except WeChatError as error:
        return error
    except Exception as error:
        log.exception("number_not_asked", mch_billno=mch_billno)
        return WeChatError(type(error).__name__)


def without_ours(session: Session, found: Sequence[Unknown]) -> list[Unknown]:
    """Those that are no order of ours even now: a living sender gives out and sends numbers while we ask."""
    numbers = [each.mch_billno for each in found]
    ours = set(session.scalars(select(Order.mch_billno).where(Order.mch_billno.in_(numbers), Order.sends > 0)))
    return [each for each in found if each.mch_billno not in ours]


def unsent(session: Session, limit: int) -> list[tuple[str, str]]:
    """The oldest numbers that were never sent, as (version, number): if WeChat knows one, a later database has sent it."""
    query = select(Order.channel, Order.mch_billno).where(Order.status == "planned", Order.sends == 0)
    rows = session.execute(query.order_by(Order.id).limit(limit)).all()
    return [(CHANNELS[channel].version, number) for channel, number in rows]


def attempts_known(session: Session) -> int:
    """The highest attempt of any order so far."""
    return int(session.scalar(select(func.max(Order.attempt))) or 0)
