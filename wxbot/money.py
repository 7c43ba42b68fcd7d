"""Money is an integer number of fen; yuan is text for people. Floats never touch it (money F30)."""

import re
from functools import cache

FEN_PER_YUAN = 100
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0xFFE5: "¥"}
"""Only these count as their plain selves: NFKC would take the footnote mark of 10¹ for a digit, and pay 101."""


class NotANumber(ValueError):
    """The text is not a plain number with so many decimals."""


class NotMoney(NotANumber):
    """The text is not an amount in yuan with at most two decimals."""


def yuan(amount_fen: int) -> str:
    """An amount for people: 123456 → '1,234.56'."""
    sign = "-" if amount_fen < 0 else ""
    whole, rest = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}{whole:,}.{rest:02d}"


def plain_yuan(amount_fen: int) -> str:
    """An amount as a form or a sheet takes it back: 123456 → '1234.56'."""
    return yuan(amount_fen).replace(",", "")


def plain_percent(ppm: int) -> str:
    """Parts of a million as percent, exact: 12500 → '1.25'."""
    whole, rest = divmod(ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def half_width(text: str) -> str:
    """What a person typed, without blanks around it and with the letters, digits and marks of a Chinese keyboard made plain."""
    return text.translate(_FULL_WIDTH).strip()


@cache
def _shapes(decimals: int) -> tuple[re.Pattern[str], re.Pattern[str]]:
    rest = rf"(?:\.([0-9]{{1,{decimals}}}))?" if decimals else "()"
    return re.compile(rf"([0-9]{{1,10}}){rest}"), re.compile(rf"[0-9]{{1,3}}(?:,[0-9]{{3}})+{rest}")


def parse_number(text: str, decimals: int = 0) -> int:
    """What a person typed, times 10 to the `decimals`: ('1,234.5', 2) → 123450. Full-width digits and grouping commas are accepted.

    This is how every number is read that a form asks for. Raises NotANumber for anything else: more decimals, commas that group
    nothing, fractions, exponents, signs, words, other scripts' digits.
    """
    plain = half_width(text)
    number, grouped = _shapes(decimals)
    if grouped.fullmatch(plain):
        plain = plain.replace(",", "")
    match = number.fullmatch(plain)
    if match is None:
        raise NotANumber(text)
    return int(match[1] + (match[2] or "").ljust(decimals, "0"))


def parse_yuan(text: str) -> int:
    """Fen from what a person typed: '1.13' → 113; ¥ before and 元 behind it are accepted. Raises NotMoney."""
    try:
        return parse_number(half_width(text).lstrip("¥").removesuffix("元"), 2)
    except NotANumber:
        raise NotMoney(text) from None
