"""Copies of one photo: found however they lie and with something cut off; what cannot be compared is looked at by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image, ImageOps
from sqlalchemy import delete, insert, select

from tests.vouchers.stage import HONG, MING, SUN, Stage, encoded, picture
from wxbot.vouchers import decisions, erasure, listing, photos, review, submit
from wxbot.vouchers.models import Photo, PhotoWindow, Voucher
from wxbot.vouchers.storage import storage_of


def _crop(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = image.size
    return image.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "grey": lambda image: ImageOps.grayscale(image),
    "a quarter turn": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "upside down": lambda image: image.rotate(180),
    "mirrored": ImageOps.mirror,
    "mirrored, on its side, grey": lambda image: ImageOps.grayscale(image.transpose(Image.Transpose.TRANSVERSE)),
    "cropped all around": lambda image: _crop(image, 0.1, 0.1, 0.1, 0.1),
    "without its top": lambda image: _crop(image, 0, 0.15, 0, 0),
    "cropped, turned": lambda image: _crop(image, 0.06, 0.06, 0.06, 0.06).transpose(Image.Transpose.ROTATE_270),
}

ALWAYS = ("mirrored, on its side, grey", "cropped, turned")
"""Those in which several of them meet; make proof looks for each by itself."""


def _of_picture(stage: Stage, openid: str, image: Image.Image) -> Voucher:
    voucher = stage.open(openid)
    submit.add_photo(stage.runtime, voucher.id, encoded(image, quality=80), stage.now, "copy")
    with stage.runtime.database.transaction() as session:
        submit.finish(session, voucher.id, stage.now)
    return stage.voucher(voucher.id)


def _bulk(stage: Stage) -> set[int]:
    with stage.runtime.database.reading() as session:
        return {row.voucher.id for row in listing.bulk(session, 5_000, 50, stage.now)}


@pytest.mark.parametrize(
    "way", [way if way in ALWAYS else pytest.param(way, marks=pytest.mark.proof) for way in COPIES]
)
def test_a_copy_is_found_however_it_lies_and_never_approved_with_others_F78(desk: Stage, way: str) -> None:
    image = picture(7)
    first, copy = _of_picture(desk, MING, image), _of_picture(desk, HONG, COPIES[way](image))
    other = _of_picture(desk, HONG, picture(8))
    assert copy.look_alikes == 1 and other.look_alikes == 0
    assert not {copy.id} & _bulk(desk) and {first.id, other.id} <= _bulk(desk)
    chosen = [(copy.id, copy.version, None), (other.id, other.version, None)]
    noted, left = decisions.decide_many(desk.runtime, SUN, chosen, desk.now)
    assert noted == [other.id]
    assert [(voucher_id, refused.reason) for voucher_id, refused in left] == [(copy.id, "look_alike")]


def test_a_whole_photo_after_its_cropped_copy_is_found_too_F78(desk: Stage) -> None:
    _of_picture(desk, MING, _crop(picture(7), 0.1, 0.1, 0.1, 0.1))
    assert _of_picture(desk, HONG, picture(7)).look_alikes == 1


def test_a_photo_that_cannot_be_compared_is_looked_at_by_itself_F78(desk: Stage) -> None:
    pale = Image.blend(Image.new("RGB", (600, 800), "white"), picture(7), 0.02)
    voucher = _of_picture(desk, MING, pale)
    with desk.runtime.database.reading() as session:
        assert [photo.phash for photo in review.kept_photos(session, voucher.id)] == [""]
    assert voucher.look_alikes == 0 and voucher.id not in _bulk(desk)
    noted, left = decisions.decide_many(desk.runtime, SUN, [(voucher.id, voucher.version, None)], desk.now)
    assert noted == [] and [refused.reason for _, refused in left] == ["incomparable"]


def test_no_number_of_newer_photos_hides_the_one_that_is_alike_F78(desk: Stage) -> None:
    first = _of_picture(desk, MING, picture(7))
    with desk.runtime.database.transaction() as session:
        alike = review.kept_photos(session, first.id)[0]
        session.execute(delete(PhotoWindow))  # as photos of before have none
        far = f"{int(alike.phash, 16) ^ 0xFFFF_FFFF_FFFF:016x}"  # one quarter in common, the others not at all
        bands = dict(zip(("band_a", "band_b", "band_c", "band_d"), photos.bands(far), strict=True))
        row = {"voucher_id": first.id, "status": "kept", "fault": "", "media_id": "", "is_live": False, "turns": ""}
        row |= {"phash": far, "width": 1, "height": 1, "bytes": 1, "tries": 0, "created_at": desk.now} | bands
        session.execute(
            insert(Photo), [row | {"token": f"newer-{n}", "storage_key": f"newer-{n:034}"} for n in range(2_100)]
        )
    copy = _of_picture(desk, HONG, picture(7).resize((450, 600)))
    with desk.runtime.database.reading() as session:
        found = photos.look_alikes(session, review.kept_photos(session, copy.id))
    assert [each.photo.id for each in found] == [alike.id]


def test_a_forgotten_photo_leaves_no_look_behind(desk: Stage) -> None:
    voucher = _of_picture(desk, MING, picture(7))
    with desk.runtime.database.reading() as session:
        kept = review.kept_photos(session, voucher.id)[0]
        assert session.scalars(select(PhotoWindow).where(PhotoWindow.photo_id == kept.id)).all()
    erasure.erase_photo(desk.runtime, storage_of(desk.runtime), kept)
    with desk.runtime.database.reading() as session:
        assert not session.scalars(select(PhotoWindow)).all()
        assert session.get_one(Photo, kept.id).turns == ""
