"""who confirms an upload of the roster reads what its preview said of the file"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of files of before nothing is known."""
    op.add_column("roster_files", sa.Column("notes", sa.JSON(), nullable=True))
    op.add_column("confirmations", sa.Column("notes", sa.JSON(), nullable=True))


def downgrade() -> None:
    """They are confirmed without."""
    op.drop_column("confirmations", "notes")
    op.drop_column("roster_files", "notes")
