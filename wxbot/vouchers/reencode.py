"""The one place that decodes a stranger's picture: the program of wxbot.confined.child, small, without secrets, under hard limits.

Bytes on standard input; the running application imports it for its bounds only and never calls it. It takes
JPEG, PNG or WebP of at most MOST_PIXELS, turns it upright, and writes a fresh JPEG that holds nothing of the original but
its pixels: no EXIF, no GPS, no ICC, no comment, no appended archive (security S46, S47, S49). Standard output is one line
of JSON, then the picture, then its thumbnail. A picture it will not take ends with {"fault": …}.
"""

import functools
import io
import json
import math
import operator
import re
import sys
import warnings
from typing import Any

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 25_000_000
LEAST_SIDE = 64
LONGEST_SIDE = 2560
THUMB_SIDE = 360
FORMATS = ("JPEG", "PNG", "WEBP")
HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"))

SCAN = 0xDA
COMMENTS = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Markers of a JPEG that say something about it: EXIF, XMP, profiles, thumbnails, a second picture. 0xEE is Adobe's, on colours."""

PNG_NEEDS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT"))
"""Whether it moves must be seen."""

ORIENTATION = 0x0112
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF's orientation → Pillow's Transpose that undoes it."""

HASH_SIDE = 32
HASH_BANDS = 8
LEAST_CONTRAST = 4.0
"""Below this spread of grey there is nothing to recognise, and every blank page would look like every other."""


@functools.cache
def _cosines() -> list[list[float]]:
    """The first HASH_BANDS rows of the discrete cosine transform of HASH_SIDE samples."""
    return [
        [math.cos(math.pi * (2 * x + 1) * u / (2 * HASH_SIDE)) for x in range(HASH_SIDE)] for u in range(HASH_BANDS)
    ]


def perceptual_hash(grey: list[int]) -> str:
    """64 bits of the low frequencies of a HASH_SIDE × HASH_SIDE grey picture, 16 hex digits; "" when it is blank.

    Each bit says whether one frequency is above the median, so brightness, contrast, size and compression hardly move it.
    """
    mean = sum(grey) / len(grey)
    if math.sqrt(sum((value - mean) ** 2 for value in grey) / len(grey)) < LEAST_CONTRAST:
        return ""
    table = _cosines()
    rows = [grey[y * HASH_SIDE : (y + 1) * HASH_SIDE] for y in range(HASH_SIDE)]
    across = [[sum(map(operator.mul, wave, row)) for row in rows] for wave in table]
    found = [sum(map(operator.mul, wave, column)) for wave in table for column in across]
    middle = sorted(found[1:])[len(found) // 2]
    bits = 0
    for value in found:
        bits = bits << 1 | (value > middle)
    return f"{bits:016x}"


def turned(grey: list[int]) -> list[list[int]]:
    """A square grey picture in the seven other ways in which a sheet can lie: turned by quarters, and mirrored."""
    ways = []
    for each in (grey, mirrored(grey)):
        for _ in range(4):
            ways.append(each)
            each = quarter(each)
    return ways[1:]


def quarter(grey: list[int]) -> list[int]:
    """Turned by a quarter."""
    return [grey[(HASH_SIDE - 1 - x) * HASH_SIDE + y] for y in range(HASH_SIDE) for x in range(HASH_SIDE)]


def mirrored(grey: list[int]) -> list[int]:
    """Left and right exchanged."""
    return [grey[y * HASH_SIDE + HASH_SIDE - 1 - x] for y in range(HASH_SIDE) for x in range(HASH_SIDE)]


def windows() -> list[tuple[float, float, float, float]]:
    """What somebody may cut off (left, top, right, bottom), in parts of a side: all around, or from one side."""
    around = [(cut, cut, cut, cut) for cut in (0.04, 0.08, 0.12, 0.16)]
    return around + [tuple(cut * (side == n) for n in range(4)) for side in range(4) for cut in (0.08, 0.16)]  # type: ignore[misc]


def looks(picture: Any, small: Any, shrink: Any) -> dict[str, Any]:
    """What the picture looks like: `phash` as it stands, `turns` the other ways round, `windows` with something cut off.

    The windows are taken from the thumbnail: a hash sees nothing smaller.
    """

    def grey_of(seen: Any) -> list[int]:
        return list(seen.convert("L").resize((HASH_SIDE, HASH_SIDE), shrink).tobytes())

    grey, (width, height) = grey_of(picture), small.size
    cuts = [
        small.crop((round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height)))
        for left, top, right, bottom in windows()
    ]
    phash = perceptual_hash(grey)
    return {
        "phash": phash,
        "turns": "".join(map(perceptual_hash, turned(grey))) if phash else "",
        "windows": [found for found in map(perceptual_hash, map(grey_of, cuts)) if found] if phash else [],
    }


def jpeg(picture: Any, quality: int) -> bytes:
    """The pixels as a new JPEG file and nothing else."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True, progressive=True, exif=b"", icc_profile=None, comment=b"")
    return out.getvalue()


def without_metadata(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """(the picture, its EXIF, its XMP): metadata that the decoder stumbles over never cost the photo.

    Of a JPEG everything goes that is not needed for its pixels, the colour transform of Adobe's mark is; of a PNG the texts, profiles and
    dates. A file that does not go by the book is left as it is: the decoder judges it.
    """
    try:
        if raw.startswith(b"\xff\xd8"):
            return _bare_jpeg(raw)
        if raw.startswith(b"\x89PNG\r\n\x1a\n"):
            return _bare_png(raw)
    except (IndexError, ValueError):
        pass
    return raw, b"", b""


def _bare_jpeg(raw: bytes) -> tuple[bytes, bytes, bytes]:
    kept, exif, xmp, at = [raw[:2]], b"", b"", 2
    while raw[at + 1] != SCAN:
        if raw[at] != 0xFF:
            raise ValueError("no marker where one must stand")
        if raw[at + 1] == 0xFF:  # fill bytes before a marker
            at += 1
            continue
        end = at + 2 + int.from_bytes(raw[at + 2 : at + 4])
        marker, segment = raw[at + 1], raw[at:end]
        if segment[4:10] == b"Exif\0\0":
            exif = exif or segment[4:]
        elif segment[4:].startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            xmp = xmp or segment[4:]
        if marker not in COMMENTS:
            kept.append(segment)
        at = end
    return b"".join([*kept, raw[at:]]), exif, xmp


def _bare_png(raw: bytes) -> tuple[bytes, bytes, bytes]:
    kept, exif, xmp, at = [raw[:8]], b"", b"", 8
    while raw[at + 4 : at + 8] != b"IEND":
        end = at + 12 + int.from_bytes(raw[at : at + 4])
        if end > len(raw):
            raise ValueError("a chunk is cut off")
        name, body = raw[at + 4 : at + 8], raw[at + 8 : end - 4]
        if name == b"eXIf":
            exif = b"Exif\0\0" + body
        elif name == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0\0"):
            xmp = body
        if name in PNG_NEEDS:
            kept.append(raw[at:end])
        at = end
    return b"".join([*kept, raw[at : at + 12]]), exif, xmp


def orientation(opened: Any, exif: bytes, xmp: bytes) -> int:
    """How the camera was held, 1 to 8; 1 when that cannot be read."""
    from PIL import Image  # noqa: PLC0415 - see reencode()

    try:
        tags = opened.getexif()
        if exif:
            tags = Image.Exif()
            tags.load(exif)
        found = tags.get(ORIENTATION)
    except Exception:  # whatever a decoder of metadata may raise: the photo is upright, or a person turns their head
        found = None
    said = re.search(rb'tiff:Orientation(?:="|>)([1-8])', xmp)
    return found if isinstance(found, int) and found in range(1, 9) else int(said[1]) if said else 1


def in_colours(opened: Any) -> Any:
    """The picture as RGB: clear parts white, 16 bits of grey as 8 (Pillow would cut them off: a white page)."""
    from PIL import Image  # noqa: PLC0415 - see reencode()

    if opened.mode.startswith("I"):
        return opened.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info:
        clear = opened.convert("RGBA")
        picture = Image.new("RGB", clear.size, "white")
        picture.paste(clear, mask=clear.getchannel("A"))
        return picture
    return opened.convert("RGB")


def reencode(raw: bytes, longest: int = LONGEST_SIDE) -> tuple[dict[str, Any], bytes, bytes]:
    """(what was found, picture of at most `longest` pixels a side, thumbnail). Raises whatever Pillow raises for what is no picture."""
    # After confine(): the decoders are loaded under the limits. All that are needed are named, since Pillow loads every one it has,
    # some forty, as soon as it misses one.
    from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401, PLC0415

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    bare, exif, xmp = without_metadata(raw)
    with Image.open(io.BytesIO(bare), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > MOST_PIXELS:
            return {"fault": "too_big"}, b"", b""
        if min(width, height) < LEAST_SIDE:
            return {"fault": "too_small"}, b"", b""
        if (
            getattr(opened, "is_animated", False) and opened.format != "MPO"
        ):  # a phone's JPEG with a second picture in it
            return {"fault": "moving"}, b"", b""
        opened.draft("RGB", (longest, longest))
        opened.load()
        picture = in_colours(opened)
        turn = TURNS.get(orientation(opened, exif, xmp))
    if turn is not None:
        picture = picture.transpose(turn)
    picture.info.clear()
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    small = picture.copy()
    small.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
    found = {"width": picture.width, "height": picture.height} | looks(picture, small, Image.Resampling.BOX)
    return found, jpeg(picture, 85), jpeg(small, 78)


def _fault_of(raw: bytes, error: Exception) -> str:
    if "DecompressionBomb" in type(error).__name__:
        return "too_big"
    if raw[4:8] == b"ftyp" and raw[8:12] in HEIF_BRANDS:
        return "heic"
    return "cut_off" if "truncated" in str(error) else "broken"


def main(longest: int = LONGEST_SIDE) -> None:
    """Read a picture, write what became of it."""
    warnings.simplefilter("ignore")  # metadata's complaints; decompression bombs are counted before they are loaded
    out = sys.stdout.buffer
    raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        found, picture, thumb = ({"fault": "too_big"}, b"", b"") if len(raw) > MOST_BYTES else reencode(raw, longest)
    except MemoryError:
        found, picture, thumb = {"fault": "too_big"}, b"", b""
    except Exception as error:
        found, picture, thumb = {"fault": _fault_of(raw, error), "why": type(error).__name__}, b"", b""
    out.write(json.dumps(found | {"bytes": len(picture)}).encode() + b"\n" + picture + thumb)
    out.flush()


if __name__ == "__main__":
    main()
