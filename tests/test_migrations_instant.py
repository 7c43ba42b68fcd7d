"""What is added up of instant draws, over an upgrade and back: it is what the rows count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from tests.instant.added import added, check_sums, counted
from tests.rows import fill
from tests.test_migrations import down_and_up, empty, lay
from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.instant.models import Award, InstantDraw, InstantTerms, Prize, PrizeCode
from wxbot.migrations import _config, upgrade

__all__ = ["empty"]

BEGIN = datetime(2026, 3, 1, 15, 59, 59, 999999, tzinfo=UTC)
STATUSES = ("open", "collecting", "paid", "forfeited", "given")


def test_draws_and_awards_are_added_up_by_an_upgrade_and_their_rows_stay(empty: Database) -> None:
    lay(empty)
    with empty.transaction() as session:
        window = {"begin_at": BEGIN, "end_at": BEGIN + timedelta(days=1)}
        campaign = fill(session, Campaign, id=7, mechanic="instant", **window)
        terms = fill(session, InstantTerms, campaign_id=campaign.id)
        prize = fill(session, Prize, campaign_id=terms.campaign_id, stock=9, left=0, kind="code")
        for k in range(1, 12):
            status = STATUSES[k % len(STATUSES)]
            won = {"outcome": "won", "prize_ordinal": prize.ordinal} if k % 3 else {"outcome": "lost"}
            at = BEGIN + timedelta(minutes=20 * (k // 2))
            code = "poster" if k % 2 else ""
            whose = {"campaign_id": terms.campaign_id, "k": k, "openid": f"o{k % 4}"}
            fill(session, InstantDraw, **whose, nonce=f"n{k}", dice=k, drawn_at=at, channel_code=code, **won)
            if k % 3:
                tapped_at = at if status in ("collecting", "paid") else None
                kind = {"kind": "code", "amount_fen": 0} if status == "given" else {"kind": "money", "amount_fen": k}
                made = {"public_id": f"a{k}", "prize_id": prize.id, "status": status, "tapped_at": tapped_at}
                fill(session, Award, **whose, **made, **kind, payout_id=None)
    for _ in range(2):
        command.downgrade(_config(empty), "0035")
        assert "instant_sums" not in inspect(empty.engine).get_table_names()
        upgrade(empty)
        check_sums(empty)
    with empty.reading() as session:
        sums = added(session, terms.campaign_id)
        assert len({hour for hour, _, _ in sums}) == 3 and sums == counted(session, terms.campaign_id)


def prize_of_codes(session: Session) -> Prize:
    """The prize of a hall with the id 7."""
    window = {"begin_at": BEGIN, "end_at": BEGIN + timedelta(days=1)}
    fill(session, Campaign, id=7, mechanic="hall", **window)
    prize: Prize = fill(session, Prize, campaign_id=7, stock=9, left=9, kind="code")
    return prize


@pytest.mark.on_both
def test_codes_may_lie_ready_for_no_prize_and_go_when_their_column_needs_one_again(empty: Database) -> None:
    lay(empty)
    with empty.transaction() as session:
        prize = prize_of_codes(session)
        for n, prize_id in enumerate([prize.id, None], 1):
            fill(session, PrizeCode, campaign_id=7, prize_id=prize_id, ordinal=n, code_index=f"i{n}", award_id=None)
    columns = {}
    for _ in down_and_up(empty, "0042", "0043"):
        columns = {each["name"]: each["nullable"] for each in inspect(empty.engine).get_columns("prize_codes")}
        assert columns == {name: name == "award_id" for name in columns}
    with empty.reading() as session:
        assert [(code.ordinal, code.prize_id) for code in session.scalars(select(PrizeCode))] == [(1, prize.id)]
    found = {each["name"]: each["nullable"] for each in inspect(empty.engine).get_columns("prize_codes")}
    assert found == columns | {"prize_id": True, "lost_k": True, "lost_openid": True}


@pytest.mark.on_both
def test_codes_that_a_restore_put_aside_go_before_nothing_says_any_more_that_they_are(empty: Database) -> None:
    lay(empty)
    with empty.transaction() as session:
        prize = prize_of_codes(session)
        for n, (lost_k, award_id) in enumerate([(None, None), (5, None), (6, 6)], 1):
            mine = {"campaign_id": 7, "prize_id": prize.id, "ordinal": n, "code_index": f"i{n}"}
            fill(session, PrizeCode, **mine, lost_k=lost_k, award_id=award_id)
    for _ in down_and_up(empty, "0043", "0044"):
        assert "lost_k" not in {each["name"] for each in inspect(empty.engine).get_columns("prize_codes")}
    with empty.reading() as session:
        assert [code.ordinal for code in session.scalars(select(PrizeCode).order_by(PrizeCode.ordinal))] == [1, 3]


@pytest.mark.on_both
def test_codes_stay_put_aside_where_nothing_keeps_any_more_whose_they_are(empty: Database) -> None:
    lay(empty)
    with empty.transaction() as session:
        prize = prize_of_codes(session)
        mine = {"campaign_id": 7, "prize_id": prize.id, "ordinal": 1, "code_index": "i1", "award_id": None}
        fill(session, PrizeCode, **mine, lost_k=5, lost_openid="o1")
    for _ in down_and_up(empty, "0044", "0045"):
        assert "lost_openid" not in {each["name"] for each in inspect(empty.engine).get_columns("prize_codes")}
    with empty.reading() as session:
        (code,) = session.scalars(select(PrizeCode))
        assert (code.lost_k, code.lost_openid) == (5, None)
