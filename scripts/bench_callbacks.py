"""Text callbacks a second, against a bare Flask view that gets the very same requests."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlencode

from bench_load import Volley, fire, request
from bench_stage import HOST, BenchProblem, Figure, Ground, Web, middle

from tests.pushes import Sender
from wxbot.clock import Clock
from wxbot.db import Database
from wxbot.replies.models import ReplyRule
from wxbot.settings import Settings

KEYWORD = "营业时间"
ANSWER = "您好，我们每天 9:00 至 22:00 营业，地址是人民路 1 号。回复「红包」查看正在进行的活动。"
SILENT = "没有规则的一句话"

VARIANTS = (
    ("plain", SILENT, "plain, answered success"),
    ("plain", KEYWORD, "plain, answered with a text"),
    ("encrypted", SILENT, "encrypted, answered success"),
    ("encrypted", KEYWORD, "encrypted, answered with a text"),
)
AIM = 0.6


def settings_of(ground: Ground, mode: str) -> Settings:
    """A deployment with one keyword rule. Plain mode exists under the simulator profile only (security S03)."""
    url = ground.database_url()
    with closing(Database(url)) as database, database.transaction() as session:
        now = Clock().now()
        session.add(ReplyRule(trigger="equal", pattern=KEYWORD, reply_kind="text", text=ANSWER, updated_at=now))
    if mode == "encrypted":
        return ground.settings(database_url=url)
    closed = {f"{name}_base": "http://127.0.0.1:1" for name in ("api", "open", "mp", "res", "zb")}
    public = {"public_url": f"http://{HOST}", "profile": "simulator", "callback_mode": "plain"}
    return ground.settings(database_url=url, **closed, **public)


def prepared(settings: Settings, wanted: int, content: str) -> list[bytes]:
    """Requests as WeChat posts them: valid signatures, fresh nonces and MsgIds, another person each time."""
    sender, made = Sender(settings, time.time()), []
    for _ in range(wanted):
        openid = f"o{secrets.token_urlsafe(20)[:27]}"
        query, body = sender.packed(sender.message(Content=content, FromUserName=openid))
        made.append(request("POST", f"/wechat?{urlencode(query | {'openid': openid})}", HOST, body))
    return made


def measured(ground: Ground, web: Web, requests: list[bytes], contains: bytes) -> Volley:
    """One volley; raises BenchProblem when an answer was wrong."""
    return checked(ground, web, requests, b"200", contains)


def checked(ground: Ground, web: Web, requests: list[bytes], status: bytes, contains: bytes) -> Volley:
    """One volley and the processor time it cost the servers; raises BenchProblem when an answer was wrong."""
    before = ground.cpu_seconds(web)
    volley = fire(web.address, requests, status, contains, ground.size.concurrency)
    volley.server_seconds = ground.cpu_seconds(web) - before
    if volley.wrong:
        raise BenchProblem(
            f"{volley.wrong} of {volley.requests} answers of {web.name} were wrong: {volley.first_wrong}"
        )
    return volley


def run(ground: Ground) -> Iterator[Figure]:
    """Every variant: A B A B …, ours and the bare view, in the same run."""
    bare = ground.gunicorn("bare", "bench_bare:app")
    webs: dict[str, tuple[Web, Settings]] = {}
    for mode in ("plain", "encrypted"):
        settings = settings_of(ground, mode)
        webs[mode] = ground.gunicorn(mode, "wsgi:app", settings), settings
    for mode, content, what in VARIANTS:
        web, settings = webs[mode]
        contains = b"success" if content == SILENT else (b"ToUserName" if mode == "plain" else b"<Encrypt>")
        n, ours, base = ground.size.requests, [], []
        measured(ground, bare, prepared(settings, n // 4, content), b"success")
        measured(ground, web, prepared(settings, n // 4, content), contains)
        for _ in range(ground.size.rounds):
            base.append(measured(ground, bare, prepared(settings, n, content), b"success"))
            ours.append(measured(ground, web, prepared(settings, n, content), contains))
        yield beside("callbacks", what, ours, base, "bare Flask view", AIM)


def beside(
    case: str,
    what: str,
    ours: list[Volley],
    base: list[Volley],
    baseline_name: str,
    aim: float | None,
    *,
    is_cpu: bool = False,
) -> Figure:
    """The figure of two series of volleys: medians, and the median of the rounds' ratios. `is_cpu`: the aim is for processor time."""
    ratios = [our.per_second / bare.per_second for our, bare in zip(ours, base, strict=True)]
    return Figure(
        case,
        what,
        "requests/s",
        middle([v.per_second for v in ours]),
        middle([v.per_second for v in base]),
        baseline_name,
        middle(ratios),
        aim,
        rounds=ratios,
        cpu_ratio=cpu_us(base) / cpu_us(ours),
        is_cpu=is_cpu,
        more={
            "p50_ms": middle([v.wait_ms(0.5) for v in ours]),
            "p99_ms": middle([v.wait_ms(0.99) for v in ours]),
            "slowest_ms": max(v.wait_ms(1.0) for v in ours),
            "baseline_p99_ms": middle([v.wait_ms(0.99) for v in base]),
            "cpu_us": cpu_us(ours),
            "baseline_cpu_us": cpu_us(base),
            "client_share_of_a_core": middle([v.client_share for v in base]),
            "requests_per_round": ours[0].requests,
        },
    )


def cpu_us(volleys: list[Volley]) -> float:
    """Microseconds of the servers' processor time for one request."""
    return sum(v.server_seconds for v in volleys) / sum(v.requests for v in volleys) * 1e6
