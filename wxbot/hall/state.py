"""What everybody in the hall may see now: the one JSON that screen, phones and the host's pages show.

No winner of a selection that was not revealed is in it, ever; nothing else here leaves the rows that hold them.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import cards, journal, known
from wxbot.hall.evening import Evening
from wxbot.hall.log import reason_within
from wxbot.hall.models import Danmaku, Game, Guest, Hall, HallPrize, RaceCount, RainHit, Roster, Selection, Winner
from wxbot.hall.standing import SHOWN
from wxbot.instant.models import Prize

NEWEST = 60
"""Guests on the wall."""

DANMAKU = 30
RANKS = 20
BEST = 5
PLAYED = 200
"""Winners of one game among the results: five pages of the screen."""

ROSTER_TAIL = 200
"""Characters of a roster's file that hold its last line, whose number says who came too late for it."""

StatePart = dict[str, Any]


def public_state(session: Session, hall: Hall, evening: Evening | None = None) -> StatePart:
    """The state without its `v`; moments in Unix seconds, amounts in fen. `evening` is that of whoever has read it just now."""
    campaign = session.get_one(Campaign, hall.campaign_id)
    evening = journal.evening(session, hall.campaign_id) if evening is None else evening
    prizes = _prizes(session, hall, evening)
    winners = _winners(session, hall)
    selections = _selections(session, hall)
    ordinal_of = {prize_id: shown["ordinal"] for prize_id, shown in prizes.items()}
    return {
        "slug": campaign.slug,
        "name": campaign.act_name,
        "at": int(hall.scene_at.timestamp()) if hall.scene_at else 0,
        "scene": hall.scene,
        "language": hall.language,
        "epoch": hall.screen_epoch,
        "mode": evening.mode,
        "commitment": hall.commitment,
        "rehearsal": hall.is_rehearsal,
        "until": evening.until if evening.is_prolonged else 0,
        "guests": evening.people,
        "newest": _newest(session, hall),
        "hidden": _hidden(session, hall),
        "prizes": list(prizes.values()),
        "added": _added(evening),
        "roster": _roster(session, hall),
        "selection": _selection(selections[-1], ordinal_of, winners, hall.language) if selections else None,
        "results": _all_results(session, hall, evening, _results(selections, ordinal_of, winners)),
        "void": [
            {"d": each.d, "prize": ordinal_of[each.prize_id], "reason": reason_within(each.void_reason, hall.language)}
            for each in selections
            if each.status == "voided"
        ],
        "danmaku": _danmaku(session, hall),
        "game": _game(session, hall, evening),
    }


def _added(evening: Evening) -> list[StatePart]:
    """What two people added in the evening; of games there is no rule who may win."""
    found: list[StatePart] = []
    for n in sorted(evening.added):
        prize, game = evening.prizes.get(n), evening.games.get(n)
        if prize is not None:
            found.append({"ordinal": n, "name": prize.name, "stock": prize.slots, "scope": prize.scope})
        elif game is not None:
            found.append({"ordinal": n, "name": game.fixed["name"], "stock": game.fixed["packets"]})
    return found


def _newest(session: Session, hall: Hall) -> list[Any]:
    mine = (Guest.campaign_id == hall.campaign_id) & ~Guest.is_hidden
    newest = session.execute(select(*cards.COLUMNS).where(mine).order_by(Guest.no.desc()).limit(NEWEST))
    return [cards.shown(*row) for row in newest]


def _hidden(session: Session, hall: Hall) -> list[int]:
    """Whom the host took off the wall, and who was erased: `live`, which knows names from elsewhere, shows none of them."""
    mine = (Guest.campaign_id == hall.campaign_id) & Guest.is_hidden
    return list(session.scalars(select(Guest.no).where(mine).order_by(Guest.no)))


def _prizes(session: Session, hall: Hall, evening: Evening) -> dict[int, StatePart]:
    query = select(Prize, HallPrize).outerjoin(HallPrize, HallPrize.prize_id == Prize.id)
    found = session.execute(query.where(Prize.campaign_id == hall.campaign_id).order_by(Prize.ordinal))
    return {
        prize.id: {
            "ordinal": prize.ordinal,
            "name": prize.name,
            "kind": prize.kind,
            "amount_fen": prize.min_fen if rules else prize.total_fen or prize.max_fen,
            "stock": prize.stock,
            "open": evening.open_slots(prize.ordinal) if prize.ordinal in evening.prizes else prize.left,
            "per_selection": rules.per_selection if rules else 0,
        }
        for prize, rules in found
    }


def _roster(session: Session, hall: Hall) -> StatePart | None:
    size = func.length(Roster.content)
    tail = func.substr(Roster.content, case((size > ROSTER_TAIL, size - ROSTER_TAIL), else_=1))
    mine = (Roster.campaign_id == hall.campaign_id) & (Roster.version == hall.roster_version)
    row = session.execute(select(Roster.version, Roster.count, Roster.sha256, tail).where(mine)).one_or_none()
    if row is None:
        return None
    last = row[3].removesuffix("\n").rpartition("\n")[2]
    return {"version": row[0], "count": row[1], "sha256": row[2], "last": int(last.partition("\t")[0])}


def _selections(session: Session, hall: Hall) -> list[Selection]:
    query = select(Selection).where(Selection.campaign_id == hall.campaign_id).order_by(Selection.d)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _winners(session: Session, hall: Hall) -> dict[int, list[StatePart]]:
    """d → its winners, of selections that were revealed."""
    of_selection = (Selection.campaign_id == Winner.campaign_id) & (Selection.d == Winner.d)
    of_guest = (Guest.campaign_id == Winner.campaign_id) & (Guest.no == Winner.guest_no)
    columns = (Winner.d, Winner.place, Winner.prize_id, Winner.slot, Winner.status, Guest.group, *cards.COLUMNS)
    query = select(*columns).join(Selection, of_selection).join(Guest, of_guest)
    query = query.where(Winner.campaign_id == hall.campaign_id, Selection.status.in_(SHOWN))
    found: dict[int, list[StatePart]] = {}
    before: Counter[tuple[int, int]] = Counter()
    """(prize, slot) → how often it was selected for; a void selection has never been."""
    for d, place, prize_id, slot, status, group, *guest in session.execute(query.order_by(Winner.d, Winner.place)):
        piece = (prize_id, slot)
        line = {"place": place, **cards.shown(*guest), "group": group, "status": status}
        line |= {"slot": slot, "redraw": before[piece]}
        before[piece] += status != "voided"
        found.setdefault(d, []).append(line)
    return found


def shown_winners(session: Session, hall: Hall, d: int) -> list[StatePart]:
    """The winners of one selection as the screen shows them; none before it is revealed."""
    return _winners(session, hall).get(d, [])


def _selection(
    selected: Selection, ordinal_of: dict[int, int], winners: dict[int, list[StatePart]], language: str
) -> StatePart:
    shown = {
        "d": selected.d,
        "prize": ordinal_of[selected.prize_id],
        "k": selected.k,
        "status": selected.status,
        "pool": selected.pool_size,
        "pool_hash": selected.pool_hash,
        "entropy_kind": selected.entropy_kind,
        "entropy_text": selected.entropy_text,
        "reason": reason_within(selected.void_reason, language) if selected.status == "voided" else "",
    }
    return shown | ({"winners": winners.get(selected.d, [])} if selected.status in SHOWN else {})


def _all_results(session: Session, hall: Hall, evening: Evening, selected: list[StatePart]) -> list[StatePart]:
    """What selections and games gave, and behind it in each prize whoever was found after a restore, as in the record (results.py)."""
    of_prize = {part["prize"]: part for part in (*selected, *_played(session, hall, evening))}
    for prize, lines in _found(session, hall, evening).items():
        part = of_prize.setdefault(prize, {"prize": prize, "winners": []})
        part["winners"] = [*part["winners"], *lines]
        if prize in evening.games:
            part["total"] = part.get("total", 0) + len(lines)
    return list(of_prize.values())


def _found(session: Session, hall: Hall, evening: Evening) -> dict[int, list[StatePart]]:
    """Prize → winners whom a restore had lost, in the order of the log; number 0 of whoever has not signed in again."""
    if not evening.found:
        return {}
    mine = (Guest.campaign_id == hall.campaign_id) & Guest.no.in_({no for _, no in evening.found})
    shown = {row[0]: cards.shown(*row) for row in session.execute(select(*cards.COLUMNS).where(mine))}
    awards = known.awards_of(session, hall.campaign_id)
    found: dict[int, list[StatePart]] = {}
    for prize, no in evening.found:
        line: StatePart = {**shown.get(no, cards.shown(no, "", "", True)), "status": "found"}
        award = next(awards[prize], None)
        if prize in evening.games and evening.games[prize].fixed["kind"] == "rain" and award is not None:
            line["amount_fen"] = award.amount_fen
        found.setdefault(prize, []).append(line)
    return found


def _results(
    selections: Iterable[Selection], ordinal_of: dict[int, int], winners: dict[int, list[StatePart]]
) -> list[Any]:
    """Who was confirmed, by prize, in the order of the selections."""
    by_prize: dict[int, list[StatePart]] = {}
    for selected in selections:
        confirmed = [line for line in winners.get(selected.d, []) if line["status"] == "confirmed"]
        if confirmed:
            by_prize.setdefault(ordinal_of[selected.prize_id], []).extend(confirmed)
    return [{"prize": prize, "winners": lines} for prize, lines in by_prize.items()]


def _played(session: Session, hall: Hall, evening: Evening) -> list[StatePart]:
    """Who has won what in the games that are over, in the order of the programme: the first of each, and how many in all."""
    over = {prize: game for prize, game in sorted(evening.games.items()) if game.is_ended and game.won}
    nos = {no for game in over.values() for no in game.won[:PLAYED]}
    mine = (Guest.campaign_id == hall.campaign_id) & Guest.no.in_(nos)
    rows = session.execute(select(*cards.COLUMNS).where(mine)) if nos else ()
    shown = {row[0]: cards.shown(*row) for row in rows}
    found: list[StatePart] = []
    for prize, game in over.items():
        reached = zip(game.won[:PLAYED], game.sums, strict=False)
        name = "amount_fen" if game.fixed["kind"] == "rain" else "counted"
        lines = [{**shown[no], "status": "confirmed", name: n} for no, n in reached if no in shown]
        found.append({"prize": prize, "winners": lines, "total": len(game.won)})
    return found


def _danmaku(session: Session, hall: Hall) -> list[StatePart]:
    mine = (Danmaku.campaign_id == hall.campaign_id) & (Danmaku.status == "shown")
    newest = session.scalars(select(Danmaku).where(mine).order_by(Danmaku.decided_at.desc()).limit(DANMAKU)).all()
    return [{"id": each.id, "words": each.words, "no": each.guest_no} for each in reversed(newest)]


def _game(session: Session, hall: Hall, evening: Evening) -> StatePart | None:
    """The game that runs or comes next, else the last one."""
    mine = select(Game).where(Game.campaign_id == hall.campaign_id).order_by(Game.ordinal)
    games = session.scalars(mine).all()
    if not games or hall.scene not in ("rain", "race"):
        games = [game for game in games if game.status == "running"]
    fits = [game for game in games if game.kind == hall.scene or game.status == "running"]
    running = [each for each in fits if each.status == "running"]  # one of a greater number may be begun first
    game = next((each for each in (*running, *fits) if each.status != "settled"), fits[-1] if fits else None)
    if game is None:
        return None
    return {
        "id": game.id,
        "prize": game.ordinal,
        "kind": game.kind,
        "status": game.status,
        "begin": int(game.begin_at.timestamp()) if game.begin_at else None,
        "end": int(game.end_at.timestamp()) if game.end_at else None,
        "seconds": game.terms.get("seconds", 0),
        **(_of_rain(session, hall, game) if game.kind == "rain" else {"ranks": _ranks(session, hall, game, evening)}),
    }


def _of_rain(session: Session, hall: Hall, game: Game) -> StatePart:
    """How much of a rain was caught, and by whom the most."""
    count, fen = func.count(), func.coalesce(func.sum(RainHit.amount_fen), 0)
    caught = (RainHit.game_id == game.id) & RainHit.claimed_at.is_not(None)
    claimed = session.execute(select(count, fen).where(caught)).one()
    of_guest = (Guest.campaign_id == hall.campaign_id) & (Guest.no == RainHit.guest_no) & ~Guest.is_hidden
    query = select(RainHit.guest_no, func.max(Guest.name), fen).join(Guest, of_guest).where(caught)
    best = session.execute(query.group_by(RainHit.guest_no).order_by(fen.desc(), RainHit.guest_no).limit(BEST))
    return {
        "packets": game.terms["packets"],
        "claimed": claimed[0],
        "claimed_fen": int(claimed[1]),
        "ranks": [{"no": no, "name": name, "amount_fen": int(n)} for no, name, n in best],
    }


def _ranks(session: Session, hall: Hall, game: Game, evening: Evening) -> list[StatePart]:
    """The first of a race by its rows, and whether the log says that they won; `live` tells newer ones while it runs."""
    of_guest = (Guest.campaign_id == hall.campaign_id) & (Guest.no == RaceCount.guest_no)
    columns = (RaceCount.team, RaceCount.counted, *cards.COLUMNS)
    query = select(*columns).join(Guest, of_guest).where(RaceCount.game_id == game.id)
    first = query.order_by(RaceCount.counted.desc(), RaceCount.last_at, RaceCount.guest_no).limit(RANKS)
    standing = evening.games.get(game.ordinal)
    won = set(standing.won if standing is not None else ())
    return [
        {
            "no": no,
            "name": cards.shown(no, name, face, is_hidden)["name"],
            "team": team,
            "counted": counted,
            "won": no in won,
        }
        for team, counted, no, name, face, is_hidden in session.execute(first)
    ]
