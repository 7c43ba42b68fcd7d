"""The wheel: it holds the pages and the front-end files, installs from the lock elsewhere, and serves a page there."""

from __future__ import annotations

import ast
import re
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_page_and_front_end_file(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "templates").rglob("*") if path.is_file()}
    assert pages, "there are no templates at all"
    static = {path.relative_to(ROOT).as_posix() for path in (ROOT / "wxbot" / "static").rglob("*") if path.is_file()}
    missing = ({f"wxbot/{page}" for page in pages} | static) - inside
    assert not missing, f"not in the wheel: {sorted(missing)}; see [tool.hatch.build] in pyproject.toml"
    stray = {name for name in inside if not name.startswith(("wxbot/", "wxbot-"))}
    assert not stray, f"the wheel would install {sorted(stray)} beside wxbot"


@pytest.mark.slow
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
    chosen = [line for extra in ("tencent", "aliyun", "s3") for line in project["optional-dependencies"][extra]]
    lines = [*project["dependencies"], *chosen]
    named = {re.split(r"[\[<>=~!; ]", line)[0].lower().replace("_", "-") for line in lines}
    homes = packages_distributions()
    unnamed: dict[str, str] = {}
    for path in [*(ROOT / "wxbot").rglob("*.py"), ROOT / "wsgi.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            for module in modules:
                top = module.split(".")[0]
                sources = {name.lower().replace("_", "-") for name in homes.get(top, [])}
                if top != "wxbot" and top not in sys.stdlib_module_names and not sources & named:
                    unnamed[top] = path.relative_to(ROOT).as_posix()
    assert not unnamed, f"add to [project] dependencies in pyproject.toml, then `make lock`: {unnamed}"


def test_the_locks_hold_what_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for lock, extras in {"run": [], "demo": ["demo"], "dev": ["dev"]}.items():
        text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
        locked = set(re.findall(r"^([a-z0-9._-]+)==", text, flags=re.MULTILINE))
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
