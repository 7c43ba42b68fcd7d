"""Texts of both kinds, written by us: no bad one passes, and at most two good ones are called bad."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot.linter.check import findings

HERE = Path(__file__).parent
FALSE_ALARMS = 2


def _lines(name: str) -> list[str]:
    return [line.replace("\\n", "\n") for line in (HERE / name).read_text(encoding="utf-8").splitlines() if line]


BAD = [
    tuple(line.split("\t", 1))
    for name in (
        "bad.txt",
        "bad_second.txt",
        "bad_third.txt",
        "bad_fourth.txt",
        "bad_fifth.txt",
        "bad_sixth.txt",
        "bad_seventh.txt",
        "bad_eighth.txt",
    )
    for line in _lines(name)
]
GOOD = (
    _lines("good.txt")
    + _lines("good_second.txt")
    + _lines("good_third.txt")
    + _lines("good_fourth.txt")
    + _lines("good_fifth.txt")
    + _lines("good_sixth.txt")
    + _lines("good_seventh.txt")
    + _lines("good_long.txt")
)


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_text_is_named_by_its_rule(rule: str, text: str) -> None:
    assert rule in {each.rule for each in findings(text)}


def test_good_texts_pass() -> None:
    alarms = {text: [each.rule for each in found] for text in GOOD if (found := findings(text))}
    assert len(alarms) <= FALSE_ALARMS, alarms


def test_there_are_enough_of_both() -> None:
    assert len(BAD) >= 60
    assert len(GOOD) >= 60


@given(st.text(max_size=200), st.sampled_from([text for _, text in BAD]))
def test_any_text_is_read_and_every_place_lies_within_it(around: str, bad: str) -> None:
    text = around + bad
    for found in findings(text):
        assert 0 <= found.start < found.end <= len(text)
        assert (
            found.text.zh and found.text.en and "{" not in found.text.zh.replace(text[found.start : found.end], "")[:1]
        )


@given(
    st.sampled_from([text for _, text in BAD if text.isalpha() and not text.isascii()]),
    st.sampled_from("·.*|_~-/ \u200b\u3000"),
)
def test_a_mark_between_all_characters_hides_nothing(bad: str, mark: str) -> None:
    assert {each.rule for each in findings(bad)} <= {each.rule for each in findings(mark.join(bad))}
