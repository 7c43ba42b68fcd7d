"""The log: one way to write each line, and a chain in which no line can be changed, moved or left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.hall.night import HALL, TWO, Night, prize
from wxbot.hall import log
from wxbot.hall.log import LogLine


def small_night() -> Night:
    night = Night([prize(1, 2)])
    night.sign_in(4)
    night.freeze()
    night.select(1, 2)
    night.settle(is_paid=True)
    return night


def test_json_is_written_in_one_way() -> None:
    assert log.canonical({"b": [1, "é\u2028\0\n"], "a": {}}) == '{"a":{},"b":[1,"é\u2028\\u0000\\n"]}'


@pytest.mark.parametrize("value", [1.0, True, None, 2**53, {1: "a"}, {"a": (1,)}])
def test_only_what_every_language_reads_alike_may_stand_in_the_log(value: Any) -> None:
    with pytest.raises(ValueError, match="not for the log"):
        log.canonical({"a": value} if not isinstance(value, dict) else value)


def test_the_first_line_has_its_published_hash() -> None:
    """Computed apart from this program: these bytes never change."""
    first = log.append("demo-hall", None, "opened", {}, 1790000000)
    assert first.prev_hash == "0" * 64
    assert first.hash == "87fee5a304089275f0747ca450aeb84b2f4ef9fd9abd4a8431d42e50e03fd487"


def test_a_changed_moved_or_missing_line_is_named() -> None:
    entries = small_night().entries
    assert not list(log.broken(HALL, entries))
    other = entries[5]._replace(body={"no": 9})
    assert [each.seq for each in log.broken(HALL, [*entries[:5], other, *entries[6:]])] == [6]
    assert [each.seq for each in log.broken(HALL, entries[:4] + entries[5:])] == [6]
    swapped = [*entries[:3], entries[4], entries[3], *entries[5:]]
    assert [each.seq for each in log.broken(HALL, swapped)][:2] == [5, 4]
    assert next(log.broken("another-hall", entries)).seq == 1


def test_hashes_cover_moment_and_kind() -> None:
    first, second, *_ = small_night().entries
    for changed in (second._replace(at=second.at + 1), second._replace(kind="closed")):
        assert list(log.broken(HALL, [first, changed])) == [changed]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("opened", {"by": "x"}),
        ("signed_in", {}),
        ("signed_in", {"no": "1"}),
        ("signed_in", {"no": True}),
        ("signed_in", {"no": 0}),
        ("signed_in", {"no": 1, "name": "王丽"}),
        ("excluded", {"no": 1, "reason": "his face"}),
        ("voided", {"d": 1, "reason": "念错", "names": ["王丽"], "seed": "0" * 64}),
        ("voided", {"d": 1, "reason": "念错", "names": ["王丽", "王丽"], "seed": "0" * 64}),
        ("voided", {"d": 1, "reason": "", "names": TWO, "seed": "0" * 64}),
        ("confirmed", {"d": 1, "nos": [1, 1]}),
        ("forfeited", {"d": 1, "no": 1, "slot": "give"}),
        ("prize_added", {"prize": {**prize(1, 1), "winner": 3}, "names": TWO}),
        ("prize_added", {"prize": prize(1, 0), "names": TWO}),
        ("prize_added", {"prize": prize(1, 1, groups=["A\tB"]), "names": TWO}),
        ("prize_added", {"prize": prize(1, 1)}),
        ("prize_added", {"prize": prize(1, 1), "names": TWO[:1]}),
        ("prolonged", {"until": 2, "names": TWO}),
        ("prolonged", {"from": 1, "until": 2}),
        ("prolonged", {"from": 1, "until": 2, "names": ["王丽", "王丽"]}),
        ("entropy", {"d": 1, "kind": "hall", "text": "1\n2", "signature": ""}),
        ("rigged", {}),
    ],
)
def test_a_line_has_exactly_the_fields_of_its_kind(kind: Any, body: Any) -> None:
    assert not log.is_body(kind, body)
    with pytest.raises(ValueError, match="not the fields"):
        log.append(HALL, None, kind, body, 1)


def test_no_field_of_the_log_names_who_is_to_win() -> None:
    """People are named by what has happened to them, never in what comes before a selection."""
    naming = {kind for kind, fields in log.FIELDS.items() if {"no", "nos", "winners"} & fields.keys()}
    later = {"drawn", "absent", "forfeited", "undone", "confirmed", "paid", "found", "returned"}
    assert naming == later | {"signed_in", "excluded", "game_begun", "rain_begun", "game_ended"}


def test_lines_survive_json() -> None:
    for entry in small_night().entries:
        assert LogLine(**json.loads(json.dumps(entry._asdict()))) == entry
