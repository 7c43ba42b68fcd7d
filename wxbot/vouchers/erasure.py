"""Forget the photos and words of people who asked WeChat for it (worker task vouchers.erase).

people.erasure has ended their binding and emptied their notices; here the pictures leave the store. The voucher's amount,
kind and decision stay: money was paid for it, and the books refer to it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.people.models import Withdrawal
from wxbot.runtime import Runtime
from wxbot.transitions import move
from wxbot.vouchers import caps
from wxbot.vouchers.models import NEXT, PHOTO_NEXT, Photo, PhotoWindow, Voucher
from wxbot.vouchers.storage import Storage, StorageProblem, delete_photo, storage_of

log = get_logger(__name__)

BATCH = 200
REASON = "已应本人要求删除"
"""Why an undecided voucher of somebody who left is refused."""


def _gone() -> Any:
    """Who has been erased, as a sub-query."""
    return select(Withdrawal.openid).where(Withdrawal.erased_at.is_not(None))


def erase_due(runtime: Runtime) -> int:
    """Erase what is due; returns how many photos and vouchers were changed."""
    with runtime.database.reading() as session:
        kept = select(Photo).join(Voucher, Voucher.id == Photo.voucher_id).where(Voucher.openid.in_(_gone()))
        photos = session.scalars(kept.where(Photo.status == "kept").limit(BATCH)).all()
        open_ones = select(Voucher.id).where(
            Voucher.openid.in_(_gone()), (Voucher.status.in_(("submitted", "photo_wanted"))) | (Voucher.note != "")
        )
        vouchers = session.scalars(open_ones.limit(BATCH)).all()
    storage, done = storage_of(runtime), 0
    for photo in photos:
        try:
            done += erase_photo(runtime, storage, photo)
        except StorageProblem as problem:
            log.warning("photo_not_erased", photo_id=photo.id, error=str(problem)[:200])
            break
    for voucher_id in vouchers:
        with runtime.database.transaction() as session:
            done += _erase_words(session, voucher_id, runtime.clock.now())
    return done


def let_go(runtime: Runtime, before: datetime) -> int:
    """Delete the pictures of vouchers decided before; returns how many. Their hashes stay: the same picture is not taken again."""
    decided = Voucher.status.in_(("approved", "rejected")) & (Voucher.decided_at < before)
    with runtime.database.reading() as session:
        old = select(Photo).join(Voucher, Voucher.id == Photo.voucher_id).where(Photo.status == "kept", decided)
        photos = session.scalars(old.order_by(Photo.id).limit(BATCH)).all()
    storage, done = storage_of(runtime), 0
    for photo in photos:
        delete_photo(storage, photo.storage_key)
        with runtime.database.transaction() as session:
            done += int(move(session, Photo, photo.id, PHOTO_NEXT, "kept", "failed", fault="expired", media_id=""))
        delete_photo(storage, photo.storage_key)  # a move between stores may have written it meanwhile (erase_photo)
    return done


def erase_photo(runtime: Runtime, storage: Storage, photo: Photo) -> int:
    """Delete a kept photo wherever it is, and forget what it looked like; returns 1, or 0 when somebody else was quicker.

    Raises StorageProblem; then it stays as it was. The files are deleted again after the row says so: a move between stores
    may have written them meanwhile, and one that writes them still later reads the row and takes them away (moving).
    """
    delete_photo(storage, photo.storage_key)
    with runtime.database.transaction() as session:
        done = _forget_photo(session, photo.id)
    delete_photo(storage, photo.storage_key)
    return done


def _forget_photo(session: Session, photo_id: int) -> int:
    changed(session, delete(PhotoWindow).where(PhotoWindow.photo_id == photo_id))
    blank = {"phash": "", "turns": "", "sha256": None, "band_a": None, "band_b": None, "band_c": None, "band_d": None}
    return int(
        move(
            session, Photo, photo_id, PHOTO_NEXT, "kept", "failed", fault="erased", is_live=False, media_id="", **blank
        )
    )


def _erase_words(session: Session, voucher_id: int, now: datetime) -> int:
    """Empty the note; a voucher that nobody has decided on ends, because there is nothing left to look at."""
    voucher = session.get(Voucher, voucher_id, with_for_update=True)
    if voucher is None:
        return 0
    changed(session, update(Voucher).where(Voucher.id == voucher_id).values(note=""))
    if voucher.status in ("submitted", "photo_wanted") and move(
        session, Voucher, voucher_id, NEXT, voucher.status, "rejected", reason=REASON, decided_at=now
    ):
        caps.give_back(session, voucher, voucher.asked_fen, whole=True)
    return 1
