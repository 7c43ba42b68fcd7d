"""What a guest may be called on the wall: read like everything that is typed, and held to what a room can read aloud. Pure.

Names are text everywhere and never markup; what is refused here is refused for the people in the room, not for the browser.
"""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from wxbot import typed
from wxbot.linter.check import findings
from wxbot.linter.reading import readings
from wxbot.text import Refusal, Text

NAME_CHARS = 20
WORDS_CHARS = 40
"""Of danmaku: what passes over a screen in the time in which somebody reads it."""

MARKS_MOST = 2
"""Combining marks on one letter; more of them climb over the lines above."""

_PHONE = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")

EMPTY = Text("请写上名字，字母、汉字或数字都可以", "Please type a name of letters, characters or digits")
LONG = Text("最多 {most} 个字", "At most {most} characters")
UGLY = Text("这个名字不能上墙，请换一个", "This name cannot stand on the wall; please take another")
RUDE = Text("这句话不能上墙，请换一句", "These words cannot stand on the screen; please take others")
PHONE = Text("请不要写手机号，全场都看得到", "Please leave out phone numbers: everybody in the room would see them")


def read_name(text: str) -> str:
    """A name as it stands on the wall. Raises Refusal (field `name`) with what to do."""
    return _read(text, NAME_CHARS, UGLY, "name")


def read_words(text: str) -> str:
    """Danmaku as it stands on the screen. Raises Refusal (field `words`)."""
    return _read(text, WORDS_CHARS, RUDE, "words")


def _read(text: str, most: int, refused: Text, field: str) -> str:
    line = " ".join(typed.line(text[: most * 20]).split())
    if not any(unicodedata.category(letter)[0] in "LNS" for letter in line):
        raise Refusal("empty", EMPTY, field)
    if len(line) > most or len(text) > most * 20:
        raise Refusal("long", LONG.format(most=most), field)
    if _PHONE.search(typed.bare(line)):
        raise Refusal("phone", PHONE, field)
    if _is_piled(line) or is_rude(line) or any(found.is_error for found in findings(line)):
        raise Refusal("refused", refused, field)
    return line


def _is_piled(line: str) -> bool:
    """Whether marks are piled on a letter."""
    marks = 0
    for letter in unicodedata.normalize("NFD", line):
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        if marks > MARKS_MOST:
            return True
    return False


def is_rude(line: str) -> bool:
    """Whether a word of words.txt is read in it, in any spelling that the linter reads."""
    return any(word in reading.plain for reading in readings(line) for word in _words())


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    path = Path(__file__).with_name("words.txt")
    lines = path.read_text("utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
