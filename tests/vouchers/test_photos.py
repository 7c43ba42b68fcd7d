"""Pictures from strangers: what is refused, what is left of what is kept, and which ones look alike."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from tests.vouchers.stage import encoded, photo, picture
from wxbot.vouchers import photos, reencode
from wxbot.vouchers.photos import BadPhoto

PAYLOAD = b"<?php system($_GET['c']); ?><script>alert(1)</script>"


def png_header(width: int, height: int) -> bytes:
    """A PNG that only claims its size: a decoder that believes it needs gigabytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 4096, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


REFUSED = {
    "nothing": (b"", "broken"),
    "html": (b"<html><script>alert(1)</script></html>", "broken"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "broken"),
    "pdf": (b"%PDF-1.7\n1 0 obj<<>>endobj", "broken"),
    "psd": (b"8BPS\0\1" + b"\0" * 200, "broken"),
    "gif": (encoded(picture(1), "GIF"), "broken"),
    "tiff": (encoded(picture(1), "TIFF"), "broken"),
    "cut off": (photo(1)[:2000], "broken"),
    "bomb": (png_header(9000, 9000), "too_big"),
    "liar": (png_header(60_000, 60_000), "too_big"),
    "stamp": (encoded(Image.new("RGB", (16, 16))), "too_small"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_photo_is_refused_with_a_sentence_S46_S47(name: str) -> None:
    raw, fault = REFUSED[name]
    with pytest.raises(BadPhoto) as refused:
        photos.read(raw)
    assert refused.value.reason == fault
    assert "请" in refused.value.text.zh and "lease" in refused.value.text.en


def test_a_picture_of_more_pixels_than_allowed_is_not_decoded_S47() -> None:
    raw = encoded(Image.new("1", (5_100, 5_000)), "PNG")
    assert len(raw) < 20_000
    with pytest.raises(BadPhoto, match="too_big"):
        photos.read(raw)
    with pytest.raises(BadPhoto, match="too_big"):
        photos.read(b"\xff\xd8\xff" + b"x" * photos.MOST_BYTES)


PROBE = """
import runpy, os, sys
runpy.run_path(sys.argv[1])["confine"]()
try:
    bytearray(600_000_000)
    print("memory")
except MemoryError:
    pass
try:
    with open(sys.argv[2], "w") as out:
        out.write("x")
    print("file")
except OSError:
    pass
if os.path.exists("/proc/self/oom_score_adj"):
    print("spared" * (open("/proc/self/oom_score_adj").read() != "1000\\n"), end="")
"""
TELL = "import json, os, sys; sys.stdin.buffer.read(); print(json.dumps({'width': len([n for n in os.environ if 'WXBOT' in n]), 'height': 0, 'phash': os.getcwd(), 'bytes': 0}))"


HOLDS = """
import fcntl, os, sys
for path in sys.argv[1:]:
    fcntl.flock(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_all_processes_of_a_machine_decode_no_more_photos_at_once_than_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds every place: it is asked to wait and then to come again; killed, it holds none."""
    monkeypatch.setattr(photos, "WAIT_S", 0.1)
    places = [str(tmp_path / f"photo-{n}.lock") for n in range(photos.CHILDREN)]
    other = [sys.executable, "-c", HOLDS, *places]
    with subprocess.Popen(other, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with pytest.raises(photos.Busy):
            photos.read(photo(1), tmp_path)
        process.kill()
    assert photos.read(photo(1), tmp_path).width


def test_the_child_gets_no_memory_no_files_and_none_of_our_secrets_S47(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-I", "-c", PROBE, reencode.__file__, str(tmp_path / "said")]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""
    child = tmp_path / "child.py"
    child.write_text(TELL)
    monkeypatch.setenv("WXBOT_SECRET_KEY", "canary")
    monkeypatch.setattr(reencode, "__file__", str(child))
    seen = photos.read(photo(1))
    assert (seen.width, seen.phash) == (0, "/")


def test_only_pixels_survive_S46_S49() -> None:
    image = picture(2)
    exif = Image.Exif()
    exif[0x010E] = "canary-description"
    exif[0x0112] = 6
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (31.0, 14.0, 0.0)
    raw = encoded(image, exif=exif.tobytes(), comment=b"canary-comment", icc_profile=b"canary-profile" * 20)
    raw = (
        raw[:2]
        + b"\xff\xe1"
        + struct.pack(">H", 60)
        + b"http://ns.adobe.com/xap/1.0/\0canary-xmp".ljust(58, b" ")
        + raw[2:]
    )
    assert raw.count(b"canary") >= 4
    kept = photos.read(raw + PAYLOAD)
    for content in (kept.content, kept.thumb):
        assert (
            b"canary" not in content
            and PAYLOAD not in content
            and b"Exif" not in content
            and b"ICC_PROFILE" not in content
        )
        with Image.open(io.BytesIO(content)) as again:
            again.load()
            assert again.format == "JPEG"
            assert not again.getexif() and not ({"exif", "icc_profile", "comment", "xmp"} & again.info.keys())
    assert (kept.width, kept.height) == (800, 600), (
        "a photo taken upright lies on its side in the file; it is shown upright"
    )


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_clear_parts_are_white_and_long_sides_are_cut(kind: str) -> None:
    image = picture(3, 3_000, 900).convert("RGBA")
    image.putalpha(0)
    kept = photos.read(encoded(image, kind))
    assert (kept.width, kept.height) == (2_560, 768)
    with Image.open(io.BytesIO(kept.content)) as again:
        assert min(again.convert("L").getextrema()) > 250  # type: ignore[operator]
    assert kept.phash == "", "a white page looks like every other white page: that is no look-alike"


def grey(image: Image.Image) -> list[int]:
    side = reencode.HASH_SIDE
    return list(image.convert("L").resize((side, side), Image.Resampling.BOX).tobytes())


def hashed(image: Image.Image) -> str:
    return reencode.perceptual_hash(grey(image))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), quality=st.integers(20, 95), scale=st.floats(0.15, 1.6), light=st.floats(0.75, 1.2))
def test_a_reencoded_resized_brightened_photo_stays_near_F78(
    seed: int, quality: int, scale: float, light: float
) -> None:
    image = picture(seed, 480, 640)
    with Image.open(io.BytesIO(encoded(image, quality=quality))) as again:
        changed = ImageEnhance.Brightness(again.resize((int(480 * scale), int(640 * scale)))).enhance(light)
        assert photos.distance(hashed(image), hashed(changed)) <= photos.NEAR_BITS


@settings(max_examples=20, deadline=None)
@given(one=st.integers(0, 10**6), other=st.integers(0, 10**6))
def test_different_photos_are_far_apart_F78(one: int, other: int) -> None:
    if one != other:
        assert photos.distance(hashed(picture(one, 240, 320)), hashed(picture(other, 240, 320))) > photos.NEAR_BITS


@given(phash=st.integers(0, 2**64 - 1), places=st.sets(st.integers(0, 63), max_size=photos.NEAR_BITS))
def test_some_quarter_finds_every_near_hash_F78(phash: int, places: set[int]) -> None:
    other = phash ^ sum(1 << place for place in places)
    pairs = zip(photos.bands(f"{phash:016x}"), photos.bands(f"{other:016x}"), strict=True)
    assert any(theirs in set(photos._around(mine)) for mine, theirs in pairs if mine is not None)


def test_a_turned_photo_is_another_photo() -> None:
    image = picture(random.Random(9).randrange(100))
    assert photos.distance(hashed(image), hashed(ImageOps.mirror(image))) > photos.NEAR_BITS
