"""The archive of a campaign checks itself, names what was changed, and its rows cannot be taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.deployments import environment, settings_for
from tests.instant.ended import ended
from tests.instant.plays import BEGIN, WINDOW
from tests.instant.test_verify import RULES
from wxbot.cli import cli
from wxbot.clock import Clock
from wxbot.db import Database
from wxbot.instant.archive import checked, written
from wxbot.text import Refusal

TIMES = [BEGIN + n * (WINDOW.end - WINDOW.begin) // 200 for n in range(200)]


@pytest.fixture
def lines(database: Database) -> list[str]:
    campaign = ended(database, RULES, TIMES)
    with database.reading() as session:
        return list(written(session, campaign, Clock().now()))


def test_a_campaign_as_it_was_drawn_is_true_and_names_nobody(lines: list[str]) -> None:
    seen = checked(lines)
    assert seen.findings == []
    assert (seen.draws, len(lines)) == (200, 1 + 200 + seen.wins + 1)
    assert seen.wins > 10
    header = json.loads(lines[0])
    assert header["rules"][0]["text"]["zh"]["sections"] and header["rules"][0]["published_at"]
    assert "oPerson" not in "".join(lines)


def test_any_changed_line_is_named(lines: list[str]) -> None:
    numbers = [1, 3, 57, 201, next(n for n, line in enumerate(lines) if '"award"' in line), len(lines) - 2]
    for number in numbers:
        changed = json.loads(lines[number])
        name = next(each for each in ("outcome", "dice", "amount_fen") if each in changed)
        changed[name] = (changed[name] or 0) + 1 if name != "outcome" else "lost" if changed[name] != "lost" else "gone"
        seen = checked([*lines[:number], json.dumps(changed) + "\n", *lines[number + 1 :]])
        assert {number + 1, len(lines)} <= {fault.line for fault in seen.findings}, changed


@pytest.mark.parametrize("cut", [slice(5, 6), slice(-2, -1), slice(-1, None)])
def test_a_line_that_is_gone_is_missed(lines: list[str], cut: slice) -> None:
    kept = list(lines)
    del kept[cut]
    assert not checked(kept).is_true


def test_nothing_is_written_before_the_seed_is_revealed(database: Database) -> None:
    campaign = ended(database, RULES, TIMES[:3], seed=None)
    with database.reading() as session, pytest.raises(Refusal, match="活动结束"):
        written(session, campaign, Clock().now())


def test_draws_rules_and_awards_of_two_years_cannot_be_taken_away_nor_draws_and_rules_changed(
    database: Database,
) -> None:
    ended(database, RULES, TIMES[:30])
    for statement in (
        "DELETE FROM instant_draws WHERE k = 3",
        "DELETE FROM campaign_rules",
        "DELETE FROM awards",
        "UPDATE instant_draws SET dice = 1 WHERE k = 3",
        "UPDATE campaign_rules SET sha256 = 'x'",
    ):
        with pytest.raises(DBAPIError, match=r"kept for two years|append-only"), database.engine.begin() as connection:
            connection.execute(text(statement))


def test_the_operator_writes_and_verifies_the_file(database: Database, redis_url: str, tmp_path: Path) -> None:
    ended(database, RULES, TIMES)
    url = database.engine.url.render_as_string(hide_password=False)
    runner = CliRunner(env=environment(settings_for("encrypted", url, redis_url, tmp_path)))
    file = tmp_path / "ended.jsonl"
    told = runner.invoke(cli, ["campaign", "archive", "ended", str(file)])
    assert told.exit_code == 0, told.output
    told = runner.invoke(cli, ["campaign", "verify", str(file)])
    assert told.exit_code == 0 and "200" in told.output, told.output
    changed = file.read_text(encoding="utf-8").replace('"outcome":"lost"', '"outcome":"gone"', 1)
    file.write_text(changed, encoding="utf-8")
    told = runner.invoke(cli, ["campaign", "verify", str(file), "--json"])
    assert told.exit_code == 1
    assert {"line", "k", "what", "expected", "found"} == set(json.loads(told.output)["findings"][0])
    assert runner.invoke(cli, ["campaign", "archive", "ended", str(file)]).exit_code == 1  # a file is never overwritten
