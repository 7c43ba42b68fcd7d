"""Prizes and their stock, draws, awards, published rules."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId
from wxbot.orders.channels import CONFIRMED, DIRECT
from wxbot.transitions import Transitions, one_of

ODDS_OF = 1_000_000
"""Odds are whole parts of a million (ppm)."""

PrizeKind = Literal["money", "code", "goods"]
"""What a prize is; `nothing` is the rest of the odds and has no row. Goods are only handed over on a stage."""

Split = Literal["fixed", "range", "exact"]
"""How much a money prize is: always `min_fen`, even between two bounds, or the next part of a total that is split beforehand."""

WhenGone = Literal["miss", "consolation"]
"""What a dice that names a prize without stock means: nothing, or the prize with the highest ordinal that is left."""

Skin = Literal["shake", "wheel", "grid", "scratch"]

DrawOutcome = Literal["won", "lost", "gone"]

OUTCOMES: dict[DrawOutcome, str] = {
    "won": "the dice named a prize and it was given",
    "lost": "the dice named no prize",
    "gone": "the dice named a prize of which nothing was left, or released by then",
}

AwardStatus = Literal["open", "collecting", "paid", "forfeited", "given"]

AWARD_NEXT: Transitions[AwardStatus] = {
    "open": frozenset({"collecting", "forfeited", "given"}),
    "collecting": frozenset({"paid", "open", "forfeited"}),
}
"""Allowed transitions of an award. A definite end of its order before the deadline opens it again."""

AWARD_STATUSES: dict[AwardStatus, str] = {
    "open": "owed until its deadline; the person has not collected it, or the last order for it has come back",
    "collecting": "the person tapped, its payout is on the way",
    "paid": "the person has the money",
    "forfeited": "the deadline passed without a live order; the money is free again",
    "given": "a code that was shown to its owner, or a thing that was handed over",
}


class InstantTerms(Base):
    """What a campaign of this mechanic has beside the columns of `campaigns`; its row is the lock of its draws.

    None of a limit means that it is not offered, never zero.
    """

    __tablename__ = "instant_terms"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    seed_sealed: Mapped[str] = mapped_column(String(200), default="")
    seed_sha256: Mapped[str] = mapped_column(String(64), default="")
    """Published with the rules before the first draw; empty before the launch."""
    seed: Mapped[str | None] = mapped_column(String(64))
    """Revealed when the campaign is closed."""
    next_k: Mapped[int] = mapped_column(BigInteger, default=1)
    rule_version: Mapped[int] = mapped_column(Integer, default=0)
    wins_per_person: Mapped[int | None]
    wins_per_day: Mapped[int | None]
    winners_per_day: Mapped[int | None]
    """How many wins the whole campaign gives in a Shanghai day."""
    gap_s: Mapped[int | None]
    """Seconds between two draws of one person."""
    claim_s: Mapped[int] = mapped_column(Integer, default=7 * 86400)
    """Seconds after the draw in which an award can be collected."""
    channel: Mapped[str] = mapped_column(String(16), default=CONFIRMED[0])
    needs_binding: Mapped[bool] = mapped_column(default=False)
    is_allow_only: Mapped[bool] = mapped_column(default=False)
    """Only the people of `campaign_people` may draw."""
    skin: Mapped[Skin] = mapped_column(String(10), default="wheel")
    look: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    carry: Mapped[bool] = mapped_column(default=False)
    """Closing leaves open awards to their deadline; else it waits for them."""
    password: Mapped[str | None] = mapped_column(String(32))
    """The word [口令] that a person types before they draw."""

    __table_args__ = (
        one_of("channel", DIRECT),
        one_of("skin", Skin),
        CheckConstraint("next_k > 0 AND claim_s > 0", name="positive"),
    )


class Prize(Base):
    """One line of what can be won. `left` is how many were not given yet; nothing else counts stock."""

    __tablename__ = "prizes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    ordinal: Mapped[int] = mapped_column(Integer)
    kind: Mapped[PrizeKind] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(40))
    split: Mapped[Split] = mapped_column(String(8), default="fixed")
    min_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    max_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    total_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    """What all of the stock is worth together, for a split that is exact."""
    value_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    """The published value of one."""
    odds_ppm: Mapped[int] = mapped_column(Integer)
    stock: Mapped[int] = mapped_column(Integer)
    left: Mapped[int] = mapped_column(Integer)
    release: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """{"way": "once" | "even" | "days" | "hours", "weights": […]}"""
    when_gone: Mapped[WhenGone] = mapped_column(String(12), default="miss")

    __table_args__ = (
        UniqueConstraint("campaign_id", "ordinal"),
        one_of("kind", PrizeKind),
        one_of("split", Split),
        one_of("when_gone", WhenGone),
        CheckConstraint('0 <= "left" AND "left" <= stock', name="stock"),
        CheckConstraint(f"odds_ppm BETWEEN 0 AND {ODDS_OF}", name="odds"),
        CheckConstraint("min_fen >= 0 AND min_fen <= max_fen AND total_fen >= 0 AND value_fen >= 0", name="amounts"),
    )


class PrizeCode(Base):
    """One imported serial of a prize: given once, shown again to its owner."""

    __tablename__ = "prize_codes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    prize_id: Mapped[int | None] = mapped_column(ForeignKey("prizes.id"))
    """None while it lies ready for a prize of a running hall to which a second person has still to agree."""
    ordinal: Mapped[int] = mapped_column(Integer)
    code_sealed: Mapped[str] = mapped_column(String(400))
    code_index: Mapped[str] = mapped_column(String(64))
    award_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    lost_k: Mapped[int | None] = mapped_column(BigInteger)
    """Number of the award by which somebody got it in what a restore has lost: it is given to nobody else (codes_lost). With an
    award it is that person's again."""
    lost_openid: Mapped[str | None] = mapped_column(String(64))
    """Whose it has been since then; none where a version that did not keep it had put it aside."""

    __table_args__ = (
        UniqueConstraint("prize_id", "ordinal"),
        UniqueConstraint("campaign_id", "code_index"),
        Index(
            "ix_prize_codes_free",
            "prize_id",
            "ordinal",
            sqlite_where=text("award_id IS NULL"),
            postgresql_where=text("award_id IS NULL"),
        ),
        Index(
            "ix_prize_codes_lost",
            "lost_openid",
            sqlite_where=text("lost_openid IS NOT NULL"),
            postgresql_where=text("lost_openid IS NOT NULL"),
        ),
    )


class InstantDraw(Base):
    """One draw, with all that was decided and why; never changed. `k` is dense and given in the order of the commits."""

    __tablename__ = "instant_draws"

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    k: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    openid: Mapped[str] = mapped_column(String(64))
    nonce: Mapped[str] = mapped_column(String(64))
    dice: Mapped[int] = mapped_column(Integer)
    prize_ordinal: Mapped[int | None]
    amount_fen: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[DrawOutcome] = mapped_column(String(4))
    rule_version: Mapped[int] = mapped_column(Integer)
    released: Mapped[int | None]
    """Of the prize that the dice named: how many were released by then."""
    left: Mapped[int | None]
    """Of the prize that the dice named: how many were left before this draw."""
    drawn_at: Mapped[datetime]
    channel_code: Mapped[str] = mapped_column(String(32), default="")
    ip: Mapped[str | None] = mapped_column(String(45))

    __table_args__ = (
        UniqueConstraint("campaign_id", "nonce"),
        one_of("outcome", DrawOutcome),
        CheckConstraint(f"dice >= 0 AND dice < {ODDS_OF}", name="dice"),
        CheckConstraint("(outcome = 'won') = (prize_ordinal IS NOT NULL)", name="prize"),
        Index("ix_instant_draws_openid", "campaign_id", "openid"),
        Index("ix_instant_draws_person", "openid"),
    )


class Award(Base):
    """One prize won by one person: a debt with a deadline. `amount_fen` is 0 for a code."""

    __tablename__ = "awards"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(24), unique=True)
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    k: Mapped[int] = mapped_column(BigInteger)
    openid: Mapped[str] = mapped_column(String(64))
    prize_id: Mapped[int] = mapped_column(ForeignKey("prizes.id"))
    kind: Mapped[PrizeKind] = mapped_column(String(8))
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[AwardStatus] = mapped_column(String(10))
    won_at: Mapped[datetime]
    channel_code: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """By which way in its person had come."""
    deadline_at: Mapped[datetime]
    tapped_at: Mapped[datetime | None]
    """When its person first asked for it."""
    reminded_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    payout_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        UniqueConstraint("campaign_id", "k"),
        one_of("kind", PrizeKind),
        one_of("status", AwardStatus),
        CheckConstraint("(kind = 'money') = (amount_fen > 0)", name="amount"),
        Index("ix_awards_openid", "openid", "id"),
        Index("ix_awards_payout_id", "payout_id"),
        Index(
            "ix_awards_open",
            "deadline_at",
            sqlite_where=text("status IN ('open', 'collecting')"),
            postgresql_where=text("status IN ('open', 'collecting')"),
        ),
    )


FirstStep = Literal["winners", "collectors", "receivers"]
"""What a person who drew comes to for the first time in a campaign: they won, asked for a prize, have one."""

SumOf = Literal["draws", "people", "tapped", "open", "collecting", "paid", "forfeited", "given", FirstStep]
"""What is added up: draws, awards asked for, and awards by their status; and people, each once in a campaign: those who drew
(`people`), and of these by FirstStep."""


class InstantSum(Base):
    """How many there are of an hour's draws and of the awards they left (instant/sums). `fen` is the money of these awards."""

    __tablename__ = "instant_sums"

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    """In which the draw was made, or of people their first draw; Shanghai's hours begin when those of UTC do."""
    channel_code: Mapped[str] = mapped_column(String(32), primary_key=True)
    what: Mapped[SumOf] = mapped_column(String(10), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    fen: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (one_of("what", SumOf),)


class RuleVersion(Base):
    """The rules as they were published; never changed. Draws name the version by which they were decided."""

    __tablename__ = "campaign_rules"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    text: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What people read."""
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What the decision reads of it: prizes, their release, the window."""
    sha256: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime]


class NumberGap(Base):
    """Numbers that a restored database may have lost: no draw gets one of them again."""

    __tablename__ = "instant_gaps"

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    from_k: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    to_k: Mapped[int] = mapped_column(BigInteger)
    given: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """Ordinal of a prize → how many of its pieces are known to have been given by these numbers, and are out of its stock."""
    why: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]


class AllowedPerson(Base):
    """A person who may draw in a campaign that is open only to its list: an openid, or the blind index of a bound phone."""

    __tablename__ = "campaign_people"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(6), default="openid")

    __table_args__ = (CheckConstraint("kind IN ('openid', 'phone')", name="kind"),)


class CampaignPicture(Base):
    """A marketer's picture on a campaign's page, as our own program made it: a JPEG of at most some hundred kilobytes."""

    __tablename__ = "campaign_pictures"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The SHA-256 of the content."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    added_at: Mapped[datetime]
