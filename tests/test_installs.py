"""Every lock, and the wheel with its extras, in an empty environment: pages, a worker, doctor, and what each is for.

That the locks name what the wheel needs, and the wheel holds its files, is tried by every run: test_packaging.py.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import simulator_settings
from tests.installs import Environment, as_environment, assert_it_lives, build_wheel, elsewhere
from tests.servers import ROOT, SimulatedWeChat
from wxbot.private_servers import free_port
from wxbot.settings import Settings

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(1500)]

SMS = {
    "sms_key_id": "AKID0",
    "sms_secret_key": "s",
    "sms_app_id": "1400000000",
    "sms_sign_name": "示例",
    "sms_template": "1",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Environment]:
    """An empty environment, removed afterwards."""
    made = Environment(tmp_path / "elsewhere")
    yield made
    made.remove()


@pytest.fixture
def deployment(
    simulator: SimulatedWeChat, database_url: str, redis_url: str, tmp_path: Path
) -> Callable[..., Settings]:
    """Settings of a deployment whose web application listens where its address says."""

    def of(**changes: Any) -> Settings:
        url = f"http://127.0.0.1:{free_port()}"
        return simulator_settings(simulator, database_url, redis_url, tmp_path, public_url=url, **changes)

    return of


on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_postgresql
def test_the_lock_of_a_server_reaches_postgresql(
    wheel: Path, empty: Environment, deployment: Callable[..., Settings]
) -> None:
    empty.lay("run")
    empty.pip("--no-deps", "--no-index", str(wheel))
    found = assert_it_lives(empty, as_environment(deployment()))
    assert found["database"] == found["schema"] == found["redis"] == "good"


@on_postgresql
@pytest.mark.parametrize(
    ("lock", "settings", "check"),
    [
        ("tencent", {"sms_provider": "tencent", **SMS}, "text_messages"),
        ("aliyun", {"sms_provider": "aliyun", **SMS}, "text_messages"),
        ("s3", {}, "voucher_storage"),
    ],
)
def test_a_lock_beside_that_of_a_server_brings_what_only_some_need(
    wheel: Path,
    empty: Environment,
    deployment: Callable[..., Settings],
    lock: str,
    settings: dict[str, str],
    check: str,
) -> None:
    empty.pip(
        "--require-hashes", "-r", str(ROOT / "requirements/run.lock"), "-r", str(ROOT / f"requirements/{lock}.lock")
    )
    empty.pip("--no-deps", "--no-index", str(wheel))
    found = assert_it_lives(empty, as_environment(deployment(**settings)), lock)
    assert found[check] == "good"
    if lock == "s3":  # there is no store here: what counts is that its library is found
        empty.run("python", "-c", "from wxbot.vouchers.storage import S3Storage; S3Storage('', 'b', '', 'k', 's')")


@on_postgresql
def test_the_wheel_brings_its_extras_by_its_file(
    wheel: Path, empty: Environment, deployment: Callable[..., Settings]
) -> None:
    empty.pip(f"{wheel}[postgres,tencent,aliyun,s3]")
    settings = deployment(sms_provider="aliyun", **SMS)
    assert assert_it_lives(empty, as_environment(settings), "tencent", "aliyun")["text_messages"] == "good"
    empty.run("python", "-c", "import boto3")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_lock_of_the_tests_runs_wxbot(wheel: Path, empty: Environment, deployment: Callable[..., Settings]) -> None:
    empty.lay("dev")
    empty.pip("--no-deps", "--no-index", str(wheel))
    assert_it_lives(empty, as_environment(deployment()), "tencent", "aliyun")


def test_the_lock_of_the_demo_plays_the_whole_story(wheel: Path, empty: Environment) -> None:
    empty.lay("demo")
    empty.pip("--no-deps", "--no-index", str(wheel))
    env = {**elsewhere(), "COLUMNS": "200"}
    ports = [str(free_port()) for _ in range(4)]
    where = ["--web-port", ports[0], "--wechat-port", ports[1], "--pay-port", ports[2], "--live-port", ports[3]]
    seen = empty.run("wxbot", "demo", "--once", "--folder", str(empty.folder / "data"), *where, env=env, check=False)
    assert seen.returncode == 0, seen.stdout[-3000:] + seen.stderr[-3000:]


def test_the_documented_update_replaces_a_wheel_of_the_same_version(wheel: Path, empty: Environment) -> None:
    page = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    block = page.split("## Updating")[1].split("```sh\n")[1].split("```")[0]
    lines = [line for line in block.splitlines() if line.startswith("/opt/wxbot/venv/bin/pip")]
    assert len(lines) == 2, block
    (empty.folder / "run.lock").write_bytes((ROOT / "requirements" / "run.lock").read_bytes())
    os.link(wheel, empty.folder / wheel.name)
    typed = "\n".join(lines).replace("/opt/wxbot", str(empty.folder))
    command = ["bash", "-euc", typed]
    empty.run("python", "-m", "ensurepip", "--default-pip")  # what `python3 -m venv` does on a server
    subprocess.run(command, check=True, cwd=empty.folder, env=elsewhere(), capture_output=True)
    installed = empty.run("python", "-c", "import wxbot.health as h; print(h.__file__)").stdout.strip()
    Path(installed).write_text("raise SystemExit('the old wheel')\n")
    empty.pip("--no-deps", str(wheel))
    assert "the old wheel" in Path(installed).read_text(), "pip alone leaves a wheel of the same version as it is"
    subprocess.run(command, check=True, cwd=empty.folder, env=elsewhere(), capture_output=True)
    assert "the old wheel" not in Path(installed).read_text()
    version = empty.run("wxbot", "--version").stdout.strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version) and f"-{version}-" in wheel.name
