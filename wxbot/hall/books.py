"""What must always hold of halls, as queries for wxbot.invariants: each returns how many rows break it."""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import games, journal, known, published
from wxbot.hall.evening import Evening
from wxbot.hall.log import LoggedPrize, LogLine
from wxbot.hall.models import Game, Guest, Hall, HallPrize, RaceCount, RainHit, Winner
from wxbot.hall.steps import added_line, drafted_prize
from wxbot.instant import versions
from wxbot.instant.changes import SUBJECT
from wxbot.instant.models import Award, InstantTerms, Prize, RuleVersion
from wxbot.payouts.models import RuleChange


def counted(session: Session) -> int:
    """I13: in a hall each award is one confirmed winner's, a packet's of a rain, a place's in a race or found after a restore; each confirmed winner has
    one, but in a rehearsal; a prize that is selected has given as many as it has awards; no number is missing or doubled."""
    halls = {hall.campaign_id: hall.is_rehearsal for hall in session.scalars(select(Hall))}
    if not halls:
        return 0
    awards = select(Award.id, Award.campaign_id, Award.prize_id).where(Award.campaign_id.in_(halls))
    prize_of = {row.id: (row.campaign_id, row.prize_id) for row in session.execute(awards)}
    confirmed = select(Winner.campaign_id, Winner.prize_id, Winner.award_id).where(Winner.status == "confirmed")
    won = [(row.award_id, (row.campaign_id, row.prize_id)) for row in session.execute(confirmed)]
    games = select(Game.campaign_id, Game.prize_id)
    hits = games.add_columns(RainHit.award_id).join(RainHit, RainHit.game_id == Game.id)
    races = games.add_columns(RaceCount.award_id).join(RaceCount, RaceCount.game_id == Game.id)
    played = set[tuple[int, tuple[int, int]]]()
    for query in (hits.where(RainHit.award_id.is_not(None)), races.where(RaceCount.award_id.is_not(None))):
        played.update((row.award_id, (row.campaign_id, row.prize_id)) for row in session.execute(query))
    differing = sum((award_id is None) != halls[place[0]] for award_id, place in won)
    explained = [*((award_id, place) for award_id, place in won if award_id is not None), *played, *_found(session)]
    differing += sum(prize_of.get(award_id) != place for award_id, place in explained)
    differing += len(prize_of.keys() ^ {award_id for award_id, _ in explained}) + len(explained)
    differing -= len({award_id for award_id, _ in explained})
    given = Counter(prize_of.values())
    taken = select(HallPrize.campaign_id, HallPrize.prize_id, Prize.stock - Prize.left)
    for campaign_id, prize_id, n in session.execute(taken.join(Prize, Prize.id == HallPrize.prize_id)):
        differing += n != given[(campaign_id, prize_id)]
    numbered = Counter(campaign_id for campaign_id, _ in prize_of.values())
    numbers = select(InstantTerms.campaign_id, InstantTerms.next_k).where(InstantTerms.campaign_id.in_(halls))
    return differing + sum(next_k - 1 != numbered[key] for key, next_k in session.execute(numbers))


def _found(session: Session) -> list[tuple[int, tuple[int, int]]]:
    """Awards of winners whom a restored database had lost, and cashiers found."""
    return [(award.id, (award.campaign_id, award.prize_id)) for award, _ in session.execute(known.AWARDS)]


def logs_hold(session: Session) -> int:
    """I9: no line of a hall's public log was changed, left out or put in by hand."""
    halls = session.scalars(select(Hall.campaign_id).order_by(Hall.campaign_id)).all()
    return sum(not published.is_chained(session, campaign_id) for campaign_id in halls)


def logs_are_rows(session: Session) -> int:
    """I13: what the log of a hall says of its prizes, of its games and of its winners, also of those who were found after a restore, is what their
    rows say, what changed of it in the evening is what two people agreed to, and no two selections used one seed."""
    differing = 0
    for campaign_id in session.scalars(select(Hall.campaign_id).order_by(Hall.campaign_id)):
        evening = journal.evening(session, campaign_id)
        said = {(each.d, no): no in each.confirmed for each in evening.selections.values() for no in each.winners}
        rows = select(Winner.d, Winner.guest_no, Winner.status).where(Winner.campaign_id == campaign_id)
        kept = {(row.d, row.guest_no): row.status == "confirmed" for row in session.execute(rows)}
        differing += sum(said.get(key) != kept.get(key) for key in said.keys() | kept.keys())
        lines = journal.entries(session, campaign_id)
        seed_of = {line.body["d"]: line.body["seed"] for line in lines if {"d", "seed"} <= line.body.keys()}
        differing += len(seed_of) - len(set(seed_of.values()))
        differing += _found_apart(session, campaign_id, evening.found)
        differing += _prizes_apart(session, campaign_id, evening) + _games_apart(session, campaign_id, evening)
        differing += _unagreed(session, campaign_id, lines)
    return differing


def _prizes_apart(session: Session, campaign_id: int, evening: Evening) -> int:
    """How many prizes of the screen are not in the log as they are in their rows."""
    columns = (Prize.ordinal, Prize.name, Prize.stock, HallPrize.groups, HallPrize.scope, HallPrize.absence)
    rows = session.execute(
        select(*columns).join(HallPrize, HallPrize.prize_id == Prize.id).where(Prize.campaign_id == campaign_id)
    )
    kept = {row[0]: LoggedPrize(row[0], row[1], row[2], tuple(row[3]), row[4], row[5]) for row in rows}
    return sum(kept.get(ordinal) != evening.prizes.get(ordinal) for ordinal in kept.keys() | evening.prizes.keys())


def _games_apart(session: Session, campaign_id: int, evening: Evening) -> int:
    """How many rains and races are not in the log as they are in their rows."""
    query = select(Game, Prize).join(Prize, Prize.id == Game.prize_id).where(Game.campaign_id == campaign_id)
    kept = {game.ordinal: games.said_of(game, prize) for game, prize in session.execute(query)}
    said = {
        ordinal: {name: value for name, value in game.fixed.items() if name != "seed_hash"}
        for ordinal, game in evening.games.items()
    }
    return sum(kept.get(ordinal) != said.get(ordinal) for ordinal in kept.keys() | said.keys())


def _unagreed(session: Session, campaign_id: int, lines: Sequence[LogLine]) -> int:
    """How many lines say another change of the evening than two people agreed to, or others agreed, and how many ends are another."""
    said = [(line.kind, line.body) for line in lines if line.kind in ("prolonged", "prize_added", "game_added")]
    mine = (RuleChange.subject_kind == SUBJECT) & (RuleChange.subject_id == campaign_id)
    # As they were agreed to: one that waits through a restore is older than an end that was put back behind it.
    order = (RuleChange.decided_at, RuleChange.id)
    query = select(RuleChange).where(mine, RuleChange.status == "approved").order_by(*order)
    agreed = _agreed(session, campaign_id, session.scalars(query).all())
    differing: int = sum(one != other for one, other in zip_longest(said, agreed))
    return differing + _ends_apart(session, campaign_id, lines)


def _ends_apart(session: Session, campaign_id: int, lines: Sequence[LogLine]) -> int:
    """How many of the rules that were published first and last, and of the campaign's row, say another end than the log; of a log
    that says none, than the rules that were published first."""
    first = session.get(RuleVersion, (campaign_id, 1))
    if first is None:
        return 0
    said = [line.body["until"] for line in lines if line.kind == "scheduled"]
    until = [first.config["end"], *(line.body["until"] for line in lines if line.kind in ("scheduled", "prolonged"))][
        -1
    ]
    row = int(session.get_one(Campaign, campaign_id).end_at.timestamp())
    newest = versions.newest(session, campaign_id).config["end"]
    apart = (said not in ([], [first.config["end"]]), newest != until, row != until)
    return sum(map(bool, apart))


def _agreed(session: Session, campaign_id: int, changes: Sequence[RuleChange]) -> list[tuple[str, dict[str, Any]]]:
    """What the log must say of changes to which two people agreed, beginning with the rules that were published first."""
    if not changes:
        return []
    first = session.get_one(RuleVersion, (campaign_id, 1)).config
    end, ordinal = first["end"], len(first["prizes"])
    lines: list[tuple[str, dict[str, Any]]] = []
    for change in changes:
        names = journal.names_of_two(session, change.requested_by, change.decided_by or 0)
        until, prize = change.asked.get("end", end), change.asked.get("prize")
        if until != end:
            lines.append(("prolonged", {"from": end, "until": until, "names": names}))
            end = until
        if prize is not None:
            ordinal += 1
            lines.append(added_line(drafted_prize(campaign_id, ordinal, prize), prize, names))
    return lines


def _found_apart(session: Session, campaign_id: int, said: Sequence[tuple[int, int]]) -> int:
    """How much of what the log says of winners who were found is not so; of whoever was erased no number is known any more."""
    of_person = (Guest.campaign_id == Award.campaign_id) & (Guest.openid == Award.openid)
    query = known.AWARDS.add_columns(Guest.no).outerjoin(Guest, of_person).where(Award.campaign_id == campaign_id)
    rows = [(prize.ordinal, no) for _, prize, no in session.execute(query)]
    numbered = Counter(row for row in rows if row[1] is not None)
    given = Counter(ordinal for ordinal, _ in rows)
    return (given != Counter(ordinal for ordinal, _ in said)) + (numbered - Counter(said)).total()
