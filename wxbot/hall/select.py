"""A selection from its arming to its result: fixed in the log, completed by late entropy, drawn in one commit, then shown.

What wins follows from rows that were committed before (`selection`): a process that dies between two steps changes nothing, and
whoever goes on comes to the same people. A repeated press is the same selection.
"""

from collections.abc import Sequence
from datetime import datetime
from unicodedata import normalize

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.hall import journal, rosters, seeds, selection, unjudged
from wxbot.hall.evening import Evening
from wxbot.hall.models import SELECTION_NEXT, Game, Hall, HallPrize, Roster, Selection, SelectionStatus, Winner
from wxbot.instant.models import Prize
from wxbot.plurals import plural
from wxbot.text import Refusal, Text
from wxbot.transitions import moved_on, moving
from wxbot.vault import Vault

RUNNING: tuple[SelectionStatus, ...] = ("armed", "drawn", "revealed")
"""One of these at most in a hall (a partial unique index says the same)."""

HOLDS = ("won", "forfeited", "confirmed")
"""Statuses of a winner that keep their slot of the prize."""

NO_ROSTER = Text("请先冻结名单", "Freeze the roster first")
PLAYING = Text("游戏正在进行，请等它结束", "A game is being played; wait until it is over")
OVER = Text(
    "活动已经到点，不能再锁定新的抽取；锁定了的可以抽完",
    "The evening is past its end: no new selection can be fixed; one that is fixed can be finished",
)
NOT_ARMED = Text("没有锁定的抽取，请先在主持台选择奖项", "No prize is armed; choose one at the host's desk first")
NOT_READY = Text(
    "还缺现场号码，请先在主持台输入", "The numbers from the hall are missing; type them at the host's desk"
)
NOT_DRAWN = Text("抽取还没有开始", "The selection has not been started")


def running(session: Session, campaign_id: int) -> Selection | None:
    """The selection that must be settled before another one begins."""
    mine = select(Selection).where(Selection.campaign_id == campaign_id, Selection.status.in_(RUNNING))
    return session.scalar(mine.execution_options(populate_existing=True))


def step(
    session: Session, selected: Selection, before: SelectionStatus, after: SelectionStatus, **values: object
) -> None:
    """Move a selection behind the hall's lock. Raises Refusal when it does not stand there any more."""
    mine = (Selection.campaign_id == selected.campaign_id) & (Selection.d == selected.d)
    if not changed(session, moving(Selection, SELECTION_NEXT, (before,), after, **values).where(mine)):
        raise moved_on()
    session.refresh(selected)


def arm(
    session: Session, campaign_id: int, ordinal: int, k: int, now: datetime, *, is_unwaited: bool = False
) -> Selection:
    """Fix in the log that selection d is of `k` people for this prize, from the newest roster and today's pool.

    Raises Refusal: behind the end that the rules say, more than its open slots, fewer people than `k`, no roster, another one running, no seed
    that is not kept for a rain, a database that may be old, or payments of before a restore that are not judged yet, for which a host may say not to wait (`is_unwaited`).
    """
    lineage.require_unfrozen(session)
    hall = journal.lock(session, campaign_id)
    if session.get_one(Campaign, campaign_id).is_over(now):
        raise Refusal("over", OVER)
    playing = (Game.campaign_id == campaign_id) & (Game.status == "running")
    if session.scalar(select(Game.id).where(playing).limit(1)) is not None:
        raise Refusal("busy", PLAYING)
    evening = journal.evening(session, campaign_id)
    if not is_unwaited:
        unjudged.require_judged(session, hall, evening)
    _end_settled(session, campaign_id, evening, now)
    roster = rosters.newest(session, hall)
    if roster is None:
        raise Refusal("no_roster", NO_ROSTER)
    pool = _pool(evening, roster, ordinal, k)
    seeds.require_free(evening)
    d = hall.next_d
    armed = Selection(
        campaign_id=campaign_id,
        d=d,
        prize_id=_prize(session, campaign_id, ordinal).id,
        k=k,
        roster_version=roster.version,
        pool_size=len(pool),
        pool_hash=selection.pool_hash(pool),
        entropy_kind=evening.mode,
        status="armed",
        armed_at=now,
    )
    fixed = {"d": d, "prize": ordinal, "k": k, "roster_version": roster.version, "pool_hash": armed.pool_hash}
    journal.require_and_append(session, hall, "armed", fixed, now, evening)
    if evening.mode == "seed":
        body = {"d": d, "kind": "seed", "text": "", "signature": ""}
        journal.require_and_append(session, hall, "entropy", body, now, evening)
    session.add(armed)
    hall.next_d, hall.scene, hall.scene_at = d + 1, "selection", now
    session.flush()
    return armed


def _pool(evening: Evening, roster: Roster, ordinal: int, k: int) -> list[int]:
    if ordinal not in evening.prizes:
        raise Refusal("prize", Text("没有这个奖项", "There is no such prize"))
    left = evening.open_slots(ordinal)
    if not 1 <= k <= left:
        zh, en = (
            f"这个奖项还剩 {left} 个名额，请输入 1 至 {left}",
            f"This prize has {left} open {plural(left, 'slot', 'slots')}: select 1 to {left}",
        )
        raise Refusal("slots", Text(zh, en) if left else Text("这个奖项已经抽完", "Nothing of this prize is left"), "k")
    pool = evening.pool(rosters.lines_of(roster), ordinal)
    if len(pool) < k:
        raise Refusal(
            "pool",
            Text(
                f"名单里能中这个奖的只有 {len(pool)} 人，少于 {k} 人；请减少人数，或让更多人签到后重新冻结",
                f"Only {len(pool)} {plural(len(pool), 'person', 'people')} of the roster may win this, fewer than {k}: select fewer, or let more sign in and freeze again",
            ),
            "k",
        )
    return pool


def _prize(session: Session, campaign_id: int, ordinal: int) -> Prize:
    mine = (HallPrize.campaign_id == campaign_id) & (HallPrize.ordinal == ordinal)
    return session.scalars(select(Prize).join(HallPrize, HallPrize.prize_id == Prize.id).where(mine)).one()


def _end_settled(session: Session, campaign_id: int, evening: Evening, now: datetime) -> None:
    """One in which everybody is absent or has given up is settled without a confirmation when the next one begins."""
    last = running(session, campaign_id)
    if last is not None and last.status == "revealed" and evening.running is None:
        step(session, last, "revealed", "confirmed", settled_at=now)


def hold_up(session: Session, campaign_id: int, numbers: Sequence[str], now: datetime) -> Selection:
    """The numbers that three people in the hall hold up complete the armed selection; blanks within a number go.

    Raises Refusal when none is armed, for too few digits, or when they were used before.
    """
    hall = journal.lock(session, campaign_id)
    armed = running(session, campaign_id)
    if armed is None or armed.status != "armed":
        raise Refusal("not_armed", NOT_ARMED)
    typed = " ".join("".join(normalize("NFKC", number).split()) for number in numbers)
    body = {"d": armed.d, "kind": "hall", "text": typed, "signature": ""}
    journal.require_and_append(session, hall, "entropy", body, now)
    armed.entropy_kind, armed.entropy_text = "hall", typed
    session.flush()
    return armed


def seed_of(session: Session, vault: Vault, hall: Hall, d: int) -> bytes:
    """The seed of selection `d`; it leaves the server with the result."""
    hall_id = journal.hall_id(session, hall.campaign_id)
    return selection.seed_of(hall_id, bytes.fromhex(vault.open(hall.seed_sealed)), hall.chain_length, d)


def start(session: Session, vault: Vault, campaign_id: int, now: datetime) -> Selection:
    """Draw the armed selection: its winners are rows when this commits, and in no answer. One that is drawn already is returned.

    Raises Refusal when none is armed, its entropy is missing, or the last one is shown and not settled.
    """
    lineage.require_unfrozen(session)
    hall = journal.lock(session, campaign_id)
    selected = running(session, campaign_id)
    if selected is not None and selected.status == "drawn":
        return selected
    evening = journal.evening(session, campaign_id)
    if selected is None:
        seeds.require_free(evening)  # none can be armed
        raise Refusal("not_armed", NOT_ARMED)
    if selected.status == "armed" and evening.selections[selected.d].entropy is None:
        raise Refusal("not_ready", NOT_READY)
    seed = seed_of(session, vault, hall, selected.d)
    winners = _winners(session, evening, selected, seed)
    body = {"d": selected.d, "prize": evening.selections[selected.d].prize, "k": selected.k, "winners": winners}
    body |= {"seed": seed.hex(), "pool_hash": selected.pool_hash}
    free = _free_slots(session, selected)
    journal.require_and_append(session, hall, "drawn", body, now, evening)
    step(session, selected, "armed", "drawn", drawn_at=now)
    for place, (no, slot) in enumerate(zip(winners, free, strict=False), 1):
        mine = {"campaign_id": campaign_id, "d": selected.d, "place": place}
        session.add(Winner(**mine, guest_no=no, prize_id=selected.prize_id, slot=slot))
    hall.scene, hall.scene_at = "selection", now
    session.flush()
    return selected


def _winners(session: Session, evening: Evening, selected: Selection, seed: bytes) -> list[int]:
    roster = session.get_one(Roster, (selected.campaign_id, selected.roster_version))
    fixed = evening.selections[selected.d]
    lines = rosters.lines_of(roster)
    pool = evening.pool(lines, fixed.prize) if not fixed.winners else []
    if fixed.winners or selection.pool_hash(pool) != selected.pool_hash or fixed.entropy is None:
        raise moved_on()
    late = selection.entropy(*fixed.entropy)
    hall_id = journal.hall_id(session, selected.campaign_id)
    key = selection.selection_key(seed, hall_id, selected.d, selected.k, roster.sha256, selected.pool_hash, late)
    return selection.select(key, pool, selected.k, {line.no: line.weight for line in lines})


def _free_slots(session: Session, selected: Selection) -> list[int]:
    """The pieces of its prize that nobody holds, from the first."""
    mine = (Winner.campaign_id == selected.campaign_id) & (Winner.prize_id == selected.prize_id)
    taken = set(session.scalars(select(Winner.slot).where(mine, Winner.status.in_(HOLDS))))
    stock = session.get_one(Prize, selected.prize_id).stock
    free = [slot for slot in range(1, stock + 1) if slot not in taken]
    if len(free) < selected.k:
        raise moved_on()
    return free


def reveal(session: Session, campaign_id: int, now: datetime) -> Selection:
    """Show the winners of the selection that runs; one that is shown already is returned. Raises Refusal before its start."""
    hall = journal.lock(session, campaign_id)
    selected = running(session, campaign_id)
    if selected is None or selected.status == "armed":
        raise Refusal("not_drawn", NOT_DRAWN)
    if selected.status == "drawn":
        journal.require_and_append(session, hall, "revealed", {"d": selected.d}, now)
        step(session, selected, "drawn", "revealed", revealed_at=now)
    return selected
