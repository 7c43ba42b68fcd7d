"""Money is an integer number of fen; yuan is text for people. Floats never touch it (money F30)."""

import re

FEN_PER_YUAN = 100
_YUAN = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?")
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]{1,2})?")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0xFFE5: "¥"}
"""Only these count as their plain selves: NFKC would take the footnote mark of 10¹ for a digit, and pay 101."""


class NotMoney(ValueError):
    """The text is not an amount in yuan with at most two decimals."""


def yuan(amount_fen: int) -> str:
    """An amount for people: 123456 → '1,234.56'."""
    sign = "-" if amount_fen < 0 else ""
    whole, rest = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}{whole:,}.{rest:02d}"


def parse_yuan(text: str) -> int:
    """Fen from what a person typed: '1.13' → 113. Full-width digits, ¥ and grouping commas are accepted.

    Raises NotMoney for anything else: more than two decimals, exponents, signs, NaN, words, other scripts' digits.
    """
    plain = text.translate(_FULL_WIDTH).strip().lstrip("¥").removesuffix("元").strip()
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    match = _YUAN.fullmatch(plain)
    if match is None:
        raise NotMoney(text)
    return int(match[1]) * FEN_PER_YUAN + int((match[2] or "").ljust(2, "0"))
