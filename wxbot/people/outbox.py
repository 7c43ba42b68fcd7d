"""Send the text messages that are due (worker task people.sms): each at most once, none after its code has expired.

A message for a number that may not bind passes the same way and shares the fate of the real ones around it, so that even
a provider that is down tells nobody which numbers are on the list (S53).
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.people import codes, limits, notices, words
from wxbot.people.models import SMS_NEXT, SmsOut, SmsStatus
from wxbot.people.sms import NotDelivered, Provider, Unsure, provider_of
from wxbot.runtime import Runtime
from wxbot.transitions import move, moving

log = get_logger(__name__)

BATCH = 50
LEASE_S = 60
"""Longer than a provider's call can take; nobody sends the message again afterwards."""

ALIKE_S = 600
"""A withheld message ends like the newest real one, when that is not older than this."""


@dataclass(frozen=True, slots=True)
class Fate:
    """How one message ended."""

    status: SmsStatus
    reference: str = ""


def send_due(runtime: Runtime) -> int:
    """Send what waits; returns how many messages were settled."""
    _end_leases(runtime)
    with runtime.database.reading() as session:
        waiting = session.scalars(
            select(SmsOut.id).where(SmsOut.status == "planned").order_by(SmsOut.id).limit(BATCH)
        ).all()
    if not waiting:
        return 0
    provider: Provider | NotDelivered
    try:
        provider = provider_of(runtime.settings, runtime.transport)
    except NotDelivered as missing:
        log.error("sms_provider_missing", error=str(missing))
        provider = missing
    for message_id in waiting:
        message = _claim(runtime, message_id)
        if message is not None:
            _settle(runtime, message, _fate(runtime, provider, message))
    return len(waiting)


def _claim(runtime: Runtime, message_id: int) -> SmsOut | None:
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        message = session.get_one(SmsOut, message_id)
        if message.expires_at <= now:
            if move(session, SmsOut, message_id, SMS_NEXT, "planned", "late", code_sealed=""):
                limits.give_back(session, [(*each,) for each in message.counted], message.created_at)
            return None
        lease = now + timedelta(seconds=LEASE_S)
        is_ours = move(session, SmsOut, message_id, SMS_NEXT, "planned", "sending", lease_until=lease)
    return message if is_ours else None


def _fate(runtime: Runtime, provider: Provider | NotDelivered, message: SmsOut) -> Fate:
    if message.is_withheld:
        return _like_the_others(runtime)
    if isinstance(provider, NotDelivered):
        return Fate("failed", provider.code)
    phone, code = runtime.vault.open(message.phone_sealed), runtime.vault.open(message.code_sealed)
    try:
        return Fate("sent", provider.send(phone, code, codes.LIFE_MINUTES))
    except NotDelivered as error:
        log.error("sms_not_delivered", provider=provider.name, err_code=error.code, message_id=message.id)
        return Fate("failed", error.code)
    except Unsure as error:
        log.warning("sms_unsure", provider=provider.name, err_code=error.code, message_id=message.id)
        return Fate("unknown", error.code)
    except Exception as error:  # an SDK may raise anything; what it did before is unknown
        log.exception("sms_broken", provider=provider.name, message_id=message.id)
        return Fate("unknown", type(error).__name__)


def _like_the_others(runtime: Runtime) -> Fate:
    since = runtime.clock.now() - timedelta(seconds=ALIKE_S)
    query = select(SmsOut.status).where(
        SmsOut.is_withheld.is_(False), SmsOut.status.in_(("sent", "failed", "unknown")), SmsOut.created_at > since
    )
    with runtime.database.reading() as session:
        newest = session.scalar(query.order_by(SmsOut.id.desc()).limit(1))
    return Fate("failed" if newest == "failed" else "sent")


def _settle(runtime: Runtime, message: SmsOut, fate: Fate) -> None:
    """Write down how it ended; when provably nothing was sent, the code dies, the counts go back and the person hears of it."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        is_ours = move(
            session,
            SmsOut,
            message.id,
            SMS_NEXT,
            "sending",
            fate.status,
            reference=fate.reference[:64],
            provider="" if message.is_withheld else runtime.settings.sms_provider,
            code_sealed="",
            lease_until=None,
            sent_at=now if fate.status == "sent" else None,
        )
        if is_ours and fate.status == "failed":
            limits.give_back(session, [(*each,) for each in message.counted], message.created_at)
            if codes.kill(session, message.serial):
                notices.tell(session, message.openid, "sms", message.serial, words.SENTENCES["sms_failed"], now=now)


def _end_leases(runtime: Runtime) -> None:
    """A worker died while it sent: the message may have arrived, so it counts, and it is not sent again."""
    is_lost = SmsOut.lease_until < runtime.clock.now()
    with runtime.database.reading() as session:
        if session.scalar(select(SmsOut.id).where(SmsOut.status == "sending", is_lost).limit(1)) is None:
            return
    with runtime.database.transaction() as session:
        gone = {"reference": "LEASE", "code_sealed": "", "lease_until": None}
        changed(session, moving(SmsOut, SMS_NEXT, ("sending",), "unknown", **gone).where(is_lost))
