"""What /metrics tells of halls."""

from __future__ import annotations

from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from wxbot.metrics.exposition import text_of
from wxbot.metrics.snapshot import take
from wxbot.runtime import Runtime

RACE = {"name": "竞速", "way": "race", "stock": 1, "seconds": 20}


def test_a_hall_that_is_on_has_its_guests_selections_and_games_in_the_metrics(runtime: Runtime) -> None:
    assert "wxbot_hall_guests" not in text_of(take(runtime)).decode()
    gala = Host(open_hall(runtime, ({}, RACE), guests=3, terms={"mode": "seed"}))
    other = Host(open_hall(runtime, slug="other"))
    gala.freeze()
    gala.show(k=1)
    gala.confirm(1)
    gala.show(k=2)
    told = text_of(take(runtime)).decode().splitlines()
    assert [line for line in told if line.startswith("wxbot_hall")] == [
        f'wxbot_hall_guests{{campaign="{gala.id}"}} 3.0',
        f'wxbot_hall_guests{{campaign="{other.id}"}} 0.0',
        f'wxbot_hall_selections{{campaign="{gala.id}",status="confirmed"}} 1.0',
        f'wxbot_hall_selections{{campaign="{gala.id}",status="revealed"}} 1.0',
        f'wxbot_hall_games{{campaign="{gala.id}",status="planned"}} 1.0',
    ]
