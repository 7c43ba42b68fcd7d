"""the first schema"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime
from wxbot.migrations.append_only import statements

revision = "0001"
down_revision = None
APPEND_ONLY = ("ledger_entries", "ledger_seals", "audit_events", "order_evidence")
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: money tables are never taken back."""
    op.create_table(
        "audit_events",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=60), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("target", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index("ix_audit_events_staff_id", ["staff_id", "id"], unique=False)
        batch_op.create_index("ix_audit_events_target", ["target", "id"], unique=False)

    op.create_table(
        "bill_days",
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_bill_days")),
    )
    op.create_table(
        "bill_lines",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("line_key", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("mch_billno", sa.String(length=64), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("fault", sa.String(length=64), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_lines")),
        sa.UniqueConstraint("line_key", name=op.f("uq_bill_lines_line_key")),
    )
    with op.batch_alter_table("bill_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bill_lines_day"), ["day"], unique=False)
        batch_op.create_index(batch_op.f("ix_bill_lines_mch_billno"), ["mch_billno"], unique=False)

    op.create_table(
        "binds",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("lottery_id", sa.String(length=64), nullable=False),
        sa.Column("sp_ticket_hash", sa.String(length=64), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("bound_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("fault", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'matched', 'quarantined')", name=op.f("ck_binds_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binds")),
        sa.UniqueConstraint(
            "sp_ticket_hash", "openid", "lottery_id", name=op.f("uq_binds_sp_ticket_hash_openid_lottery_id")
        ),
    )
    with op.batch_alter_table("binds", schema=None) as batch_op:
        batch_op.create_index("ix_binds_status", ["status", "id"], unique=False)

    op.create_table(
        "blocks",
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("openid", name=op.f("pk_blocks")),
    )
    op.create_table(
        "budgets",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("budget_fen", sa.BigInteger(), nullable=False),
        sa.Column("committed_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "budget_fen >= 0 AND committed_fen >= 0 AND paid_fen >= 0", name=op.f("ck_budgets_not_negative")
        ),
        sa.CheckConstraint("committed_fen + paid_fen <= budget_fen", name=op.f("ck_budgets_not_overspent")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_budgets")),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("slug", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("begin_at", UtcDateTime(), nullable=False),
        sa.Column("end_at", UtcDateTime(), nullable=False),
        sa.Column("daily_from", sa.Integer(), nullable=False),
        sa.Column("daily_until", sa.Integer(), nullable=False),
        sa.Column("budget_fen", sa.BigInteger(), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("packet_count", sa.Integer(), nullable=False),
        sa.Column("packet_fen", sa.BigInteger(), nullable=False),
        sa.Column("min_fen", sa.BigInteger(), nullable=False),
        sa.Column("max_fen", sa.BigInteger(), nullable=False),
        sa.Column("tiers", sa.JSON(), nullable=False),
        sa.Column("split_seed", sa.String(length=64), nullable=False),
        sa.Column("tries_per_person", sa.Integer(), nullable=False),
        sa.Column("tries_per_day", sa.Integer(), nullable=False),
        sa.Column("odds_ppm", sa.Integer(), nullable=False),
        sa.Column("expected_people", sa.Integer(), nullable=False),
        sa.Column("send_name", sa.String(length=32), nullable=False),
        sa.Column("act_name", sa.String(length=32), nullable=False),
        sa.Column("wishing", sa.String(length=32), nullable=False),
        sa.Column("remark", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=32), nullable=False),
        sa.Column("description", sa.String(length=32), nullable=False),
        sa.Column("jump_url", sa.String(length=512), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("organiser", sa.String(length=60), nullable=False),
        sa.Column("contact", sa.String(length=60), nullable=False),
        sa.Column("keyword", sa.String(length=32), nullable=False),
        sa.Column("device_ids", sa.JSON(), nullable=False),
        sa.Column("page_id", sa.BigInteger(), nullable=True),
        sa.Column("are_packets_planned", sa.Boolean(), nullable=False),
        sa.Column("is_lottery_on", sa.Boolean(), nullable=False),
        sa.Column("trouble", sa.String(length=200), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("submitted_by", sa.Integer(), nullable=True),
        sa.Column("approved_by", sa.Integer(), nullable=True),
        sa.Column("content_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("launched_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.CheckConstraint("split IN ('fixed', 'tiers', 'random')", name=op.f("ck_campaigns_split")),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> submitted_by", name=op.f("ck_campaigns_four_eyes")),
        sa.CheckConstraint("begin_at < end_at", name=op.f("ck_campaigns_window")),
        sa.CheckConstraint("odds_ppm BETWEEN 1 AND 1000000", name=op.f("ck_campaigns_odds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("slug", name=op.f("uq_campaigns_slug")),
    )
    with op.batch_alter_table("campaigns", schema=None) as batch_op:
        batch_op.create_index("ix_campaigns_status", ["status"], unique=False)

    op.create_table(
        "draw_counts",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "hour", "outcome", name=op.f("pk_draw_counts")),
    )
    op.create_table(
        "draws",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("lottery_id", sa.String(length=64), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("noncestr", sa.String(length=32), nullable=True),
        sa.Column("sign", sa.String(length=32), nullable=True),
        sa.Column("shake_ticket_hash", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("packet_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("admitted_at", UtcDateTime(), nullable=False),
        sa.Column("bound_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('admitted', 'bound', 'lapsed', 'missed')", name=op.f("ck_draws_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draws")),
        sa.UniqueConstraint("campaign_id", "shake_ticket_hash", name=op.f("uq_draws_campaign_id_shake_ticket_hash")),
    )
    with op.batch_alter_table("draws", schema=None) as batch_op:
        batch_op.create_index("ix_draws_campaign_id", ["campaign_id", "id"], unique=False)
        batch_op.create_index(
            "ix_draws_open",
            ["admitted_at"],
            unique=False,
            sqlite_where=sa.text("status = 'admitted'"),
            postgresql_where=sa.text("status = 'admitted'"),
        )
        batch_op.create_index("ix_draws_openid", ["openid"], unique=False)
        batch_op.create_index(
            "one_won_draw",
            ["campaign_id", "openid"],
            unique=True,
            sqlite_where=sa.text("status IN ('admitted', 'bound')"),
            postgresql_where=sa.text("status IN ('admitted', 'bound')"),
        )

    op.create_table(
        "followers",
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("is_subscribed", sa.Boolean(), nullable=False),
        sa.Column("scene", sa.String(length=64), nullable=False),
        sa.Column("subscribed_at", UtcDateTime(), nullable=True),
        sa.Column("unsubscribed_at", UtcDateTime(), nullable=True),
        sa.Column("event_unix", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("openid", name=op.f("pk_followers")),
    )
    op.create_table(
        "ledger_balances",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=16), nullable=False),
        sa.Column("balance_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "account", name=op.f("pk_ledger_balances")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("debit", sa.String(length=16), nullable=False),
        sa.Column("credit", sa.String(length=16), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_ledger_entries_positive")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_ledger_entries_two_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("kind", "ref", name=op.f("uq_ledger_entries_kind_ref")),
    )
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_entries_campaign_id", ["campaign_id", "id"], unique=False)

    op.create_table(
        "merchant_lines",
        sa.Column("mch_id", sa.String(length=32), nullable=False),
        sa.Column("stopped_code", sa.String(length=64), nullable=True),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("probe_at", UtcDateTime(), nullable=True),
        sa.Column("second", sa.BigInteger(), nullable=False),
        sa.Column("sent_in_second", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("sent_in_day", sa.Integer(), nullable=False),
        sa.Column("next_serial", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mch_id", name=op.f("pk_merchant_lines")),
    )
    op.create_table(
        "orders",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("reason_kind", sa.String(length=12), nullable=False),
        sa.Column("reason_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("mch_billno", sa.String(length=28), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("params_sha256", sa.String(length=64), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("holding", sa.String(length=16), nullable=False),
        sa.Column("sp_ticket", sa.Text(), nullable=True),
        sa.Column("sp_ticket_hash", sa.String(length=64), nullable=True),
        sa.Column("detail_id", sa.String(length=64), nullable=True),
        sa.Column("openid", sa.String(length=64), nullable=True),
        sa.Column("err_code", sa.String(length=64), nullable=True),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("next_check_at", UtcDateTime(), nullable=True),
        sa.Column("next_step", sa.String(length=8), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("is_noticed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_orders_positive")),
        sa.CheckConstraint("length(mch_billno) <= 28", name=op.f("ck_orders_billno_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("detail_id", name=op.f("uq_orders_detail_id")),
        sa.UniqueConstraint("mch_billno", name=op.f("uq_orders_mch_billno")),
        sa.UniqueConstraint(
            "reason_kind", "reason_id", "attempt", name=op.f("uq_orders_reason_kind_reason_id_attempt")
        ),
        sa.UniqueConstraint("sp_ticket_hash", name=op.f("uq_orders_sp_ticket_hash")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("ix_orders_campaign_id", ["campaign_id", "id"], unique=False)
        batch_op.create_index(
            "ix_orders_due",
            ["next_check_at"],
            unique=False,
            sqlite_where=sa.text("next_check_at IS NOT NULL"),
            postgresql_where=sa.text("next_check_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_orders_sending",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("status = 'sending'"),
            postgresql_where=sa.text("status = 'sending'"),
        )
        batch_op.create_index("ix_orders_status", ["status", "id"], unique=False)
        batch_op.create_index(
            "ix_orders_to_send",
            ["id"],
            unique=False,
            sqlite_where=sa.text("status = 'planned'"),
            postgresql_where=sa.text("status = 'planned'"),
        )
        batch_op.create_index(
            "ix_orders_unnoticed",
            ["campaign_id", "id"],
            unique=False,
            sqlite_where=sa.text("NOT is_noticed"),
            postgresql_where=sa.text("NOT is_noticed"),
        )
        batch_op.create_index(
            "one_live_order",
            ["reason_kind", "reason_id"],
            unique=True,
            sqlite_where=sa.text("status NOT IN ('failed', 'returned')"),
            postgresql_where=sa.text("status NOT IN ('failed', 'returned')"),
        )

    op.create_table(
        "packet_counts",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "status", name=op.f("pk_packet_counts")),
    )
    op.create_table(
        "reply_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(length=12), nullable=False),
        sa.Column("pattern", sa.String(length=64), nullable=False),
        sa.Column("reply_kind", sa.String(length=12), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("reply_kind IN ('text', 'campaign')", name=op.f("ck_reply_rules_reply_kind")),
        sa.CheckConstraint(
            "trigger IN ('equal', 'prefix', 'contain', 'subscribe', 'default')", name=op.f("ck_reply_rules_trigger")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply_rules")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("locale", sa.String(length=8), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.Column("is_password_temporary", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("role IN ('marketer', 'cashier', 'admin')", name=op.f("ck_staff_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("login", name=op.f("uq_staff_login")),
    )
    op.create_table(
        "try_quotas",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("in_day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "openid", name=op.f("pk_try_quotas")),
    )
    op.create_table(
        "withdrawals",
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("openid", name=op.f("pk_withdrawals")),
    )
    op.create_table(
        "ledger_seals",
        sa.Column("entry_id", BigId, autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entries.id"], name=op.f("fk_ledger_seals_entry_id_ledger_entries")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_ledger_seals")),
        sa.UniqueConstraint("hash", name=op.f("uq_ledger_seals_hash")),
    )
    op.create_table(
        "lotteries",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("lottery_id", sa.String(length=64), nullable=True),
        sa.Column("lottery_key", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("loaded", sa.Integer(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("loaded <= total", name=op.f("ck_lotteries_ceiling")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_lotteries_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lotteries")),
        sa.UniqueConstraint("campaign_id", "ordinal", name=op.f("uq_lotteries_campaign_id_ordinal")),
        sa.UniqueConstraint("lottery_id", name=op.f("uq_lotteries_lottery_id")),
    )
    op.create_table(
        "order_evidence",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_evidence_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_evidence")),
    )
    with op.batch_alter_table("order_evidence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_evidence_order_id"), ["order_id"], unique=False)

    op.create_table(
        "order_marks",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("after", sa.String(length=10), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("marked_by", sa.Integer(), nullable=False),
        sa.Column("marked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("after IN ('received', 'returned', 'failed')", name=op.f("ck_order_marks_after")),
        sa.CheckConstraint(
            "status <> 'confirmed' OR (decided_by IS NOT NULL AND decided_by <> marked_by)",
            name=op.f("ck_order_marks_four_eyes"),
        ),
        sa.CheckConstraint("status IN ('open', 'confirmed', 'withdrawn')", name=op.f("ck_order_marks_status")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_marks_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_marks")),
    )
    with op.batch_alter_table("order_marks", schema=None) as batch_op:
        batch_op.create_index("ix_order_marks_order_id", ["order_id", "id"], unique=False)
        batch_op.create_index(
            "one_open_mark",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    op.create_table(
        "packets",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("wave_id", sa.BigInteger(), nullable=True),
        sa.Column("bucket_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("openid", sa.String(length=64), nullable=True),
        sa.Column("bound_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_packets_positive")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_packets_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packets")),
        sa.UniqueConstraint("campaign_id", "ordinal", name=op.f("uq_packets_campaign_id_ordinal")),
    )
    with op.batch_alter_table("packets", schema=None) as batch_op:
        batch_op.create_index(
            "ix_packets_bound",
            ["campaign_id", "bound_at"],
            unique=False,
            sqlite_where=sa.text("bound_at IS NOT NULL"),
            postgresql_where=sa.text("bound_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_packets_bucket_id",
            ["bucket_id"],
            unique=False,
            sqlite_where=sa.text("bucket_id IS NOT NULL"),
            postgresql_where=sa.text("bucket_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_packets_openid",
            ["openid"],
            unique=False,
            sqlite_where=sa.text("openid IS NOT NULL"),
            postgresql_where=sa.text("openid IS NOT NULL"),
        )
        batch_op.create_index("ix_packets_order_id", ["order_id"], unique=False)
        batch_op.create_index("ix_packets_status", ["campaign_id", "status", "id"], unique=False)
        batch_op.create_index(
            "ix_packets_stock",
            ["campaign_id", "expires_at"],
            unique=False,
            sqlite_where=sa.text("status = 'loaded'"),
            postgresql_where=sa.text("status = 'loaded'"),
        )

    op.create_table(
        "staff_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_sessions_staff_id_staff")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_sessions")),
    )
    with op.batch_alter_table("staff_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_sessions_staff_id"), ["staff_id"], unique=False)

    op.create_table(
        "waves",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("packets", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_waves_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waves")),
        sa.UniqueConstraint("campaign_id", "ordinal", name=op.f("uq_waves_campaign_id_ordinal")),
    )
    with op.batch_alter_table("waves", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waves_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "buckets",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("lottery_id", BigId, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("packets", sa.Integer(), nullable=False),
        sa.Column("success_num", sa.Integer(), nullable=True),
        sa.Column("rejected", sa.JSON(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('sending', 'loaded', 'refused')", name=op.f("ck_buckets_status")),
        sa.ForeignKeyConstraint(["lottery_id"], ["lotteries.id"], name=op.f("fk_buckets_lottery_id_lotteries")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_buckets")),
    )
    with op.batch_alter_table("buckets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_buckets_lottery_id"), ["lottery_id"], unique=False)

    for statement in statements(op.get_bind().dialect.name, APPEND_ONLY):
        op.execute(statement)
