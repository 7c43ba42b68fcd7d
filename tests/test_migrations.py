"""Upgrading a database that has rows: nothing of the money is lost, and the schema is that of the models afterwards."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Column, RowMapping, inspect, select, text
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError

from tests.deployments import environment, settings_for
from tests.rows import fill
from tests.schema import as_once_made
from tests.servers import ROOT, PrivatePostgres
from wxbot import budget, quotas
from wxbot.budget import Budget
from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.draws.models import CampaignDay, Draw
from wxbot.draws.one_winner import tries
from wxbot.migrations import _config, revisions, upgrade
from wxbot.payouts.create import content_of
from wxbot.payouts.models import ListRow, PayList, Payout, Programme, Release
from wxbot.payouts.sources import SOURCES
from wxbot.people.models import RosterFile
from wxbot.quotas import Quota
from wxbot.schema import Base
from wxbot.shake.models import ShakePage
from wxbot.shake.terms import ShakeTerms, terms_of
from wxbot.vouchers import caps
from wxbot.vouchers.models import Voucher, VoucherDecision, VoucherKind

THEN = "'2026-01-01 00:00:00'"
ROWS_OF_0001 = (
    f"INSERT INTO blocks (openid, reason, staff_id, created_at) VALUES ('oBad', 'why', 1, {THEN})",
    "INSERT INTO staff (id, login, name, role, password_hash, locale, is_active, failures, is_password_temporary, created_at)"
    f" VALUES (1, 'a', 'A', 'admin', '!', 'zh_CN', true, 0, false, {THEN})",
    "INSERT INTO staff_sessions (token_hash, staff_id, created_at, expires_at, ip, user_agent)"
    f" VALUES ('t', 1, {THEN}, {THEN}, '', '')",
    *(
        "INSERT INTO campaigns (id, slug, name, status, version, begin_at, end_at, daily_from, daily_until, budget_fen, split,"
        " packet_count, packet_fen, min_fen, max_fen, tiers, split_seed, tries_per_person, tries_per_day, odds_ppm,"
        " expected_people, send_name, act_name, wishing, remark, title, description, jump_url, rules, organiser, contact,"
        " keyword, device_ids, are_packets_planned, is_lottery_on, created_by, created_at, updated_at, lease_epoch)"
        f" VALUES ({n}, 's{n}', 'C{n}', '{status}', 1, {THEN}, '2026-02-01 00:00:00', 0, 1440, 100, 'fixed', 1, 100, 0, 0, '[]', '',"
        f" 1, 1, 1000000, 0, '', '', '', '', '', '', '', '', '', '', '', '[]', true, false, 1, {THEN}, {THEN}, 0)"
        for n, status in ((3, "on"), (4, "draft"))
    ),
    "INSERT INTO budgets (campaign_id, budget_fen, committed_fen, paid_fen) VALUES (3, 100, 100, 0)",
    "INSERT INTO ledger_entries (kind, ref, debit, credit, amount_fen, campaign_id, at)"
    f" VALUES ('ordered', '1', 'reserved', 'in_flight', 100, 3, {THEN})",
    "INSERT INTO ledger_balances (campaign_id, account, balance_fen) VALUES (3, 'in_flight', 100)",
    "INSERT INTO orders (channel, reason_kind, reason_id, attempt, campaign_id, mch_billno, params, params_sha256, amount_fen,"
    " status, holding, sends, checks, created_at, lease_epoch, is_noticed)"
    f" VALUES ('hbpreorder', 'packet', 1, 1, 3, 'n', '{{}}', '', 100, 'planned', 'in_flight', 0, 0, {THEN}, 0, true)",
    f"INSERT INTO order_evidence (order_id, kind, body, at) VALUES (1, 'reply', 'x', {THEN})",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        with closing(Database(f"sqlite:///{tmp_path / 'old.db'}")) as made:
            yield made
        return
    server: PrivatePostgres = request.getfixturevalue("postgres_server")
    name = server.create()
    with closing(Database(server.url_of(name))) as made:
        yield made
    server.drop(name)


_LAID: dict[str, set[str]] = {"sqlite": set(), "postgresql": set()}
"""Kind of database → the revisions that `lay_0001` has brought the money to: the way to one goes on from the last before it."""


def lay_0001(empty: Database, then: str = "0001") -> None:
    """The first schema, with money in it; `then` upgraded to this revision."""
    laid = _LAID[empty.engine.dialect.name]

    def make(database: Database) -> None:
        before = max((revision for revision in laid if revision < then), default="")
        if before:
            lay_0001(database, before)
        elif then == "0001":
            upgrade(database, then)
            with database.engine.begin() as connection:
                for row in ROWS_OF_0001:
                    connection.exec_driver_sql(row)
        else:
            lay_0001(database)
        upgrade(database, then)

    as_once_made(empty, f"with money, {then}", make)
    laid.add(then)


def lay(empty: Database, revision: str = "head") -> None:
    """The schema of a revision, without rows."""
    as_once_made(empty, revision, lambda database: upgrade(database, revision))


def down_and_up(empty: Database, below: str, change: str) -> Iterator[None]:
    """Go from the newest schema down below a change and come back, with all of the way once and the change itself twice.

    Yields each time below it.
    """
    command.downgrade(_config(empty), below)
    yield
    upgrade(empty, change)
    command.downgrade(_config(empty), below)
    yield
    upgrade(empty)


@pytest.mark.on_both
def test_a_database_with_money_is_upgraded_and_keeps_it_F29_F71(empty: Database) -> None:
    lay_0001(empty)
    upgrade(empty)
    assert len(set(revisions(empty))) == 1
    with empty.engine.connect() as connection:

        def rows(question: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.execute(text(question))]

        assert rows("SELECT id, name, budget_fen, committed_fen FROM budgets ORDER BY id") == [
            (3, "C3", 100, 100),
            (4, "C4", 0, 0),
        ]
        assert rows("SELECT id, mechanic FROM campaigns ORDER BY id") == [(3, "shake"), (4, "shake")]
        assert rows("SELECT mark, kind, subject FROM person_marks") == [("block", "openid", "oBad")]
        assert rows("SELECT budget_id FROM orders WHERE send_after = created_at AND NOT is_cancel_wanted") == [(3,)]
        assert rows("SELECT budget_id, amount_fen FROM ledger_entries") == [(3, 100)]
        assert rows("SELECT budget_id, balance_fen FROM ledger_balances") == [(3, 100)]
        assert rows("SELECT login, role FROM staff") == [("a", "admin")]
        with pytest.raises(DatabaseError, match="append-only"):
            connection.execute(text("UPDATE ledger_entries SET amount_fen = 1"))
    with empty.transaction() as session:
        assert budget.create(session, "programme", "x") == 5  # ids go on behind those of the campaigns


def test_limits_that_are_used_up_stay_used_up_when_they_join_the_quotas(empty: Database) -> None:
    lay(empty, "0010")
    with empty.engine.begin() as connection:
        for row in (
            "INSERT INTO quotas (name, period, n, fen) VALUES ('person:oA', '20260228', 1, 100)",
            "INSERT INTO try_quotas (campaign_id, openid, total, day, in_day) VALUES (3, 'oA', 5, '20260301', 2)",
            "INSERT INTO voucher_months (openid, kind_id, month, vouchers, amount_fen) VALUES ('oA', 7, '202603', 4, 900)",
            "INSERT INTO voucher_days (openid, day, vouchers, photos) VALUES ('oA', '20260302', 3, 8)",
        ):
            connection.exec_driver_sql(row)
    upgrade(empty)
    with empty.reading() as session:
        rows = session.scalars(select(Quota).order_by(Quota.name, Quota.period))
        assert {(row.name, row.period): (row.n, row.fen) for row in rows} == {
            ("person:oA", "20260228"): (1, 100),
            (tries(3, "oA"), quotas.ALL_TIME): (5, 0),
            (tries(3, "oA"), "20260301"): (2, 0),
            ("voucher_kind:7:oA", "202603"): (4, 900),
            ("vouchers:oA", "20260302"): (3, 0),
            ("photos:oA", "20260302"): (8, 0),
        }
        assert caps.used_month(session, "oA", 7, "202603") == (4, 900)


def test_what_only_the_lottery_knows_leaves_campaigns_and_draws_and_comes_back(empty: Database) -> None:
    before = [("lot", "nonce", "SIGN", "admitted"), ("lot2", "n2", "S2", "bound"), ("lot", None, None, "missed")]
    question = text("SELECT lottery_id, noncestr, sign, status FROM draws ORDER BY id")
    lay_0001(empty)
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE campaigns SET page_id = 28841, is_lottery_on = true WHERE id = 3")
        connection.exec_driver_sql(
            "INSERT INTO lotteries (campaign_id, ordinal, lottery_id, lottery_key, total, loaded, is_on, created_at)"
            f" VALUES (3, 1, 'lot', '', 3, 1, true, {THEN})"
        )
    command.upgrade(_config(empty), "0011")
    with empty.engine.begin() as connection:
        for n, (lottery_id, noncestr, sign, status) in enumerate(before):
            connection.execute(
                text(
                    "INSERT INTO draws (campaign_id, lottery_id, openid, status, noncestr, sign, shake_ticket_hash, admitted_at)"
                    f" VALUES (3, :lottery_id, 'o{n}', :status, :noncestr, :sign, 'h{n}', {THEN})"
                ),
                {"lottery_id": lottery_id, "status": status, "noncestr": noncestr, "sign": sign},
            )
    command.upgrade(_config(empty), "0014")
    with empty.reading() as session:
        assert session.scalars(select(Draw.handed_out).order_by(Draw.id)).all() == [
            "lot|nonce|SIGN",
            "lot2|n2|S2",
            None,
        ]
        assert [(page.campaign_id, page.page_id) for page in session.scalars(select(ShakePage))] == [(3, 28841)]
    command.downgrade(_config(empty), "0012")
    with empty.engine.connect() as connection:
        campaigns = connection.execute(text("SELECT id, page_id, is_lottery_on FROM campaigns ORDER BY id"))
        assert [tuple(row) for row in campaigns] == [(3, 28841, True), (4, None, False)]
        lottery_less = [
            ("" if sign is None else lottery_id, noncestr, sign, status)
            for lottery_id, noncestr, sign, status in before
        ]
        assert [tuple(row) for row in connection.execute(question)] == lottery_less


def test_drafts_can_be_half_written_after_an_upgrade_and_stay_drafts_after_a_downgrade(empty: Database) -> None:
    lay_0001(empty, "0017")
    with empty.engine.begin() as connection:
        connection.exec_driver_sql('UPDATE campaigns SET half_written = \'{"name": "C4"}\' WHERE id = 4')
        rows = connection.execute(text("SELECT id FROM campaigns WHERE half_written IS NULL"))
        assert [tuple(row) for row in rows] == [(3,)]
    command.downgrade(_config(empty), "0016")
    command.upgrade(_config(empty), "0017")
    with empty.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, name, status, half_written FROM campaigns ORDER BY id"))
        assert [tuple(row) for row in rows] == [(3, "C3", "on", None), (4, "C4", "draft", None)]


@pytest.mark.on_both
def test_a_status_that_does_not_exist_is_refused_by_the_database_as_the_models_say(empty: Database) -> None:
    """The statement that made a table says the same of its CHECKs and indexes, whether by upgrades or from the models."""
    lay_0001(empty)
    upgrade(empty)
    checked = [table for table in Base.metadata.sorted_tables if isinstance(table.c.get("status"), Column)]
    assert {"orders", "payouts", "pay_lists", "campaigns", "packets", "sms_out", "notices"} <= {
        each.name for each in checked
    }
    seen = inspect(empty.engine)
    for table in Base.metadata.sorted_tables:
        checks = {each.name for each in table.constraints if isinstance(each, CheckConstraint)}
        assert {each["name"] for each in seen.get_check_constraints(table.name)} == checks, table.name
        indexes = {each.name for each in table.indexes}
        assert {each["name"] for each in seen.get_indexes(table.name) if not each["unique"]} <= indexes
        assert indexes <= {each["name"] for each in seen.get_indexes(table.name)}, table.name
    for name in ("orders", "campaigns"):
        with pytest.raises(DBAPIError, match="ck_"), empty.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE {name} SET status = 'acepted'")


def test_payouts_with_money_in_flight_keep_their_budget_and_their_approval(empty: Database) -> None:
    lay(empty, "0011")
    with empty.engine.begin() as connection:
        for row in (
            "INSERT INTO budgets (id, kind, name, budget_fen, committed_fen, paid_fen) VALUES (8, 'programme', 'x', 900, 880, 0)",
            "INSERT INTO programmes (id, department, name, channel, send_name, act_name, wishing, remark, person_fen_per_month,"
            f" needs_binding, is_open, created_by, created_at, updated_at) VALUES (8, 'd', 'n', '', '', '', '', '', 0, false, true, 1,"
            f" {THEN}, {THEN})",
            "INSERT INTO payouts (id, public_id, source_kind, source_id, programme_id, openid, amount_fen, channel, texts, note,"
            " content_sha256, status, attempts, failures, month, created_by, approved_by, order_id, created_at)"
            " VALUES (5, 'p', 'row', 77, 8, 'oA', 880, 'sendredpack', '{\"act_name\": \"n\"}', '', 'h', 'ordered', 1, 0, '', 1, 2, 4,"
            f" {THEN})",
            f"INSERT INTO payout_releases (payout_id, evidence, asked_by, asked_at, decided_by) VALUES (5, 'e', 1, {THEN}, 2)",
        ):
            connection.exec_driver_sql(row)
        content = _hash_of_0011(connection.execute(text("SELECT * FROM payouts")).mappings().one())
        connection.execute(text("UPDATE payouts SET content_sha256 = :content"), {"content": content})
    upgrade(empty)
    with empty.reading() as session:
        payout = session.get_one(Payout, 5)
        assert (payout.budget_id, payout.status, payout.order_id, payout.approved_by) == (8, "ordered", 4, 2)
        assert content_of(payout) == payout.content_sha256 == content
        assert session.scalars(select(Release)).one().payout_id == 5
    for wrong in ("source_kind = 'gift'", "budget_id = 9", "amount_fen = 0", "approved_by = 1", "source_kind = NULL"):
        with pytest.raises(DatabaseError), empty.engine.begin() as connection:
            connection.execute(text(f"UPDATE payouts SET {wrong}"))
    (check,) = [
        each for each in inspect(empty.engine).get_check_constraints("payouts") if each["name"] == "ck_payouts_source"
    ]
    assert set(re.findall(r"'(\w+)'", check["sqltext"])) == set(SOURCES)


def test_terms_of_campaigns_and_draws_keep_their_rows_both_ways(empty: Database) -> None:
    lay_0001(empty, "0026")

    def draws(ticket: str) -> list[tuple[object, ...]]:
        with empty.engine.connect() as connection:
            found = connection.execute(text(f"SELECT id, openid, status, {ticket} FROM draws ORDER BY id"))
            names = {str(index["name"]) for index in inspect(connection).get_indexes("draws")}
            assert {"one_won_draw", "ix_draws_open", "ix_draws_openid"} <= names
            return [tuple(row) for row in found]

    with empty.engine.begin() as connection:
        for n, status in enumerate(("admitted", "bound", "missed")):
            connection.exec_driver_sql(
                "INSERT INTO draws (campaign_id, openid, status, shake_ticket_hash, admitted_at)"
                f" VALUES (3, 'o{n}', '{status}', 'h{n}', {THEN})"
            )
    before = draws("shake_ticket_hash")
    upgrade(empty)
    assert draws("ticket_hash") == before
    with empty.transaction() as session:
        campaign = session.scalars(select(Campaign).where(Campaign.id == 3)).one()
        assert terms_of(campaign) == ShakeTerms()
        campaign.terms = {"prizes": [{"word": "一等奖"}]}
    with pytest.raises(IntegrityError), empty.engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO draws (campaign_id, openid, status, ticket_hash, admitted_at) VALUES (3, 'x', 'missed', 'h0', {THEN})"
        )
    command.downgrade(_config(empty), "0026")
    assert draws("shake_ticket_hash") == before
    upgrade(empty)
    with empty.reading() as session:
        assert list(map(terms_of, session.scalars(select(Campaign)))) == [ShakeTerms(), ShakeTerms()]


def _hash_of_0011(row: RowMapping) -> str:
    """The content hash as 0011 made it."""
    texts = json.loads(row["texts"]) if isinstance(row["texts"], str) else row["texts"]
    parts = {
        "source": [row["source_kind"], row["source_id"]],
        "programme": row["programme_id"],
        "openid": row["openid"],
        "amount_fen": row["amount_fen"],
        "channel": row["channel"],
        "texts": texts,
    }
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@pytest.mark.on_both
def test_the_newest_schema_is_that_of_the_models(empty: Database) -> None:
    upgrade(empty)
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.on_postgresql
@pytest.mark.timeout(300)
@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.proof)])
def test_many_boxes_may_upgrade_at_once(empty: Database, tmp_path: Path, count: int) -> None:
    """Each is a process of its own, as `wxbot run` is on each machine; one works, the others wait and find it done."""
    url = empty.engine.url.render_as_string(hide_password=False)
    env = environment(settings_for("encrypted", url, "redis://127.0.0.1:1/0", tmp_path)) | {"PYTHONPATH": str(ROOT)}
    boxes = [
        subprocess.Popen(
            [sys.executable, "-m", "wxbot", "db", "upgrade"],
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(count)
    ]
    said = [box.communicate(timeout=240)[0] for box in boxes]
    assert [box.returncode for box in boxes] == [0] * count, "\n".join(said)
    with empty.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    assert len(set(revisions(empty))) == 1


@pytest.mark.on_both
def test_what_a_reviewer_decided_and_could_still_undo_waits_for_a_reviewer_before_the_upgrade(empty: Database) -> None:
    lay(empty)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with empty.transaction() as session:
        kind = VoucherKind(name="k", amount_rule="fixed", fixed_fen=500, programme_id=1, updated_by=1, updated_at=now)
        session.add(kind)
        session.flush()
        for n in (1, 2):
            fields = {"public_id": f"v{n}", "openid": "oA", "asked_fen": 500, "amount_fen": 500, "via": "h5"}
            session.add(
                Voucher(
                    id=n,
                    kind_id=kind.id,
                    month="202603",
                    status="claimed",
                    claimed_by=3,
                    claimed_until=None if n == 1 else now,
                    submitted_at=now,
                    **fields,
                )
            )
        session.flush()
        session.add(VoucherDecision(voucher_id=1, verb="approve", version=1, staff_id=3, decided_at=now, due_at=now))
    for _ in down_and_up(empty, "0015", "0016"):
        with empty.engine.connect() as connection:
            rows = connection.execute(text("SELECT id, status, claimed_by FROM vouchers ORDER BY id"))
            assert [tuple(row) for row in rows] == [(1, "submitted", None), (2, "claimed", 3)]
    with empty.reading() as session:
        assert session.scalars(select(VoucherDecision)).all() == []


def test_lists_and_files_of_before_say_nothing_of_hidden_rows_and_bad_ones_after_the_upgrade(empty: Database) -> None:
    lay(empty)
    with empty.transaction() as session:
        programme = fill(
            session, Programme, id=fill(session, Budget, kind="programme", name="x").id, channel="sendredpack"
        )
        pay_list = fill(session, PayList, programme_id=programme.id, unread="工号")
        fill(session, ListRow, list_id=pay_list.id, row_number=7, name="甲", is_hidden=True, read_sealed="sealed")
        fill(session, RosterFile, rows_sealed="sealed", faulty_sealed="sealed")
    for _ in down_and_up(empty, "0018", "0019"):
        with empty.engine.connect() as connection:
            assert connection.execute(text("SELECT row_number, name FROM list_rows")).all() == [(7, "甲")]
            assert connection.execute(text("SELECT rows_sealed FROM roster_files")).scalars().all() == ["sealed"]
    with empty.reading() as session:
        row, file = session.scalars(select(ListRow)).one(), session.scalars(select(RosterFile)).one()
        assert (row.is_hidden, row.read_sealed, file.faulty_sealed) == (False, None, "")
        assert session.scalars(select(PayList.unread)).one() == ""


def test_instant_draws_come_and_go_with_their_drafts_but_never_with_what_is_owed(empty: Database) -> None:
    lay_0001(empty, "0023")
    command.upgrade(_config(empty), "0024")
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE campaigns SET mechanic = 'instant' WHERE id IN (3, 4)")
        connection.exec_driver_sql(
            "INSERT INTO instant_terms (campaign_id, seed_sealed, seed_sha256, next_k, rule_version, claim_s, channel,"
            " needs_binding, is_allow_only, skin, look, carry)"
            " VALUES (4, '', '', 1, 0, 60, 'transfer_bills', false, false, 'wheel', '{}', false)"
        )
        connection.exec_driver_sql(
            "INSERT INTO prizes (id, campaign_id, ordinal, kind, name, split, min_fen, max_fen, total_fen, value_fen, odds_ppm,"
            """ stock, "left", release, when_gone) VALUES (1, 4, 1, 'money', 'P', 'fixed', 10, 10, 0, 10, 1, 2, 2, '{}', 'miss')"""
        )
        with pytest.raises(DBAPIError, match="ck_prizes_stock"), connection.begin_nested():
            connection.exec_driver_sql('UPDATE prizes SET "left" = 3')
    with pytest.raises(RuntimeError, match="即开型活动"):
        command.downgrade(_config(empty), "0023")  # campaign 3 is on: what it owes must not be forgotten
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE campaigns SET mechanic = 'shake' WHERE id = 3")
    command.downgrade(_config(empty), "0023")
    with empty.engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM campaigns")).scalars().all() == [3]
        assert "prizes" not in inspect(connection).get_table_names()
    upgrade(empty, "0024")


def owed_for(kind: str) -> str:
    """A payout of a source kind, as 0026 has the table."""
    return (
        "INSERT INTO payouts (id, public_id, source_kind, source_id, budget_id, openid, amount_fen, channel, texts, note,"
        " content_sha256, status, attempts, failures, month, created_at)"
        f" VALUES (1, 'p', '{kind}', 1, 3, 'o', 1, 'c', '{{}}', '', '', 'approved', 0, 0, '', {THEN})"
    )


def test_orders_say_what_pays_them_and_awards_may_be_owed_after_an_upgrade_and_not_before(empty: Database) -> None:
    lay_0001(empty, "0026")
    with empty.engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT fund, holding FROM orders").all() == [("reserved", "in_flight")]
        connection.exec_driver_sql(owed_for("award"))
        connection.exec_driver_sql("DELETE FROM payouts")
    for wrong in ("UPDATE orders SET fund = 'paid'", owed_for("gift")):
        with pytest.raises(DBAPIError, match="ck_"), empty.engine.begin() as connection:
            connection.exec_driver_sql(wrong)
    command.downgrade(_config(empty), "0025")
    assert "fund" not in {column["name"] for column in inspect(empty.engine).get_columns("orders")}
    with pytest.raises(DBAPIError, match="ck_"), empty.engine.begin() as connection:
        connection.exec_driver_sql(owed_for("award"))
    command.upgrade(_config(empty), "0026")


def test_what_was_counted_came_by_the_bare_link_and_all_ways_are_added_up_again(empty: Database) -> None:
    lay_0001(empty, "0027")
    hour = "'2026-01-01 09:00:00'"
    with empty.engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO draw_counts (campaign_id, hour, outcome, n) VALUES (3, {hour}, 'page', 7)"
        )
    upgrade(empty, "0028")
    with empty.engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO draw_counts (campaign_id, hour, outcome, channel_code, n) VALUES (3, {hour}, 'page', 'poster', 5)"
        )
        assert connection.execute(text("SELECT places FROM campaigns WHERE id = 3")).scalar_one() in ("{}", {})
    command.downgrade(_config(empty), "0027")
    with empty.engine.connect() as connection:
        assert connection.execute(text("SELECT outcome, n FROM draw_counts")).all() == [("page", 12)]
    upgrade(empty, "0028")
    with empty.engine.connect() as connection:
        counted = connection.execute(text("SELECT outcome, channel_code, n FROM draw_counts")).all()
        assert counted == [("page", "", 12)]


def test_draws_are_kept_after_an_upgrade_and_stay_after_a_downgrade(empty: Database) -> None:
    lay(empty, "0030")
    statement = "DELETE FROM instant_draws WHERE k = {}"
    with empty.engine.begin() as connection:
        for k, drawn_at in ((1, "'2020-01-01 09:00:00'"), (2, THEN)):
            connection.exec_driver_sql(
                "INSERT INTO instant_draws (campaign_id, k, openid, nonce, dice, outcome, rule_version, drawn_at, channel_code)"
                f" VALUES (3, {k}, 'o', 'n{k}', 5, 'lost', 1, {drawn_at}, '')"
            )
    command.upgrade(_config(empty), "0031")
    with empty.engine.begin() as connection:
        connection.exec_driver_sql(statement.format(1))  # older than two years
    for wrong in (statement.format(2), "UPDATE instant_draws SET dice = 6"):
        with pytest.raises(DBAPIError, match=r"kept for two years|append-only"), empty.engine.begin() as connection:
            connection.exec_driver_sql(wrong)
    command.downgrade(_config(empty), "0030")
    with empty.engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT k FROM instant_draws").all() == [(2,)]
        connection.exec_driver_sql("UPDATE instant_draws SET dice = 6")


def test_pictures_come_and_go_and_campaigns_stay(empty: Database) -> None:
    lay_0001(empty, "0032")
    with empty.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO campaign_pictures (campaign_id, name, content, added_at) VALUES (3, 'n', :content, :at)"),
            {"content": b"jpeg", "at": "2026-01-01 00:00:00"},
        )
    command.downgrade(_config(empty), "0031")
    with empty.engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM campaigns ORDER BY id")).scalars().all() == [3, 4]
        assert "campaign_pictures" not in inspect(connection).get_table_names()
    upgrade(empty, "0032")


def test_awards_say_when_their_people_were_reminded_and_stay_after_a_downgrade(empty: Database) -> None:
    lay_0001(empty, "0033")
    with empty.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO prizes (campaign_id, ordinal, kind, name, split, min_fen, max_fen, total_fen, value_fen, odds_ppm, stock,"
            ' "left", release, when_gone)'
            " VALUES (3, 1, 'money', 'P', 'fixed', 100, 100, 0, 100, 1, 1, 0, '{}', 'miss')"
        )
        connection.exec_driver_sql(
            "INSERT INTO awards (public_id, campaign_id, k, openid, prize_id, kind, amount_fen, status, deadline_at)"
            f" VALUES ('a', 3, 1, 'o', 1, 'money', 100, 'open', {THEN})"
        )
    for _ in range(2):
        upgrade(empty, "0034")
        with empty.engine.begin() as connection:
            assert connection.exec_driver_sql("SELECT k, reminded_at FROM awards").all() == [(1, None)]
            connection.exec_driver_sql(f"UPDATE awards SET reminded_at = {THEN}")
        command.downgrade(_config(empty), "0033")
        with empty.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE awards SET deadline_at = '2099-01-01 00:00:00'")
        with pytest.raises(DBAPIError, match="kept for two years"), empty.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM awards")  # the trigger is still there


def test_days_of_campaigns_come_and_go_and_campaigns_stay(empty: Database) -> None:
    lay_0001(empty, "0037")
    for _ in range(2):
        upgrade(empty, "0037")
        with empty.transaction() as session:
            fill(session, CampaignDay, campaign_id=3, day="2026-01-01", prizes=[])
        command.downgrade(_config(empty), "0036")
        with empty.engine.connect() as connection:
            assert connection.execute(text("SELECT id FROM campaigns ORDER BY id")).scalars().all() == [3, 4]
            assert "campaign_days" not in inspect(connection).get_table_names()
