"""The one way packets are made and change their status: their counts are kept in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import PACKET_NEXT, Packet, PacketCount, PacketStatus
from wxbot.db import insert_into
from wxbot.transitions import moving


def _add_counts(session: Session, campaign_id: int, status: PacketStatus, packets: int, amount_fen: int) -> None:
    statement = insert_into(session, PacketCount).values(
        campaign_id=campaign_id, status=status, n=packets, amount_fen=amount_fen
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["campaign_id", "status"],
            set_={
                "n": PacketCount.n + statement.excluded.n,
                "amount_fen": PacketCount.amount_fen + statement.excluded.amount_fen,
            },
        )
    )


def counts(session: Session, campaign_id: int) -> dict[str, int]:
    """Packets of a campaign in each status, from the kept counts."""
    rows = session.execute(select(PacketCount.status, PacketCount.n).where(PacketCount.campaign_id == campaign_id))
    return {status: int(n) for status, n in rows}


def plan_packets(
    session: Session, campaign_id: int, first_ordinal: int, amounts_fen: Sequence[tuple[int, str]], now: datetime
) -> None:
    """Insert planned packets `(amount in fen, tier name)` from `first_ordinal` on."""
    if not amounts_fen:
        return
    session.execute(
        insert(Packet),
        [
            {
                "campaign_id": campaign_id,
                "ordinal": first_ordinal + offset,
                "amount_fen": amount_fen,
                "tier": tier,
                "status": "planned",
                "attempts": 0,
                "failures": 0,
                "updated_at": now,
            }
            for offset, (amount_fen, tier) in enumerate(amounts_fen)
        ],
    )
    _add_counts(session, campaign_id, "planned", len(amounts_fen), sum(amount for amount, _ in amounts_fen))


def move_packets(
    session: Session,
    packet_ids: Sequence[int],
    before: PacketStatus,
    after: PacketStatus,
    now: datetime,
    **values: Any,
) -> list[int]:
    """Move packets from one status to the next by a guarded UPDATE; returns the ids that this call moved.

    A packet missing in the answer was moved by someone else. Raises NotAllowed for a step the table does not know.
    """
    moving_on = moving(Packet, PACKET_NEXT, (before,), after, updated_at=now, **values)
    if not packet_ids:
        return []
    statement = (
        moving_on.where(Packet.id.in_(packet_ids))
        .returning(Packet.id, Packet.campaign_id, Packet.amount_fen)
        .execution_options(synchronize_session=False)
    )
    moved = session.execute(statement).all()
    for campaign_id in sorted({row.campaign_id for row in moved}):
        amounts = [row.amount_fen for row in moved if row.campaign_id == campaign_id]
        for status, sign in sorted(((before, -1), (after, 1))):
            _add_counts(session, campaign_id, status, sign * len(amounts), sign * sum(amounts))
    return [row.id for row in moved]


def move_packet(
    session: Session, packet_id: int, before: PacketStatus, after: PacketStatus, now: datetime, **values: Any
) -> bool:
    """Move one packet; True when this call moved it (see move_packets)."""
    return bool(move_packets(session, [packet_id], before, after, now, **values))
