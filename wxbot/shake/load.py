"""Loading tickets into the lottery, 100 at a time, with one outcome per ticket (wechat-protocol §1.4, money F43, F44)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot.campaigns import lease
from wxbot.campaigns.models import Campaign, Packet
from wxbot.campaigns.packets import move_packets
from wxbot.campaigns.trouble import write_error
from wxbot.db import changed, insert_into
from wxbot.logs import get_logger
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.shake.models import BUCKET_NEXT, Bucket, BucketStatus, Lottery, TicketOrder
from wxbot.transitions import move
from wxbot.wechat import limits
from wxbot.wechat.errors import Refused, WeChatError
from wxbot.wechat.shakearound import BucketAnswer

log = get_logger(__name__)

LOAD_MARGIN = timedelta(hours=2)
"""A ticket this close to its end is not loaded any more: it would be stock for an hour at most."""

ALL_INVALID = "9001090"
"""Every ticket of the call was reused, expired or had a bad amount (wechat-protocol §1.4)."""

LOTTERY_OVER = frozenset({"9001075", "9001091", "9001072"})
"""The lottery's ceiling is reached or it is over: it takes no more tickets."""


def load_bucket(runtime: Runtime, campaign: Campaign, lottery: Lottery) -> int | None:
    """Load one bucket: an unanswered one again with the same tickets, else the next ones.

    Returns how many packets were loaded, 0 when the call has to be repeated, None when there is nothing to load.
    Raises LeaseLost when another worker advances this campaign now: only one may speak about a bucket (F20).
    """
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        bucket = _open_bucket(session, lottery, now)
        if bucket is None:
            return None
        tickets = _tickets(runtime, session, bucket.id)
        if not tickets:
            # Its answer never came, and all its tickets have expired and gone back meanwhile.
            _settle_bucket(session, bucket, "refused", {"gone": bucket.packets}, now, None)
            return 0
        bucket.sends += 1
    by_ticket = {ticket: packet_id for packet_id, ticket in tickets}
    answer: BucketAnswer | WeChatError
    try:
        answer = runtime.shakearound.setprizebucket(
            lottery_id=str(lottery.lottery_id),
            mchid=runtime.settings.mch_id,
            sponsor_appid=runtime.settings.appid,
            sp_tickets=list(by_ticket),
        )
    except WeChatError as error:
        answer = error
    with runtime.database.transaction() as session:
        return _settle(session, campaign, bucket, by_ticket, answer, runtime.database.now(session))


def _open_bucket(session: Session, lottery: Lottery, now: datetime) -> Bucket | None:
    """The bucket whose answer is missing, or a new one of up to 100 ticketed packets, committed before the call."""
    waiting = session.execute(
        select(Bucket).where(Bucket.lottery_id == lottery.id, Bucket.status == "sending").order_by(Bucket.id).limit(1)
    ).scalar_one_or_none()
    if waiting is not None:
        return waiting
    room = min(limits.BUCKET_TICKETS_MAX, lottery.total - lottery.loaded)
    order_ids = session.scalars(
        select(Packet.order_id)
        .outerjoin(TicketOrder, TicketOrder.order_id == Packet.order_id)
        .where(
            Packet.campaign_id == lottery.campaign_id,
            Packet.status == "ticketed",
            TicketOrder.bucket_id.is_(None),
            Packet.expires_at > now + LOAD_MARGIN,
        )
        .order_by(Packet.id)
        .limit(max(0, room))
    ).all()
    if not order_ids:
        return None
    bucket = Bucket(
        lottery_id=lottery.id, status="sending", packets=len(order_ids), sends=0, created_at=now, rejected={}
    )
    session.add(bucket)
    session.flush()
    rows = insert_into(session, TicketOrder).values(
        [{"order_id": order_id, "bucket_id": bucket.id} for order_id in order_ids]
    )
    session.execute(rows.on_conflict_do_update(index_elements=["order_id"], set_={"bucket_id": bucket.id}))
    return bucket


def _tickets(runtime: Runtime, session: Session, bucket_id: int) -> list[tuple[int, str]]:
    rows = session.execute(
        select(Packet.id, Order.sp_ticket)
        .join(Order, Order.id == Packet.order_id)
        .join(TicketOrder, TicketOrder.order_id == Packet.order_id)
        .where(TicketOrder.bucket_id == bucket_id)
        .order_by(Packet.id)
    )
    return [(int(packet_id), runtime.vault.open(sealed)) for packet_id, sealed in rows if sealed]


def _settle(
    session: Session,
    campaign: Campaign,
    bucket: Bucket,
    by_ticket: dict[str, int],
    answer: BucketAnswer | WeChatError,
    now: datetime,
) -> int:
    """Write the outcome per ticket. Repeating an unanswered call is safe: WeChat calls loaded tickets `repeat`."""
    is_repeat = bucket.sends > 1
    if isinstance(answer, Refused) and answer.code == ALL_INVALID and is_repeat:
        # All of them were loaded by the call whose answer was lost; those that had expired meanwhile come back as orders.
        return _close_bucket(session, bucket, list(by_ticket.values()), {"all_invalid_on_repeat": len(by_ticket)}, now)
    if isinstance(answer, Refused) and (answer.code in LOTTERY_OVER or answer.code == ALL_INVALID):
        return _refuse_bucket(session, campaign, bucket, list(by_ticket.values()), answer, now)
    if isinstance(answer, WeChatError):
        write_error(session, campaign, answer)
        return 0
    rejected = {
        "expire": answer.expire,
        "invalid_amount": answer.invalid_amount,
        "wrong_authmchid": answer.wrong_authmchid,
        "invalid": answer.invalid,
        "repeat": () if is_repeat else answer.repeat,
    }
    refused = {ticket for tickets in rejected.values() for ticket in tickets}
    loaded = [packet_id for ticket, packet_id in by_ticket.items() if ticket not in refused]
    told = answer.success_num + (len(answer.repeat) if is_repeat else 0)
    if told != len(loaded) and not is_repeat:
        log.warning("bucket_count_differs", bucket_id=bucket.id, success_num=answer.success_num, expected=len(loaded))
        return 0  # stays `sending`: the same tickets are sent again and the repeat list tells the truth
    counts = {name: len(tickets) for name, tickets in rejected.items() if tickets}
    if counts:
        log.error("tickets_rejected", bucket_id=bucket.id, **counts)
    return _close_bucket(session, bucket, loaded, counts, now, success_num=answer.success_num)


def _close_bucket(
    session: Session,
    bucket: Bucket,
    packet_ids: Sequence[int],
    rejected: dict[str, int],
    now: datetime,
    success_num: int | None = None,
) -> int:
    if not _settle_bucket(session, bucket, "loaded", rejected, now, success_num):
        return 0  # the same bucket was settled by another worker: it has counted these packets
    moved = move_packets(session, packet_ids, "ticketed", "loaded", now)
    changed(
        session,
        update(Lottery).where(Lottery.id == bucket.lottery_id).values(loaded=Lottery.loaded + len(packet_ids)),
    )
    return len(moved)


def _refuse_bucket(
    session: Session, campaign: Campaign, bucket: Bucket, packet_ids: Sequence[int], error: Refused, now: datetime
) -> int:
    """Nothing was loaded. A full or finished lottery frees the packets for the next one; bad tickets wait to come back."""
    if not _settle_bucket(session, bucket, "refused", {error.code: len(packet_ids)}, now, 0):
        return 0
    if error.code in LOTTERY_OVER:
        changed(
            session,
            update(Lottery).where(Lottery.id == bucket.lottery_id).values(total=Lottery.loaded),
        )
        changed(
            session,
            update(TicketOrder).where(TicketOrder.bucket_id == bucket.id).values(bucket_id=None),
        )
    else:
        write_error(session, campaign, error)
    log.error("bucket_refused", bucket_id=bucket.id, err_code=error.code)
    return 0


def _settle_bucket(
    session: Session,
    bucket: Bucket,
    status: BucketStatus,
    rejected: dict[str, int],
    now: datetime,
    success_num: int | None,
) -> bool:
    """Give a bucket its end, once; False when it has one."""
    values: dict[str, Any] = {"rejected": rejected, "settled_at": now, "success_num": success_num}
    return move(session, Bucket, bucket.id, BUCKET_NEXT, "sending", status, **values)
