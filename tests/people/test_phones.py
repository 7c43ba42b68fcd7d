"""One number, one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot.people import phones

PIECES = st.sampled_from([" ", "-", "－", "　", "", "\u2013", ".", "\u200a"])
FULL_WIDTH = str.maketrans("0123456789+", "０１２３４５６７８９＋")


@given(
    st.from_regex(r"\A1[3-9][0-9]{9}\Z"),
    st.sampled_from(["", "+86", "86", "0086", "+86 ", "(+86)", "+86-"]),
    st.lists(PIECES, min_size=11, max_size=11),
    st.booleans(),
)
def test_every_spelling_of_a_number_is_one_number_S51(bare: str, prefix: str, pieces: list[str], is_wide: bool) -> None:
    typed = prefix + "".join(digit + piece for digit, piece in zip(bare, pieces, strict=True))
    assert phones.normalise(typed.translate(FULL_WIDTH) if is_wide else typed) == f"+86{bare}"
    assert phones.masked(f"+86{bare}") == f"{bare[:3]}****{bare[7:]}"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1380013800",
        "138001380000",
        "12800138000",
        "+1 650 555 0100",
        "1380013800O",
        "手机",
        "١٣٨٠٠١٣٨٠٠٠",
        "8" * 50,
        "+86861380013800",
    ],
)
def test_what_is_no_mobile_number_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(phones.BadPhone, match="11 位"):
        phones.normalise(typed)
