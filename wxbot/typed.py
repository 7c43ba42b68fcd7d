"""What people type, as we keep it: without characters that nobody sees or that turn the words around them.

One reading for every door: a form and an address of the console and the phone (wxbot/form_fields.py), JSON, the chat, sheets and the
command line. `clean` keeps the text as it stands, `line` makes one line of it, `bare` is for what is compared and not read:
phones, codes, ids. A direction mark in a name can show another name than the one that is paid, and a blank that nobody sees
makes two names of one.
"""

import re
import unicodedata

_PICTURE = (
    "\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3297\u3299\U0001f000-\U0001faff"
)
"""Emoji and the like: among these a joiner and a variation mark are part of what is seen."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters; ends of lines are made one below
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphens, fillers, marks of single scripts
    "\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\uffa0\ufeff"  # without width, direction marks, blanks
    "\ufe00-\ufe0e\ufff0-\ufffb\ufffe\uffff"
    "\ud800-\udfff\ue000-\uf8ff"  # halves of characters, and what every font shows differently
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
    f"|\ufe0f(?<![\xa9\xae{_PICTURE}]\ufe0f)(?<![0-9#*]\ufe0f(?=\u20e3))"
    f"|\u200d(?:(?<![{_PICTURE}]\u200d)(?<![{_PICTURE}]\ufe0f\u200d)|(?![{_PICTURE}]))"
)
_END_OF_LINE = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_BLANKS_OF_LINE = re.compile("[\t\n]+")
_ANY_BLANK = re.compile(r"\s+")


def clean(text: str) -> str:
    """The text composed (NFC), with one kind of line end, without characters that nobody sees; emoji stay whole.

    Outer blanks stay: in a long text they may be meant.
    """
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", _UNSEEN.sub("", _END_OF_LINE.sub("\n", text)))


def line(text: object) -> str:
    """`clean`, as one line without outer blanks: a name, a reason, what is searched for."""
    return _BLANKS_OF_LINE.sub(" ", clean(str(text))).strip()


def bare(text: str) -> str:
    """What is compared and never shown as it was typed (phones, codes, ids): full-width as half-width, no blank at all."""
    plain = clean(unicodedata.normalize("NFKC", clean(text)))
    return unicodedata.normalize("NFKC", _ANY_BLANK.sub("", plain))
