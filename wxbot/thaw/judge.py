"""What a found order was: one cashier proposes, a second one confirms, and only then the books follow (money rule 14)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import approval
from wxbot.campaigns.models import Campaign
from wxbot.clock import shanghai_day
from wxbot.hall import known, unjudged
from wxbot.instant.models import Award, Prize
from wxbot.orders import throttle
from wxbot.orders.channels import CHANNELS, LOTTERY
from wxbot.orders.found import FOUND_NEXT, HAS_MONEY, UNJUDGED, FoundOrder, FoundStatus, may_be
from wxbot.payouts.models import PAYOUT_REASON, Payout
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.staff import accounts, audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text
from wxbot.thaw import adopt, wins
from wxbot.transitions import move, moved_on

EVIDENCE_MAX = 400
"""Characters of evidence, at most."""
AT_ONCE = 500
"""Proposals that are confirmed with one click: a request must end."""

ALIKE = "same person and amount"
SAME_TEXTS = "same texts and amount"

CAMPAIGN_REASON = "campaign"
"""reason_kind of a found order that paid a packet of a campaign; which packet is chosen when a second cashier agrees."""

AWARD_REASON, PRIZE_REASON = "award", "prize"
"""reason_kind of a found order that paid an award which nobody had asked for in the copy, or a prize of a hall whose winner it lost."""

PAID_FOR: dict[str, type[Payout | Campaign | Award | Prize]] = {
    PAYOUT_REASON: Payout,
    CAMPAIGN_REASON: Campaign,
    AWARD_REASON: Award,
    PRIZE_REASON: Prize,
}
"""reason_kind of a found order → what its reason_id numbers."""

ADOPTS_WIN = {AWARD_REASON: wins.adopt_award, PRIZE_REASON: wins.adopt_prize}

OWN = Text("不能确认自己提出的", "You proposed this yourself")


# --- who it may have been -----------------------------------------------------------------------------------------


def candidates(session: Session, found: FoundOrder) -> list[Payout]:
    """Payouts that are owed and that this found order may have paid, the oldest first."""
    query = select(Payout).where(Payout.status.in_(("requested", "approved")), Payout.amount_fen == found.amount_fen)
    if found.openid is not None:
        query = query.where(Payout.openid == found.openid)
    owed = session.scalars(query.order_by(Payout.id).limit(200)).all()
    return [
        each for each in owed if may_be(found, each.openid, each.amount_fen, CHANNELS[each.channel].version, each.texts)
    ]


def campaigns_of(session: Session, found: FoundOrder) -> Sequence[Campaign]:
    """Campaigns whose texts a found order carries."""
    if found.version != CHANNELS[LOTTERY].version or found.act_name is None:
        return ()
    texts = (Campaign.act_name == found.act_name, Campaign.wishing == found.wishing, Campaign.remark == found.remark)
    return session.scalars(select(Campaign).where(*texts).order_by(Campaign.id).limit(20)).all()


@dataclass(frozen=True)
class Pair:
    """One found order and what it clearly paid."""

    found_id: int
    reason_kind: str
    reason_id: int
    evidence: str


def clear_pairs(session: Session) -> list[Pair]:
    """Found orders whose person has taken the money or is named, with the one payout of that person and amount; or with the
    one campaign whose texts they carry; else with the one award that this person had not asked for, or the one prize of a hall. Where there are more payments than payouts, or another choice, a person chooses."""
    found = session.scalars(select(FoundOrder).where(UNJUDGED, HAS_MONEY, FoundOrder.status == "open")).all()
    owed: dict[tuple[str, int, str], list[Payout]] = defaultdict(list)
    openids = {each.openid for each in found if each.openid}
    query = select(Payout).where(Payout.status.in_(("requested", "approved")), Payout.openid.in_(openids))
    for payout in session.scalars(query.order_by(Payout.id)):
        owed[payout.openid, payout.amount_fen, CHANNELS[payout.channel].version].append(payout)
    proposed = _proposed(session)
    taken = {each.reason_id for each in proposed if each.reason_kind == PAYOUT_REASON}
    awarded = {each.reason_id for each in proposed if each.reason_kind == AWARD_REASON}
    pairs: list[Pair] = []
    by_texts: dict[object, Sequence[Campaign]] = {}
    for each in sorted(found, key=lambda one: one.id):
        texts = (each.version, each.act_name, each.wishing, each.remark)
        if texts not in by_texts:
            by_texts[texts] = campaigns_of(session, each)
        waiting = owed.get((each.openid or "", each.amount_fen, each.version), [])
        free = [payout for payout in waiting if payout.id not in taken]
        campaigns = by_texts[texts]
        if free and not campaigns and len({payout.budget_id for payout in waiting}) == 1:
            taken.add(free[0].id)
            pairs.append(Pair(each.id, PAYOUT_REASON, free[0].id, ALIKE))
        elif not waiting and len(campaigns) == 1:
            pairs.append(Pair(each.id, CAMPAIGN_REASON, campaigns[0].id, SAME_TEXTS))
        elif not waiting and not campaigns and each.openid is not None:
            pairs.extend(_clear_win(session, each, awarded))
    return pairs


def _clear_win(session: Session, found: FoundOrder, taken: set[int | None]) -> Iterator[Pair]:
    """The one award of who has the money, else the one prize that they can have won."""
    owed = wins.awards_of(session, found)
    free = [award for award in owed if award.id not in taken]
    if free and len({award.campaign_id for award in owed}) == 1:
        taken.add(free[0].id)
        yield Pair(found.id, AWARD_REASON, free[0].id, ALIKE)
    prizes = () if owed else wins.prizes_of(session, found)
    if len(prizes) != 1 or not known.is_restored(session, prizes[0].campaign_id):
        return
    if found.act_name is not None:
        yield Pair(found.id, PRIZE_REASON, prizes[0].id, SAME_TEXTS)
    elif unjudged.is_guest(session, prizes[0].campaign_id, found.openid):  # of a transfer no texts are told
        yield Pair(found.id, PRIZE_REASON, prizes[0].id, ALIKE)


def _proposed(session: Session) -> Sequence[FoundOrder]:
    return session.scalars(
        select(FoundOrder).where(UNJUDGED, FoundOrder.status == "proposed").order_by(FoundOrder.id)
    ).all()


# --- saying it ----------------------------------------------------------------------------------------------------


def propose(
    session: Session, found_id: int, reason: tuple[str, int] | None, evidence: str, actor: Actor, now: datetime
) -> None:
    """Say what a found order paid, and why: (a key of PAID_FOR, its id), or None for something else. Raises Refusal."""
    reason_kind, reason_id = reason or (None, None)
    staff_id = accounts.require_cashier(session, actor)
    evidence = approval.require_evidence(evidence, EVIDENCE_MAX)
    model = PAID_FOR.get(reason_kind or "")
    if reason is not None and (model is None or session.get(model, reason_id or 0) is None):
        raise Refusal("reason", Text("没有这笔付款、这个活动或奖品", "There is no such payout, campaign or prize"))
    if not move(
        session,
        FoundOrder,
        found_id,
        FOUND_NEXT,
        "open",
        "proposed",
        reason_kind=reason_kind,
        reason_id=reason_id,
        evidence=evidence,
        proposed_by=staff_id,
        proposed_at=now,
    ):
        raise moved_on()
    detail = {"reason": f"{reason_kind}:{reason_id}" if reason_kind else "apart"}
    audit.record(session, actor, "found_propose", f"found:{found_id}", now, detail=detail)


def propose_clear(runtime: Runtime, actor: Actor, now: datetime) -> int:
    """Propose every clear pair at once; returns how many. Raises Refusal."""
    with runtime.database.transaction() as session:
        pairs = clear_pairs(session)
        for pair in pairs:
            propose(session, pair.found_id, (pair.reason_kind, pair.reason_id), pair.evidence, actor, now)
    return len(pairs)


def send_back(session: Session, found_id: int, actor: Actor, now: datetime) -> None:
    """Take a proposal back, one's own or another's. Raises Refusal."""
    accounts.require_cashier(session, actor)
    if not move(
        session,
        FoundOrder,
        found_id,
        FOUND_NEXT,
        "proposed",
        "open",
        reason_kind=None,
        reason_id=None,
        evidence="",
        proposed_by=None,
        proposed_at=None,
    ):
        raise moved_on()
    audit.record(session, actor, "found_send_back", f"found:{found_id}", now)


def confirm(session: Session, settings: Settings, found_id: int, actor: Actor, now: datetime) -> None:
    """Agree to what another cashier proposed: the books follow in this transaction. Raises Refusal."""
    staff_id = accounts.require_cashier(session, actor)
    found = session.get(FoundOrder, found_id, with_for_update=True, populate_existing=True)
    if found is None or found.status != "proposed" or found.proposed_by is None:
        raise moved_on()
    approval.require_second(session, staff_id, [found.proposed_by], OWN, now)
    after: FoundStatus = "apart"
    if found.reason_kind == PAYOUT_REASON:
        adopt.adopt_payout(session, settings, found, found.reason_id or 0, (staff_id, found.proposed_by), now)
        after = "adopted"
    elif found.reason_kind == CAMPAIGN_REASON:
        adopt.adopt_packet(session, settings, found, found.reason_id or 0, now)
        after = "adopted"
    elif found.reason_kind in ADOPTS_WIN:
        ADOPTS_WIN[found.reason_kind](
            session, settings, found, found.reason_id or 0, (staff_id, found.proposed_by), now
        )
        after = "adopted"
    if after == "adopted" and shanghai_day(found.placed_at or found.found_at) == shanghai_day(now):
        throttle.count_sent(session, settings, found.amount_fen, now)
    if not move(
        session,
        FoundOrder,
        found_id,
        FOUND_NEXT,
        "proposed",
        after,
        decided_by=staff_id,
        decided_at=now,
        next_look_at=None,
    ):
        raise moved_on()
    detail = {"reason": f"{found.reason_kind}:{found.reason_id}" if found.reason_kind else "apart"}
    audit.record(session, actor, "found_confirm", f"found:{found_id}", now, detail=detail)


def seal_of(proposals: Sequence[FoundOrder]) -> str:
    """The hash of what a second cashier is shown and agrees to as a whole."""
    parts = [(each.id, each.reason_kind, each.reason_id, each.amount_fen, each.openid) for each in proposals]
    return approval.content_hash(parts)


def proposals_for(session: Session, staff_id: int) -> list[FoundOrder]:
    """What others proposed and this cashier may confirm at once."""
    return [each for each in _proposed(session) if each.proposed_by != staff_id][:AT_ONCE]


def confirm_all(runtime: Runtime, seen: str, actor: Actor, now: datetime) -> tuple[int, list[tuple[int, Refusal]]]:
    """Agree to all proposals of others, as they were shown (`seen`, see seal_of); each in its own transaction. Returns how
    many were confirmed, and those that were not with the reason. Raises Refusal when the list has changed meanwhile."""
    with runtime.database.reading() as session:
        staff_id = accounts.require_cashier(session, actor)
        proposals = proposals_for(session, staff_id)
    approval.require_unchanged(seal_of(proposals), seen, changed=approval.LOOK_AGAIN)
    confirmed, left = 0, list[tuple[int, Refusal]]()
    for each in proposals:
        try:
            with runtime.database.transaction() as session:
                confirm(session, runtime.settings, each.id, actor, now)
            confirmed += 1
        except Refusal as refused:
            left.append((each.id, refused))
    return confirmed, left
