"""lineage: a database that knows it is a copy"""

import secrets

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table with one row: from here on the database has a name of its own (lineage.py)."""
    made = op.create_table(
        "lineage",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("database_id", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("frozen_why", sa.String(length=12), nullable=True),
        sa.Column("frozen_at", UtcDateTime(), nullable=True),
        sa.Column("witness_generation", sa.BigInteger(), nullable=False),
        sa.Column("witness_serial", sa.BigInteger(), nullable=False),
        sa.Column("refusal", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_lineage_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage")),
    )
    row = {
        "id": 1,
        "database_id": secrets.token_hex(16),
        "generation": 0,
        "witness_generation": 0,
        "witness_serial": 0,
        "refusal": "",
    }
    op.bulk_insert(made, [row])
