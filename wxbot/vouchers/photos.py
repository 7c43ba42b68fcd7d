"""Photos as they come in: measured, re-encoded in a confined child, compared with what came before (security S43–S50).

The application never decodes a picture itself; it only counts bytes and reads the child's answer.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from wxbot.confined import run
from wxbot.db import is_sqlite
from wxbot.logs import get_logger
from wxbot.text import Refusal, Text
from wxbot.vouchers import reencode
from wxbot.vouchers.models import Photo, PhotoWindow, Voucher

log = get_logger(__name__)

MOST_BYTES = reencode.MOST_BYTES
NEAR_BITS = 8
"""Pictures whose hashes differ in at most so many of 64 bits look alike."""

BAND_BITS = 16
BAND_REACH = NEAR_BITS // 4
"""Of four quarters with at most NEAR_BITS differences in all, one has at most so many: that quarter finds the row."""

BANDS = ("band_a", "band_b", "band_c", "band_d")
_NEAR_SQLITE, _NEAR_POSTGRESQL = (
    text(" OR ".join(f"{band} {among.format(band)}" for band in BANDS))
    for among in ("IN (SELECT value FROM json_each(:{}))", "= ANY (CAST(:{} AS integer[]))")
)
"""One parameter for each quarter: a picture in all its ways has some ten thousand numbers around it."""

LOOK_ALIKES_AT_MOST = 12
LOOKED_AT_ONCE = 200

FAULTS: dict[str, Text] = {
    "too_big": Text(
        "照片太大了：最多 8 MB、2500 万像素。请换一张，或用手机截图后再传。",
        "The photo is too big: at most 8 MB and 25 megapixels. Please send a smaller one.",
    ),
    "too_small": Text("照片太小，看不清。请重新拍一张。", "The photo is too small to read. Please take another."),
    "broken": Text(
        "这个文件不是能打开的照片。请用 JPG、PNG 或 WebP 格式重新上传。",
        "This file is not a photo we can open. Please send JPG, PNG or WebP.",
    ),
    "heic": Text(
        "这是 HEIC 或 AVIF 格式，这里打不开。请截图后再传，或在手机“设置 → 相机 → 格式”里选“兼容性最佳”再拍。",
        "This photo is HEIC or AVIF, which cannot be opened here. Please send a screenshot of it, or choose “Most Compatible” in the phone's camera settings.",
    ),
    "moving": Text(
        "这是会动的图片，只能交一张不动的照片。请截图后再传。",
        "This picture moves; a voucher needs one that does not. Please send a screenshot of it.",
    ),
    "cut_off": Text(
        "照片没有传完整，下半部分缺失。请重新选择这张照片再传。",
        "The photo is incomplete: its lower part is missing. Please choose it again.",
    ),
    "duplicate": Text(
        "这张照片已经交过了，请换成这一次的凭证照片。",
        "This photo was handed in before. Please send the one for this voucher.",
    ),
    "lost": Text("微信没有把照片给到我们，请再发一次。", "WeChat did not give us the photo. Please send it again."),
    "expired": Text("照片保存期已满，已删除。", "The photo was kept as long as it may be and was deleted."),
    "erased": Text("照片已应本人要求删除。", "The photo was deleted because the person asked for it."),
    "interrupted": Text("照片没有传完，请再传一次。", "The upload was cut off. Please send the photo again."),
}
"""Why a photo was not kept, as the person is told."""


class BadPhoto(Refusal):
    """The photo cannot be kept; another one may."""


def refusal(fault: str) -> BadPhoto:
    """The refusal for one fault."""
    return BadPhoto(fault, FAULTS[fault])


@dataclass(frozen=True)
class Picture:
    """A re-encoded photo and its thumbnail, both JPEG."""

    content: bytes
    thumb: bytes
    width: int
    height: int
    phash: str
    turns: str
    windows: tuple[str, ...]


def digest(raw: bytes) -> str:
    """The SHA-256 of what came in, by which an exact duplicate is known."""
    return hashlib.sha256(raw).hexdigest()


def read(raw: bytes, folder: Path | None = None, program: str = reencode.__name__) -> Picture:
    """Re-encode a photo in the confined child; raises BadPhoto with what to do, or Busy.

    `folder` is the data folder that the processes of this machine share; `program` another that answers as reencode does. Never call it with an open transaction.
    """
    if len(raw) > MOST_BYTES:
        raise refusal("too_big")
    if not raw:
        raise refusal("broken")
    try:
        line, _, rest = run.ask(program, raw, folder).partition(b"\n")
    except run.NoAnswer as ended:
        raise refusal("too_big" if ended.is_limit else "broken") from None
    found = json.loads(line)
    if "fault" in found:
        log.info("photo_refused", fault=found["fault"], why=found.get("why", ""))
        raise refusal(found["fault"])
    content, thumb = rest[: found["bytes"]], rest[found["bytes"] :]
    return Picture(
        content, thumb, found["width"], found["height"], found["phash"], found["turns"], tuple(found["windows"])
    )


# --- look-alikes --------------------------------------------------------------------------------------------------


def bands(phash: str) -> tuple[int, int, int, int] | tuple[None, None, None, None]:
    """The four quarters of a hash; nothing for a blank picture."""
    if not phash:
        return None, None, None, None
    return int(phash[0:4], 16), int(phash[4:8], 16), int(phash[8:12], 16), int(phash[12:16], 16)


def distance(one: str, other: str) -> int:
    """In how many of the 64 bits two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


_CHANGES = tuple(
    sum(1 << place for place in places)
    for count in range(BAND_REACH + 1)
    for places in combinations(range(BAND_BITS), count)
)


def _around(band: int) -> list[int]:
    """Every 16-bit number that differs from `band` in at most BAND_REACH bits: 137 of 65,536."""
    return [band ^ change for change in _CHANGES]


@dataclass(frozen=True)
class LookAlike:
    """Another voucher's photo that looks like one of these, and in how many bits it differs."""

    photo: Photo
    voucher: Voucher
    bits: int
    of_photo_id: int


def ways(photo: Photo) -> list[str]:
    """A photo's hashes, the upright one first; none for a picture without anything to see."""
    return [photo.phash, *(photo.turns[n : n + 16] for n in range(0, len(photo.turns), 16))] if photo.phash else []


def is_comparable(photo: Photo) -> bool:
    """Whether there is something in the picture by which it would be known again."""
    return bool(photo.phash)


def keep_windows(session: Session, photo_id: int, windows: Sequence[str]) -> None:
    """Write down what the photo looks like with something cut off."""
    session.execute(delete(PhotoWindow).where(PhotoWindow.photo_id == photo_id))
    for phash in windows:
        band_a, band_b, band_c, band_d = bands(phash)
        session.add(
            PhotoWindow(photo_id=photo_id, phash=phash, band_a=band_a, band_b=band_b, band_c=band_c, band_d=band_d)
        )


def _near(session: Session, model: Any, photo_id: Any, hashes: Sequence[str], best: dict[int, int]) -> None:
    """Note in `best` the photos among a table's rows that lie near one of these hashes, each with its fewest bits."""
    around: list[set[int]] = [set(), set(), set(), set()]
    for phash in hashes:
        for place, band in zip(around, bands(phash), strict=True):
            place.update(_around(band or 0))
    wanted = [int(phash, 16) for phash in hashes]
    asked = {
        name: json.dumps(list(near)) if is_sqlite(session) else list(near)
        for name, near in zip(BANDS, around, strict=True)
    }
    found = _NEAR_SQLITE if is_sqlite(session) else _NEAR_POSTGRESQL
    for other_id, phash in session.execute(select(photo_id, model.phash).where(found), asked):
        bits = min((int(phash, 16) ^ each).bit_count() for each in wanted)
        if bits <= NEAR_BITS and bits < best.get(other_id, NEAR_BITS + 1):
            best[other_id] = bits


def look_alikes(session: Session, photos: Sequence[Photo]) -> list[LookAlike]:
    """Photos of other vouchers that look like these, the most alike first; for people to judge, never a verdict (F78).

    However a copy lies, mirrored or not, and whichever of the two has something cut off. Every row that may be near is
    looked at: no number of newer ones hides an older one.
    """
    found: list[LookAlike] = []
    for photo in photos:
        if not (hashes := ways(photo)):
            continue
        best: dict[int, int] = {}
        cut = session.scalars(select(PhotoWindow.phash).where(PhotoWindow.photo_id == photo.id)).all()
        _near(session, Photo, Photo.id, [*hashes, *cut], best)
        _near(session, PhotoWindow, PhotoWindow.photo_id, hashes, best)
        nearest = sorted(best, key=lambda each: (best[each], -each))
        for start in range(0, len(nearest), LOOKED_AT_ONCE):
            query = (
                select(Photo, Voucher)
                .join(Voucher, Voucher.id == Photo.voucher_id)
                .where(
                    Photo.id.in_(nearest[start : start + LOOKED_AT_ONCE]),
                    Photo.voucher_id != photo.voucher_id,
                    Photo.status == "kept",
                )
            )
            others = [LookAlike(other, voucher, best[other.id], photo.id) for other, voucher in session.execute(query)]
            found += others
            if len(others) >= LOOK_ALIKES_AT_MOST:
                break
    found.sort(key=lambda each: (each.bits, -each.photo.id))
    return found[:LOOK_ALIKES_AT_MOST]
