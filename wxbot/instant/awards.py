"""Awards: what people have won and are owed, until they have it or its deadline has passed (I1, I2).

An award is one payout and one source row for ever; the payout is made when the person first asks for it. Each end of an order
that paid nobody opens the award again, and the next tap before the deadline has a further order placed under a new number. A
tap stays good until its order has ended, however late that is. Locks are taken in one order: payout, award, budget, balance.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from wxbot import budget, ledger, lineage
from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.instant import sums
from wxbot.instant.models import AWARD_NEXT, Award, AwardStatus, InstantTerms, Prize, PrizeCode
from wxbot.ledger import Posting
from wxbot.logs import get_logger
from wxbot.money import yuan
from wxbot.orders import found
from wxbot.orders.channels import CHANNELS
from wxbot.orders.found import HAS_MONEY, UNJUDGED, FoundOrder
from wxbot.orders.models import Order
from wxbot.payouts import create
from wxbot.payouts.create import TEXTS, PayoutRequest
from wxbot.payouts.models import COLLECT, Payout
from wxbot.payouts.settle import CALLED_OFF, reason_row
from wxbot.payouts.sources import AWARD, OWED
from wxbot.people import bindings, notices
from wxbot.runtime import Runtime
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moved_on, moving
from wxbot.vault import Vault

log = get_logger(__name__)

BATCH = 200
"""Awards forfeited in one transaction."""

GRACE = timedelta(hours=24)
"""When an order has failed for no reason of its person's, they have at least this long to ask once more: nobody loses what they
asked for in time because the merchant's account was not ready."""

CONGRATULATION = "恭喜中奖"
"""The wish of a packet whose campaign has none."""

LATE = Text("兑奖时间已过，奖品已收回。", "The time to collect it is over.")
CHECKING = Text("系统正在核对，请稍后再点一次领取。", "The books are being checked; please tap again later.")
BIND = Text("领取这个奖品要先绑定手机号。", "Bind your phone first, then collect it.")
ENDED = Text(
    "您的 ¥{yuan} 奖品在兑奖截止前没有领取，已收回。",
    "Your prize of ¥{yuan} was not collected before its deadline and went back.",
)
ENDED_THING = Text(
    "您的奖品“{prize}”在兑奖截止前没有领取，已收回。",
    "Your prize, {prize}, was not collected before its deadline and went back.",
)


def find(session: Session, public_id: str, openid: str) -> Award | None:
    """The award of this name when it is that person's; anybody else's is as absent as none (S28)."""
    if len(public_id) > 24 or not (public_id.isascii() and public_id.isprintable()):
        return None
    return session.scalar(select(Award).where(Award.public_id == public_id, Award.openid == openid))


def code_of(session: Session, vault: Vault, award: Award) -> str | None:
    """The serial that was given with an award, opened for its owner alone; never written anywhere else."""
    sealed = session.scalar(select(PrizeCode.code_sealed).where(PrizeCode.award_id == award.id))
    return vault.open(sealed) if sealed is not None else None


def collect(session: Session, award: Award, now: datetime) -> bool:
    """The person asks for a money award, in the caller's transaction; True when its payout is due now, False when it was on its
    way or at its end already. Raises Refusal after the deadline, or when the campaign pays bound phones only."""
    payout = session.get(Payout, award.payout_id, with_for_update=True) if award.payout_id is not None else None
    session.refresh(award, with_for_update=True)
    if award.kind != "money" or award.status in ("paid", "given"):
        return False
    is_waiting = payout is not None and payout.hold == COLLECT
    if award.status == "collecting" and not is_waiting:
        return False
    if award.status == "forfeited" or award.deadline_at <= now:
        raise Refusal("late", LATE)
    if lineage.is_frozen(session):
        raise Refusal("frozen", CHECKING)
    terms = session.get_one(InstantTerms, award.campaign_id)
    if terms.needs_binding and bindings.active(session, award.openid) is None:
        raise Refusal("bind", BIND)
    (claim,) = _claims_of(session, [award], terms)
    owed = create.request_owed(session, claim, now)
    if award.status == "open" and not _step(
        session, award, "open", "collecting", tapped_at=award.tapped_at or now, payout_id=owed.id
    ):
        raise moved_on()
    return True


def collect_new(session: Session, won: Sequence[Award], terms: InstantTerms, now: datetime) -> int:
    """The same for open awards of one campaign that this transaction has written, in one statement for all of each table; how many
    payouts are due now. Whoever must bind a phone first is left out, and asks when they have, as everybody is while a restored database
    does not know what it has lost: those awards stay open.
    """
    if lineage.is_frozen(session):
        return 0
    asking = [award for award in won if award.kind == "money"]
    if terms.needs_binding:
        bound = bindings.bound(session, [award.openid for award in asking])
        asking = [award for award in asking if award.openid in bound]
    if not asking:
        return 0
    payouts = create.owed_payouts(session, _claims_of(session, asking, terms), now)
    tapped = moving(Award, AWARD_NEXT, ("open",), "collecting", tapped_at=now, payout_id=bindparam("payout"))
    pairs = [{"award": award.id, "payout": payout.id} for award, payout in zip(asking, payouts, strict=True)]
    if changed(session, tapped.where(Award.id == bindparam("award")), pairs) != len(pairs):
        raise moved_on()
    for award in asking:
        sums.moved(session, award, "open", "collecting", is_first_tap=True)
        session.expire(award)
    return len(asking)


def _claims_of(session: Session, awards: Sequence[Award], terms: InstantTerms) -> list[PayoutRequest]:
    """What is claimed for these awards of one campaign."""
    campaign = session.get_one(Campaign, terms.campaign_id)
    texts = {
        prize.id: payment_texts(campaign, prize, terms.channel)
        for prize in session.scalars(select(Prize).where(Prize.id.in_({award.prize_id for award in awards})))
    }
    return [
        PayoutRequest(
            AWARD,
            award.id,
            award.campaign_id,
            award.openid,
            award.amount_fen,
            note=campaign.name,
            channel=terms.channel,
            texts=texts[award.prize_id],
        )
        for award in awards
    ]


def asked_before(session: Session, award_id: int, now: datetime) -> Payout:
    """The payout of an open award that somebody had asked for in what a restored database lost: cashiers have found its payment.

    Raises Refusal when it is not open any more, or has a payout, which is then what was paid.
    """
    award = session.get(Award, award_id, with_for_update=True, populate_existing=True)
    if award is None or award.kind != "money" or award.payout_id is not None:
        raise moved_on()
    (claim,) = _claims_of(session, [award], session.get_one(InstantTerms, award.campaign_id))
    payout = create.owed_payout(session, claim, now)
    if not _step(session, award, "open", "collecting", tapped_at=now, payout_id=payout.id):
        raise moved_on()
    return payout


def give(session: Session, award: Award, now: datetime) -> None:
    """A thing was handed over to its winner, in the caller's transaction. Raises Refusal when it was, or its deadline has passed."""
    if not _step(session, award, "open", "given", settled_at=now):
        raise moved_on()


def _step(session: Session, award: Award, before: AwardStatus, after: AwardStatus, **values: Any) -> bool:
    """Move an award, and what is added up of its campaign with it; False when somebody was faster."""
    if not move(session, Award, award.id, AWARD_NEXT, before, after, **values):
        return False
    sums.moved(session, award, before, after, is_first_tap="tapped_at" in values and award.tapped_at is None)
    return True


NAMING = ("send_name", "organiser", "act_name", "wishing", "remark")
"""Of a campaign: what its payments are named by."""


def payment_texts(campaign: Campaign, prize: Prize, channel: str) -> dict[str, str]:
    """`paid_texts` of a campaign and a prize as they are stored."""
    return paid_texts({name: getattr(campaign, name) for name in NAMING}, prize.name, channel)


def paid_texts(naming: Mapping[str, str], prize_name: str, channel: str) -> dict[str, str]:
    """What WeChat shows of the payment: the campaign's own texts, else its public name, its organiser and the prize, which is
    what a transfer's scene asks for; each as much of it as the channel takes."""
    given = {
        "send_name": (naming["send_name"], naming["organiser"], naming["act_name"]),
        "act_name": (naming["act_name"],),
        "wishing": (naming["wishing"], CONGRATULATION),
        "remark": (naming["remark"], prize_name),
    }
    return {name: _fitting(channel, name, (*given[name], "活动奖励")) for name in TEXTS}


def _fitting(channel: str, field: str, texts: Sequence[str]) -> str:
    """The first of these of which the channel takes something, cut to what it takes."""
    for text in texts:
        fits = text.strip()
        while fits and CHANNELS[channel].text_fault(field, fits):
            fits = fits[:-1]
        if fits:
            return fits
    return ""


def follow(session: Session, orders: Sequence[Order], now: datetime) -> None:
    """Let awards say what their payouts say, after these orders changed and the payouts followed, in that transaction."""
    by_payout = {order.reason_id: order for order in orders if order.fund == OWED}
    if not by_payout:
        return
    query = select(Award, Payout).join(Payout, Payout.id == Award.payout_id).where(Payout.id.in_(by_payout))
    locked = query.order_by(Award.id).with_for_update(of=Award).execution_options(populate_existing=True)
    for award, payout in session.execute(locked):
        order = by_payout[payout.id]
        if award.status == "open" and payout.status in (
            "ordered",
            "paid",
        ):  # a found order, which cashiers said was its own
            _step(session, award, "open", "collecting", tapped_at=award.tapped_at or now)
        if payout.status == "paid" and award.status in ("open", "collecting"):
            _step(session, award, "collecting", "paid", settled_at=now)
        elif payout.hold == COLLECT and payout.order_id == order.id and award.status == "collecting":
            deadline_at = max(award.deadline_at, now + GRACE) if _is_not_theirs(order) else award.deadline_at
            _step(session, award, "collecting", "open", deadline_at=deadline_at)


def _is_not_theirs(order: Order) -> bool:
    """Whether an order failed for a reason that its person cannot do anything about."""
    if order.status != "failed":
        return False
    row = reason_row(order)
    return order.is_cancel_wanted or order.err_code == CALLED_OFF or row.actor != "person"


_MAY_BE_PAID = exists().where(
    UNJUDGED,
    HAS_MONEY,
    FoundOrder.amount_fen == Award.amount_fen,
    or_(FoundOrder.openid.is_(None), FoundOrder.openid == Award.openid),
)
"""Whether a payment that WeChat knows and a restored database had lost may be an award's: cashiers judge that first."""


def forfeit_due(runtime: Runtime) -> int:
    """Take back what nobody has asked for in time, and of which no order may pay anybody any more; returns how many."""
    done = 0
    while True:
        with runtime.database.transaction() as session:
            n = _forfeit_batch(session, runtime.settings.public_url, runtime.database.now(session))
        done += n
        if n < BATCH:
            return done


def _forfeit_batch(session: Session, public_url: str, now: datetime) -> int:
    """Forfeit one batch: the money of each is back in its campaign's budget when this commits. None while a restored database
    does not know what it has lost: a lost order may have paid."""
    if lineage.is_frozen(session) or found.awaited_bills(session) is not None:
        return 0
    is_over = and_(Award.deadline_at <= now, Award.status.in_(("open", "collecting")))
    # A collecting one whose payout was put back by staff waits for its person, too.
    is_idle = or_(Award.payout_id.is_(None), Payout.hold == COLLECT)
    query = select(Award.id, Award.payout_id).outerjoin(Payout, Payout.id == Award.payout_id)
    due = session.execute(
        query.where(is_over, is_idle, ~_MAY_BE_PAID).order_by(Award.payout_id, Award.id).limit(BATCH)
    ).all()
    ended = [payout_id for _, payout_id in due if payout_id is not None and create.forfeit(session, payout_id, now)]
    # Somebody may have asked for one of them for the first time at this moment: then it has a payout, which is not ended.
    is_ended = or_(Award.payout_id.is_(None), Award.payout_id.in_(ended))
    ids = [award_id for award_id, _ in due]
    mine = select(Award).where(Award.id.in_(ids), is_over, is_ended).order_by(Award.id).with_for_update()
    taken = [
        award
        for award in session.scalars(mine.execution_options(populate_existing=True))
        if _step(session, award, award.status, "forfeited", settled_at=now)
    ]
    _give_back(session, taken, now)
    for award in taken:
        words = _ended(session, award)
        notices.tell(session, award.openid, "award_ended", str(award.id), words, f"{public_url}/h5/awards", now=now)
    return len(taken)


def _ended(session: Session, award: Award) -> Text:
    """How its person is told; a thing has no amount."""
    if award.kind == "money":
        return ENDED.format(yuan=yuan(award.amount_fen))
    return ENDED_THING.format(prize=session.get_one(Prize, award.prize_id).name)


def _give_back(session: Session, given: Sequence[Award], now: datetime) -> None:
    """What was owed is free in its budget again; of a campaign that is closed it is nobody's but the merchant's. A thing is owed
    without money."""
    awards = [award for award in given if award.amount_fen]
    back = Counter[int]()
    for award in awards:
        back[award.campaign_id] += award.amount_fen
    for campaign_id, amount_fen in sorted(back.items()):
        if not budget.release(session, campaign_id, amount_fen):
            log.error("budget_disagrees", budget_id=campaign_id)
    closed = set(session.scalars(select(Campaign.id).where(Campaign.id.in_(back), Campaign.status == "closed")))
    postings = []
    for award in awards:
        ref, fen, campaign_id = f"award:{award.id}", award.amount_fen, award.campaign_id
        postings.append(Posting("forfeited", ref, OWED, "reserved", fen, campaign_id))
        if campaign_id in closed:
            postings.append(Posting("released", ref, "reserved", "merchant", fen, campaign_id))
    ledger.post(session, postings, now)
