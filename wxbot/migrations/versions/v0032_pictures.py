"""a campaign's page may show the marketer's own picture"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No campaign has one yet."""
    op.create_table(
        "campaign_pictures",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_pictures_campaign_id_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "name", name=op.f("pk_campaign_pictures")),
    )


def downgrade() -> None:
    """Pages show their colour alone."""
    op.drop_table("campaign_pictures")
