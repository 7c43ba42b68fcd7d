"""Text callbacks a second of one process, beside others who answer the same bytes with the same words.

wxbot remembers each message, so that a repeat gets the same answer and runs nothing; the others do not. wechatpy stands behind the same
server; co-wechat brings node's own, and is left out where node or the package is not installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench_callbacks import ANSWER, KEYWORD, SILENT, beside, measured, prepared, settings_of
from bench_load import Volley
from bench_stage import TOKEN, Figure, Ground, Web

ROOT = Path(__file__).resolve().parent.parent
AIM_PYTHON, AIM_NODE = 1.0, 0.8
WHAT = "plain, answered with a text, one process"


def run(ground: Ground) -> Iterator[Figure]:
    """wxbot and each of the others, one process each, A B A B …."""
    settings = settings_of(ground, "plain")
    ours = ground.gunicorn("door", "wsgi:app", settings, workers=1)
    told = {"BENCH_TOKEN": TOKEN, "BENCH_KEYWORD": KEYWORD, "BENCH_ANSWER": ANSWER}
    measured(ground, ours, prepared(settings, ground.size.requests, SILENT), b"success")  # meanwhile it reads its rules

    def against(peer: Web, baseline: str, aim: float) -> Figure:
        n = ground.size.requests
        taken: list[tuple[Volley, Volley]] = []
        for people in (n // 4, *[n] * ground.size.rounds):
            theirs = measured(ground, peer, prepared(settings, people, KEYWORD), b"ToUserName")
            taken.append((measured(ground, ours, prepared(settings, people, KEYWORD), b"ToUserName"), theirs))
        of_ours, of_peer = (list(series) for series in zip(*taken[1:], strict=True))
        return beside("door", WHAT, of_ours, of_peer, baseline, aim)

    peer = ground.gunicorn("wechatpy", "bench_peers:app", workers=1, more=told)
    yield against(peer, "wechatpy in a Flask view", AIM_PYTHON)
    if shutil.which("node") is None or not (ROOT / "node_modules" / "co-wechat").is_dir():
        ground.leave_out("co-wechat is left out: it wants node and `npm ci` in this folder.")
        return
    peer = ground.node("co-wechat", ROOT / "scripts" / "bench_peers.cjs", told)
    yield against(peer, "co-wechat under koa on node", AIM_NODE)
