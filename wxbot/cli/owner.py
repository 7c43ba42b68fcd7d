"""Who owns the data: root beside somebody else's folder would leave files there that the service cannot write."""

import os
import pwd
import shlex
import sys
from pathlib import Path

import click

from wxbot.cli import ARGUMENTS
from wxbot.db import beside, sqlite_file
from wxbot.settings import Settings


def foreign_owner(settings: Settings) -> str | None:
    """The account that owns the data of this deployment, when we are root and it is somebody else; else None.

    Looked at are the data folder and the SQLite file with what lies beside it; what does not exist yet counts by the folder
    in which it would be made.
    """
    if os.geteuid() != 0:
        return None
    places = [settings.data_dir]
    if file := sqlite_file(settings.database_url):
        places += [file, *(each for each in beside(file) if each.exists())]
    for place in places:
        owner = next(each for each in (place.absolute(), *place.absolute().parents) if each.exists()).stat().st_uid
        if owner != 0:
            return _login(owner)
    return None


def _login(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def as_owner(owner: str) -> str:
    """The command line that runs the same command as `owner`; runuser keeps the environment, and comes with every Linux."""
    program = Path(sys.executable).with_name("wxbot")
    command = [str(program)] if program.exists() else [sys.executable, "-m", "wxbot"]
    typed = click.get_current_context().find_root().meta.get(ARGUMENTS, [])
    who = ["setpriv", f"--reuid={owner[1:]}", "--clear-groups"] if owner.startswith("#") else ["runuser", "-u", owner]
    return shlex.join([*who, "--", *command, *typed])


def refuse_other_than_owner(settings: Settings) -> None:
    """Raise a sentence with the command to run instead when root would write beside somebody else's data."""
    if owner := foreign_owner(settings):
        raise click.ClickException(
            f"数据属于用户 {owner}，root 写过之后服务就写不了。请改用：\n  {as_owner(owner)}\n"
            f"The data belong to {owner}; what root writes there the service cannot write any more. Run instead the line above."
        )
