"""Pages of packets walk an index from a key: their cost does not grow with the table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from tests.campaigns.drafts import form, hire
from tests.rows import fill, in_one
from wxbot import budget
from wxbot.campaigns import draft, listing
from wxbot.campaigns.models import Campaign, Packet
from wxbot.db import Database

NOW = datetime(2026, 3, 15, 2, 0, tzinfo=UTC)


@pytest.fixture
def filled(database: Database) -> Database:
    """Two campaigns with 3,000 packets each."""
    with database.transaction() as session:
        (marketer,) = hire(session, "marketer")
    for name in ("一", "二"):
        campaign_id = in_one(database, draft.save, draft.read(form(name=name, keyword=""), NOW), marketer, NOW)
        rows = [
            {
                "campaign_id": campaign_id,
                "ordinal": n,
                "amount_fen": 200,
                "tier": "",
                "status": "planned" if n % 3 else "loaded",
                "attempts": 0,
                "updated_at": NOW,
            }
            for n in range(1, 3001)
        ]
        with database.transaction() as session:
            session.execute(insert(Packet), rows)
    with database.transaction() as session:
        session.execute(text("ANALYZE"))
    return database


PAGES: tuple[dict[str, Any], ...] = tuple(
    {"status": status, **bound} for status in ("", "loaded") for bound in ({}, {"after": 1_500}, {"before": 1_500})
)


def test_how_far_campaigns_are_is_told_without_reading_them_again(filled: Database) -> None:
    seen: list[str] = []
    with filled.transaction() as session:
        window = {"begin_at": NOW, "end_at": NOW + timedelta(days=1)}
        wheel_id = budget.create(session, "campaign", "轮盘")
        terms = {"prizes": [{"stock": 7}, {"stock": 5}]}
        fill(session, Campaign, id=wheel_id, mechanic="instant", terms=terms, **window)
    with filled.reading() as session:
        shown = listing.campaigns(session, owner_id=None)
        event.listen(filled.engine, "before_cursor_execute", lambda _c, _cursor, said, *_: seen.append(said))
        found = listing.standings(session, shown)
    assert (found[wheel_id].won, found[wheel_id].in_all) == (0, 12) and len(found) == 3
    assert seen and not [said for said in seen if "FROM campaigns" in said]


def test_no_page_scans_or_counts_the_table(filled: Database) -> None:
    seen: list[tuple[str, Any]] = []

    def remember(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        seen.append((statement, parameters))

    event.listen(filled.engine, "before_cursor_execute", remember)
    for asked in PAGES:
        with filled.reading() as session:
            page = listing.packets(session, 2, **asked)
            tally = listing.tallies(session, [2])
        assert len(page.rows) == 50, asked
        assert tally
    event.remove(filled.engine, "before_cursor_execute", remember)
    with filled.reading() as session:
        for statement, parameters in seen:
            if "packets" not in statement.lower():
                continue
            assert "count(" not in statement.lower()
            explain = "EXPLAIN QUERY PLAN " if filled.is_sqlite else "EXPLAIN "
            plan = "\n".join(map(str, session.connection().exec_driver_sql(explain + statement, parameters).all()))
            assert "Seq Scan on packets" not in plan and "SCAN packets" not in plan, plan
            assert "USE TEMP B-TREE" not in plan, plan


def test_pages_meet_without_gap_or_double(filled: Database) -> None:
    with filled.reading() as session:
        for status in ("", "loaded", "planned"):
            seen, after = [], 0
            while rows := listing.packets(session, 1, status=status, after=after).rows:
                seen += [row.ordinal for row in rows]
                after = rows[-1].ordinal
            wanted = [n for n in range(1, 3001) if not status or (status == "loaded") == (n % 3 == 0)]
            assert seen == wanted
