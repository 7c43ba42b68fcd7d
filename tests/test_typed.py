"""What people type, as we keep it: pure functions, and the same hostile text through each door."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot import form_fields, typed

UNSEEN = "\u202e\u202a\u2066\u2069\u200f\u061c\u200b\u200c\u2060\ufeff\xad\u034f\u115f\u3164\uffa0\u2800\u180e\x00\x1b\x9b\ue000\ufffe\ud83d\U000e0041"


@pytest.mark.parametrize("odd", UNSEEN, ids=lambda odd: f"{ord(odd):04x}")
def test_a_character_that_nobody_sees_is_no_part_of_a_name(odd: str) -> None:
    assert typed.line(f"{odd}张{odd}三{odd}") == "张三"
    assert typed.clean(f"第一行{odd}\n第二行") == "第一行\n第二行"
    assert typed.bare(f"138{odd}0013 8000") == "13800138000"


@pytest.mark.parametrize(
    "text", ["❤️", "👨‍👩‍👧", "👩🏽‍🚀", "🏳️‍🌈", "1️⃣", "#️⃣", "©️", "张三 🧧", "José", "名 字", "مرحبا", "葛"]
)
def test_what_is_seen_stays_whole(text: str) -> None:
    assert typed.clean(text) == typed.line(text) == text


@pytest.mark.parametrize(
    ("given", "kept"), [("张\ufe0f三", "张三"), ("张\u200d三", "张三"), ("a\ufe0f\u200d❤", "a❤"), ("1\ufe0f2", "12")]
)
def test_a_mark_for_emoji_says_nothing_among_letters(given: str, kept: str) -> None:
    assert typed.clean(given) == kept


@pytest.mark.parametrize("end", ["\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_each_end_of_a_line_is_one_and_a_blank_within_one_line(end: str) -> None:
    assert typed.clean(f" a{end}b ") == " a\nb "
    assert typed.line(f" a{end}b\t") == "a b"


def test_one_name_has_one_spelling() -> None:
    assert typed.line("e\u200b\u0301") == "\xe9"
    assert typed.bare("１３８－００１３\u3000８０００") == "138-00138000"


@given(st.text(st.one_of(st.characters(), st.sampled_from(UNSEEN + "\ufe0f\u200d❤👩1\u20e3\r\n"))))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    for reading in (typed.clean, typed.line, typed.bare):
        assert reading(reading(text)) == reading(text)


def test_fields_are_cleaned_but_for_passwords() -> None:
    fields = form_fields.Fields([("name", "a\u200bb"), ("name", "c\u202e"), ("password", "p\u200bw"), ("n", "1")])
    assert fields.getlist("name") == ["ab", "c"]
    assert (fields["password"], fields["n"]) == ("p\u200bw", "1")
