"""`make demo ONCE=1`: the whole story without a person, from the command line."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.near_stage import NearStage, play_on
from wxbot.cli import cli
from wxbot.demo import hall_story, payouts_story, story, wheel_story
from wxbot.private_servers import free_port

ROOT = Path(__file__).parents[2]


def demo(folder: Path, *options: str) -> tuple[list[str], list[int]]:
    """The command line of a demo on free ports in its own folder."""
    ports = [free_port() for _ in range(4)]
    names = ("--web-port", "--wechat-port", "--pay-port", "--live-port")
    command = [sys.executable, "-m", "wxbot", "demo", *options, "--folder", str(folder)]
    return [*command, *(part for name, port in zip(names, ports, strict=True) for part in (name, str(port)))], ports


STORIES = {
    "story": story,
    "payouts_story": payouts_story,
    "wheel_story": wheel_story,
    "hall_story": hall_story,
}
WHOLE: dict[str, dict[str, Any]] = {"story": {}, "payouts_story": {}, "wheel_story": {}, "hall_story": {}}
SHORT: dict[str, dict[str, Any]] = {
    "story": {"PACKETS": 12, "PEOPLE": 20, "WITHOUT_SHAKE": 2, "TRY_TWICE": 3, "NEVER_OPEN": 3, "BUDGET_FEN": 3_000},
    "payouts_story": {
        "PEOPLE": 15,
        "VOUCHERS": 21,
        "BAD_CHAT": (6, 10),
        "BAD_PAGE": (5, 11),
        "COPIES": (16,),
        "NEARLY": (15, 18),
        "SILENT_COPY": 17,
        "REJECTED": (12,),
        "ASKED_AGAIN": (1, 8),
        "LOWERED": (2, 5),
        "FROZEN": 9,
        "NO_REAL_NAME": 13,
        "RISKY": 7,
        "LISTED": 5,
        "NEVER_OPEN": (14, 3, 8, 10, 11),  # the second of them is on the list besides: six payouts
        "REVIEWS_PER_SKY": 3,
    },
    "wheel_story": {"PEOPLE": 12},
    "hall_story": {"GUESTS": 20, "RACERS": 4, "GAME_S": 5},
}
"""The campaign with a thirteenth of its people, the wheel with a fifth, the hall with a fifteenth, the payouts with a third: everything happens, less often."""


def play_in_processes(folder: Path, _request: pytest.FixtureRequest) -> str:
    """What `wxbot demo --once` prints, as it is."""
    command, _ports = demo(folder, "--once")
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert played.returncode == 0, played.stderr[-3000:]
    return played.stdout


def play_near(folder: Path, request: pytest.FixtureRequest) -> str:
    """The same command with fewer people, its web and its worker in threads of this process."""
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    capsys: pytest.CaptureFixture[str] = request.getfixturevalue("capsys")
    play_on(monkeypatch, NearStage, request.getfixturevalue("simulator"), request.getfixturevalue("sqlite_template"))
    for module, sizes in SHORT.items():
        for name, size in sizes.items():
            monkeypatch.setattr(STORIES[module], name, size)
    command, _ports = demo(folder, "--once")
    with pytest.raises(SystemExit) as left:
        cli.main(command[3:], standalone_mode=False)
    said = capsys.readouterr()
    assert not left.value.code, said.err[-3000:]
    return said.out


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize(
    ("size", "play"),
    [(SHORT, play_near), pytest.param(WHOLE, play_in_processes, marks=(pytest.mark.proof, pytest.mark.alone))],
    ids=["short", "whole"],
)
def test_the_story_ends_with_two_books_that_agree(
    tmp_path: Path, request: pytest.FixtureRequest, size: dict[str, dict[str, Any]], play: Callable[..., str]
) -> None:
    summary = json.loads(play(tmp_path / "demo", request).strip().splitlines()[-1])
    packets = size["story"].get("PACKETS", 200)
    people, vouchers = (size["payouts_story"].get(name, most) for name, most in (("PEOPLE", 40), ("VOUCHERS", 60)))
    assert (summary["packets"], summary["mismatches"]) == (packets, 0)
    assert summary["bank_paid_fen"] == summary["ledger_paid_fen"] > 0
    assert summary["bank_returned_fen"] == summary["ledger_returned_fen"] > 0
    assert summary["bank_paid_fen"] + summary["bank_returned_fen"] == summary["budget_fen"]
    assert summary["received"] + summary["returned"] == summary["bound"] == packets
    assert {"already_drawn", "sold_out", "not_by_shaking"} <= set(summary["refused"])
    assert (summary["people_bound"], summary["vouchers"]) == (people, vouchers)
    assert (summary["double_paid"], summary["lost"]) == (0, 0)
    assert (
        summary["payouts"] == sum(summary[end] for end in ("paid", "payouts_returned", "failed", "manual")) > vouchers
    )
    assert (summary["payouts_returned"], summary["failed"], summary["manual"]) == (6, 1, 1), summary
    assert summary["payouts_bank_paid_fen"] == summary["payouts_ledger_paid_fen"] > 0
    assert {"drop_reply", "garble", "refuse"} <= set(summary["faults_met"])
    assert {"broken", "duplicate", "look_alike", "stranger"} <= set(summary["turned_away"])
    # Sixty people win all prizes before each of them has tried three times; twelve do not.
    tries = 3 * size["wheel_story"].get("PEOPLE", wheel_story.PEOPLE)
    in_stock = sum(int(prize[3]) for prize in wheel_story.PRIZES)
    assert summary["draws"] == tries if summary["wins"] < in_stock else summary["draws"] < tries, summary
    assert summary["draws"] > summary["wins"] > 6
    assert summary["awards_paid"] + summary["awards_forfeited"] == summary["wins"] > summary["awards_paid"] > 0
    assert (summary["oversold"], summary["owed_fen"], summary["verified"]) == (0, 0, True)
    hall, guests = summary["hall"], size["hall_story"].get("GUESTS", hall_story.GUESTS)
    assert (hall["guests"], hall["selections"], hall["verified"], hall["early_results"]) == (guests, 4, True, 0)
    # Fourteen are selected and three run ahead; packets of the rain are one award for each person.
    assert hall["awards"] == hall["paid"] > 14 + 3


def test_a_busy_port_gives_a_sentence(tmp_path: Path) -> None:
    command, ports = demo(tmp_path / "demo")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports[0]))
        taken.listen()
        refused = CliRunner().invoke(cli, command[3:])
    assert refused.exit_code == 1
    assert str(ports[0]) in refused.stdout
    assert "--web-port" in refused.stdout
