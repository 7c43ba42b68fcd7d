"""Chinese mobile numbers: one spelling for each, however it was typed (S51)."""

import re
import unicodedata

from wxbot.people.words import SENTENCES
from wxbot.text import Refusal

MOBILE = re.compile(r"1[3-9][0-9]{9}")
NOISE = re.compile(r"[\s()\-‐‑‒–—―−.·•_/]+")
COUNTRY = re.compile(r"(?:\+|00)?86(?=1[3-9][0-9]{9}$)")


class BadPhone(Refusal):
    """What was typed is no mobile number of mainland China."""

    def __init__(self) -> None:
        super().__init__("phone", SENTENCES["bad_phone"])


def normalise(text: str) -> str:
    """The number as E.164 (+8613800138000): full-width digits, blanks, dashes, +86, 86 and 0086 are all one. Raises BadPhone."""
    if len(text) > 40:
        raise BadPhone
    bare = NOISE.sub("", unicodedata.normalize("NFKC", text))
    bare = COUNTRY.sub("", bare, count=1)
    if not bare.isascii() or not MOBILE.fullmatch(bare):
        raise BadPhone
    return f"+86{bare}"


def masked(phone: str) -> str:
    """An E.164 number as it may be shown: '+8613800138000' → '138****8000'."""
    bare = phone.removeprefix("+86")
    return f"{bare[:3]}****{bare[-4:]}" if len(bare) == 11 else "****"
