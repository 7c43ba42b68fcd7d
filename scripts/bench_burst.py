"""A crowd that comes faster than it can be decided: everybody gets an answer soon, some to come again, and nobody is lost."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import closing

from bench_callbacks import checked, cpu_us
from bench_instant import check, guests, tapped, wheel
from bench_load import burst
from bench_stage import BenchProblem, Figure, Ground, middle
from sqlalchemy import func, select

from wxbot.instant.models import Award
from wxbot.runtime import Runtime

OVER_S = 10.0
CONNECTIONS = 500
RATE_AIM = 0.8
SLOWEST_MS = 300.0
"""99 of 100 answers come within this, "come again" included."""

AGAIN_AFTER_S = (0.8, 1.6, 3.2, 6.4)
ODDS_PPM = 100_000

_IN_LINE = re.compile(rb'"wait_s": ([0-9.]+), "place": "([^"]+)"')
_STALE = re.compile(rb'"page_token": "[^"]+"')
_LENGTH = re.compile(rb"Content-Length: [0-9]+")
"""An answer is not read as JSON: whoever asks shares the machine with those who decide, and would take from them what is measured."""


def is_decided(answer: bytes) -> bool | None:
    """Whether it is a draw's outcome; None when the person is asked to come again, or their page has become too old."""
    if (answer.startswith(b"HTTP/1.1 503") and b'"try_again"' in answer) or b'"stale_page"' in answer:
        return None
    return answer.startswith(b"HTTP/1.1 200") and b'"nonce"' in answer


def again(request: bytes, answer: bytes, times: int, chance: random.Random) -> tuple[bytes, float]:
    """What a person's page sends next, and how long it waits before: as static/h5/instant.js does."""
    if (in_line := _IN_LINE.search(answer)) is not None:
        said, wait_s = b'"place": "%s"' % in_line[2], float(in_line[1]) + chance.uniform(0, 0.1)
    elif (stale := _STALE.search(answer)) is not None:
        said, wait_s = stale[0], 0.0
    else:
        return request, AGAIN_AFTER_S[min(times, len(AGAIN_AFTER_S) - 1)] * chance.uniform(0.75, 1.25)
    head, _, body = request.partition(b"\r\n\r\n")
    name = said.partition(b":")[0]
    if name in body:
        body = re.sub(name + rb': "[^"]*"', said, body)
    else:
        body = b"{%s, %s" % (said, body[1:])
    return _LENGTH.sub(b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + body, wait_s


def run(ground: Ground) -> Iterator[Figure]:
    """The steady rate of draws first, by as many connections as elsewhere, then the crowd, twice the same campaign."""
    with closing(Runtime(ground.settings())) as runtime:
        web, stage = ground.gunicorn("burst", "wsgi:app", runtime.settings), wheel(runtime, "burst", ODDS_PPM)
        n = ground.size.requests
        taken = []
        for people in (n // 4, n, n, n):
            taken.append(checked(ground, web, tapped(stage, guests(runtime, people)), b"200", b'"nonce"'))
        steady = taken[1:]
        chance = random.Random(7)
        crowd = tapped(stage, guests(runtime, ground.size.crowd))
        before = ground.cpu_seconds(web)
        met = burst(
            web.address,
            crowd,
            OVER_S,
            CONNECTIONS,
            is_decided,
            lambda asked, said, times: again(asked, said, times, chance),
        )
        met.server_seconds = ground.cpu_seconds(web) - before
        if met.wrong:
            raise BenchProblem(f"{met.wrong} answers were wrong: {met.first_wrong}")
        with runtime.database.reading() as session:
            won = session.scalar(select(func.count()).where(Award.campaign_id == stage.campaign_id)) or 0
        check(stage, sum(each.requests for each in taken) + met.requests, won)
        rate, steady_rate = met.decided_within(OVER_S) / OVER_S, middle([each.per_second for each in steady])
        # More than come cannot be decided: where the steady rate is above theirs, theirs is what can be reached.
        coming = met.requests / OVER_S
        bound = min(steady_rate, coming)
        more = {
            "people": met.requests,
            "steady_per_second": steady_rate,
            "seconds_until_all": met.seconds,
            "turned_away": met.turned_away,
            "most_times_turned_away": met.most_times,
            "client_share_of_a_core": met.client_share,
            "p50_ms": met.wait_ms(0.5),
            "slowest_ms": met.wait_ms(1.0),
            "served_p50_ms": met.served_ms(0.5),
            "served_p99_ms": met.served_ms(0.99),
            "cpu_us": cpu_us([met]),
            "baseline_cpu_us": cpu_us(steady),
        }
        of_cpu = cpu_us(steady) / cpu_us([met])
        yield Figure(
            "burst",
            f"draws decided while {met.requests:,} people come in {OVER_S:.0f} s",
            "draws/s",
            rate,
            bound,
            "as they come" if bound == coming else "steady rate",
            rate / bound,
            RATE_AIM,
            cpu_ratio=of_cpu,
            more=more,
        )
        slow_ms = met.wait_ms(0.99)
        yield Figure(
            "burst",
            f"99 of 100 answers, {met.turned_away:,} of them to come again",
            "ms",
            slow_ms,
            SLOWEST_MS,
            "what may be",
            slow_ms / SLOWEST_MS,
            1.0,
            is_better_low=True,
            more=more,
        )
