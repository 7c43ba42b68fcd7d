"""Tables at a terminal: no word, number or openid is ever broken in two.

What cannot be as wide as the terminal without breaking words is shown row by row; into a pipe or a file each row is one line.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

WORDS = re.compile(r"[^\S\n]+|\n|[!-~]+[，。；：！？、）」”]*|[（「“]*[^\s!-~][，。；：！？、）」”]*")
"""What stays together: a run of ASCII, or one other character with the punctuation that belongs to it."""

MARGIN = 2
"""What stands beside a cell's text: a blank on each side; a line stands between two columns."""

PIPED_COLUMNS = 100_000
"""As wide as no row is: nobody folds what a program reads."""


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table that fits the terminal, or row by row when words would have to be broken for it."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    console = Console()
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console = Console(width=PIPED_COLUMNS)
    widths = _widths(columns, cells, console.width - 1 - len(columns) * (MARGIN + 1))
    if widths is None:
        _print_records(console, title, columns, cells)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        is_number = column.endswith(("元", "数", "#"))
        table.add_column(RichText(column), justify="right" if is_number else "left", width=width, overflow="fold")
    for row in cells:
        table.add_row(*(RichText(_folded(cell, width)) for cell, width in zip(row, widths, strict=True)))
    console.print(table)


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Columns as wide as what they hold; the widest ones narrower until all fit. None when a word would have to break."""
    whole, least = [], []
    for at, column in enumerate(columns):
        texts = [column, *(row[at] for row in cells)]
        whole.append(max(cell_len(line) for text in texts for line in text.split("\n")))
        least.append(max((cell_len(word) for text in texts for word in WORDS.findall(text)), default=0))
    if sum(least) > room:
        return None
    widths = list(whole)
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda at: (widths[at] > least[at], widths[at]))
        widths[widest] -= 1
    return widths


def _folded(text: str, width: int) -> str:
    """A text in lines of at most `width` cells, broken between words only."""
    lines, used = [""], 0
    for word in WORDS.findall(text):
        size = cell_len(word)
        if word == "\n" or used + size > width:
            lines, used = [*lines, ""], 0
            if not word.strip():
                continue
        lines[-1] += word
        used += size
    return "\n".join(line.rstrip() for line in lines)


def _print_records(console: Console, title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    console.print(RichText(title, style="bold"))
    for row in cells:
        console.rule(style="dim")
        for column, cell in zip(columns, row, strict=True):
            if cell:
                console.print(RichText(f"{column}：{cell}" if column else cell), soft_wrap=True)
