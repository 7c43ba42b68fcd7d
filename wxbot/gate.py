"""In front of Flask: which door a request gets, and what every answer has in common."""

import re
import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from wxbot import addresses, health, logs
from wxbot.bodies import Body, finish_body, has_body
from wxbot.callback import CallbackDoor
from wxbot.draws.door import DrawDoor
from wxbot.draws.front import Front
from wxbot.draws.straight import StraightDraws
from wxbot.draws.waiting_line import WaitingLine
from wxbot.headers import of_every_answer
from wxbot.runtime import Runtime
from wxbot.settings import Settings

CALLBACK = "/wechat"
"""WeChat's messages (wxbot/callback); public, guarded by their signatures."""

SLOW_S = 1.0
"""Requests slower than this are logged."""

LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?")

log = logs.get_logger(__name__)


def _tell_slow(environ: Mapping[str, Any], took_s: float) -> None:
    if took_s > SLOW_S:
        method, path = environ.get("REQUEST_METHOD"), environ.get("PATH_INFO")
        log.warning("slow_request", method=method, path=path, seconds=round(took_s, 3))


class Gate:
    """In front of Flask: the callback, foreign Host headers (security S69), the headers of every answer, slow requests.

    Only the addresses of health.FOR_MACHINES answer under any name: a load balancer asks by the address of the machine.
    """

    def __init__(self, flask: Any, door: CallbackDoor, draw_door: DrawDoor, settings: Settings) -> None:
        self._flask = flask
        self._callback = door
        self._draw = draw_door
        public = urlsplit(settings.public_url)
        self._is_simulated = settings.is_simulated
        self._hosts = {public.netloc.lower(), (public.hostname or "").lower()}
        self._fixed = of_every_answer(settings)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request (PEP 3333)."""
        host = environ.get("HTTP_HOST", "")
        if not self._is_ours(host) and environ["PATH_INFO"] not in health.FOR_MACHINES:
            log.warning("foreign_host", host=host[:100])
            start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Content-Length", "0"), *self._fixed])
            return [b""]
        began = time.perf_counter()
        fixed = self._fixed
        if has_body(environ):
            environ["wsgi.input"] = Body(environ["wsgi.input"])

        def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            finish_body(environ, start_response)
            present = {name for name, _ in headers}
            return start_response(status, headers + [pair for pair in fixed if pair[0] not in present], error)

        answer = self._door_for(environ)(environ, start)
        _tell_slow(environ, time.perf_counter() - began)
        return answer

    def let_through(self, environ: dict[str, Any], _start_response: Any) -> dict[str, Any] | None:
        """A request to draw as its door gets it from here, or None when it does not."""
        if not self._is_ours(environ.get("HTTP_HOST", "")):
            return None
        environ["REMOTE_ADDR"] = addresses.whole(environ["REMOTE_ADDR"] or "")
        return environ

    def _door_for(self, environ: dict[str, Any]) -> Any:
        """The two crowded addresses have doors of their own in front of Flask; everything else goes through it."""
        if environ["PATH_INFO"] == CALLBACK:
            return self._callback
        environ["REMOTE_ADDR"] = addresses.whole(environ.get("REMOTE_ADDR") or "")
        return self._draw if self._draw.is_for(environ) else self._flask

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header is the public one, in any case of its letters, or loopback when simulated."""
        if host in self._hosts:
            return True
        host = host.lower()
        return host in self._hosts or (self._is_simulated and bool(LOOPBACK_HOST.fullmatch(host)))


def install(app: Flask, callback: CallbackDoor, runtime: Runtime) -> None:
    """Put the gate in front of an application, and in front of it what the server asks before it asks the application."""
    settings, draw_door = runtime.settings, DrawDoor(runtime)
    gate = Gate(app.wsgi_app, callback, draw_door, settings)
    reads = _behind_proxies(gate.let_through, settings)
    straight = StraightDraws(runtime, draw_door, lambda environ: reads(environ, None), _tell_slow)
    app.wsgi_app = _behind_proxies(gate, settings)  # type: ignore[method-assign]  # Flask documents it as what to wrap
    app.extensions["wxbot.front"] = partial(Front, WaitingLine(runtime), straight)


def _behind_proxies(application: Any, settings: Settings) -> Any:
    hops = settings.trusted_proxies
    return ProxyFix(application, x_for=hops, x_proto=hops, x_host=0) if hops else application
