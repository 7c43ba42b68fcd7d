"""The wheel: it holds the pages and the front-end files, installs from the lock elsewhere, and serves a page there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import simulator_settings
from tests.installs import Environment, as_environment, assert_it_lives, build_wheel
from tests.servers import ROOT, SimulatedWeChat
from wxbot.private_servers import free_port

IMPORTED = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)[\w.]*[ \t]+import\b|import[ \t]+(\w+))", re.MULTILINE)
"""The library of each line that imports one: the linter has every import on a line of its own, and parsing takes twenty times as long."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_the_wheel_holds_every_page_and_front_end_file(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "templates").rglob("*") if path.is_file()}
    assert pages, "there are no templates at all"
    static = {path.relative_to(ROOT).as_posix() for path in (ROOT / "wxbot" / "static").rglob("*") if path.is_file()}
    missing = ({f"wxbot/{page}" for page in pages} | static) - inside
    assert not missing, f"not in the wheel: {sorted(missing)}; see [tool.hatch.build] in pyproject.toml"
    stray = {name for name in inside if not name.startswith(("wxbot/", "wxbot-"))}
    assert not stray, f"the wheel would install {sorted(stray)} beside wxbot"


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_wheel_and_its_lock_serve_pages_and_run_a_worker_in_an_empty_environment(
    wheel: Path, simulator: SimulatedWeChat, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    installed = Environment(tmp_path / "elsewhere")
    installed.lay("run")
    installed.pip("--no-deps", "--no-index", str(wheel))
    try:
        assert "demo" in installed.run("wxbot", "--help").stdout
        url = f"http://127.0.0.1:{free_port()}"
        settings = simulator_settings(simulator, database_url, redis_url, tmp_path, public_url=url)
        assert_it_lives(installed, as_environment(settings))
    finally:
        installed.remove()


def test_every_imported_library_is_a_named_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # What only one choice of a setting needs stands in an extra of its own, and is loaded only then.
    chosen = [
        line for extra in ("tencent", "aliyun", "s3", "drand") for line in project["optional-dependencies"][extra]
    ]
    lines = [*project["dependencies"], *chosen]
    named = {re.split(r"[\[<>=~!; ]", line)[0].lower().replace("_", "-") for line in lines}
    homes = packages_distributions()
    unnamed: dict[str, str] = {}
    for path in [*(ROOT / "wxbot").rglob("*.py"), ROOT / "wsgi.py"]:
        for by_name, whole in IMPORTED.findall(path.read_text(encoding="utf-8")):
            top = by_name or whole
            sources = {name.lower().replace("_", "-") for name in homes.get(top, [])}
            if top != "wxbot" and top not in sys.stdlib_module_names and not sources & named:
                unnamed[top] = path.relative_to(ROOT).as_posix()
    assert not unnamed, f"add to [project] dependencies in pyproject.toml, then `make lock`: {unnamed}"


def locked_in(lock: str) -> set[str]:
    """The packages of a lock."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9._-]+)==", text, flags=re.MULTILINE))


def test_the_locks_hold_what_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    beside_run = {extra: ["postgres", extra] for extra in ("tencent", "aliyun", "s3", "drand")}
    for lock, extras in ({"run": ["postgres"], "demo": ["demo"], "dev": ["dev"]} | beside_run).items():
        locked = locked_in(lock)
        if lock in beside_run:
            assert not locked & locked_in("run"), "two locks that are named together would name a package twice"
            locked |= locked_in("run")
        wanted = [
            *project["dependencies"],
            *(line for extra in extras for line in project["optional-dependencies"][extra]),
        ]
        names = {re.split(r"[\[<>=~!; ]", line)[0].lower().replace("_", "-") for line in wanted} - {"wxbot"}
        assert names <= locked, f"{lock}.lock is behind pyproject.toml ({sorted(names - locked)}): run `make lock`"


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert entries[0] == project["version"], (
        "a change that a user would notice moves the version; CHANGELOG.md says what"
    )
    assert len(set(entries)) == len(entries)


def test_nobody_is_sent_to_the_package_of_our_name_that_is_somebody_elses() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    # In pyproject.toml one extra of ours names another; a wheel is installed by its file.
    names_it = re.compile(r"\bwxbot\[|pip install (?:\S+ )*['\"]?wxbot(?![\w./-])")
    found = [
        f"{name}:{number}"
        for name in filter(None, listed.stdout.split("\0"))
        if name.endswith((".md", ".py", ".example", ".html", ".toml", ".yaml", ".service")) or "/" not in name
        if name not in ("pyproject.toml", "tests/test_packaging.py")
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if names_it.search(line)
    ]
    assert found == [], "say the lock instead (wxbot.extras.install_line): the name wxbot on PyPI is not ours"
