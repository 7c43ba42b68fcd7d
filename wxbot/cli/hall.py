"""wxbot hall: what a doubter, or a host, can do about a hall at a terminal.

Whoever checks a record needs no settings and no database, so neither is loaded before there is something for them to do: the
answer is awaited in a hall.
"""

import json
from contextlib import closing
from dataclasses import asdict
from typing import Any, TextIO

import click

from wxbot.cli import env_file
from wxbot.cli.output import as_json, show_json
from wxbot.clock import SHANGHAI, from_unix
from wxbot.hall import seal
from wxbot.hall.verify import RecordFault, Verified, verify
from wxbot.plurals import plural
from wxbot.text import Text

FINDINGS_SHOWN = 20


@click.group()
def hall() -> None:
    """On-site lotteries: check the record of an evening / 现场抽奖。"""


@hall.command("verify")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
@click.option(
    "--commitment", metavar="HEX", help="the commitment that you noted before the first selection / 你当场记下的承诺值"
)
@as_json
@click.pass_context
def verify_record(context: click.Context, file: TextIO, commitment: str | None, is_json: bool) -> None:
    """Work out every selection of a record again, from the seeds and rosters that were published, and name each fault.

    Where the settings of an installation are at hand (WXBOT_SECRET_KEY), say as well whether the seal of the file is its own.
    """
    try:
        record = json.load(file)
    except (ValueError, RecursionError):
        record = None
    seen, (standing, words) = verify(record, commitment), _seal(record)
    if is_json:
        findings = [{"line": each.line, "reason": each.reason, **each.text._asdict()} for each in seen.findings]
        show_json(asdict(seen) | {"is_true": seen.is_true, "findings": findings, "seal": standing})
    else:
        _say(seen, commitment)
        if isinstance(record, dict):
            click.echo(f"{'✓' if standing == 'ours' else '!'} {words.zh}\n  {words.en}")
    if not seen.is_true:
        context.exit(1)


def _seal(record: Any) -> tuple[str, Text]:
    """How the seal stands to the installation whose settings are at hand, "unknown" where there are none, and the sentence.

    It is no finding: a record of somebody else's evening may be as true as one of ours.
    """
    if not env_file.is_anything_set():
        return "unknown", seal.UNKNOWN
    from wxbot.settings import SettingsError, load_settings  # noqa: PLC0415 - see above

    try:
        settings = load_settings()
    except (SettingsError, OSError, UnicodeError):  # a doubter has none, or may not read those of the service
        return "unknown", seal.UNKNOWN
    from wxbot.ground import Ground  # noqa: PLC0415 - see above

    with closing(Ground(settings, read_only=True)) as ground:
        standing = seal.standing(record, ground.vault, ground.former_vault)
    return standing, seal.SENTENCES[standing]


def _say(seen: Verified, commitment: str | None) -> None:
    for each in seen.findings[:FINDINGS_SHOWN]:
        click.echo(f"✗ {_place(each)}{each.text.zh}\n  {each.text.en}")
    if len(seen.findings) > FINDINGS_SHOWN:
        click.echo(f"… {len(seen.findings):,}")
    if not seen.is_true:
        return
    click.echo(
        f"✓ {seen.people:,} 人、{seen.selections:,} 次抽取、{seen.winners:,} 位中奖者，全部与公布的承诺值、名单和日志相符。\n"
        f"  All {seen.selections:,} {plural(seen.selections, 'selection', 'selections')} among {seen.people:,} "
        f"{plural(seen.people, 'person', 'people')} follow from commitment, rosters and log."
    )
    if seen.until:
        click.echo(f"  结束时间 Its end: {_moment(seen.until)}")
    else:
        click.echo(
            "! 这份日志没有写结束时间：到点以后才锁定的抽取查不出来。\n"
            "  The log does not say when the evening ends: a selection that was fixed too late is not found."
        )
    if commitment is None:
        click.echo(
            "! 请用 --commitment 填写当场记下的承诺值，否则只能说明这份记录自身没有矛盾。\n"
            "  Give the commitment you noted with --commitment; without it the record only agrees with itself."
        )
    if seen.unsigned:
        click.echo(
            f"! {seen.unsigned} 轮 drand 的签名没有验证：请安装 drand.lock。\n"
            f"  {seen.unsigned} {plural(seen.unsigned, 'signature of drand was', 'signatures of drand were')} not checked: install drand.lock."
        )


def _moment(unix: int) -> str:
    """As clocks in China show it; a number that no calendar has stays one."""
    try:
        return f"{from_unix(unix).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return str(unix)


def _place(finding: RecordFault) -> str:
    return "" if finding.line is None else f"日志第 {finding.line} 行 line {finding.line}: "
