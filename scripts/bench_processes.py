"""What a second process is worth: draws and callbacks of one process, of one process for each processor, and of a plain gunicorn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from bench_callbacks import SILENT, beside, measured, prepared, settings_of
from bench_draws import SLUG, Draws, gather
from bench_load import Volley
from bench_stage import Figure, Ground, Web

from wxbot.settings import Settings

SHARED = "two on one socket, not pinned"


def webs_of(ground: Ground, name: str, settings: Settings) -> tuple[Web, Web, Web]:
    """One process; two, each with its socket and its processor (deploy/); two that share a socket, not pinned."""
    return (
        ground.gunicorn(f"{name}-one", "wsgi:app", settings, workers=1),
        ground.gunicorn(f"{name}-each", "wsgi:app", settings, workers=2),
        ground.gunicorn(f"{name}-shared", "wsgi:app", settings, workers=2, is_shared=True),
    )


def compared(what: str, webs: Sequence[Web], rounds: int, fire: Callable[[Web], Volley]) -> Iterator[Figure]:
    """Both arrangements of two beside one process, A B C A B C …."""
    for web in webs:
        fire(web)
    taken = [[fire(web) for web in webs] for _ in range(rounds)]
    one, each, shared = (list(series) for series in zip(*taken, strict=True))
    yield beside("processes", f"{what}, a socket and a processor each", each, one, "one process", None)
    yield beside("processes", f"{what}, {SHARED}", shared, one, "one process", None)


def run(ground: Ground) -> Iterator[Figure]:
    """Admitted draws, then encrypted callbacks."""
    n, rounds = ground.size.requests, ground.size.rounds
    with closing(Draws(ground)) as case:

        def draw(web: Web) -> Volley:
            return case.volley(web, gather(case.runtime, n), f"/h5/c/{SLUG}/draw", b"200", b'"admitted"')

        yield from compared("draws admitted", webs_of(ground, "draws", case.runtime.settings), rounds, draw)
        case.check(3 * n * (rounds + 1))
    settings = settings_of(ground, "encrypted")

    def callback(web: Web) -> Volley:
        return measured(ground, web, prepared(settings, n, SILENT), b"success")

    yield from compared("callbacks", webs_of(ground, "callbacks", settings), rounds, callback)
