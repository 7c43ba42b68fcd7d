"""How one guest stands: what of the evening is theirs. Nothing here tells of a selection that was not revealed."""

import json
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from wxbot.hall import rain
from wxbot.hall.models import Game, Guest, HallEvent, HallPrize, Roster, Selection, Winner
from wxbot.instant.models import Award, Prize
from wxbot.prepared import Prepared

SHOWN = ("revealed", "confirmed", "voided")
"""Selections of which their winners may know."""


def of_guest(session: Session, guest: Guest) -> dict[str, Any]:
    """Number, salt and id of a guest, what they have won, and what the host has decided about them: for this person alone."""
    return {
        "no": guest.no,
        "salt": guest.salt,
        "person": guest.person,
        "name": guest.name,
        "group": guest.group,
        "face": guest.face,
        "is_hidden": guest.is_hidden,
        "struck": struck_for(session, guest),
        "won": won(session, guest),
        "game": game_of(session, guest),
    }


def struck_for(session: Session, guest: Guest) -> str:
    """The reason in the log for which a guest may not win any more (guests.REASONS); nothing for everybody else."""
    if not guest.is_struck:
        return ""
    query = select(HallEvent.body).where(HallEvent.campaign_id == guest.campaign_id, HallEvent.kind == "excluded")
    said = map(json.loads, session.scalars(query))
    return next((str(body["reason"]) for body in said if body["no"] == guest.no), "")


_RUNNING = select(Game).where(Game.campaign_id == bindparam("in_hall"), Game.status == "running")


def game_of(session: Session, guest: Guest) -> dict[str, Any] | None:
    """What is a guest's own in the game that runs; None while none does. Of a rain their moments, and the fen of what they caught.

    {"id", "kind", "begin", "end", "leftover" (hall/models), "moments": [{"slot", "at_ms", "fen"}]}; moments in Unix seconds.
    """
    game = session.scalars(_RUNNING, {"in_hall": guest.campaign_id}).one_or_none()
    if game is None or game.begin_at is None or game.end_at is None:
        return None
    mine = rain.moments(session, game, guest.no) if game.kind == "rain" else []
    return {
        "id": game.id,
        "kind": game.kind,
        "begin": int(game.begin_at.timestamp()),
        "end": int(game.end_at.timestamp()),
        "leftover": "budget" if guest.is_struck else game.terms.get("leftover"),
        "moments": [
            {"slot": hit.slot, "at_ms": hit.at_ms, "fen": hit.amount_fen if hit.claimed_at else None} for hit in mine
        ],
    }


_WON = Prepared(
    select(
        Winner.d,
        Winner.status,
        Selection.status.label("selected"),
        Prize.name,
        Prize.ordinal,
        Prize.kind,
        HallPrize.absence,
        Award.id.label("award_id"),
        Award.public_id,
        Award.status.label("state"),
    )
    .select_from(Winner)
    .join(Selection, (Selection.campaign_id == Winner.campaign_id) & (Selection.d == Winner.d))
    .join(Prize, Prize.id == Winner.prize_id)
    .join(HallPrize, HallPrize.prize_id == Winner.prize_id)
    .outerjoin(Award, Award.id == Winner.award_id)
    .where(Winner.campaign_id == bindparam("in_hall"), Winner.guest_no == bindparam("of_no"))
    .where(or_(*(Selection.status == status for status in SHOWN)))
    .order_by(Winner.d.desc())
)
_AWARDS = Prepared(
    select(
        *(Award.id, Award.public_id, Award.status, Prize.name, Prize.ordinal, Prize.kind),
        HallPrize.ordinal.label("selected"),
    )
    .select_from(Award)
    .join(Prize, Prize.id == Award.prize_id)
    .outerjoin(HallPrize, HallPrize.prize_id == Award.prize_id)
    .where(Award.openid == bindparam("of_openid"), Award.campaign_id == bindparam("in_hall"))
    .order_by(Award.id.desc())
)
"""Both are asked by two thousand phones within seconds, whenever something happens that may concern them."""


def won(session: Session, guest: Guest) -> list[dict[str, Any]]:
    """What a guest won, the newest first: [{"d", "prize", "ordinal", "kind", "status", "award", "state", "absence"}].

    `award` is the public id once it is owed, `absence` what being absent costs. What games gave has no `d` and the status `confirmed`;
    a selection that a restore has lost, and whose winner was found (known.py), is number 0.
    """
    rows = _WON.rows(session, {"in_hall": guest.campaign_id, "of_no": guest.no})
    found: list[dict[str, Any]] = [
        {
            "d": row.d,
            "prize": row.name,
            "ordinal": row.ordinal,
            "kind": row.kind,
            "status": "voided" if row.selected == "voided" else row.status,
            "award": row.public_id,
            "state": row.state,
            "absence": row.absence,
        }
        for row in rows
    ]
    return found + _of_no_selection(session, guest, {row.award_id for row in rows})


def _of_no_selection(session: Session, guest: Guest, known: set[int]) -> list[dict[str, Any]]:
    rows = _AWARDS.rows(session, {"of_openid": guest.openid, "in_hall": guest.campaign_id})
    return [
        {
            "d": None if row.selected is None else 0,
            "prize": row.name,
            "ordinal": row.ordinal,
            "kind": row.kind,
            "status": "confirmed",
            "award": row.public_id,
            "state": row.status,
            "absence": None,
        }
        for row in rows
        if row.id not in known
    ]


def roster_of(session: Session, campaign_id: int, version: int) -> Roster | None:
    """A frozen roster; version 0 is the newest."""
    query = select(Roster).where(Roster.campaign_id == campaign_id).order_by(Roster.version.desc()).limit(1)
    if version:
        query = query.where(Roster.version == version)
    return session.scalars(query).one_or_none()


def line_of(roster: Roster, no: int) -> str | None:
    """The line of a number in a roster's file, without its end."""
    start = f"{no}\t"
    return next((line for line in roster.content.split("\n")[1:] if line.startswith(start)), None)
