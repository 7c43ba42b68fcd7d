"""drand's quicknet: which round a selection takes, and that nobody else can have signed it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hall import vector
from wxbot.hall import quicknet
from wxbot.hall.quicknet import DrandRound

PUBLISHED = DrandRound(vector.ROUND, vector.RANDOMNESS, vector.SIGNATURE)
AT = quicknet.published_at(vector.ROUND)


@given(st.integers(quicknet.GENESIS - 100, quicknet.GENESIS + 10**9))
def test_a_selection_takes_the_first_round_that_nobody_knew(armed_at: int) -> None:
    round_ = quicknet.first_round(armed_at)
    assert round_ == max(1, math.ceil((armed_at + 15 - quicknet.GENESIS) / 3) + 1)
    assert quicknet.published_at(round_) >= armed_at + 15
    assert round_ == 1 or quicknet.published_at(round_ - 1) < armed_at + 15


def test_the_rounds_are_those_of_the_network() -> None:
    assert quicknet.published_at(27946612) == 1776643200  # 2026-04-20T00:00Z


def test_the_published_round_is_signed_by_the_network_and_no_other() -> None:
    assert quicknet.can_check()
    assert quicknet.is_signed(PUBLISHED)
    assert not quicknet.is_signed(PUBLISHED._replace(round=vector.ROUND + 1))
    for signature in ("00" * 48, "c0" + "00" * 47, "a" + vector.SIGNATURE[1:], vector.SIGNATURE[:-2]):
        assert not quicknet.is_signed(PUBLISHED._replace(signature=signature))


@pytest.mark.parametrize(
    ("beacon", "armed_at", "at", "is_right"),
    [
        (PUBLISHED, AT - 15, AT, True),
        (PUBLISHED, AT - 17, AT + 60, True),
        (PUBLISHED, AT - 14, AT, False),
        (PUBLISHED, AT - 18, AT, False),
        (PUBLISHED, AT - 15, AT - 1, False),
        (PUBLISHED._replace(randomness="0" * 64), AT - 15, AT, False),
        (PUBLISHED._replace(signature="00" * 48), AT - 15, AT, False),
    ],
)
def test_late_entropy_is_the_round_that_was_due(beacon: DrandRound, armed_at: int, at: int, is_right: bool) -> None:
    assert (quicknet.fault(beacon.text, beacon.signature, armed_at, at) is None) == is_right


def test_anything_else_is_no_round() -> None:
    for text in ("", "quicknet\0001", PUBLISHED.text.replace("quicknet", "fastnet"), PUBLISHED.text + "\0"):
        assert quicknet.fault(text, vector.SIGNATURE, AT - 15, AT) is not None
