"""`wxbot --env-file`: what systemd would hand to the service, to the letter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.deployments import settings_for
from tests.test_cli import environment
from wxbot.cli import cli
from wxbot.cli.env_file import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("A=b\r\nB=c", "b"),
        ("  A = b c \t\n", "b c"),
        ("A=", ""),
        ("A=''", ""),
        ("A='b # c'", "b # c"),
        ("A=b # c", "b # c"),
        ("A=b;c", "b;c"),
        ("# A=x\n; A=y\nA=b", "b"),
        ("# joined \\\nA=b", "b"),
        ("A=x\nA=b", "b"),
        ('A="b\\"c\\\\d\\$e\\`f\\n"', 'b"c\\d$e`f\\n'),
        ("A='b\\nc'", "b\\nc"),
        ("A='b'\"c\" d", "bcd"),
        ("A=b'c'", "b'c'"),
        ("A=b\\\nc", "bc"),
        ("A=b\\c\\\\", "bc\\"),
        ("A=b\\ ", "b "),
        ("A=b \\\n  ", "b   "[:2]),
        ('A="b\nc"', "b\nc"),
        ('A="b\\\nc"', "bc"),
        ("A=$HOME ${X} `x` %n", "$HOME ${X} `x` %n"),
        ("A=b=c==", "b=c=="),
        ("no equals sign\nA=b", "b"),
        ("A='unclosed", "unclosed"),
        ("A=微信", "微信"),
    ],
)
def test_a_value_is_what_systemd_makes_of_it(text: str, value: str) -> None:
    assert parse(text)[0]["A"] == value


def test_lines_that_systemd_passes_over_are_named() -> None:
    assert parse("export A=1\n1B=2\n\ufeffC=3\nD=4\n") == ({"D": "4"}, ["export A", "1B", "\ufeffC"])


def test_the_file_is_the_whole_truth(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    """The shell's WXBOT_ variables and a .env do not count; secrets may stand in files of their own."""
    values = environment(settings_for("encrypted", sqlite_url, redis_url, tmp_path))
    secret = tmp_path / "pay key"
    secret.write_text(values.pop("WXBOT_PAY_KEY") + "\n")
    file = tmp_path / "wxbot.env"
    lines = [f'{name}="{value}"' for name, value in values.items()]
    file.write_text("# 配置\n" + "\n".join([*lines, f"WXBOT_PAY_KEY_FILE={secret}"]), "utf-8")
    (tmp_path / ".env").write_text("WXBOT_PAYOUT_MIN_FEN=5\n")  # would be refused
    shell = {**os.environ, "WXBOT_DATABASE_URL": "sqlite:////nowhere/x.db", "WXBOT_LOG_LEVEL": "LOUD"}
    command = [sys.executable, "-m", "wxbot", "--env-file", str(file), "staff", "list"]
    root = Path(__file__).resolve().parent.parent
    told = subprocess.run(
        command,
        cwd=tmp_path,
        env={**shell, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "还没有账号" in told.stdout


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    result = CliRunner().invoke(cli, ["--env-file", str(tmp_path / "none.env"), "db", "status"])
    assert result.exit_code == 1
    assert "none.env" in result.output and "chmod 640" in result.output
