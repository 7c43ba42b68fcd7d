"""What one person has left in one campaign: tries and wins, in all and of a Shanghai day; which of them turns them away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wxbot import quotas
from wxbot.clock import day_began, shanghai_day
from wxbot.draws.one_winner import tries
from wxbot.draws.outcomes import Outcome


def wins(campaign_id: int, openid: str) -> str:
    """The name of one person's limit of wins in one campaign."""
    return f"wins:{campaign_id}:{openid}"


def winners(campaign_id: int) -> str:
    """The name of a campaign's limit of wins in a day."""
    return f"winners:{campaign_id}"


@dataclass(slots=True)
class DrawLimit:
    """One limit in one period: how many are counted before and within this batch, and how many there may be."""

    name: str
    period: str
    most: int
    used: int
    taken: int = 0

    @property
    def left(self) -> int:
        """How many there may still be."""
        return self.most - self.used - self.taken


@dataclass(frozen=True, slots=True)
class PersonRules:
    """How often one person may draw and win; a limit of wins that is not offered is None. A day that allows as many tries as
    there are in all is no limit of its own."""

    tries_per_person: int
    tries_per_day: int
    wins_per_person: int | None = None
    wins_per_day: int | None = None

    def names(self, campaign_id: int, openid: str) -> list[str]:
        """The names under which a person's part is counted."""
        has_wins = self.wins_per_person or self.wins_per_day
        return [tries(campaign_id, openid), *([wins(campaign_id, openid)] if has_wins else [])]

    def of(self, campaign_id: int, openid: str, used: Mapping[tuple[str, str], int], day: str) -> "PersonLimits":
        """One person's limits; `used` is what is counted under their names, `day` the Shanghai day."""

        def limit(name: str, period: str, most: int) -> DrawLimit:
            return DrawLimit(name, period, most, used.get((name, period), 0))

        mine = PersonLimits([], [])
        name = tries(campaign_id, openid)
        if self.tries_per_day < self.tries_per_person:
            mine.tries.append(limit(name, day, self.tries_per_day))
        mine.tries.append(limit(name, quotas.ALL_TIME, self.tries_per_person))
        name = wins(campaign_id, openid)
        if self.wins_per_day:
            mine.wins.append(limit(name, day, self.wins_per_day))
        if self.wins_per_person:
            mine.wins.append(limit(name, quotas.ALL_TIME, self.wins_per_person))
        return mine


@dataclass(slots=True)
class PersonLimits:
    """The limits of one person, as far as nobody else's draw of this batch changes them."""

    tries: list[DrawLimit]
    wins: list[DrawLimit]

    def refusal(self, *, has_tomorrow: bool) -> Outcome | None:
        """Which limit leaves nothing, in the words of its outcome; None when they may draw."""
        return _used_up(self.wins, Outcome.WON_ENOUGH, Outcome.WON_TODAY, has_tomorrow) or _used_up(
            self.tries, Outcome.NO_TRIES_LEFT, Outcome.NO_TRIES_TODAY, has_tomorrow
        )

    @property
    def left(self) -> int:
        """How many times they can draw today: none when they have won as often as they may."""
        if any(limit.left <= 0 for limit in self.wins):
            return 0
        return max(0, min(limit.left for limit in self.tries))


def _used_up(limits: Sequence[DrawLimit], in_all: Outcome, today: Outcome, has_tomorrow: bool) -> Outcome | None:
    """Which of one person's limits leaves nothing; a day's only where there is another day."""
    used = [limit.period for limit in limits if limit.left <= 0]
    if not used:
        return None
    return today if quotas.ALL_TIME not in used and has_tomorrow else in_all


def has_tomorrow(now: datetime, end_unix: float) -> bool:
    """Whether a campaign that ends then goes on after the next Shanghai midnight."""
    return day_began(shanghai_day(now) + timedelta(days=1)).timestamp() < end_unix
