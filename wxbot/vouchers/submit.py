"""Handing in a voucher, from the chat and from the page alike: open it, add photos, say that this is all.

open_voucher ↓ caps and gates → a row in `submitted` that no reviewer sees yet
add_media    ↓ a photo of the chat is noted; the worker downloads it (fetch.py)
add_photo    ↓ bytes of the page → re-encoded, stored, compared
finish       ↓ this is all: reviewers may take it. Without a word that is taken for granted after a while.
"""

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.db import changed, insert_into
from wxbot.people import marks, notices
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Refusal, Text
from wxbot.transitions import move
from wxbot.vouchers import caps, kinds, photos
from wxbot.vouchers.models import NEXT, PHOTO_NEXT, Photo, Voucher, VoucherKind
from wxbot.vouchers.photos import BadPhoto
from wxbot.vouchers.storage import random_key, storage_of, thumb_of

PHOTOS_AT_MOST = 9
"""Photos of one voucher: as many as WeChat lets one choose at a time."""

NOTE_CHARS = 200
GRACE = {"chat": timedelta(minutes=2), "h5": timedelta(minutes=10)}
"""How long a voucher whose owner did not say "that is all" waits for more photos before reviewers may take it."""

INTERRUPTED_AFTER = timedelta(minutes=10)
"""An upload that is not stored after so long died on the way."""

Via = Literal["chat", "h5"]

REFUSALS: dict[str, Text] = {
    "blocked": Text(
        "暂时不能提交凭证。如有疑问，请联系我们的工作人员。",
        "You cannot hand in vouchers at present. Please contact our staff.",
    ),
    "kind": Text(
        "这种凭证现在不收，请选别的类型。",
        "This kind of voucher is not accepted now; please choose another.",
    ),
    "unbound": Text("请先绑定手机号，再提交凭证。", "Please bind your phone number first, then hand in the voucher."),
    "held": Text(
        "您的手机号正在核对，通过后就可以提交凭证。",
        "Your phone number is being checked; you can hand in vouchers after that.",
    ),
    "closed": Text(
        "这份凭证正在审核或已经有结果，不能再加照片。",
        "This voucher is under review or decided; no photos can be added.",
    ),
    "too_many": Text(f"一份凭证最多 {PHOTOS_AT_MOST} 张照片。", f"At most {PHOTOS_AT_MOST} photos per voucher."),
    "token": Text(
        "照片和上次传的不一样，请重新选择。",
        "This is not the photo of the first attempt; please choose it again.",
    ),
    "no_photo": Text("还没有照片，请先上传。", "There is no photo yet; please upload one first."),
}
"""Why a voucher or a photo is not taken, as the person is told."""


def _refused(reason: str) -> Refusal:
    return Refusal(reason, REFUSALS[reason])


def status_url(settings: Settings, voucher: Voucher) -> str:
    """The person's own page of a voucher."""
    return f"{settings.public_url}/h5/voucher/{voucher.public_id}"


def gate(session: Session, openid: str, kind: VoucherKind | None = None) -> Refusal | None:
    """Why this person may not hand in a voucher (of this kind) now; None when they may."""
    if marks.is_blocked(session, openid):
        return _refused("blocked")
    if kind is not None and kind.needs_binding:
        refusal = marks.refusal(session, None, openid)
        if refusal not in (
            None,
            "unconfirmed",
        ):  # handing in brings nobody money: the reviewer waits for the confirmation
            return _refused("held" if refusal == "held" else "unbound")
    return None


def open_voucher(
    session: Session,
    openid: str,
    kind_id: int,
    units: int,
    amount_fen: int,
    via: Via,
    now: datetime,
    *,
    note: str = "",
    token: str | None = None,
) -> Voucher:
    """A new voucher of this person, counted against the month's caps; a repeat with the same `token` finds the first.

    Raises Refusal (BadAmount) with a sentence; then nothing was written, whatever else the transaction does.
    """
    with session.begin_nested():
        if token is not None and (known := of_token(session, openid, token)) is not None:
            return known
        kind = session.get(VoucherKind, kind_id)
        if kind is None or not kind.is_on:
            raise _refused("kind")
        if (refused := gate(session, openid, kind)) is not None:
            raise refused
        asked_fen = kinds.amount_of(kind, units, amount_fen)
        caps.take_day(session, openid, now, "vouchers")
        try:
            caps.take_month(session, openid, kind, asked_fen, now)
        except Refusal:
            if token is None or (known := of_token(session, openid, token)) is None:
                raise
            return known
        # The month's row is locked from here on: two requests with one token are told apart now.
        if token is not None and (known := of_token(session, openid, token)) is not None:
            caps.give_back(session, known, asked_fen, whole=True)
            return known
        voucher = Voucher(
            public_id=secrets.token_urlsafe(16),
            openid=openid,
            kind_id=kind.id,
            units=units if kind.amount_rule == "per_unit" else 0,
            asked_fen=asked_fen,
            amount_fen=asked_fen,
            note=typed.line(note)[:NOTE_CHARS],
            status="submitted",
            via=via,
            month=caps.month_of(now),
            token=token,
            is_complete=False,
            submitted_at=now,
            reason="",
            look_alikes=0,
            version=1,
        )
        session.add(voucher)
        session.flush()
        return voucher


def of_token(session: Session, openid: str, token: str) -> Voucher | None:
    """The voucher that was opened with this token."""
    return session.scalar(select(Voucher).where(Voucher.openid == openid, Voucher.token == token))


def locked(session: Session, voucher_id: int) -> Voucher | None:
    """A voucher that nobody else changes until this transaction ends."""
    return session.get(Voucher, voucher_id, with_for_update=True, populate_existing=True)


def add_media(session: Session, voucher_id: int, media_id: str, now: datetime) -> Photo:
    """Note a photo of the chat; the worker downloads it before WeChat loses it after three days (§5.13).

    The same media_id again is the same photo. Raises Refusal.
    """
    with session.begin_nested():
        return _expect(session, voucher_id, f"media:{media_id}"[:160], now, now, media_id=media_id[:128])


def add_photo(runtime: Runtime, voucher_id: int, raw: bytes, now: datetime, token: str) -> Photo:
    """Keep a photo of the page; the same token with the same bytes is the same photo, however often it comes.

    Raises BadPhoto or Refusal with a sentence, Busy or StorageProblem when the same request may succeed later.
    """
    if len(raw) > photos.MOST_BYTES:
        raise photos.refusal("too_big")
    sha256 = photos.digest(raw)
    with runtime.database.transaction() as session:
        photo = _expect(session, voucher_id, f"page:{token}"[:160], now, now + INTERRUPTED_AFTER, sha256=sha256)
    if photo.status == "failed":
        raise photos.refusal(photo.fault)
    if photo.sha256 != sha256:
        raise _refused("token")
    return photo if photo.status == "kept" else keep(runtime, photo, raw)


def _expect(
    session: Session,
    voucher_id: int,
    token: str,
    now: datetime,
    next_try_at: datetime,
    *,
    media_id: str = "",
    sha256: str | None = None,
) -> Photo:
    """The row of a photo that is on its way; an exact copy of a live photo is refused (also another person's)."""
    voucher = locked(session, voucher_id)
    if voucher is None:
        raise _refused("closed")
    by_token = select(Photo).where(Photo.voucher_id == voucher_id, Photo.token == token)
    known = session.scalar(by_token)
    if known is not None:
        return known
    if voucher.status not in ("submitted", "photo_wanted"):
        raise _refused("closed")
    if count_photos(session, voucher_id) >= PHOTOS_AT_MOST:
        raise _refused("too_many")
    caps.take_day(session, voucher.openid, now, "photos")
    statement = insert_into(session, Photo).values(
        voucher_id=voucher_id,
        status="fetching",
        fault="",
        token=token,
        media_id=media_id,
        sha256=sha256,
        is_live=True,
        storage_key=random_key(),
        phash="",
        width=0,
        height=0,
        bytes=0,
        tries=0,
        next_try_at=next_try_at,
        created_at=now,
    )
    photo_id = session.scalar(statement.on_conflict_do_nothing().returning(Photo.id))
    if photo_id is None:
        raise photos.refusal("duplicate")
    voucher.version += 1
    voucher.ready_at = None
    session.flush()
    return session.get_one(Photo, photo_id)


def count_photos(session: Session, voucher_id: int) -> int:
    """How many photos a voucher has or is about to have."""
    query = select(func.count()).where(Photo.voucher_id == voucher_id, Photo.status != "failed")
    return int(session.scalar(query) or 0)


def keep(runtime: Runtime, photo: Photo, raw: bytes) -> Photo:
    """Re-encode, store, compare, and tell the voucher. No transaction is open while the picture is decoded or stored.

    Called again after a crash anywhere in between, it ends in the same row and the same files.
    """
    try:
        picture = photos.read(raw, Path(runtime.settings.data_dir))
    except BadPhoto as bad:
        fail(runtime, photo, bad.reason)
        raise
    storage = storage_of(runtime)
    storage.put(photo.storage_key, picture.content)
    storage.put(thumb_of(photo.storage_key), picture.thumb)
    now = runtime.clock.now()
    band_a, band_b, band_c, band_d = photos.bands(picture.phash)
    with runtime.database.transaction() as session:
        voucher = locked(session, photo.voucher_id)
        is_ours = move(
            session,
            Photo,
            photo.id,
            PHOTO_NEXT,
            "fetching",
            "kept",
            phash=picture.phash,
            turns=picture.turns,
            band_a=band_a,
            band_b=band_b,
            band_c=band_c,
            band_d=band_d,
            width=picture.width,
            height=picture.height,
            bytes=len(picture.content),
            next_try_at=None,
        )
        kept = session.get_one(Photo, photo.id, populate_existing=True)
        if is_ours and voucher is not None:
            photos.keep_windows(session, photo.id, picture.windows)
            voucher.look_alikes += len(photos.look_alikes(session, [kept]))
            if voucher.status == "photo_wanted":
                move(session, Voucher, voucher.id, NEXT, "photo_wanted", "submitted", submitted_at=now, reason="")
                session.refresh(voucher)
            settle(session, voucher, now)
    return kept


def fail(runtime: Runtime, photo: Photo, fault: str) -> None:
    """A photo cannot be kept: free its picture, and tell whoever sent it from the chat."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        voucher = locked(session, photo.voucher_id)
        is_ours = move(
            session, Photo, photo.id, PHOTO_NEXT, "fetching", "failed", fault=fault, is_live=False, next_try_at=None
        )
        if not is_ours or voucher is None:
            return
        if photo.media_id:
            url = status_url(runtime.settings, voucher)
            notices.tell(session, voucher.openid, "photo_failed", str(photo.id), photos.FAULTS[fault], url, now=now)
        settle(session, voucher, now)


def settle(session: Session, voucher: Voucher, now: datetime) -> None:
    """Let reviewers have a voucher whose photos have all arrived; ask for a photo when not one of them could be kept."""
    if voucher.status != "submitted":
        return
    statuses = set(session.scalars(select(Photo.status).where(Photo.voucher_id == voucher.id)))
    if "fetching" in statuses:
        voucher.ready_at = None
    elif "kept" in statuses:
        voucher.ready_at = now if voucher.is_complete else now + GRACE[voucher.via]
    elif voucher.via == "chat" and statuses:
        move(session, Voucher, voucher.id, NEXT, "submitted", "photo_wanted", ready_at=None, is_complete=False)
    session.flush()


def free_photos(session: Session, voucher_id: int) -> None:
    """The voucher was refused: its pictures may come again, for the right reason this time."""
    changed(session, update(Photo).where(Photo.voucher_id == voucher_id, Photo.is_live).values(is_live=False))


def finish(session: Session, voucher_id: int, now: datetime) -> Voucher:
    """The person says that this is all; repeating it changes nothing. Raises Refusal when there is no photo."""
    voucher = locked(session, voucher_id)
    if voucher is None:
        raise _refused("closed")
    if voucher.status == "submitted" and not voucher.is_complete:
        if not count_photos(session, voucher_id):
            raise _refused("no_photo")
        voucher.is_complete = True
        settle(session, voucher, now)
    return voucher
