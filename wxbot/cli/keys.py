"""wxbot keys: whether the secret key is this database's, and the change to another one."""

import sys

import click

from wxbot.cli.desk import friendly, looking, opened, operator
from wxbot.cli.output import as_json, show_json
from wxbot.keys import sentinel
from wxbot.keys.rotate import Rotation
from wxbot.plurals import plural

STANDINGS = {
    "ours": ("密钥正确。", "The secret key is this database's."),
    "new": ("密钥还没有登记，首次启动时登记。", "No key is remembered yet; the first start does it."),
}


@click.group()
def keys() -> None:
    """The secret key (WXBOT_SECRET_KEY) with which phones and tickets are sealed."""


@keys.command()
@as_json
@friendly
def check(is_json: bool) -> None:
    """Say whether WXBOT_SECRET_KEY is the key of this database; exit code 1 when it is not."""
    with looking() as runtime, runtime.database.reading() as session:
        stands = sentinel.standing(session, runtime.vault, runtime.former_vault)
    if is_json:
        show_json({"standing": stands, "is_right": stands in STANDINGS})
    elif stands in STANDINGS:
        click.echo(" ".join(STANDINGS[stands]))
    else:
        raise click.ClickException("\n".join(sentinel.SENTENCES[stands]))
    sys.exit(0 if stands in STANDINGS else 1)


@keys.command()
@click.option(
    "--leave-unreadable", is_flag=True, help="go on although some rows open with neither key; they stay as they are"
)
@click.option("--yes", is_flag=True, help="do not ask")
@friendly
def rotate(leave_unreadable: bool, yes: bool) -> None:
    """Change the secret key: WXBOT_SECRET_KEY is the new one, WXBOT_SECRET_KEY_OLD the former. The service must be stopped.

    A killed run is continued by running it again. Everybody has to sign in again afterwards.
    """
    with opened() as runtime:
        rotation = Rotation(runtime, lambda table, rows: click.echo(f"  {table}: {rows}", err=True))
        if not yes:
            click.confirm("更换密钥？请先备份数据库。Change the key? Make a copy of the database first", abort=True)
        done = rotation.run(operator(), leaves_unreadable=leave_unreadable)
    if done.was_done and not done.changed:
        click.echo("已经是新密钥，没有要做的。The new key is in force; nothing was left to do.")
    else:
        sealed = sum(done.changed.values())
        click.echo(
            f"已用新密钥重新加密 {sealed} 行。{sealed} {plural(sealed, 'row was', 'rows were')} sealed with the new key."
        )
    for table, ids in done.unreadable.items():
        n = len(ids)
        stays = plural(
            n, f"row of {table} does not open and stays as it is", f"rows of {table} do not open and stay as they are"
        )
        click.echo(f"{table}：{n} 行打不开，保持原样。{n} {stays}.")
    if done.binds_left:
        click.echo(
            f"有 {done.binds_left} 个绑定事件还在等它的订单：先保留 WXBOT_SECRET_KEY_OLD，等 wxbot ledger check 干净后停止服务再运行一次。\n"
            f"{done.binds_left} {plural(done.binds_left, 'bind event waits for its', 'bind events wait for their')} order: keep WXBOT_SECRET_KEY_OLD, let the worker settle what is "
            "unknown, then stop the service and run this once more."
        )
        return
    click.echo(
        "现在可以删除 WXBOT_SECRET_KEY_OLD 并启动服务；所有人需要重新登录。\n"
        "Remove WXBOT_SECRET_KEY_OLD now and start the service; everybody signs in again."
    )
