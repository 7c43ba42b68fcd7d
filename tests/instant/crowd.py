"""A crowd at the door of an instant campaign: signed-in people who all tap at once."""

from __future__ import annotations

import io
import json
import secrets
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

from tests.draws.stage import BASE
from tests.instant.stage import InstantStage
from wxbot import oauth
from wxbot.draws import admit
from wxbot.draws.door import DrawDoor
from wxbot.draws.draw_state import draw_state_of
from wxbot.draws.plain_draw import plain_draw
from wxbot.draws.straight import StraightDraws
from wxbot.instant import nonces
from wxbot.runtime import Runtime

THREADS = 32


@dataclass(frozen=True)
class Person:
    """Somebody with a session."""

    openid: str
    session_id: str
    cookie: str


def person(runtime: Runtime, openid: str = "") -> Person:
    """Somebody who has signed in."""
    openid = openid or f"o{secrets.token_hex(13)}"
    session_id = secrets.token_hex(8)
    text = f"{openid}.{int(runtime.clock.unix())}.{session_id}."
    cookie = f"{oauth.session_cookie(runtime)}={text}.{oauth.signature(runtime, 'session', text)}"
    return Person(openid, session_id, cookie)


def nonce(stage: InstantStage, who: Person) -> str:
    """A nonce as the page would hold it."""
    return nonces.fresh(stage.runtime.vault, stage.campaign_id, who.openid)


def taps(stage: InstantStage, tapping: Sequence[tuple[Person, str]]) -> list[dict[str, Any]]:
    """All of them at once, through the door; what each was told."""
    runtime = stage.runtime
    door, start = DrawDoor(runtime), Barrier(min(THREADS, len(tapping)))

    def tap(place: int) -> dict[str, Any]:
        who, used = tapping[place]
        token = admit.page_token(runtime, who.session_id, stage.campaign_id, runtime.clock.unix())
        body = json.dumps({"page_token": token, "nonce": used}).encode()
        environ = {
            "PATH_INFO": f"{stage.path}/draw",
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_ORIGIN": BASE,
            "HTTP_COOKIE": who.cookie,
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(body),
        }
        if place < start.parties:
            start.wait(10)
        answer: dict[str, Any] = json.loads(door.answer(environ).body)
        return answer

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(tap, range(len(tapping))))


def asked(stage: InstantStage, who: Person, used: str, *headers: str, base: str = BASE, **more: str) -> bytes:
    """The bytes that a phone sends to draw."""
    runtime = stage.runtime
    token = admit.page_token(runtime, who.session_id, stage.campaign_id, runtime.clock.unix())
    body = json.dumps({"page_token": token, "nonce": used, **more}).encode()
    lines = [
        f"POST {stage.path}/draw HTTP/1.1",
        f"Host: {urlsplit(base).netloc}",
        f"Origin: {base}",
        f"Cookie: {who.cookie}",
    ]
    lines += ["Content-Type: application/json", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class StraightWay:
    """The way past the threads of a server, by itself."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.straight = StraightDraws(runtime, DrawDoor(runtime), lambda environ: environ, lambda *_: None)

    def answers(self, requests: Sequence[bytes]) -> list[bytes]:
        """What those who ask at one moment are answered, each once."""
        met: list[Future[bytes]] = [Future() for _ in requests]
        taken = []
        for request, answer in zip(requests, met, strict=True):
            draw = plain_draw(request)
            assert draw is not None
            assert draw_state_of(self.runtime).snapshots.find(draw.slug.decode()) is not None
            held = self.straight.taken(draw, ("127.0.0.1", 50_000), answer.set_result)
            assert held is not None
            taken.append(held)
        with ThreadPoolExecutor(THREADS) as pool:
            self.straight.decide(taken, pool.submit)
            return [answer.result(30) for answer in met]


def straight_taps(stage: InstantStage, tapping: Sequence[tuple[Person, str]]) -> list[dict[str, Any]]:
    """All of them at once, past the threads; what each was told."""
    answers = StraightWay(stage.runtime).answers([asked(stage, who, used) for who, used in tapping])
    return [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]


def tally(answers: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Outcome → how often."""
    return dict(Counter(answer["outcome"] for answer in answers))


def draw_on(settings: Any, campaign_id: int, slug: str, draws: int, place: int) -> None:
    """Draw so often, as one of several processes; each draw is another person's. Raises AssertionError when one got no answer."""
    admit.DRAWS_PER_MINUTE = 1_000_000
    runtime = Runtime(settings)
    stage = InstantStage(runtime, campaign_id, slug)
    for begin in range(0, draws, 1000):
        people = [person(runtime, f"o{place}x{n:024}") for n in range(begin, min(draws, begin + 1000))]
        answers = taps(stage, [(who, nonce(stage, who)) for who in people])
        told = tally(answers)
        assert set(told) <= {"won", "lost"}, told
    runtime.close()
