"""wxbot db: the schema, copies of the database with its photos, and their way back."""

import sys
from pathlib import Path

import click

from wxbot.backup import make as making
from wxbot.backup import restore as restoring
from wxbot.backup.archive import Reader
from wxbot.backup.restore import LostCodes
from wxbot.cli.desk import friendly, looking, opened, operator
from wxbot.cli.output import as_json, show_json
from wxbot.clock import SHANGHAI
from wxbot.db import Database, DatabaseMissing
from wxbot.keys import sentinel
from wxbot.migrations import newest_revision, revisions, upgrade
from wxbot.plurals import plural
from wxbot.settings import load_settings


@click.group()
def db() -> None:
    """The database: its schema, copies of it, and their way back."""


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


def _said_of_codes(codes: LostCodes) -> str:
    zh, en = [], []
    if n := codes.given_back:
        zh.append(f"{n} 个记回了现场抽奖中奖者的名下")
        en.append(f"{n} went back to {plural(n, 'its winner', 'their winners')} in an on-site lottery")
    if n := codes.aside:
        zh.append(f"{n} 个停用：已经在别人手里，不会再发给第二个人，活动的卡密页写着是哪个奖品的")
        en.append(
            f"{n} {plural(n, 'is', 'are')} set aside: somebody has {plural(n, 'it', 'them')}, and nobody else gets {plural(n, 'it', 'them')}; "
            "the campaign's page of codes says of which prize"
        )
    n = sum(codes)
    return f"备份以后发出的卡密有 {n} 个（从被替换的数据库里读到）：{'；'.join(zh)}。\n{n} {plural(n, 'code was', 'codes were')} given after the copy, as the replaced database says: {'; '.join(en)}."


copy_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@db.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@as_json
@friendly
def backup(file: Path | None, is_json: bool) -> None:
    """Write the database and the photos as of now into one FILE (or into a folder), while wxbot runs.

    It is flushed, read again and compared before it gets its name; nothing is overwritten, and only you can read it.
    """
    with looking() as runtime:
        now = runtime.clock.now()
        name = f"wxbot-{now.astimezone(SHANGHAI):%Y%m%d-%H%M%S}.tar"
        target = (file or Path()) / name if file is None or file.is_dir() else file
        made = making.make(runtime, target, now)
    rows, photos = made.manifest["rows"], made.manifest["photos"]
    if is_json:
        show_json({"file": str(made.file), "bytes": made.size} | made.manifest)
        return
    click.echo(
        f"备份已写入并核对：{made.file}（{made.size / 1e6:.1f} MB，订单 {rows['orders']}，分录 {rows['ledger_entries']}，"
        f"文件夹照片 {photos['files']}）\nWritten and verified: {made.file}"
    )
    if photos["store"] == "s3":
        click.echo(
            "S3 里的照片不在其中，请用存储商的备份 / the photos in S3 are not in it: use your provider's own copies"
        )
    click.echo(
        "WXBOT_SECRET_KEY 不在其中，请另外保管：没有它，手机号和票据解不开 / WXBOT_SECRET_KEY is not in it: keep it apart, without "
        "it phones and tickets cannot be read"
    )


@db.command()
@copy_file
@as_json
@friendly
def verify(file: Path, is_json: bool) -> None:
    """Read a copy from beginning to end and compare it with its manifest; needs no settings."""
    with Reader(file) as archive:
        archive.verify()
        told = archive.manifest
    if is_json:
        show_json(told)
        return
    click.echo(
        f"备份完好：{told['database']}，{told['made_at']}，结构 {told['revision']}，订单 {told['rows']['orders']}，"
        f"分录 {told['rows']['ledger_entries']}，照片 {told['photos']['files']}。The copy is whole."
    )


@db.command()
@copy_file
@click.option("--replace", is_flag=True, help="put it in the place of data that are there")
@click.option("--yes", is_flag=True, help="do not ask")
@friendly
def restore(file: Path, replace: bool, yes: bool) -> None:
    """Put a copy back: database and photos. Refused while wxbot runs, and where data are, unless --replace is given.

    A SQLite file and a folder of photos that are replaced stay beside it under another name; PostgreSQL's tables are dropped.
    """
    if replace and not yes:
        click.confirm(
            "现有的数据会被备份替换，确定吗？The copy will stand in the place of the present data. Go on?", abort=True
        )
    with opened() as runtime:
        done = restoring.restore(runtime, file, operator(), runtime.clock.now(), replace=replace)
    for place in done.kept:
        click.echo(f"原来的保留在 {place} / what was there is kept in {place}")
    if any(done.codes):
        click.echo(_said_of_codes(done.codes))
    click.echo(
        f"已恢复 {done.manifest['made_at']} 的备份，照片 {done.photos} 张。Restored.\n"
        "备份之后付出的钱，这个数据库不知道：启动后它会冻结，只查询不付款，直到两位财务解冻。请先看 docs/operations.md 的“恢复之后”。\n"
        "What was paid after the copy is unknown to it: at its start it freezes, asks and pays nothing, until two cashiers thaw it. "
        "Read docs/operations.md, After restoring, first."
    )
