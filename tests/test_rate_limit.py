"""How often somebody may ask: a window begins with the first time, and without Redis nobody is turned away."""

from __future__ import annotations

import ast

import redis as redis_client

from tests.sources import nodes
from wxbot import rate_limit
from wxbot.rate_limit import Rate
from wxbot.runtime import Runtime


def test_so_many_are_let_in_and_the_next_is_not_until_the_window_is_over(runtime: Runtime) -> None:
    three = Rate(3, 600)
    assert [rate_limit.is_over(runtime, "ming", three) for _ in range(5)] == [False] * 3 + [True] * 2
    assert not rate_limit.is_over(runtime, "hong", three)
    assert 0 < runtime.redis.ttl("rate:ming") <= 600
    runtime.redis.expire("rate:ming", 0)
    assert not rate_limit.is_over(runtime, "ming", three)


def test_who_goes_on_asking_does_not_wait_longer(runtime: Runtime) -> None:
    rate_limit.counted(runtime, "ming", 600)
    runtime.redis.expire("rate:ming", 100)
    assert rate_limit.counted(runtime, "ming", 600) == 2
    assert runtime.redis.ttl("rate:ming") <= 100


def test_without_redis_nobody_is_turned_away(runtime: Runtime) -> None:
    runtime.redis = redis_client.Redis(port=1, socket_connect_timeout=0.1)
    assert rate_limit.counted(runtime, "ming", 600) is None
    assert not rate_limit.is_over(runtime, "ming", Rate(0, 600))


def test_nobody_else_counts_in_redis_how_often_somebody_asks() -> None:
    """A token's epoch counts nothing that anybody asks for."""
    counting = {
        place.rpartition(":")[0]
        for place, node in nodes(".incr(", but=("wxbot/simulator/", "wxbot/wechat/tokens.py"))
        if isinstance(node, ast.Attribute) and node.attr == "incr"
    }
    assert counting == {"wxbot/rate_limit.py"}
