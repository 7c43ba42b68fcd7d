"""wxbot alive: a container's health check of its worker; light, since it runs twice a minute."""

import socket

import click
import redis

from wxbot.heartbeat import workers
from wxbot.settings import SettingsError, load_settings


@click.command()
def alive() -> None:
    """Exit code 0 while a worker of this machine (or container) ends its tasks, else 1."""
    try:
        with redis.Redis.from_url(load_settings().redis_url, decode_responses=True, socket_timeout=5) as connection:
            found = [worker for worker in workers(connection) if worker.host == socket.gethostname()]
    except (SettingsError, redis.RedisError) as error:
        raise click.ClickException(str(error)) from error
    if not any(worker.is_alive for worker in found):
        raise click.ClickException("本机没有后台任务在运行。\nNo worker of this machine is running.")
    click.echo(f"后台任务在运行（{found[0].age_s:.0f} 秒前）。A worker is running (heard {found[0].age_s:.0f} s ago).")
