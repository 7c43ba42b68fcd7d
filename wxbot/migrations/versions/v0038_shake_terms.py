"""what only a shake decides leaves the columns of every campaign and stands in its terms"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from wxbot.migrations.checks import add_check, drop_check

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

COLUMNS: Mapping[str, tuple[Any, Any, str]] = {
    "odds_ppm": (sa.Integer(), 1_000_000, "1000000"),
    "title": (sa.String(length=32), "", ""),
    "description": (sa.String(length=32), "", ""),
    "jump_url": (sa.String(length=512), "", ""),
    "device_ids": (sa.JSON(), [], "[]"),
}
"""Column → its type, what stands for it where it is missing, and that as SQL has it."""

CAMPAIGNS = sa.table(
    "campaigns",
    sa.column("id"),
    sa.column("mechanic"),
    sa.column("terms", sa.JSON()),
    *(sa.column(name, kind) for name, (kind, _, _) in COLUMNS.items()),
)


def upgrade() -> None:
    """The columns of a half-written draft say nothing, and so do its terms: what was typed is kept beside them."""
    bind = op.get_bind()
    shakes = sa.select(CAMPAIGNS).where(CAMPAIGNS.c.mechanic == "shake")
    for row in bind.execute(shakes.with_only_columns(CAMPAIGNS.c.id, *(CAMPAIGNS.c[name] for name in COLUMNS))).all():
        own = {name: getattr(row, name) for name in COLUMNS}
        bind.execute(sa.update(CAMPAIGNS).where(CAMPAIGNS.c.id == row.id).values(terms=own))
    drop_check("campaigns", "odds")
    for name in COLUMNS:
        op.drop_column("campaigns", name)


def downgrade() -> None:
    """The columns again, of other campaigns as they left them. SQLite keeps the defaults; wxbot always names a value."""
    bind = op.get_bind()
    for name, (kind, _, default) in COLUMNS.items():
        op.add_column("campaigns", sa.Column(name, kind, nullable=False, server_default=default))
        if bind.dialect.name == "postgresql":
            op.alter_column("campaigns", name, server_default=None)
    add_check("campaigns", "odds", "odds_ppm BETWEEN 1 AND 1000000")
    shakes = sa.select(CAMPAIGNS.c.id, CAMPAIGNS.c.terms).where(CAMPAIGNS.c.mechanic == "shake")
    for row in bind.execute(shakes).all():
        own = {name: row.terms.get(name, missing) for name, (_, missing, _) in COLUMNS.items()}
        bind.execute(sa.update(CAMPAIGNS).where(CAMPAIGNS.c.id == row.id).values(**own, terms={}))
