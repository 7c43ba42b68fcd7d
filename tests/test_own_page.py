"""The one rule whether a request comes from a page of ours (security S55), as pure functions."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot import own_page

OWN = ("https://pay.example.com", "http://127.0.0.1:8000")


def sign(text: str) -> str:
    return hmac.digest(b"key", text.encode(), "sha256").hex()[:32]


@pytest.mark.parametrize(
    ("site", "origin", "referer", "is_ours"),
    [
        (None, None, None, True),  # an old browser: the mark decides
        ("same-origin", "https://pay.example.com", None, True),
        ("none", None, None, True),
        ("same-origin", "http://127.0.0.1:8000", None, True),
        ("same-site", "https://pay.example.com", None, False),
        ("cross-site", None, None, False),
        (None, "https://pay.example.com.evil.test", None, False),
        (None, "https://pay.example.com:444", None, False),
        (None, "http://pay.example.com", None, False),
        (None, "null", None, False),
        (None, "", None, False),
        ("same-origin", "null", None, False),
        (None, None, "https://pay.example.com/h5/me", True),
        (None, None, "https://evil.test/?https://pay.example.com", False),
        ("same-origin", None, "https://evil.test/", True),  # the browser's own word is the better one
    ],
)
def test_both_headers_must_name_our_own_origin_exactly_S55(
    site: str | None, origin: str | None, referer: str | None, is_ours: bool
) -> None:
    assert own_page.is_near(site, origin, OWN, referer) is is_ours


@given(issued=st.integers(0, 2**40), passed=st.integers(-200, 5_000), life_s=st.integers(1, 4_000))
def test_a_mark_lives_as_long_as_it_is_told_and_not_longer_S55(issued: int, passed: int, life_s: int) -> None:
    mark = own_page.mark(sign, "session", issued)
    is_alive = -own_page.EARLY_S <= passed <= life_s
    assert own_page.is_fresh(mark, sign, "session", issued + passed, life_s) is is_alive


@given(bound_to=st.text(), other=st.text(), given_mark=st.text())
def test_a_mark_of_another_session_and_any_other_text_is_none_S55(bound_to: str, other: str, given_mark: str) -> None:
    mark = own_page.mark(sign, bound_to, 1_000)
    assert own_page.is_fresh(mark, sign, other, 1_000) is (other == bound_to)
    assert own_page.is_fresh(given_mark, sign, bound_to, 1_000) is (given_mark == mark)
