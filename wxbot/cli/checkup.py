"""wxbot doctor: show the findings as they come."""

import sys

import click
from rich.console import Console
from rich.text import Text

from wxbot.cli.output import as_json, show_json
from wxbot.doctor import examine
from wxbot.doctor.finding import MARKS, Finding, Verdict
from wxbot.runtime import Runtime
from wxbot.settings import SettingsError, load_settings

COLOURS: dict[Verdict, str] = {"good": "green", "note": "yellow", "bad": "red"}


@click.command()
@as_json
def doctor(is_json: bool) -> None:
    """Check settings, database, Redis, worker, certificate, WeChat and our own addresses; exit code 1 when one is bad."""
    try:
        runtime = Runtime(load_settings(), read_only=True)
    except SettingsError as error:
        finding = Finding(
            "bad",
            "配置有误，其他检查无法进行",
            str(error),
            "按上面的提示修改 .env 或环境变量",
            "change .env or the environment as it says above",
            "settings",
        )
        _tell([finding], is_json)
        sys.exit(1)
    runtime.clock.refresh()
    console = Console(highlight=False, soft_wrap=True)
    found = []
    for finding in examine(runtime):
        found.append(finding)
        if not is_json:
            _print(console, finding)
    runtime.close()
    is_bad = any(finding.is_bad for finding in found)
    if is_json:
        _tell(found, True)
    else:
        _sum_up(console, found)
    sys.exit(1 if is_bad else 0)


def _tell(found: list[Finding], is_json: bool) -> None:
    if is_json:
        show_json({"ok": not any(finding.is_bad for finding in found), "checks": [each.as_fields() for each in found]})
        return
    console = Console(highlight=False, soft_wrap=True)
    for finding in found:
        _print(console, finding)


def _print(console: Console, finding: Finding) -> None:
    line = Text(f"{MARKS[finding.verdict]} ", style=COLOURS[finding.verdict])
    line.append(finding.zh, style="bold" if finding.is_bad else "default")
    line.append("\n    " if finding.mend else "  ").append(finding.en, style="dim")
    console.print(line)
    if finding.mend:
        console.print(Text(f"    → {finding.mend}", style="cyan"))
        if finding.mend_en != finding.mend:
            console.print(Text(f"      {finding.mend_en}", style="dim cyan"))


def _sum_up(console: Console, found: list[Finding]) -> None:
    bad = sum(finding.is_bad for finding in found)
    notes = sum(finding.verdict == "note" for finding in found)
    text = f"\n{len(found)} 项检查：{bad} 项须处理，{notes} 项提示。{bad} to mend, {notes} to look at."
    console.print(Text(text, style="red" if bad else "green"))
