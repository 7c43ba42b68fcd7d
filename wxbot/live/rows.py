"""The only SQL of `wxbot live`: how far the runners of a race have come, in one statement a second, and read once at a takeover."""

import json
from collections.abc import Mapping

from sqlalchemy import select, text

from wxbot.clock import from_unix
from wxbot.db import Database
from wxbot.hall.models import RaceCount
from wxbot.hall.race_rule import Runner
from wxbot.hall.wire import KnownGuest

_COLUMNS = "game_id, guest_no, team, counted, last_seq, last_at"

_AFTER = """
ON CONFLICT (game_id, guest_no) DO UPDATE
SET team = excluded.team, counted = excluded.counted, last_seq = excluded.last_seq, last_at = excluded.last_at
WHERE excluded.counted >= hall_race_counts.counted AND excluded.last_seq >= hall_race_counts.last_seq
"""
"""A count only grows: what a process writes that has not noticed yet that another one counts now takes nothing back. Once a
race is settled its rows stay as they were counted: a write that comes then waits for the settlement's commit, and writes nothing."""

_SQLITE = text(f"""
INSERT INTO hall_race_counts ({_COLUMNS})
SELECT :game, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[4]')
FROM json_each(:rows) WHERE EXISTS (SELECT 1 FROM hall_games WHERE id = :game AND status = 'running') {_AFTER}
""")  # noqa: S608 - constants of this file
_POSTGRESQL = text(f"""
WITH running AS (SELECT id FROM hall_games WHERE id = :game AND status = 'running' FOR SHARE)
INSERT INTO hall_race_counts ({_COLUMNS})
SELECT :game, CAST(value ->> 0 AS integer), value ->> 1, CAST(value ->> 2 AS integer), CAST(value ->> 3 AS integer),
       CAST(value ->> 4 AS timestamp) AT TIME ZONE 'UTC'
FROM running, json_array_elements(CAST(:rows AS json)) AS sent(value) {_AFTER}
""")  # noqa: S608 - constants of this file


def write(database: Database, game_id: int, runners: Mapping[int, tuple[KnownGuest, Runner]]) -> None:
    """Store where these runners are, in one statement and with two values whatever their number: two thousand rows with a value
    each would take the interpreter away from the streams for a tenth of a second."""
    rows = [
        [no, guest.team, runner.counted, runner.seq, f"{from_unix(runner.at):%Y-%m-%d %H:%M:%S.%f}"]
        for no, (guest, runner) in runners.items()
    ]
    with database.transaction() as session:
        statement = _SQLITE if database.is_sqlite else _POSTGRESQL
        session.execute(statement, {"game": game_id, "rows": json.dumps(rows, ensure_ascii=False)})


def read(database: Database, game_id: int) -> dict[int, tuple[KnownGuest, Runner]]:
    """Where the runners of a race were when they were last written."""
    columns = (RaceCount.guest_no, RaceCount.team, RaceCount.counted, RaceCount.last_seq, RaceCount.last_at)
    with database.reading() as session:
        found = session.execute(select(*columns).where(RaceCount.game_id == game_id)).all()
    return {
        no: (KnownGuest(no, team), Runner(counted, seq, at.timestamp() if at else 0.0))
        for no, team, counted, seq, at in found
    }
