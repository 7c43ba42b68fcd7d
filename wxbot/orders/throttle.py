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
from wxbot.orders.models import LaneState
from wxbot.orders.plan import lane_state
from wxbot.runtime import Runtime
from wxbot.settings import Settings

log = get_logger(__name__)

QUIET_UNTIL_HOUR = 8
"""Red packets are not sent 00:00–08:00 Beijing time unless the merchant agreed otherwise (TIME_LIMITED, wechat-protocol §1.2)."""

MORNING_RAMP_S = 900
"""How long the rate takes to grow to its full size after the quiet hours."""

PROBE_EVERY_S = 60
"""While the lane is stopped, one real order with its own number is tried this often (money F19b)."""

LATE_S = 10
"""How long a claim may wait for another one's lock: it looked at the clock before, and its second or day may be over by now."""

MERCHANTS_OWN = "v2"
"""The API version whose lane is the merchant's own: its rate and day count for all, and a person's stop there holds for all."""

OPERATOR_STOP = "STOPPED_BY_STAFF"
"""stopped_code of a lane that a person stopped: no probe opens it again."""


@dataclass(frozen=True)
class SendLane:
    """Channels whose orders an error stops together; no channels means all of them."""

    key: str
    channels: tuple[str, ...] = ()


def lane_key(mch_id: str, channel: str) -> str:
    """The lane that an error of this channel stops. API versions have keys, rights and switches of their own: what stops one
    says nothing about another, and neither does a probe."""
    version = CHANNELS[channel].version
    return mch_id if version == MERCHANTS_OWN else f"{mch_id}/{version}"


def lane_keys(mch_id: str) -> dict[str, str]:
    """The key of every lane of a merchant → its API version."""
    return {lane_key(mch_id, channel.name): version for version, channel in VERSIONS.items()}


def lanes(session: Session, settings: Settings, now: datetime) -> list[SendLane]:
    """The lanes of the channels that send at this hour: one of all of them while no error stops any or a person has stopped
    all; else each by itself, stopped ones first, so that their probe is not forgotten while the others send."""
    mch_id = settings.mch_id
    awake = [name for name in CHANNELS if not is_quiet(settings, now, name)]
    by_key: dict[str, list[str]] = {}
    for name in awake:
        by_key.setdefault(lane_key(mch_id, name), []).append(name)
    query = select(LaneState.mch_id, LaneState.stopped_code).where(LaneState.mch_id.in_(lane_keys(mch_id)))
    stopped = {key: code for key, code in session.execute(query) if code is not None}
    if awake and (not stopped or stopped.get(mch_id) == OPERATOR_STOP):
        return [SendLane(mch_id, () if len(awake) == len(CHANNELS) else tuple(awake))]
    return [SendLane(key, tuple(by_key[key])) for key in sorted(by_key, key=lambda key: (key not in stopped, key))]


def shown_lane(session: Session, mch_id: str) -> LaneState | None:
    """The merchant's lane for people: a stopped one when the merchant's own is not; None before the first order."""
    found = [session.get(LaneState, key) for key in sorted(lane_keys(mch_id))]
    return next((lane for lane in found if lane is not None and lane.stopped_code is not None), found[0])


def is_quiet(settings: Settings, now: datetime, channel: str) -> bool:
    """Whether nothing is sent over this channel at this hour."""
    return CHANNELS[channel].rests_at_night(settings) and now.astimezone(SHANGHAI).hour < QUIET_UNTIL_HOUR


def quiet_until(now: datetime) -> datetime:
    """When the quiet hours of this night are over."""
    return now.astimezone(SHANGHAI).replace(hour=QUIET_UNTIL_HOUR, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Grant:
    """How many requests may be sent now, and what holds back the rest: rate, day, stopped or nothing."""

    allowed: int
    held_by: str | None = None


def grant(session: Session, settings: Settings, amounts: Sequence[int], now: datetime, key: str | None = None) -> Grant:
    """Take requests from the shared rate and day limits; `amounts` is the fen that each would newly send, in their order,
    0 for a number that is sent again: it counts for the rate, not once more for the day.

    None while a person has stopped sending, and while the lane `key` is stopped, except one probe a minute. Whoever asks for
    orders of a channel that rests at this hour asks too early: see `lanes`.
    """
    if not amounts:
        return Grant(0)
    lane = lane_state(session, settings.mch_id)
    if lane.stopped_code == OPERATOR_STOP:
        return Grant(0, "stopped")
    own = lane if key in (None, settings.mch_id) else lane_state(session, str(key))
    if own.stopped_code is not None:
        return Grant(_grant_probe(session, own, now), "stopped")
    second, days = int(now.timestamp()), _days(now)
    is_today = lane.day in days
    is_second = second <= lane.second <= second + LATE_S
    left_in_second = rate_now(settings, now) - (lane.sent_in_second if is_second else 0)
    left_in_day = settings.pay_per_day - (lane.sent_in_day if is_today else 0)
    left_fen = settings.pay_fen_per_day - (lane.fen_in_day if is_today else 0)
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
    is_others_stop = own is not lane
    return (
        Grant(allowed, held_by)
        if _take(session, settings, amounts[:allowed], now, is_others_stop=is_others_stop)
        else Grant(0, "rate")
    )


def _days(now: datetime) -> tuple[str, str]:
    """The day that a claim of this moment counts in; the next one when another worker has begun it while this one waited."""
    return f"{shanghai_day(now):%Y%m%d}", f"{shanghai_day(now + timedelta(seconds=LATE_S)):%Y%m%d}"


def _take(session: Session, settings: Settings, amounts: Sequence[int], now: datetime, *, is_others_stop: bool) -> bool:
    """Count requests of one second and day; False when the lane is not as it was seen. `is_others_stop`: an error that
    stopped v2 does not count, a person's stop does."""
    requests, n, fen = len(amounts), sum(1 for amount in amounts if amount), sum(amounts)
    second, days = int(now.timestamp()), _days(now)
    is_second = LaneState.second.between(second, second + LATE_S)
    is_day = LaneState.day.in_(days)
    taken = (
        update(LaneState)
        .where(
            LaneState.mch_id == settings.mch_id,
            or_(
                LaneState.stopped_code.is_(None),
                literal(is_others_stop) & (LaneState.stopped_code != OPERATOR_STOP),
            ),
            or_(~is_second, LaneState.sent_in_second + requests <= rate_now(settings, now)),
            or_(~is_day, LaneState.sent_in_day + n <= settings.pay_per_day),
            or_(~is_day, LaneState.fen_in_day + fen <= settings.pay_fen_per_day),
        )
        .values(
            second=case((is_second, LaneState.second), else_=second),
            sent_in_second=case((is_second, LaneState.sent_in_second + requests), else_=requests),
            day=case((is_day, LaneState.day), else_=days[0]),
            sent_in_day=case((is_day, LaneState.sent_in_day + n), else_=n),
            fen_in_day=case((is_day, LaneState.fen_in_day + fen), else_=fen),
        )
    )
    return changed(session, taken) > 0


def count_sent(session: Session, settings: Settings, amount_fen: int, now: datetime) -> None:
    """Count a payment of today that was sent by a database that is lost: the merchant's day at WeChat has it, too."""
    day, lane = f"{shanghai_day(now):%Y%m%d}", LaneState
    lane_state(session, settings.mch_id)
    is_day = lane.day == day
    counted = update(lane).where(lane.mch_id == settings.mch_id)
    changed(
        session,
        counted.values(
            day=day,
            sent_in_day=case((is_day, lane.sent_in_day + 1), else_=1),
            fen_in_day=case((is_day, lane.fen_in_day + amount_fen), else_=amount_fen),
        ),
    )


def give_back(session: Session, settings: Settings, amounts: Sequence[int]) -> None:
    """Return what was granted in this transaction and not used; a probe is never counted, so there is nothing to return."""
    lane, requests, n, fen = LaneState, len(amounts), sum(1 for amount in amounts if amount), sum(amounts)
    returned = update(lane).where(
        lane.mch_id == settings.mch_id, lane.sent_in_second >= requests, lane.sent_in_day >= n, lane.fen_in_day >= fen
    )
    changed(
        session,
        returned.values(
            sent_in_second=lane.sent_in_second - requests,
            sent_in_day=lane.sent_in_day - n,
            fen_in_day=lane.fen_in_day - fen,
        ),
    )


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
    """Whether a person has stopped the lane."""
    lane = session.get(LaneState, mch_id)
    return lane is not None and lane.stopped_code == OPERATOR_STOP


def is_stopped_by_staff(runtime: Runtime) -> bool:
    """Whether a person has stopped the lane by now; a transaction of its own."""
    with runtime.database.reading() as session:
        return is_held_by_staff(session, runtime.settings.mch_id)


def _grant_probe(session: Session, lane: LaneState, now: datetime) -> int:
    if lane.stopped_code == OPERATOR_STOP:
        return 0
    taken = (
        update(LaneState)
        .where(
            LaneState.mch_id == lane.mch_id,
            LaneState.stopped_code == lane.stopped_code,
            or_(
                LaneState.probe_at.is_(None),
                LaneState.probe_at <= now,
                LaneState.probe_at > now + timedelta(seconds=2 * PROBE_EVERY_S),  # the clock was set back (F73)
            ),
        )
        .values(probe_at=now + timedelta(seconds=PROBE_EVERY_S))
    )
    return 1 if changed(session, taken) else 0


def give_probe_back(session: Session, key: str, now: datetime) -> None:
    """The probe that was granted in this transaction found no order that may be sent: the next one may be tried at once."""
    changed(session, update(LaneState).where(LaneState.mch_id == key).values(probe_at=now))


def stop_lane(session: Session, mch_id: str, code: str, now: datetime) -> None:
    """Stop new sending: a global error hits every order of a lane alike (money rule 13). `mch_id` is its key; a person's
    stop on the merchant's own holds for all of them."""
    lane_state(session, mch_id)
    stopped = (
        update(LaneState)
        .where(LaneState.mch_id == mch_id, or_(LaneState.stopped_code.is_(None), literal(code == OPERATOR_STOP)))
        .values(stopped_code=code, stopped_at=now, probe_at=now + timedelta(seconds=PROBE_EVERY_S))
    )
    if changed(session, stopped):
        log.error("line_stopped", mch_id=mch_id, err_code=code)


def open_lane(session: Session, mch_id: str, by_staff: bool = False) -> None:
    """Start sending again: after a probe was accepted, or by a person (who alone may undo a person's stop)."""
    whose = [*lane_keys(mch_id)] if by_staff else [mch_id]
    is_stopped = LaneState.mch_id.in_(whose) & LaneState.stopped_code.is_not(None)
    if not by_staff:
        is_stopped &= LaneState.stopped_code != OPERATOR_STOP
    opened = update(LaneState).where(is_stopped).values(stopped_code=None, stopped_at=None, probe_at=None)
    if changed(session, opened):
        log.info("line_opened", mch_id=mch_id)
