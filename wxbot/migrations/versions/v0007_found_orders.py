"""found orders: what WeChat knows and a restored database does not"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three new tables, empty until a copy was restored."""
    _thaws()
    _found_orders()
    op.create_table(
        "payout_releases",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("payout_id", BigId, nullable=False),
        sa.Column("evidence", sa.String(length=400), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name=op.f("ck_payout_releases_four_eyes")),
        sa.ForeignKeyConstraint(["payout_id"], ["payouts.id"], name=op.f("fk_payout_releases_payout_id_payouts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_releases")),
        sa.UniqueConstraint("payout_id", name=op.f("uq_payout_releases_payout_id")),
    )


def _thaws() -> None:
    op.create_table(
        "thaws",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("step", sa.String(length=8), nullable=False),
        sa.Column("frozen_at", UtcDateTime(), nullable=False),
        sa.Column("known_until", UtcDateTime(), nullable=False),
        sa.Column("first_serial", sa.BigInteger(), nullable=False),
        sa.Column("next_serial", sa.BigInteger(), nullable=False),
        sa.Column("unknown_in_a_row", sa.Integer(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("refusal", sa.String(length=64), nullable=False),
        sa.Column("bills_read_at", UtcDateTime(), nullable=True),
        sa.Column("open_asked_by", sa.Integer(), nullable=True),
        sa.Column("open_asked_at", UtcDateTime(), nullable=True),
        sa.Column("opened_by", sa.Integer(), nullable=True),
        sa.Column("opened_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("step IN ('asking', 'judging', 'opened')", name=op.f("ck_thaws_step")),
        sa.CheckConstraint(
            "step <> 'opened' OR (opened_by IS NOT NULL AND open_asked_by IS NOT NULL AND opened_by <> open_asked_by)",
            name=op.f("ck_thaws_four_eyes"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thaws")),
    )
    is_asking = sa.text("step = 'asking'")
    op.create_index("one_open_thaw", "thaws", ["step"], unique=True, sqlite_where=is_asking, postgresql_where=is_asking)


def _found_orders() -> None:
    op.create_table(
        "found_orders",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("thaw_id", BigId, nullable=False),
        sa.Column("mch_billno", sa.String(length=28), nullable=False),
        sa.Column("version", sa.String(length=2), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=True),
        sa.Column("detail_id", sa.String(length=64), nullable=True),
        sa.Column("placed_at", UtcDateTime(), nullable=True),
        sa.Column("act_name", sa.String(length=64), nullable=True),
        sa.Column("wishing", sa.String(length=255), nullable=True),
        sa.Column("remark", sa.String(length=255), nullable=True),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("next_look_at", UtcDateTime(), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("reason_kind", sa.String(length=12), nullable=True),
        sa.Column("reason_id", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.String(length=400), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=True),
        sa.Column("proposed_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'proposed', 'adopted', 'apart')", name=op.f("ck_found_orders_status")),
        sa.CheckConstraint(
            "status NOT IN ('adopted', 'apart') OR (decided_by IS NOT NULL AND decided_by <> proposed_by)",
            name=op.f("ck_found_orders_four_eyes"),
        ),
        sa.ForeignKeyConstraint(["thaw_id"], ["thaws.id"], name=op.f("fk_found_orders_thaw_id_thaws")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_found_orders")),
        sa.UniqueConstraint("mch_billno", name=op.f("uq_found_orders_mch_billno")),
    )
    is_open = sa.text("status IN ('open', 'proposed')")
    op.create_index(
        "ix_found_orders_open", "found_orders", ["amount_fen"], sqlite_where=is_open, postgresql_where=is_open
    )
    is_due = sa.text("next_look_at IS NOT NULL")
    op.create_index(
        "ix_found_orders_look", "found_orders", ["next_look_at"], sqlite_where=is_due, postgresql_where=is_due
    )
