"""A hall that was approved and launched, with guests in it: through the same steps and verbs as an evening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from tests.instant.stage import PRIZE, approved
from wxbot.campaigns import launch
from wxbot.campaigns.models import Campaign
from wxbot.hall import journal, sign_in, told
from wxbot.hall.log import LogLine
from wxbot.hall.models import Game, Guest, Hall
from wxbot.instant.models import Award
from wxbot.runtime import Runtime

HALL_PRIZE = PRIZE | {
    "name": "三等奖",
    "odds_ppm": 0,
    "stock": 3,
    "way": "selection",
    "per_selection": 3,
    "scope": "evening",
    "absence": "evening",
    "groups": [],
    "seconds": 30,
}
"""Three pieces of one yuan."""

RAIN = {
    "name": "红包雨",
    "way": "rain",
    "stock": 12,
    "split": "exact",
    "total_fen": 2400,
    "min_fen": 100,
    "max_fen": 600,
    "value_fen": 600,
    "per_selection": 3,
    "seconds": 20,
}
"""Twelve packets of 24 yuan, three for a person at most."""

RACE = {"name": "竞速", "way": "race", "stock": 2, "seconds": 20}
"""Two are the fastest of twenty seconds."""


@dataclass
class OpenHall:
    """One hall that is on."""

    runtime: Runtime
    campaign_id: int
    slug: str = "gala"
    openids: list[str] = field(default_factory=list)
    """Of its guests, in the order of their numbers."""

    @property
    def path(self) -> str:
        """The phone's page."""
        return f"/h5/hall/{self.slug}"

    def work(self) -> None:
        """What the worker does until there is nothing to do."""
        while launch.advance(self.runtime, self.campaign_id):
            pass

    def over(self, game: Game) -> None:
        """A minute passes for this game, and the worker comes by."""
        assert game.begin_at is not None and game.end_at is not None
        earlier = {"begin_at": game.begin_at - timedelta(minutes=1), "end_at": game.end_at - timedelta(minutes=1)}
        with self.runtime.database.transaction() as session:
            session.execute(update(Game).where(Game.id == game.id).values(earlier))
        self.work()

    def come(self, guests: int) -> None:
        """So many more guests sign in."""
        groups = self.campaign().terms.get("groups") or [""]
        for _ in range(guests):
            number = len(self.openids) + 1
            openid = f"o-{self.slug}-{number:05d}"
            entry = sign_in.GuestDetails(f"来宾{number}", groups[(number - 1) % len(groups)])
            with self.runtime.database.transaction() as session:
                sign_in.sign_in(session, self.campaign_id, openid, entry, self.runtime.database.now(session))
            self.openids.append(openid)
        told.tell(self.runtime, self.campaign_id)

    def hall(self) -> Hall:
        with self.runtime.database.reading() as session:
            return session.get_one(Hall, self.campaign_id)

    def campaign(self) -> Campaign:
        with self.runtime.database.reading() as session:
            return session.get_one(Campaign, self.campaign_id)

    def log(self) -> list[LogLine]:
        with self.runtime.database.reading() as session:
            return journal.entries(session, self.campaign_id)

    def guests(self) -> list[Guest]:
        with self.runtime.database.reading() as session:
            query = select(Guest).where(Guest.campaign_id == self.campaign_id).order_by(Guest.no)
            return list(session.scalars(query))

    def awards(self) -> list[Award]:
        with self.runtime.database.reading() as session:
            query = select(Award).where(Award.campaign_id == self.campaign_id).order_by(Award.k)
            return list(session.scalars(query))


def open_hall(
    runtime: Runtime,
    prizes: Sequence[Mapping[str, Any]] = ({},),
    guests: int = 0,
    slug: str = "gala",
    **changes: Any,
) -> OpenHall:
    """A hall that is on and whose doors are open, with so many guests (of the groups in turn, where there are some); each prize is HALL_PRIZE with what differs, `changes` are of the campaign.

    `terms` among the changes are joined: mode, groups, is_invited_only, day_word, is_rehearsal, carry …
    """
    hall = launched(runtime, prizes, slug=slug, **changes)
    hall.come(guests)
    return hall


def launched(
    runtime: Runtime, prizes: Sequence[Mapping[str, Any]] = ({},), slug: str = "gala", **changes: Any
) -> OpenHall:
    """The same without guests; with `begin_at` in the future the doors are still shut."""
    now = runtime.clock.now()
    values = {"name": "年会", "act_name": "年会抽奖", "mechanic": "hall", "end_at": now + timedelta(hours=6)} | changes
    made = approved(runtime, *({**HALL_PRIZE, **prize} for prize in prizes), slug=slug, **values)
    hall = OpenHall(runtime, made.campaign_id, slug)
    hall.work()
    return hall
