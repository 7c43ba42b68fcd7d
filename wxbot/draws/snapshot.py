"""What the draw page must know about a campaign, kept in this process for at most half a second.

A draw therefore reads no campaign row, and a pause, a close or an empty stock is seen by every process within a second.
"""

import re
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns.models import Bucket, Campaign, Lottery, Packet, PacketCount
from wxbot.campaigns.pool import has_stock
from wxbot.db import Database
from wxbot.draws.outcomes import Outcome
from wxbot.orders import found
from wxbot.vault import Vault

FRESH_S = 0.4
"""A snapshot older than this is read again before it decides anything."""

KEPT_BOARDS = 2000
SLUG = re.compile(r"[A-Za-z0-9_-]{1,64}")
SHANGHAI_OFFSET_S = 8 * 3600
"""Asia/Shanghai has had no other offset since 1991; the daily hours need no time-zone table on the hot path."""

LOST_TICKETS = found.of_packets(Campaign.act_name, Campaign.wishing, Campaign.remark)
"""Whether WeChat knows tickets of a campaign that a restored database did not, as a column of the question for it."""

SHOWN = frozenset({"approved", "launching", "on", "off", "closing", "closed"})
"""Statuses in which a campaign has a public page; a draft has none."""


@dataclass(frozen=True, slots=True)
class CampaignSnapshot:
    """One campaign as the draw page sees it. `lottery_key` signs and never leaves the server (S36)."""

    campaign_id: int
    slug: str
    name: str
    status: str
    is_frozen: bool
    """The database may be an old copy (lineage.py), or tickets that it lost wait to be judged: who has drawn may be unknown."""
    begin_at: datetime
    end_at: datetime
    begin_unix: float
    end_unix: float
    daily_from: int
    daily_until: int
    tries_per_person: int
    tries_per_day: int
    odds_ppm: int
    page_id: int | None
    is_lottery_on: bool
    lottery_id: str | None
    lottery_key: str = field(repr=False)
    loaded: int
    taken: int
    packet_count: int
    budget_fen: int
    organiser: str
    send_name: str
    wishing: str
    rules: str
    contact: str
    jump_url: str

    def refusal(self, now_unix: float) -> Outcome | None:
        """Why nobody may draw at this moment, or None (S33: each limit is decided here, on the server)."""
        if self.status in ("closing", "closed") or now_unix >= self.end_unix:
            return Outcome.OVER
        if self.status == "off" or self.is_frozen:
            return Outcome.PAUSED
        if self.status != "on" or now_unix < self.begin_unix or not self.is_lottery_on or self.lottery_id is None:
            return Outcome.NOT_YET
        if not self.is_open_hour(now_unix):
            return Outcome.OUTSIDE_HOURS
        if self.loaded <= 0:
            return Outcome.SOLD_OUT
        return None

    def is_open_hour(self, now_unix: float) -> bool:
        """Whether the Shanghai time of day lies inside the daily hours, which may cross midnight."""
        minute = int((now_unix + SHANGHAI_OFFSET_S) % 86400) // 60
        if self.daily_from <= self.daily_until:
            return self.daily_from <= minute < self.daily_until
        return minute >= self.daily_from or minute < self.daily_until


class Snapshots:
    """The snapshots of one process; one thread reads anew while others of the same campaign wait for it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._boards: dict[str, tuple[float, CampaignSnapshot | None]] = {}
        self._guards: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._keys: dict[str, str] = {}

    def find(self, slug: str) -> CampaignSnapshot | None:
        """The campaign's snapshot, at most FRESH_S old; None when there is no such public campaign."""
        if not SLUG.fullmatch(slug):
            return None  # PostgreSQL would raise for some (NUL), and none of these is kept
        kept = self._boards.get(slug)
        if kept is not None and time.monotonic() - kept[0] < FRESH_S:
            return kept[1]
        with self._guard:
            guard = self._guards.setdefault(slug, threading.Lock())
        with guard:
            kept = self._boards.get(slug)
            if kept is not None and time.monotonic() - kept[0] < FRESH_S:
                return kept[1]
            started = time.monotonic()  # the age counts from before the read: what it saw is at least that old
            snapshot = self._read(slug)
            with self._guard:
                if len(self._boards) >= KEPT_BOARDS:
                    self._boards.clear()
                    self._guards.clear()
                self._boards[slug] = (started, snapshot)
        return snapshot

    def forget(self) -> None:
        """Read every snapshot anew at its next use (tests that just changed a campaign)."""
        self._boards.clear()

    def _read(self, slug: str) -> CampaignSnapshot | None:
        with self._database.reading() as session:
            known = session.execute(
                select(Campaign, lineage.FROZEN_WHY, LOST_TICKETS).where(Campaign.slug == slug)
            ).one_or_none()
            if known is None or known[0].status not in SHOWN:
                return None
            campaign, frozen_why, has_lost_tickets = known
            query = select(PacketCount.status, PacketCount.n).where(PacketCount.campaign_id == campaign.id)
            counts = {row.status: row.n for row in session.execute(query)}
            now = self._database.now(session)
            live = counts.get("loaded", 0) if has_stock(session, campaign.id, now) else 0
            lottery, loaded = self._lottery_to_sign(session, campaign, live, now)
        taken = sum(counts.get(status, 0) for status in ("bound", "received", "returned"))
        return CampaignSnapshot(
            campaign_id=campaign.id, slug=campaign.slug, name=campaign.name, status=campaign.status,
            is_frozen=frozen_why is not None or bool(has_lost_tickets),
            begin_at=campaign.begin_at, end_at=campaign.end_at,
            begin_unix=campaign.begin_at.timestamp(), end_unix=campaign.end_at.timestamp(),
            daily_from=campaign.daily_from, daily_until=campaign.daily_until,
            tries_per_person=campaign.tries_per_person, tries_per_day=campaign.tries_per_day,
            odds_ppm=campaign.odds_ppm, page_id=campaign.page_id, is_lottery_on=campaign.is_lottery_on,
            lottery_id=lottery.lottery_id if lottery else None,
            lottery_key=self._key(lottery.lottery_key) if lottery else "",
            loaded=loaded, taken=taken, packet_count=campaign.packet_count, budget_fen=campaign.budget_fen,
            organiser=campaign.organiser, send_name=campaign.send_name, wishing=campaign.wishing,
            rules=campaign.rules, contact=campaign.contact, jump_url=campaign.jump_url,
        )  # fmt: skip

    def _lottery_to_sign(
        self, session: Session, campaign: Campaign, loaded: int, now: datetime
    ) -> tuple[Lottery | None, int]:
        """The lottery whose tickets are handed out now, and how many packets wait in it; expired ones do not count (F45).

        A campaign normally has one. With several, packets may be left in an earlier one: that one goes first.
        """
        query = select(Lottery).where(Lottery.campaign_id == campaign.id, Lottery.lottery_id.is_not(None))
        lotteries = session.scalars(query.order_by(Lottery.ordinal)).all()
        if len(lotteries) <= 1:
            return (lotteries[0] if lotteries else None), loaded
        waiting: dict[int, int] = {}
        per_lottery = (
            select(Bucket.lottery_id, func.count().label("packets"))
            .join(Packet, Packet.bucket_id == Bucket.id)
            .where(Packet.campaign_id == campaign.id, Packet.status == "loaded", Packet.expires_at > now)
            .group_by(Bucket.lottery_id)
        )
        for row in session.execute(per_lottery):
            waiting[row.lottery_id] = row.packets
        for lottery in lotteries:
            if waiting.get(lottery.id) and lottery.is_on:
                return lottery, waiting[lottery.id]
        return lotteries[-1], 0

    def _key(self, sealed: str) -> str:
        """The opened lottery_key; opened once per process and kept in memory only (S36)."""
        key = self._keys.get(sealed)
        if key is None:
            key = self._keys[sealed] = self._vault.open(sealed)
        return key
