"""The files of deploy/ say what the program does, and their lines show no secret."""

from __future__ import annotations

import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from tests import deployments
from tests.servers import ROOT, with_us
from wxbot.cli import cli
from wxbot.demo.stage import LIVE_NICE
from wxbot.heartbeat import Heartbeat
from wxbot.private_servers import find_redis_server
from wxbot.runtime import Runtime
from wxbot.settings import SECRET_FILE_FIELDS, Settings
from wxbot.worker import make_celery

DEPLOY = ROOT / "deploy"
PAGES = [DEPLOY / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("README*.md"))]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def settings_of(unit: Path) -> dict[str, list[str]]:
    """What the section [Service] of a unit sets; a name may stand there several times."""
    body = unit.read_text(encoding="utf-8").split("[Service]\n")[1].split("\n[")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", body, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_service_may_write_its_own_folder_alone_and_has_bounds(unit: Path) -> None:
    said = settings_of(unit)
    assert said["StateDirectoryMode"] == ["0700"] and said["UMask"] == ["0077"]
    assert said["ProtectSystem"] == ["strict"] and "ReadWritePaths" not in said
    assert {"MemoryMax", "TasksMax", "LimitNOFILE", "SystemCallFilter", "RestrictNamespaces"} <= set(said)
    assert said["CapabilityBoundingSet"] == [""] and said["NoNewPrivileges"] == ["yes"]


def test_all_services_are_confined_alike() -> None:
    live, web, worker = (settings_of(unit) for unit in UNITS)
    own = {"Type", "ExecStart", "ExecStartPre", "ExecReload", "KillMode", "KillSignal", "TimeoutStopSec", "Restart"}
    own |= {"RestartSec", "TasksMax", "NotifyAccess"}
    its = own | {"Environment", "RuntimeDirectory", "RuntimeDirectoryMode", "MemoryMax", "Nice"}
    assert {name: live[name] for name in set(live) - its} == {name: worker[name] for name in set(worker) - its}
    assert {name: web[name] for name in set(web) - own} == {name: worker[name] for name in set(worker) - own}
    assert live["Nice"] == [str(LIVE_NICE)]


def test_the_example_of_settings_names_real_ones_and_holds_no_secret() -> None:
    lines = (DEPLOY / "wxbot.env.example").read_text(encoding="utf-8").splitlines()
    named = dict(re.findall(r"^#?(WXBOT_[A-Z0-9_]+)=(.*)$", "\n".join(lines), re.MULTILINE))
    known = {f"WXBOT_{name.upper()}" for name in Settings.model_fields}
    assert set(named) <= known | {f"WXBOT_{name.upper()}_FILE" for name in SECRET_FILE_FIELDS}
    secret = {f"WXBOT_{name.upper()}" for name in SECRET_FILE_FIELDS} - {"WXBOT_DATABASE_URL"}
    assert not secret & set(named), "a secret stands in a file of its own"


@pytest.mark.parametrize("page", ["deploy/README.md", "docs/zh/deploy.md"])
def test_every_file_that_the_example_names_is_made_by_a_documented_line(page: str) -> None:
    example = (DEPLOY / "wxbot.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^WXBOT_\w+_FILE=/etc/wxbot/(\S+)$", example, re.MULTILINE))
    server, _, containers = (ROOT / page).read_text(encoding="utf-8").partition("cp deploy/wxbot.env.example")
    assert len(named) > 6
    for part in (server, containers):
        lines = "".join(re.findall(r"```sh\n(.*?)```", "```sh\n" + part if part is containers else part, re.DOTALL))
        assert {name for name in named if name not in lines} == set()


def test_the_two_languages_type_the_same_lines() -> None:
    english, chinese = (
        re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
        for page in ("deploy/README.md", "docs/zh/deploy.md")
    )
    assert english == chinese


def test_no_line_of_the_documents_shows_a_secret() -> None:
    found = []
    for page in PAGES:
        for line in re.findall(
            r"^.*(?:openssl|pg_dump|\.backup|secrets\.token).*$", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            writes_keys = "pkcs12" in line or "pkey" in line or "genrsa" in line
            if writes_keys and not ("umask 077" in line and "-out" in line):
                found.append(f"{page.name}: {line.strip()} (a key is written to a file, under umask 077)")
            if "secrets.token" in line and not re.search(r"password=\$\(|> (/etc/wxbot|secrets)/", line):
                found.append(f"{page.name}: {line.strip()} (what it makes is shown)")
            if re.search(r"`[^`]*(pg_dump -|\.backup |db backup /)", line) and "umask" not in line:
                found.append(f"{page.name}: {line.strip()} (a copy of the database is for us alone)")
    assert found == []


@pytest.fixture
def socket_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that listens on a socket and has a password."""
    path, password = tmp_path_factory.mktemp("r") / "s", secrets.token_hex(8)
    command = [
        str(find_redis_server()),
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--requirepass",
        password,
        "--save",
        "",
    ]
    with subprocess.Popen(with_us(command, "TERM"), stdout=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 30
        while not path.exists():
            assert time.monotonic() < deadline and server.poll() is None
            time.sleep(0.02)
        yield f"unix://:{password}@{path}?db=3"
        server.terminate()


def test_redis_may_be_reached_by_a_socket_and_so_may_the_broker(
    socket_url: str, sqlite_url: str, tmp_path: Path
) -> None:
    settings = deployments.settings_for("encrypted", sqlite_url, socket_url, tmp_path)
    with closing(Runtime(settings)) as runtime, redis.Redis.from_url(socket_url) as looking:
        runtime.redis.set("known", "here")
        application = make_celery(runtime)
        application.send_task("orders.send")
        assert looking.get("known") == b"here"
        assert looking.llen("wxbot") == 1, "the tick waits in the same database"


def test_a_machine_without_a_worker_is_not_alive(
    redis_url: str, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = deployments.settings_for("encrypted", sqlite_url, redis_url, tmp_path)
    monkeypatch.setattr("wxbot.cli.alive.load_settings", lambda: settings)
    told = CliRunner().invoke(cli, ["alive"])
    assert told.exit_code == 1 and "No worker of this machine" in told.output
    with closing(Runtime(settings)) as runtime:
        Heartbeat(runtime.redis).beat()
    assert CliRunner().invoke(cli, ["alive"]).exit_code == 0
