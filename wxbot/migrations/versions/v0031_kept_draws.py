"""draws are never changed, and with the rules and awards they are kept for two years at least"""

from alembic import op

from wxbot.migrations.append_only import kept_statements, unkept_statements

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

KEPT = {"instant_draws": "drawn_at", "campaign_rules": "published_at", "awards": "deadline_at"}
"""Table → the moment from which two years count."""
UNCHANGED = ("instant_draws", "campaign_rules")


def upgrade() -> None:
    """Triggers; no row is read or written."""
    for statement in kept_statements(op.get_bind().dialect.name, KEPT, UNCHANGED):
        op.execute(statement)


def downgrade() -> None:
    """The rows stay."""
    for statement in unkept_statements(op.get_bind().dialect.name, KEPT, UNCHANGED):
        op.execute(statement)
