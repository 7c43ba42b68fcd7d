"""How shakes of a race [摇一摇竞速] are counted: by the server's time, whatever a phone says. Pure.

A phone sends how often it was shaken since the race began, and a number that grows with each of its messages. More than CAP_PER_S
for every second that the server saw pass is not believed, so a phone that claims a million shakes gets what a hand could do. The
counts are cumulative: a lost, a repeated or a late message changes nothing that the next one does not mend.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

CAP_PER_S = 12
"""Shakes of one second that are believed."""

JITTER_S = 2.0
"""So much time a message may make up for that came right after one that was held up on the way."""

LATE_S = 2.0
"""How long after its end a race still takes what was shaken before."""


class Runner(NamedTuple):
    """How far one guest has come."""

    counted: int = 0
    """Shakes that are believed."""
    seq: int = 0
    """The greatest number of a message so far."""
    at: float = 0.0
    """Unix seconds at which this count was reached; before the first one the beginning of the race."""


class Span(NamedTuple):
    """When a race runs, Unix seconds of the server."""

    begin: float
    end: float

    def is_open(self, now: float) -> bool:
        """Whether a report is taken now."""
        return self.begin <= now <= self.end + LATE_S


def after_report(before: Runner, seq: int, reported: int, now: float, span: Span) -> Runner:
    """The runner after a report that arrived at `now`; `before` itself where nothing of it counts.

    What is added is `min(reported - counted, CAP_PER_S x seconds since the count was reached)`, with JITTER_S more of them as long
    as all of it stays below `CAP_PER_S x seconds since the beginning`: two messages that were held up and arrive together are both
    believed. What is over the cap may be made good later, since the phone goes on saying how much it was in all. Time
    before the beginning and after the end counts for nothing.
    """
    if seq <= before.seq or not span.is_open(now):
        return before
    since = max(before.at, span.begin)
    until = max(since, min(now, span.end))
    lately = (until - since + JITTER_S) * CAP_PER_S
    in_all = (until - span.begin) * CAP_PER_S - before.counted
    # A rounding of the clock must not take the last shake of a second.
    believed = int(min(lately, in_all) + 1e-6)
    added = max(0, min(reported - before.counted, believed))
    if added == 0:
        return before._replace(seq=seq)
    return Runner(before.counted + added, seq, until)


def ranking(runners: Mapping[int, Runner]) -> list[int]:
    """Guest numbers, the first one first: by count, then by who reached theirs earlier, then by number."""
    return sorted(runners, key=lambda no: (-runners[no].counted, runners[no].at, no))


class TeamScore(NamedTuple):
    """One team of a race."""

    team: str
    people: int
    """Who was shaken at least once."""
    counted: int
    """Of all together."""

    @property
    def mean(self) -> float:
        """What one of them did on average; teams are ranked by it, so that a bigger one has no advantage."""
        return self.counted / self.people if self.people else 0.0


def team_ranking(runners: Iterable[tuple[str, Runner]]) -> list[TeamScore]:
    """The teams of a race, the first one first; guests without a team are in none."""
    people: dict[str, int] = {}
    counts: dict[str, int] = {}
    for team, runner in runners:
        if team and runner.counted:
            people[team] = people.get(team, 0) + 1
            counts[team] = counts.get(team, 0) + runner.counted
    scores = [TeamScore(team, people[team], counts[team]) for team in people]
    return sorted(scores, key=lambda score: (-score.mean, score.team))
