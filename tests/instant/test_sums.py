"""What a transaction adds up, through savepoints that are kept and that are not."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from tests.instant.stage import set_wheel
from wxbot.instant import sums
from wxbot.runtime import Runtime

HOUR = datetime(2026, 3, 15, 4, tzinfo=UTC)


def test_a_savepoint_that_is_rolled_back_takes_away_what_was_added_within_it_and_nothing_else(runtime: Runtime) -> None:
    campaign_id = set_wheel(runtime).campaign_id

    def add(session: Session, n: int) -> None:
        sums.add(session, campaign_id, HOUR, "", "draws", n)

    def total() -> int:
        with runtime.database.reading() as session:
            return sums.of(session, campaign_id).get("draws", (0, 0))[0]

    with runtime.database.transaction() as session:
        add(session, 1)
        outer = session.begin_nested()
        add(session, 10)
        with session.begin_nested():
            add(session, 100)
        session.begin_nested().rollback()
        inner = session.begin_nested()
        add(session, 1_000)
        inner.rollback()
        outer.commit()
        refused = session.begin_nested()
        add(session, 10_000)
        with session.begin_nested():
            add(session, 100_000)
        refused.rollback()
    assert total() == 111
    try:
        with runtime.database.transaction() as session:
            add(session, 1_000)
            raise ValueError
    except ValueError:
        pass
    with runtime.database.transaction() as session:
        add(session, 1_000)
    assert total() == 1_111
    assert not [name for name in session.info if name.startswith("instant_sums")]
