"""One number, one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot.people import codes, phones

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


@pytest.mark.parametrize(
    "typed",
    [
        "\u202d13800138000\u202c",
        "\u200b13800138000",
        "\ufeff13800138000",
        "\u200e13800138000",
        "\u2068138001380\u206900",
        "\u206613800138000\u2069",
        "138\u200d0013\u00ad8000\u2060",
        "\u061c+86\u00a0138\u2009\u202f0013 8000",
        "tel:+86-138-0013-8000",
        "“13800138000”。",
        "'13800138000",
        "`13800138000",
        "13800138000.0",
        "1380013800013800138000",
        "13800138000\r\n",
        "086 138 0013 8000",
        "1️⃣3800138000",
    ],
)
def test_a_phone_is_read_as_clipboards_sheets_and_keyboards_give_it(typed: str) -> None:
    assert phones.normalise(typed) == "+8613800138000"


@pytest.mark.parametrize(
    "typed", ["1380013800.0", "13800138000/13900139000", "13800138000.5", "1.38E+10", "1380013800013800138001"]
)
def test_a_phone_is_never_guessed(typed: str) -> None:
    with pytest.raises(phones.BadPhone):
        phones.normalise(typed)


MESSAGE = "【示例小店】您的验证码是 {code}，5 分钟内有效，请勿告诉他人。"


@pytest.mark.parametrize(
    "typed",
    [
        "{code}{code:.2}",
        "{code}{code}",
        "{code}{code}{code}",
        MESSAGE,
        "验证码：{code}",
        "“{code}”",
        "{code}。",
        "{code}\u200b",
        "\u202d{code}\u202c",
        "您的验证码：{code:.3} {rest}，请在 10 分钟内输入",
        "【{code}】",
        "{code:.3}-{rest}",
        "Your code is {code}. Valid for 5 minutes, call 4008001234.",
        "验证码{code}（{code}）",
    ],
)
@pytest.mark.parametrize("code", ["123456", "000000"])
def test_a_code_is_read_as_phones_and_people_give_it(typed: str, code: str) -> None:
    assert codes.read(typed.format(code=code, rest=code[3:])) == code


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "1234567",
        "12345678",
        "123456654321",
        "验证码 123456 或 654321",
        "123456\n654321",
        "abcdef",
        "13800138000",
        "1" * 301,
    ],
)
def test_where_no_single_code_is_meant_none_is_taken(typed: str) -> None:
    assert codes.read(typed) is None


@given(st.from_regex(r"\A[0-9]{6}\Z"), st.text(st.characters(categories=("Cf", "Zs", "Po")), max_size=4))
def test_nothing_round_a_code_changes_it(code: str, round_it: str) -> None:
    assert codes.read(f"{round_it}{code}{round_it}") == code
