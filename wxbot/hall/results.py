"""What an evening has given: every winner of a selection, a rain or a race, what was declared void, and the sums. Reads only.

Names are masked, and of whoever was erased there is only the id by which rosters call them. An amount is that of the award, so the
sums are what the ledger has posted as won, and nothing in a rehearsal, where nobody is owed anything.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.hall import known
from wxbot.hall.evening import Evening
from wxbot.hall.log import LogLine
from wxbot.hall.models import Game, Guest, RaceCount, RainHit, RoundKind, Selection, Winner
from wxbot.hall.standing import SHOWN
from wxbot.instant.models import Award, Prize


class WonLine(NamedTuple):
    """One prize that somebody won, as the record has it."""

    way: Literal["selection", "rain", "race"]
    d: int
    """Of the selection; 0 of a game, and where a restore has lost it."""
    prize: str
    kind: str
    place: int
    """0 where a restore has lost it."""
    no: int
    """0 of whoever was lost in a restore and has not signed in again; of them there is no name and no id either."""
    name: str
    person: str
    """Their id in the rosters."""
    group: str
    status: str
    """Of a winner (hall/models); what a game gave is `confirmed`, whoever was found after a restore (known.py) is `found`."""
    amount_fen: int
    """Of the award; 0 for a code or a thing, and where nothing is owed."""
    award: str
    """Status of the award, empty where there is none."""
    at: int
    """When it was shown, Unix seconds; 0 for a selection that was declared void before."""


class VoidLine(NamedTuple):
    """A selection that two people or a restore declared void, or a row of them: numbers that a restored database passed over."""

    d: int
    last_d: int
    prize: str
    """Empty where nothing was chosen yet."""
    reason: str
    names: list[str]
    """Of the two people; nobody's where a restore has made it void."""
    at: int


class PrizeSum(NamedTuple):
    """What was given of one prize; all fen are of its awards."""

    prize: str
    kind: str
    stock: int
    given: int
    amount_fen: int
    paid_fen: int
    open_fen: int
    """Not collected yet, or on its way."""
    back_fen: int
    """Not collected in time: it went back."""


class Results(NamedTuple):
    """All of it."""

    won: list[WonLine]
    void: list[VoidLine]
    sums: list[PrizeSum]


def masked(name: str) -> str:
    """The first letter of a name and a star for each other, three at most; nothing for nobody's."""
    return name[:1] + "*" * min(len(name) - 1, 3) if name else ""


def of(session: Session, campaign_id: int, lines: Sequence[LogLine]) -> Results:
    """What was given as far as these lines of the log, which may be seen, tell of it."""
    won = [
        *_selected(session, campaign_id),
        *_played(session, campaign_id, lines),
        *_found(session, campaign_id, lines),
    ]
    return Results(won, list(_void(session, campaign_id, lines)), list(_sums(session, campaign_id)))


def _selected(session: Session, campaign_id: int) -> Iterator[WonLine]:
    """The winners of selections that were revealed, in their order."""
    of_selection = (Selection.campaign_id == Winner.campaign_id) & (Selection.d == Winner.d)
    of_guest = (Guest.campaign_id == Winner.campaign_id) & (Guest.no == Winner.guest_no)
    query = select(Winner, Selection.revealed_at, Guest, Prize, Award).join(Selection, of_selection)
    query = query.join(Guest, of_guest).join(Prize, Prize.id == Winner.prize_id)
    query = query.outerjoin(Award, Award.id == Winner.award_id)
    query = query.where(Winner.campaign_id == campaign_id, Selection.status.in_(SHOWN))
    for winner, at, guest, prize, award in session.execute(query.order_by(Winner.d, Winner.place)):
        yield WonLine(
            "selection",
            winner.d,
            prize.name,
            prize.kind,
            winner.place,
            *_who(guest),
            winner.status,
            award.amount_fen if award is not None else 0,
            award.status if award is not None else "",
            int(at.timestamp()) if at else 0,
        )


def _who(guest: Guest) -> tuple[int, str, str, str]:
    """Number, masked name, id and group; of whoever has no name any more, number and id alone."""
    name = "" if guest.is_hidden else masked(guest.name)
    return guest.no, name, guest.person, guest.group if guest.name else ""


def _played(session: Session, campaign_id: int, lines: Sequence[LogLine]) -> Iterator[WonLine]:
    """The winners of games that are over: of a rain who caught most is the first, of a race who came furthest."""
    ended = [line for line in lines if line.kind == "game_ended"]
    if not ended:
        return
    query = select(Game, Prize).join(Prize, Prize.id == Game.prize_id).where(Game.campaign_id == campaign_id)
    games = {game.ordinal: (game, prize) for game, prize in session.execute(query)}
    guests = {guest.no: guest for guest in session.scalars(select(Guest).where(Guest.campaign_id == campaign_id))}
    for line in ended:
        game, prize = games[line.body["prize"]]
        awards = _awards(session, game.id, game.kind)
        for place, no in enumerate(line.body["nos"], 1):
            amount_fen, status = awards.get(no, (0, ""))
            who = (*_who(guests[no]), "confirmed", amount_fen, status, line.at)
            yield WonLine(game.kind, 0, prize.name, prize.kind, place, *who)


def _awards(session: Session, game_id: int, kind: RoundKind) -> dict[int, tuple[int, str]]:
    """Number of a guest → fen and status of what a game gave them."""
    row = RainHit if kind == "rain" else RaceCount
    query = select(row.guest_no, Award.amount_fen, Award.status).join(Award, Award.id == row.award_id)
    return {no: (fen, status) for no, fen, status in session.execute(query.where(row.game_id == game_id).distinct())}


def _found(session: Session, campaign_id: int, lines: Sequence[LogLine]) -> Iterator[WonLine]:
    """Winners whom a restore had lost and whose payment was found: each line of the log is the next award of its prize."""
    said = [line for line in lines if line.kind == "found"]
    if not said:
        return
    awards = known.awards_of(session, campaign_id)
    query = select(Prize, Game).outerjoin(Game, Game.prize_id == Prize.id).where(Prize.campaign_id == campaign_id)
    prizes = {prize.ordinal: (prize, game) for prize, game in session.execute(query)}
    evening = Evening.of(lines)
    these = (Guest.campaign_id == campaign_id) & Guest.no.in_([no for _, no in evening.found])
    guests = {guest.no: guest for guest in session.scalars(select(Guest).where(these))}
    for line, (ordinal, no) in zip(said, evening.found, strict=True):
        prize, game = prizes[ordinal]
        way = game.kind if game else "selection"
        award = next(awards[ordinal])
        who = _who(guests[no]) if no else (0, "", "", "")
        rest = ("found", award.amount_fen, award.status, line.at)
        yield WonLine(way, 0, prize.name, prize.kind, 0, *who, *rest)


def _void(session: Session, campaign_id: int, lines: Sequence[LogLine]) -> Iterator[VoidLine]:
    query = select(Prize.ordinal, Prize.name).where(Prize.campaign_id == campaign_id)
    names = {row.ordinal: row.name for row in session.execute(query)}
    evening, known = Evening(), set[int]()
    for line in lines:
        first = evening.next_d
        evening.take(line)
        if line.kind not in ("voided", "restored"):
            continue
        said = line.body["reason"], list(line.body.get("names", ())), line.at
        ds = {d for d, each in evening.selections.items() if each.is_voided} - known
        known |= ds
        for d in sorted(ds):
            yield VoidLine(d, d, names.get(evening.selections[d].prize, ""), *said)
        if line.kind == "restored" and first < evening.next_d:
            yield VoidLine(first, evening.next_d - 1, "", *said)


def _sums(session: Session, campaign_id: int) -> Iterator[PrizeSum]:
    """Of every prize, in the order of the programme."""
    query = select(Award.prize_id, Award.status, func.count(), func.coalesce(func.sum(Award.amount_fen), 0))
    query = query.where(Award.campaign_id == campaign_id).group_by(Award.prize_id, Award.status)
    given: dict[int, list[tuple[str, int, int]]] = {}
    for prize_id, status, n, fen in session.execute(query):
        given.setdefault(prize_id, []).append((status, n, int(fen)))
    prizes = select(Prize).where(Prize.campaign_id == campaign_id).order_by(Prize.ordinal)
    for prize in session.scalars(prizes):
        mine = given.get(prize.id, [])
        fen_of = {status: fen for status, _, fen in mine}
        yield PrizeSum(
            prize.name,
            prize.kind,
            prize.stock,
            sum(n for _, n, _ in mine),
            sum(fen_of.values()),
            fen_of.get("paid", 0),
            fen_of.get("open", 0) + fen_of.get("collecting", 0),
            fen_of.get("forfeited", 0),
        )
