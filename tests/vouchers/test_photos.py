"""Pictures from strangers: what is refused, what is left of what is kept, and which ones look alike."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from tests.vouchers.stage import encoded, photo, picture
from wxbot.confined import child, run
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


def moving(kind: str) -> bytes:
    return encoded(picture(1, 300, 200), kind, save_all=True, append_images=[picture(2, 300, 200)])


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "broken"),
    "html": (lambda: b"<html><script>alert(1)</script></html>", "broken"),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "broken"),
    "pdf": (lambda: b"%PDF-1.7\n1 0 obj<<>>endobj", "broken"),
    "psd": (lambda: b"8BPS\0\1" + b"\0" * 200, "broken"),
    "gif": (lambda: encoded(picture(1), "GIF"), "broken"),
    "tiff": (lambda: encoded(picture(1), "TIFF"), "broken"),
    "cut off": (lambda: photo(1)[:2000], "cut_off"),
    "heic": (lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 500, "heic"),
    "avif": (lambda: b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\0" * 500, "heic"),
    "moving webp": (lambda: moving("WEBP"), "moving"),
    "moving png": (lambda: moving("PNG"), "moving"),
    "bomb": (lambda: png_header(9000, 9000), "too_big"),
    "liar": (lambda: png_header(60_000, 60_000), "too_big"),
    "stamp": (lambda: encoded(Image.new("RGB", (16, 16))), "too_small"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_photo_is_refused_with_a_sentence_S46_S47(name: str) -> None:
    make, fault = REFUSED[name]
    raw = make()
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
TELL = "import json, os, sys; sys.stdin.buffer.read(); print(json.dumps({'width': len([n for n in os.environ if 'WXBOT' in n]), 'height': 0, 'phash': os.getcwd(), 'turns': '', 'windows': [], 'bytes': 0}))"


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
    monkeypatch.setattr(run, "WAIT_S", 0.1)
    places = [str(tmp_path / f"child-{n}.lock") for n in range(run.CHILDREN)]
    other = [sys.executable, "-c", HOLDS, *places]
    with subprocess.Popen(other, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with pytest.raises(run.Busy):
            photos.read(photo(1), tmp_path)
        process.kill()
    assert photos.read(photo(1), tmp_path).width


def test_the_child_gets_no_memory_no_files_and_none_of_our_secrets_S47(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-I", "-c", PROBE, child.__file__, str(tmp_path / "said")]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""
    told = tmp_path / "child.py"
    told.write_text(TELL)
    monkeypatch.setenv("WXBOT_SECRET_KEY", "canary")
    monkeypatch.setattr(child, "__file__", str(told))
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


def tagged(*entries: bytes, rest: bytes = b"\0" * 4, more: bytes = b"") -> bytes:
    """A photo that lies on its side, with an EXIF block of these entries, as its bytes stand in the file."""
    raw = encoded(picture(2))
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + rest + more
    return raw[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + raw[2:]


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def segment(marker: int, body: bytes) -> bytes:
    raw = encoded(picture(2))
    return raw[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + raw[2:]


ON_ITS_SIDE = entry(0x0112, 3, 1, 6)
XMP = b'http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation="6"/>'
METADATA = {
    "resolution twice": (tagged(ON_ITS_SIDE, entry(0x011A, 5, 2, 50), more=struct.pack("<4I", 72, 1, 72, 1)), True),
    "value beyond the end": (tagged(ON_ITS_SIDE, entry(0x010F, 2, 5_000, 60_000)), True),
    "orientation twice": (tagged(entry(0x0112, 3, 2, 0x60006)), True),
    "orientation as a long number": (tagged(entry(0x0112, 4, 1, 6)), True),
    "place that lies nowhere": (tagged(ON_ITS_SIDE, entry(0x8825, 4, 1, 0xFFFF)), True),
    "kind of value that is none": (tagged(ON_ITS_SIDE, entry(0x8825, 99, 1, 0xFFFF)), True),
    "list of tags that goes round": (tagged(ON_ITS_SIDE, rest=struct.pack("<I", 8)), True),
    "orientation of XMP": (segment(0xE1, XMP), True),
    "orientation that is none": (tagged(entry(0x0112, 3, 1, 0)), False),
    "fewer tags than said": (segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\x05\0"), False),
    "nothing but its name": (segment(0xE1, b"Exif\0\0"), False),
    "a list of pictures that is none": (segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff\0\0"), False),
    "an editor's block cut off": (segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x03"), False),
}


@pytest.mark.parametrize("name", METADATA)
def test_metadata_never_cost_a_photo_and_turn_it_where_they_can_be_read(name: str) -> None:
    raw, is_turned = METADATA[name]
    kept = photos.read(raw)
    assert (kept.width, kept.height) == ((800, 600) if is_turned else (600, 800))


@pytest.mark.parametrize(
    ("kind", "turn"),
    [
        *(("JPEG", turn) for turn in (1, 7)),
        *(pytest.param("JPEG", turn, marks=pytest.mark.proof) for turn in (2, 3, 4, 5, 6, 8)),
        ("PNG", 6),
        ("WEBP", 8),
    ],
)
def test_a_photo_stands_upright_however_the_camera_was_held(kind: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    raw = encoded(picture(2, 240, 160), kind, exif=exif.tobytes())
    with Image.open(io.BytesIO(photos.read(raw).content)) as kept, Image.open(io.BytesIO(raw)) as opened:
        right = ImageOps.exif_transpose(opened).convert("RGB")
        assert kept.size == right.size
        assert photos.distance(hashed(kept), hashed(right)) <= 2


def test_colours_stay_what_they_are() -> None:
    """Sixteen bits of grey, printers' colours and palettes: a red half stays red, a dark one dark."""
    halves = Image.new("RGB", (200, 100), "red")
    halves.paste("blue", (0, 0, 100, 100))
    deep = Image.new("I;16", (200, 100), 50_000)
    deep.paste(9_000, (0, 0, 100, 100))
    seen = {
        "printer": encoded(halves.convert("CMYK")),
        "palette": encoded(halves.quantize(8), "PNG"),
        "grey": encoded(halves.convert("L"), "PNG"),
        "deep": encoded(deep, "PNG"),
        "lossless": encoded(halves, "WEBP", lossless=True),
    }
    right = {"grey": ((29,) * 3, (76,) * 3), "deep": ((35,) * 3, (195,) * 3)}
    for name, raw in seen.items():
        with Image.open(io.BytesIO(photos.read(raw).content)) as kept:
            for place, wanted in zip((20, 180), right.get(name, ((0, 0, 255), (255, 0, 0))), strict=True):
                found = kept.convert("RGB").getpixel((place, 50))
                assert isinstance(found, tuple)
                assert max(abs(one - other) for one, other in zip(found, wanted, strict=True)) < 12, (name, found)


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


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), quality=st.integers(20, 95), scale=st.floats(0.15, 1.6), light=st.floats(0.75, 1.2))
def test_a_reencoded_resized_brightened_photo_stays_near_F78(
    seed: int, quality: int, scale: float, light: float
) -> None:
    image = picture(seed, 480, 640)
    with Image.open(io.BytesIO(encoded(image, quality=quality))) as again:
        changed = ImageEnhance.Brightness(again.resize((int(480 * scale), int(640 * scale)))).enhance(light)
        assert photos.distance(hashed(image), hashed(changed)) <= photos.NEAR_BITS


@settings(max_examples=20)
@given(one=st.integers(0, 10**6), other=st.integers(0, 10**6))
def test_different_photos_are_far_apart_F78(one: int, other: int) -> None:
    if one != other:
        assert photos.distance(hashed(picture(one, 240, 320)), hashed(picture(other, 240, 320))) > photos.NEAR_BITS


@given(phash=st.integers(0, 2**64 - 1), places=st.sets(st.integers(0, 63), max_size=photos.NEAR_BITS))
def test_some_quarter_finds_every_near_hash_F78(phash: int, places: set[int]) -> None:
    other = phash ^ sum(1 << place for place in places)
    pairs = zip(photos.bands(f"{phash:016x}"), photos.bands(f"{other:016x}"), strict=True)
    assert any(theirs in set(photos._around(mine)) for mine, theirs in pairs if mine is not None)


def looks(image: Image.Image) -> dict[str, Any]:
    small = image.copy()
    small.thumbnail((reencode.THUMB_SIDE, reencode.THUMB_SIDE), Image.Resampling.LANCZOS)
    return reencode.looks(image, small, Image.Resampling.BOX)


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), way=st.sampled_from(list(Image.Transpose)))
def test_a_turned_or_mirrored_photo_is_one_of_the_eight_ways_F78(seed: int, way: Image.Transpose) -> None:
    image = picture(seed, 480, 640)
    found = looks(image.transpose(way))
    ways = [found["phash"], *(found["turns"][n : n + 16] for n in range(0, 112, 16))]
    assert len(ways) == 8
    assert min(photos.distance(hashed(image), each) for each in ways) <= 2


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), cut=st.floats(0.0, 0.17), side=st.sampled_from([None, 0, 1, 2, 3]))
def test_a_cropped_photo_is_near_one_window_of_the_whole_F78(seed: int, cut: float, side: int | None) -> None:
    image = picture(seed, 480, 640)
    edges = [cut if side in (None, n) else 0.0 for n in range(4)]
    box = (edges[0] * 480, edges[1] * 640, (1 - edges[2]) * 480, (1 - edges[3]) * 640)
    crop, found = image.crop(box), looks(image)
    nearest = min(photos.distance(hashed(crop), each) for each in (found["phash"], *found["windows"]))
    assert nearest <= photos.NEAR_BITS + 4
