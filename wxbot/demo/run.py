"""`wxbot demo`: set the stage, seed it, show where to look, and stop everything again on Ctrl-C."""

import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from wxbot.campaigns.models import Campaign
from wxbot.demo import seed, setup, story, visitors
from wxbot.demo.actors import StoryProblem, World
from wxbot.demo.hall_story import HallStory
from wxbot.demo.payouts_story import PayoutStory
from wxbot.demo.stage import Ports, Stage, StageProblem
from wxbot.demo.wheel_story import WheelStory
from wxbot.payouts.models import Programme
from wxbot.replies import menu
from wxbot.runtime import Runtime

FOLDER = Path("instance/demo")
ONCE_FOLDER = Path("instance/demo-once")


class Stopped(Exception):
    """Ctrl-C or a signal: time to go."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise Stopped, also when whoever started us had them ignored (`wxbot demo &` in a script)."""

    def stop(_signal: int, _frame: object) -> None:
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(*, fresh: bool = False, once: bool = False, folder: Path | None = None, ports: Ports | None = None) -> int:
    """Run the demo until it is stopped, or play the story once; returns the exit code."""
    console = Console(stderr=once)
    stage = Stage((folder or (ONCE_FOLDER if once else FOLDER)).absolute(), ports or Ports(), is_saved=not once)
    try:
        with _stoppable():
            stage.hold()
            if fresh or once:
                stage.clear()
            stage.prepare()
            _start(stage, console)
            return _play(stage, console) if once else _host(stage, console)
    except StageProblem as problem:
        console.print(f"[red]✗[/red] {problem}", highlight=False)
        return 1
    except StoryProblem as problem:
        console.print(f"[red]✗[/red] {problem}", highlight=False)
        console.print(f"logs: {stage.folder / 'logs'}", highlight=False)
        return 1
    except Stopped:
        console.print("\n正在停止 … stopping", highlight=False)
        return 0
    finally:
        stage.stop()


def _start(stage: Stage, console: Console) -> None:
    """Start every process in the order in which they need each other, telling what is going on."""
    steps = (
        ("Valkey / Redis", stage.start_redis),
        ("微信模拟器 simulator", stage.start_simulator),
        ("数据库 database", stage.start_database),
        ("网页与回调、后台任务、现场实时 web, worker, live", stage.start_services),
    )
    for name, start in steps:
        with console.status(f"{name} …") if console.is_terminal else nullcontext():
            began = time.monotonic()
            start()
        console.print(f"[green]✓[/green] {name} [dim]{time.monotonic() - began:.1f} s[/dim]", highlight=False)


def _play(stage: Stage, console: Console) -> int:
    database, clock = stage.parts()
    try:
        seed.hire(database, clock.now())
        world = World(stage.wechat_url)
        seed.tie_wechats(database, world)
        played = story.Story(stage.public_url, world, database, clock, console).play()
        paid = PayoutStory(stage.public_url, world, database, console).play()
        drawn = WheelStory(stage.public_url, world, database, clock, console).play()
        evening = HallStory(stage.public_url, stage.live_url, world, database, clock, console).play()
        whole = story.together(played, paid, drawn, evening)
        story.show(console, whole)
        return 0 if story.is_sound(whole) else 1
    finally:
        database.close()


def _host(stage: Stage, console: Console) -> int:
    """Seed a new demo, print where to look, and watch the processes until somebody stops us."""
    database, clock = stage.parts()
    try:
        with database.reading() as session:
            is_new = session.query(Campaign.id).first() is None
            has_office = session.query(Programme.id).first() is not None
            hall = session.scalar(select(Campaign.slug).where(Campaign.mechanic == "hall").limit(1))
        doors = None
        if is_new:
            world = World(stage.wechat_url)
            device_id = int(world.call("POST", "beacons", {"comment": "柜台前"})["beacon"]["device_id"])
            wheel, hall = seed.seed(database, stage.vault(), world, clock.now(), device_id)
            set_menu(stage, wheel, hall)
            doors = visitors.OpenDoors(wheel, hall, seed.SCRATCH_WORD, device_id)
    finally:
        database.close()
    _show_addresses(stage, console, is_new, _write_environment(stage), hall)
    if doors is not None:
        threading.Thread(target=_let_people_in, args=(stage, console, doors), name="visitors", daemon=True).start()
    if not has_office:
        threading.Thread(target=_open_office, args=(stage, console), name="office", daemon=True).start()
    while True:
        ended = stage.is_whole()
        if ended is not None:
            raise StageProblem(
                f"{ended} 意外退出，日志在 {stage.folder / 'logs' / (ended + '.log')}\n"
                f"{ended} ended by itself; the end of its log:\n{stage.last_words(ended)}"
            )
        time.sleep(0.5)


def _open_office(stage: Stage, console: Console) -> None:
    """Let staff and promoters fill the desks while the visitor looks around already; Ctrl-C ends it with everything else."""
    console.print("办公室正在开张，几位促销员在绑定手机、上传凭证 … the office opens", highlight=False)
    try:
        opened, people = setup.move_in(stage.public_url, World(stage.wechat_url))
        setup.a_first_morning(opened, people)
    except (StoryProblem, requests.RequestException) as problem:
        if stage.is_open:
            console.print(f"[red]✗[/red] {problem}", highlight=False)
        return
    console.print(
        "[green]✓[/green] 凭证、名单、付款都在桌上了 · vouchers, a list and payouts wait on the desks", highlight=False
    )


def _let_people_in(stage: Stage, console: Console, doors: visitors.OpenDoors) -> None:
    """Let people come to the hall and the campaigns of a new demo; Ctrl-C ends it with everything else."""
    try:
        world = World(stage.wechat_url)
        door = seed.hall_door(stage.public_url, doors.hall)
        visitors.fill_hall(stage.public_url, world, door, seed.DAY_WORD, lambda: stage.is_open)
        visitors.let_in(stage.public_url, World(stage.wechat_url), doors, lambda: stage.is_open)
    except (StoryProblem, requests.RequestException) as problem:
        if stage.is_open:
            console.print(f"[red]✗[/red] {problem}", highlight=False)


def set_menu(stage: Stage, wheel_slug: str, hall_slug: str) -> None:
    """Give the account its menu, through WeChat's own API (the console's draft is the same), and the phones their start page."""
    World(stage.wechat_url).call("PUT", "pinned", {"pinned": seed.pins(stage.public_url, wheel_slug, hall_slug)})
    runtime = Runtime(stage.settings())
    buttons, now = menu.tidy(seed.menu(stage.public_url, wheel_slug)), runtime.clock.now()
    try:
        runtime.official_account.menu_create(buttons)
        with runtime.database.transaction() as session:
            if menu.draft(session) is None:
                menu.note_published(
                    session, menu.save(session, buttons, 0, seed.MARKETER.name, now), seed.MARKETER.name, now
                )
    finally:
        runtime.close()


def _write_environment(stage: Stage) -> Path:
    """Write the demo's settings into a file, so that the command line can look at the running demo; returns its path."""
    path = stage.folder / "env"
    path.touch(mode=0o600)
    settings = {name: value for name, value in stage.environment().items() if name.startswith("WXBOT_")}
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(settings.items())))
    return path


def _show_addresses(stage: Stage, console: Console, is_new: bool, environment: Path, hall: str | None) -> None:
    table = Table(title="wxbot 已就绪 · ready", title_justify="left", title_style="bold")
    table.add_column("看哪里 look at", overflow="fold")
    table.add_column("地址 address", style="cyan", no_wrap=True)
    table.add_column("说明 what it is", overflow="fold")
    phone, admin = f"{stage.wechat_url}/phone", f"{stage.public_url}/admin"
    logins = "、".join(f"{account.login}（{account.name.split()[0]}）" for account in seed.STAFF)
    for row in (
        (
            "手机 phone",
            phone,
            "选一个人，首页点 大转盘、刮刮卡、摇一摇；或在聊天里回复 绑定、上传凭证 · choose a person; the start page leads on",
        ),
        ("后台 console", f"{admin}/", f"{logins}，密码 password: {seed.PASSWORD}"),
        ("凭证 vouchers", f"{admin}/vouchers", "审核台：用 lin 或 qin 登录 · the reviewers' desk"),
        (
            "付款 payouts",
            f"{admin}/payouts",
            "付款、名单 /lists、预算 /programmes：用 chen，复核用 zhou · two cashiers",
        ),
        (
            "网页 pages",
            f"{stage.public_url}/h5/me",
            "在手机里打开：我的红包、绑定 /h5/bind、上传 /h5/voucher · open in the phone",
        ),
        (
            "银行 bank",
            f"{stage.wechat_url}/bank",
            "余额、红包、账单、拨快时钟 · balance, packets, bill, move the clock",
        ),
        *(
            [
                (
                    "大屏 screen",
                    f"{stage.public_url}/hall/{hall}/screen",
                    "配对码在后台「年会现场抽奖」的主持台上生成 · the six digits are made at the host's desk",
                )
            ]
            if hall
            else []
        ),
        (
            "来宾 guests",
            f"{stage.wechat_url}/hall",
            "让几百人签到、接红包、摇手机、断网，十二台手机的墙 · guests by the hundred, a wall of phones",
        ),
        ("模拟器 simulator", f"{stage.wechat_url}/", "故障、日志、信标 · faults, log, beacons"),
    ):
        table.add_row(*row)
    console.print(table)
    command = "wxbot" if shutil.which("wxbot") else Path(sys.executable).with_name("wxbot")
    console.print(f"命令行 command line: {command} --env-file {environment} doctor", highlight=False, soft_wrap=True)
    begun = "新的数据" if is_new else "接着上次的数据（make demo FRESH=1 重新开始）"
    console.print(f"{begun} · 日志 logs: {stage.folder / 'logs'} · Ctrl-C 停止 stops everything", highlight=False)
