"""every limit in one table: tries of draws, months of voucher kinds and days of vouchers join the quotas"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

JOINING = {
    "try_quotas": (
        "SELECT 'tries:' || campaign_id || ':' || openid, 'all', total, 0 FROM try_quotas",
        "SELECT 'tries:' || campaign_id || ':' || openid, day, in_day, 0 FROM try_quotas",
    ),
    "voucher_months": (
        "SELECT 'voucher_kind:' || kind_id || ':' || openid, month, vouchers, amount_fen FROM voucher_months",
    ),
    "voucher_days": (
        "SELECT 'vouchers:' || openid, day, vouchers, 0 FROM voucher_days",
        "SELECT 'photos:' || openid, day, photos, 0 FROM voucher_days",
    ),
}
"""Table → what its rows are as quotas: (name, period, n, fen)."""


def upgrade() -> None:
    """Copies every row, then drops the three tables. A try's day before its last was never kept."""
    for table, rows in JOINING.items():
        for row in rows:
            op.execute(f"INSERT INTO quotas (name, period, n, fen) {row}")
        op.drop_table(table)
