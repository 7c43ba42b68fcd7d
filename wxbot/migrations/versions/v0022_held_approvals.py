"""since when an account may approve, and what a reviewer saw"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

<<<<<<<< HEAD:wxbot/migrations/versions/v0022_held_approvals.py
revision = "0022"
down_revision = "0021"
========
revision = "0022"
down_revision = "0021"
>>>>>>>> 24aa0b4 (Who is put on the roster or the allow list is paid when somebody of another role has agreed, and nobody approves for those they added):wxbot/migrations/versions/v0020_held_approvals.py
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns without a default: accounts that exist may approve, decisions on their way are carried out as they were."""
    op.add_column("staff", sa.Column("approves_from", UtcDateTime(), nullable=True))
    op.add_column("voucher_decisions", sa.Column("content_sha256", sa.String(64), nullable=True))


def downgrade() -> None:
    """Fresh accounts may approve at once again."""
    op.drop_column("voucher_decisions", "content_sha256")
    op.drop_column("staff", "approves_from")
