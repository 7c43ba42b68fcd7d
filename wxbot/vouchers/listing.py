"""What the desk, the person's page and the chat show of vouchers: pages by key, counts that stop, one reading each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.payouts.models import Payout
from wxbot.payouts.sources import VOUCHER
from wxbot.people import bindings, marks, phones
from wxbot.vault import Vault
from wxbot.vouchers import caps
from wxbot.vouchers.models import Photo, Voucher, VoucherKind, written
from wxbot.vouchers.photos import LookAlike, look_alikes
from wxbot.vouchers.review import kept_photos, seen_sha256

PAGE_ROWS = 50
QUEUE_ROWS = 8
HISTORY_ROWS = 8
COUNTED_AT_MOST = 1_000


@dataclass(frozen=True)
class Row:
    """A voucher with its kind and, once approved, its payout."""

    voucher: Voucher
    kind: VoucherKind
    payout: Payout | None = None


@dataclass(frozen=True)
class Face:
    """Who asks, as far as staff may know: the roster's name and a masked phone."""

    openid: str
    name: str
    phone: str
    is_blocked: bool
    month_vouchers: int
    month_fen: int


@dataclass(frozen=True)
class Panel:
    """Everything a reviewer needs beside one voucher."""

    voucher: Voucher
    kind: VoucherKind
    photos: Sequence[Photo]
    look_alikes: Sequence[LookAlike]
    face: Face
    history: Sequence[Row]
    payout: Payout | None
    content_sha256: str
    """What an approval of this is bound to."""


def kinds_by_id(session: Session) -> dict[int, VoucherKind]:
    """All kinds; there are a handful."""
    return {kind.id: kind for kind in session.scalars(select(VoucherKind))}


def by_public_id(session: Session, public_id: str, openid: str) -> Voucher | None:
    """A person's own voucher; another person's is as absent as none (S28)."""
    if len(public_id) > 24 or not (public_id.isascii() and public_id.isprintable()):
        return None
    return session.scalar(select(Voucher).where(Voucher.public_id == public_id, Voucher.openid == openid))


def of_person(session: Session, openid: str, limit: int = HISTORY_ROWS, before: int | None = None) -> list[Row]:
    """A person's vouchers below `before`, the newest first."""
    query = select(Voucher).where(Voucher.openid == openid).order_by(Voucher.id.desc()).limit(limit)
    return rows(session, session.scalars(query if before is None else query.where(Voucher.id < before)).all())


def rows(session: Session, vouchers: Sequence[Voucher]) -> list[Row]:
    """The vouchers with what belongs to them."""
    kinds = kinds_by_id(session)
    ids = [voucher.id for voucher in vouchers]
    paid = session.scalars(select(Payout).where(Payout.source_kind == VOUCHER, Payout.source_id.in_(ids)))
    payouts = {payout.source_id: payout for payout in paid} if ids else {}
    return [Row(voucher, kinds[voucher.kind_id], payouts.get(voucher.id)) for voucher in vouchers]


def shown_photos(session: Session, voucher_id: int) -> list[Photo]:
    """A voucher's photos as its owner sees them: kept, or still on their way."""
    query = select(Photo).where(Photo.voucher_id == voucher_id, Photo.status != "failed")
    return list(session.scalars(query.order_by(Photo.id)))


def counts(session: Session, now: datetime) -> dict[str, int]:
    """How many wait, lie on a desk, or wait for a photo; counting stops at a thousand."""
    conditions = {
        "submitted": (Voucher.status == written("submitted"), Voucher.ready_at <= now),
        "claimed": (Voucher.status == "claimed",),
        "photo_wanted": (Voucher.status == "photo_wanted",),
    }
    found = {}
    for name, where in conditions.items():
        some = select(Voucher.id).where(*where).limit(COUNTED_AT_MOST).subquery()
        found[name] = int(session.execute(select(func.count()).select_from(some)).scalar_one())
    return found


def queue(session: Session, now: datetime, limit: int = QUEUE_ROWS) -> list[Row]:
    """What waits longest."""
    query = select(Voucher).where(Voucher.status == written("submitted"), Voucher.ready_at <= now)
    return rows(session, session.scalars(query.order_by(Voucher.ready_at, Voucher.id).limit(limit)).all())


@dataclass(frozen=True)
class BulkRow:
    """A small voucher with its first photo and who asks."""

    voucher: Voucher
    kind: VoucherKind
    photos: Sequence[Photo]
    content_sha256: str


def bulk(session: Session, ceiling_fen: int, limit: int, now: datetime) -> list[BulkRow]:
    """What may be approved with others: small, without a photo that looked like another when it came in, and none that
    cannot be compared."""
    blank = select(Photo.id).where(Photo.voucher_id == Voucher.id, Photo.status == "kept", Photo.phash == "")
    query = select(Voucher).where(
        Voucher.status == written("submitted"),
        Voucher.ready_at <= now,
        Voucher.amount_fen <= ceiling_fen,
        Voucher.look_alikes == 0,
        ~blank.exists(),
    )
    found = rows(session, session.scalars(query.order_by(Voucher.ready_at, Voucher.id).limit(limit)).all())
    return [
        BulkRow(row.voucher, row.kind, kept_photos(session, row.voucher.id), seen_sha256(session, row.voucher))
        for row in found
    ]


def page(
    session: Session, status: str, *, kind_id: int | None = None, openid: str = "", before: int | None = None
) -> list[Row]:
    """Vouchers of one status, the newest first; one more than a page when there are more."""
    query = select(Voucher).where(Voucher.status == status)
    if openid:
        query = query.where(Voucher.openid == openid)
    if kind_id is not None:
        query = query.where(Voucher.kind_id == kind_id)
    if before is not None:
        query = query.where(Voucher.id < before)
    return rows(session, session.scalars(query.order_by(Voucher.id.desc()).limit(PAGE_ROWS + 1)).all())


def face(session: Session, vault: Vault, openid: str, kind_id: int, month: str) -> Face:
    """Who asks, and what they asked for this month."""
    binding = bindings.active(session, openid)
    month_vouchers, month_fen = caps.used_month(session, openid, kind_id, month)
    return Face(
        openid=openid,
        name=binding.name if binding else "",
        phone=phones.masked(vault.open(binding.phone_sealed)) if binding and binding.phone_sealed else "",
        is_blocked=marks.is_blocked(session, openid),
        month_vouchers=month_vouchers,
        month_fen=month_fen,
    )


def panel(session: Session, vault: Vault, voucher: Voucher) -> Panel:
    """One voucher with its photos, the person's history, and photos that look like these."""
    photos = kept_photos(session, voucher.id)
    ((whole),) = rows(session, [voucher])
    history = [row for row in of_person(session, voucher.openid, HISTORY_ROWS + 1) if row.voucher.id != voucher.id]
    return Panel(
        voucher=voucher,
        kind=whole.kind,
        photos=photos,
        look_alikes=look_alikes(session, photos),
        face=face(session, vault, voucher.openid, voucher.kind_id, voucher.month),
        history=history[:HISTORY_ROWS],
        payout=whole.payout,
        content_sha256=seen_sha256(session, voucher),
    )


@dataclass(frozen=True)
class Left:
    """What a person may still ask for with one kind this month; None means as much as they like."""

    kind: VoucherKind
    vouchers: int | None
    amount_fen: int | None


def left_this_month(session: Session, openid: str, kinds: Sequence[VoucherKind], now: datetime) -> list[Left]:
    """What is left of each kind's monthly caps."""
    found = []
    for kind in kinds:
        count, fen = caps.used_month(session, openid, kind.id, caps.month_of(now))
        found.append(
            Left(
                kind,
                max(0, kind.month_count_cap - count) if kind.month_count_cap else None,
                max(0, kind.month_fen_cap - fen) if kind.month_fen_cap else None,
            )
        )
    return found
