"""the people who are not spoken to in Chinese, and how they showed it"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table; nobody has a row, so everybody is spoken to in Chinese."""
    op.create_table(
        "person_languages",
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("is_written", sa.Boolean(), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("language IN ('zh', 'en')", name=op.f("ck_person_languages_language")),
        sa.PrimaryKeyConstraint("openid", name=op.f("pk_person_languages")),
    )
    op.create_index(op.f("ix_person_languages_noted_at"), "person_languages", ["noted_at"])


def downgrade() -> None:
    """Everybody is spoken to in Chinese again."""
    op.drop_table("person_languages")
