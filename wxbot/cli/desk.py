"""What every command needs: settings, a runtime, the name of who types, tables, and errors as sentences."""

import functools
import getpass
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, ParamSpec, TypeVar

import click
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from wxbot.cli.owner import refuse_other_than_owner
from wxbot.cli.table import print_table
from wxbot.db import DatabaseMissing, is_busy
from wxbot.private_servers import ServerProblem
from wxbot.runtime import Runtime
from wxbot.settings import SettingsError, load_settings
from wxbot.staff import audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text

P = ParamSpec("P")
R = TypeVar("R")

BUSY = Text(
    "数据库正忙，这一步没有做完。请稍等片刻，把这条命令再运行一次。",
    "The database is busy and this step was not carried out. Please wait a moment and run the command again.",
)

stdin_password = click.option("--password-stdin", is_flag=True, help="read the password from standard input, one line")


def friendly(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what a person can meet into one sentence and exit code 1; anything else stays a traceback."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Refusal as error:
            raise click.ClickException(f"{error.text.zh}\n{error.text.en}") from error
        except (
            SettingsError,
            ServerProblem,
            DatabaseMissing,
        ) as error:
            raise click.ClickException(str(error)) from error
        except ProgrammingError as error:
            raise click.ClickException(_no_tables(error)) from error
        except OperationalError as error:
            if "no such table" in str(error) or "no such column" in str(error):
                raise click.ClickException(_no_tables(error)) from error
            if is_busy(error):
                raise click.ClickException(f"{BUSY.zh}\n{BUSY.en}") from error
            raise click.ClickException(
                "连不上数据库，请检查 WXBOT_DATABASE_URL。\n"
                f"The database does not answer; check WXBOT_DATABASE_URL. It says: {str(error.orig)[:200]}"
            ) from error

    return told


def _no_tables(error: ProgrammingError | OperationalError) -> str:
    return (
        "数据库结构还没有建立或已过期，请运行：wxbot db upgrade\n"
        f"The schema is missing or out of date; run: wxbot db upgrade  ({str(error.orig)[:120]})"
    )


@contextmanager
def opened() -> Iterator[Runtime]:
    """The runtime of a command that writes, closed at its end. Raises SettingsError.

    Refuses root beside somebody else's data: what root makes there, the service could not write any more.
    """
    settings = load_settings()
    refuse_other_than_owner(settings)
    with closing(Runtime(settings)) as runtime:
        runtime.clock.refresh()
        yield runtime


@contextmanager
def looking() -> Iterator[Runtime]:
    """The runtime of a command that only looks, for anybody who may read: no file is made, nothing can be written."""
    with closing(Runtime(load_settings(), read_only=True)) as runtime:
        runtime.clock.refresh()
        yield runtime


def operator() -> Actor:
    """Who types, for the audit log: the account of this machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(None, f"cli:{name}")


def log_action(runtime: Runtime, action: str, target: str, outcome: str = "done") -> None:
    """Write one event of the audit log for this command."""
    with runtime.database.transaction() as session:
        audit.record(session, operator(), action, target, runtime.clock.now(), outcome=outcome)


@contextmanager
def act(runtime: Runtime, action: str, target: str, detail: Mapping[str, Any] | None = None) -> Iterator[Session]:
    """One effect with its line in the audit log, in one transaction; `detail` may be filled in within."""
    with runtime.database.transaction() as session:
        yield session
        audit.record(session, operator(), action, target, runtime.clock.now(), detail=detail)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """Print a table, or a sentence when it would be empty."""
    if not rows:
        click.echo(empty)
        return
    print_table(title, columns, rows)
