"""The wheel: it holds the pages and the front-end files, installs from the lock elsewhere, and serves a page there."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from wxbot.private_servers import free_port

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
SETTINGS = {
    "WXBOT_PROFILE": "production",
    "WXBOT_PUBLIC_URL": "https://shop.example.com",
    "WXBOT_SECRET_KEY": "a-secret-key-for-tests-only-0123456789abcdef",
    "WXBOT_APPID": "wx0123456789abcdef",
    "WXBOT_APPSECRET": "not-a-real-secret",
    "WXBOT_ORIGINAL_ID": "gh_0123456789ab",
    "WXBOT_CALLBACK_TOKEN": "notarealcallbacktoken",
    "WXBOT_AES_KEY": "a" * 43,
    "WXBOT_MCH_ID": "1900000001",
    "WXBOT_PAY_KEY": "k" * 32,
    "WXBOT_PAY_CERT_FILE": "cert.pem",
    "WXBOT_PAY_CERT_KEY_FILE": "key.pem",
}
# Asks the installed application for a page, a front-end file and the schema, as a server there would.
VISIT = """
import sys, pathlib, wxbot
from wxbot.app import create_app
from wxbot.db import Database
from wxbot.migrations import revisions, upgrade
from wxbot.settings import load_settings

assert "site-packages" in wxbot.__file__, wxbot.__file__
settings = load_settings()
database = Database(settings.database_url)
upgrade(database)
assert len(set(revisions(database))) == 1
database.close()
client = create_app(settings).test_client()
host = {"base_url": settings.public_url}
assert client.get("/healthz", **host).text == "ok"
page = client.get("/no/such/page", **host)
assert page.status_code == 404 and "页面不存在" in page.text, page.text
style = client.get("/static/vendor/weui.min.css", **host)
assert style.status_code == 200 and len(style.data) > 1000
ready = client.get("/readyz", **host)
assert ready.json["database"] is True, ready.text
from wxbot.wsgi import app
assert app.name == "wxbot"
print("served", page.status_code, len(style.data))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree."""
    if not (ROOT / "wxbot" / "static" / "vendor" / "weui.min.css").is_file():
        pytest.fail("The front-end files are missing: run `make assets` (or `make test`, which does it).")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, cwd=ROOT)
    (made,) = folder.glob("wxbot-*.whl")
    return made


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A virtual environment of its own with the locked packages and the wheel; removed afterwards (it is large)."""
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = str(folder / "venv" / "bin" / "python")
    lock = str(ROOT / "requirements" / "run.lock")
    quick = [str(UV), "pip", "install", "--quiet", "--python", python, "--no-deps"]
    plain = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    # uv is quick where it may be used; pip knows every mirror that this machine is set up for.
    if subprocess.run([*quick, "--require-hashes", "--requirement", lock], capture_output=True, check=False).returncode:
        subprocess.run([*plain, "--require-hashes", "--requirement", lock], check=True)
    subprocess.run([*plain, "--no-index", str(wheel)], check=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


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
@pytest.mark.timeout(300)
def test_the_wheel_installs_elsewhere_and_serves_its_pages(elsewhere: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("WXBOT_", "PYTHON"))}
    env |= SETTINGS | {
        "WXBOT_DATABASE_URL": f"sqlite:///{elsewhere / 'wxbot.db'}",
        "WXBOT_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",  # nobody there: pages must not need Redis
    }
    command = [str(elsewhere / "venv" / "bin" / "python"), "-c", VISIT]
    seen = subprocess.run(command, cwd=elsewhere, env=env, capture_output=True, text=True, check=False)
    assert seen.returncode == 0 and "served 404" in seen.stdout, seen.stdout + seen.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_installed_command_line_answers(elsewhere: Path) -> None:
    command = [str(elsewhere / "venv" / "bin" / "wxbot"), "--help"]
    seen = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert seen.returncode == 0 and "demo" in seen.stdout, seen.stdout + seen.stderr


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
