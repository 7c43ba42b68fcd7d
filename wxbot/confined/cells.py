"""What a cell of a sheet says: read as the sender sees it, or named with what is wrong with it; never guessed."""

import re

from wxbot import typed

CELL_CHARS = 500
WRITTEN_CHARS = 60
"""So much is told of a cell that cannot be taken."""

EXACT_DIGITS = 15
"""What a spreadsheet shows and keeps of a number; more digits than these are noise of its binary form."""

DANGEROUS = tuple("=+-@\t\r\n＝＋－＠|%")
"""How a cell begins that a spreadsheet could run (S45)."""

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BLANKS = " \u3000\u00a0\ufeff"
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_ESCAPED_BLANK = re.compile("_x000[9AaDd]_")
_QUOTED = re.compile(r'=\s*"((?:[^"]|"")*)"')
_KEPT_AS_TEXT = re.compile(r"""['`´‘’＇｀]\s*([-+(]?[¥￥$]?[0-9０-９][-+0-9０-９ ()/.,]*)['`´‘’＇｀]?""")
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+?[0-9]{1,3}")
_LOST = re.compile("\ufffd|锟斤拷|[\ue000-\uf8ff]|^[?]{2,}$")
"""What is left where a program did not know a letter."""


class Bad(str):
    """A cell that cannot be taken: the name of its fault, and how what is written there begins, '' where nobody sees it like that."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, name: str, written: str = "") -> "Bad":
        """A fault by its name; of the text only what can be shown again is kept."""
        made = super().__new__(cls, name)
        made.written = CONTROL.sub(" ", written[:WRITTEN_CHARS]).strip()
        return made


def clean(text: str, *, is_escaped: bool = False) -> str:
    """A text as we keep it: as typed.line() has it, without the tricks by which people keep digits as text.

    `is_escaped`: control characters stand in it as _x000D_, as workbooks hold them. Returns Bad for what cannot be taken.
    """
    if not text or (text.isascii() and text.isalnum() and len(text) < 12):
        return text
    if is_escaped:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    else:
        text = _ESCAPED_BLANK.sub(" ", text)
    plain = re.sub(r"[\t\r\n]+", " ", text.strip())
    if CONTROL.search(plain):
        return Bad("control", plain)
    if _LOST.search(plain):
        return Bad("lost", plain)
    plain = typed.line(plain)
    if quoted := _QUOTED.fullmatch(plain):
        plain = quoted[1].replace('""', '"').strip()
    if kept := _KEPT_AS_TEXT.fullmatch(plain):
        plain = kept[1].strip()
    elif plain.startswith("'") and safe_cell(plain[1:]) == plain:
        plain = plain[1:].strip()
    if _SCIENTIFIC.fullmatch(plain):
        return Bad("scientific", plain)
    return Bad("long", plain) if len(plain) > CELL_CHARS else plain


def number_text(value: int | float) -> str:
    """A number of a spreadsheet exactly as it shows it: 12.300000000000001 is 12.3 to both of us, 12.305 stays 12.305."""
    text = str(value) if isinstance(value, int) else f"{value:.{EXACT_DIGITS}g}"
    is_exact = _NUMBER.fullmatch(text) is not None and len(text.lstrip("-")) <= EXACT_DIGITS + 2
    return text if is_exact else Bad("inexact", text)


def safe_cell(value: object) -> str:
    """The value as text; what a spreadsheet could take for a formula gets a quote mark in front (S45)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(_BLANKS).startswith(DANGEROUS) or text.startswith(DANGEROUS) else text
