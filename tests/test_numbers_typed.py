"""Numbers as people type them: one reader for counts, percent and yuan, exact or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot.money import NotANumber, half_width, parse_number, parse_yuan

WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})


@given(st.integers(0, 9_999_999_999), st.integers(0, 4))
def test_a_number_is_read_plain_grouped_and_full_width(number: int, decimals: int) -> None:
    whole, rest = divmod(number, 10**decimals)
    tail = f".{rest:0{decimals}d}" if decimals else ""
    for text in (f"{whole}{tail}", f"{whole:,}{tail}", f"　{whole:,}{tail} ".translate(WIDE)):
        assert parse_number(text, decimals) == number
    assert parse_yuan(f"￥{number:,} 元") == number * 100


@given(st.text(max_size=12), st.integers(0, 4))
def test_any_other_text_is_refused_or_holds_only_digits_commas_and_one_point(text: str, decimals: int) -> None:
    try:
        number = parse_number(text, decimals)
    except NotANumber:
        return
    assert set(half_width(text)) <= set("0123456789,.")
    assert number >= 0


@pytest.mark.parametrize(
    "text",
    ["", "1/10", "10¹", "½", "1,0", "12,34", ",100", "1,,000", "1.", ".5", "1e3", "-1", "٣", "十", "1 000", "1'000"],
)
def test_what_could_be_read_as_another_number_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        parse_number(text, 2)
