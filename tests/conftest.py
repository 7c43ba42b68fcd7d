"""Fixtures of all tests: real servers (one set per process), a fresh database per test, a simulated WeChat, people.

Every test that asks for `database_url` (or anything built on it) runs twice: on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

# Until all tests are collected (see pytest_collection_finish) there is nothing to be rid of, of all that is loaded below either.
gc.disable()

import pytest
import redis as redis_client
import structlog
from argon2 import PasswordHasher
from hypothesis import settings as hypothesis_settings

from tests import shared
from tests.deployments import GivenSettings
from tests.fresh import TEMPLATE, FreshDatabase
from tests.schema import copied, lay_schema
from tests.servers import LoopbackServer, PrivatePostgres, SimulatedWeChat, find_browser, running, with_us
from wxbot.db import Database
from wxbot.private_servers import PrivateRedis
from wxbot.settings import Settings

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from wxbot.clock import Clock
    from wxbot.runtime import Runtime

# Where Python is told to write no bytecode, each of some hundred processes would compile all of wxbot anew, and each process of
# the tests all tests. What is written is in no commit, and `make clean` removes it.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Each commit of SQLite waits for the disk, which no test is about: in memory, where that is had and programs may run, it does not.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
    _room = os.statvfs(MEMORY)
    if _room.f_bavail * _room.f_frsize > 4 * 2**30 and not _room.f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# No test measures time: on a busy machine any example may take long. Properties are tried with some examples each time and
# with many in `make proof`, which runs all of them for that.
hypothesis_settings.register_profile("wxbot", deadline=None, max_examples=40)
hypothesis_settings.register_profile("proof", deadline=None, max_examples=400)
hypothesis_settings.load_profile("wxbot")

DATABASES = ("sqlite", "postgresql")
DAY_S, BEIJING_S, DAY_ENDS_S = 86_400, 8 * 3_600, 120
SECRET_KEY = "a-secret-key-for-tests-only-0123456789abcdef"


ON_BOTH_ALWAYS = ("budget", "connections", "draws/test_booking", "ledger", "quotas", "worker_twice")
"""What is about the database itself: on both each time, as are tests with the mark `on_both`.

Tests with the mark `on_postgresql` run on PostgreSQL alone, where writers do meet (SQLite lets in one at a time), all others on
SQLite alone. The other database has its turn in `make proof`.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what the other database can hardly answer differently to the long proof; hostile input stays, it has found faults."""
    for item in items:
        place = item.nodeid.split("::")[0].removeprefix("tests/").removeprefix("test_")
        writers_meet = item.get_closest_marker("on_postgresql") is not None
        is_on_both = place.startswith(ON_BOTH_ALWAYS) or item.get_closest_marker("on_both") is not None
        is_hostile = "_S74" in item.name or "bad_input" in place
        is_other = "[postgresql" in item.name and not (writers_meet or is_on_both or is_hostile)
        if is_other or (writers_meet and "[sqlite" in item.name):
            item.add_marker(pytest.mark.proof)
    # What takes longest begins first, one after the other in one process: at the end no process waits for another's long test.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Where several processes load all tests, each compiles a share of them first."""
    if hasattr(session.config, "workerinput") and session.config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        given = session.config.workerinput
        shared.files_of_tests(int(given["workerid"].removeprefix("gw")), given["workercount"])


def pytest_collection_finish() -> None:
    """What was loaded stays until the end: the garbage collector need not look through it again and again.

    Python looks for cycles every 700 new objects; one application of a test makes tens of thousands.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are processors: many tests wait for a server, a browser or a child."""
    return len(os.sched_getaffinity(0)) + 2


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that long tests leave as their property `table`, also when other processes ran them."""
    for outcome in ("passed", "failed"):
        for seen in terminalreporter.getreports(outcome):
            for name, value in getattr(seen, "user_properties", ()):
                if name == "table":
                    terminalreporter.write_line(f"\n{seen.nodeid}\n{value}")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter instead of quoting it when it is long or binary.

    Some are made anew at each start (ciphertexts with a random nonce); quoted, they would give the same test another
    name in each process, and pytest-xdist would refuse to share the work.
    """
    if isinstance(val, bytes) or (isinstance(val, str) and not re.fullmatch(r"[\w .,:/()-]{0,40}", val)):
        return argname
    return None


def folder_of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of one run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once_for_all(path: Path, make: Callable[[Path], None]) -> Path:
    """The path, made by the first process of a run that needs it."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            being_made = path.with_suffix(".new")
            make(being_made)
            being_made.rename(path)
    return path


# --- servers: started on first use, once per test process ---------------------------------------------------------


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """A private Redis; use `redis_url`, which empties it first."""
    with running(PrivateRedis(tmp_path_factory.mktemp("redis"), launcher=with_us([], "TERM"))) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a PostgreSQL that holds the template database with our schema, to be copied."""

    def make(folder: Path) -> None:
        with running(PrivatePostgres()) as server:
            lay_schema(server.url_of(server.create(name=TEMPLATE)))
            server.put_aside(folder)

    return once_for_all(folder_of_all(tmp_path_factory) / "cluster", make)


@pytest.fixture(scope="session")
def postgres_server(postgres_cluster: Path) -> Iterator[PrivatePostgres]:
    """A private PostgreSQL that holds the template database with our schema."""
    with running(PrivatePostgres(postgres_cluster)) as server:
        yield server


@pytest.fixture(scope="session")
def fresh_postgres(postgres_server: PrivatePostgres) -> Iterator[FreshDatabase]:
    """The one database of this process that tests get, emptied; use `database_url`."""
    with closing(FreshDatabase(postgres_server)) as made:
        yield made


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with our schema, to be copied."""
    return once_for_all(folder_of_all(tmp_path_factory) / "template.db", lambda path: lay_schema(f"sqlite:///{path}"))


@pytest.fixture(scope="session")
def simulator_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedWeChat]:
    """The simulator as a process of its own; use `simulator`, which empties its world first."""
    with running(SimulatedWeChat(tmp_path_factory.mktemp("wechat"))) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium, driven by Playwright; use `browser_page`."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        pytest.fail(
            "No Chromium or Chrome was found: run `make test`, which installs one where it may, put one on PATH or its path "
            "in WXBOT_CHROMIUM, or leave these tests out with `make test BROWSER=0`."
        )
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", "--lang=zh-CN"]
    # All pages of a profile in one process, whatever their site: to start one takes longer than to show most pages.
    quiet += ["--renderer-process-limit=1", "--disable-site-isolation-trials"]
    # Scripts run as they are read: what a page does in its second or two does not repay compiling it for speed.
    quiet += ["--js-flags=--no-opt --no-maglev"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


# --- around every test --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """A log line with an exception costs a second when rich draws it with the source around; a deployment draws nothing."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.set_exc_info,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@pytest.fixture(autouse=True)
def logs_stay_the_tests() -> Iterator[None]:
    """A test that begins the application of a deployment sets up its logs for the whole process, written to that test's own stderr."""
    before = structlog.get_config()
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    root, level, handlers = logging.getLogger(), logging.getLogger().level, set(logging.getLogger().handlers)
    yield
    if structlog.get_config() == before:
        return
    structlog.configure(**before)
    for name, module in sys.modules.items():
        log = getattr(module, "log", None) if name.startswith("wxbot.") else None
        if isinstance(log, type(structlog.get_logger())):
            vars(log).pop("bind", None)  # it keeps what it was first used with
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    root.setLevel(level)
    root.handlers[:] = [each for each in root.handlers if each in handlers]


@pytest.fixture(scope="session", autouse=True)
def applications_share(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test makes an application of its own; pages, addresses and statements are the same for all of them."""
    shared.pages_and_addresses(folder_of_all(tmp_path_factory))
    shared.answers_of_children(folder_of_all(tmp_path_factory))
    shared.statements()
    shared.keys()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """Passwords are hashed by argon2id as everywhere, with the least work it can do: nobody guesses in a test."""
    from wxbot.staff import passwords

    passwords.use(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(autouse=True)
def runtimes_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every Runtime that a test makes ends with it: its clock follows nobody any more, its connections are closed."""
    from wxbot.runtime import Runtime

    made: list[tuple[Runtime, Clock]] = []
    begin = Runtime.__init__

    def remembered(self: Runtime, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        made.append((self, self.clock))  # a test may put another clock in its place

    monkeypatch.setattr(Runtime, "__init__", remembered)
    yield
    for runtime, clock in made:
        runtime.close()
        clock.close()


# --- fresh for every test -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_desk(redis_server: PrivateRedis) -> Iterator[redis_client.Redis]:
    """A connection that empties Redis before each test."""
    with redis_client.Redis.from_url(redis_server.url) as connection:
        yield connection


@pytest.fixture
def redis_url(redis_server: PrivateRedis, redis_desk: redis_client.Redis) -> str:
    """The address of an empty Redis."""
    redis_desk.flushall()
    return redis_server.url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with our schema, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield copied(template, tmp_path / "wxbot.db")
        return
    fresh: FreshDatabase = request.getfixturevalue("fresh_postgres")
    yield fresh.address()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a fresh SQLite database, for tests where the database makes no difference (browser, pages)."""
    return copied(sqlite_template, tmp_path / "wxbot.db")


@pytest.fixture
def simulator(simulator_server: SimulatedWeChat) -> SimulatedWeChat:
    """A WeChat with nobody in it, no faults, and its clock at the machine's time; at the end of a day, at the next one's beginning.

    What is counted by the day would begin anew between two lines of a test.
    """
    simulator_server.reset()
    left_s = DAY_S - (time() + BEIJING_S) % DAY_S
    if left_s < DAY_ENDS_S:
        simulator_server.advance(left_s + 1)
    return simulator_server


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The product's Database on a fresh database."""
    with closing(Database(database_url)) as made:
        yield made


@pytest.fixture
def settings(simulator: SimulatedWeChat, database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a deployment against the simulator, on a fresh database and an empty Redis."""
    return simulator_settings(simulator, database_url, redis_url, tmp_path)


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """The long-lived parts of one process, as the doors get them."""
    from wxbot.runtime import Runtime

    with closing(Runtime(settings)) as made:
        yield made


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    """The web application, without a server around it."""
    from wxbot.app import create_app

    return create_app(runtime)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser for `app` that runs no scripts."""
    return app.test_client()


@dataclass(frozen=True)
class Live:
    """The application behind a real socket, known to the simulator as the account's server."""

    url: str
    app: Flask
    runtime: Runtime


@pytest.fixture
def live(settings: Settings, simulator: SimulatedWeChat) -> Iterator[Live]:
    """The web application under a threaded server on loopback; WeChat's callbacks reach it, its pages may use OAuth.

    On both databases, as `database_url`; override `settings` in a test module to choose one.
    """
    from wxbot.app import create_app
    from wxbot.runtime import Runtime

    with LoopbackServer() as server:
        host = server.url.removeprefix("http://")
        domains = {name: [host] for name in ("oauth_domains", "js_domains", "business_domains")}
        simulator.control("PUT", "account", {"callback_url": f"{server.url}/wechat", **domains})
        with closing(Runtime(settings.model_copy(update={"public_url": server.url}))) as runtime:
            made = create_app(runtime)
            server.serve(made.wsgi_app)
            yield Live(server.url, made, runtime)


def new_profile(chromium: Any) -> Any:
    """A profile of a browser that remembers nothing.

    Its person asks for less motion: without a graphics card, drawing every frame of it is half of what a browser's test costs.
    A test of what moves says `emulate_media(reduced_motion="no-preference")`.
    """
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, locale="zh-CN", timezone_id="Asia/Shanghai", reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)  # a busy machine decodes two photos at a time
    context.new_page()  # stays open (see browser_page): with its last page a profile's process ends
    return context


@pytest.fixture(scope="session")
def shared_profile(chromium: Any) -> Iterator[Any]:
    """The profile of most tests: a new one starts processes of its own, which costs more than most pages."""
    with closing(new_profile(chromium)) as context:
        yield context


@pytest.fixture
def browser_profile(request: pytest.FixtureRequest, chromium: Any) -> Iterator[Any]:
    """The profile of `browser_page`: the shared one, or one of its own for a test with the mark `own_profile`.

    A browser's clock that was made to stand (`page.clock`) is that of the profile, and stands for all who come after.
    """
    if request.node.get_closest_marker("own_profile") is None:
        yield request.getfixturevalue("shared_profile")
        return
    with closing(new_profile(chromium)) as context:
        yield context


@pytest.fixture
def browser_page(browser_profile: Any) -> Iterator[Any]:
    """A page of the size of a phone in a browser that remembers nothing; an error in its scripts fails the test."""
    errors: list[str] = []
    page = browser_profile.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    browser_profile.set_offline(False)  # also after a test that failed without a network
    forgetting = browser_profile.new_cdp_session(page)
    forgetting.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
    browser_profile.clear_cookies()
    for each in browser_profile.pages[1:]:
        each.close()
    assert not errors, f"the page's scripts raised: {errors}"


def simulator_settings(
    simulator: SimulatedWeChat, database_url: str, redis_url: str, folder: Path, **changes: Any
) -> Settings:
    """Return settings for the simulator's account; `changes` replaces some of them."""
    account = simulator.control("GET", "account")
    names = ("appid", "appsecret", "original_id", "callback_token", "aes_key", "callback_mode", "mch_id", "pay_key")
    values: dict[str, Any] = {name: account[name] for name in names}
    values |= {f"{host}_base": simulator.base for host in ("api", "open", "mp", "res", "zb")}
    values |= {
        "profile": "simulator",
        "secret_key": SECRET_KEY,
        "database_url": database_url,
        "redis_url": redis_url,
        "data_dir": folder,
        "mch_base": simulator.pay_base,
        "pay_cert_file": simulator.certs / "apiclient_cert.pem",
        "pay_cert_key_file": simulator.certs / "apiclient_key.pem",
        "pay_ca_file": simulator.certs / "ca.pem",
        "pay_quiet_hours": False,  # tests run at night, too
        "pay_per_second": 1000,
        "sms_provider": "console",
    }
    if "api_v3_key" in account:
        values |= {
            "api_v3_key": account["api_v3_key"],
            "pay_public_key_id": account["pay_public_key_id"],
            "pay_public_key_file": simulator.certs / "pub_key.pem",
        }
    # Not from the environment or .env: a developer's own settings must not decide what a test sees.
    return GivenSettings(**(values | changes))


# --- the cast: the same people in every story ---------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """Someone with a phone, as the simulator knows them."""

    id: Any
    nickname: str
    openid: str


@dataclass(frozen=True)
class Cast:
    """Ming and Hong follow the account, Wang does not, Gui tries whatever is not allowed."""

    ming: Person
    hong: Person
    wang: Person
    gui: Person


@pytest.fixture
def cast(simulator: SimulatedWeChat) -> Cast:
    """The people of our stories, made anew in the simulator."""

    def person(nickname: str, follows: bool) -> Person:
        made = simulator.person(nickname, follows=follows)
        return Person(made["id"], made["nickname"], made["openid"])

    return Cast(person("阿明", True), person("小红", True), person("老王", False), person("阿贵", True))
