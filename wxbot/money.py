"""Money is an integer number of fen; yuan is text for people. Floats never touch it (money F30)."""

import re
import unicodedata

FEN_PER_YUAN = 100
_YUAN = re.compile(r"^(\d{1,10})(?:\.(\d{1,2}))?$")


class NotMoney(ValueError):
    """The text is not an amount in yuan with at most two decimals."""


def yuan(amount_fen: int) -> str:
    """An amount for people: 123456 → '1,234.56'."""
    sign = "-" if amount_fen < 0 else ""
    whole, rest = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}{whole:,}.{rest:02d}"


def parse_yuan(text: str) -> int:
    """Fen from what a person typed: '1.13' → 113. Full-width digits, ¥ and grouping commas are accepted.

    Raises NotMoney for anything else: more than two decimals, exponents, signs, NaN, words.
    """
    plain = unicodedata.normalize("NFKC", text).strip().lstrip("¥").removesuffix("元").strip()
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d{1,2})?", plain):
        plain = plain.replace(",", "")
    match = _YUAN.fullmatch(plain)
    if match is None:
        raise NotMoney(text)
    return int(match[1]) * FEN_PER_YUAN + int((match[2] or "").ljust(2, "0"))
