"""The secret key: a start under another key is refused, and `wxbot keys rotate` changes it, killed in the middle or not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis as redis_client
from click.testing import CliRunner, Result
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.deployments import environment, settings_for
from tests.replies.test_answers import write_campaign
from tests.rows import NOW, fill
from wxbot.app import application
from wxbot.budget import Budget
from wxbot.cli import cli
from wxbot.db import Base, Database
from wxbot.doctor.secrets import former_keys, secret_key
from wxbot.hall.models import Hall
from wxbot.heartbeat import Heartbeat
from wxbot.instant.models import InstantTerms, Prize, PrizeCode
from wxbot.keys import sentinel
from wxbot.keys.columns import SEALED
from wxbot.keys.sentinel import KeyProblem, opens, read
from wxbot.orders.models import Order
from wxbot.payouts.models import ListRow, PayList, Programme
from wxbot.people import codes
from wxbot.people.models import Binding, PersonMark, RosterEntry, RosterFile, SmsCode, SmsCount, SmsOut
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.shake.models import Bind, Lottery
from wxbot.staff.models import AuditEvent, Staff
from wxbot.vault import Vault

OLD_KEY = "a-secret-key-for-tests-only-0123456789abcdef"
NEW_KEY = "another-secret-key-for-tests-only-0123456789"
MANY = 1200
OLD, NEW = Vault(OLD_KEY), Vault(NEW_KEY)


def phone(n: int) -> str:
    return f"+86138{n:08d}"


def furnish(database: Database, many: int = 0) -> None:
    """One sealed row of each table, and many bindings and orders."""
    campaign_id = write_campaign(database, "on")
    with database.transaction() as session:
        fill(session, Lottery, campaign_id=campaign_id, ordinal=1, total=1, lottery_key=OLD.seal("k" * 32))
        fill(session, InstantTerms, campaign_id=campaign_id, seed_sealed=OLD.seal("5e" * 32))
        fill(
            session, Hall, campaign_id=campaign_id, seed_sealed=OLD.seal("5f" * 32), code_key_sealed=OLD.seal("60" * 32)
        )
        prize = fill(session, Prize, campaign_id=campaign_id, kind="code", ordinal=1, stock=1, left=1)
        code = {"code_sealed": OLD.seal("KEY-1"), "code_index": OLD.index("KEY-1"), "prize_id": prize.id}
        fill(session, PrizeCode, campaign_id=campaign_id, ordinal=1, **code)
        fill(session, Staff, role="cashier", locale="en", totp_sealed=OLD.seal("JBSWY3DP"))
        fill(session, RosterFile, rows_sealed=OLD.seal("[]"), faulty_sealed=OLD.seal("[]"))
        fill(session, RosterEntry, phone_sealed=OLD.seal(phone(1)), phone_index=OLD.index(phone(1)))
        fill(session, PersonMark, mark="block", kind="openid", subject="oBad")
        fill(
            session,
            PersonMark,
            mark="block",
            kind="phone",
            subject=OLD.index(phone(2)),
            phone_sealed=OLD.seal(phone(2)),
        )
        fill(
            session,
            ListRow,
            phone_sealed=OLD.seal(phone(1)),
            read_sealed=OLD.seal("{}"),
            list_id=_pay_list(session),
        )
        codes.issue(session, OLD, "bind", "oMing", phone(1), [], datetime.now(UTC), is_withheld=False)
        fill(session, SmsCount, kind="phone_day", subject=OLD.index(phone(1)), n=3)
        fill(session, SmsCount, kind="ip_hour", subject=OLD.index("ip|1.2.3.4"), n=3)
        fill(session, Binding, status="ended", openid="oGone", via="chat", phone_sealed="", phone_index="")
        for n in range(1, many + 2):
            fill(
                session,
                Binding,
                status="active",
                openid=f"o{n}",
                via="chat",
                phone_sealed=OLD.seal(phone(n)),
                phone_index=OLD.index(phone(n)),
            )
            fill(
                session,
                Order,
                channel="hbpreorder",
                reason_id=n,
                mch_billno=f"n{n}",
                sp_ticket=OLD.seal(f"ticket{n}"),
                sp_ticket_hash=OLD.index(f"ticket{n}"),
            )
        fill(session, Order, channel="sendredpack", reason_id=0, mch_billno="n0")
        for ticket, status in (("ticket1", "matched"), ("a ticket nobody told us yet", "pending")):
            fill(session, Bind, sp_ticket_hash=OLD.index(ticket), status=status)


def _pay_list(session: Session) -> int:
    budget = session.scalar(select(Budget.id).limit(1)) or fill(session, Budget, kind="programme", name="x").id
    programme = fill(session, Programme, id=budget, channel="sendredpack")
    return int(fill(session, PayList, programme_id=programme.id).id)


class Shop:
    """One deployment and its operator, under the old key, the new one, or both."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def under(self, key: str, old: str = "") -> Settings:
        secret = type(self.settings.secret_key)
        return self.settings.model_copy(update={"secret_key": secret(key), "secret_key_old": secret(old)})

    def run(self, settings: Settings, *arguments: str) -> Result:
        return CliRunner(env=environment(settings)).invoke(cli, list(arguments))

    def rotating(self) -> Settings:
        return self.under(NEW_KEY, OLD_KEY)

    def standing(self, settings: Settings) -> str:
        with closing(Runtime(settings)) as runtime, runtime.database.reading() as session:
            return sentinel.standing(session, runtime.vault, runtime.former_vault)


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    return Shop(settings_for("encrypted", database_url, redis_url, tmp_path, secret_key=OLD_KEY))


def sealed_values(session: Session) -> Iterator[tuple[str, str, str]]:
    """(table.column, sealed text, its index or "")."""
    for entry in SEALED:
        for row in session.execute(select(entry.table).where(entry.is_filled)):
            for name in entry.columns:
                if value := getattr(row, name):
                    index = getattr(row, entry.index) if entry.index and name == entry.columns[0] else ""
                    yield f"{entry.table.name}.{name}", value, index


def test_every_sealed_column_and_blind_index_is_known() -> None:
    """A new sealed column must be said to keys/columns.py, or a change of the key would lose it."""
    known = {f"{entry.table.name}.{name}" for entry in SEALED for name in (*entry.columns, entry.index) if name}
    followers = {"binds.sp_ticket_hash"}
    found = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name.endswith(("_sealed", "_index", "sp_ticket", "sp_ticket_hash", "lottery_key"))
    }
    assert found == known - {"person_marks.subject"} | followers


def test_a_first_start_remembers_the_key_and_another_is_refused(shop: Shop) -> None:
    assert shop.standing(shop.settings) == "new"
    assert shop.run(shop.settings, "db", "upgrade").exit_code == 0
    assert shop.standing(shop.settings) == "ours"
    assert shop.run(shop.settings, "keys", "check").exit_code == 0
    for command in (("db", "upgrade"), ("worker",), ("run", "web"), ("keys", "check")):
        refused = shop.run(shop.under(NEW_KEY), *command)
        assert refused.exit_code == 1
        assert "WXBOT_SECRET_KEY is not the key of this database" in refused.output
        assert "Traceback" not in refused.output
    assert "run first: wxbot keys rotate" in shop.run(shop.rotating(), "worker").output


def test_the_web_process_itself_refuses_another_key(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shop.run(shop.settings, "db", "upgrade").exit_code == 0
    for name, value in environment(shop.under(NEW_KEY)).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(KeyProblem, match="not the key of this database"):
        application()


def test_an_older_database_gets_its_sentinel_only_under_the_key_it_was_sealed_with(shop: Shop) -> None:
    with closing(Database(shop.settings.database_url)) as database:
        furnish(database)
    assert shop.run(shop.under(NEW_KEY), "db", "upgrade").exit_code == 1
    assert shop.standing(shop.under(NEW_KEY)) == "foreign"
    assert shop.run(shop.settings, "db", "upgrade").exit_code == 0
    assert shop.standing(shop.settings) == "ours"


def test_doctor_tells_a_changed_key_and_former_ones_that_are_left(shop: Shop) -> None:
    assert shop.run(shop.settings, "db", "upgrade").exit_code == 0
    verdicts = []
    for settings in (shop.settings, shop.under(NEW_KEY), shop.rotating()):
        with closing(Runtime(settings)) as runtime:
            verdicts.append((secret_key(runtime).verdict, former_keys(runtime).verdict))
    assert verdicts == [("good", "good"), ("bad", "good"), ("bad", "note")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.proof)], indirect=True)
def test_the_key_is_changed_though_the_command_is_killed_in_the_middle(shop: Shop, tmp_path: Path) -> None:
    with closing(Database(shop.settings.database_url)) as database:
        furnish(database, MANY)
    settings = shop.rotating()
    killed = subprocess.Popen(
        [sys.executable, "-m", "wxbot", "keys", "rotate", "--yes"],
        env=os.environ | environment(settings),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert killed.stderr is not None
    with killed.stderr as progress:
        for line in progress:
            if line.split() == ["bindings:", "500"]:
                killed.send_signal(signal.SIGKILL)
                break
    assert killed.wait(60) == -signal.SIGKILL
    with closing(Database(shop.settings.database_url)) as database, database.reading() as session:
        values = list(sealed_values(session))
        assert any(opens(NEW, value) for _, value, _ in values)
        assert any(opens(OLD, value) for _, value, _ in values)
        for _, value, index in values:  # each row is whole: its seal and its index are of one key
            text = read(NEW, value)
            right = NEW.index(text) if text is not None else OLD.index(OLD.open(value))
            assert index in ("", right)
    for start in (settings, shop.settings, shop.under(NEW_KEY)):
        assert "begun and not finished" in shop.run(start, "worker").output
    wrong = shop.under("a-third-secret-key-for-tests-only-0123456789", OLD_KEY)
    assert "begun with two other keys" in shop.run(wrong, "keys", "rotate", "--yes").output

    done = shop.run(settings, "keys", "rotate", "--yes")
    assert done.exit_code == 0, done.output
    assert "1 bind event waits" in done.output
    with closing(Database(shop.settings.database_url)) as database, database.reading() as session:
        values = list(sealed_values(session))
        assert {place for place, _, _ in values} == {
            f"{entry.table.name}.{name}" for entry in SEALED for name in entry.columns
        }
        assert len(values) == 2 * (MANY + 1) + 15
        for place, value, index in values:
            assert not opens(OLD, value), place
            assert index in ("", NEW.index(NEW.open(value))), place
        assert {NEW.open(row) for row in session.scalars(select(Order.sp_ticket)) if row} == {
            f"ticket{n}" for n in range(1, MANY + 2)
        }
        assert session.scalars(select(Bind.sp_ticket_hash).where(Bind.status == "matched")).all() == [
            NEW.index("ticket1")
        ]
        assert session.scalar(select(SmsCount.subject).where(SmsCount.kind == "phone_day")) == NEW.index(phone(1))
        assert session.scalars(select(PersonMark.subject)).all() == ["oBad", NEW.index(phone(2))]
        assert session.scalars(select(SmsCode.status)).all() == ["dead"]
        assert session.scalars(select(SmsOut.status)).all() == ["late"]
        assert session.scalars(select(AuditEvent.action)).all() == ["key_rotate"]
    assert shop.standing(shop.under(NEW_KEY)) == "ours"
    assert shop.standing(shop.settings) == "foreign"
    assert "nothing was left to do" in shop.run(settings, "keys", "rotate", "--yes").output


def test_a_bind_event_finds_its_order_when_the_ticket_becomes_known_after_the_change(shop: Shop) -> None:
    with closing(Database(shop.settings.database_url)) as database:
        furnish(database)
    assert shop.run(shop.rotating(), "keys", "rotate", "--yes").exit_code == 0
    late = "a ticket nobody told us yet"
    with closing(Database(shop.settings.database_url)) as database, database.transaction() as session:
        session.execute(
            update(Order)
            .where(Order.mch_billno == "n0")
            .values(sp_ticket=NEW.seal(late), sp_ticket_hash=NEW.index(late))
        )
    assert shop.run(shop.rotating(), "keys", "rotate", "--yes").exit_code == 0
    with closing(Database(shop.settings.database_url)) as database, database.reading() as session:
        assert session.scalar(select(Bind.sp_ticket_hash).where(Bind.status == "pending")) == NEW.index(late)


def test_one_phone_stays_one_persons_through_the_change(shop: Shop) -> None:
    with closing(Database(shop.settings.database_url)) as database:
        furnish(database)
    assert shop.run(shop.rotating(), "keys", "rotate", "--yes").exit_code == 0
    with (
        closing(Database(shop.settings.database_url)) as database,
        pytest.raises(IntegrityError),
        database.transaction() as session,
    ):
        fill(
            session,
            Binding,
            status="active",
            openid="oThief",
            via="h5",
            phone_sealed=NEW.seal(phone(1)),
            phone_index=NEW.index(phone(1)),
        )


def test_rows_that_neither_key_opens_are_named_and_left_only_when_told(shop: Shop) -> None:
    with closing(Database(shop.settings.database_url)) as database:
        furnish(database)
        with database.transaction() as session:
            sentinel.write(session, OLD.seal("wxbot"), "", NOW)
            lost = Vault("lost" * 10)
            row = fill(session, RosterEntry, phone_sealed=lost.seal(phone(7)), phone_index=lost.index(phone(7)))
            lost_id = row.id
    refused = shop.run(shop.rotating(), "keys", "rotate", "--yes")
    assert refused.exit_code == 1
    assert f"roster_entries {lost_id}" in refused.output
    assert shop.standing(shop.rotating()) == "half"
    told = shop.run(shop.rotating(), "keys", "rotate", "--yes", "--leave-unreadable")
    assert told.exit_code == 0
    assert "1 row of roster_entries does not open" in told.output
    assert shop.standing(shop.under(NEW_KEY)) == "ours"


def test_a_running_service_keeps_the_key_from_being_changed(shop: Shop) -> None:
    with closing(Database(shop.settings.database_url)) as database:
        furnish(database)
        with database.reading() as session:
            session.execute(select(Binding.id)).all()
        assert "The service still runs" in shop.run(shop.rotating(), "keys", "rotate", "--yes").output
    with closing(redis_client.Redis.from_url(shop.settings.redis_url, decode_responses=True)) as connection:
        Heartbeat(connection).beat()
        assert "The service still runs (worker" in shop.run(shop.rotating(), "keys", "rotate", "--yes").output
        connection.flushall()
    assert shop.run(shop.rotating(), "keys", "rotate", "--yes").exit_code == 0


def test_the_change_needs_two_keys_that_differ(shop: Shop) -> None:
    assert "Two keys are needed" in shop.run(shop.settings, "keys", "rotate", "--yes").output
    assert "is the same as WXBOT_SECRET_KEY" in shop.run(shop.under(OLD_KEY, OLD_KEY), "keys", "check").output
