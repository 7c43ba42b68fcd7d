"""A person's decision on a voucher: claim it, then approve, reject, or ask for a better photo (money F01, F24, F77).

Two reviewers work one queue without meeting: a claim is a guarded update with a lease. A decision is about the version
the reviewer saw, by the reviewer who holds the claim, once; approval writes the payout in the same transaction.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from wxbot import approval, typed
from wxbot.db import changed
from wxbot.money import yuan
from wxbot.payouts.create import TEXTS, PayoutRequest, request
from wxbot.payouts.models import Payout, Programme
from wxbot.payouts.sources import VOUCHER
from wxbot.people import marks, notices, trust
from wxbot.settings import Settings
from wxbot.staff import accounts, audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moving
from wxbot.vouchers import caps, kinds, photos
from wxbot.vouchers.models import NEXT, Photo, Voucher, VoucherKind, VoucherStatus, written
from wxbot.vouchers.submit import free_photos, locked, status_url

LEASE = timedelta(minutes=10)
"""How long a claimed voucher is kept from other reviewers."""

REASON_CHARS = 200
BULK_AT_MOST = 60

REFUSALS: dict[str, Text] = {
    "gone": Text(
        "这份凭证已由其他人处理或正在处理，没有重复操作。",
        "Somebody else has decided on this voucher or is looking at it; nothing was done twice.",
    ),
    "changed": Text(
        "这份凭证刚刚有了新照片，请看过之后再决定。",
        "This voucher has just got another photo; please look at it before you decide.",
    ),
    "reason": Text("请写明原因，对方会看到。", "Please give the reason; the person will read it."),
    "blocked": Text(
        "此人在黑名单中，不能批准。请拒绝，或先移出黑名单。",
        "This person is on the block list: reject the voucher, or take the mark off first.",
    ),
    "unconfirmed": Text(
        "此人是刚导入或刚加白名单的，另一种角色的同事确认后才能批准（收款人待确认）。",
        "This person was added lately; somebody of another role must confirm that before money follows.",
    ),
    "too_much": Text(
        "超过批量批准的金额上限，请单独审核。", "Above the ceiling of bulk approval; review it by itself."
    ),
    "incomparable": Text(
        "照片上没有可以比对的内容，请单独审核",
        "There is nothing in the photo that could be compared; look at this one by itself",
    ),
    "look_alike": Text(
        "有相似的照片，请单独审核。",
        "It has photos that look like others; review it by itself.",
    ),
}
"""Why a decision was not taken, as staff are told."""

APPROVED = Text(
    "您的“{kind}”凭证通过了，{given} 元红包正在安排发放。",
    "Your voucher “{kind}” was approved; a red packet of {given} yuan is on its way.",
)
APPROVED_LESS = Text(
    "（申请 {asked} 元，核定 {given} 元。）", " (You asked for {asked} yuan; {given} yuan were approved.)"
)
REJECTED = Text(
    "您的凭证没有通过：{reason}。如有疑问，请联系我们。",
    "Your voucher was not approved: {reason}. Please ask us if you have questions.",
)
PHOTO_WANTED = Text("请给您的凭证补一张照片：{reason}。", "Please send another photo for your voucher: {reason}.")
"""What its person is told of a decision; the reason is shown as staff wrote it."""


def _refused(reason: str) -> Refusal:
    return Refusal(reason, REFUSALS[reason])


# --- the queue ----------------------------------------------------------------------------------------------------


def end_leases(session: Session, now: datetime) -> int:
    """Put back what reviewers left lying."""
    ended = moving(Voucher, NEXT, ("claimed",), "submitted", claimed_by=None, claimed_until=None)
    return changed(session, ended.where(Voucher.status == written("claimed"), Voucher.claimed_until < now))


def claim_next(
    session: Session, staff_id: int, now: datetime, *, beside: Voucher | None = None, backwards: bool = False
) -> Voucher | None:
    """Claim the voucher that waits longest; with `beside` the one after (or before) it in the queue. None at its end.

    People whom this reviewer has added are passed over: somebody else must approve for them. So is a row that another
    reviewer is claiming at this moment; it is not waited for.
    """
    end_leases(session, now)
    place = tuple_(Voucher.ready_at, Voucher.id)
    is_ready = (Voucher.status == written("submitted"), Voucher.ready_at <= now)
    own = trust.added_by(staff_id, select(Voucher.openid).where(*is_ready))
    query = select(Voucher.id).where(*is_ready, Voucher.openid.not_in(own))
    if beside is not None and beside.ready_at is not None:
        here = tuple_(beside.ready_at, beside.id)
        query = query.where(place < here if backwards else place > here)
    order = (Voucher.ready_at.desc(), Voucher.id.desc()) if backwards else (Voucher.ready_at, Voucher.id)
    while True:
        found = session.scalar(query.order_by(*order).limit(1).with_for_update(skip_locked=True))
        if found is None:
            return None
        if claim(session, found, staff_id, now):
            return session.get_one(Voucher, found, populate_existing=True)


def claim(session: Session, voucher_id: int, staff_id: int, now: datetime) -> bool:
    """Take one voucher for oneself for LEASE; again while it is still one's own. False when it is not to be had.

    Without an end of the lease it is decided (vouchers/decisions), and not to be had even by whoever decided.
    """
    stamped = {"claimed_by": staff_id, "claimed_until": now + LEASE}
    voucher = locked(session, voucher_id)
    if voucher is None or (voucher.status == "submitted" and (voucher.ready_at is None or voucher.ready_at > now)):
        return False
    if voucher.status == "claimed" and voucher.claimed_until is None:
        return False
    if voucher.status == "claimed" and (voucher.claimed_by == staff_id or _is_over(voucher, now)):
        return move(session, Voucher, voucher_id, NEXT, "claimed", "claimed", **stamped)
    return move(session, Voucher, voucher_id, NEXT, "submitted", "claimed", **stamped)


def _is_over(voucher: Voucher, now: datetime) -> bool:
    return voucher.claimed_until is not None and voucher.claimed_until < now


def release(session: Session, voucher_id: int, staff_id: int) -> bool:
    """Put a voucher back into the queue, at its old place; False when it is not claimed by this reviewer, or decided."""
    voucher = locked(session, voucher_id)
    if (
        voucher is None
        or voucher.claimed_by != staff_id
        or voucher.status != "claimed"
        or voucher.claimed_until is None
    ):
        return False
    return move(session, Voucher, voucher_id, NEXT, "claimed", "submitted", claimed_by=None, claimed_until=None)


def claimed_by(session: Session, staff_id: int, now: datetime) -> Voucher | None:
    """What this reviewer has on the desk."""
    query = select(Voucher).where(
        Voucher.status == "claimed", Voucher.claimed_by == staff_id, Voucher.claimed_until >= now
    )
    return session.scalar(query.order_by(Voucher.claimed_until.desc()).limit(1))


# --- decisions ----------------------------------------------------------------------------------------------------


def _mine(session: Session, voucher_id: int, staff_id: int, version: int, now: datetime) -> Voucher:
    """The voucher, locked and claimed by this reviewer, as the reviewer saw it. Raises Refusal.

    A lease that ran out is taken again when nobody else has the voucher: the work of ten minutes is not lost.
    """
    voucher = locked(session, voucher_id)
    if voucher is None or not claim(session, voucher_id, staff_id, now):
        raise _refused("gone")
    if voucher.version != version:
        raise _refused("changed")
    session.refresh(voucher)
    return voucher


KIND_SHOWN = (
    "name",
    "ask",
    "amount_rule",
    "fixed_fen",
    "unit_fen",
    "unit_name",
    "min_fen",
    "max_fen",
    "programme_id",
    "channel",
    "needs_binding",
    "wishing",
    "remark",
)
PROGRAMME_SHOWN = ("department", "name", "channel", *TEXTS)


def seen_sha256(session: Session, voucher: Voucher) -> str:
    """The hash of everything that an approval is bound to: who asks for what, by which rule, with which photos, and which
    programme pays it over which channel with which texts (I16)."""
    kind = session.get_one(VoucherKind, voucher.kind_id)
    programme = session.get(Programme, kind.programme_id)
    parts = {
        "voucher": [voucher.id, voucher.version, voucher.openid, voucher.units, voucher.asked_fen, voucher.note],
        "kind": {name: getattr(kind, name) for name in KIND_SHOWN},
        "programme": {name: getattr(programme, name, None) for name in PROGRAMME_SHOWN},
        "photos": [[photo.id, photo.sha256, photo.storage_key] for photo in kept_photos(session, voucher.id)],
    }
    return approval.content_hash(parts)


def approve(
    session: Session,
    settings: Settings,
    voucher_id: int,
    actor: Actor,
    amount_fen: int,
    version: int,
    now: datetime,
    *,
    seen: str | None = None,
) -> Payout:
    """Agree to a voucher: it is approved, its payout exists, the log and the person know, in one transaction (F01).

    `amount_fen` may be less than was asked where the kind's rule knows a smaller amount; `seen` is the hash of what the
    reviewer was shown. Raises Refusal with a sentence.
    """
    staff_id = staff_id_of(actor)
    voucher = _mine(session, voucher_id, staff_id, version, now)
    require_approvable(session, voucher, staff_id, now)
    kind = session.get_one(VoucherKind, voucher.kind_id, with_for_update={"read": True}, populate_existing=True)
    session.get(Programme, kind.programme_id, with_for_update={"read": True}, populate_existing=True)
    if seen is not None:
        approval.require_unchanged(seen_sha256(session, voucher), seen, changed=approval.LOOK_AGAIN)
    amount_fen = kinds.corrected(kind, voucher.asked_fen, amount_fen)
    if not _decide(session, voucher, "approved", staff_id, now, amount_fen=amount_fen):
        raise _refused("gone")
    if amount_fen < voucher.asked_fen:
        caps.give_back(session, voucher, voucher.asked_fen - amount_fen, whole=False)
    texts = {name: value for name, value in (("wishing", kind.wishing), ("remark", kind.remark)) if value}
    claimed = PayoutRequest(
        source_kind=VOUCHER,
        source_id=voucher.id,
        budget_id=kind.programme_id,
        openid=voucher.openid,
        amount_fen=amount_fen,
        note=f"{kind.name} #{voucher.id}",
        channel=kind.channel,
        texts=texts,
        created_by=staff_id,
    )
    try:
        payout = request(session, settings, claimed, now)
    except Refusal as bad:
        raise Refusal("payout", bad.text) from bad
    detail = {"asked_fen": voucher.asked_fen, "amount_fen": amount_fen, "payout": payout.id}
    audit.record(session, actor, "voucher_approve", f"voucher:{voucher.id}", now, detail=detail)
    given, asked = yuan(amount_fen), yuan(voucher.asked_fen)
    text = APPROVED.format(kind=kind.name, given=given)
    if amount_fen < voucher.asked_fen:
        less = APPROVED_LESS.format(asked=asked, given=given)
        text = Text(text.zh + less.zh, text.en + less.en)
    _tell(session, settings, voucher, "voucher_approved", str(voucher.id), text, now)
    return payout


def require_approvable(session: Session, voucher: Voucher, staff_id: int, now: datetime) -> None:
    """Raise Refusal when this person cannot approve the voucher now: what the button asks before it is offered, too."""
    accounts.require_settled(session, staff_id, now)
    if (refusal := marks.refusal(session, None, voucher.openid)) in ("blocked", "unconfirmed"):
        raise _refused(refusal)
    trust.require_stranger(session, staff_id, [voucher.openid])


def reject(
    session: Session, settings: Settings, voucher_id: int, actor: Actor, reason: str, version: int, now: datetime
) -> None:
    """Refuse a voucher with a reason the person reads; its share of the month's cap is free again. Raises Refusal."""
    reason = _reason(reason)
    staff_id = staff_id_of(actor)
    voucher = _mine(session, voucher_id, staff_id, version, now)
    if not _decide(session, voucher, "rejected", staff_id, now, reason=reason):
        raise _refused("gone")
    caps.give_back(session, voucher, voucher.asked_fen, whole=True)
    free_photos(session, voucher.id)
    audit.record(session, actor, "voucher_reject", f"voucher:{voucher.id}", now, detail={"reason": reason})
    text = REJECTED.format(reason=reason)
    _tell(session, settings, voucher, "voucher_rejected", str(voucher.id), text, now)


def want_photo(
    session: Session, settings: Settings, voucher_id: int, actor: Actor, reason: str, version: int, now: datetime
) -> None:
    """Ask the person for a better photo; the voucher comes back into the queue with it. Raises Refusal."""
    reason = _reason(reason)
    staff_id = staff_id_of(actor)
    voucher = _mine(session, voucher_id, staff_id, version, now)
    if not _decide(session, voucher, "photo_wanted", staff_id, now, reason=reason, is_complete=False, ready_at=None):
        raise _refused("gone")
    audit.record(session, actor, "voucher_photo", f"voucher:{voucher.id}", now, detail={"reason": reason})
    text = PHOTO_WANTED.format(reason=reason)
    _tell(session, settings, voucher, "voucher_photo", f"{voucher.id}:{voucher.version}", text, now)


def _reason(reason: str) -> str:
    reason = " ".join(typed.clean(reason).split())[:REASON_CHARS].rstrip("。.")
    if not reason:
        raise _refused("reason")
    return reason


def staff_id_of(actor: Actor) -> int:
    """The account of who decides. Raises ValueError at the command line, which has none."""
    if actor.id is None:
        raise ValueError("a decision needs somebody who takes it")
    return actor.id


def _decide(
    session: Session, voucher: Voucher, after: VoucherStatus, staff_id: int, now: datetime, **values: object
) -> bool:
    """claimed → decided, once; the row is locked, so whose claim it is cannot have changed since _mine()."""
    stamped = {"decided_by": staff_id, "decided_at": now, "claimed_by": None, "claimed_until": None}
    return move(session, Voucher, voucher.id, NEXT, "claimed", after, **stamped, **values)


def _tell(
    session: Session, settings: Settings, voucher: Voucher, kind: str, ref: str, text: Text, now: datetime
) -> None:
    notices.tell(session, voucher.openid, kind, ref, text, status_url(settings, voucher), now=now)


# --- many at once -------------------------------------------------------------------------------------------------


def bulk_refusal(session: Session, settings: Settings, voucher: Voucher, kept: list[Photo]) -> Refusal | None:
    """Why a voucher cannot be approved with others: too much money, or photos that look like somebody's."""
    if voucher.amount_fen > settings.bulk_approve_fen:
        return _refused("too_much")
    if not kept or not all(photos.is_comparable(photo) for photo in kept):
        return _refused("incomparable")
    if voucher.look_alikes or photos.look_alikes(session, kept):
        return _refused("look_alike")
    return None


def approve_with_others(
    session: Session,
    settings: Settings,
    voucher_id: int,
    actor: Actor,
    version: int,
    now: datetime,
    *,
    seen: str | None = None,
) -> Payout:
    """Approve a voucher at the amount asked, together with others: small ones that look like no other. Raises Refusal."""
    voucher = locked(session, voucher_id)
    if voucher is None or voucher.status not in ("submitted", "claimed"):
        raise _refused("gone")
    why_not = bulk_refusal(session, settings, voucher, kept_photos(session, voucher_id))
    if why_not is not None:
        raise why_not
    return approve(session, settings, voucher_id, actor, voucher.asked_fen, version, now, seen=seen)


def kept_photos(session: Session, voucher_id: int) -> list[Photo]:
    """The photos of a voucher that can be looked at, in the order they came."""
    query = select(Photo).where(Photo.voucher_id == voucher_id, Photo.status == "kept")
    return list(session.scalars(query.order_by(Photo.id)))
