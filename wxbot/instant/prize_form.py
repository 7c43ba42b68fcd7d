"""The table of prizes in a draft's form, as far as every mechanic that has one reads it alike: its rows, amounts, and what a row is worth."""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from wxbot.campaigns.draft_form import many, plain, read_yuan
from wxbot.instant.models import Split
from wxbot.money import plain_yuan
from wxbot.text import Refusal, fault

PRIZES_MAX = 20
DAY_S = 86_400
DASHES = str.maketrans("–—－~～至", "------")

FieldRow = tuple[str, ...]
"""One prize as it was typed, field by field."""


def read_amounts(text: str) -> tuple[int, int]:
    """(least, most) fen of a prize: `1.68` is always the same, `0.50-2.00` differs from win to win."""
    least, dash, most = plain(text).translate(DASHES).partition("-")
    min_fen = read_yuan(least)
    return min_fen, read_yuan(most) if dash else min_fen


def worth(kind: str, amounts_fen: tuple[int, int], total_fen: int) -> dict[str, Any]:
    """What a prize is worth, by the names in which drafts keep it; `total_fen` 0: nothing is split exactly. Only money is paid out."""
    is_money, (least_fen, most_fen) = kind == "money", amounts_fen
    split: Split = "exact" if total_fen else "range" if is_money and least_fen != most_fen else "fixed"
    return {
        "split": split,
        "min_fen": least_fen if is_money else 0,
        "max_fen": most_fen if is_money else 0,
        "total_fen": total_fen,
        "value_fen": most_fen,
    }


def amounts_of(prize: Mapping[str, Any]) -> str:
    """The amount as `read_amounts` reads it."""
    bounds = [prize["min_fen"], prize["max_fen"]] if prize["min_fen"] != prize["max_fen"] else [prize["value_fen"]]
    return "-".join(map(plain_yuan, bounds))


def total_of(prize: Mapping[str, Any]) -> str:
    """The total that is split exactly, as it is typed; nothing where none is."""
    return plain_yuan(prize["total_fen"]) if prize["split"] == "exact" else ""


def rows_of(form: Mapping[str, Any], fields: Sequence[str]) -> list[FieldRow]:
    """The rows of the table as they were typed; a field that an older form did not have is empty."""
    return list(zip_longest(*(many(form, name) for name in fields), fillvalue=""))


def read_rows(
    form: Mapping[str, Any], fields: Sequence[str], needed: Sequence[str], read: Callable[[FieldRow], dict[str, Any]]
) -> list[dict[str, Any]]:
    """The prizes; a row in which all the `needed` fields are empty is skipped. Raises Refusal that names the row."""
    prizes: list[dict[str, Any]] = []
    places = [fields.index(name) for name in needed]
    for number, row in enumerate(rows_of(form, fields), 1):
        if not any(plain(row[place]) for place in places):
            continue
        try:
            prizes.append(read(row))
        except Refusal as slip:
            raise fault("prizes", *of_row(number, slip)) from slip
    if len(prizes) > PRIZES_MAX:
        raise fault("prizes", f"最多 {PRIZES_MAX} 个奖品", f"At most {PRIZES_MAX} prizes")
    return prizes


def of_row(number: int, slip: Refusal) -> tuple[str, str]:
    """What is wrong in one row, in both languages."""
    return f"第 {number} 个奖品：{slip.text.zh}", f"Prize {number}: {slip.text.en}"
