"""The marketer's colour on the page of a campaign: deeper and lighter tones of it, and what can be read on them."""

import re
from colorsys import hls_to_rgb, rgb_to_hls

DEFAULT = "#bf301e"
READABLE = 4.5
"""Contrast of words to their ground, at least (WCAG 2.2 AA)."""

Rgb = tuple[float, float, float]


def colour_of(text: str) -> str:
    """A colour as #rrggbb in lower case; the default for anything else."""
    return text.lower() if re.fullmatch(r"#[0-9a-fA-F]{6}", text) else DEFAULT


def palette(colour: str) -> dict[str, str]:
    """CSS names → colours, from one. White words where they can be read on all three tones, else nearly black ones; a colour in
    between is moved until one of the two can."""
    red, green, blue = _parts(colour_of(colour))
    hue, light, full = rgb_to_hls(red, green, blue)
    while True:
        tones = [_hex(hls_to_rgb(hue, min(1, max(0, light + step)), full)) for step in (0, -0.08, 0.05)]
        for ink in ("#ffffff", "#1d1410"):
            if all(contrast(ink, tone) >= READABLE for tone in tones):
                return dict(zip(("brand", "brand-deep", "brand-light"), tones, strict=True)) | {"on-brand": ink}
        light += 0.01 if light > 0.6 else -0.01


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _parts(colour: str) -> Rgb:
    return (int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255)


def _hex(parts: Rgb) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
