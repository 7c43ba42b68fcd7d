"""What only WeChat's lottery knows has rows of its own: nothing of it is lost on the way there and back."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from tests.test_migrations import THEN, empty, lay_0001
from wxbot.db import Database
from wxbot.migrations import _config, upgrade

__all__ = ["empty"]

PACKETS = [("loaded", 1, 1, 1), ("ticketed", 2, 1, None), ("planned", None, 1, None), ("planned", None, None, None)]
"""(status, order_id, wave_id, bucket_id)."""

ROWS = (
    "INSERT INTO lotteries (campaign_id, ordinal, lottery_id, lottery_key, total, loaded, is_on, created_at)"
    f" VALUES (3, 1, 'lot', '', 3, 1, true, {THEN})",
    f"INSERT INTO waves (campaign_id, ordinal, packets, reason, opened_at) VALUES (3, 1, 2, 'first', {THEN})",
    "INSERT INTO buckets (lottery_id, status, packets, rejected, sends, created_at)"
    f" VALUES (1, 'loaded', 1, '{{}}', 1, {THEN})",
    "INSERT INTO orders (channel, reason_kind, reason_id, attempt, campaign_id, mch_billno, params, params_sha256, amount_fen,"
    " status, holding, sends, checks, created_at, lease_epoch, is_noticed)"
    f" VALUES ('hbpreorder', 'packet', 2, 1, 3, 'n2', '{{}}', '', 100, 'accepted', 'tickets', 1, 0, {THEN}, 0, true)",
    *(
        "INSERT INTO packets (campaign_id, ordinal, amount_fen, tier, status, attempts, failures, order_id, wave_id, bucket_id,"
        f" updated_at) VALUES (3, {n}, 100, '', '{status}', 1, 0, {order_id or 'NULL'}, {wave_id or 'NULL'},"
        f" {bucket_id or 'NULL'}, {THEN})"
        for n, (status, order_id, wave_id, bucket_id) in enumerate(PACKETS, 1)
    ),
)


def rows(database: Database, question: str) -> list[tuple[object, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def test_wave_and_bucket_of_a_ticket_stand_with_its_order_and_come_back_to_its_packet(empty: Database) -> None:
    lay_0001(empty)
    with empty.engine.begin() as connection:
        for row in ROWS:
            connection.exec_driver_sql(row)
    for _ in range(2):
        upgrade(empty)
        assert rows(empty, "SELECT order_id, wave_id, bucket_id FROM ticket_orders ORDER BY order_id") == [
            (1, 1, 1),
            (2, 1, None),
        ]
        command.downgrade(_config(empty), "0034")
        assert rows(empty, "SELECT status, order_id, wave_id, bucket_id FROM packets ORDER BY id") == [
            PACKETS[0],
            PACKETS[1],
            ("planned", None, None, None),
            PACKETS[3],
        ]
