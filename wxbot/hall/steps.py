"""The steps of a hall. The launch lays its rows, makes the seeds and publishes rules and commitment, before anybody can sign in;
signing in opens with the window. The close waits until no selection runs and, as everywhere, until nobody is owed anything or
awards are carried to their deadline. Each commits, so any worker can run the same step again.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns import close, lease
from wxbot.campaigns.launch import end
from wxbot.campaigns.mechanic import LaunchStep
from wxbot.campaigns.models import CAMPAIGN_NEXT, Campaign
from wxbot.campaigns.trouble import write_trouble
from wxbot.hall import ends, games, journal, rules_text, simulated, told, unjudged
from wxbot.hall.drand import late_entropy
from wxbot.hall.goods import note_paid
from wxbot.hall.log import Kind, LoggedPrize
from wxbot.hall.models import Game, Hall, HallEvent, HallPrize
from wxbot.hall.selection import CHAIN_LENGTH, SEED_BYTES, make_chain
from wxbot.instant import versions
from wxbot.instant.models import Prize
from wxbot.instant.steps import reveal, uncovered
from wxbot.instant.terms import PRIZE, lay
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.transitions import move
from wxbot.vault import Vault

log = get_logger(__name__)

CODE_KEY_BYTES = 32


def _launch(runtime: Runtime, campaign: Campaign) -> int:
    """Lay the approved terms into their rows, make seeds and keys, publish rules and commitment."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        row = session.get_one(Campaign, campaign.id)
        terms = lay(session, row)
        prizes = versions.prizes_of(session, row.id)
        fault = None if row.terms.get("is_rehearsal") else uncovered(session, row, prizes)
        if fault is not None:
            write_trouble(session, campaign, fault)
            return 0
        hall = _hall(session, runtime.vault, row)
        for prize, drafted in zip(prizes, row.terms["prizes"], strict=True):
            session.add(rules_of(prize, drafted))
        session.flush()
        body = committed(row, hall, prizes)
        journal.require_and_append(session, hall, "committed", body, now)
        until = {"until": int(row.end_at.timestamp())}
        journal.require_and_append(session, hall, "scheduled", until, now)
        games.fix(session, runtime.vault, hall, now)
        config = versions.config_of(row, prizes)
        versions.publish(session, row, rules_text.text_of(row, terms, hall, prizes, config), now)
        move(session, Campaign, campaign.id, CAMPAIGN_NEXT, "launching", "on", updated_at=now)
    campaign.status = "on"
    log.info("hall_on", campaign_id=campaign.id)
    told.tell(runtime, campaign.id)
    return 1


def _hall(session: Session, vault: Vault, campaign: Campaign) -> Hall:
    last_seed, terms = secrets.token_bytes(SEED_BYTES), campaign.terms
    hall = Hall(
        campaign_id=campaign.id,
        mode=terms.get("mode", "hall"),
        is_rehearsal=bool(terms.get("is_rehearsal")),
        seed_sealed=vault.seal(last_seed.hex()),
        chain_length=CHAIN_LENGTH,
        commitment=make_chain(campaign.slug, last_seed, CHAIN_LENGTH)[0].hex(),
        code_key_sealed=vault.seal(secrets.token_hex(CODE_KEY_BYTES)),
        day_word=terms.get("day_word", ""),
        is_invited_only=bool(terms.get("is_invited_only")),
    )
    session.add(hall)
    session.flush()
    return hall


def rules_of(prize: Prize, drafted: dict[str, Any]) -> HallPrize | Game:
    """The row beside a prize: the rules of its selections, or its game."""
    if drafted["way"] == "selection":
        names = ("per_selection", "scope", "absence", "groups")
        own = {name: drafted[name] for name in names if name in drafted}
        return HallPrize(prize_id=prize.id, campaign_id=prize.campaign_id, ordinal=prize.ordinal, **own)
    terms = {"seconds": drafted["seconds"]}
    if drafted["way"] == "rain":
        total_fen = drafted["total_fen"] or drafted["stock"] * drafted["max_fen"]
        terms |= {"packets": drafted["stock"], "total_fen": total_fen, "cap_per_person": drafted["per_selection"]}
        terms["leftover"] = drafted.get("leftover", "budget")
    return Game(
        campaign_id=prize.campaign_id, ordinal=prize.ordinal, kind=drafted["way"], prize_id=prize.id, terms=terms
    )


def drafted_prize(campaign_id: int, ordinal: int, drafted: Mapping[str, Any]) -> Prize:
    """A prize of a draft as its row, which no session knows yet."""
    own = {name: drafted[name] for name in PRIZE}
    return Prize(campaign_id=campaign_id, ordinal=ordinal, **own, left=drafted["stock"])


def added_line(prize: Prize, drafted: dict[str, Any], names: Sequence[str]) -> tuple[Kind, dict[str, Any]]:
    """What the log says of a prize of the evening itself, by the names of who asked and who agreed."""
    rules = rules_of(prize, drafted)
    if isinstance(rules, Game):
        return "game_added", {"game": games.said_of(rules, prize), "names": list(names)}
    logged = LoggedPrize(prize.ordinal, prize.name, prize.stock, (), rules.scope, rules.absence)
    return "prize_added", {"prize": logged.body(), "names": list(names)}


def committed(campaign: Campaign, hall: Hall, prizes: list[Prize]) -> dict[str, Any]:
    """What the first line of the log says."""
    drafted = campaign.terms["prizes"]
    selected = [(prize, rules) for prize, rules in zip(prizes, drafted, strict=True) if rules["way"] == "selection"]
    return {
        "hall_id": campaign.slug,
        "chain_length": hall.chain_length,
        "commitment": hall.commitment,
        "mode": hall.mode,
        "prizes": [
            LoggedPrize(
                prize.ordinal, prize.name, prize.stock, tuple(rules["groups"]), rules["scope"], rules["absence"]
            ).body()
            for prize, rules in selected
        ],
    }


def open_doors(session: Session, hall: Hall, begin_at: datetime, now: datetime) -> bool:
    """Say in the log that people may sign in, once their time has come; whether they may. `hall` is locked."""
    if is_opened(session, hall.campaign_id):
        return True
    if now < begin_at:
        return False
    return journal.require_and_append(session, hall, "opened", {}, now).is_opened


def is_opened(session: Session, campaign_id: int) -> bool:
    """Whether the log says so; it stands among its first lines."""
    mine = (HallEvent.campaign_id == campaign_id) & (HallEvent.kind == "opened")
    return session.scalar(select(HallEvent.seq).where(mine).order_by(HallEvent.seq).limit(1)) is not None


def _open(runtime: Runtime, campaign: Campaign) -> int:
    """Open the doors when the window begins."""
    with runtime.database.reading() as session:
        is_due = runtime.database.now(session) >= campaign.begin_at
        if not is_due or is_opened(session, campaign.id):
            return 0
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        is_open = open_doors(session, journal.lock(session, campaign.id), campaign.begin_at, now)
    told.tell(runtime, campaign.id)
    return int(is_open)


def _finish(runtime: Runtime, campaign: Campaign) -> int:
    def end_own(session: Session, campaign: Campaign, now: datetime) -> bool:
        if session.scalar(select(Hall.campaign_id).where(Hall.campaign_id == campaign.id)) is None:
            return True  # closed before it was ever launched
        hall = journal.lock(session, campaign.id)
        evening = journal.evening(session, campaign.id)
        if evening.running is not None or is_playing(session, campaign.id):
            return False
        if unjudged.of_evening(session, hall, evening) or lineage.is_frozen(session):
            return False  # a winner who was lost is still to be found: their money would be gone from the budget
        if not reveal(runtime.vault, session, campaign, now):
            return False
        if not evening.is_closed:
            journal.require_and_append(session, hall, "closed", {}, now, evening)
        return True

    return close.finish(runtime, campaign, end_own)


def is_playing(session: Session, campaign_id: int) -> bool:
    """Whether a game runs, or its winners are not owed yet what they won."""
    running = select(Game.id).where(Game.campaign_id == campaign_id, Game.status.in_(("running", "over"))).limit(1)
    return session.scalar(running) is not None


def _end(runtime: Runtime, campaign: Campaign) -> int:
    """Close a hall whose end has come, unless a restore may have lost that it was put later."""
    with runtime.database.reading() as session:
        now = runtime.database.now(session)
        if now >= campaign.end_at and ends.is_held(session, campaign, now):
            return 0
    return end(runtime, campaign)


STEPS: dict[str, tuple[LaunchStep, ...]] = {
    "launching": (end, _launch),
    "on": (_end, _open, late_entropy, simulated.play, games.settle_due, note_paid),
    "off": (_end, late_entropy, simulated.play, games.settle_due, note_paid),
    "closing": (late_entropy, simulated.play, games.settle_due, note_paid, _finish),
}
"""Campaign status → the steps a worker takes, in order."""
