"""wxbot installed into an empty environment, as a server does it, and looked at from outside: pages, worker, doctor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from tests.servers import ROOT, with_us
from wxbot.settings import Settings

UV = Path(sys.executable).with_name("uv")
LOCKS = ROOT / "requirements"
PATIENCE_S = 180.0
"""How long a part may take until it answers; others may be using the machine."""

IMPORT_EVERYTHING = """
import importlib, json, pkgutil, wxbot
assert "site-packages" in wxbot.__file__, wxbot.__file__
found = [each.name for each in pkgutil.walk_packages(wxbot.__path__, "wxbot.")]
assert len(found) > 100, found
missing = {}
for name in found:
    # Alembic alone may load env, and __main__ would start the program.
    if not name.endswith((".env", ".__main__")):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing[name] = error.name
print(json.dumps(missing))
"""
OF_AN_EXTRA = {"wxbot.people.sms.tencent": "tencent", "wxbot.people.sms.aliyun": "aliyun"}
"""Modules that only one choice of a setting loads → the extra that brings what they import."""


def build_wheel(folder: Path) -> Path:
    """Build a wheel from this tree into `folder`; the front-end files must have been made."""
    if not (ROOT / "wxbot" / "static" / "vendor" / "weui.min.css").is_file():
        raise AssertionError("The front-end files are missing: run `make assets` (or `make test`, which does it).")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, cwd=ROOT)
    (made,) = folder.glob("wxbot-*.whl")
    return made


def elsewhere() -> dict[str, str]:
    """The variables of a process that knows nothing of this source tree and has no settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("WXBOT_", "PYTHON"))}


def as_environment(settings: Settings) -> dict[str, str]:
    """The same with everything that these settings set."""
    variables = elsewhere()
    for name, value in settings.model_dump(exclude_unset=True).items():
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            variables[f"WXBOT_{name.upper()}"] = str(plain)
    return variables


class Environment:
    """A virtual environment of its own, empty at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "venv" / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)

    def pip(self, *arguments: str) -> None:
        """Install with the pip of these tests, which knows every mirror that this machine is set up for."""
        command = [sys.executable, "-m", "pip", "--python", str(self.programs / "python"), "install", "--quiet"]
        options = ["--no-compile", "--disable-pip-version-check"]
        subprocess.run([*command, *options, *arguments], check=True, cwd=self.folder)

    def lay(self, *locks: str) -> None:
        """Install from locks of requirements/, hashes compared; uv is quick where it may be used."""
        wanted = ["--require-hashes"]
        for lock in locks:
            wanted += ["--requirement", str(LOCKS / f"{lock}.lock")]
        quick = [str(UV), "pip", "install", "--quiet", "--python", str(self.programs / "python"), "--no-deps"]
        if subprocess.run([*quick, *wanted], capture_output=True, check=False).returncode:
            self.pip("--no-deps", *wanted)

    def run(
        self, *command: str, env: Mapping[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs to its end, outside the source tree."""
        words = [str(self.programs / command[0]), *command[1:]]
        given = dict(env) if env is not None else elsewhere()
        seen = subprocess.run(words, cwd=self.folder, env=given, capture_output=True, text=True, check=False)
        assert not check or seen.returncode == 0, (
            f"{' '.join(command)}: exit {seen.returncode}\n{seen.stdout}{seen.stderr}"
        )
        return seen

    def findings(self, env: Mapping[str, str]) -> dict[str, str]:
        """What `wxbot doctor` says: check → verdict."""
        seen = self.run("wxbot", "doctor", "--json", env=env, check=False)
        assert seen.stdout.startswith("{"), seen.stdout + seen.stderr
        checks: list[dict[str, Any]] = json.loads(seen.stdout)["checks"]
        return {str(found["check"]): str(found["verdict"]) for found in checks}

    @contextmanager
    def serving(self, env: Mapping[str, str]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
        """Run web application (where WXBOT_PUBLIC_URL says) and worker; yields both once the first answers."""
        url = env["WXBOT_PUBLIC_URL"]
        parts = {"web": ("run", "web", "--bind", url.removeprefix("http://")), "worker": ("worker",)}
        running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, arguments in parts.items():
                with (self.folder / f"{name}.log").open("wb") as log:
                    command = with_us([str(self.programs / "wxbot"), *arguments], "TERM")
                    running[name] = subprocess.Popen(command, cwd=self.folder, env=dict(env), stdout=log, stderr=log)
                if name == "web":
                    self._wait_for(f"{url}/healthz", running[name])
            yield running
        finally:
            for part in running.values():
                part.terminate()
            for part in running.values():
                part.wait(PATIENCE_S)

    def words_of(self, name: str) -> str:
        """The last of what a part wrote."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-3000:]

    def remove(self) -> None:
        """Give the disk back: an environment is large."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_for(self, address: str, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if requests.get(address, timeout=5).text == "ok":
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise AssertionError(f"the web application did not answer:\n{self.words_of('web')}")


def assert_it_lives(installed: Environment, env: Mapping[str, str], *extras: str) -> dict[str, str]:
    """Every module loads, pages and front-end files are served, the worker beats; returns doctor's findings."""
    missing = json.loads(installed.run("python", "-c", IMPORT_EVERYTHING, env=env).stdout)
    assert set(missing) == {name for name, extra in OF_AN_EXTRA.items() if extra not in extras}, missing
    url = env["WXBOT_PUBLIC_URL"]
    with installed.serving(env) as parts:
        page = requests.get(f"{url}/no/such/page", timeout=30)
        assert page.status_code == 404 and "页面不存在" in page.text, page.text
        desk = requests.get(f"{url}/admin/sign-in", timeout=30)
        assert desk.status_code == 200 and 'type="password"' in desk.text, desk.text
        style = requests.get(f"{url}/static/vendor/weui.min.css", timeout=30)
        assert style.status_code == 200 and len(style.content) > 1000
        assert requests.get(f"{url}/readyz", timeout=30).json()["database"] is True
        deadline = time.monotonic() + PATIENCE_S
        while (found := installed.findings(env))["worker"] != "good":
            is_hopeful = parts["worker"].poll() is None and time.monotonic() < deadline
            assert is_hopeful, f"the worker does not beat; it said:\n{installed.words_of('worker')}"
        installed.run("wxbot", "alive", env=env)
        return found
