"""Asking for a payout, and the second person's decision (money rules 2 and 14, F01, F24)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot import approval, lineage, quotas
from wxbot.clock import shanghai_day
from wxbot.db import changed
from wxbot.money import yuan
from wxbot.orders import plan
from wxbot.orders.channels import DIRECT, PaymentRequest
from wxbot.orders.models import Order
from wxbot.orders.plan import fault_of
from wxbot.payouts.models import COLLECT, PAYOUT_NEXT, PAYOUT_REASON, Payout, Programme
from wxbot.payouts.sources import SOURCES, is_owed
from wxbot.people import trust
from wxbot.settings import Settings
from wxbot.staff import accounts
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moved_on

OWN = Text("不能审批自己提出的付款", "You asked for this payout")


@dataclass(frozen=True)
class PayoutRequest:
    """Who is owed how much, from which budget, for what. `texts` replaces texts of the budget's programme; amount in fen."""

    source_kind: str
    source_id: int
    budget_id: int
    openid: str
    amount_fen: int
    note: str = ""
    channel: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    created_by: int | None = None
    approved_by: int | None = None
    """The second person who has already approved it, with the list it stands in."""


TEXTS = ("send_name", "act_name", "wishing", "remark")


def content_of(payout: Payout) -> str:
    """The hash of everything an approval is bound to: who, how much, from which budget, over which channel, which texts.

    The names in it never change: the hashes of payouts that exist were made with them.
    """
    parts = {
        "source": [payout.source_kind, payout.source_id],
        "programme": payout.budget_id,
        "openid": payout.openid,
        "amount_fen": payout.amount_fen,
        "channel": payout.channel,
        "texts": payout.texts,
    }
    return approval.content_hash(parts)


def request(session: Session, settings: Settings, claim: PayoutRequest, now: datetime) -> Payout:
    """Write down what is owed, in the caller's transaction; asking again for the same source gives the same payout.

    Below `second_person_fen` it is approved at once, else it waits for `approve`; so does one with which a day's sum reaches
    that amount. Raises Refusal when the amount, the programme or the person's limit of this month does not allow it, or when
    the same source was already asked for with other content.
    """
    known = find(session, claim.source_kind, claim.source_id)
    if known is not None:
        return _same(known, claim)
    lineage.require_unfrozen(session)  # it may have been asked for before, after the copy was made
    programme = _open_programme(session, claim.budget_id)
    payout = _drafted(settings, programme, claim, now)
    if second_for := _second_for(session, settings, claim, now):
        payout.status, payout.due_at, payout.approved_at = "requested", None, None
        payout.second_for = second_for
    if programme.person_fen_per_month:
        payout.month = f"{shanghai_day(now):%Y%m}"
        if not quotas.take(
            session, month_name(payout), payout.month, payout.amount_fen, most_fen=programme.person_fen_per_month
        ):
            _take_out_of_sums(session, claim, now)  # a list goes on with its other rows in this transaction
            if (known := find(session, claim.source_kind, claim.source_id)) is not None:
                return _same(known, claim)  # the same was asked for at this moment: it is what has filled the month
            raise Refusal(
                "month_limit",
                Text(
                    f"超过该项目每人每月 ¥{yuan(programme.person_fen_per_month)} 的上限，请下月再付或调整上限",
                    "above what one person may get from this programme in a month: pay it next month, or raise the limit",
                ),
            )
    session.add(payout)
    session.flush()
    return payout


def request_owed(session: Session, claim: PayoutRequest, now: datetime) -> Payout:
    """Have something paid that is owed already (sources.is_owed), in the caller's transaction: it was approved with what it
    was won in, its money was committed then, and it counts in nobody's sums. Channel and all texts stand in the claim.

    Asking again gives the same payout, and has it paid after its last order ended without paying. Raises Refusal when the
    same source was asked for with other content, or while a restored database does not know what it has lost.
    """
    lineage.require_unfrozen(session)
    known = find(session, claim.source_kind, claim.source_id)
    if known is None:
        return owed_payout(session, claim, now)
    payout = _same(known, claim)
    if payout.hold == COLLECT:
        move(session, Payout, payout.id, PAYOUT_NEXT, "approved", "approved", hold=None, due_at=now)
        session.refresh(payout)
    return payout


def owed_payout(session: Session, claim: PayoutRequest, now: datetime) -> Payout:
    """The payout of something that is owed already and has none: as it is asked for now, or was in what a restored database lost."""
    return owed_payouts(session, [claim], now)[0]


def owed_payouts(session: Session, claims: Sequence[PayoutRequest], now: datetime) -> list[Payout]:
    """The same of many things, written in one statement; in their order."""
    payouts = [_payout_of(claim, claim.channel, dict(claim.texts), now) for claim in claims]
    for payout in payouts:
        payout.content_sha256 = content_of(payout)
    session.add_all(payouts)
    session.flush()
    return payouts


def forfeit(session: Session, payout_id: int, now: datetime) -> bool:
    """End a payout whose person did not ask for it again in time; False when an order may still pay it."""
    payout = session.get(Payout, payout_id, with_for_update=True)
    if payout is None or payout.status != "approved" or payout.hold != COLLECT:
        return False
    return move(session, Payout, payout_id, PAYOUT_NEXT, "approved", "cancelled", hold=None, settled_at=now)


def _sums(claim: PayoutRequest) -> list[str]:
    """The sums of a day that a request is added to: of who asks, and of who is paid. In this order, so that two writers
    lock them in the same one."""
    asker = [] if claim.created_by is None else [f"asker:{claim.created_by}"]
    return [*asker, f"payee:{claim.openid}"]


def _second_for(session: Session, settings: Settings, claim: PayoutRequest, now: datetime) -> dict[str, int]:
    """Add a request to its day's sums; why it needs a second person (a key of words.SECOND_WORDS → fen), empty when it needs none (money rule 14,
    security S56).

    What is split into small requests, by one requester or for one payee, is one sum: from the request that reaches the
    threshold on, all others of that Shanghai day need one too. What is cancelled stays in the sums: it was asked for.
    """
    day = f"{shanghai_day(now):%Y%m%d}"
    source = SOURCES[claim.source_kind]
    if claim.approved_by is not None:  # with its list
        for name in _sums(claim):
            quotas.add(session, name, day, claim.amount_fen)
        return {}
    # Who may not agree yet agrees to nothing alone, nor does anybody for people whom they added themselves.
    reasons = {
        "source": source.needs_second_person,
        "fresh": accounts.approves_from(session, claim.created_by, now) is not None,
        "added": bool(trust.added(session, claim.created_by, [claim.openid])),
    }
    found = {reason: 0 for reason, holds in reasons.items() if holds}
    for name in _sums(claim):
        whose = name.partition(":")[0]
        most_fen = settings.reviewer_fen if source.is_reviewed and whose == "asker" else settings.second_person_fen
        sum_fen = quotas.add(session, name, day, claim.amount_fen)
        if claim.amount_fen >= most_fen:
            found["amount"] = claim.amount_fen
        elif sum_fen >= most_fen:
            found[whose] = sum_fen
    return found


def _take_out_of_sums(session: Session, claim: PayoutRequest, now: datetime) -> None:
    for name in _sums(claim):
        quotas.give_back(session, name, f"{shanghai_day(now):%Y%m%d}", claim.amount_fen)


def find(session: Session, source_kind: str, source_id: int) -> Payout | None:
    """The payout of a source, or None."""
    return session.scalar(select(Payout).where(Payout.source_kind == source_kind, Payout.source_id == source_id))


def month_name(payout: Payout) -> str:
    """The name of the person's monthly limit in a programme."""
    return f"programme:{payout.budget_id}:{payout.openid}"


def _same(known: Payout, claim: PayoutRequest) -> Payout:
    is_same = (known.openid, known.amount_fen, known.budget_id) == (
        claim.openid,
        claim.amount_fen,
        claim.budget_id,
    )
    if not is_same:
        raise Refusal(
            "other_content",
            Text(
                "这一笔已按另外的金额或收款人登记过，不能更改",
                "this was already asked for with another amount or person",
            ),
        )
    return known


def _open_programme(session: Session, programme_id: int) -> Programme:
    programme = session.get(Programme, programme_id)
    if programme is None or not programme.is_open:
        raise Refusal("programme", Text("项目不存在或已停用，请另选一个", "choose a programme that is open"))
    return programme


def _drafted(settings: Settings, programme: Programme, claim: PayoutRequest, now: datetime) -> Payout:
    if not settings.payout_min_fen <= claim.amount_fen <= settings.payout_max_fen:
        raise Refusal(
            "amount",
            Text(
                f"单笔金额须在 ¥{yuan(settings.payout_min_fen)} 到 ¥{yuan(settings.payout_max_fen)} 之间",
                f"one payout is between ¥{yuan(settings.payout_min_fen)} and ¥{yuan(settings.payout_max_fen)}",
            ),
        )
    channel = claim.channel or programme.channel or settings.payout_channel
    if channel not in DIRECT:
        raise Refusal("channel", Text(f"没有这种付款方式：{channel}", "there is no such channel"))
    texts = {name: claim.texts.get(name) or getattr(programme, name) for name in TEXTS}
    payout = _payout_of(claim, channel, texts, now)
    fault = fault_of(settings, channel, payment_request_of(payout))
    if fault is not None:
        raise Refusal(
            "texts",
            Text(
                "微信不接受这样的文案或金额，请修改项目的文案、金额或场景设置",
                f"WeChat would refuse its texts or its amount: {fault}",
            ),
        )
    payout.content_sha256 = content_of(payout)
    return payout


def _payout_of(claim: PayoutRequest, channel: str, texts: dict[str, str], now: datetime) -> Payout:
    """A new payout that is due at once, its content not hashed yet."""
    return Payout(
        public_id=secrets.token_urlsafe(18),
        source_kind=claim.source_kind,
        source_id=claim.source_id,
        budget_id=claim.budget_id,
        openid=claim.openid,
        amount_fen=claim.amount_fen,
        channel=channel,
        texts=texts,
        note=claim.note[:200],
        status="approved",
        hold=None,
        due_at=now,
        attempts=0,
        failures=0,
        month="",
        created_by=claim.created_by,
        approved_by=claim.approved_by,
        created_at=now,
        approved_at=now,
    )


def payment_request_of(payout: Payout) -> PaymentRequest:
    """What the next order of a payout is to do."""
    return PaymentRequest(
        PAYOUT_REASON,
        payout.id,
        payout.budget_id,
        payout.amount_fen,
        payout.texts,
        payout.attempts + 1,
        payout.openid,
        SOURCES[payout.source_kind].fund,
    )


def approve(session: Session, payout_id: int, staff_id: int, seen_sha256: str, now: datetime) -> None:
    """The second person agrees to exactly what they were shown. Raises Refusal."""
    payout = require_approvable(session, session.get(Payout, payout_id), staff_id, now)
    approval.require_unchanged(payout.content_sha256, seen_sha256, content_of(payout), changed=approval.LOOK_AGAIN)
    if not move(
        session,
        Payout,
        payout_id,
        PAYOUT_NEXT,
        "requested",
        "approved",
        approved_by=staff_id,
        approved_at=now,
        due_at=now,
    ):
        raise moved_on()


def require_approvable(session: Session, payout: Payout | None, staff_id: int, now: datetime) -> Payout:
    """The payout, when this person can approve it now; the button asks it before it is offered, too. Raises Refusal."""
    lineage.require_unfrozen(session)
    if payout is None or payout.status != "requested":
        raise Refusal(
            "status", Text("这一笔不在等待审批，请刷新页面", "it does not wait for approval any more; reload the page")
        )
    approval.require_second(session, staff_id, [payout.created_by], OWN, now)
    trust.require_stranger(session, staff_id, [payout.openid])
    return payout


def cancel(session: Session, payout_id: int, now: datetime) -> bool:
    """Call off a payout of which nothing was sent (money F82): it has no order yet, or one that still waits.

    Its use of the month's limit is given back. False when something was sent, or it is settled. What is owed is owed
    still: only the person's wish to have it now is undone.
    """
    payout = session.get(Payout, payout_id)
    if payout is not None and is_owed(payout.source_kind):
        return _put_back(session, payout, now)
    if payout is None or payout.status not in ("requested", "approved", "ordered"):
        return False
    if payout.status == "ordered" and not _call_order_off(session, payout.order_id, now):
        return False
    is_ours = move(
        session, Payout, payout_id, PAYOUT_NEXT, payout.status, "cancelled", hold=None, due_at=None, settled_at=now
    )
    if is_ours:
        release_month(session, payout)
    return is_ours


def _put_back(session: Session, payout: Payout, now: datetime) -> bool:
    if payout.status == "ordered":  # settle follows the order, and puts back what somebody wanted back
        return _call_order_off(session, payout.order_id, now, is_cancel_wanted=True)
    is_ours = payout.status == "approved" and payout.hold != COLLECT
    return is_ours and move(session, Payout, payout.id, PAYOUT_NEXT, "approved", "approved", hold=COLLECT, due_at=None)


def _call_order_off(session: Session, order_id: int | None, now: datetime, *, is_cancel_wanted: bool = False) -> bool:
    """End an order that was never sent; False when a sender has it or had it."""
    waiting = select(Order.id).where(Order.id == order_id, Order.status == "planned", Order.sends == 0)
    ids = session.scalars(waiting.with_for_update(skip_locked=True)).all()
    if is_cancel_wanted and ids:
        changed(session, update(Order).where(Order.id.in_(ids)).values(is_cancel_wanted=True))
    return bool(ids) and plan.call_off(session, ids, now) == 1


def release_month(session: Session, payout: Payout) -> None:
    """Give back what a payout that came to nothing had used of the month; once, by whoever moved it to its end."""
    if payout.month:
        quotas.give_back(session, month_name(payout), payout.month, payout.amount_fen)
