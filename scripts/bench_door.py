"""Text callbacks a second of one process, beside others who answer the same bytes with the same words on the same server.

wxbot remembers each message, so that a repeat gets the same answer and runs nothing; the others do not.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench_callbacks import ANSWER, KEYWORD, SILENT, beside, measured, prepared, settings_of
from bench_load import Volley
from bench_stage import TOKEN, Figure, Ground

AIM = 1.0


def run(ground: Ground) -> Iterator[Figure]:
    """wxbot and wechatpy, one gunicorn process each, A B A B …."""
    settings = settings_of(ground, "plain")
    ours = ground.gunicorn("door", "wsgi:app", settings, workers=1)
    told = {"BENCH_TOKEN": TOKEN, "BENCH_KEYWORD": KEYWORD, "BENCH_ANSWER": ANSWER}
    peer = ground.gunicorn("wechatpy", "bench_peers:app", workers=1, more=told)
    n = ground.size.requests
    measured(ground, ours, prepared(settings, n, SILENT), b"success")  # meanwhile it reads its rules
    taken: list[tuple[Volley, Volley]] = []
    for people in (n // 4, *[n] * ground.size.rounds):
        theirs = measured(ground, peer, prepared(settings, people, KEYWORD), b"ToUserName")
        taken.append((measured(ground, ours, prepared(settings, people, KEYWORD), b"ToUserName"), theirs))
    of_ours, of_peer = (list(series) for series in zip(*taken[1:], strict=True))
    yield beside("door", "plain, answered with a text, one process", of_ours, of_peer, "wechatpy in a Flask view", AIM)
