"""why a campaign stands still is kept as a code beside its sentence in both languages"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

CAMPAIGNS = sa.table(
    "campaigns", sa.column("id"), sa.column("trouble"), sa.column("trouble_words", sa.JSON(none_as_null=True))
)


def upgrade() -> None:
    """A sentence that was stored is kept in the language that it has; the next run of its campaign writes both."""
    op.add_column("campaigns", sa.Column("trouble_words", sa.JSON(none_as_null=True), nullable=True))
    bind = op.get_bind()
    for row in bind.execute(
        sa.select(CAMPAIGNS.c.id, CAMPAIGNS.c.trouble).where(CAMPAIGNS.c.trouble.is_not(None))
    ).all():
        code, _, sentence = row.trouble.partition(" ")
        words = {"zh": sentence or code, "en": sentence or code}
        code = code.lower() if code in ("FOUND_ORDERS", "BUDGET_SPENT") else code
        bind.execute(sa.update(CAMPAIGNS).where(CAMPAIGNS.c.id == row.id).values(trouble=code, trouble_words=words))


def downgrade() -> None:
    """Code and sentence in one."""
    bind = op.get_bind()
    query = sa.select(CAMPAIGNS.c.id, CAMPAIGNS.c.trouble, CAMPAIGNS.c.trouble_words)
    for row in bind.execute(
        query.where(CAMPAIGNS.c.trouble.is_not(None), CAMPAIGNS.c.trouble_words.is_not(None))
    ).all():
        code = row.trouble.upper() if row.trouble in ("found_orders", "budget_spent") else row.trouble
        said = f"{code} {row.trouble_words['zh']}"[:200]
        bind.execute(sa.update(CAMPAIGNS).where(CAMPAIGNS.c.id == row.id).values(trouble=said))
    op.drop_column("campaigns", "trouble_words")
