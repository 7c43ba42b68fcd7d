"""The one place that decodes a stranger's picture: a program of its own, small, without secrets, under hard limits.

Run as a file (`python -I reencode.py PROCESSORS`), bytes on standard input; never imported by the running application. It takes
JPEG, PNG or WebP of at most MOST_PIXELS, turns it upright, and writes a fresh JPEG that holds nothing of the original but
its pixels: no EXIF, no GPS, no ICC, no comment, no appended archive (security S46, S47, S49). Standard output is one line
of JSON, then the picture, then its thumbnail. A picture it will not take ends with {"fault": …}.
"""

import io
import json
import math
import os
import resource
import sys
import warnings
from typing import Any

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 10
MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 25_000_000
LEAST_SIDE = 64
LONGEST_SIDE = 2560
THUMB_SIDE = 360
FORMATS = ("JPEG", "PNG", "WEBP")

HASH_SIDE = 32
HASH_BANDS = 8
LEAST_CONTRAST = 4.0
"""Below this spread of grey there is nothing to recognise, and every blank page would look like every other."""


def spread(processors: str) -> None:
    """Use these processors ("0,1"), though who started us is pinned to one of them."""
    if processors:
        os.sched_setaffinity(0, {int(number) for number in processors.split(",")})


def confine() -> None:
    """Give up memory, time and files before a single byte of the picture is looked at; short of memory, the system ends us."""
    if os.path.exists("/proc/self/oom_score_adj"):  # Linux, where it would else choose a web process
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("1000")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


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
    across = [[sum(c * v for c, v in zip(wave, row, strict=True)) for wave in table] for row in rows]
    found = [
        sum(table[v][y] * across[y][u] for y in range(HASH_SIDE)) for v in range(HASH_BANDS) for u in range(HASH_BANDS)
    ]
    middle = sorted(found[1:])[len(found) // 2]
    bits = 0
    for value in found:
        bits = bits << 1 | (value > middle)
    return f"{bits:016x}"


def jpeg(picture: Any, quality: int) -> bytes:
    """The pixels as a new JPEG file and nothing else."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True, progressive=True, exif=b"", icc_profile=None, comment=b"")
    return out.getvalue()


def reencode(raw: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    """(what was found, picture, thumbnail). Raises whatever Pillow raises for what is no picture."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - after confine(): the decoders are loaded under the limits

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    with Image.open(io.BytesIO(raw), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > MOST_PIXELS:
            return {"fault": "too_big"}, b"", b""
        if min(width, height) < LEAST_SIDE:
            return {"fault": "too_small"}, b"", b""
        opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        opened.load()
        picture = ImageOps.exif_transpose(opened)
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            clear = picture.convert("RGBA")
            picture = Image.new("RGB", clear.size, "white")
            picture.paste(clear, mask=clear.getchannel("A"))
        elif picture.mode != "RGB":
            picture = picture.convert("RGB")
    picture.info.clear()
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    grey = picture.convert("L").resize((HASH_SIDE, HASH_SIDE), Image.Resampling.BOX)
    found = {"width": picture.width, "height": picture.height, "phash": perceptual_hash(list(grey.tobytes()))}
    small = picture.copy()
    small.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
    return found, jpeg(picture, 85), jpeg(small, 78)


def main() -> None:
    """Read a picture, write what became of it."""
    spread(sys.argv[1])
    confine()
    warnings.simplefilter("error")
    out = sys.stdout.buffer
    try:
        raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        found, picture, thumb = ({"fault": "too_big"}, b"", b"") if len(raw) > MOST_BYTES else reencode(raw)
    except MemoryError:
        found, picture, thumb = {"fault": "too_big"}, b"", b""
    except Exception as error:
        fault = "too_big" if "DecompressionBomb" in type(error).__name__ else "broken"
        found, picture, thumb = {"fault": fault, "why": type(error).__name__}, b"", b""
    out.write(json.dumps(found | {"bytes": len(picture)}).encode() + b"\n" + picture + thumb)
    out.flush()


if __name__ == "__main__":
    main()
