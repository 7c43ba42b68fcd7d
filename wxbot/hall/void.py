"""A whole selection is declared void: one person asks and says why, a second one makes it so, and the screen shows the reason."""

from datetime import datetime

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from wxbot import approval, typed
from wxbot.db import changed
from wxbot.hall import journal
from wxbot.hall.models import WINNER_NEXT, Selection, SelectionStatus, Winner
from wxbot.hall.select import seed_of, step
from wxbot.text import Refusal, Text, fault
from wxbot.transitions import moved_on, moving
from wxbot.vault import Vault

REASON_MIN, REASON_MAX = 4, 100

VOIDABLE: tuple[SelectionStatus, ...] = ("armed", "revealed")
"""What was drawn and not revealed is revealed first: nobody takes a result back before it was seen."""

CONFIRMED = Text("已经确认了中奖者，不能作废", "Winners were confirmed; it can no longer be declared void")
OWN = Text("这是您自己申请的作废", "You asked for this yourself")
SECOND = Text("请另一位同事确认", "a second person must agree")


def _selection(session: Session, campaign_id: int, d: int) -> Selection:
    """Behind the hall's lock, where it can be void."""
    selected = session.get(Selection, (campaign_id, d), populate_existing=True)
    if selected is None or selected.status == "voided":
        raise moved_on()
    if selected.status == "confirmed":
        raise Refusal("confirmed", CONFIRMED)
    if selected.status not in VOIDABLE:
        raise Refusal(
            "drawn", Text("请先停止并揭晓，再申请作废", "Stop the roll first; what is shown can be declared void")
        )
    return selected


def ask(session: Session, campaign_id: int, d: int, staff_id: int, reason: str, now: datetime) -> None:
    """One person wants it void, with a reason that everybody will see. Raises Refusal."""
    journal.lock(session, campaign_id)
    selected = _selection(session, campaign_id, d)
    words = typed.line(reason)
    if not REASON_MIN <= len(words) <= REASON_MAX:
        raise fault(
            "reason",
            f"请写明作废原因（{REASON_MIN} 至 {REASON_MAX} 字），大屏会显示",
            f"Say why, in {REASON_MIN} to {REASON_MAX} characters; the screen shows it",
        )
    selected.void_asked_by, selected.void_reason = staff_id, words
    session.flush()


def withdraw(session: Session, campaign_id: int, d: int, now: datetime) -> None:
    """It stays as it is. Raises Refusal when nobody asks."""
    journal.lock(session, campaign_id)
    selected = _selection(session, campaign_id, d)
    if selected.void_asked_by is None:
        raise moved_on()
    selected.void_asked_by, selected.void_reason = None, ""
    session.flush()


def agree(session: Session, vault: Vault, campaign_id: int, d: int, staff_id: int, seen: str, now: datetime) -> None:
    """The second person agrees to the reason that they saw: its slots are open again, its number is used up, its seed public.

    Raises Refusal `four_eyes` for the one who asked, and when the reason is another by now.
    """
    hall = journal.lock(session, campaign_id)
    selected = _selection(session, campaign_id, d)
    if selected.void_asked_by is None or selected.void_reason != typed.line(seen):
        raise moved_on()
    approval.require_second(session, staff_id, [selected.void_asked_by], OWN, now, SECOND)
    names = journal.names_of_two(session, selected.void_asked_by, staff_id)
    seed = seed_of(session, vault, hall, d)
    body = {"d": d, "reason": selected.void_reason, "names": names, "seed": seed.hex()}
    journal.require_and_append(session, hall, "voided", body, now)
    step(session, selected, selected.status, "voided", settled_at=now)
    void_winners(session, (Winner.campaign_id == campaign_id) & (Winner.d == d))


def void_winners(session: Session, which: ColumnElement[bool]) -> None:
    """These winners of void selections have never won, whatever was said of them."""
    before = tuple(status for status, after in WINNER_NEXT.items() if "voided" in after)
    changed(session, moving(Winner, WINNER_NEXT, before, "voided").where(which))
