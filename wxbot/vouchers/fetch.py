"""The worker's part: photos of the chat are downloaded before WeChat loses them, and nothing half done stays for ever."""

from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from wxbot.confined.run import Busy
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.people import notices
from wxbot.runtime import Runtime
from wxbot.text import Text
from wxbot.transitions import move
from wxbot.vouchers import caps, photos, review, submit
from wxbot.vouchers.models import NEXT, Photo, Voucher, written
from wxbot.vouchers.photos import BadPhoto
from wxbot.vouchers.storage import StorageProblem, delete_photo, storage_of
from wxbot.wechat.errors import Refused, Unanswered, WeChatError

log = get_logger(__name__)

BATCH = 20
LEASE = timedelta(seconds=120)
"""How long a photo belongs to the worker that downloads it: longer than a slow download and a slow child together."""

MEDIA_LIFE = timedelta(hours=70)
"""WeChat keeps a person's media for three days (wechat-protocol §5.13); then the person is asked to send it again."""

FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 1_800
GONE = frozenset({"40007"})
"""WeChat does not know this media_id (any more)."""

SILENT_DAYS = 7
"""A voucher that waits for a photo for so long is refused, which frees its share of the month's cap."""


def fetch_due(runtime: Runtime) -> int:
    """Download what is due, settle what was interrupted; returns how many photos were looked at."""
    now = runtime.clock.now()
    with runtime.database.reading() as session:
        query = select(Photo).where(Photo.status == written("fetching"), Photo.next_try_at <= now)
        due = session.scalars(query.order_by(Photo.next_try_at, Photo.id).limit(BATCH)).all()
    done = 0
    for photo in due:
        if not _claim(runtime, photo):
            continue
        done += 1
        try:
            if photo.media_id:
                _fetch(runtime, photo)
            else:
                _give_up(runtime, photo, "interrupted")
        except (Busy, StorageProblem, RedisError, OSError) as error:
            log.warning("photo_postponed", photo_id=photo.id, error=type(error).__name__)
            _postpone(runtime, photo)
    return done


def _claim(runtime: Runtime, photo: Photo) -> bool:
    """Take one photo for this worker: whoever moves its next try first has it (names: claim)."""
    with runtime.database.transaction() as session:
        guarded = update(Photo).where(
            Photo.id == photo.id, Photo.status == "fetching", Photo.next_try_at == photo.next_try_at
        )
        is_ours = changed(session, guarded.values(next_try_at=runtime.clock.now() + LEASE, tries=Photo.tries + 1))
    return is_ours > 0


def _fetch(runtime: Runtime, photo: Photo) -> None:
    """Download one photo and keep it; whatever WeChat's answer is, the row knows what comes next."""
    try:
        media = runtime.official_account.media_get(photo.media_id, max_bytes=photos.MOST_BYTES)
    except Refused as refused:
        if refused.code in GONE or _is_too_late(runtime, photo):
            _give_up(runtime, photo, "lost")
        else:
            log.warning("photo_refused_by_wechat", photo_id=photo.id, err_code=refused.code)
            _postpone(runtime, photo)
        return
    except WeChatError as error:
        if isinstance(error, Unanswered) and error.reason == "too_big":
            _give_up(runtime, photo, "too_big")
        elif _is_too_late(runtime, photo):
            _give_up(runtime, photo, "lost")
        else:
            log.warning("photo_not_fetched", photo_id=photo.id, error=type(error).__name__)
            _postpone(runtime, photo)
        return
    if not _is_first(runtime, photo, photos.digest(media.content)):
        _give_up(runtime, photo, "duplicate")
        return
    try:
        submit.keep(runtime, photo, media.content)
    except BadPhoto:
        return  # the row is failed and the person is told


def _is_first(runtime: Runtime, photo: Photo, sha256: str) -> bool:
    """Note what the bytes are; False when a live photo is exactly the same (the unique index decides)."""
    try:
        with runtime.database.transaction() as session:
            changed(session, update(Photo).where(Photo.id == photo.id, Photo.is_live).values(sha256=sha256))
    except IntegrityError:
        return False
    return True


def _is_too_late(runtime: Runtime, photo: Photo) -> bool:
    return runtime.clock.now() - photo.created_at > MEDIA_LIFE


def _postpone(runtime: Runtime, photo: Photo) -> None:
    """Again later, each time after a longer pause."""
    pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 3 ** min(photo.tries, 8))
    with runtime.database.transaction() as session:
        again = update(Photo).where(Photo.id == photo.id, Photo.status == "fetching")
        changed(session, again.values(next_try_at=runtime.clock.now() + timedelta(seconds=pause_s)))


def _give_up(runtime: Runtime, photo: Photo, fault: str) -> None:
    """End a photo, an upload of the page that nobody finished or one that WeChat lost: forget its files, free its picture.

    A worker may have died between storing it and saying so.
    """
    delete_photo(storage_of(runtime), photo.storage_key)
    submit.fail(runtime, photo, fault)


def lapse(runtime: Runtime) -> int:
    """End leases that ran out, and vouchers that have waited for a photo for too long; returns how many."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        count = review.end_leases(session, now)
    with runtime.database.reading() as session:
        silent = select(Voucher.id).where(
            func.coalesce(Voucher.decided_at, Voucher.submitted_at) < now - timedelta(days=SILENT_DAYS),
            (Voucher.status == "photo_wanted") | ((Voucher.status == "submitted") & Voucher.ready_at.is_(None)),
        )
        ids = session.scalars(silent.limit(200)).all()
    return count + sum(_end_silent(runtime, voucher_id, now) for voucher_id in ids)


def _end_silent(runtime: Runtime, voucher_id: int, now: datetime) -> int:
    reason = Text(f"{SILENT_DAYS} 天内没有收到可用的照片", f"no photo that can be used came in {SILENT_DAYS} days")
    with runtime.database.transaction() as session:
        voucher = submit.locked(session, voucher_id)
        if voucher is None or voucher.status not in ("photo_wanted", "submitted"):
            return 0
        statuses = set(session.scalars(select(Photo.status).where(Photo.voucher_id == voucher_id)))
        if voucher.status == "submitted" and statuses & {"fetching", "kept"}:
            return 0
        before = voucher.status
        if not move(session, Voucher, voucher_id, NEXT, before, "rejected", reason=reason.zh, decided_at=now):
            return 0
        submit.free_photos(session, voucher_id)
        caps.give_back(session, voucher, voucher.amount_fen, whole=True)
        text = Text(
            f"您的凭证没有通过：{reason.zh}。需要的话，请重新提交。",
            f"Your voucher was not approved: {reason.en}. Please hand it in again if you like.",
        )
        notices.tell(
            session,
            voucher.openid,
            "voucher_rejected",
            str(voucher_id),
            text,
            submit.status_url(runtime.settings, voucher),
            now=now,
        )
    return 1
