"""wxbot db: the schema."""

import sys

import click

from wxbot.cli.desk import as_json, friendly, opened, show_json
from wxbot.db import Database, DatabaseMissing
from wxbot.keys import sentinel
from wxbot.migrations import newest_revision, revisions, upgrade
from wxbot.settings import load_settings


@click.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
@friendly
def upgrade_schema() -> None:
    """Bring the schema up to date; does nothing when it is."""
    with opened() as runtime:
        before = revisions(runtime.database)[0]
        upgrade(runtime.database)
        now, _newest = revisions(runtime.database)
        sentinel.require(runtime)
    if before == now:
        click.echo(f"数据库已是最新（{now}）。The schema is up to date.")
    else:
        click.echo(f"数据库已升级：{before or '空 / empty'} → {now}。The schema was brought up to date.")


@db.command()
@as_json
@friendly
def status(is_json: bool) -> None:
    """Show the schema's revision; exit code 1 when it is out of date."""
    database = Database(load_settings().database_url, read_only=True)
    try:
        now, newest = revisions(database)
    except DatabaseMissing:
        now, newest = None, newest_revision()
    finally:
        database.close()
    if is_json:
        show_json({"revision": now, "newest": newest, "is_current": now == newest})
    elif now == newest:
        click.echo(f"数据库已是最新（{now}）。The schema is up to date.")
    else:
        click.echo(
            f"数据库版本 {now or '空 / empty'}，最新 {newest}，请运行：wxbot db upgrade\nOut of date; run: wxbot db upgrade"
        )
    sys.exit(0 if now == newest else 1)
