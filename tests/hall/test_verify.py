"""A doubter's check of an evening's record: a good one passes, and each fraud is found and named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from tests.hall import evenings, frauds, night, vector
from tests.hall import frauds_of_the_end as ends
from tests.hall.night import HALL, Night, openid_of, prize, salt_of
from wxbot.cli import cli
from wxbot.hall import quicknet, selection
from wxbot.hall.verify import own_lines, verify


def reasons(record: Any) -> list[str]:
    return [finding.reason for finding in verify(record).findings]


@pytest.mark.parametrize("mode", ["hall", "seed"])
def test_a_true_record_passes_and_is_counted(mode: Any) -> None:
    record = evenings.gala(mode).record()
    seen = verify(record, record["commitment"].upper())
    assert not seen.findings
    assert (seen.hall_id, seen.people, seen.selections, seen.winners) == (HALL, 22, 4, 8)


def test_an_evening_that_was_restored_passes_and_counts_what_was_settled() -> None:
    record = evenings.resumed().record()
    seen = verify(record, record["commitment"])
    assert not seen.findings
    assert (seen.people, seen.selections, seen.winners) == (11, 3, 7)
    assert seen.until == night.BEGIN + 2 * 3600


def test_a_log_that_was_begun_before_logs_said_when_they_end_stays_true_and_the_command_says_what_it_lacks() -> None:
    record = evenings.gala(lasts=0).record()
    record["log"] = [line for line in record["log"] if line["kind"] != "prolonged"]
    del record["end"]
    frauds.chained(record)
    seen = verify(record, record["commitment"])
    assert (seen.findings, seen.until) == ([], 0)
    assert "没有写结束时间" in told(record, "--commitment", record["commitment"])[1]
    assert verify(evenings.gala(lasts=0).record()).findings == []


LATE = (
    (ends.armed_late, "armed"),
    (ends.armed_behind_the_last_end, "armed"),
    (ends.begun_late, "game_begun"),
    (ends.rain_begun_late, "rain_begun"),
    (ends.game_added_late, "game_added"),
    (ends.added_late, "prize_added"),
    (ends.signed_in_late, "signed_in"),
)


@pytest.mark.parametrize(("fraud", "kind"), LATE)
def test_what_came_behind_the_end_is_the_line_that_is_named_and_the_only_one(
    fraud: Callable[[frauds.Record], None], kind: str
) -> None:
    record = frauds.committed(fraud)
    place = record["log"].index(frauds.lines(record, kind)[-1]) + 1
    assert [finding[:2] for finding in verify(record).findings] == [(place, "over")]


def test_a_commitment_may_be_copied_in_the_groups_that_the_screen_shows() -> None:
    record = frauds.gala().record()
    assert not verify(record, " ".join(record["commitment"][at : at + 8] for at in range(0, 64, 8)) + "\n").findings


@pytest.mark.parametrize("fraud", frauds.FRAUDS, ids=lambda fraud: fraud.__name__)
def test_a_fraud_is_found(fraud: Callable[[frauds.Record], None]) -> None:
    found = reasons(frauds.committed(fraud))
    assert frauds.FRAUDS[fraud][1] in found, found


def test_a_record_made_up_as_a_whole_is_told_by_the_commitment_that_somebody_noted() -> None:
    record = evenings.gala().record()
    assert [finding.reason for finding in verify(record, "12" * 32).findings] == ["noted"]


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        {"hall_id": HALL, "commitment": "", "rosters": [], "log": []},
        {"hall_id": HALL, "commitment": "", "rosters": [1], "log": [{}]},
        {"hall_id": HALL, "commitment": "", "rosters": [], "log": [{"seq": 1}]},
    ],
)
def test_what_is_no_record_is_said_to_be_none(record: Any) -> None:
    assert reasons(record) == ["record"]


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"no": 1.5}},
        {"body": {"no": None}},
        {"kind": "rigged"},
        {"seq": 10**30},
        {"body": {"d": 9, "no": 1}, "kind": "absent"},
        {"body": {"no": "\ud800"}},
    ],
)
def test_no_line_can_stop_the_check(change: Any) -> None:
    record = evenings.gala().record()
    record["log"][3] |= change
    found = verify(record).findings
    assert found[0][:2] == (4, "log")


def test_every_line_that_is_left_out_is_missed() -> None:
    whole = evenings.gala().record()
    for line in range(len(whole["log"]) - 1):
        record = json.loads(json.dumps(whole))
        del record["log"][line]
        assert "log" in reasons(record), line


def test_a_person_finds_their_own_line_and_nobody_elses() -> None:
    night = evenings.gala()
    rosters = [selection.read_roster(text) for text in night.rosters]
    assert own_lines(rosters, salt_of(5), openid_of(5)) == [(1, 5), (2, 5)]
    assert own_lines(rosters, salt_of(22), openid_of(22)) == [(2, 22)]
    assert own_lines(rosters, salt_of(5), openid_of(6)) == []


def told(record: Any, *options: str) -> tuple[int, str]:
    """What the command says of a record: its exit code and its words."""
    words = record if isinstance(record, str) else json.dumps(record)
    result = CliRunner().invoke(cli, ["hall", "verify", *options, "-"], input=words)
    return result.exit_code, result.output


def test_the_command_says_each_fault_as_a_sentence_and_ends_with_one() -> None:
    code, words = told(frauds.committed(frauds.other_winner))
    assert code == 1
    assert "✗ 日志第 " in words
    assert "The winners should be" in words
    code, words = told(frauds.committed(frauds.edited_log), "--json")
    assert (code, json.loads(words)["findings"][0]["reason"]) == (1, "log")
    assert told("no JSON") == (1, "✗ 这不是现场抽奖的记录文件\n  This is not the record of a hall\n")


def test_the_command_asks_for_the_commitment_that_was_noted() -> None:
    record = evenings.gala().record()
    code, words = told(record)
    assert (code, "--commitment" in words) == (0, True)
    code, words = told(record, "--commitment", record["commitment"])
    assert (code, words.count("\n")) == (0, 5)
    assert "2026-09-22 00:43" in words


def test_a_selection_by_drand_is_checked_with_its_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    night = Night([prize(1, 2)], "drand", at=quicknet.published_at(vector.ROUND) - 15 - 7)
    night.sign_in(4)
    night.freeze()
    night.arm(1, 1)
    assert quicknet.first_round(night.evening.selections[1].armed_at) == vector.ROUND
    night.at += 20
    beacon = quicknet.DrandRound(vector.ROUND, vector.RANDOMNESS, vector.SIGNATURE)
    night.late(beacon.text, beacon.signature)
    night.draw()
    assert reasons(night.record()) == []
    forged = "a" + vector.SIGNATURE[1:]
    record = night.record()
    late = frauds.lines(record, "entropy")[0]["body"]
    late["signature"] = forged
    late["text"] = beacon._replace(randomness=hashlib.sha256(bytes.fromhex(forged)).hexdigest()).text
    assert reasons(frauds.chained(record)) == ["signature", "winners"]
    monkeypatch.setattr(quicknet, "LIBRARY", "not_installed_here")
    assert verify(night.record()).unsigned == 1
    assert "drand.lock" in told(night.record())[1]
