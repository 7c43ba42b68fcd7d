"""Who may import whom: the contract in pyproject.toml holds, is complete, and is able to fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BREACHES = {
    "the ground calls a feature": ("money.py", "import wxbot.orders\n"),
    "WeChat's wire knows the settings": ("wechat/limits.py", "import wxbot.settings\n"),
    "the simulator shares code with the client": ("simulator/wire.py", "import wxbot.wechat.sign\n"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contract of the wxbot package found in `folder`."""
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--no-cache",
        "--no-logo",
        "--config",
        "pyproject.toml",
    ]
    env = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_calls_go_downward() -> None:
    seen = lint_imports(ROOT)
    assert seen.returncode == 0, (
        f"{seen.stdout}\n{seen.stderr}\nNothing calls up: move the code down, hand the value in as an argument, or leave a row "
        "for another door. A new module needs a place in [tool.importlinter] of pyproject.toml first."
    )


def test_the_contract_is_able_to_fail(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "wxbot", tmp_path / "wxbot", ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in BREACHES.values():
        victim = tmp_path / "wxbot" / name
        victim.write_text(line + victim.read_text(encoding="utf-8"), encoding="utf-8")
    seen = lint_imports(tmp_path)
    said = seen.stdout + seen.stderr
    for breach, (name, line) in BREACHES.items():
        module, imported = f"wxbot.{name.removesuffix('.py').replace('/', '.')}", line.removeprefix("import ").strip()
        assert f"{module} -> {imported}" in said, f"nobody noticed that {breach}:\n{said}"
    assert seen.returncode != 0


def test_every_module_has_a_place() -> None:
    """`exhaustive` of the contract says the same; this one names the place to mend."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract for contract in contracts if contract["id"] == "layers")
    placed = {name.strip(" ()") for layer in layers["layers"] for name in layer.replace(":", "|").split("|")}
    present = {path.stem for path in (ROOT / "wxbot").glob("*.py") if path.stem != "__init__"}
    present |= {path.parent.name for path in (ROOT / "wxbot").glob("*/__init__.py")}
    assert present <= placed, f"give {sorted(present - placed)} a place in the layers of pyproject.toml"


@pytest.mark.parametrize("below", [pytest.param("campaigns", marks=pytest.mark.proof), "draws"])
def test_no_door_can_forget_the_ways_in_which_a_campaign_gives(below: str) -> None:
    """A process that imports nothing else, as a command or a script of an operator does."""
    asks = f"from wxbot.{below}.mechanic import way_of; print(way_of('shake'))"
    subprocess.run([sys.executable, "-c", asks], check=True, capture_output=True, timeout=60, cwd=ROOT)
