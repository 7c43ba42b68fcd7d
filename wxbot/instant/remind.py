"""One reminder of what somebody has won and not asked for, before it goes back to its campaign (worker task awards.remind).

It is a notice as any other: written once, into the chat as long as WeChat lets the account write there, on the person's own page
in any case. Whoever came by a link and never wrote cannot be reached; their awards are one tap from every entry.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.clock import SHANGHAI
from wxbot.instant.models import Award, InstantTerms, Prize
from wxbot.money import yuan
from wxbot.payouts.models import COLLECT, Payout
from wxbot.people import notices
from wxbot.runtime import Runtime
from wxbot.text import Text, filled, moment_text

KIND = "award_soon"
"""Kind of the notice."""

BATCH = 200
"""People reminded in one transaction."""

FROM_HOUR, UNTIL_HOUR = 9, 21
"""Shanghai hours in which a reminder is written; it is sent within notices.HURRIED of that, so never by night."""

LAST_CALL = timedelta(hours=1)
"""What could not be told of in the morning at least so long before its deadline is told of on the evening before."""

ONE = Text(
    "您的奖品“{name}”（¥{yuan}）还没有领取，请在 {at} 前领取，过期收回。",
    "Your prize “{name}” (¥{yuan}) is not collected yet. Collect it before {at}, or it goes back.",
)
SEVERAL = Text(
    "您有 {n} 个奖品（共 ¥{yuan}）还没有领取，最早的一个请在 {at} 前领取，过期收回。",
    "You have {n} prizes (¥{yuan} in all) to collect. Collect the first before {at}, or it goes back.",
)


def remind_due(runtime: Runtime) -> int:
    """Remind everybody whose time is nearly up, each of an award once; returns how many people were told.

    Nobody by night, and nobody while a restored database does not know what it has lost: a lost order may have paid.
    """
    lead = timedelta(hours=runtime.settings.award_remind_hours)
    done = 0
    while lead:
        with runtime.database.transaction() as session:
            n = _remind_batch(session, runtime.settings.public_url, lead, runtime.database.now(session))
        done += n
        if n < BATCH:
            break
    return done


def horizon(now: datetime, lead: timedelta) -> datetime | None:
    """Deadlines up to this moment are told of now; None by night."""
    local = now.astimezone(SHANGHAI)
    if not FROM_HOUR <= local.hour < UNTIL_HOUR:
        return None
    until = now + lead
    if local.hour == UNTIL_HOUR - 1:
        morning = local.replace(hour=FROM_HOUR, minute=0, second=0, microsecond=0) + timedelta(days=1)
        until = max(until, morning + LAST_CALL)
    return until


def _remind_batch(session: Session, public_url: str, lead: timedelta, now: datetime) -> int:
    until = horizon(now, lead)
    if until is None or lineage.is_frozen(session):
        return 0
    waits = (
        Award.status == "open",
        Award.reminded_at.is_(None),
        Award.deadline_at > now,
        or_(Award.payout_id.is_(None), Payout.hold == COLLECT),
    )
    query = select(Award.openid).outerjoin(Payout, Payout.id == Award.payout_id).distinct()
    due = query.join(InstantTerms, InstantTerms.campaign_id == Award.campaign_id).where(
        *waits, _is_due(session, now, lead)
    )
    people = session.scalars(due.order_by(Award.openid).limit(BATCH)).all()
    mine = select(Award, Prize.name).join(Prize, Prize.id == Award.prize_id)
    mine = mine.outerjoin(Payout, Payout.id == Award.payout_id).where(Award.openid.in_(people), *waits)
    locked = mine.where(Award.deadline_at <= until).order_by(Award.openid, Award.id).with_for_update(of=Award)
    rows = session.execute(locked.execution_options(populate_existing=True)).all()
    for openid, own in groupby(rows, key=lambda row: str(row.Award.openid)):
        won = [(row.Award, str(row.name)) for row in own]
        for award, _ in won:
            award.reminded_at = now
        first = min(award.id for award, _ in won)
        notices.tell(session, openid, KIND, str(first), _words(won), f"{public_url}/h5/awards", now=now)
    return len(people)


def _is_due(session: Session, now: datetime, lead: timedelta) -> ColumnElement[bool]:
    """Nobody is reminded in the first half of the time that they have, however long the lead is."""
    lives = session.scalars(select(InstantTerms.claim_s).distinct()).all()
    ends = [(life_s, horizon(now, min(lead, timedelta(seconds=life_s / 2)))) for life_s in lives]
    return or_(false(), *((InstantTerms.claim_s == life_s) & (Award.deadline_at <= until) for life_s, until in ends))


def _words(won: Sequence[tuple[Award, str]]) -> Text:
    at = moment_text(min(award.deadline_at for award, _ in won))
    in_all = yuan(sum(award.amount_fen for award, _ in won))
    values = {"n": len(won), "yuan": in_all, "name": won[0][1]}
    words = ONE if len(won) == 1 else SEVERAL
    return Text(filled(words.zh, at=at.zh, **values), filled(words.en, at=at.en, **values))
