"""wxbot demo: the whole of wxbot on this machine, with a WeChat of its own."""

import sys
from pathlib import Path

import click

from wxbot.cli.desk import friendly
from wxbot.demo.run import run
from wxbot.demo.stage import Ports

port = click.IntRange(1, 65535)


@click.command()
@click.option("--fresh", is_flag=True, help="start over with empty data")
@click.option("--once", is_flag=True, help="play the whole story without a person, print a summary, and exit")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="where its data lives (instance/demo)")
@click.option("--web-port", type=port, default=Ports.web, show_default=True)
@click.option("--wechat-port", type=port, default=Ports.wechat, show_default=True, help="the simulator")
@click.option("--pay-port", type=port, default=Ports.pay, show_default=True, help="the simulated WeChat Pay (HTTPS)")
@click.option("--live-port", type=port, default=Ports.live, show_default=True, help="the open streams of halls")
@friendly
def demo(
    fresh: bool, once: bool, folder: Path | None, web_port: int, wechat_port: int, pay_port: int, live_port: int
) -> None:
    """Start everything on this machine: a WeChat, the web application, the worker. Ctrl-C stops it all.

    With --once nobody has to do anything: 200 packets, 260 people, 72 hours in a minute, and the books compared.
    """
    sys.exit(run(fresh=fresh, once=once, folder=folder, ports=Ports(web_port, wechat_port, pay_port, live_port)))
