"""Chinese mobile numbers: one spelling for each, however it was typed (S51)."""

import re

from wxbot import typed
from wxbot.people.words import SENTENCES
from wxbot.text import Refusal

MOBILE = re.compile(r"1[3-9][0-9]{9}")
NOISE = re.compile(r"[()\-‐‑‒–—―−.·•_/,;:，。、；：'\"`´‘’“”\ufe0f\u20e3]+")
COUNTRY = re.compile(r"(?:tel)?(?:(?:\+|0{1,2})?86)?(?=1[3-9][0-9]{9}$)", re.IGNORECASE)
DECIMAL = re.compile(r"([0-9]+)\.0+")
"""A number that a program took for one with decimals: their noughts are no digits of it."""

TYPED_CHARS = 60


class BadPhone(Refusal):
    """What was typed is no mobile number of mainland China."""

    def __init__(self) -> None:
        super().__init__("phone", SENTENCES["bad_phone"])


def normalise(text: str) -> str:
    """The number as E.164 (+8613800138000), one reading for chat, page and lists. Raises BadPhone.

    Full-width digits, blanks, dashes, quote marks, tel:, +86, 86 and 0086 are all one, and so is a number that a keyboard
    filled in twice.
    """
    if len(text) > TYPED_CHARS:
        raise BadPhone
    bare = typed.bare(text)
    whole = DECIMAL.fullmatch(bare)
    bare = NOISE.sub("", whole[1] if whole else bare)
    half = len(bare) // 2
    if bare[:half] == bare[half:]:
        bare = bare[:half]
    bare = COUNTRY.sub("", bare, count=1)
    if not bare.isascii() or not MOBILE.fullmatch(bare):
        raise BadPhone
    return f"+86{bare}"


def masked(phone: str) -> str:
    """An E.164 number as it may be shown: '+8613800138000' → '138****8000'."""
    bare = phone.removeprefix("+86")
    return f"{bare[:3]}****{bare[-4:]}" if len(bare) == 11 else "****"
