"""The door for a person at a terminal: `wxbot --help`. COMMANDS is everything that can be asked for.

A command's module is loaded when the command is used, so that help answers at once.
"""

import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click

from wxbot.cli import env_file


@dataclass(frozen=True)
class CommandEntry:
    """One row of the table: where the command lives, and what help says of it."""

    place: str
    help: str


COMMANDS = {
    "demo": CommandEntry("wxbot.cli.show:demo", "start everything on this machine, with a simulated WeChat / 一键体验"),
    "run": CommandEntry("wxbot.cli.serve:run", "run the web application, a worker, live, or all / 启动服务"),
    "worker": CommandEntry("wxbot.cli.serve:worker", "run a worker; as many as you like / 启动后台任务"),
    "live": CommandEntry(
        "wxbot.cli.serve:live", "run the open streams of halls: screens, phones, races / 现场实时连接"
    ),
    "alive": CommandEntry(
        "wxbot.cli.alive:alive", "is this machine's worker alive? for health checks / 后台任务是否在运行"
    ),
    "simulator": CommandEntry("wxbot.cli.serve:simulator", "run a WeChat on this machine / 启动微信模拟器"),
    "doctor": CommandEntry("wxbot.cli.checkup:doctor", "check everything, and say how to mend it / 体检"),
    "db": CommandEntry("wxbot.cli.database:db", "bring the database up to date / 数据库"),
    "keys": CommandEntry("wxbot.cli.keys:keys", "check or change the secret key / 密钥"),
    "campaign": CommandEntry("wxbot.cli.campaign:campaign", "list, show, launch, pause, resume, close / 活动"),
    "hall": CommandEntry("wxbot.cli.hall:hall", "check the record of an on-site lottery / 现场抽奖的验证"),
    "ledger": CommandEntry("wxbot.cli.books:ledger", "balances, and the proof that the books agree / 账本"),
    "order": CommandEntry("wxbot.cli.cashier:order", "look at an order, ask, settle one by two cashiers / 订单"),
    "payout": CommandEntry("wxbot.cli.cashier:payout", "what is owed, and the kill switch: stop, open / 付款"),
    "thaw": CommandEntry(
        "wxbot.cli.thaw:thaw", "after a restore: what was paid since the copy, and opening again / 解冻"
    ),
    "staff": CommandEntry("wxbot.cli.people:staff", "accounts of the console / 后台账号"),
    "people": CommandEntry("wxbot.cli.roster:people", "who may bind a phone, block and allow lists / 名单"),
    "photos": CommandEntry("wxbot.cli.photos:photos", "where the photos of vouchers are, and moving them / 凭证照片"),
    "reply": CommandEntry("wxbot.cli.people:reply", "keyword replies of the chat / 关键词回复"),
}
"""Command → module:name of the click command, and its line in help."""

ARGUMENTS = "wxbot.arguments"
"""Where click's meta keeps what was typed."""


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded the garbage collector finds nothing, and looks through all of them a hundred times."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Table(click.Group):
    """A group that reads COMMANDS and loads a command's module at its first use."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember what was typed: a refusal says how to run the same as another user (wxbot/cli/owner.py)."""
        ctx.meta[ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its module loaded now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.place.partition(":")
        with loading():
            command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help's list of commands, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a mistyped one is answered with the nearest names."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = [name for name in COMMANDS if name.startswith(args[0][:2])]
            if near:
                raise click.UsageError(f"{error.message} Did you mean: {', '.join(near)}?", ctx) from error
            raise


@click.command(cls=Table, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("wxbot"), "-V", "--version", message="%(version)s")
@click.option(
    "--env-file",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="all settings from this file, read as systemd reads it / 配置文件",
)
def cli(file: Path | None) -> None:
    """wxbot: a WeChat official account that pays people red packets, every fen accounted for.

    微信公众号红包机器人。Settings come from the environment (WXBOT_…) and from .env; try it first with: wxbot demo
    """
    if file is not None:
        env_file.use(file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the exit code is 0 when all went well, 1 for a problem, 2 for a wrong command.

    Whatever a command or a service writes (data, photos, logs of the demo, copies) is readable by this user alone.
    """
    os.umask(0o077)
    sys.exit(cli.main(args=list(arguments) if arguments is not None else None, prog_name="wxbot", standalone_mode=True))
