"""The merchant's rate, day limit, quiet hours and stop switch: conditional writes shared by all workers (money F18, I8)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, literal, or_, update
from sqlalchemy.orm import Session

from wxbot.clock import SHANGHAI, shanghai_day
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.orders.models import MerchantLine
from wxbot.orders.plan import merchant_line
from wxbot.settings import Settings

log = get_logger(__name__)

QUIET_UNTIL_HOUR = 8
"""Nothing is sent 00:00–08:00 Beijing time unless the merchant agreed otherwise (TIME_LIMITED, wechat-protocol §1.2)."""

PROBE_EVERY_S = 60
"""While the line is stopped, one real order with its own number is tried this often (money F19b)."""

OPERATOR_STOP = "STOPPED_BY_STAFF"
"""stopped_code of a line that a person stopped: no probe opens it again."""


def is_quiet(settings: Settings, now: datetime) -> bool:
    """Whether WeChat Pay takes no new packets at this hour."""
    return settings.pay_quiet_hours and now.astimezone(SHANGHAI).hour < QUIET_UNTIL_HOUR


@dataclass(frozen=True)
class Grant:
    """How many requests may be sent now, and what holds back the rest: rate, day, quiet, stopped or nothing."""

    allowed: int
    held_by: str | None = None


def grant(session: Session, settings: Settings, wanted: int, now: datetime) -> Grant:
    """Take up to `wanted` requests from the shared rate and day limit.

    None while the line is stopped (except one probe a minute) and in quiet hours.
    """
    if wanted <= 0:
        return Grant(0)
    if is_quiet(settings, now):
        return Grant(0, "quiet")
    line = merchant_line(session, settings.mch_id)
    if line.stopped_code is not None:
        return Grant(_grant_probe(session, line, now), "stopped")
    second, day = int(now.timestamp()), f"{shanghai_day(now):%Y%m%d}"
    left_in_second = settings.pay_per_second - (line.sent_in_second if line.second == second else 0)
    left_in_day = settings.pay_per_day - (line.sent_in_day if line.day == day else 0)
    allowed = max(0, min(wanted, left_in_second, left_in_day))
    held_by = None
    if allowed < wanted:
        held_by = "day" if left_in_day <= left_in_second else "rate"
    if allowed == 0:
        return Grant(0, held_by)
    taken = (
        update(MerchantLine)
        .where(
            MerchantLine.mch_id == settings.mch_id,
            MerchantLine.stopped_code.is_(None),
            or_(MerchantLine.second != second, MerchantLine.sent_in_second + allowed <= settings.pay_per_second),
            or_(MerchantLine.day != day, MerchantLine.sent_in_day + allowed <= settings.pay_per_day),
        )
        .values(
            second=second,
            sent_in_second=case((MerchantLine.second == second, MerchantLine.sent_in_second + allowed), else_=allowed),
            day=day,
            sent_in_day=case((MerchantLine.day == day, MerchantLine.sent_in_day + allowed), else_=allowed),
        )
    )
    return Grant(allowed, held_by) if changed(session, taken) else Grant(0, "rate")


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


def stop_line(session: Session, mch_id: str, code: str, now: datetime) -> None:
    """Stop new sending for the merchant: a global error hits every order alike (money rule 13)."""
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
    conditions = [MerchantLine.mch_id == mch_id, MerchantLine.stopped_code.is_not(None)]
    if not by_staff:
        conditions.append(MerchantLine.stopped_code != OPERATOR_STOP)
    opened = update(MerchantLine).where(*conditions).values(stopped_code=None, stopped_at=None, probe_at=None)
    if changed(session, opened):
        log.info("line_opened", mch_id=mch_id)
