"""The merchant's rate, day limit, quiet hours and stop switch: conditional writes shared by all workers (money F18, I8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, takewhile

from sqlalchemy import case, literal, or_, select, update
from sqlalchemy.orm import Session

from wxbot.clock import SHANGHAI, shanghai_day
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.orders.channels import CHANNELS, VERSIONS
from wxbot.orders.models import MerchantLine
from wxbot.orders.plan import merchant_line
from wxbot.runtime import Runtime
from wxbot.settings import Settings

log = get_logger(__name__)

QUIET_UNTIL_HOUR = 8
"""Nothing is sent 00:00–08:00 Beijing time unless the merchant agreed otherwise (TIME_LIMITED, wechat-protocol §1.2)."""

MORNING_RAMP_S = 900
"""How long the rate takes to grow to its full size after the quiet hours."""

PROBE_EVERY_S = 60
"""While the line is stopped, one real order with its own number is tried this often (money F19b)."""

LATE_S = 10
"""How long a claim may wait for another one's lock: it looked at the clock before, and its second or day may be over by now."""

MERCHANTS_OWN = "v2"
"""The API version whose line is the merchant's own: its rate and day count for all, and a person's stop there holds for all."""

OPERATOR_STOP = "STOPPED_BY_STAFF"
"""stopped_code of a line that a person stopped: no probe opens it again."""


@dataclass(frozen=True)
class SendLane:
    """Channels whose orders an error stops together; no channels means all of them."""

    key: str
    channels: tuple[str, ...] = ()


def line_key(mch_id: str, channel: str) -> str:
    """The line that an error of this channel stops. API versions have keys, rights and switches of their own: what stops one
    says nothing about another, and neither does a probe."""
    version = CHANNELS[channel].version
    return mch_id if version == MERCHANTS_OWN else f"{mch_id}/{version}"


def line_keys(mch_id: str) -> dict[str, str]:
    """The key of every line of a merchant → its API version."""
    return {line_key(mch_id, channel.name): version for version, channel in VERSIONS.items()}


def lines(session: Session, mch_id: str) -> list[SendLane]:
    """One line of all channels while no error stops any or a person has stopped them all; else each by itself, stopped
    ones first, so that their probe is not forgotten while the others send."""
    by_key: dict[str, list[str]] = {}
    for name in CHANNELS:
        by_key.setdefault(line_key(mch_id, name), []).append(name)
    query = select(MerchantLine.mch_id, MerchantLine.stopped_code).where(MerchantLine.mch_id.in_(by_key))
    stopped = {key: code for key, code in session.execute(query) if code is not None}
    if not stopped or stopped.get(mch_id) == OPERATOR_STOP:
        return [SendLane(mch_id)]
    return [SendLane(key, tuple(by_key[key])) for key in sorted(by_key, key=lambda key: (key not in stopped, key))]


def shown_line(session: Session, mch_id: str) -> MerchantLine | None:
    """The merchant's line for people: a stopped one when the merchant's own is not; None before the first order."""
    found = [session.get(MerchantLine, key) for key in sorted(line_keys(mch_id))]
    return next((line for line in found if line is not None and line.stopped_code is not None), found[0])


def is_quiet(settings: Settings, now: datetime) -> bool:
    """Whether WeChat Pay takes no new packets at this hour."""
    return settings.pay_quiet_hours and now.astimezone(SHANGHAI).hour < QUIET_UNTIL_HOUR


@dataclass(frozen=True)
class Grant:
    """How many requests may be sent now, and what holds back the rest: rate, day, quiet, stopped or nothing."""

    allowed: int
    held_by: str | None = None


def grant(session: Session, settings: Settings, amounts: Sequence[int], now: datetime, key: str | None = None) -> Grant:
    """Take requests from the shared rate and day limits; `amounts` is the fen that each would newly send, in their order,
    0 for a number that is sent again: it counts for the rate, not once more for the day.

    None in quiet hours, while a person has stopped sending, and while the line `key` is stopped, except one probe a minute.
    """
    if not amounts:
        return Grant(0)
    if is_quiet(settings, now):
        return Grant(0, "quiet")
    line = merchant_line(session, settings.mch_id)
    if line.stopped_code == OPERATOR_STOP:
        return Grant(0, "stopped")
    own = line if key in (None, settings.mch_id) else merchant_line(session, str(key))
    if own.stopped_code is not None:
        return Grant(_grant_probe(session, own, now), "stopped")
    second, days = int(now.timestamp()), _days(now)
    is_today = line.day in days
    is_second = second <= line.second <= second + LATE_S
    left_in_second = rate_now(settings, now) - (line.sent_in_second if is_second else 0)
    left_in_day = settings.pay_per_day - (line.sent_in_day if is_today else 0)
    left_fen = settings.pay_fen_per_day - (line.fen_in_day if is_today else 0)
    fits = (
        fen <= left_fen and n <= max(0, left_in_day)
        for fen, n in zip(accumulate(amounts), accumulate(min(1, fen) for fen in amounts), strict=True)
    )
    affordable = sum(1 for _ in takewhile(bool, fits))
    allowed = max(0, min(len(amounts), left_in_second, affordable))
    held_by = None
    if allowed < len(amounts):
        held_by = "rate" if left_in_second < affordable else "day"
    if allowed == 0:
        return Grant(0, held_by)
    is_others_stop = own is not line
    return (
        Grant(allowed, held_by)
        if _take(session, settings, amounts[:allowed], now, is_others_stop=is_others_stop)
        else Grant(0, "rate")
    )


def _days(now: datetime) -> tuple[str, str]:
    """The day that a claim of this moment counts in; the next one when another worker has begun it while this one waited."""
    return f"{shanghai_day(now):%Y%m%d}", f"{shanghai_day(now + timedelta(seconds=LATE_S)):%Y%m%d}"


def _take(session: Session, settings: Settings, amounts: Sequence[int], now: datetime, *, is_others_stop: bool) -> bool:
    """Count requests of one second and day; False when the line is not as it was seen. `is_others_stop`: an error that
    stopped v2 does not count, a person's stop does."""
    requests, n, fen = len(amounts), sum(1 for amount in amounts if amount), sum(amounts)
    second, days = int(now.timestamp()), _days(now)
    is_second = MerchantLine.second.between(second, second + LATE_S)
    is_day = MerchantLine.day.in_(days)
    taken = (
        update(MerchantLine)
        .where(
            MerchantLine.mch_id == settings.mch_id,
            or_(
                MerchantLine.stopped_code.is_(None),
                literal(is_others_stop) & (MerchantLine.stopped_code != OPERATOR_STOP),
            ),
            or_(~is_second, MerchantLine.sent_in_second + requests <= rate_now(settings, now)),
            or_(~is_day, MerchantLine.sent_in_day + n <= settings.pay_per_day),
            or_(~is_day, MerchantLine.fen_in_day + fen <= settings.pay_fen_per_day),
        )
        .values(
            second=case((is_second, MerchantLine.second), else_=second),
            sent_in_second=case((is_second, MerchantLine.sent_in_second + requests), else_=requests),
            day=case((is_day, MerchantLine.day), else_=days[0]),
            sent_in_day=case((is_day, MerchantLine.sent_in_day + n), else_=n),
            fen_in_day=case((is_day, MerchantLine.fen_in_day + fen), else_=fen),
        )
    )
    return changed(session, taken) > 0


def count_sent(session: Session, settings: Settings, amount_fen: int, now: datetime) -> None:
    """Count a payment of today that was sent by a database that is lost: the merchant's day at WeChat has it, too."""
    day, line = f"{shanghai_day(now):%Y%m%d}", MerchantLine
    merchant_line(session, settings.mch_id)
    is_day = line.day == day
    counted = update(line).where(line.mch_id == settings.mch_id)
    changed(session, counted.values(
        day=day, sent_in_day=case((is_day, line.sent_in_day + 1), else_=1),
        fen_in_day=case((is_day, line.fen_in_day + amount_fen), else_=amount_fen),
    ))  # fmt: skip


def give_back(session: Session, settings: Settings, amounts: Sequence[int]) -> None:
    """Return what was granted in this transaction and not used; a probe is never counted, so there is nothing to return."""
    line, requests, n, fen = MerchantLine, len(amounts), sum(1 for amount in amounts if amount), sum(amounts)
    returned = update(line).where(
        line.mch_id == settings.mch_id, line.sent_in_second >= requests, line.sent_in_day >= n, line.fen_in_day >= fen
    )
    changed(session, returned.values(
        sent_in_second=line.sent_in_second - requests, sent_in_day=line.sent_in_day - n, fen_in_day=line.fen_in_day - fen
    ))  # fmt: skip


def rate_now(settings: Settings, now: datetime) -> int:
    """Requests of this second: after the quiet hours the rate grows over 15 minutes, so that no herd starts at 08:00 (F19)."""
    if not settings.pay_quiet_hours:
        return settings.pay_per_second
    local = now.astimezone(SHANGHAI)
    since_s = (local - local.replace(hour=QUIET_UNTIL_HOUR, minute=0, second=0, microsecond=0)).total_seconds()
    if not 0 <= since_s < MORNING_RAMP_S:
        return settings.pay_per_second
    return max(1, int(settings.pay_per_second * since_s / MORNING_RAMP_S))


def is_held_by_staff(session: Session, mch_id: str) -> bool:
    """Whether a person has stopped the line."""
    line = session.get(MerchantLine, mch_id)
    return line is not None and line.stopped_code == OPERATOR_STOP


def is_stopped_by_staff(runtime: Runtime) -> bool:
    """Whether a person has stopped the line by now; a transaction of its own."""
    with runtime.database.reading() as session:
        return is_held_by_staff(session, runtime.settings.mch_id)


def _grant_probe(session: Session, line: MerchantLine, now: datetime) -> int:
    if line.stopped_code == OPERATOR_STOP:
        return 0
    taken = (
        update(MerchantLine)
        .where(
            MerchantLine.mch_id == line.mch_id, MerchantLine.stopped_code == line.stopped_code,
            or_(
                MerchantLine.probe_at.is_(None), MerchantLine.probe_at <= now,
                MerchantLine.probe_at > now + timedelta(seconds=2 * PROBE_EVERY_S),  # the clock was set back (F73)
            ),
        )
        .values(probe_at=now + timedelta(seconds=PROBE_EVERY_S))
    )  # fmt: skip
    return 1 if changed(session, taken) else 0


def give_probe_back(session: Session, key: str, now: datetime) -> None:
    """The probe that was granted in this transaction found no order that may be sent: the next one may be tried at once."""
    changed(session, update(MerchantLine).where(MerchantLine.mch_id == key).values(probe_at=now))


def stop_line(session: Session, mch_id: str, code: str, now: datetime) -> None:
    """Stop new sending: a global error hits every order of a line alike (money rule 13). `mch_id` is its key; a person's
    stop on the merchant's own holds for all of them."""
    merchant_line(session, mch_id)
    stopped = (
        update(MerchantLine)
        .where(MerchantLine.mch_id == mch_id, or_(MerchantLine.stopped_code.is_(None), literal(code == OPERATOR_STOP)))
        .values(stopped_code=code, stopped_at=now, probe_at=now + timedelta(seconds=PROBE_EVERY_S))
    )
    if changed(session, stopped):
        log.error("line_stopped", mch_id=mch_id, err_code=code)


def open_line(session: Session, mch_id: str, by_staff: bool = False) -> None:
    """Start sending again: after a probe was accepted, or by a person (who alone may undo a person's stop)."""
    whose = [*line_keys(mch_id)] if by_staff else [mch_id]
    is_stopped = MerchantLine.mch_id.in_(whose) & MerchantLine.stopped_code.is_not(None)
    if not by_staff:
        is_stopped &= MerchantLine.stopped_code != OPERATOR_STOP
    opened = update(MerchantLine).where(is_stopped).values(stopped_code=None, stopped_at=None, probe_at=None)
    if changed(session, opened):
        log.info("line_opened", mch_id=mch_id)
