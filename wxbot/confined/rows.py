"""A table as it was read, before anybody knows what its columns mean, and the refusal of what is none.

No dataclasses here: a child is started for each file, and to load what makes them takes longer than to read most files.
"""

from collections.abc import Sequence

ROWS_MAX = 20_000
COLUMNS_MAX = 30
HEADER_WITHIN = 10
"""A title or two may stand above the header."""


class NoTable(Exception):
    """The file cannot be read as a list: a word for why, and what its sentence names."""

    def __init__(self, why: str, **values: object) -> None:
        super().__init__(why)
        self.why, self.values = why, values


class ReadRow:
    """The cells of one row, and its number as a spreadsheet counts, from 1; `fault` is what is wrong with the row as a whole."""

    __slots__ = ("cells", "fault", "is_hidden", "number")

    def __init__(self, number: int, cells: list[str], is_hidden: bool = False, fault: str = "") -> None:
        self.number, self.cells, self.is_hidden, self.fault = number, cells, is_hidden, fault


class ReadTable:
    """All rows that hold anything, and the columns that the sender does not see."""

    __slots__ = ("hidden_columns", "rows")

    def __init__(self, rows: list[ReadRow], hidden_columns: frozenset[int] = frozenset()) -> None:
        self.rows, self.hidden_columns = rows, hidden_columns


def refuse_beyond(rows: Sequence[ReadRow]) -> None:
    """Refuse more filled rows than a list may have, wherever they stand."""
    if len(rows) > ROWS_MAX + HEADER_WITHIN:
        raise NoTable("rows", most=f"{ROWS_MAX:,}")


def refuse_wide(row: int) -> None:
    """Refuse a row that holds something beyond the columns that are read."""
    raise NoTable("columns", most=COLUMNS_MAX, row=row)
