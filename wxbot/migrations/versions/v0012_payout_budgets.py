"""a payout belongs to a budget: its column is named so, and refers to it"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A programme's id is its budget's: the values stay, so do the hashes that approvals are bound to."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:  # the old table is dropped under them
        op.execute("CREATE TABLE releases_before AS SELECT * FROM payout_releases")
        op.execute("DELETE FROM payout_releases")
    for name in ("ix_payouts_programme_id", "ix_payouts_status"):
        op.drop_index(name, "payouts")
    op.execute("ALTER TABLE payouts RENAME COLUMN programme_id TO budget_id")
    with op.batch_alter_table("payouts") as batch_op:
        batch_op.drop_constraint(op.f("fk_payouts_programme_id_programmes"), type_="foreignkey")
        batch_op.create_foreign_key(op.f("fk_payouts_budget_id_budgets"), "budgets", ["budget_id"], ["id"])
    op.create_index("ix_payouts_budget_id", "payouts", ["budget_id", "id"])
    # After the index above: between two that fit alike, the planners take the newer one, and few payouts wait.
    op.create_index("ix_payouts_status", "payouts", ["status", "id"])
    if is_sqlite:
        op.execute("INSERT INTO payout_releases SELECT * FROM releases_before")
        op.execute("DROP TABLE releases_before")
