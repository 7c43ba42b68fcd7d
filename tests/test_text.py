"""Sentences in two languages: places, and the English word that goes with a count."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wxbot
from wxbot.hall.phone_words import WORDS
from wxbot.hall.screen_words import PAGE, SCRIPT
from wxbot.plurals import plural
from wxbot.text import Text, filled


@given(st.integers(0, 10**6))
def test_one_alone_has_the_singular(n: int) -> None:
    said = Text("{n} 人", "{n} {n:person is|people are} here").format(n=n)
    assert said == (f"{n} 人", f"{n} person is here" if n == 1 else f"{n} people are here")
    assert plural(n, "row", "rows") == ("row" if n == 1 else "rows")


@pytest.mark.parametrize(("n", "word"), [("1", "code"), ("1,001", "codes"), (1, "code"), (0, "codes")])
def test_a_count_may_be_written_already(n: object, word: str) -> None:
    assert filled("{n} {n:code|codes}", n=n) == f"{n} {word}"


def test_other_places_are_filled_as_always() -> None:
    assert filled("{n:,} {{x}} {who}", n=12345, who="{n:a|b}") == "12,345 {x} {n:a|b}"
    with pytest.raises(KeyError):
        filled("{n} {m:a|b}", n=1)


TABLES_ELSEWHERE = ("wxbot.orders.bill_faults", "wxbot.instant.remind")


def texts() -> Iterator[tuple[str, Text]]:
    """Every sentence that stands in a table or by itself in a module of the program."""
    for found in pkgutil.walk_packages(wxbot.__path__, "wxbot."):
        if found.name.endswith("words") or found.name in TABLES_ELSEWHERE:
            for value in vars(importlib.import_module(found.name)).values():
                table = value.values() if isinstance(value, dict) else [value]
                yield from ((found.name, text) for text in table if isinstance(text, Text))


def test_each_word_that_goes_with_a_count_goes_with_one_that_is_given() -> None:
    """Whatever the Chinese sentence has a place for is given; the English one asks for nothing else."""
    sentences = list(texts())
    assert len(sentences) > len(WORDS) + len(PAGE) + len(SCRIPT)
    counted = 0
    for where, text in sentences:
        given_, asked = ({name for _, name, _, _ in Formatter().parse(one) if name} for one in (text.zh, text.en))
        if re.search(r"\{\w+:[^}]*\|", text.en):
            counted += 1
            assert asked <= given_, (where, text.en)
    assert counted > 20
