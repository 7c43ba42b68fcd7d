"""Red-packet rain [红包雨] and shake race [摇一摇竞速]: fixed in the log at the launch, begun by the host, settled by the worker.

Who gets which packet of a rain is decided before the first one falls (`rain_rule`). One that was added in the evening (`changes`) falls
from the next seed of the chain, which was committed to before anybody signed in, and uses its number like a selection. A race is counted by `wxbot live`, whose rows
are read here once it is over. What was won is owed like a confirmed winner's prize, one award for each person and game.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from redis import RedisError
from sqlalchemy import ColumnElement, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.hall import journal, rain_rule, unjudged
from wxbot.hall.confirm import Owed, owe_each, send_at_once
from wxbot.hall.evening import Evening
from wxbot.hall.log import GENESIS
from wxbot.hall.models import ROUND_NEXT, Game, Guest, Hall, RaceCount, RainHit
from wxbot.hall.race_rule import LATE_S
from wxbot.hall.select import running, seed_of
from wxbot.hall.told import has_running_game, tell
from wxbot.hall.wire import race_key
from wxbot.instant.models import Award, Prize
from wxbot.runtime import Runtime
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moved_on
from wxbot.vault import Vault
from wxbot.wake import PAY, wake

COUNTDOWN = timedelta(seconds=5)
"""Between the host's press and the beginning: every phone has loaded the game by then."""

SETTLE_AFTER = timedelta(seconds=LATE_S + 3)
"""After the end: the last message of a race is in by then, and `live` has written it."""

COUNTED_WITHIN = timedelta(seconds=30)
"""So long after its end a race waits for the word that every row is written: a second `live` takes over within five."""

NO_GAME = Text("没有这个游戏", "There is no such game")
NOBODY = Text("还没有人签到", "Nobody has signed in yet")
BUSY = Text("请先结束正在进行的抽取或游戏", "Finish the selection or game that runs first")
PLAYED = Text("这个游戏已经玩过", "This game has been played")
UNJUDGED = Text(
    "可能已经有人从这个游戏里得到了钱：请先让两位财务在“解冻”页认定找到的付款；还不知道收款人的，请大家先领取微信里的红包",
    "Somebody may have been paid from this game already: have two cashiers say first what the payments were that the thaw has found; "
    "where the person is not known yet, have everybody take the packets in their WeChat",
)
SHUT = Text("活动不在进行中，不能开始游戏", "The hall is not open, no game can begin")


def _last_seed(vault: Vault, hall: Hall, ordinal: int) -> bytes:
    """The last seed of a rain: of the end of the hall's chain, which only the server has, and as fixed as that is."""
    return hmac.digest(bytes.fromhex(vault.open(hall.seed_sealed)), f"rain {ordinal}".encode(), hashlib.sha256)


def _seed(session: Session, vault: Vault, hall: Hall, ordinal: int, evening: Evening) -> bytes:
    """The seed of a rain that runs. Raises Refusal when it began anew too often."""
    standing = evening.games[ordinal]
    if standing.takes_d:
        return seed_of(session, vault, hall, standing.d)
    fixed = str(standing.fixed["seed_hash"])
    try:
        return rain_rule.seed_after(_last_seed(vault, hall, ordinal), fixed, standing.restores)
    except ValueError as error:
        raise Refusal("played", PLAYED) from error


def _terms(game: Game, prize: Prize) -> rain_rule.RainTerms:
    of = game.terms
    return rain_rule.RainTerms(
        of["seconds"], of["packets"], of["total_fen"], of["cap_per_person"], prize.min_fen, prize.max_fen
    )


def said_of(game: Game, prize: Prize) -> dict[str, Any]:
    """What the log says of a game before it is played, but for its seed."""
    body: dict[str, Any] = {"prize": prize.ordinal, "kind": game.kind, "name": prize.name}
    if game.kind == "rain":
        return body | _terms(game, prize)._asdict()
    of = {"seconds": game.terms["seconds"], "packets": prize.stock, "total_fen": 0, "cap": 1}
    return body | of | {"min_fen": 0, "max_fen": 0}


def fix(session: Session, vault: Vault, hall: Hall, now: datetime) -> None:
    """Commit to every game in the log, before the doors open."""
    query = select(Game, Prize).join(Prize, Prize.id == Game.prize_id).where(Game.campaign_id == hall.campaign_id)
    bodies: list[dict[str, Any]] = []
    for game, prize in session.execute(query.order_by(Game.ordinal)):
        seed_hash = GENESIS
        if game.kind == "rain":
            seed_hash = rain_rule.seed_hash(rain_rule.first_seed(_last_seed(vault, hall, game.ordinal)))
        bodies.append(said_of(game, prize) | {"seed_hash": seed_hash})
    if bodies:
        journal.require_and_append_all(session, hall, "game_fixed", bodies, now)


def begin(session: Session, vault: Vault, campaign_id: int, ordinal: int, now: datetime) -> Game:
    """Begin a game among everybody who has signed in; a second press finds the same one.

    Raises Refusal: no such game, played already, nobody there, something else runs, or it may have been played in what a restore
    has lost.
    """
    lineage.require_unfrozen(session)
    hall = journal.lock(session, campaign_id)
    mine = select(Game).where(Game.campaign_id == campaign_id, Game.ordinal == ordinal)
    game = session.scalars(mine.execution_options(populate_existing=True)).one_or_none()
    if game is None:
        raise Refusal("game", NO_GAME)
    if game.status == "running":
        return game
    evening = journal.evening(session, campaign_id)
    _require_free(session, game, evening, now)
    # A second rain gives everybody another amount, so no likeness would hold its payment to whoever was paid already.
    if unjudged.of_evening(session, hall, evening, game):
        raise Refusal("unjudged", UNJUDGED)
    nos = _present(session, campaign_id)
    if not nos:
        raise Refusal("nobody", NOBODY)
    _say_begun(session, hall, evening, ordinal, nos, now)
    prize = session.get_one(Prize, game.prize_id)
    if game.kind == "rain":
        seed = _seed(session, vault, hall, ordinal, evening)
        key = rain_rule.rain_key(seed, journal.hall_id(session, campaign_id), ordinal, nos)
        packets = rain_rule.packets_of(key, nos, _terms(game, prize))
        rows = [
            {"game_id": game.id, "slot": each.slot, "guest_no": each.no}
            | {"at_ms": each.at_ms, "amount_fen": each.amount_fen}
            for each in packets
        ]
        session.execute(insert(RainHit), rows)
    begin_at = (now + COUNTDOWN).replace(microsecond=0)
    end_at = begin_at + timedelta(seconds=game.terms["seconds"])
    if not move(session, Game, game.id, ROUND_NEXT, "planned", "running", begin_at=begin_at, end_at=end_at):
        raise moved_on()
    hall.scene, hall.scene_at = game.kind, now
    session.flush()
    session.refresh(game)
    return game


def _say_begun(session: Session, hall: Hall, evening: Evening, ordinal: int, nos: Sequence[int], now: datetime) -> None:
    """Who is there when it begins; a rain of the evening itself takes the next number, with its seed. Raises Refusal without one."""
    body = {"prize": ordinal, "nos": nos}
    if not evening.games[ordinal].takes_d:
        journal.require_and_append(session, hall, "game_begun", body, now, evening)
        return
    journal.require_and_append(session, hall, "rain_begun", body | {"d": hall.next_d}, now, evening)
    hall.next_d += 1


def _require_free(session: Session, game: Game, evening: Evening, now: datetime) -> None:
    campaign_id = game.campaign_id
    is_found = evening.games[game.ordinal].is_ended  # some of its winners, after a restore
    if game.status != "planned" or is_found:
        raise Refusal("played", PLAYED)
    campaign = session.get_one(Campaign, campaign_id)
    if campaign.status != "on" or campaign.is_over(now):
        raise Refusal("not_open", SHUT)
    other = select(Game.id).where(Game.campaign_id == campaign_id, Game.status == "running").limit(1)
    selected = running(session, campaign_id)
    is_selecting = selected is not None and evening.running is not None
    if is_selecting or session.scalar(other) is not None:
        raise Refusal("busy", BUSY)


def _present(session: Session, campaign_id: int) -> list[int]:
    query = select(Guest.no).where(Guest.campaign_id == campaign_id, ~Guest.is_struck).order_by(Guest.no)
    return list(session.scalars(query))


def settle_due(runtime: Runtime, campaign: Campaign) -> int:
    """A step of the worker's: end what is over, owe what was won, reveal the seed; how many games. None in a database that may be
    a copy: it may be owed already."""
    with runtime.database.reading() as session:
        now = runtime.database.now(session)
        is_due = (Game.status == "running") & (Game.end_at <= now - SETTLE_AFTER)
        found = session.scalars(select(Game).where(Game.campaign_id == campaign.id, is_due)).all()
    if not found:
        _tell_end(runtime, campaign)
        return 0
    if not lineage.may_send(runtime):
        return 0
    due = [game.id for game in found if game.kind == "rain" or _is_counted(runtime, campaign.slug, game, now)]
    for game_id in due:
        with runtime.database.transaction() as session:
            asked = _settle(session, runtime.vault, game_id, runtime.database.now(session))
        if asked:
            wake(runtime, PAY)
        tell(runtime, campaign.id)
    return len(due)


def _tell_end(runtime: Runtime, campaign: Campaign) -> None:
    """Say once more that nothing runs, where screens were told otherwise: whoever settled it died before they could."""
    if not has_running_game(runtime, campaign.slug):
        return
    with runtime.database.reading() as session:
        runs = (Game.campaign_id == campaign.id) & (Game.status == "running")
        if session.scalar(select(Game.id).where(runs).limit(1)) is not None:
            return
    tell(runtime, campaign.id)


def _is_counted(runtime: Runtime, slug: str, game: Game, now: datetime) -> bool:
    """Whether `live` says that a race's last row is written; one that died with its race is waited for COUNTED_WITHIN long."""
    try:
        told: Any = runtime.redis.hget(race_key(slug), "ranks")
    except RedisError:
        told = None
    ranks = json.loads(told) if told else {}
    if game.end_at is None:
        return False
    is_of_this = ranks.get("game") == game.id and ranks.get("at", 0) >= game.end_at.timestamp()  # it may begin anew
    return bool(ranks.get("final") and is_of_this) or game.end_at <= now - COUNTED_WITHIN


def _settle(session: Session, vault: Vault, game_id: int, now: datetime) -> int:
    """One game, in one transaction behind the hall's lock; how many payouts are due now. The lease of the campaign and the
    status see to it that it happens once."""
    game = session.get_one(Game, game_id)
    hall = journal.lock(session, game.campaign_id)
    if not move(session, Game, game_id, ROUND_NEXT, "running", "over"):
        return 0
    won = _caught(session, game) if game.kind == "rain" else _ahead(session, game)
    evening = journal.evening(session, game.campaign_id)
    seed = _seed(session, vault, hall, game.ordinal, evening).hex() if game.kind == "rain" else GENESIS
    said = {"prize": game.ordinal, "seed": seed, "nos": [no for no, _ in won], "sums": [n for _, n in won]}
    journal.require_and_append(session, hall, "game_ended", said, now, evening)
    given: list[Award] = []
    if not hall.is_rehearsal:
        is_rain = game.kind == "rain"
        given = owe_each(session, hall, [Owed(no, game.prize_id, n if is_rain else None) for no, n in won], now)
        _remember(session, game, [(no, award.id) for (no, _), award in zip(won, given, strict=True)])
    move(session, Game, game_id, ROUND_NEXT, "over", "settled")
    return send_at_once(session, given, now)


def _caught(session: Session, game: Game) -> list[tuple[int, int]]:
    """(number, fen) of whoever is owed something of a rain, the most first."""
    fen = func.sum(RainHit.amount_fen)
    query = select(RainHit.guest_no, fen).where(_is_owed(game))
    return [
        (no, int(n)) for no, n in session.execute(query.group_by(RainHit.guest_no).order_by(fen.desc(), "guest_no"))
    ]


def _is_owed(game: Game) -> ColumnElement[bool]:
    """Which packets of a rain are owed: those that were caught, and where its terms say so those that their person missed. Whoever
    was struck meanwhile has what their phone was told they caught, and no more."""
    mine, caught = RainHit.game_id == game.id, RainHit.claimed_at.is_not(None)
    if game.terms.get("leftover") != "person":
        return mine & caught
    struck = select(Guest.no).where(Guest.campaign_id == game.campaign_id, Guest.is_struck)
    return mine & (caught | RainHit.guest_no.not_in(struck))


def _ahead(session: Session, game: Game) -> list[tuple[int, int]]:
    """(number, count) of the first of a race, as many as there are prizes; who reached the same count earlier is before.
    Until it is over nobody was promised anything, so whoever was struck meanwhile wins nothing."""
    most = session.get_one(Prize, game.prize_id).stock
    here = (Guest.campaign_id == game.campaign_id) & (Guest.no == RaceCount.guest_no) & ~Guest.is_struck
    query = select(RaceCount.guest_no, RaceCount.counted).join(Guest, here)
    query = query.where(RaceCount.game_id == game.id, RaceCount.counted > 0)
    order = (RaceCount.counted.desc(), RaceCount.last_at, RaceCount.guest_no)
    return [(no, n) for no, n in session.execute(query.order_by(*order).limit(most))]


def _remember(session: Session, game: Game, awards: Sequence[tuple[int, int]]) -> None:
    rows = [{"no": no, "award": award_id} for no, award_id in awards]
    if not rows:
        return
    if game.kind == "race":
        remembered = update(RaceCount).where(RaceCount.game_id == game.id, RaceCount.guest_no == bindparam("no"))
    else:
        remembered = update(RainHit).where(_is_owed(game), RainHit.guest_no == bindparam("no"))
    changed(session, remembered.values(award_id=bindparam("award")), rows)
