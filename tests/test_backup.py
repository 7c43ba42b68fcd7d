"""Copies and their way back, on both databases: nothing is lost, nothing is trusted, nothing is overwritten."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from tests.conftest import SECRET_KEY
from tests.deployments import settings_for
from tests.hall.hosting import Host
from tests.hall.stage import RAIN, OpenHall, open_hall
from tests.payouts.stories import fund, owe
from tests.replies.test_answers import write_campaign
from tests.rows import everything, fill
from tests.servers import PrivatePostgres
from tests.test_cli import Operator, environment
from wxbot import invariants
from wxbot.backup.facts import facts
from wxbot.db import Database, sqlite_file
from wxbot.hall import games
from wxbot.hall.gaps import LEAP
from wxbot.hall.log import LogLine
from wxbot.hall.models import Game, Hall, RainHit
from wxbot.instant.models import InstantTerms, NumberGap
from wxbot.ledger import Posting, post
from wxbot.migrations import knows
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.vouchers.storage import DatabaseStorage, FolderStorage, folder_of

NOW = datetime(2026, 3, 16, 4, 0, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
AWKWARD = "tab\t新年 \\N \\. line\nend 'quote' \"x\" \x7f"


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A deployment with money, awkward texts and photos."""
    monkeypatch.chdir(tmp_path)
    settings = settings_for("encrypted", database_url, redis_url, tmp_path / "data", secret_key=SECRET_KEY)
    with closing(Runtime(settings)) as runtime:
        with runtime.database.transaction() as session:
            post(session, [Posting("bill", "1", "external", "merchant", 1_000_00)], NOW)
        owe(runtime, fund(runtime), "o1", 1_13)
        with runtime.database.transaction() as session:
            session.execute(
                text("INSERT INTO quotas (name, period, n, fen) VALUES (:name, '20260316', 1, 2)"), {"name": AWKWARD}
            )
            session.execute(text("UPDATE quotas SET n = 3"))
        FolderStorage(folder_of(settings)).put(KEY, b"\xff\xd8 folder")
        DatabaseStorage(runtime.database).put(KEY, b"\xff\xd8 rows \x00\n")
    return settings


@pytest.fixture
def operator(shop: Settings) -> Operator:
    return Operator(environment(shop))


@pytest.fixture
def elsewhere(shop: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Operator]:
    """A bare machine: an empty database of the same kind, no photos."""
    changes: dict[str, Any] = {"data_dir": tmp_path / "bare", "database_url": f"sqlite:///{tmp_path}/bare/wxbot.db"}
    if shop.database_url.startswith("sqlite"):
        yield Operator(environment(shop.model_copy(update=changes)))
        return
    server: PrivatePostgres = request.getfixturevalue("postgres_server")
    name = server.create()
    yield Operator(environment(shop.model_copy(update=changes | {"database_url": server.url_of(name)})))
    server.drop(name)


def content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with closing(Database(url, read_only=True)) as database, database.engine.connect() as connection:
        return {name: sorted(rows, key=repr) for name, rows in everything(connection).items()}


@pytest.mark.on_both
def test_a_copy_is_whole_private_and_goes_back_to_a_bare_machine(
    operator: Operator, elsewhere: Operator, shop: Settings, tmp_path: Path
) -> None:
    told = operator.ok("db", "backup", "copy.tar")
    assert "copy.tar" in told and "WXBOT_SECRET_KEY" in told
    assert stat.S_IMODE((tmp_path / "copy.tar").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob(".*")] == [], "scratch files are left"
    assert "备份完好" in operator.ok("db", "verify", "copy.tar")
    before = content(shop.database_url)
    assert "冻结" in elsewhere.ok("db", "restore", "copy.tar")
    after = content(elsewhere.env["WXBOT_DATABASE_URL"])
    assert "database_restore" in str(after.pop("audit_events")) and "database_restore" not in str(
        before.pop("audit_events")
    )
    assert after == before and before["payouts"] and before["ledger_entries"]
    assert FolderStorage(Path(elsewhere.env["WXBOT_DATA_DIR"]) / "vouchers").get(KEY) == b"\xff\xd8 folder"
    with closing(Database(elsewhere.env["WXBOT_DATABASE_URL"])) as database:
        assert DatabaseStorage(database).get(KEY) == b"\xff\xd8 rows \x00\n"
        with database.transaction() as session:  # numbers go on behind the copy's, triggers are there
            post(session, [Posting("bill", "2", "external", "merchant", 1)], NOW)
        with pytest.raises(Exception, match="append-only"), database.transaction() as session:
            session.execute(text("UPDATE ledger_entries SET amount_fen = 1"))


def _drawing(shop: Settings) -> int:
    """A campaign that has drawn seven times."""
    with closing(Database(shop.database_url)) as database:
        campaign_id = write_campaign(database, "on")
        with database.transaction() as session:
            fill(session, InstantTerms, campaign_id=campaign_id, seed_sealed="sealed", seed_sha256="5" * 64, next_k=8)
    return campaign_id


def test_draws_go_on_behind_a_gap_after_a_restore_so_that_no_number_is_used_twice(
    operator: Operator, elsewhere: Operator, shop: Settings
) -> None:
    campaign_id = _drawing(shop)
    with closing(Database(shop.database_url)) as database, database.transaction() as session:
        fill(session, Hall, campaign_id=campaign_id, next_d=5)
    operator.ok("db", "backup", "copy.tar")
    elsewhere.ok("db", "restore", "copy.tar")
    with closing(Database(elsewhere.env["WXBOT_DATABASE_URL"])) as database, database.reading() as session:
        gap = session.scalars(select(NumberGap)).one()
        assert (gap.from_k, gap.to_k + 1, gap.why) == (8, session.get_one(InstantTerms, campaign_id).next_k, "restored")
        assert gap.to_k - gap.from_k > 100_000_000
        assert session.get_one(Hall, campaign_id).next_d == 5 + LEAP


def test_a_copy_that_is_restored_twice_gives_no_number_of_a_draw_twice(
    operator: Operator, shop: Settings, tmp_path: Path
) -> None:
    """Restores may come within one second: what each of them took the place of is kept."""
    campaign_id = _drawing(shop)
    operator.ok("db", "backup", "copy.tar")
    first = 8
    for _ in range(3):
        operator.ok("db", "restore", "copy.tar", "--replace", "--yes")
        with closing(Database(shop.database_url)) as database, database.transaction() as session:
            gap = session.scalars(select(NumberGap)).one()
            terms = session.get_one(InstantTerms, campaign_id)
            assert gap.from_k == 8 and gap.to_k + 1 == terms.next_k >= first + 100_000_000
            first = terms.next_k = terms.next_k + 7  # seven draws in this life
    if sqlite_file(shop.database_url):
        assert len([each for each in tmp_path.rglob("*.before-restore-*") if "-wal" not in each.name]) >= 3


def test_a_hall_goes_on_from_a_copy_that_was_made_while_its_screen_rolled(
    operator: Operator, elsewhere: Operator, shop: Settings
) -> None:
    """What the copy knew as drawn was confirmed since; of the guests one is lost."""
    with closing(Runtime(shop)) as runtime:
        before = Host(open_hall(runtime, ({"stock": 5},), guests=4, terms={"mode": "seed"}))
        before.freeze()
        [early] = before.show(k=1)
        before.confirm(1)
        before.arm(k=2)
        before.start()
        operator.ok("db", "backup", "copy.tar")
        copied = before.stage.log()
        before.reveal()
        before.confirm(2)
        before.stage.come(1)
        before.freeze()
        before.show(k=1)
        lost_log = before.stage.log()
    elsewhere.ok("db", "restore", "copy.tar")
    place = {"database_url": elsewhere.env["WXBOT_DATABASE_URL"], "data_dir": Path(elsewhere.env["WXBOT_DATA_DIR"])}
    with closing(Runtime(shop.model_copy(update=place))) as runtime:
        host = Host(OpenHall(runtime, before.id, before.stage.slug, before.stage.openids[:4]))
        *log, last = host.stage.log()
        assert (log, last.kind) == (copied, "restored")
        assert (last.body["last_no"], host.open_slots(), len(host.stage.awards())) == (4, 4, 1)
        assert [each.status for each in host.selections()] == ["confirmed", "voided"]
        assert {line.status for line in host.lines(2)} == {"voided"}
        host.stage.come(2)
        assert [guest.no for guest in host.stage.guests()][-2:] == [last.body["next_no"], last.body["next_no"] + 1]
        host.freeze()
        winners = host.show(k=4)
        assert early not in winners and host.confirm(last.body["next_d"]).nos == tuple(winners)
        assert _seeds(lost_log) & _seeds(host.stage.log()) == _seeds(copied)
        assert host.verified() == []
        wrong = {name: n for name, n in invariants.check(runtime.database).items() if n}
        assert {name for name in wrong if "hall" in name} == set()


def test_a_copy_that_is_restored_twice_reaches_no_seed_twice(
    operator: Operator, shop: Settings, tmp_path: Path
) -> None:
    """A selection by the seed alone could be told beforehand by whoever has the record of the first time, and a rain as well."""

    def once_more(openids: list[str]) -> tuple[set[str], list[str]]:
        """What is revealed from the copy to the end of a selection and a rain."""
        operator.ok("db", "restore", "copy.tar", "--replace", "--yes")
        with closing(Runtime(shop)) as runtime:
            host = Host(OpenHall(runtime, campaign_id, "gala", list(openids)))
            host.do(games.begin, runtime.vault, campaign_id, 2)
            with runtime.database.transaction() as session:
                ago = runtime.database.now(session) - timedelta(minutes=1)
                session.execute(update(Game).values(begin_at=ago - timedelta(seconds=20), end_at=ago))
                session.execute(update(RainHit).values(claimed_at=ago))
            host.stage.work()
            host.freeze()
            host.show(k=2)
            assert host.verified() == []
            return _seeds(host.stage.log()), [line.kind for line in host.stage.log()]

    with closing(Runtime(shop)) as runtime:
        made = open_hall(runtime, ({"stock": 5}, RAIN), guests=4, terms={"mode": "seed"})
        campaign_id = made.campaign_id
        operator.ok("db", "backup", "copy.tar")
    lives = [once_more(made.openids) for _ in range(3)]
    assert [len(seeds) for seeds, _ in lives] == [2, 2, 2]
    assert len(set.union(*(seeds for seeds, _ in lives))) == 6
    assert [kinds.count("restored") for _, kinds in lives] == [1, 2, 3]


def _seeds(log: list[LogLine]) -> set[str]:
    """What a log has revealed."""
    return {line.body["seed"] for line in log if "seed" in line.body}


def test_what_is_there_is_not_overwritten(operator: Operator, shop: Settings, tmp_path: Path) -> None:
    operator.ok("db", "backup", "copy.tar")
    size = (tmp_path / "copy.tar").stat().st_size
    assert "不会覆盖" in operator.refused("db", "backup", "copy.tar")
    assert (tmp_path / "copy.tar").stat().st_size == size
    with closing(Database(shop.database_url)) as database, database.transaction() as session:
        post(session, [Posting("bill", "later", "external", "merchant", 5)], NOW)
    later = content(shop.database_url)
    assert "--replace" in operator.refused("db", "restore", "copy.tar")
    assert operator.run("db", "restore", "copy.tar", "--replace", said="n\n").exit_code == 1
    assert content(shop.database_url) == later
    told = operator.ok("db", "restore", "copy.tar", "--replace", "--yes")
    assert len(content(shop.database_url)["ledger_entries"]) == len(later["ledger_entries"]) - 1
    assert len(list((tmp_path / "data").glob("vouchers.before-restore-*"))) == 1
    if shop.database_url.startswith("sqlite"):
        kept = next(tmp_path.glob("wxbot.db.before-restore-*"))
        assert str(kept) in told and content(f"sqlite:///{kept}") == later


def test_while_it_is_in_use_nothing_is_restored(operator: Operator, shop: Settings) -> None:
    operator.ok("db", "backup", "copy.tar")
    with closing(Database(shop.database_url)) as service:
        with service.reading() as session:
            session.execute(text("SELECT 1 FROM orders"))
        assert "停止所有服务" in operator.refused("db", "restore", "copy.tar", "--replace", "--yes")
        with service.transaction() as session:
            session.execute(text("UPDATE quotas SET n = 4"))


def test_the_copy_is_of_one_moment_while_others_write(
    operator: Operator, shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A booking that is committed while the tables are copied is in none of them."""
    from wxbot.backup import make as making

    with closing(Database(shop.database_url)) as service:
        real = making.facts  # type: ignore[attr-defined]

        def meanwhile(connection: Any) -> Any:
            seen = real(connection)
            with service.transaction() as session:
                post(session, [Posting("bill", "meanwhile", "external", "merchant", 7)], NOW)
            return seen

        monkeypatch.setattr(making, "facts", meanwhile)
        operator.ok("db", "backup", "copy.tar")
        with service.reading() as session:
            n = session.execute(text("SELECT count(*) FROM ledger_entries")).scalar_one()
    assert operator.json("db", "verify", "copy.tar")["rows"]["ledger_entries"] == n - 1


@pytest.mark.parametrize(
    "damage", ["a flipped bit", "cut off", "a strange member", "another manifest", "no copy at all"]
)
def test_a_damaged_copy_changes_nothing(
    operator: Operator, elsewhere: Operator, tmp_path: Path, damage: str, shop: Settings
) -> None:
    operator.ok("db", "backup", "copy.tar")
    file = tmp_path / "copy.tar"
    spoil(file, damage)
    assert "Traceback" not in operator.refused("db", "verify", "copy.tar")
    elsewhere.refused("db", "restore", "copy.tar")
    if shop.database_url.startswith("sqlite"):
        assert not Path(elsewhere.env["WXBOT_DATABASE_URL"].removeprefix("sqlite:///")).exists()
    else:
        assert content(elsewhere.env["WXBOT_DATABASE_URL"]) == {}


def spoil(file: Path, damage: str) -> None:
    whole = file.read_bytes()
    if damage == "a flipped bit":
        at = whole.index(b"\xff\xd8 rows") if b"\xff\xd8 rows" in whole else whole.index(b"ffd820726f7773")
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    elif damage == "cut off":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "no copy at all":
        file.write_bytes(b"SQLite format 3\x00" * 100)
    else:
        with tarfile.open(file) as old, tarfile.open(f"{file}.new", "w") as made:
            for member in old.getmembers():
                inside = old.extractfile(member)
                assert inside is not None
                data = inside.read()
                if damage == "another manifest" and member.name == "manifest.json":
                    data = json.dumps(json.loads(data) | {"format": 2}).encode()
                member.size = len(data)
                made.addfile(member, io.BytesIO(data))
            if damage == "a strange member":
                made.addfile(tarfile.TarInfo("../../etc/cron.d/x"), io.BytesIO())
        os.replace(f"{file}.new", file)


def test_a_copy_of_another_kind_or_of_the_future_is_refused(operator: Operator, shop: Settings, tmp_path: Path) -> None:
    operator.ok("db", "backup", "copy.tar")
    other = (
        "postgresql://nobody@127.0.0.1:1/none"
        if shop.database_url.startswith("sqlite")
        else f"sqlite:///{tmp_path}/other.db"
    )
    stranger = Operator(operator.env | {"WXBOT_DATABASE_URL": other, "WXBOT_DATA_DIR": str(tmp_path / "none")})
    assert "WXBOT_DATABASE_URL" in stranger.refused("db", "restore", "copy.tar")
    assert not (tmp_path / "other.db").exists()
    assert knows("0001") and not knows("9999") and not knows(None)


def test_facts_are_those_of_the_rows(database: Database) -> None:
    with database.transaction() as session:
        post(session, [Posting("bill", "1", "external", "merchant", 100)], NOW)
    with database.engine.connect() as connection:
        found = facts(connection)
    assert found["rows"]["ledger_entries"] == 1 and found["sums"]["ledger_entries_fen"] == 100
    assert found["sums"]["ledger_balances_fen"] == 200
