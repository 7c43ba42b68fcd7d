"""The verifier replays an archive and names the one row that was changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.instant.plays import BEGIN, EVEN, SEED, WINDOW, archive, money, played
from wxbot.instant.decide import PrizeRule, Rules
from wxbot.instant.verify import verify

RULES = Rules(
    9,
    WINDOW,
    (
        money(1, 20_000, 3, split="range", min_fen=100, max_fen=900),
        money(2, 150_000, 20, release=EVEN, when_gone="consolation"),
        PrizeRule(3, "code", "C", 100_000, 9),
        money(4, 50_000, 30, split="exact", min_fen=10, max_fen=90, total_fen=1500),
    ),
)
LENGTH = WINDOW.end - WINDOW.begin
DRAWS = played(RULES, [BEGIN + n * LENGTH // 400 for n in range(400)])


def test_an_untouched_archive_is_true() -> None:
    seen = verify(archive(RULES, DRAWS))
    assert seen.findings == []
    assert (seen.draws, seen.is_true) == (400, True)
    assert seen.wins == sum(draw["outcome"] == "won" for draw in DRAWS) > 20
    assert {draw["outcome"] for draw in DRAWS} == {"won", "lost", "gone"}


LOSER = next(n for n, draw in enumerate(DRAWS) if draw["outcome"] == "lost" and n > 20)
WINNER = next(n for n, draw in enumerate(DRAWS) if draw["prize"] == 1)


@pytest.mark.parametrize(
    ("place", "changes", "fields"),
    [
        (LOSER, {"prize": 1, "outcome": "won", "amount_fen": 900}, {"prize", "outcome", "amount_fen"}),
        (WINNER, {"amount_fen": 901}, {"amount_fen"}),
        (WINNER, {"prize": None, "outcome": "lost", "amount_fen": None}, {"prize", "outcome", "amount_fen"}),
        (LOSER, {"dice": 5}, {"dice"}),
        (WINNER, {"left": 9}, {"left"}),
        (WINNER, {"released": 1}, {"released"}),
        (LOSER, {"k": 9999}, None),
    ],
)
def test_one_changed_row_is_named(place: int, changes: dict[str, Any], fields: set[str] | None) -> None:
    changed = [draw | changes if n == place else draw for n, draw in enumerate(DRAWS)]
    seen = verify(archive(RULES, changed))
    assert not seen.is_true
    if fields is None:
        return
    assert {finding.k for finding in seen.findings} == {place + 1}
    assert {finding.what for finding in seen.findings} == fields
    assert {finding.line for finding in seen.findings} == {place + 2}


def test_a_draw_that_is_missing_doubled_or_slipped_in_is_seen() -> None:
    without = DRAWS[:50] + DRAWS[51:]
    assert any(each.what == "k" and each.expected == 51 for each in verify(archive(RULES, without)).findings)
    assert not verify(archive(RULES, DRAWS[:-1], next_k=401)).is_true
    assert any(each.what == "nonce" for each in verify(archive(RULES, [*DRAWS[:5], DRAWS[4]])).findings)


def test_numbers_that_a_restored_database_may_have_lost_are_published_as_a_gap() -> None:
    moved = [draw for draw in played(RULES, [BEGIN] * 10) if draw["k"] <= 4]
    assert verify(archive(RULES, moved, next_k=1001, gaps=[[5, 1000]])).is_true
    assert not verify(archive(RULES, moved, next_k=1001)).is_true


@pytest.mark.parametrize("field", ["seed", "rules"])
def test_another_seed_or_other_rules_than_were_published_are_seen(field: str) -> None:
    lines = archive(RULES, DRAWS)
    header = json.loads(lines[0])
    if field == "seed":
        header["seed"] = "0" + SEED[1:]
    else:
        header["rules"][0]["config"]["prizes"][0]["odds_ppm"] += 1
    seen = verify([json.dumps(header), *lines[1:]])
    assert {"seed_sha256", "rules 1"} & {finding.what for finding in seen.findings}


@pytest.mark.parametrize("lines", [[], [""], ["[]"], ["{}"], ['{"archive": 1}'], ["\x00"]])
def test_what_is_no_archive_is_said_to_be_none(lines: list[str]) -> None:
    assert [finding.what for finding in verify(lines).findings] == ["header"]


def test_a_line_that_cannot_be_read_is_named() -> None:
    lines = archive(RULES, DRAWS)
    lines[7] = lines[7][:30]
    assert (8, "unreadable") in {(each.line, each.what) for each in verify(lines).findings}
