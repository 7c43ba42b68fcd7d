"""Commands that run until they are stopped: run, worker, live, simulator.

Each loads its own part when it runs: gunicorn takes over the process of `run web`, which needs neither pages nor tasks.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import FrameType

import click

from wxbot import logs
from wxbot.cli import loading
from wxbot.cli.desk import friendly
from wxbot.cli.owner import refuse_other_than_owner
from wxbot.keys import sentinel
from wxbot.runtime import Runtime
from wxbot.settings import Settings, load_settings, refuse_unsafe_start
from wxbot.vouchers import folders

THREADS = 4
"""Of a worker, where nothing else is asked for."""

STOP_S = 30
"""How long the parts of `run both` and `run all` may take to end."""


def gunicorn_settings() -> Path:
    """gunicorn's settings: beside the package in a source tree, inside it in an installed wheel."""
    package = Path(__file__).parent.parent
    inside = package / "gunicorn.conf.py"
    return inside if inside.exists() else package.parent / "deploy" / "gunicorn.conf.py"


def _web_command(bind: str | None, workers: int | None) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "--config", str(gunicorn_settings())]
    if bind:
        command += ["--bind", bind]
    if workers:
        command += ["--workers", str(workers)]
    return [*command, "wxbot.app:application()"]


def heed_interrupt() -> None:
    """Let Ctrl-C and `kill -INT` end us from the first moment on, though whoever started us had them ignored (`&` in a script)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _startable() -> Settings:
    """Settings that are whole and safe, for the user who owns the data."""
    heed_interrupt()
    settings = load_settings()
    refuse_unsafe_start(settings)
    refuse_other_than_owner(settings)
    return settings


def _prepare() -> Settings:
    """Settings that are whole and safe, and a database that is up to date."""
    from wxbot.migrations import upgrade  # noqa: PLC0415 - see above

    settings = _startable()
    os.environ["WXBOT_LOG_FORMAT"] = settings.log_format  # for gunicorn's own lines, which know no .env
    logs.configure(settings.log_level, settings.log_format)
    with closing(Runtime(settings)) as runtime:
        upgrade(runtime.database)
        folders.refuse_second(runtime)
        sentinel.require(runtime)
    return settings


@click.command()
@click.argument("part", type=click.Choice(["web", "worker", "live", "both", "all"]), default="both")
@click.option("--bind", metavar="HOST:PORT", help="where the web application listens (127.0.0.1:8000)")
@click.option("--workers", type=click.IntRange(1, 64), help="web processes (as many as processors, at least 2)")
@friendly
def run(part: str, bind: str | None, workers: int | None) -> None:
    """Run the web application (gunicorn), a worker, or both, until Ctrl-C; `live` for halls, `all` for the three of them."""
    settings = _prepare()
    if part == "worker":
        _work(settings)
    elif part == "live":
        _stream(settings)
    elif part == "web":
        command = _web_command(bind, workers)
        os.execv(command[0], command)  # noqa: S606 - gunicorn takes over this process, signals included
    else:
        names = ("worker", "live") if part == "all" else ("worker",)
        sys.exit(_run_together(_web_command(bind, workers), *names))


def _work(settings: Settings, concurrency: int = THREADS) -> None:
    with loading():
        from wxbot.worker import run_worker  # noqa: PLC0415 - see above

    run_worker(settings, concurrency=concurrency)


def _stream(settings: Settings, host: str | None = None, port: int | None = None) -> None:
    """Open streams in this process; an address given here goes before the settings' own."""
    from wxbot.live.server import run_live  # noqa: PLC0415 - see above

    changes = {"live_host": host, "live_port": port}
    chosen = settings.model_copy(update={name: value for name, value in changes.items() if value is not None})
    try:
        run_live(chosen)
    except OSError as error:
        address = f"{chosen.live_host}:{chosen.live_port}"
        raise click.ClickException(
            f"无法监听 {address}（{error.strerror}）：换一个端口 WXBOT_LIVE_PORT，或先停止占用它的程序\n"
            f"cannot listen on {address} ({error.strerror}): choose another WXBOT_LIVE_PORT, or stop what holds it"
        ) from error


def _run_together(web: list[str], *names: str) -> int:
    """Each part as a process; when one ends or Ctrl-C comes, all end. Returns the first exit code that is not 0."""
    parts = [subprocess.Popen(web), *(subprocess.Popen([sys.executable, "-m", "wxbot", name]) for name in names)]
    asked: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while not asked and all(part.poll() is None for part in parts):
        time.sleep(0.2)
    for part in parts:
        if part.poll() is None:
            part.terminate()
    deadline = time.monotonic() + STOP_S
    for part in parts:
        try:
            part.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            part.kill()
            part.wait()
    if asked:
        return 0
    return next((part.returncode for part in parts if part.returncode), 1)


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 64), default=THREADS, show_default=True, help="threads")
@click.option("--no-clock", is_flag=True, hidden=True)
@friendly
def worker(concurrency: int, no_clock: bool) -> None:
    """Run a worker, until Ctrl-C. Run as many as you like: they keep one schedule together."""
    if no_clock:
        click.echo("--no-clock is not needed any more: all workers keep one schedule / 不再需要 --no-clock", err=True)
    settings = _startable()
    with closing(Runtime(settings)) as runtime:
        folders.refuse_second(runtime)
        sentinel.require(runtime)
    _work(settings, concurrency)


@click.command()
@click.option("--host", metavar="ADDRESS", help="where it listens (WXBOT_LIVE_HOST, 127.0.0.1)")
@click.option("--port", type=click.IntRange(0, 65_535), help="and on which port (WXBOT_LIVE_PORT, 8001)")
@friendly
def live(host: str | None, port: int | None) -> None:
    """Run the open streams of halls, until Ctrl-C: what screens and phones are told, and the counts of a race.

    It needs Redis and the database, and moves no money. A second one takes over when the first one is gone.
    """
    settings = _startable()
    with closing(Runtime(settings)) as runtime:
        sentinel.require(runtime)
    _stream(settings, host, port)


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Run a WeChat on this machine; `wxbot simulator --help` lists its options."""
    from wxbot.simulator.__main__ import main as simulate  # noqa: PLC0415 - see above

    sys.exit(simulate(list(arguments)))
