"""Photos that the people of the demo hand in: shop receipts on all kinds of tables, drawn here, and files that are none."""

import colorsys
import functools
import io
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageEnhance, ImageFont

SIZE = (720, 960)
FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSerifCJK-Bold.ttc",
    "wqy-microhei.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "simsun.ttc",
)
"""Fonts with Chinese that a machine may have; without any the receipts are in English."""

GOODS = (
    ("原味豆奶 1L", "Soy milk 1 L"),
    ("乌龙茶 500ml", "Oolong 500 ml"),
    ("苏打饼干", "Soda crackers"),
    ("洗衣液 2kg", "Detergent 2 kg"),
    ("陈列堆头", "Display stack"),
    ("纯净水 12 瓶", "Water, 12 btl"),
    ("坚果礼盒", "Nut gift box"),
    ("手工挂面", "Noodles"),
)

Paint = tuple[int, int, int]


@dataclass(frozen=True)
class Receipt:
    """What one receipt says."""

    number: int
    shop: str
    day: str
    amount: str


@functools.cache
def font(size: int) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, bool]:
    """(a font, whether it knows Chinese)."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size), True
        except OSError:
            continue
    return ImageFont.load_default(size), False


def photo(receipt: Receipt, quality: int = 82) -> bytes:
    """A JPEG of this receipt; the same receipt gives the same bytes."""
    return jpeg(_picture(receipt), quality)


def nearly(raw: bytes) -> bytes:
    """The same photo, saved once more a little brighter: other bytes, the same picture."""
    with Image.open(io.BytesIO(raw)) as opened:
        return jpeg(ImageEnhance.Brightness(opened.convert("RGB")).enhance(1.06), 70)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    """A picture as a JPEG file."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _paint(dice: random.Random) -> Paint:
    """A quiet colour, from nearly black to nearly white: wood, cloth, stone."""
    hue = dice.choice((dice.uniform(0.02, 0.14), dice.uniform(0.5, 0.65)))
    red, green, blue = colorsys.hsv_to_rgb(hue, dice.uniform(0.05, 0.45), dice.uniform(0.12, 0.92))
    return int(red * 255), int(green * 255), int(blue * 255)


def _picture(receipt: Receipt) -> Image.Image:
    dice = random.Random(receipt.number * 7919 + 11)  # noqa: S311 - where things lie on a table, nothing secret
    table = _table(dice)
    paper = _paper(receipt, dice)
    share = dice.uniform(0.45, 0.8)
    paper = paper.resize((int(paper.width * share), int(paper.height * share)), Image.Resampling.BILINEAR)
    mask = Image.new("L", paper.size, 255)
    angle = dice.uniform(-32, 32)
    paper, mask = (each.rotate(angle, expand=True, resample=Image.Resampling.BILINEAR) for each in (paper, mask))
    place = (
        dice.randint(-40, max(-39, SIZE[0] - paper.width + 40)),
        dice.randint(-40, max(-39, SIZE[1] - paper.height + 40)),
    )
    table.paste(paper, place, mask)
    return table


def _table(dice: random.Random) -> Image.Image:
    """A table with things on it, lit from one side."""
    small = Image.new("RGB", (3, 4))
    small.putdata([_paint(dice) for _ in range(12)])
    table = small.resize(SIZE, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(table)
    for _ in range(dice.randint(5, 8)):
        x, y = dice.randint(-120, SIZE[0] - 60), dice.randint(-120, SIZE[1] - 60)
        box = (x, y, x + dice.randint(120, 420), y + dice.randint(120, 420))
        draw: Callable[..., None] = pen.ellipse if dice.random() < 0.5 else pen.rectangle
        draw(box, fill=_paint(dice))
    return table


def _paper(receipt: Receipt, dice: random.Random) -> Image.Image:
    """The receipt itself, on white paper."""
    head, is_chinese = font(40)
    body, _ = font(26)
    column = 0 if is_chinese else 1
    goods = dice.sample(GOODS, 4)
    lines: Sequence[tuple[str, str]] = [
        (("小票", "No.")[column], f"{receipt.number:06d}"),
        (("日期", "Date")[column], receipt.day),
        *((good[column], f"× {dice.randint(1, 6)}") for good in goods),
        (("合计", "Total")[column], f"¥ {receipt.amount}"),
        (("谢谢惠顾", "Thank you")[column], ""),
    ]
    paper = Image.new("RGB", (520, 160 + 62 * len(lines)), (250, 249, 244))
    pen = ImageDraw.Draw(paper)
    title = receipt.shop if is_chinese else f"SHOP {receipt.number % 97}"
    pen.text((260, 60), title, font=head, fill=(30, 30, 34), anchor="mm" if is_chinese else "ms")
    for row, (left, right) in enumerate(lines):
        y = 120 + 62 * row
        pen.line((30, y - 12, 490, y - 12), fill=(190, 190, 190), width=2)
        pen.text((34, y), left, font=body, fill=(40, 40, 44))
        pen.text((486 - pen.textlength(right, font=body), y), right, font=body, fill=(40, 40, 44))
    return paper


# --- what is no photo ---------------------------------------------------------------------------------------------


def not_a_picture() -> bytes:
    """A file of another program that calls itself a photo; mere words would be a gateway's page in WeChat's place."""
    return b"\0\1\2\3" + "这不是照片 / this is no photo\n".encode() * 40


def cut_off() -> bytes:
    """The first half of a photo."""
    whole = photo(Receipt(999_983, "半张小票", "2026-01-01", "1.00"))
    return whole[: len(whole) // 2]


def bomb() -> bytes:
    """A few bytes that say they are 900 megapixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + zlib.compress(bytes(4096)), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


BAD: tuple[Callable[[], bytes], ...] = (not_a_picture, cut_off, bomb)
