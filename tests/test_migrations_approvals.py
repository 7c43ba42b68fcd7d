"""Who may approve, and who has confirmed whom, over an upgrade and back: nobody is paid by it whom nobody agreed to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from tests.rows import fill
from tests.test_migrations import down_and_up, empty, lay
from wxbot.budget import Budget
from wxbot.db import Database
from wxbot.migrations import _config, upgrade
from wxbot.payouts.models import BudgetChange, Payout, Programme, RuleChange
from wxbot.people.models import Confirmation, PersonMark, RosterEntry, RosterFile
from wxbot.staff.models import Staff
from wxbot.vouchers.models import Voucher, VoucherDecision, VoucherKind

__all__ = ["empty"]

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def rows(empty: Database, query: str) -> list[tuple[Any, ...]]:
    with empty.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def columns(empty: Database, table: str) -> set[str]:
    return {column["name"] for column in inspect(empty.engine).get_columns(table)}


def test_accounts_that_wait_may_approve_after_a_downgrade_and_decisions_stay(empty: Database) -> None:
    lay(empty)
    with empty.transaction() as session:
        fill(session, Staff, login="gao", role="cashier", approves_from=NOW)
        kind = fill(session, VoucherKind, name="k", amount_rule="fixed", fixed_fen=500)
        fill(
            session,
            Voucher,
            kind_id=kind.id,
            asked_fen=500,
            amount_fen=500,
            status="claimed",
            claimed_by=3,
            month="202603",
            via="h5",
        )
        fill(session, VoucherDecision, voucher_id=1, verb="approve", version=1, content_sha256="0" * 64)
    for _ in down_and_up(empty, "0021", "0022"):
        assert "approves_from" not in columns(empty, "staff")
        assert rows(empty, "SELECT login FROM staff") == [("gao",)]
        assert rows(empty, "SELECT voucher_id, verb FROM voucher_decisions") == [(1, "approve")]
    with empty.reading() as session:
        assert session.scalars(select(Staff.approves_from)).all() == [None], "who exists at the upgrade may approve"
        assert session.scalars(select(VoucherDecision.content_sha256)).all() == [None]


def test_who_waited_to_be_confirmed_is_off_the_lists_after_a_downgrade_and_who_was_there_counts_as_confirmed(
    empty: Database,
) -> None:
    lay(empty)
    with empty.transaction() as session:
        waits = fill(session, Confirmation, kind="roster", asked_by=1, asked_role="reviewer", notes=[["行", "row"]]).id
        fill(session, RosterFile, rows_sealed="sealed", notes=[["行", "row"]])
        for n, waits_for in enumerate((None, waits)):
            fill(session, RosterEntry, name=f"甲{n}", phone_index=f"i{n}", added_by=1, waits_for=waits_for)
            fill(session, PersonMark, mark="allow", kind="openid", subject=f"o{n}", waits_for=waits_for)
    command.downgrade(_config(empty), "0029")
    assert "notes" not in columns(empty, "confirmations") | columns(empty, "roster_files")
    upgrade(empty)
    with empty.reading() as session:
        assert session.scalars(select(RosterEntry.waits_for).order_by(RosterEntry.id)).all() == [None, waits]
        assert session.scalars(select(Confirmation.notes)).all() == [None]
    for _ in down_and_up(empty, "0022", "0023"):
        listed = rows(empty, "SELECT name, is_active FROM roster_entries ORDER BY id")
        assert [(name, bool(is_active)) for name, is_active in listed] == [("甲0", True), ("甲1", False)]
        assert rows(empty, "SELECT subject FROM person_marks") == [("o0",)]
        assert "confirmations" not in inspect(empty.engine).get_table_names()
    with empty.reading() as session:
        assert session.scalars(select(RosterEntry.waits_for).where(RosterEntry.is_active)).all() == [None]
        assert session.scalars(select(PersonMark.waits_for)).all() == [None]
        assert session.scalars(select(RosterEntry.added_by)).all() == [None, None]


def test_rules_that_wait_are_agreed_to_by_no_upgrade_or_downgrade_and_payouts_wait_on(empty: Database) -> None:
    lay(empty)
    with empty.transaction() as session:
        programme = fill(
            session, Programme, id=fill(session, Budget, kind="programme", name="x").id, person_fen_per_month=500
        )
        fill(session, RuleChange, subject_kind="programme", subject_id=programme.id, asked={"person_fen_per_month": 0})
        fill(session, BudgetChange, programme_id=programme.id, change_fen=900, content_sha256="0" * 64)
        waiting = {"status": "requested", "second_for": {"asker": 900}, "source_kind": "manual"}
        fill(session, Payout, budget_id=programme.id, amount_fen=900, channel="sendredpack", **waiting)
    for _ in down_and_up(empty, "0024", "0025"):
        assert "rule_changes" not in inspect(empty.engine).get_table_names()
        assert "content_sha256" not in columns(empty, "budget_changes")
        assert rows(empty, "SELECT person_fen_per_month FROM programmes") == [(500,)]
        assert rows(empty, "SELECT change_fen, status FROM budget_changes") == [(900, "requested")]
        assert rows(empty, "SELECT amount_fen, status FROM payouts") == [(900, "requested")]
    with empty.reading() as session:
        assert session.scalars(select(RuleChange)).all() == []
        assert session.scalars(select(Payout.second_for)).all() == [None]


def test_changes_of_campaigns_that_wait_are_gone_after_a_downgrade_and_those_of_programmes_wait_on(
    empty: Database,
) -> None:
    lay(empty)
    with empty.transaction() as session:
        fill(session, RuleChange, subject_kind="campaign", subject_id=3, asked={"more": {"1": 5}})
        fill(session, RuleChange, subject_kind="programme", subject_id=3, asked={"person_fen_per_month": 0})
    command.downgrade(_config(empty), "0032")
    assert rows(empty, "SELECT subject_kind, status FROM rule_changes") == [("programme", "requested")]
    with pytest.raises(IntegrityError), empty.transaction() as session:
        fill(session, RuleChange, subject_kind="campaign", subject_id=4, asked={})
    upgrade(empty)
    with empty.transaction() as session:
        fill(session, RuleChange, subject_kind="campaign", subject_id=4, asked={})
