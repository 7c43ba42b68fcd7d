"""A campaign's poster: its name, when, and the code to scan. A PNG where a font with Chinese letters is installed, else an SVG
that the browser of whoever opens it draws with its own.

What stands on it promises nothing for sharing, and the code opens the page itself: nobody has to follow to take part.
"""

import io
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import segno

from wxbot.campaigns.models import Campaign
from wxbot.logs import get_logger
from wxbot.text import moment_text

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

log = get_logger(__name__)

WIDTH, HEIGHT = 1080, 1620
RED, DEEP, GOLD, PAPER, INK = "#bf301e", "#a92617", "#f7dba3", "#fff8ec", "#5a1f12"
CODE = 520
"""Side of the code in pixels."""

MARGIN = 96
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/STHeiti Medium.ttc",
)
"""Where systems keep a font with Chinese letters (Debian: fonts-noto-cjk)."""

SIMPLIFIED = 2
"""Which of the faces of Noto's collection has the letters as mainland China writes them."""


SCAN = "微信扫一扫，打开活动"
FAIR = ("分享不增加次数，也不提高中奖率", "本活动由主办方发起，与腾讯公司无关，规则见活动页")


@dataclass(frozen=True)
class PosterText:
    """What stands on a poster, from its top to its bottom."""

    organiser: str
    name: str
    wish: str
    when: str
    """Under the code, below `scan`."""
    scan: str = SCAN
    notes: tuple[str, str] = FAIR


def text_of(campaign: Campaign) -> PosterText:
    """A poster is read by people in China: Chinese alone, beside what the marketer wrote."""
    when = f"{moment_text(campaign.begin_at).zh} – {moment_text(campaign.end_at).zh}"
    return PosterText(campaign.organiser or campaign.send_name, campaign.act_name, campaign.wishing, when)


class PosterFile(NamedTuple):
    """A poster to take away."""

    content: bytes
    media_type: str
    extension: str


def file_of(text: PosterText, url: str, chosen: Path | None) -> PosterFile:
    """The poster with the code of `url`: PNG, or SVG on a machine without a font that has Chinese letters. `chosen`: the font of the
    settings."""
    font = font_file(chosen)
    if font is not None:
        try:
            return PosterFile(png(text, url, font), "image/png", "png")
        except OSError as error:
            log.warning("poster_font_unreadable", font=str(font), error=str(error)[:200])
    return PosterFile(svg(text, url).encode(), "image/svg+xml", "svg")


@cache
def font_file(chosen: Path | None) -> Path | None:
    """The font of the settings, else the first known one that is installed; None when there is none."""
    if chosen is not None:
        return chosen if chosen.is_file() else None
    return next((Path(path) for path in FONTS if Path(path).is_file()), None)


def png(text: PosterText, url: str, font: Path) -> bytes:
    """The poster as a PNG of at most 64 colours (far below 200 KB). Raises OSError for a font that cannot be read."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - one page of the console alone needs it

    picture = Image.new("RGB", (WIDTH, HEIGHT), RED)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((-560, -1240, WIDTH + 560, 700), fill="#cb3a26")
    draw.rounded_rectangle((MARGIN, 600, WIDTH - MARGIN, 1370), 44, fill=PAPER)
    y = _lines(draw, text.organiser, font, 38, 110, GOLD, most=1)
    y = _lines(draw, text.name, font, 92, y + 26, "#fff1d9", most=2)
    _lines(draw, text.wish, font, 44, y + 22, GOLD, most=2)
    code = io.BytesIO()
    made = segno.make(url, error="m")
    modules = made.symbol_size(border=0)[0]
    made.save(code, kind="png", scale=max(1, CODE // modules), border=0, dark=INK, light=PAPER)
    with Image.open(code) as seen:
        square = seen.convert("RGB")
    picture.paste(square, ((WIDTH - square.width) // 2, 660 + (CODE - square.height) // 2))
    _lines(draw, text.scan, font, 46, 1216, INK, most=1)
    _lines(draw, text.when, font, 36, 1296, "#8a4a36", most=1)
    y = 1430
    for line in text.notes:
        y = _lines(draw, line, font, 30, y, GOLD, most=1) + 12
    out = io.BytesIO()
    picture.quantize(64).save(out, format="PNG", optimize=True)
    return out.getvalue()


def _lines(draw: "ImageDraw", text: str, font: Path, size: int, y: int, colour: str, most: int) -> int:
    """Write a text in the middle, on at most so many lines, smaller when it is long; returns where it ends."""
    wide = WIDTH - 2 * MARGIN
    while True:
        face = _face(font, size)
        lines = _broken(text, face, wide)
        if len(lines) <= most or size <= 24:
            break
        size -= 4
    for line in lines[:most]:
        draw.text((WIDTH / 2, y), line, font=face, fill=colour, anchor="ma")
        y += round(size * 1.32)
    return y


@cache
def _face(font: Path, size: int) -> "FreeTypeFont":
    from PIL import ImageFont  # noqa: PLC0415 - see png()

    is_collection = "CJK" in font.name and font.suffix == ".ttc"
    return ImageFont.truetype(str(font), size, index=SIMPLIFIED if is_collection else 0)


def _broken(text: str, face: "FreeTypeFont", wide: int) -> list[str]:
    """A text in lines that are at most so wide; between words where it has spaces, else anywhere."""
    lines, line = [], ""
    for letter in text:
        if line and face.getlength(line + letter) > wide:
            head, gap, tail = line.rpartition(" ")
            lines.append(head if gap else line)
            line = tail if gap else ""
        line += letter
    return [*lines, line]


def svg(text: PosterText, url: str) -> str:
    """The same poster for a machine without such a font: whoever opens it has one."""
    code = segno.make(url, error="m").svg_inline(border=0, dark=INK, omitsize=True)
    code = code.replace("<svg ", f'<svg x="{(WIDTH - CODE) // 2}" y="660" width="{CODE}" height="{CODE}" ', 1)
    said = [
        (text.organiser, 150, 38, GOLD),
        (text.name, 280, min(92, round((WIDTH - 2 * MARGIN) / max(1, len(text.name)))), "#fff1d9"),
        (text.wish, 380, min(44, round((WIDTH - 2 * MARGIN) / max(1, len(text.wish)))), GOLD),
        (text.scan, 1256, 46, INK),
        (text.when, 1326, 36, "#8a4a36"),
        *((line, 1460 + 44 * n, 30, GOLD) for n, line in enumerate(text.notes)),
    ]
    words = "".join(
        f'<text x="{WIDTH // 2}" y="{y}" font-size="{size}" fill="{colour}">{escape(line)}</text>'
        for line, y, size, colour in said
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="PingFang SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif" font-weight="700" text-anchor="middle">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{RED}"/>'
        f'<ellipse cx="{WIDTH // 2}" cy="-270" rx="1100" ry="970" fill="#cb3a26"/>'
        f'<rect x="{MARGIN}" y="600" width="{WIDTH - 2 * MARGIN}" height="770" rx="44" fill="{PAPER}"/>{words}'
        f"{code}</svg>"
    )
