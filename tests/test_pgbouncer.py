"""The main paths of money through a real PgBouncer in transaction mode, with fewer server connections than we have threads."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from tests.campaigns.test_launch import test_launch_orders_loads_and_switches_on as test_a_launch  # noqa: F401
from tests.deployments import settings_for
from tests.draws.conftest import app, ming, stage  # noqa: F401
from tests.draws.test_bind import test_a_bind_moves_packet_draw_order_and_ledger_together as test_a_bind  # noqa: F401
from tests.draws.test_draw import (
    test_sixty_four_parallel_requests_of_one_person_make_one_draw_F51 as test_many_draws_at_once,  # noqa: F401
)
from tests.orders.test_races import other  # noqa: F401
from tests.orders.test_races import (
    test_planning_settling_and_cancelling_at_once_never_wait_in_a_circle_F67 as test_workers_at_once,  # noqa: F401
)
from tests.payouts.conftest import desks  # noqa: F401
from tests.payouts.test_lists import test_f81_workers_at_once_ask_for_each_row_once as test_a_list  # noqa: F401
from tests.payouts.test_pay import test_a_payout_reaches_the_wallet_and_every_book_agrees as test_a_payout  # noqa: F401
from tests.payouts.test_pay import test_ten_a_day_is_exactly_ten_with_eight_workers_I8_F25 as test_ten_a_day  # noqa: F401
from tests.servers import PrivatePostgres, with_us
from wxbot.db import Database
from wxbot.doctor.connections import database_connections
from wxbot.migrations import revisions, upgrade
from wxbot.private_servers import free_port
from wxbot.runtime import Runtime

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

SERVER_CONNECTIONS = 3
CONFIG = """[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 300
"""


@contextmanager
def pgbouncer(server_port: int) -> Iterator[int]:
    """A PgBouncer on loopback, as another user where we are root, which it refuses to be; its port."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("LEFT OUT: no pgbouncer on this machine (Debian, Ubuntu: apt-get install pgbouncer)")
    folder, port = Path(tempfile.mkdtemp(prefix="wxbot-pgbouncer-")), free_port()
    (folder / "users.txt").write_text('"wxbot" ""\n', encoding="utf-8")
    config = folder / "pgbouncer.ini"
    config.write_text(
        CONFIG.format(server=server_port, port=port, folder=folder, size=SERVER_CONNECTIONS), encoding="utf-8"
    )
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    if user is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    with (folder / "log").open("wb") as log:
        started = subprocess.Popen(
            with_us([program, str(config)], "TERM"), stdout=log, stderr=log, cwd=folder, **as_user
        )  # type: ignore[call-overload]
    try:
        _wait(port, started, folder / "log")
        yield port
    finally:
        started.terminate()
        started.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, started: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and started.poll() is None:
        try:
            psycopg.connect(f"postgresql://wxbot@127.0.0.1:{port}/postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"pgbouncer did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


@pytest.fixture(scope="module")
def pooled_port(postgres_server: PrivatePostgres) -> Iterator[int]:
    """The port of a PgBouncer before the private PostgreSQL."""
    with pgbouncer(postgres_server.port) as port:
        yield port


@pytest.fixture
def empty_url(postgres_server: PrivatePostgres, pooled_port: int) -> Iterator[str]:
    """An empty database behind the pooler."""
    name = postgres_server.create()
    yield f"postgresql://wxbot@127.0.0.1:{pooled_port}/{name}"
    postgres_server.drop(name)


@pytest.fixture
def database_url(postgres_server: PrivatePostgres, pooled_port: int) -> Iterator[str]:
    """What every test of this module calls the database: ours, behind the pooler."""
    name = postgres_server.create(template="wxbot_template")
    yield f"postgresql://wxbot@127.0.0.1:{pooled_port}/{name}"
    postgres_server.drop(name)


def test_the_schema_is_laid_through_it(empty_url: str) -> None:
    with closing(Database(empty_url)) as database:
        upgrade(database)
        assert len(set(revisions(database))) == 1


def test_limits_hold_and_nothing_is_prepared(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        for _ in range(20):
            with database.reading() as session:
                assert session.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
                assert session.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one() == 0
        connection = database.engine.raw_connection()
        assert connection.driver_connection.prepare_threshold is None  # type: ignore[union-attr]
        connection.close()


def test_doctor_sees_the_pooler(database_url: str, tmp_path: Path) -> None:
    with closing(Runtime(settings_for("encrypted", database_url, "redis://127.0.0.1:1/0", tmp_path))) as runtime:
        found = database_connections(runtime)
    assert found.verdict == "note"
    assert "PgBouncer" in found.en
