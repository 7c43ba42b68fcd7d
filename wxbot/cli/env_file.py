"""The file of `--env-file`, read as systemd reads EnvironmentFile=: quotes, comments, continuation lines, nothing of a shell.

The grammar is that of systemd.exec(5) and of its parser (from 254 on): a value may be in single or double quotes, a backslash takes the
next character as it is (and joins a line with the next), `#` and `;` begin a comment only at the beginning of a line, no
variable is expanded, and a line whose name is no name of a variable (`export A=1`) is passed over.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

USED = "WXBOT_ENV_FILE"
"""Set for this process and its children when the settings came from such a file: then there is no .env beside it."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BLANK, _NEWLINE = " \t\r\n", "\r\n"
_ESCAPED_IN_DOUBLE = '"\\`$'


def is_anything_set() -> bool:
    """Whether there is any setting of wxbot, in the environment or in .env; without one nobody need load what reads them."""
    return any(name.upper().startswith("WXBOT_") for name in os.environ) or Path(".env").exists()


def parse(text: str) -> tuple[dict[str, str], list[str]]:
    """(variables, names that systemd passes over), the later of two assignments winning. Pure."""
    values: dict[str, str] = {}
    ignored = []
    for name, value in _assignments(text):
        if _NAME.fullmatch(name):
            values[name] = value
        else:
            ignored.append(name)
    return values, ignored


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """Every NAME=value of the file, comments and lines without `=` left out."""
    at = 0
    while at < len(text):
        if text[at] in _BLANK:
            at += 1
            continue
        end = next((n for n in range(at, len(text)) if text[n] in _NEWLINE), len(text))
        name, sign, _ = text[at:end].partition("=")
        if text[at] in "#;" or not sign:
            at = end
            continue
        value, at = _value(text, at + len(name) + 1)
        yield name.rstrip(_BLANK), value


def _value(text: str, at: int) -> tuple[str, int]:
    """(value, where it ends). Quotes count as long as nothing bare has begun; blanks outside of them go."""
    kept = ""
    while at < len(text) and text[at] not in _NEWLINE:
        if text[at] in "'\"":
            quoted, at = _quoted(text, at + 1, text[at])
            kept += quoted
        elif text[at] in _BLANK:
            at += 1
        else:
            bare, at = _bare(text, at)
            return kept + bare, at
    return kept, at


def _bare(text: str, at: int) -> tuple[str, int]:
    """A value without quotes to the end of its (joined) line; blanks behind it go, those that were escaped stay."""
    found, whole = "", 0
    while at < len(text) and text[at] not in _NEWLINE:
        if text[at] == "\\":
            following = text[at + 1 : at + 2]
            found += "" if following in _NEWLINE else following
            whole, at = len(found), at + 2
            continue
        found += text[at]
        whole = len(found) if text[at] not in _BLANK else whole
        at += 1
    return found[:whole], at


def _quoted(text: str, at: int, quote: str) -> tuple[str, int]:
    """What stands in quotes, over line ends too; in double ones a backslash frees `"`, `\\`, `` ` ``, `$` and a line's end."""
    found = ""
    while at < len(text) and text[at] != quote:
        if quote == '"' and text[at] == "\\":
            following = text[at + 1 : at + 2]
            if following in _ESCAPED_IN_DOUBLE:
                found += following
            elif following != "\n":
                found += "\\" + following
            at += 2
            continue
        found += text[at]
        at += 1
    return found, at + 1


def use(file: Path) -> None:
    """Take the settings of this process and of its children from the file, as the service does that systemd starts.

    The file is the whole truth: WXBOT_ variables of the shell that it does not name do not count, nor does a .env.
    """
    try:
        values, ignored = parse(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} 不是 UTF-8 文本 / is no UTF-8 text") from error
    except OSError as error:
        raise click.ClickException(
            f"读不了配置文件 {file}（{error.strerror}）。让运行 wxbot 的用户所在的组能读：chgrp wxbot {file} && chmod 640 {file}\n"
            f"Cannot read {file} ({error.strerror}). Let the group of wxbot's user read it: chgrp wxbot {file} && chmod 640 {file}"
        ) from error
    for name in ignored:
        click.echo(
            f"{file}：“{name}” 不是变量名，systemd 也会忽略它（不要写 export） / “{name}” is no name of a variable; systemd passes "
            "over it, too (write no export)",
            err=True,
        )
    for name in [name for name in os.environ if name.startswith("WXBOT_")]:
        del os.environ[name]
    os.environ.update(values)
    os.environ[USED] = str(file.absolute())
