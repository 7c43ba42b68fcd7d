"""Placing orders for what is owed: every condition is asked again here, right before the money leaves (money I7, F23)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.budget import Budget
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.orders import found, throttle
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import Order
from wxbot.orders.plan import BudgetSpent, fault_of, plan_orders
from wxbot.payouts.create import content_of, payment_request_of
from wxbot.payouts.models import PAYOUT_NEXT, Payout, Programme, Release
from wxbot.payouts.sources import is_owed
from wxbot.people import marks
from wxbot.people.models import Binding, PersonMark
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.transitions import move

log = get_logger(__name__)

BATCH = 200
"""Payouts looked at in one transaction."""

AHEAD_S = 20
"""Orders are placed for about this many seconds of sending: what waits longer can still be called off."""

IS_APPROVED = func.coalesce(Payout.status, "") == "approved"
"""No plain equality: SQLite would sort all that is owed, each second, instead of walking what is due."""

LOOK_AGAIN = {
    "found": 60,
    "bill": 60,
    "budget": 60,
    "closed": 600,
    "blocked": 600,
    "unbound": 600,
    "unconfirmed": 60,
    "texts": 600,
}
"""Why a payout waits → seconds until that is asked again."""


def order_due(runtime: Runtime) -> int:
    """Place orders for payouts that are approved and due; returns how many payouts were decided on.

    Nothing is placed in quiet hours or while a person has stopped the lane: an order's number carries its day. Nothing is
    placed by a frozen database either: its next numbers may have been given out before.
    """
    decided = 0
    if not lineage.may_send(runtime):
        _say_frozen(runtime)
        return decided
    while True:
        with runtime.database.transaction() as session:
            now = runtime.database.now(session)
            channels = _open_to(session, runtime.settings, now)
            if not channels:
                return decided
            done = _place_batch(session, runtime, channels, now)
        decided += done
        if done < BATCH:
            return decided


def _say_frozen(runtime: Runtime) -> None:
    """What would be ordered now says why it is not, wherever somebody looks."""
    with runtime.database.reading() as session:
        now = runtime.database.now(session)
        is_due = (Payout.due_at <= now) & IS_APPROVED
        if not lineage.is_frozen(session) or session.scalar(select(Payout.id).where(is_due).limit(1)) is None:
            return
    with runtime.database.transaction() as session:
        later = now + timedelta(seconds=LOOK_AGAIN["bill"])
        changed(session, update(Payout).where(is_due, Payout.status == "approved").values(hold="bill", due_at=later))


def _open_to(session: Session, settings: Settings, now: datetime) -> Sequence[str]:
    """Channels that orders may be placed for: those of a lane that sends at this hour, with few orders waiting. One that an error has stopped gets
    as many as another, so that there is a probe, and fills no other's place."""
    if throttle.is_held_by_staff(session, settings.mch_id):
        return ()
    ahead = AHEAD_S * settings.pay_per_second
    found: list[str] = []
    for lane in throttle.lanes(session, settings, now):
        waiting = select(Order.id).where(Order.status == "planned", Order.send_after <= now).limit(ahead)
        mine = waiting.where(Order.channel.in_(lane.channels)) if lane.channels else waiting
        if len(session.execute(mine).all()) < ahead:
            found += lane.channels or CHANNELS
    return found


def _place_batch(session: Session, runtime: Runtime, channels: Sequence[str], now: datetime) -> int:
    """Decide on one batch; the rows are locked, and those of another worker are skipped."""
    due = (
        select(Payout)
        .where(Payout.due_at <= now, IS_APPROVED, Payout.channel.in_(channels))
        .order_by(Payout.due_at, Payout.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    payouts = session.scalars(due).all()
    after_restore = _held_after_restore(session, payouts)
    ready: dict[tuple[int, str], list[Payout]] = {}  # a budget is a programme's or a campaign's: none pays both kinds
    for payout in payouts:
        hold = _why_not(session, payout) or _unsendable(runtime.settings, payout) or after_restore.get(payout.id)
        if hold:
            _wait(session, payout, hold, now)
        else:
            ready.setdefault((payout.budget_id, payout.channel), []).append(payout)
    for (budget_id, channel), wanted in sorted(ready.items()):
        affordable = wanted if is_owed(wanted[0].source_kind) else _affordable(session, budget_id, wanted)
        for payout in wanted[len(affordable) :]:
            _wait(session, payout, "budget", now)
        if affordable and not _place(session, runtime.settings, channel, affordable, now):
            for payout in affordable:
                _wait(session, payout, "budget", now)
    return len(payouts)


def _why_not(session: Session, payout: Payout) -> str | None:
    """Why a payout may not be ordered now (a key of HOLDS), or None. What is owed has no programme whose terms it must meet."""
    programme = None if is_owed(payout.source_kind) else session.get_one(Programme, payout.budget_id)
    if programme is not None and not programme.is_open:
        return "closed"
    if content_of(payout) != payout.content_sha256:  # somebody has changed the row by hand (money F72, I16)
        log.error("payout_content_differs", payout_id=payout.id)
        return "blocked"
    refusal = marks.refusal(session, None, payout.openid)
    if refusal == "blocked":
        return "blocked"
    if programme is None:
        return None
    if refusal == "unconfirmed":
        return "unconfirmed"
    return "unbound" if refusal is not None and programme.needs_binding else None


def _held_after_restore(session: Session, payouts: Sequence[Payout]) -> dict[int, str]:
    """Payouts that a payment unknown to a restored database may have paid already (`found`), or that wait for the fund bills
    of its lost days (`bill`), unless two cashiers released them. Both are asked of small tables, mostly empty ones."""
    if not payouts:
        return {}
    held: dict[int, str] = {}
    if found.awaited_bills(session) is not None:
        query = select(Release.payout_id).where(Release.decided_by.is_not(None))
        released = set(session.scalars(query.where(Release.payout_id.in_([payout.id for payout in payouts]))))
        held = {payout.id: "bill" for payout in payouts if payout.id not in released}
    return held | dict.fromkeys(_may_be_paid(session, payouts), "found")


def _may_be_paid(session: Session, payouts: Sequence[Payout]) -> set[int]:
    """Those that a found order nobody has judged may have paid."""
    if not payouts:
        return set()
    unjudged = found.unjudged(session, {payout.amount_fen for payout in payouts})
    return {
        payout.id
        for each in unjudged
        for payout in payouts
        if found.may_be(each, payout.openid, payout.amount_fen, CHANNELS[payout.channel].version, payout.texts)
    }


def _unsendable(settings: Settings, payout: Payout) -> str | None:
    """`texts` when no order could carry it as the settings are now: it waits alone, the others go on (F89)."""
    fault = fault_of(settings, payout.channel, payment_request_of(payout))
    if fault is None:
        return None
    log.error("payout_cannot_be_ordered", payout_id=payout.id, fault=fault)
    return "texts"


def held_back(session: Session, order_ids: Sequence[int]) -> list[int]:
    """Orders that must not be sent any more, of those about to be sent for the first time: the person was blocked or the
    programme closed after the order was placed, which may be a night ago (money I16, F23); or a restored database planned it,
    and a later number, which it has lost, may have paid it since. Their payouts wait again."""
    query = select(Payout, Programme).outerjoin(Programme, Programme.id == Payout.budget_id)
    planned = session.execute(query.where(Payout.order_id.in_(order_ids))).all()
    blocked = _blocked(session, {payout.openid for payout, _ in planned})
    paid = _may_be_paid(session, [payout for payout, _ in planned])
    return [
        payout.order_id
        for payout, programme in planned
        if payout.order_id is not None
        and (payout.openid in blocked or payout.id in paid or _has_terms(programme))
        and (payout.id in paid or _why_not(session, payout))
    ]


def _has_terms(programme: Programme | None) -> bool:
    """Whether a payout must be asked about once more before it is sent; without a programme it is owed whatever it says."""
    return programme is not None and (not programme.is_open or programme.needs_binding)


def _blocked(session: Session, openids: set[str]) -> set[str]:
    """Those of these people who have a mark of `block`, on themselves or on the phone that is bound to them."""
    if not openids:
        return set()
    phone = (Binding.openid.in_(openids)) & (Binding.status == "active")
    marked = select(PersonMark.subject).where(PersonMark.mark == "block", PersonMark.kind == "openid")
    by_phone = select(Binding.openid).join(
        PersonMark, (PersonMark.kind == "phone") & (PersonMark.subject == Binding.phone_index)
    )
    return {
        *session.scalars(marked.where(PersonMark.subject.in_(openids))),
        *session.scalars(by_phone.where(phone, PersonMark.mark == "block")),
    }


def _wait(session: Session, payout: Payout, hold: str, now: datetime) -> None:
    due_at = now + timedelta(seconds=LOOK_AGAIN[hold])
    is_waiting = (Payout.id == payout.id) & (Payout.status == "approved")
    changed(session, update(Payout).where(is_waiting).values(hold=hold, due_at=due_at))


def _affordable(session: Session, budget_id: int, payouts: Sequence[Payout]) -> Sequence[Payout]:
    """The first payouts that the budget still covers; the reservation itself is what decides."""
    budget = session.get_one(Budget, budget_id, populate_existing=True)
    free_fen = budget.budget_fen - budget.committed_fen - budget.paid_fen
    for index, payout in enumerate(payouts):
        free_fen -= payout.amount_fen
        if free_fen < 0:
            return payouts[:index]
    return payouts


def _place(session: Session, settings: Settings, channel: str, payouts: Sequence[Payout], now: datetime) -> bool:
    """Orders for these payouts; False when the budget was used by somebody else at this moment."""
    try:
        placed = plan_orders(session, settings, channel, [payment_request_of(payout) for payout in payouts], now)
    except BudgetSpent:
        return False
    for payout in payouts:
        is_ours = move(
            session,
            Payout,
            payout.id,
            PAYOUT_NEXT,
            "approved",
            "ordered",
            order_id=placed[payout.id],
            attempts=payout.attempts + 1,
            hold=None,
            due_at=None,
        )
        if not is_ours:
            raise RuntimeError(f"payout {payout.id} was locked and moved all the same")
    return True
