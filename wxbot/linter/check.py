"""The linter's door: what in a text must not, or should not, be written."""

from functools import lru_cache

from wxbot.linter.claims import claimed
from wxbot.linter.finding import REASONS, LintFinding
from wxbot.linter.induced import induced
from wxbot.linter.reading import readings
from wxbot.text import Text

LEAST_FEN, MOST_FEN = 10, 20_000
"""What a transfer of the campaign scene holds when nobody has said otherwise."""

SHOWN = 24
"""Characters of a finding that are quoted."""


@lru_cache(maxsize=512)
def findings(text: str, *, least_fen: int = LEAST_FEN, most_fen: int = MOST_FEN) -> tuple[LintFinding, ...]:
    """Everything the rules find in a text, by place; a rule that finds a place in two readings finds it once.

    Kept: a draft's page and whoever watches a campaign ask again for texts that have not changed, and long rules take 80 ms.
    """
    places: dict[tuple[str, int], int] = {}
    for reading in readings(text):
        for rule, start, end in (*induced(reading), *claimed(reading, least_fen, most_fen)):
            first, last = reading.place(start, end)
            places[rule, first] = max(last, places.get((rule, first), 0))
    kept: list[LintFinding] = []
    for (rule, start), end in sorted(places.items(), key=lambda each: (each[0][1], each[0][0])):
        if any(other.rule == rule and start < other.end for other in kept):
            continue
        found = " ".join(text[start:end].split())
        shown = found if len(found) <= SHOWN else f"{found[: SHOWN - 1]}…"
        kept.append(
            LintFinding(
                rule, start, end, REASONS[rule].format(found=shown, least=_yuan(least_fen), most=_yuan(most_fen))
            )
        )
    return tuple(kept)


def error(text: str) -> Text | None:
    """The first thing that must not be written, and why; None when all of it may."""
    return next((each.text for each in findings(text) if each.is_error), None)


def _yuan(amount_fen: int) -> str:
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"
