"""The marketer's colour on the phone's page, and how odds are written: pure rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot.instant import look
from wxbot.instant.decide import PrizeRule
from wxbot.instant.page_words import WORDS, odds_text, worth_text


@given(st.integers(0, 0xFFFFFF))
def test_words_can_be_read_on_every_tone_of_every_colour(number: int) -> None:
    tones = look.palette(f"#{number:06x}")
    ink = tones.pop("on-brand")
    assert set(tones) == {"brand", "brand-deep", "brand-light"}
    assert all(look.contrast(ink, tone) >= look.READABLE for tone in tones.values())


@pytest.mark.parametrize("given", ["", "red", "#12345", "#12345678", "url(x)", "#ff0000;}", "#gggggg"])
def test_what_is_no_colour_is_the_house_red(given: str) -> None:
    assert look.palette(given) == look.palette(look.DEFAULT)
    assert look.palette(look.DEFAULT)["brand"] == look.DEFAULT


@pytest.mark.parametrize(
    ("odds_ppm", "zh"),
    [
        (10_000, "1/100（1%）· 50 份"),
        (300_000, "1/3.3（30%）· 50 份"),
        (1, "1/1,000,000（0.0001%）· 50 份"),
        (1_000_000, "1/1（100%）· 50 份"),
        (0, "0% · 50 份"),
    ],
)
def test_odds_are_written_as_one_in_n_and_as_percent(odds_ppm: int, zh: str) -> None:
    assert odds_text(odds_ppm, 50).zh == zh


@pytest.mark.parametrize(
    ("kind", "low", "high", "value_fen", "zh"),
    [
        ("money", 888, 888, 888, "¥8.88"),
        ("money", 50, 200, 200, "¥0.50–2.00"),
        ("code", 0, 0, 1_500, "价值 ¥15.00"),
        ("code", 0, 0, 0, ""),
    ],
)
def test_what_a_prize_is_worth_stands_behind_its_name(kind: Any, low: int, high: int, value_fen: int, zh: str) -> None:
    rule = PrizeRule(1, kind, "奖", 1, 1, "fixed" if low == high else "range", low, high)
    assert worth_text(rule, value_fen).zh == zh


def test_every_sentence_is_there_in_both_languages() -> None:
    for name, text in WORDS.items():
        assert text.zh and text.en and text.zh != text.en, name
