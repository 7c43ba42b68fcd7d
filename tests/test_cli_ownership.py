"""Root at the terminal beside the service's data: looking leaves nothing behind, writing is refused; files are private."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

import wxbot.cli as cli_package
from tests.deployments import settings_for
from tests.test_cli import Operator, environment
from wxbot.db import Database
from wxbot.private_servers import free_port

SOMEBODY = 65534
"""The user nobody, who stands for the service's."""

LOOKS = (
    ("doctor",),
    ("db", "status"),
    ("campaign", "list"),
    ("campaign", "show", "1"),
    ("ledger", "balances"),
    ("ledger", "check"),
    ("order", "show", "1"),
    ("payout", "list"),
    ("staff", "list"),
    ("people", "show", "o1"),
    ("reply", "list"),
    ("photos", "status"),
)

WRITES = (
    ("db", "upgrade"),
    ("campaign", "launch", "1"),
    ("campaign", "pause", "1"),
    ("campaign", "resume", "1"),
    ("campaign", "close", "1", "--yes"),
    ("order", "ask", "1"),
    ("order", "mark", "1", "failed", "--evidence", "x", "--as", "a"),
    ("order", "confirm", "1", "--as", "a"),
    ("order", "withdraw", "1", "--as", "a"),
    ("payout", "stop"),
    ("payout", "open"),
    ("staff", "add", "a", "--role", "admin"),
    ("staff", "password", "a"),
    ("staff", "disable", "a"),
    ("staff", "enable", "a"),
    ("people", "mark", "block", "o1", "--reason", "x"),
    ("people", "unmark", "o1"),
    ("reply", "add", "default", "--text", "x"),
    ("reply", "remove", "1"),
    ("run", "both"),
    ("run", "web"),
    ("worker",),
    ("photos", "move"),
    ("ledger", "explain", "1", "--note", "x", "--as", "a"),
    ("ledger", "agree", "1", "--as", "a"),
    ("photos", "forget", "m"),
)


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder with its owner and mode."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_uid, path.lstat().st_mode)
        for path in sorted([folder, *folder.rglob("*")])
    }


@pytest.fixture
def service_folder(sqlite_url: str, tmp_path: Path) -> Path:
    """The data of a service: its folder and its database belong to somebody else."""
    if os.geteuid() != 0:
        pytest.skip("LEFT OUT: only root can stand beside somebody else's folder; run this test as root")
    folder = tmp_path / "service"
    folder.mkdir(0o700)
    (tmp_path / "wxbot.db").rename(folder / "wxbot.db")
    (folder / "wxbot.db").chmod(0o600)
    for path in (folder, folder / "wxbot.db"):
        os.chown(path, SOMEBODY, SOMEBODY)
    return folder


@pytest.fixture
def root(service_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.chdir(tmp_path)
    settings = settings_for(
        "encrypted", f"sqlite:///{service_folder}/wxbot.db", f"redis://127.0.0.1:{free_port()}/0", service_folder
    )
    return Operator(environment(settings))


@pytest.fixture(params=["at rest", "in use"])
def in_use(request: pytest.FixtureRequest, service_folder: Path) -> Iterator[bool]:
    """The database as nobody has it open, and as the service has, its log not yet in the file."""
    if request.param == "at rest":
        yield False
        return
    with closing(Database(f"sqlite:///{service_folder}/wxbot.db")) as service:
        with service.transaction() as session:
            session.execute(text("UPDATE ledger_balances SET balance_fen = 0"))
        for path in service_folder.iterdir():
            os.chown(path, SOMEBODY, SOMEBODY)
        yield True


def test_every_command_opens_the_database_in_one_of_two_ways() -> None:
    """`looking` or `opened` of desk.py; whoever makes a Runtime or a Database of its own says here why it may."""
    may = {
        "desk.py": "it is the two ways",
        "serve.py": "refuses before",
        "database.py": "refuses before, or reads only",
        "checkup.py": "reads only",
        "hall.py": "reads only",
    }
    folder = Path(cli_package.__file__).parent
    own = {path.name for path in folder.glob("*.py") if re.search(r"\b(Runtime|Database)\(", path.read_text("utf-8"))}
    assert own - set(may) == set()


def test_looking_as_root_makes_nothing_and_changes_no_owner(root: Operator, service_folder: Path, in_use: bool) -> None:
    before = state(service_folder)
    assert ("wxbot.db-wal" in before) is in_use
    for command in LOOKS:
        result = root.run(*command)
        assert "Traceback" not in result.output and result.exit_code in (0, 1), (command, result.output)
        assert not result.exception or isinstance(result.exception, SystemExit), (command, result.exception)
        assert state(service_folder) == before, f"{command} left something behind"


def test_writing_as_root_is_refused_with_the_line_to_run_instead(root: Operator, service_folder: Path) -> None:
    before = state(service_folder)
    for command in WRITES:
        told = root.refused(*command, said="a-password-9\n")
        assert "runuser -u nobody -- " in told and " ".join(command[:2]) in told, told
        assert state(service_folder) == before, f"{command} left something behind"


def test_before_the_first_start_looking_makes_neither_folder_nor_database(
    service_folder: Path, root: Operator, tmp_path: Path
) -> None:
    (service_folder / "wxbot.db").unlink()
    for place in (service_folder / "wxbot.db", tmp_path / "none" / "wxbot.db"):
        root.env["WXBOT_DATABASE_URL"] = f"sqlite:///{place}"
        for command in LOOKS:
            assert root.run(*command).exit_code == 1, command
        assert "wxbot db upgrade" in root.run("staff", "list").output
        assert not place.exists() and list(service_folder.iterdir()) == []
    assert not (tmp_path / "none").exists()


def test_who_only_looks_cannot_write(database_url: str) -> None:
    with closing(Database(database_url, read_only=True)) as database:
        with database.reading() as session:
            assert session.execute(text("SELECT count(*) FROM orders")).scalar_one() == 0
        with pytest.raises(Exception, match=r"(?i)read.?only"), database.transaction() as session:
            session.execute(text("DELETE FROM orders"))


def test_the_database_is_readable_by_its_user_alone_S61(tmp_path: Path, sqlite_template: Path) -> None:
    """Also one that an earlier version made, and what SQLite keeps beside it."""
    old = tmp_path / "old" / "wxbot.db"
    old.parent.mkdir()
    old.write_bytes(sqlite_template.read_bytes())
    old.chmod(0o644)
    for file in (old, tmp_path / "new" / "wxbot.db"):
        with closing(Database(f"sqlite:///{file}")) as database, database.transaction() as session:
            session.execute(text("CREATE TABLE IF NOT EXISTS t (a)"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
        assert modes == {"wxbot.db": 0o600, "wxbot.db-wal": 0o600, "wxbot.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_log_without_its_index_is_read_too(sqlite_url: str, tmp_path: Path) -> None:
    """As after a crash: what was committed is in the log alone."""
    with closing(Database(sqlite_url)) as database:
        with database.transaction() as session:
            session.execute(text("INSERT INTO ledger_balances (budget_id, account, balance_fen) VALUES (7, 'paid', 1)"))
        copy = tmp_path / "crashed.db"
        for ending in ("", "-wal"):
            Path(f"{copy}{ending}").write_bytes((tmp_path / f"wxbot.db{ending}").read_bytes())
    with closing(Database(f"sqlite:///{copy}", read_only=True)) as database, database.reading() as session:
        assert session.execute(text("SELECT balance_fen FROM ledger_balances WHERE budget_id = 7")).scalar_one() == 1
