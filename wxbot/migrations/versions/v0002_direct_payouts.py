"""direct payouts: people, vouchers, payouts, dialogues"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TRIGGER = "trigger IN ('equal', 'prefix', 'contain', 'subscribe', 'image', 'default')"
REPLY_KIND = "reply_kind IN ('text', 'campaign', 'dialogue', 'link')"


def upgrade() -> None:
    """Forward only: money tables are never taken back."""
    _make_budgets()
    op.create_table(
        "bindings",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("phone_sealed", sa.String(length=200), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("via", sa.String(length=8), nullable=False),
        sa.Column("proved_at", UtcDateTime(), nullable=False),
        sa.Column("bound_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=12), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("status IN ('held', 'active', 'ended')", name=op.f("ck_bindings_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bindings")),
    )
    with op.batch_alter_table("bindings", schema=None) as batch_op:
        batch_op.create_index("ix_bindings_openid", ["openid", "id"], unique=False)
        batch_op.create_index("ix_bindings_phone_index", ["phone_index", "id"], unique=False)
        batch_op.create_index("ix_bindings_status", ["status", "id"], unique=False)
        batch_op.create_index(
            "uq_bindings_active_openid",
            ["openid"],
            unique=True,
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        )
        batch_op.create_index(
            "uq_bindings_active_phone",
            ["phone_index"],
            unique=True,
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        )
        batch_op.create_index(
            "uq_bindings_held_openid",
            ["openid"],
            unique=True,
            sqlite_where=sa.text("status = 'held'"),
            postgresql_where=sa.text("status = 'held'"),
        )

    op.create_table(
        "dialogues",
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.Column("message_unix", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("touched_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("openid", name=op.f("pk_dialogues")),
    )
    with op.batch_alter_table("dialogues", schema=None) as batch_op:
        batch_op.create_index(
            "ix_dialogues_expiry",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("step <> ''"),
            postgresql_where=sa.text("step <> ''"),
        )
        batch_op.create_index("ix_dialogues_touched_at", ["touched_at"], unique=False)

    op.create_table(
        "manual_requests",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("form_token", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manual_requests")),
        sa.UniqueConstraint("form_token", name=op.f("uq_manual_requests_form_token")),
    )
    op.create_table(
        "menu_drafts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("buttons", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.String(length=60), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("published_version", sa.Integer(), nullable=False),
        sa.Column("published_by", sa.String(length=60), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_menu_drafts_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_menu_drafts")),
    )
    op.create_table(
        "notices",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("text", sa.String(length=600), nullable=False),
        sa.Column("url", sa.String(length=300), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("err_code", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("kind", "ref", name=op.f("uq_notices_kind_ref")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index(
            "ix_notices_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("status = 'planned'"),
            postgresql_where=sa.text("status = 'planned'"),
        )
        batch_op.create_index("ix_notices_openid", ["openid", "id"], unique=False)
        batch_op.create_index(
            "ix_notices_sending",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("status = 'sending'"),
            postgresql_where=sa.text("status = 'sending'"),
        )

    op.create_table(
        "person_marks",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("mark", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("phone_sealed", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('openid', 'phone')", name=op.f("ck_person_marks_kind")),
        sa.CheckConstraint("mark IN ('block', 'allow')", name=op.f("ck_person_marks_mark")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_marks")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_person_marks_kind_subject")),
    )
    op.create_table(
        "quotas",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("n >= 0 AND fen >= 0", name=op.f("ck_quotas_not_negative")),
        sa.PrimaryKeyConstraint("name", "period", name=op.f("pk_quotas")),
    )
    op.create_table(
        "roster_entries",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("phone_sealed", sa.String(length=200), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=60), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_entries")),
        sa.UniqueConstraint("phone_index", name=op.f("uq_roster_entries_phone_index")),
    )
    with op.batch_alter_table("roster_entries", schema=None) as batch_op:
        batch_op.create_index("ix_roster_entries_name", ["name", "id"], unique=False)

    op.create_table(
        "roster_files",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows_sealed", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_files")),
    )
    op.create_table(
        "sms_codes",
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.String(length=32), nullable=False),
        sa.Column("phone_sealed", sa.String(length=200), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("status IN ('live', 'used', 'dead')", name=op.f("ck_sms_codes_status")),
        sa.PrimaryKeyConstraint("purpose", "openid", name=op.f("pk_sms_codes")),
    )
    op.create_table(
        "sms_counts",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_sms_counts")),
    )
    with op.batch_alter_table("sms_counts", schema=None) as batch_op:
        batch_op.create_index("ix_sms_counts_began_at", ["began_at"], unique=False)

    op.create_table(
        "sms_out",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("serial", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("phone_sealed", sa.String(length=200), nullable=False),
        sa.Column("code_sealed", sa.String(length=200), nullable=False),
        sa.Column("is_withheld", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("counted", sa.JSON(), nullable=False),
        sa.Column("provider", sa.String(length=12), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_out")),
        sa.UniqueConstraint("serial", name=op.f("uq_sms_out_serial")),
    )
    with op.batch_alter_table("sms_out", schema=None) as batch_op:
        batch_op.create_index("ix_sms_out_created_at", ["created_at"], unique=False)
        batch_op.create_index("ix_sms_out_openid", ["openid", "id"], unique=False)
        batch_op.create_index(
            "ix_sms_out_planned",
            ["id"],
            unique=False,
            sqlite_where=sa.text("status = 'planned'"),
            postgresql_where=sa.text("status = 'planned'"),
        )
        batch_op.create_index(
            "ix_sms_out_sending",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("status = 'sending'"),
            postgresql_where=sa.text("status = 'sending'"),
        )

    op.create_table(
        "voucher_days",
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("vouchers", sa.Integer(), nullable=False),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("openid", "day", name=op.f("pk_voucher_days")),
    )
    op.create_table(
        "voucher_kinds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("ask", sa.String(length=200), nullable=False),
        sa.Column("amount_rule", sa.String(length=8), nullable=False),
        sa.Column("fixed_fen", sa.BigInteger(), nullable=False),
        sa.Column("unit_fen", sa.BigInteger(), nullable=False),
        sa.Column("unit_name", sa.String(length=8), nullable=False),
        sa.Column("min_fen", sa.BigInteger(), nullable=False),
        sa.Column("max_fen", sa.BigInteger(), nullable=False),
        sa.Column("month_fen_cap", sa.BigInteger(), nullable=False),
        sa.Column("month_count_cap", sa.Integer(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("needs_binding", sa.Boolean(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("wishing", sa.String(length=128), nullable=False),
        sa.Column("remark", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("amount_rule IN ('fixed', 'per_unit', 'free')", name=op.f("ck_voucher_kinds_amount_rule")),
        sa.CheckConstraint("month_fen_cap >= 0 AND month_count_cap >= 0", name=op.f("ck_voucher_kinds_caps")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_kinds")),
        sa.UniqueConstraint("name", name=op.f("uq_voucher_kinds_name")),
    )
    op.create_table(
        "voucher_months",
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("kind_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(length=6), nullable=False),
        sa.Column("vouchers", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("vouchers >= 0 AND amount_fen >= 0", name=op.f("ck_voucher_months_not_below_nothing")),
        sa.PrimaryKeyConstraint("openid", "kind_id", "month", name=op.f("pk_voucher_months")),
    )
    op.create_table(
        "programmes",
        sa.Column("id", BigId, autoincrement=False, nullable=False),
        sa.Column("department", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("send_name", sa.String(length=32), nullable=False),
        sa.Column("act_name", sa.String(length=32), nullable=False),
        sa.Column("wishing", sa.String(length=128), nullable=False),
        sa.Column("remark", sa.String(length=64), nullable=False),
        sa.Column("person_fen_per_month", sa.BigInteger(), nullable=False),
        sa.Column("needs_binding", sa.Boolean(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("person_fen_per_month >= 0", name=op.f("ck_programmes_cap")),
        sa.ForeignKeyConstraint(["id"], ["budgets.id"], name=op.f("fk_programmes_id_budgets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programmes")),
        sa.UniqueConstraint("department", "name", name=op.f("uq_programmes_department_name")),
    )
    op.create_table(
        "vouchers",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("kind_id", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("asked_fen", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("via", sa.String(length=4), nullable=False),
        sa.Column("month", sa.String(length=6), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=True),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("ready_at", UtcDateTime(), nullable=True),
        sa.Column("look_alikes", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.Integer(), nullable=True),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status <> 'approved' OR decided_by IS NOT NULL", name=op.f("ck_vouchers_approved_by_somebody")
        ),
        sa.CheckConstraint(
            "status <> 'claimed' OR claimed_by IS NOT NULL", name=op.f("ck_vouchers_claimed_by_somebody")
        ),
        sa.CheckConstraint(
            "status IN ('submitted', 'claimed', 'photo_wanted', 'approved', 'rejected')",
            name=op.f("ck_vouchers_status"),
        ),
        sa.CheckConstraint("amount_fen > 0 AND amount_fen <= asked_fen", name=op.f("ck_vouchers_amount")),
        sa.ForeignKeyConstraint(["kind_id"], ["voucher_kinds.id"], name=op.f("fk_vouchers_kind_id_voucher_kinds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("public_id", name=op.f("uq_vouchers_public_id")),
    )
    with op.batch_alter_table("vouchers", schema=None) as batch_op:
        batch_op.create_index(
            "ix_vouchers_claimed",
            ["claimed_until"],
            unique=False,
            sqlite_where=sa.text("status = 'claimed'"),
            postgresql_where=sa.text("status = 'claimed'"),
        )
        batch_op.create_index(batch_op.f("ix_vouchers_kind_id"), ["kind_id"], unique=False)
        batch_op.create_index("ix_vouchers_openid", ["openid", "id"], unique=False)
        batch_op.create_index(
            "ix_vouchers_queue",
            ["ready_at", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'submitted' AND ready_at IS NOT NULL"),
            postgresql_where=sa.text("status = 'submitted' AND ready_at IS NOT NULL"),
        )
        batch_op.create_index("ix_vouchers_status", ["status", "id"], unique=False)
        batch_op.create_index("uq_vouchers_token", ["openid", "token"], unique=True)

    op.create_table(
        "budget_changes",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("programme_id", BigId, nullable=False),
        sa.Column("change_fen", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("requested_by", sa.Integer(), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status <> 'approved' OR (decided_by IS NOT NULL AND decided_by <> requested_by)",
            name=op.f("ck_budget_changes_four_eyes"),
        ),
        sa.CheckConstraint("status IN ('requested', 'approved', 'refused')", name=op.f("ck_budget_changes_status")),
        sa.CheckConstraint("change_fen <> 0", name=op.f("ck_budget_changes_changes")),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programmes.id"], name=op.f("fk_budget_changes_programme_id_programmes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_changes")),
    )
    with op.batch_alter_table("budget_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_budget_changes_programme_id"), ["programme_id"], unique=False)

    op.create_table(
        "pay_lists",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("file_name", sa.String(length=80), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("programme_id", BigId, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("good_rows", sa.Integer(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("approved_by", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> created_by", name=op.f("ck_pay_lists_four_eyes")),
        sa.ForeignKeyConstraint(["programme_id"], ["programmes.id"], name=op.f("fk_pay_lists_programme_id_programmes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pay_lists")),
    )
    with op.batch_alter_table("pay_lists", schema=None) as batch_op:
        batch_op.create_index("ix_pay_lists_status", ["status", "id"], unique=False)
        batch_op.create_index(
            "one_live_file",
            ["file_sha256"],
            unique=True,
            sqlite_where=sa.text("status <> 'dropped'"),
            postgresql_where=sa.text("status <> 'dropped'"),
        )

    op.create_table(
        "payouts",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("source_kind", sa.String(length=10), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", BigId, nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("hold", sa.String(length=12), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("err_code", sa.String(length=64), nullable=True),
        sa.Column("month", sa.String(length=6), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("approved_by", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("source_kind IN ('voucher', 'row', 'manual', 'reissue')", name=op.f("ck_payouts_source")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_payouts_positive")),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> created_by", name=op.f("ck_payouts_four_eyes")),
        sa.ForeignKeyConstraint(["programme_id"], ["programmes.id"], name=op.f("fk_payouts_programme_id_programmes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payouts")),
        sa.UniqueConstraint("public_id", name=op.f("uq_payouts_public_id")),
        sa.UniqueConstraint("source_kind", "source_id", name=op.f("uq_payouts_source_kind_source_id")),
    )
    with op.batch_alter_table("payouts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_payouts_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_payouts_openid", ["openid", "id"], unique=False)
        batch_op.create_index("ix_payouts_order_id", ["order_id"], unique=False)
        batch_op.create_index("ix_payouts_programme_id", ["programme_id", "id"], unique=False)
        batch_op.create_index("ix_payouts_status", ["status", "id"], unique=False)

    op.create_table(
        "voucher_photos",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("voucher_id", BigId, nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("fault", sa.String(length=12), nullable=False),
        sa.Column("token", sa.String(length=160), nullable=False),
        sa.Column("media_id", sa.String(length=128), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("storage_key", sa.String(length=40), nullable=False),
        sa.Column("phash", sa.String(length=16), nullable=False),
        sa.Column("band_a", sa.Integer(), nullable=True),
        sa.Column("band_b", sa.Integer(), nullable=True),
        sa.Column("band_c", sa.Integer(), nullable=True),
        sa.Column("band_d", sa.Integer(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("status IN ('fetching', 'kept', 'failed')", name=op.f("ck_voucher_photos_status")),
        sa.ForeignKeyConstraint(["voucher_id"], ["vouchers.id"], name=op.f("fk_voucher_photos_voucher_id_vouchers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_photos")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_voucher_photos_storage_key")),
    )
    with op.batch_alter_table("voucher_photos", schema=None) as batch_op:
        batch_op.create_index("ix_voucher_photos_band_a", ["band_a"], unique=False)
        batch_op.create_index("ix_voucher_photos_band_b", ["band_b"], unique=False)
        batch_op.create_index("ix_voucher_photos_band_c", ["band_c"], unique=False)
        batch_op.create_index("ix_voucher_photos_band_d", ["band_d"], unique=False)
        batch_op.create_index(
            "ix_voucher_photos_due",
            ["next_try_at"],
            unique=False,
            sqlite_where=sa.text("status = 'fetching'"),
            postgresql_where=sa.text("status = 'fetching'"),
        )
        batch_op.create_index(
            "one_live_photo",
            ["sha256"],
            unique=True,
            sqlite_where=sa.text("is_live"),
            postgresql_where=sa.text("is_live"),
        )
        batch_op.create_index("uq_voucher_photos_token", ["voucher_id", "token"], unique=True)

    op.create_table(
        "list_rows",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("list_id", BigId, nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=True),
        sa.Column("phone_sealed", sa.Text(), nullable=True),
        sa.Column("phone_masked", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("fault", sa.String(length=100), nullable=False),
        sa.Column("payout_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["pay_lists.id"], name=op.f("fk_list_rows_list_id_pay_lists")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_rows")),
        sa.UniqueConstraint("list_id", "row_number", name=op.f("uq_list_rows_list_id_row_number")),
    )
    with op.batch_alter_table("list_rows", schema=None) as batch_op:
        batch_op.create_index("ix_list_rows_payout_id", ["payout_id"], unique=False)
        batch_op.create_index(
            "ix_list_rows_to_request",
            ["list_id", "id"],
            unique=False,
            sqlite_where=sa.text("payout_id IS NULL AND fault = ''"),
            postgresql_where=sa.text("payout_id IS NULL AND fault = ''"),
        )

    _carry_marks_over()
    _give_budgets_ids_of_their_own()
    _let_orders_name_their_budget()
    _widen_staff_and_rules()
    with op.batch_alter_table("withdrawals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_withdrawals_erased_at"), ["erased_at"], unique=False)


def _carry_marks_over() -> None:
    """Blocked openids become marks of the list that also knows phones."""
    op.execute(
        "INSERT INTO person_marks (mark, kind, subject, phone_sealed, reason, staff_id, created_at) "
        "SELECT 'block', 'openid', openid, '', reason, staff_id, created_at FROM blocks"
    )
    op.drop_table("blocks")


def _make_budgets() -> None:
    """The table of budgets anew, with ids that the database gives; campaigns keep theirs, drafts get a budget of nothing."""
    op.execute("CREATE TABLE budgets_before AS SELECT campaign_id, budget_fen, committed_fen, paid_fen FROM budgets")
    op.drop_table("budgets")
    op.create_table(
        "budgets",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("budget_fen", sa.BigInteger(), nullable=False),
        sa.Column("committed_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "budget_fen >= 0 AND committed_fen >= 0 AND paid_fen >= 0", name=op.f("ck_budgets_not_negative")
        ),
        sa.CheckConstraint("committed_fen + paid_fen <= budget_fen", name=op.f("ck_budgets_not_overspent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budgets")),
    )


def _give_budgets_ids_of_their_own() -> None:
    op.execute(
        "INSERT INTO budgets (id, kind, name, budget_fen, committed_fen, paid_fen) "
        "SELECT c.id, 'campaign', c.name, COALESCE(b.budget_fen, 0), COALESCE(b.committed_fen, 0), "
        "COALESCE(b.paid_fen, 0) FROM campaigns c LEFT JOIN budgets_before b ON b.campaign_id = c.id"
    )
    op.execute("DROP TABLE budgets_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('budgets', 'id'), COALESCE(MAX(id), 1), MAX(id) IS NOT NULL) FROM budgets"
        )


def _let_orders_name_their_budget() -> None:
    """By renaming columns: the rows stay where they are, and so do the triggers that keep the ledger append-only."""
    for table in ("orders", "ledger_entries", "ledger_balances"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN campaign_id TO budget_id")
    for name in ("ix_orders_campaign_id", "ix_orders_to_send", "ix_orders_unnoticed", "ix_ledger_entries_campaign_id"):
        op.execute(f"DROP INDEX {name}")
    op.add_column("orders", sa.Column("charged_day", sa.String(length=8), nullable=True))
    op.add_column("orders", sa.Column("is_cancel_wanted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column(
        "orders",
        sa.Column("send_after", UtcDateTime(), nullable=False, server_default=sa.text("'2020-01-01 00:00:00'")),
    )
    op.execute("UPDATE orders SET send_after = created_at")
    op.add_column("merchant_lines", sa.Column("fen_in_day", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_orders_budget_id", "orders", ["budget_id", "id"])
    op.create_index("ix_ledger_entries_budget_id", "ledger_entries", ["budget_id", "id"])
    # After the index above: between two that fit alike, the planners take the newer one, and this one is the smaller.
    unnoticed = sa.text("NOT is_noticed")
    op.create_index(
        "ix_orders_unnoticed", "orders", ["budget_id", "id"], sqlite_where=unnoticed, postgresql_where=unnoticed
    )
    planned = sa.text("status = 'planned'")
    op.create_index("ix_orders_to_send", "orders", ["send_after", "id"], sqlite_where=planned, postgresql_where=planned)


def _widen_staff_and_rules() -> None:
    """A role and kinds of rules more. SQLite copies the tables for that: whoever is signed in signs in again."""
    op.execute("DELETE FROM staff_sessions")
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_staff_role"), type_="check")
        batch_op.create_check_constraint(op.f("ck_staff_role"), "role IN ('marketer', 'reviewer', 'cashier', 'admin')")
    with op.batch_alter_table("reply_rules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("title", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("url", sa.String(length=1024), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("dialogue", sa.String(length=16), nullable=False, server_default=""))
        batch_op.drop_constraint(op.f("ck_reply_rules_trigger"), type_="check")
        batch_op.drop_constraint(op.f("ck_reply_rules_reply_kind"), type_="check")
        batch_op.create_check_constraint(op.f("ck_reply_rules_trigger"), TRIGGER)
        batch_op.create_check_constraint(op.f("ck_reply_rules_reply_kind"), REPLY_KIND)
