"""The verifier replays an archive and names the one row that was changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.instant.plays import BEGIN, EVEN, SEED, WINDOW, archive, money, played
from wxbot.instant.decide import PrizeRule, Rules
from wxbot.instant.verify import Replayed, verify

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


def found(seen: Replayed) -> set[tuple[int, int | None, str]]:
    """Line, draw and field of everything that does not agree."""
    return {(each.line, each.k, each.what) for each in seen.findings}


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (LOSER, {"prize": 1, "outcome": "won", "amount_fen": 900}),
        (WINNER, {"prize": None, "outcome": "lost", "amount_fen": None}),
        (WINNER, {"amount_fen": 901}),
        (LOSER, {"dice": 5}),
        (WINNER, {"left": 9}),
        (WINNER, {"released": 1}),
    ],
)
def test_one_changed_row_is_named(place: int, changes: dict[str, Any]) -> None:
    assert all(DRAWS[place][name] != value for name, value in changes.items())
    changed = [draw | changes if n == place else draw for n, draw in enumerate(DRAWS)]
    seen = verify(archive(RULES, changed))
    assert found(seen) == {(place + 2, place + 1, name) for name in changes}
    for each in seen.findings:
        assert (each.expected, each.found) == (DRAWS[place][each.what], changes[each.what])


def test_another_nonce_is_another_throw() -> None:
    """Whoever writes a nonce that wins has not the dice of the one that was drawn with."""
    changed = [draw | {"nonce": "f" * 32} if n == LOSER else draw for n, draw in enumerate(DRAWS)]
    assert (LOSER + 2, LOSER + 1, "dice") in found(verify(archive(RULES, changed)))


@pytest.mark.parametrize("version", [0, 2])
def test_rules_that_were_never_published_decide_nothing(version: int) -> None:
    changed = [draw | {"rule_version": version} if n == LOSER else draw for n, draw in enumerate(DRAWS)]
    assert found(verify(archive(RULES, changed))) == {(LOSER + 2, LOSER + 1, "rule_version")}


def test_a_draw_by_rules_that_had_been_replaced_is_seen() -> None:
    header = json.loads(archive(RULES, DRAWS)[0])
    header["rules"].append(header["rules"][0] | {"version": 2})
    draws = [draw | {"rule_version": 1 + (n >= 15)} for n, draw in enumerate(DRAWS)]
    assert verify(map(json.dumps, [header, *draws])).findings == []
    draws[LOSER] = draws[LOSER] | {"rule_version": 1}
    assert found(verify(map(json.dumps, [header, *draws]))) == {(LOSER + 2, LOSER + 1, "rule_version")}


def test_a_draw_that_is_missing_doubled_or_slipped_in_is_seen() -> None:
    line, moved = LOSER + 2, [draw | {"k": 9999} if n == LOSER else draw for n, draw in enumerate(DRAWS)]
    assert (line, 9999, "k") in found(verify(archive(RULES, moved)))
    without = [draw for n, draw in enumerate(DRAWS) if n != LOSER]  # a loss: nothing else is decided by it
    assert found(verify(archive(RULES, without, next_k=401))) == {(line, LOSER + 2, "k")}
    assert found(verify(archive(RULES, DRAWS[:-1], next_k=401))) == {(1, None, "next_k")}
    assert found(verify(archive(RULES, DRAWS, next_k=400))) == {(1, None, "next_k")}
    doubled = found(verify(archive(RULES, [*DRAWS[:5], DRAWS[4]], next_k=6)))
    assert {(7, 5, "k"), (7, 5, "nonce")} <= doubled and {line for line, *_ in doubled} == {7}


def test_numbers_that_a_restored_database_may_have_lost_are_published_as_a_gap() -> None:
    draws = played(RULES, [BEGIN] * 60)
    early, k = draws[:4], next(draw["k"] for draw in draws[9:] if draw["outcome"] == "lost")
    on = [*early, draws[k - 1]]  # a loss, of which nothing that was lost before it decides
    assert verify(archive(RULES, early, next_k=k, gaps=[[5, k - 1]])).findings == []
    assert found(verify(archive(RULES, early, next_k=k))) == {(1, None, "next_k")}
    assert verify(archive(RULES, on, next_k=k + 1, gaps=[[5, k - 1]])).findings == []
    assert found(verify(archive(RULES, on, next_k=k + 1))) == {(6, k, "k")}
    assert found(verify(archive(RULES, on, next_k=k + 1, gaps=[[5, k - 2]]))) == {(6, k, "k")}


@pytest.mark.parametrize("field", ["seed", "seed_sha256", "odds_ppm", "text", "sha256"])
def test_another_seed_or_other_rules_than_were_published_are_seen(field: str) -> None:
    """Of a campaign that nobody drew from, so that nothing but the published hash can tell."""
    lines = archive(RULES, [])
    header = json.loads(lines[0])
    (rules,) = header["rules"]
    if field == "seed":
        header["seed"] = "0" + SEED[1:]
    elif field == "seed_sha256":
        header["seed_sha256"] = "0" * 64
    elif field == "odds_ppm":
        rules["config"]["prizes"][0]["odds_ppm"] += 1
    elif field == "text":
        rules["text"]["zh"] += "。"
    else:
        rules["sha256"] = "0" * 64
    seen = verify([json.dumps(header), *lines[1:]])
    assert found(seen) == {(1, None, "seed_sha256" if field.startswith("seed") else "rules 1")}


def test_another_form_of_archive_is_no_archive_of_ours() -> None:
    assert found(verify(archive(RULES, DRAWS, archive=2))) == {(1, None, "format")}


@pytest.mark.parametrize("lines", [[], [""], ["[]"], ["{}"], ['{"archive": 1}'], ["\x00"]])
def test_what_is_no_archive_is_said_to_be_none(lines: list[str]) -> None:
    assert [finding.what for finding in verify(lines).findings] == ["header"]


def test_a_line_that_cannot_be_read_is_named() -> None:
    lines = archive(RULES, DRAWS)
    lines[7] = lines[7][:30]
    assert (8, None, "unreadable") in found(verify(lines))
