"""a campaign may give in further ways: their terms stand in one column, and a draw's entrance is no longer named after shaking"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def _rename(before: str, after: str) -> None:
    """The column, and the unique constraint that is named after it. SQLite can only write the table anew for the latter."""
    op.execute(f"ALTER TABLE draws RENAME COLUMN {before} TO {after}")
    old, new = (f"uq_draws_campaign_id_{name}" for name in (before, after))
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("draws") as batch_op:
            batch_op.drop_constraint(op.f(old), type_="unique")
            batch_op.create_unique_constraint(op.f(new), ["campaign_id", after])
    else:
        op.execute(f"ALTER TABLE draws RENAME CONSTRAINT {old} TO {new}")


def upgrade() -> None:
    """Campaigns that exist have no terms of that kind: nothing is written to their rows."""
    op.add_column("campaigns", sa.Column("terms", sa.JSON(), server_default="{}", nullable=False))
    _rename("shake_ticket_hash", "ticket_hash")


def downgrade() -> None:
    """Campaigns of a way that an older version does not know stay, and it can show nothing of them but rows."""
    _rename("ticket_hash", "shake_ticket_hash")
    op.drop_column("campaigns", "terms")
