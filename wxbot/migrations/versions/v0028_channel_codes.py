"""people are counted by the way they came"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

KEY = ["campaign_id", "hour", "outcome"]


def upgrade() -> None:
    """What was counted before came by the bare link."""
    op.add_column("campaigns", sa.Column("places", sa.JSON(), nullable=False, server_default="{}"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("campaigns", "places", server_default=None)
    with op.batch_alter_table("draw_counts") as table:
        table.add_column(sa.Column("channel_code", sa.String(16), nullable=False, server_default=""))
        table.drop_constraint(op.f("pk_draw_counts"), type_="primary")
        table.create_primary_key(op.f("pk_draw_counts"), [*KEY, "channel_code"])
    with op.batch_alter_table("draw_counts") as table:
        table.alter_column("channel_code", server_default=None)


def downgrade() -> None:
    """All ways are added up."""
    op.execute(
        "CREATE TEMPORARY TABLE all_ways AS"
        " SELECT campaign_id, hour, outcome, sum(n) AS n FROM draw_counts GROUP BY campaign_id, hour, outcome"
    )
    op.execute("DELETE FROM draw_counts")
    with op.batch_alter_table("draw_counts") as table:
        table.drop_constraint(op.f("pk_draw_counts"), type_="primary")
        table.create_primary_key(op.f("pk_draw_counts"), KEY)
        table.drop_column("channel_code")
    op.execute(
        "INSERT INTO draw_counts (campaign_id, hour, outcome, n) SELECT campaign_id, hour, outcome, n FROM all_ways"
    )
    op.execute("DROP TABLE all_ways")
    op.drop_column("campaigns", "places")
