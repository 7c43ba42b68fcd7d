"""People named one by one in a sheet or in pasted lines: an openid or a phone each, with a report of what became of every line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from wxbot import typed
from wxbot.people import phones
from wxbot.sheets import Column, SheetRow
from wxbot.text import Text

OPENID_CHARS = range(6, 65)
FAULTS_SHOWN = 100
"""So many lines a page lists; the sheet of the report has all of them."""
SHOWN_CHARS = 40

PHONE = Column("phone", ("手机号", "手机", "手机号码", "电话", "电话号码", "联系电话", "联系方式", "phone", "mobile"))
COLUMNS = (Column("openid", ("openid", "open id", "用户openid")), PHONE)
NEEDS = (("openid", "phone"),)
"""What a sheet of people must have (sheets.read)."""

HEADER = (Text("行", "row"), Text("内容", "value"), Text("问题和办法", "what is wrong and what to do"))
NOBODY = Text(
    "不是手机号，也不是 openid，或单元格读不准；请改正后再导入",
    "neither a phone nor an openid, or a cell that could not be read; mend it and import it again",
)

Named = TypeVar("Named")
NumberedLine = tuple[int, str]
"""(number from 1, what stands there)."""


@dataclass
class ImportReport:
    """What became of the lines: `faulty` are those that are neither openid nor phone, as (line, how it begins)."""

    added: int = 0
    known: int = 0
    faulty: list[NumberedLine] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """How many lines name nobody."""
        return len(self.faulty)

    @property
    def shown(self) -> Sequence[NumberedLine]:
        """The first of the faulty lines, for a page."""
        return self.faulty[:FAULTS_SHOWN]

    def refuse(self, number: int, text: str) -> None:
        """Keep a line that names nobody."""
        self.faulty.append((number, text[:SHOWN_CHARS]))

    def sheet_rows(self) -> Iterator[tuple[int, str, Text]]:
        """Every faulty line as a row of a sheet below HEADER."""
        return ((number, text, NOBODY) for number, text in self.faulty)


def chunks(people: Sequence[Named], size: int = 500) -> Iterator[Sequence[Named]]:
    """So many at once as one question to the database names."""
    for begin in range(0, len(people), size):
        yield people[begin : begin + size]


def is_openid(text: str) -> bool:
    """Whether WeChat could have given this to a person."""
    return len(text) in OPENID_CHARS and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def named(text: str) -> tuple[str, str] | None:
    """('phone', E.164) or ('openid', …) of what a person wrote; None for neither."""
    try:
        return "phone", phones.normalise(text)
    except phones.BadPhone:
        return ("openid", text) if is_openid(text) and not text.isdigit() else None


def lines_in(rows: Iterable[SheetRow], pasted: str) -> Iterator[NumberedLine]:
    """The people of a sheet, of each row its openid or else its phone, and those of pasted lines; empty ones are left out."""
    for row in rows:
        if row.faults or any(row.cells.values()):
            yield row.number, row.cells.get("openid") or row.cells.get("phone") or "?"
    for number, line in enumerate(pasted.splitlines(), 1):
        if text := typed.line(line):
            yield number, text
