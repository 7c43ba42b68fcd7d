"""确认: who is on the stage has won. From this commit on they are owed their prize, as after any draw.

Nothing of money is new here: awards, budget and ledger are `instant.owe`'s, a payout is `instant.awards`'. Where the channel
sends by itself it is asked for in the same transaction; a transfer, and whoever must bind a phone first, waits for a tap.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.db import changed
from wxbot.hall import journal, unjudged
from wxbot.hall.absent import confirmed
from wxbot.hall.models import Guest, Hall, Selection, Winner
from wxbot.hall.select import step
from wxbot.instant import awards, sums
from wxbot.instant.models import Award, InstantTerms, Prize
from wxbot.instant.owe import NotCovered, Win, first_status, owe
from wxbot.orders.channels import CHANNELS
from wxbot.transitions import moved_on


@dataclass(frozen=True)
class Confirmed:
    """What a confirmation did."""

    nos: tuple[int, ...]
    """Who was confirmed by it; nobody when everybody is absent, or it was confirmed before."""
    asked: int
    """Payouts that are due now: the worker is woken for them."""


def confirm(session: Session, campaign_id: int, d: int, now: datetime) -> Confirmed:
    """Confirm everybody of a revealed selection who is not absent and has not given up; a second press confirms nobody twice.

    Raises Refusal before the reveal, for a void selection, while a restored database does not know what it has lost, and where somebody
    may have been paid already (`unjudged`).
    """
    lineage.require_unfrozen(session)
    hall = journal.lock(session, campaign_id)
    selected = session.get(Selection, (campaign_id, d), populate_existing=True)
    if selected is None or selected.status in ("armed", "drawn", "voided"):
        raise moved_on()
    mine = (Winner.campaign_id == campaign_id) & (Winner.d == d) & (Winner.status == "won")
    lines = session.scalars(select(Winner).where(mine).order_by(Winner.place)).all()
    if not lines:
        if selected.status == "revealed":
            step(session, selected, "revealed", "confirmed", settled_at=now)
        return Confirmed((), 0)
    nos = [line.guest_no for line in lines]
    evening = journal.evening(session, campaign_id)
    if not hall.is_rehearsal:
        unjudged.require_unpaid(session, hall, evening, d, nos)
    journal.require_and_append(session, hall, "confirmed", {"d": d, "nos": nos}, now, evening)
    given = (
        []
        if hall.is_rehearsal
        else owe_each(session, hall, [Owed(line.guest_no, line.prize_id) for line in lines], now)
    )
    confirmed(session, lines, [award.id for award in given] or [None] * len(lines))
    if selected.status == "revealed":  # else somebody came back after the others were confirmed
        step(session, selected, "revealed", "confirmed", settled_at=now)
    return Confirmed(tuple(nos), send_at_once(session, given, now))


class Owed(NamedTuple):
    """One piece of a prize that a guest has won; `amount_fen` is that of the prize when it is None, `code_id` a code that is theirs already."""

    no: int
    prize_id: int
    amount_fen: int | None = None
    code_id: int | None = None


def owe_each(session: Session, hall: Hall, won: Sequence[Owed], now: datetime) -> list[Award]:
    """Write the awards of these behind the hall's lock, with their money, codes and stock; in their order.

    Raises NotCovered when budget, stock or codes do not suffice: terms are checked so that it cannot happen.
    """
    mine = (Guest.campaign_id == hall.campaign_id) & Guest.no.in_([each.no for each in won])
    openids = {guest.no: guest.openid for guest in session.scalars(select(Guest).where(mine))}
    return owe_people(session, hall, [(openids[each.no], each) for each in won], now)


def owe_people(session: Session, hall: Hall, won: Sequence[tuple[str, Owed]], now: datetime) -> list[Award]:
    """The same by openid, for whoever has no number; Owed.no is not asked."""
    query = select(InstantTerms).where(InstantTerms.campaign_id == hall.campaign_id).with_for_update()
    terms = session.scalars(query.execution_options(populate_existing=True)).one()
    prizes = {prize.id: prize for prize in session.scalars(select(Prize).where(Prize.campaign_id == hall.campaign_id))}
    wins = [_win(terms.next_k + at, openid, prizes[each.prize_id], each) for at, (openid, each) in enumerate(won)]
    terms.next_k += len(wins)
    for prize_id, n in sorted(Counter(win.prize_id for win in wins).items()):
        taking = update(Prize).where(Prize.id == prize_id, Prize.left >= n).values(left=Prize.left - n)
        if not changed(session, taking):
            raise NotCovered(f"campaign {hall.campaign_id}: prize {prize_id} has less left than was won")
    session.flush()
    owe(session, hall.campaign_id, wins, now, now + timedelta(seconds=terms.claim_s))
    for win in wins:
        status = first_status(win.kind)
        sums.add(session, hall.campaign_id, now, win.channel_code, status, 1, win.amount_fen)
        came = sums.Came(now, win.channel_code)  # nobody draws here, so this is where they came from
        sums.reach(session, sums.Participant(hall.campaign_id, win.openid), status, came, is_first=True)
    ks = [win.k for win in wins]
    given = (Award.campaign_id == hall.campaign_id) & Award.k.in_(ks)
    return list(session.scalars(select(Award).where(given).order_by(Award.k)))


def _win(k: int, openid: str, prize: Prize, owed: Owed) -> Win:
    amount_fen = prize.min_fen if owed.amount_fen is None else owed.amount_fen
    fen = amount_fen if prize.kind == "money" else 0
    return Win(k, openid, prize.id, prize.kind, fen, code_id=owed.code_id)


def send_at_once(session: Session, given: Sequence[Award], now: datetime) -> int:
    """Ask for the payouts of these awards, which this transaction has written, where their channel needs no tap; how many are due
    now. Whoever must bind a phone first collects it later."""
    money = [award for award in given if award.kind == "money"]
    if not money:
        return 0
    terms = session.get_one(InstantTerms, money[0].campaign_id)
    if CHANNELS[terms.channel].is_confirmed:
        return 0
    return awards.collect_new(session, money, terms, now)
