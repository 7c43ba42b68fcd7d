"""Tokens shared by all processes: one refresh at a time, none lost, and Redis may be emptied or gone (F52-F55)."""

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis as redis_client
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.wechat.platform import Platform, wired
from wxbot.wechat.errors import NotSent, Refused, Unanswered
from wxbot.wechat.http import Timeouts, Transport
from wxbot.wechat.mp import OfficialAccount
from wxbot.wechat.tokens import Fetched, SharedToken, Tokens

APPID = "wx0123456789abcdef"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_773_540_000.0

    def __call__(self) -> Any:
        return self.now_s


@pytest.fixture
def connect(redis_url: str) -> Any:
    """Makes Redis clients of one private server, as separate processes would have them."""
    clients = []

    def make(**options: Any) -> Any:
        clients.append(redis_client.Redis.from_url(redis_url, decode_responses=True, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def tokens_on(redis: Any, url: str, **options: Any) -> Any:
    return Tokens(redis, Transport(timeouts=Timeouts(1, 2, 3)), url, APPID, "APPSECRET-0001", **options)


def test_the_token_is_fetched_once_and_then_shared(connect: Callable[..., Any]) -> None:
    platform = Platform()
    with wired(platform) as wire:
        first, second = tokens_on(connect(), wire.url), tokens_on(connect(), wire.url)
        assert {first.access_token(), second.access_token(), first.access_token()} == {platform.token}
        assert platform.fetches == 1


def test_bytes_and_texts_from_redis_are_both_read(connect: Callable[..., Any], redis_url: str) -> None:
    platform = Platform()
    with wired(platform) as wire, redis_client.Redis.from_url(redis_url) as raw:
        assert tokens_on(raw, wire.url).access_token() == tokens_on(raw, wire.url).access_token() == platform.token
        assert platform.fetches == 1


def test_a_hundred_callers_at_once_make_one_fetch_F54(connect: Callable[..., Any]) -> None:
    platform = Platform(slow_s=0.2)
    with wired(platform) as wire, ThreadPoolExecutor(100) as threads:
        sources = [tokens_on(connect(), wire.url) for _ in range(10)]
        seen = set(threads.map(lambda n: sources[n % 10].access_token(), range(100)))
        assert (seen, platform.fetches) == ({platform.token}, 1)


def test_flushall_under_load_loses_nothing_and_fetches_the_same_token_F54_I18(connect: Callable[..., Any]) -> None:
    platform = Platform()
    with wired(platform) as wire, ThreadPoolExecutor(8) as threads:
        sources = [tokens_on(connect(), wire.url) for _ in range(8)]
        admin = connect()
        for _ in range(5):
            asked = [threads.submit(source.access_token) for source in sources * 10]
            admin.flushall()
            assert {future.result() for future in asked} == {platform.token}
        assert platform.fetches <= 12


ROUNDS, CALLS, PROCESSES = 3, 12, 3


def call_from_process(redis_url: str, url: str, barrier: Any, results: Any) -> None:
    client = redis_client.Redis.from_url(redis_url)
    account = OfficialAccount(Transport(), tokens_on(client, url), url)
    answers = 0
    try:
        for _ in range(ROUNDS):
            barrier.wait(60)
            for _ in range(CALLS):
                answers += account.getcallbackip() == ("198.51.100.7",)
    finally:
        results.put(answers)


def test_processes_survive_a_foreign_refresher_F52(redis_url: str) -> None:
    """In each round somebody else replaces the token while three processes are calling."""
    platform = Platform()
    with wired(platform) as wire:
        spawn = multiprocessing.get_context("spawn")
        results, barrier = spawn.Queue(), spawn.Barrier(PROCESSES + 1)
        workers = [
            spawn.Process(target=call_from_process, args=(redis_url, wire.url, barrier, results), daemon=True)
            for _ in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for turn in range(ROUNDS):
            barrier.wait(60)
            while platform.calls_served < turn * PROCESSES * CALLS + 5:
                time.sleep(0.002)
            platform.replace_token()
        assert [results.get(timeout=60) for _ in workers] == [ROUNDS * CALLS] * PROCESSES
        for worker in workers:
            worker.join()
        assert platform.fetches <= ROUNDS + 1, "at most one refresh per invalidation"
        assert platform.forced == 0


def test_a_refused_token_is_read_again_before_it_is_fetched_F52(connect: Callable[..., Any]) -> None:
    platform = Platform()
    with wired(platform) as wire:
        mine, other = tokens_on(connect(), wire.url), tokens_on(connect(), wire.url)
        old = mine.access_token()
        platform.replace_token()
        renewed = other.renewed_access_token(old)
        assert mine.renewed_access_token(old) == renewed == platform.token
        assert platform.fetches == 2


def test_a_token_that_stable_token_hands_out_although_it_is_dead_is_forced_once(connect: Callable[..., Any]) -> None:
    platform = Platform()
    with wired(platform) as wire:
        account = OfficialAccount(Transport(), tokens_on(connect(), wire.url), wire.url)
        assert account.getcallbackip()
        platform.kill_token()
        assert account.getcallbackip()
        assert platform.forced == 1


def test_a_call_is_repeated_once_and_not_for_ever(connect: Callable[..., Any]) -> None:
    """Even when every token is refused the call ends: no endless recursion."""
    platform = Platform()
    with wired(platform) as wire:
        account = OfficialAccount(Transport(), tokens_on(connect(), wire.url), wire.url)
        assert account.getcallbackip()
        platform.generation += 1000
        platform._dead.add(platform.token)
        with pytest.raises(Refused) as caught:
            account.getcallbackip()
        assert caught.value.code == "40001" and caught.value.row.retry == "refresh"
        assert platform.calls_refused <= 2


def test_a_slow_refresher_cannot_overwrite_a_newer_token_F53(connect: Callable[..., Any]) -> None:
    redis, clock = connect(), Clock()
    slow_is_in, go_on = threading.Event(), threading.Event()

    def slow_fetch(_is_forced: bool) -> Any:
        slow_is_in.set()
        go_on.wait(10)
        return Fetched("OLD-TOKEN", 7200)

    slow = SharedToken(redis, "k", slow_fetch, clock=clock)
    fast = SharedToken(connect(), "k", lambda _is_forced: Fetched("NEW-TOKEN", 7200), clock=clock)
    thread = threading.Thread(target=slow.get)
    thread.start()
    assert slow_is_in.wait(5)
    redis.delete("k:lock")  # the slow one's lock ran out while it was frozen
    assert fast.get() == "NEW-TOKEN"
    go_on.set()
    thread.join(10)
    assert fast.get() == "NEW-TOKEN"
    assert redis.hget("k", "token") == "NEW-TOKEN"


def test_a_slow_refresher_does_not_open_the_lock_of_the_next_one(connect: Callable[..., Any]) -> None:
    redis, clock = connect(), Clock()
    inside = threading.Event()
    go_on = threading.Event()

    def fetch(_is_forced: bool) -> Any:
        inside.set()
        go_on.wait(10)
        return Fetched("T", 7200)

    thread = threading.Thread(target=SharedToken(redis, "k", fetch, clock=clock).get)
    thread.start()
    assert inside.wait(5)
    redis.set("k:lock", "somebody-else")
    go_on.set()
    thread.join(10)
    assert redis.get("k:lock") == "somebody-else"


def test_renewed_early_by_one_while_the_others_use_the_old_token(connect: Callable[..., Any]) -> None:
    clock, fetches = Clock(), []
    inside, go_on = threading.Event(), threading.Event()

    def fetch(_is_forced: bool) -> Any:
        fetches.append(1)
        if len(fetches) == 2:
            inside.set()
            go_on.wait(10)
        return Fetched(f"T{len(fetches)}", 7200)

    one, other = SharedToken(connect(), "k", fetch, clock=clock), SharedToken(connect(), "k", fetch, clock=clock)
    assert one.get() == "T1"
    clock.now_s += 7200 - 200
    thread = threading.Thread(target=one.get)
    thread.start()
    assert inside.wait(5)
    assert other.get() == "T1", "the old token is still good while it is being renewed"
    go_on.set()
    thread.join(10)
    assert (one.get(), other.get(), len(fetches)) == ("T2", "T2", 2)


def test_an_early_renewal_that_fails_does_not_stop_the_calls(connect: Callable[..., Any]) -> None:
    platform, clock = Platform(), Clock()
    with wired(platform) as wire:
        tokens = tokens_on(connect(), wire.url, clock=clock)
        token = tokens.access_token()
        clock.now_s += 7200 - 200
        platform.is_down = True
        assert tokens.access_token() == token
        clock.now_s += 400
        with pytest.raises(Unanswered):
            tokens.access_token()


def test_a_token_that_stays_the_same_near_its_end_is_not_fetched_by_every_call(connect: Callable[..., Any]) -> None:
    """In its last minutes WeChat may hand out the old token again: one look every 20 seconds, not one per call."""
    clock, fetches = Clock(), []

    def fetch(_is_forced: bool) -> Any:
        fetches.append(1)
        return Fetched("T", 200)

    shared = SharedToken(connect(), "k", fetch, clock=clock)
    assert {shared.get() for _ in range(50)} == {"T"}
    assert len(fetches) == 2


def test_waiting_for_another_process_ends_with_not_sent(connect: Callable[..., Any]) -> None:
    redis = connect()
    redis.set("wechat:k:lock", "x")
    shared = SharedToken(redis, "wechat:k", lambda _is_forced: Fetched("T", 7200), wait_s=0.2)
    with pytest.raises(NotSent):
        shared.get()
    redis.delete("wechat:k:lock")
    assert shared.get() == "T"


def test_without_redis_each_process_goes_on_with_the_same_token_I18(redis_url: str) -> None:
    platform = Platform()
    dead = redis_client.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    with wired(platform) as wire:
        tokens = tokens_on(dead, wire.url)
        assert tokens.access_token() == tokens.access_token() == platform.token
        assert platform.fetches == 1
        assert tokens.jsapi_ticket() == "kgt_TICKET_0001"
        platform.replace_token()
        account = OfficialAccount(Transport(), tokens, wire.url)
        assert account.getcallbackip()
    dead.close()


def test_the_jsapi_ticket_is_shared_the_same_way_F55(connect: Callable[..., Any]) -> None:
    platform = Platform()
    with wired(platform) as wire, ThreadPoolExecutor(20) as threads:
        sources = [tokens_on(connect(), wire.url) for _ in range(4)]
        seen = set(threads.map(lambda n: sources[n % 4].jsapi_ticket(), range(40)))
        assert (seen, platform.ticket_fetches, platform.fetches) == ({"kgt_TICKET_0001"}, 1, 1)


def test_a_ticket_fetch_renews_a_refused_token_first_F55(connect: Callable[..., Any]) -> None:
    platform = Platform()
    with wired(platform) as wire:
        tokens = tokens_on(connect(), wire.url)
        tokens.access_token()
        platform.replace_token()
        assert tokens.jsapi_ticket() == "kgt_TICKET_0001"
        assert platform.fetches == 2


def test_a_wrong_secret_is_refused_without_showing_it(
    connect: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with wired(Platform()) as wire:
        tokens = Tokens(connect(), Transport(), wire.url, APPID, "WRONG-SECRET-0002")
        with pytest.raises(Refused) as caught:
            tokens.access_token()
        assert caught.value.code == "40125"
        assert "WRONG-SECRET" not in f"{caught.value!r}{caplog.text}"
