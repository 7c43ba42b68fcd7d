"""Eight processes draw from one campaign: the odds come out as published, stock and budget are met to the piece, all replays."""

from __future__ import annotations

import math
import multiprocessing
from collections import Counter

import pytest

from tests.instant.crowd import draw_on
from tests.instant.stage import archive_of, set_wheel
from wxbot.instant.verify import verify
from wxbot.runtime import Runtime

PROCESSES = 8
ODDS = (500, 20_000, 150_000)
SCARCE = {"name": "少", "odds_ppm": 100_000, "stock": 300, "when_gone": "miss"}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("draws", [pytest.param(100_000, marks=(pytest.mark.proof, pytest.mark.alone))])
def test_odds_stock_and_budget_hold_over_eight_processes(runtime: Runtime, draws: int) -> None:
    prizes = [{"name": f"P{n}", "odds_ppm": ppm, "stock": draws} for n, ppm in enumerate(ODDS, 1)]
    stage = set_wheel(runtime, *prizes, SCARCE, budget_fen=100_000_000, tries_per_person=draws, tries_per_day=draws)
    spawn = multiprocessing.get_context("spawn")
    args = (runtime.settings, stage.campaign_id, stage.slug, draws // PROCESSES)
    running = [spawn.Process(target=draw_on, args=(*args, place)) for place in range(PROCESSES)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    assert [each.exitcode for each in running] == [0] * PROCESSES
    rows = stage.draws()
    assert len(rows) == draws
    given = Counter(row.prize_ordinal for row in rows)
    for ordinal, ppm in enumerate(ODDS, 1):
        share = ppm / 1_000_000
        assert abs(given[ordinal] - draws * share) <= 4 * math.sqrt(draws * share * (1 - share)), (ordinal, given)
    assert given[4] == SCARCE["stock"]
    stage.check_books()
    stage.reveal()
    assert verify(archive_of(stage)).findings == []
