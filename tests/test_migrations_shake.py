"""What only WeChat's lottery knows has rows of its own: nothing of it is lost on the way there and back."""

from __future__ import annotations

import json

import pytest
from alembic import command
from sqlalchemy import inspect, select, text

from tests.test_migrations import THEN, empty, lay_0001
from wxbot.campaigns.models import Campaign
from wxbot.campaigns.trouble import trouble_of
from wxbot.db import Database
from wxbot.migrations import _config, upgrade
from wxbot.shake.terms import ShakeTerms, terms_of

__all__ = ["empty"]

PACKETS = [("loaded", 1, 1, 1), ("ticketed", 2, 1, None), ("planned", None, 1, None), ("planned", None, None, None)]
"""(status, order_id, wave_id, bucket_id)."""

UNLIKE = ("id", "slug", "mechanic", "terms")

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


SHAKES = [
    (3, 50_000, "到店", "摇一摇", "https://shop.example.test/after", [1001, 1002]),
    (4, 1_000_000, "", "", "", []),
    (5, 1_000_000, "", "", "", []),
]


def columns_of(database: Database) -> list[tuple[object, ...]]:
    found = rows(database, "SELECT id, odds_ppm, title, description, jump_url, device_ids FROM campaigns ORDER BY id")
    return [(*row[:-1], json.loads(row[-1]) if isinstance(row[-1], str) else row[-1]) for row in found]


@pytest.mark.on_both
def test_what_a_shake_decides_becomes_its_terms_and_columns_again(empty: Database) -> None:
    lay_0001(empty, "0037")
    with empty.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE campaigns SET odds_ppm = 50000, title = '到店', description = '摇一摇', device_ids = '[1001, 1002]',"
            " jump_url = 'https://shop.example.test/after' WHERE id = 3"
        )
        names = [each["name"] for each in inspect(connection).get_columns("campaigns") if each["name"] not in UNLIKE]
        same = ", ".join(names)
        connection.exec_driver_sql(
            f"INSERT INTO campaigns (id, slug, mechanic, terms, {same}) SELECT 5, 's5', 'instant', '{{\"prizes\": []}}', {same}"
            " FROM campaigns WHERE id = 4"
        )
    assert columns_of(empty) == SHAKES
    for _ in range(2):
        upgrade(empty)
        with empty.reading() as session:
            first, second, wheel = session.scalars(select(Campaign).order_by(Campaign.id))
            assert terms_of(first) == ShakeTerms(*SHAKES[0][1:5], (1001, 1002))
            assert terms_of(second) == ShakeTerms() and wheel.terms == {"prizes": []}
        command.downgrade(_config(empty), "0037")
        assert columns_of(empty) == SHAKES


def test_why_a_campaign_stands_still_becomes_a_code_with_its_sentence_and_one_line_again(empty: Database) -> None:
    lay_0001(empty, "0039")
    stored = {3: "FOUND_ORDERS 请财务先认定", 4: "9001069 设备不可用"}
    with empty.engine.begin() as connection:
        for campaign_id, said in stored.items():
            connection.execute(
                text("UPDATE campaigns SET trouble = :said WHERE id = :id"), {"said": said, "id": campaign_id}
            )
    for _ in range(2):
        upgrade(empty)
        with empty.reading() as session:
            found = {campaign.id: campaign for campaign in session.scalars(select(Campaign))}
        assert [found[campaign_id].trouble for campaign_id in stored] == ["found_orders", "9001069"]
        assert str(trouble_of(found[4])) == "设备不可用 / 设备不可用"
        command.downgrade(_config(empty), "0039")
        assert rows(empty, "SELECT id, trouble FROM campaigns ORDER BY id") == list(stored.items())
