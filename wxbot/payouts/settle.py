"""Letting payouts follow their orders, and telling the person."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wxbot.logs import get_logger
from wxbot.money import yuan
from wxbot.orders.channels import CHANNELS, CONFIRMED
from wxbot.orders.models import Order
from wxbot.payouts.create import release_month
from wxbot.payouts.models import COLLECT, PAYOUT_NEXT, Payout, PayoutStatus
from wxbot.payouts.sources import SOURCES, is_owed
from wxbot.people import notices
from wxbot.runtime import Runtime
from wxbot.text import Text
from wxbot.transitions import move
from wxbot.wechat.errors import ErrorRow, row_for

log = get_logger(__name__)

FAILURES_MAX = 3
"""After this many orders that definitely failed nothing more is tried by itself (money §5.1)."""

TRY_AGAIN = timedelta(minutes=10)

CALLED_OFF = "MCH_CANCEL"
"""err_code of an order that staff took back before the person confirmed it."""

NEVER_SENT = "CANCELLED"
"""err_code of an order that was called off before it was sent: its payout is still owed, and looked at again."""

READY = Text(
    "您的 ¥{yuan} 已备好，请在 24 小时内点开确认收款。",
    "Your ¥{yuan} is ready: open it and confirm within 24 hours.",
)
SENT = Text(
    "您的红包 ¥{yuan} 已发出，请在 24 小时内在微信里领取，过期会退回。",
    "Your red packet of ¥{yuan} was sent: take it in WeChat within 24 hours, or it goes back.",
)
PAID = Text("您的 ¥{yuan} 已领取，谢谢！", "You have received your ¥{yuan}. Thank you!")
RETURNED = Text(
    "您的 ¥{yuan} 超过时间未领取，已退回。需要补发请联系我们。",
    "Your ¥{yuan} was not taken in time and went back. Ask us to send it again.",
)

BACK = Text(
    "¥{yuan} 还没有领取成功，钱给您留着：请在兑奖截止前再点一次领取。",
    "¥{yuan} has not reached you yet and is kept for you: collect it once more before its deadline.",
)

LANE_AGAIN = timedelta(hours=1)
"""When a further order is tried after one failed for a reason that hits every order of the merchant."""


def settle(runtime: Runtime, session: Session, orders: Sequence[Order], now: datetime) -> Sequence[Order]:
    """Apply order changes to their payouts, and tell the people; returns the orders that are done with: all of them."""
    for order in orders:
        # Locked: another worker may follow the same order and place the next one while this one looks.
        payout = session.get(Payout, order.reason_id, with_for_update=True)
        if payout is not None and payout.order_id == order.id and payout.status == "ordered":
            _follow(session, payout, order, runtime.settings.public_url, now)
    return orders


def _follow(session: Session, payout: Payout, order: Order, public_url: str, now: datetime) -> None:
    match order.status:
        case "accepted":
            _tell(session, payout, order, "sent", _sent_text(payout, order), public_url, now)
        case "received":
            if _end(session, payout, "paid", order.err_code, now):
                _tell(session, payout, order, "paid", PAID.format(yuan=yuan(payout.amount_fen)), public_url, now)
        case "returned" if is_owed(payout.source_kind):
            _open_again(session, payout, order, public_url, now)
        case "returned":
            if _end(session, payout, "returned", order.err_code, now):
                words = RETURNED.format(yuan=yuan(payout.amount_fen))
                _tell(session, payout, order, "returned", words, public_url, now)
        case "failed":
            _follow_failure(session, payout, order, public_url, now)
        case "manual":
            log.error("payout_needs_a_person", payout_id=payout.id, err_code=order.err_code)


def reason_row(order: Order) -> ErrorRow:
    """What the code of an order means, in the catalogue of its channel; that of a failed bill is a family of its own."""
    channel = CHANNELS[order.channel]
    return row_for(channel.end_api if order.status == "failed" else channel.api, order.err_code or "NO_CODE")


def _follow_failure(session: Session, payout: Payout, order: Order, public_url: str, now: datetime) -> None:
    """Its order definitely failed: a further one is tried unless the person must act first, or enough were tried."""
    if order.err_code == NEVER_SENT and not order.is_cancel_wanted:
        move(session, Payout, payout.id, PAYOUT_NEXT, "ordered", "approved", due_at=now)
        return
    is_wanted_back = order.err_code == CALLED_OFF or order.is_cancel_wanted
    if is_owed(payout.source_kind) and (is_wanted_back or not reason_row(order).stops_lane):
        _open_again(session, payout, order, public_url, now)
        return
    if is_wanted_back:  # wanted back: however it failed, nothing follows (F82)
        _end(session, payout, "cancelled", order.err_code, now)
        return
    row = reason_row(order)
    if row.stops_lane:  # the merchant's quota or account: no payout's fault, so none fails of it (money rule 13)
        log.error("payouts_fail_alike", payout_id=payout.id, err_code=order.err_code)
        move(
            session,
            Payout,
            payout.id,
            PAYOUT_NEXT,
            "ordered",
            "approved",
            err_code=order.err_code,
            due_at=now + LANE_AGAIN,
        )
        return
    failures = payout.failures + 1
    if failures < FAILURES_MAX and not (row.is_known and row.actor == "person"):
        move(
            session,
            Payout,
            payout.id,
            PAYOUT_NEXT,
            "ordered",
            "approved",
            failures=failures,
            err_code=order.err_code,
            due_at=now + failures * TRY_AGAIN,
        )
        return
    if _end(session, payout, "failed", order.err_code, now, failures=failures):
        _tell(session, payout, order, "failed", Text(row.to_person, row.to_person_en), public_url, now)


def _open_again(session: Session, payout: Payout, order: Order, public_url: str, now: datetime) -> None:
    """What is owed is owed still though its order has ended: the person may ask for it again, however often."""
    failures = payout.failures + (order.status == "failed")
    is_ours = move(
        session,
        Payout,
        payout.id,
        PAYOUT_NEXT,
        "ordered",
        "approved",
        failures=failures,
        err_code=order.err_code,
        hold=COLLECT,
        due_at=None,
    )
    if is_ours:
        _tell(session, payout, order, "back", BACK.format(yuan=yuan(payout.amount_fen)), public_url, now)


def _end(
    session: Session, payout: Payout, after: PayoutStatus, err_code: str | None, now: datetime, **values: int
) -> bool:
    """Move a payout to its end; money that did not arrive frees the person's limit of the month."""
    is_ours = move(
        session,
        Payout,
        payout.id,
        PAYOUT_NEXT,
        "ordered",
        after,
        err_code=err_code,
        due_at=None,
        settled_at=now,
        **values,
    )
    if is_ours and after != "paid":
        release_month(session, payout)
    return is_ours


def _sent_text(payout: Payout, order: Order) -> Text:
    return (READY if order.channel in CONFIRMED else SENT).format(yuan=yuan(payout.amount_fen))


def _tell(
    session: Session, payout: Payout, order: Order, what: str, words: Text, public_url: str, now: datetime
) -> None:
    """A notice, once for each order and step."""
    notices.tell(
        session,
        payout.openid,
        f"payout_{what}",
        f"{payout.id}:{order.attempt}",
        words,
        f"{public_url}{SOURCES[payout.source_kind].page or f'/h5/pay/{payout.public_id}'}",
        now=now,
    )
