"""what became of a ticket here leaves the packets of every campaign and stands with the order, in a table of the lottery's"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

HAS_BUCKET = sa.text("bucket_id IS NOT NULL")


def upgrade() -> None:
    """A packet that is planned again has no order, and the wave of its last one is not asked about any more."""
    op.create_table(
        "ticket_orders",
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("wave_id", BigId, nullable=True),
        sa.Column("bucket_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_ticket_orders_order_id_orders")),
        sa.ForeignKeyConstraint(["wave_id"], ["waves.id"], name=op.f("fk_ticket_orders_wave_id_waves")),
        sa.ForeignKeyConstraint(["bucket_id"], ["buckets.id"], name=op.f("fk_ticket_orders_bucket_id_buckets")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_ticket_orders")),
    )
    op.execute(
        "INSERT INTO ticket_orders (order_id, wave_id, bucket_id) SELECT order_id, wave_id, bucket_id FROM packets"
        " WHERE order_id IS NOT NULL AND (wave_id IS NOT NULL OR bucket_id IS NOT NULL)"
    )
    op.create_index(
        "ix_ticket_orders_bucket_id",
        "ticket_orders",
        ["bucket_id"],
        sqlite_where=HAS_BUCKET,
        postgresql_where=HAS_BUCKET,
    )
    op.drop_index("ix_packets_bucket_id", table_name="packets")
    for column in ("wave_id", "bucket_id"):
        op.drop_column("packets", column)


def downgrade() -> None:
    """Each packet says it again of the order that it has now."""
    for column in ("wave_id", "bucket_id"):
        op.add_column("packets", sa.Column(column, sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE packets SET wave_id = (SELECT wave_id FROM ticket_orders WHERE ticket_orders.order_id = packets.order_id),"
        " bucket_id = (SELECT bucket_id FROM ticket_orders WHERE ticket_orders.order_id = packets.order_id)"
        " WHERE order_id IS NOT NULL"
    )
    op.create_index(
        "ix_packets_bucket_id", "packets", ["bucket_id"], sqlite_where=HAS_BUCKET, postgresql_where=HAS_BUCKET
    )
    op.drop_table("ticket_orders")
