"""Halls, their guests, frozen rosters, selections, what was selected, and the public log.

A hall is a campaign of the mechanic `hall`: budget, approval, window, prizes (`prizes`), awards and their deadline are those of
every campaign, the columns here are what only an on-site lottery has. What was decided is in the log and never changed.
"""

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
from sqlalchemy import Text as LongText
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId
from wxbot.hall.prize_rules import Absence, Scope
from wxbot.transitions import Transitions, one_of

EntropyMode = Literal["seed", "hall", "drand"]
"""What is added to the seed after the roster is frozen: nothing, numbers held up in the hall, a round of drand."""

ScreenLanguage = Literal["zh", "en"]
"""What a hall's screen speaks: Chinese or English."""

Leftover = Literal["budget", "person"]
"""Where a packet of a rain goes that was not caught: back to the budget, or to whom it fell all the same."""

SelectionStatus = Literal["armed", "drawn", "revealed", "confirmed", "voided"]

SELECTION_NEXT: Transitions[SelectionStatus] = {
    "armed": frozenset({"drawn", "voided"}),
    "drawn": frozenset({"revealed", "voided"}),
    "revealed": frozenset({"confirmed", "voided"}),
}
"""Allowed transitions of a selection; nothing of a confirmed one can be voided. What was drawn and not
revealed is void by a restore alone (`gaps`)."""

SELECTION_STATUSES: dict[SelectionStatus, str] = {
    "armed": "prize, number, roster and entropy are fixed in the log; the host may start it",
    "drawn": "the winners are committed and in no browser; the screen rolls",
    "revealed": "the host stopped the roll, the screen shows them; absentees are marked now",
    "confirmed": "the host confirmed who is here: they are owed their prize",
    "voided": "two people declared it void, with a reason that the screen shows",
}

WinnerStatus = Literal["won", "absent", "forfeited", "passed_on", "confirmed", "voided"]

WINNER_NEXT: Transitions[WinnerStatus] = {
    "won": frozenset({"absent", "forfeited", "passed_on", "confirmed", "voided"}),
    "absent": frozenset({"won", "voided"}),
    "forfeited": frozenset({"won", "voided"}),
    "passed_on": frozenset({"won", "voided"}),
}
"""Allowed transitions of one winner: who is absent, gave up and left the slot empty (`forfeited`) or gave up for somebody else
(`passed_on`) can be taken back until the next selection. The slots of `absent` and `passed_on` are open again."""

DanmakuStatus = Literal["waiting", "shown", "refused"]

DANMAKU_NEXT: Transitions[DanmakuStatus] = {
    "waiting": frozenset({"shown", "refused"}),
    "shown": frozenset({"refused"}),
}
"""Allowed transitions of words to the screen; what was shown can be taken away."""

RoundKind = Literal["rain", "race"]

RoundStatus = Literal["planned", "running", "over", "settled"]

ROUND_NEXT: Transitions[RoundStatus] = {
    "planned": frozenset({"running"}),
    "running": frozenset({"over", "planned"}),
    "over": frozenset({"settled"}),
}
"""Allowed transitions of a game; a restore takes one that runs back to its beginning (`gaps`)."""


class Hall(Base):
    """What a campaign of this mechanic has beside its own columns; its row is the lock of everything that its host decides."""

    __tablename__ = "halls"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    mode: Mapped[EntropyMode] = mapped_column(String(8), default="hall")
    is_rehearsal: Mapped[bool] = mapped_column(default=False)
    """It can pay nobody; its guests may be simulated."""
    seed_sealed: Mapped[str] = mapped_column(String(200))
    """The last seed of the chain, hex; all others follow from it."""
    chain_length: Mapped[int] = mapped_column(Integer, default=1000)
    commitment: Mapped[str] = mapped_column(String(64))
    """The chain's first value, shown before anybody can sign in."""
    next_d: Mapped[int] = mapped_column(Integer, default=1)
    """Number of the next selection; its seed is that of the chain with the same number. After a restore it jumps."""
    next_no: Mapped[int] = mapped_column(Integer, default=1)
    roster_version: Mapped[int] = mapped_column(Integer, default=0)
    """Of the newest frozen roster; 0 before the first."""
    code_key_sealed: Mapped[str] = mapped_column(String(200))
    """Key of the sign-in code that changes every 30 seconds, hex."""
    day_word: Mapped[str] = mapped_column(String(20), default="")
    """The word of the day, asked for where somebody signs in by the printed code at the door."""
    is_invited_only: Mapped[bool] = mapped_column(default=False)
    pair_code: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of the six digits a screen is paired with; empty when none is offered."""
    pair_until: Mapped[datetime | None]
    pair_tries: Mapped[int] = mapped_column(Integer, default=0)
    """How often other digits were typed while these are offered."""
    screen_epoch: Mapped[int] = mapped_column(Integer, default=0)
    """Counts pairings: the screen of the newest one shows and starts, older ones only look on."""
    scene: Mapped[str] = mapped_column(String(16), default="wall")
    """What the screen shows: wall, prizes, selection, results, rain, race, rest."""
    scene_at: Mapped[datetime | None]
    language: Mapped[ScreenLanguage] = mapped_column(String(2), default="zh")
    """Of the screen, whatever the browser before it prefers; a phone speaks its owner's."""
    faces_deleted_at: Mapped[datetime | None]
    lost_prizes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """Prizes of the evening itself that a restore has lost, to be asked for again (added_lost)."""

    __table_args__ = (
        one_of("mode", EntropyMode),
        one_of("language", ScreenLanguage),
        CheckConstraint("next_d > 0 AND next_no > 0 AND chain_length > 0", name="numbers"),
    )


class HallPrize(Base):
    """The rules of one line of `prizes` in a hall. How many of it are open is told by the log, never counted down here."""

    __tablename__ = "hall_prizes"

    prize_id: Mapped[int] = mapped_column(ForeignKey("prizes.id"), primary_key=True, autoincrement=False)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("halls.campaign_id"))
    ordinal: Mapped[int] = mapped_column(Integer)
    """Of the prize; the log calls a prize by it."""
    per_selection: Mapped[int] = mapped_column(Integer)
    """How many are selected at once if the host says nothing else."""
    scope: Mapped[Scope] = mapped_column(String(8), default="evening")
    absence: Mapped[Absence] = mapped_column(String(8), default="evening")
    groups: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Who may win it; empty is everybody."""

    __table_args__ = (
        UniqueConstraint("campaign_id", "ordinal"),
        one_of("scope", Scope),
        one_of("absence", Absence),
        CheckConstraint("per_selection > 0", name="per_selection"),
    )


class Guest(Base):
    """One person who signed in; `no` is dense, in the order of the commits."""

    __tablename__ = "hall_guests"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("halls.campaign_id"), primary_key=True, autoincrement=False)
    no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    openid: Mapped[str] = mapped_column(String(64))
    """Of a simulated guest of a rehearsal one that WeChat cannot give (simulated.py)."""
    person: Mapped[str] = mapped_column(String(64))
    """Their `id` in rosters: HMAC of the openid by `salt`."""
    salt: Mapped[str] = mapped_column(String(32))
    """Hex; shown to this person alone."""
    name: Mapped[str] = mapped_column(String(40))
    """As they typed or shared it, or as they stand on the list of invited people."""
    group: Mapped[str] = mapped_column("group_name", String(40), default="")
    weight: Mapped[int] = mapped_column(Integer, default=1)
    face: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of their picture in `hall_faces`."""
    has_shared: Mapped[bool] = mapped_column(default=False)
    """Whether they agreed, at WeChat's question and when they signed in, to show name and face from WeChat."""
    face_from: Mapped[str] = mapped_column(String(300), default="")
    """Where their picture is still to be fetched from; empty when there is none or it is here."""
    is_hidden: Mapped[bool] = mapped_column(default=False)
    """The host took them off the wall; they may win all the same."""
    is_struck: Mapped[bool] = mapped_column(default=False)
    """Taken out of the next roster, for a reason in the log."""
    invited_id: Mapped[int | None] = mapped_column(BigInteger)
    signed_in_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("campaign_id", "openid"),
        UniqueConstraint("campaign_id", "invited_id"),
        CheckConstraint("no > 0 AND weight > 0", name="positive"),
        Index("ix_hall_guests_openid", "openid"),
        Index(
            "ix_hall_guests_face_from",
            "campaign_id",
            sqlite_where=text("face_from <> ''"),
            postgresql_where=text("face_from <> ''"),
        ),
    )


class Invited(Base):
    """One line of the imported list of invited people: key is a staff number or what else the list calls them by."""

    __tablename__ = "hall_invited"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(40))
    group: Mapped[str] = mapped_column("group_name", String(40), default="")
    weight: Mapped[int] = mapped_column(Integer, default=1)

    __table_args__ = (
        UniqueConstraint("campaign_id", "key"),
        CheckConstraint("weight > 0", name="positive"),
    )


class GuestFace(Base):
    """A picture of somebody who agreed, re-encoded by our own program; deleted seven days after the hall is closed."""

    __tablename__ = "hall_faces"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("halls.campaign_id"), primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Roster(Base):
    """A frozen list of who may win, as it is published; never changed."""

    __tablename__ = "hall_rosters"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("halls.campaign_id"), primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(LongText)
    frozen_at: Mapped[datetime]


class Selection(Base):
    """One selection of `k` people for a prize. At most one of a hall runs."""

    __tablename__ = "hall_selections"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("halls.campaign_id"), primary_key=True, autoincrement=False)
    d: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    prize_id: Mapped[int] = mapped_column(ForeignKey("prizes.id"))
    k: Mapped[int] = mapped_column(Integer)
    roster_version: Mapped[int] = mapped_column(Integer)
    pool_size: Mapped[int] = mapped_column(Integer)
    pool_hash: Mapped[str] = mapped_column(String(64))
    entropy_kind: Mapped[EntropyMode] = mapped_column(String(8))
    entropy_text: Mapped[str] = mapped_column(String(300), default="")
    status: Mapped[SelectionStatus] = mapped_column(String(10))
    armed_at: Mapped[datetime]
    drawn_at: Mapped[datetime | None]
    revealed_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    """Confirmed or voided."""
    void_asked_by: Mapped[int | None]
    """A member of staff who wants it void; a second one makes it so."""
    void_reason: Mapped[str] = mapped_column(String(200), default="")

    __table_args__ = (
        one_of("entropy_kind", EntropyMode),
        one_of("status", SELECTION_STATUSES),
        CheckConstraint("d > 0 AND k > 0 AND k <= pool_size", name="numbers"),
        Index(
            "uq_hall_selections_running",
            "campaign_id",
            unique=True,
            sqlite_where=text("status IN ('armed', 'drawn', 'revealed')"),
            postgresql_where=text("status IN ('armed', 'drawn', 'revealed')"),
        ),
    )


class Winner(Base):
    """One line of a selection's result. `slot` is the piece of the prize that it fills, from 1."""

    __tablename__ = "hall_winners"

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    d: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """In the order in which they were selected, from 1."""
    guest_no: Mapped[int] = mapped_column(Integer)
    prize_id: Mapped[int] = mapped_column(ForeignKey("prizes.id"))
    slot: Mapped[int] = mapped_column(Integer)
    status: Mapped[WinnerStatus] = mapped_column(String(10), default="won")
    award_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    handed_at: Mapped[datetime | None]
    """A thing was handed over on the stage."""

    __table_args__ = (
        one_of("status", WinnerStatus),
        UniqueConstraint("campaign_id", "d", "guest_no"),
        Index("ix_hall_winners_guest", "campaign_id", "guest_no"),
        Index(
            "uq_hall_winners_slot",
            "campaign_id",
            "prize_id",
            "slot",
            unique=True,
            sqlite_where=text("status IN ('won', 'forfeited', 'confirmed')"),
            postgresql_where=text("status IN ('won', 'forfeited', 'confirmed')"),
        ),
    )


class HallEvent(Base):
    """One line of the public log: `hash` = SHA-256 of the hash before and of `body`, canonical JSON. Append-only."""

    __tablename__ = "hall_events"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("halls.campaign_id"), primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(LongText)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class Danmaku(Base):
    """Words [弹幕] that a guest sent to the screen: shown only after somebody has looked at them."""

    __tablename__ = "hall_danmaku"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("halls.campaign_id"))
    guest_no: Mapped[int] = mapped_column(Integer)
    words: Mapped[str] = mapped_column(String(60))
    status: Mapped[DanmakuStatus] = mapped_column(String(8), default="waiting")
    sent_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("status", DanmakuStatus),
        Index("ix_hall_danmaku_status", "campaign_id", "status", "id"),
    )


class Game(Base):
    """One red-packet rain [红包雨] or shake race [摇一摇竞速]: a round of all phones at once."""

    __tablename__ = "hall_games"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("halls.campaign_id"))
    ordinal: Mapped[int] = mapped_column(Integer)
    kind: Mapped[RoundKind] = mapped_column(String(4))
    prize_id: Mapped[int] = mapped_column(ForeignKey("prizes.id"))
    terms: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """rain: {"seconds", "packets", "total_fen", "cap_per_person", "leftover"}; race: {"seconds", "teams"}."""
    status: Mapped[RoundStatus] = mapped_column(String(8), default="planned")
    begin_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("campaign_id", "ordinal"),
        one_of("kind", RoundKind),
        one_of("status", RoundStatus),
        Index(
            "uq_hall_games_running",
            "campaign_id",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class RainHit(Base):
    """One packet of a rain, assigned before it began: who, at which moment of it, how much."""

    __tablename__ = "hall_rain_hits"

    game_id: Mapped[int] = mapped_column(ForeignKey("hall_games.id"), primary_key=True, autoincrement=False)
    slot: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    guest_no: Mapped[int] = mapped_column(Integer)
    at_ms: Mapped[int] = mapped_column(Integer)
    """Milliseconds after the beginning."""
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    claimed_at: Mapped[datetime | None]
    award_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("amount_fen > 0 AND at_ms >= 0", name="positive"),
        Index("ix_hall_rain_hits_guest", "game_id", "guest_no"),
    )


class RaceCount(Base):
    """How far one guest has come in a race, by the server's count; written once a second in one batch."""

    __tablename__ = "hall_race_counts"

    game_id: Mapped[int] = mapped_column(ForeignKey("hall_games.id"), primary_key=True, autoincrement=False)
    guest_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    team: Mapped[str] = mapped_column(String(20), default="")
    counted: Mapped[int] = mapped_column(Integer, default=0)
    """Shakes that count."""
    last_seq: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[datetime | None]
    award_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (CheckConstraint("counted >= 0 AND last_seq >= 0", name="not_negative"),)
