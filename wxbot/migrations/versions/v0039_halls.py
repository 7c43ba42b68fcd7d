"""on-site lotteries; an award says itself when it was won, so that it need not come from a draw of a phone"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime
from wxbot.migrations.append_only import kept_statements, statements
from wxbot.migrations.checks import add_check, drop_check

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

KINDS = "kind IN ('money', 'code', 'goods')"
KINDS_BEFORE = "kind IN ('money', 'code')"
KEPT = {"awards": "deadline_at"}


def upgrade() -> None:
    """Awards of before were won by the draw of their number."""
    for table in ("prizes", "awards"):
        drop_check(table, "kind")
        add_check(table, "kind", KINDS)
    op.add_column("awards", sa.Column("won_at", UtcDateTime(), nullable=True))
    op.add_column("awards", sa.Column("channel_code", sa.String(32), nullable=False, server_default=""))
    of_draw = "FROM instant_draws AS draw WHERE draw.campaign_id = awards.campaign_id AND draw.k = awards.k"
    op.execute(
        f"UPDATE awards SET won_at = coalesce((SELECT draw.drawn_at {of_draw}), deadline_at),"  # noqa: S608 - all written here
        f" channel_code = coalesce((SELECT draw.channel_code {of_draw}), '')"
    )
    dialect = op.get_bind().dialect.name
    with op.batch_alter_table("awards") as awards:
        awards.alter_column("won_at", existing_type=UtcDateTime(), nullable=False)
    if dialect == "sqlite":  # it copied the table, and its triggers went with the old one
        for statement in kept_statements(dialect, KEPT, ()):
            op.execute(statement)
    op.create_table(
        "hall_invited",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("group_name", sa.String(length=40), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_hall_invited_positive")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_hall_invited_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_invited")),
        sa.UniqueConstraint("campaign_id", "key", name=op.f("uq_hall_invited_campaign_id_key")),
    )
    op.create_table(
        "halls",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("is_rehearsal", sa.Boolean(), nullable=False),
        sa.Column("seed_sealed", sa.String(length=200), nullable=False),
        sa.Column("chain_length", sa.Integer(), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("next_d", sa.Integer(), nullable=False),
        sa.Column("next_no", sa.Integer(), nullable=False),
        sa.Column("roster_version", sa.Integer(), nullable=False),
        sa.Column("code_key_sealed", sa.String(length=200), nullable=False),
        sa.Column("day_word", sa.String(length=20), nullable=False),
        sa.Column("is_invited_only", sa.Boolean(), nullable=False),
        sa.Column("pair_code", sa.String(length=64), nullable=False),
        sa.Column("pair_until", UtcDateTime(), nullable=True),
        sa.Column("pair_tries", sa.Integer(), nullable=False),
        sa.Column("screen_epoch", sa.Integer(), nullable=False),
        sa.Column("scene", sa.String(length=16), nullable=False),
        sa.Column("scene_at", UtcDateTime(), nullable=True),
        sa.Column("faces_deleted_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("mode IN ('seed', 'hall', 'drand')", name=op.f("ck_halls_mode")),
        sa.CheckConstraint("next_d > 0 AND next_no > 0 AND chain_length > 0", name=op.f("ck_halls_numbers")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_halls_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_halls")),
    )
    op.create_table(
        "hall_danmaku",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("guest_no", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(length=60), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'shown', 'refused')", name=op.f("ck_hall_danmaku_status")),
        sa.ForeignKeyConstraint(["campaign_id"], ["halls.campaign_id"], name=op.f("fk_hall_danmaku_campaign_id_halls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_danmaku")),
    )
    op.create_index("ix_hall_danmaku_status", "hall_danmaku", ["campaign_id", "status", "id"], unique=False)
    op.create_table(
        "hall_events",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["halls.campaign_id"], name=op.f("fk_hall_events_campaign_id_halls")),
        sa.PrimaryKeyConstraint("campaign_id", "seq", name=op.f("pk_hall_events")),
    )
    op.create_table(
        "hall_faces",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["halls.campaign_id"], name=op.f("fk_hall_faces_campaign_id_halls")),
        sa.PrimaryKeyConstraint("campaign_id", "sha256", name=op.f("pk_hall_faces")),
    )
    op.create_table(
        "hall_games",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("prize_id", BigId, nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("begin_at", UtcDateTime(), nullable=True),
        sa.Column("end_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("kind IN ('rain', 'race')", name=op.f("ck_hall_games_kind")),
        sa.CheckConstraint("status IN ('planned', 'running', 'over', 'settled')", name=op.f("ck_hall_games_status")),
        sa.ForeignKeyConstraint(["campaign_id"], ["halls.campaign_id"], name=op.f("fk_hall_games_campaign_id_halls")),
        sa.ForeignKeyConstraint(["prize_id"], ["prizes.id"], name=op.f("fk_hall_games_prize_id_prizes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_games")),
        sa.UniqueConstraint("campaign_id", "ordinal", name=op.f("uq_hall_games_campaign_id_ordinal")),
    )
    op.create_index(
        "uq_hall_games_running",
        "hall_games",
        ["campaign_id"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "hall_guests",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("group_name", sa.String(length=40), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("face", sa.String(length=64), nullable=False),
        sa.Column("has_shared", sa.Boolean(), nullable=False),
        sa.Column("face_from", sa.String(length=300), nullable=False),
        sa.Column("is_hidden", sa.Boolean(), nullable=False),
        sa.Column("is_struck", sa.Boolean(), nullable=False),
        sa.Column("invited_id", sa.BigInteger(), nullable=True),
        sa.Column("signed_in_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("no > 0 AND weight > 0", name=op.f("ck_hall_guests_positive")),
        sa.ForeignKeyConstraint(["campaign_id"], ["halls.campaign_id"], name=op.f("fk_hall_guests_campaign_id_halls")),
        sa.PrimaryKeyConstraint("campaign_id", "no", name=op.f("pk_hall_guests")),
        sa.UniqueConstraint("campaign_id", "invited_id", name=op.f("uq_hall_guests_campaign_id_invited_id")),
        sa.UniqueConstraint("campaign_id", "openid", name=op.f("uq_hall_guests_campaign_id_openid")),
    )
    op.create_index("ix_hall_guests_openid", "hall_guests", ["openid"], unique=False)
    op.create_index(
        "ix_hall_guests_face_from",
        "hall_guests",
        ["campaign_id"],
        unique=False,
        sqlite_where=sa.text("face_from <> ''"),
        postgresql_where=sa.text("face_from <> ''"),
    )
    op.create_table(
        "hall_prizes",
        sa.Column("prize_id", BigId, autoincrement=False, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("per_selection", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("absence", sa.String(length=8), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.CheckConstraint("absence IN ('slot', 'evening', 'pool')", name=op.f("ck_hall_prizes_absence")),
        sa.CheckConstraint("scope IN ('prize', 'evening')", name=op.f("ck_hall_prizes_scope")),
        sa.CheckConstraint("per_selection > 0", name=op.f("ck_hall_prizes_per_selection")),
        sa.ForeignKeyConstraint(["campaign_id"], ["halls.campaign_id"], name=op.f("fk_hall_prizes_campaign_id_halls")),
        sa.ForeignKeyConstraint(["prize_id"], ["prizes.id"], name=op.f("fk_hall_prizes_prize_id_prizes")),
        sa.PrimaryKeyConstraint("prize_id", name=op.f("pk_hall_prizes")),
        sa.UniqueConstraint("campaign_id", "ordinal", name=op.f("uq_hall_prizes_campaign_id_ordinal")),
    )
    op.create_table(
        "hall_rosters",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("frozen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["halls.campaign_id"], name=op.f("fk_hall_rosters_campaign_id_halls")),
        sa.PrimaryKeyConstraint("campaign_id", "version", name=op.f("pk_hall_rosters")),
    )
    op.create_table(
        "hall_selections",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("d", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("prize_id", BigId, nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("roster_version", sa.Integer(), nullable=False),
        sa.Column("pool_size", sa.Integer(), nullable=False),
        sa.Column("pool_hash", sa.String(length=64), nullable=False),
        sa.Column("entropy_kind", sa.String(length=8), nullable=False),
        sa.Column("entropy_text", sa.String(length=300), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("armed_at", UtcDateTime(), nullable=False),
        sa.Column("drawn_at", UtcDateTime(), nullable=True),
        sa.Column("revealed_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("void_asked_by", sa.Integer(), nullable=True),
        sa.Column("void_reason", sa.String(length=200), nullable=False),
        sa.CheckConstraint("entropy_kind IN ('seed', 'hall', 'drand')", name=op.f("ck_hall_selections_entropy_kind")),
        sa.CheckConstraint(
            "status IN ('armed', 'drawn', 'revealed', 'confirmed', 'voided')", name=op.f("ck_hall_selections_status")
        ),
        sa.CheckConstraint("d > 0 AND k > 0 AND k <= pool_size", name=op.f("ck_hall_selections_numbers")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["halls.campaign_id"], name=op.f("fk_hall_selections_campaign_id_halls")
        ),
        sa.ForeignKeyConstraint(["prize_id"], ["prizes.id"], name=op.f("fk_hall_selections_prize_id_prizes")),
        sa.PrimaryKeyConstraint("campaign_id", "d", name=op.f("pk_hall_selections")),
    )
    op.create_index(
        "uq_hall_selections_running",
        "hall_selections",
        ["campaign_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('armed', 'drawn', 'revealed')"),
        postgresql_where=sa.text("status IN ('armed', 'drawn', 'revealed')"),
    )
    op.create_table(
        "hall_winners",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("d", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("guest_no", sa.Integer(), nullable=False),
        sa.Column("prize_id", BigId, nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("award_id", sa.BigInteger(), nullable=True),
        sa.Column("handed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('won', 'absent', 'forfeited', 'passed_on', 'confirmed', 'voided')",
            name=op.f("ck_hall_winners_status"),
        ),
        sa.ForeignKeyConstraint(["prize_id"], ["prizes.id"], name=op.f("fk_hall_winners_prize_id_prizes")),
        sa.PrimaryKeyConstraint("campaign_id", "d", "place", name=op.f("pk_hall_winners")),
        sa.UniqueConstraint("award_id", name=op.f("uq_hall_winners_award_id")),
        sa.UniqueConstraint("campaign_id", "d", "guest_no", name=op.f("uq_hall_winners_campaign_id_d_guest_no")),
    )
    op.create_index("ix_hall_winners_guest", "hall_winners", ["campaign_id", "guest_no"], unique=False)
    op.create_index(
        "uq_hall_winners_slot",
        "hall_winners",
        ["campaign_id", "prize_id", "slot"],
        unique=True,
        sqlite_where=sa.text("status IN ('won', 'forfeited', 'confirmed')"),
        postgresql_where=sa.text("status IN ('won', 'forfeited', 'confirmed')"),
    )
    op.create_table(
        "hall_race_counts",
        sa.Column("game_id", BigId, autoincrement=False, nullable=False),
        sa.Column("guest_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("team", sa.String(length=20), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=True),
        sa.Column("award_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("counted >= 0 AND last_seq >= 0", name=op.f("ck_hall_race_counts_not_negative")),
        sa.ForeignKeyConstraint(["game_id"], ["hall_games.id"], name=op.f("fk_hall_race_counts_game_id_hall_games")),
        sa.PrimaryKeyConstraint("game_id", "guest_no", name=op.f("pk_hall_race_counts")),
    )
    op.create_table(
        "hall_rain_hits",
        sa.Column("game_id", BigId, autoincrement=False, nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("guest_no", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("award_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount_fen > 0 AND at_ms >= 0", name=op.f("ck_hall_rain_hits_positive")),
        sa.ForeignKeyConstraint(["game_id"], ["hall_games.id"], name=op.f("fk_hall_rain_hits_game_id_hall_games")),
        sa.PrimaryKeyConstraint("game_id", "slot", name=op.f("pk_hall_rain_hits")),
    )
    op.create_index("ix_hall_rain_hits_guest", "hall_rain_hits", ["game_id", "guest_no"], unique=False)
    for statement in statements(dialect, ("hall_events",)):
        op.execute(statement)


def downgrade() -> None:
    """Goods and what was decided in halls are not known before; a database that has some is not taken back."""
    op.drop_table("hall_rain_hits")
    op.drop_table("hall_race_counts")
    op.drop_table("hall_winners")
    op.drop_table("hall_selections")
    op.drop_table("hall_rosters")
    op.drop_table("hall_prizes")
    op.drop_table("hall_guests")
    op.drop_table("hall_games")
    op.drop_table("hall_faces")
    op.drop_table("hall_events")
    op.drop_table("hall_danmaku")
    op.drop_table("halls")
    op.drop_table("hall_invited")
    op.drop_column("awards", "channel_code")
    op.drop_column("awards", "won_at")
    for table in ("prizes", "awards"):
        drop_check(table, "kind")
        add_check(table, "kind", KINDS_BEFORE)
