"""What the draw page must know about a campaign, kept in this process for at most half a second.

A draw therefore reads no campaign row, and a pause, a close or an empty stock is seen by every process within a second.
"""

import math
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from wxbot import lineage
from wxbot.campaigns.models import Campaign, PacketCount
from wxbot.daily import DailyHours
from wxbot.db import Database
from wxbot.draws import mechanic
from wxbot.draws.mechanic import DrawMechanic, Stock
from wxbot.draws.outcomes import Outcome
from wxbot.orders import found
from wxbot.vault import Vault

FRESH_S = 0.4
"""A snapshot older than this is read again before it decides anything."""

LATELY_S = 2.0
"""A campaign of which a snapshot was read so lately is one from which people draw now."""

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
    """One campaign as the draw page sees it."""

    campaign_id: int
    slug: str
    act_name: str
    """What people read; the name is the console's."""
    status: str
    is_frozen: bool
    """The database may be an old copy (lineage.py), or tickets that it lost wait to be judged: who has drawn may be unknown."""
    begin_at: datetime
    end_at: datetime
    begin_unix: float
    end_unix: float
    hours: DailyHours
    tries_per_person: int
    tries_per_day: int
    mechanic: DrawMechanic
    stock: Stock
    taken: int
    packet_count: int
    budget_fen: int
    organiser: str
    send_name: str
    wishing: str
    rules: str
    contact: str
    places: Mapping[str, str]
    """Channel codes of its own, with their names."""

    def refusal(self, now_unix: float) -> Outcome | None:
        """Why nobody may draw at this moment, or None (S33: each limit is decided here, on the server)."""
        if self.status in ("closing", "closed") or now_unix >= self.end_unix:
            return Outcome.OVER
        if self.status == "off" or self.is_frozen:
            return Outcome.PAUSED
        if self.status != "on" or now_unix < self.begin_unix or not self.stock.is_open:
            return Outcome.NOT_YET
        if not self.is_open_hour(now_unix):
            return Outcome.OUTSIDE_HOURS
        if self.stock.packets <= 0:
            return Outcome.SOLD_OUT
        return None

    def is_open_hour(self, now_unix: float) -> bool:
        """Whether the Shanghai time of day lies inside the daily hours, which may cross midnight."""
        minute = int((now_unix + SHANGHAI_OFFSET_S) % 86400) // 60
        return self.hours.is_open(minute)


class Snapshots:
    """The snapshots of one process; one thread reads anew while others of the same campaign wait for it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._boards: dict[str, tuple[float, CampaignSnapshot | None]] = {}
        self._guards: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._found_at = -math.inf

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
                if snapshot is not None:
                    self._found_at = started
        return snapshot

    def is_anyone_drawing(self) -> bool:
        """Whether there was a snapshot to read lately."""
        return time.monotonic() - self._found_at < LATELY_S

    def is_drawn_from(self, slug: str) -> bool:
        """Whether this campaign is there, and its snapshot was read lately."""
        kept = self._boards.get(slug)
        return kept is not None and kept[1] is not None and time.monotonic() - kept[0] < LATELY_S

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
            way = mechanic.way_of(campaign.mechanic)
            stock = way.read_stock(session, self._vault, campaign, counts.get("loaded", 0), self._database.now(session))
        taken = sum(counts.get(status, 0) for status in ("bound", "received", "returned"))
        return CampaignSnapshot(
            campaign_id=campaign.id,
            slug=campaign.slug,
            act_name=campaign.act_name,
            status=campaign.status,
            is_frozen=frozen_why is not None or bool(has_lost_tickets),
            begin_at=campaign.begin_at,
            end_at=campaign.end_at,
            begin_unix=campaign.begin_at.timestamp(),
            end_unix=campaign.end_at.timestamp(),
            hours=campaign.hours,
            tries_per_person=campaign.tries_per_person,
            tries_per_day=campaign.tries_per_day,
            mechanic=way,
            stock=stock,
            taken=taken,
            packet_count=campaign.packet_count,
            budget_fen=campaign.budget_fen,
            organiser=campaign.organiser,
            send_name=campaign.send_name,
            wishing=campaign.wishing,
            rules=campaign.rules,
            contact=campaign.contact,
            places=campaign.places,
        )
