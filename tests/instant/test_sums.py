"""What a transaction adds up, through savepoints that are kept and that are not."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from tests.instant.added import added
from tests.instant.stage import set_wheel
from tests.rows import fill
from wxbot.instant import sums
from wxbot.instant.models import AwardStatus, InstantDraw
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


def test_a_person_takes_each_step_once_and_all_of_them_where_they_drew_first(runtime: Runtime) -> None:
    campaign_id = set_wheel(runtime).campaign_id
    with runtime.database.transaction() as session:
        for k, openid, hours, channel_code in ((1, "oA", 0, "poster"), (2, "oB", 1, ""), (3, "oA", 2, "qr")):
            whose = {
                "campaign_id": campaign_id,
                "k": k,
                "openid": openid,
                "nonce": f"n{k}",
                "dice": k,
                "outcome": "lost",
            }
            fill(session, InstantDraw, **whose, drawn_at=HOUR + timedelta(hours=hours), channel_code=channel_code)

    def reach(openid: str, status: AwardStatus, hours: int, channel_code: str) -> None:
        with runtime.database.transaction() as session:
            came = sums.Came(HOUR + timedelta(hours=hours), channel_code)
            sums.reach(session, sums.Participant(campaign_id, openid), status, came)
            with suppress(ZeroDivisionError), session.begin_nested():
                sums.reach(session, sums.Participant(campaign_id, "oC"), "paid", came)
                1 / 0  # noqa: B018 - a savepoint that is not kept

    told: tuple[tuple[str, AwardStatus, int, str], ...] = (
        *(("oA", "open", 2, "qr"), ("oA", "paid", 2, "qr"), ("oA", "given", 0, "poster")),
        *(("oB", "collecting", 1, ""), ("oB", "open", 1, ""), ("oHall", "given", 3, "scene")),
    )
    for openid, status, hours, channel_code in told:
        reach(openid, status, hours, channel_code)
    steps = ("winners", "collectors", "receivers")
    with runtime.database.reading() as session:
        found = added(session, campaign_id)
    assert {key: n for key, (n, _) in found.items() if key[2] in steps} == {
        **{(HOUR, "poster", step): 1 for step in steps},
        **{(HOUR + timedelta(hours=1), "", step): 1 for step in steps[:2]},
        **{(HOUR + timedelta(hours=3), "scene", step): 1 for step in steps},
    }
