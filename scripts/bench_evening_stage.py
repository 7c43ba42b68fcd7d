"""The hall of an evening that is measured: 2,000 guests, the web door, `live`, the screen, and what each of them sends."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlencode

from bench_crowd import Crowd
from bench_hall import SLUG, Screen
from bench_load import request
from bench_orders import settings_for
from bench_payouts import prepare
from bench_proxy import Proxy
from bench_stage import Ground as Bench
from bench_table import PASSWORD, Console

from tests.hall.hosting import Host
from tests.hall.stage import OpenHall, open_hall
from wxbot import own_page
from wxbot.hall import coming, passes, scenes, screen_pass, sign_in, told
from wxbot.phone_session import session_cookie, session_text, signature, signed
from wxbot.runtime import Runtime
from wxbot.staff import accounts

GUESTS = 2_000
COMING = 100
"""Of them, so many come within one second."""

RUSH = 500
"""So many more come as fast as they are let in."""

WINNERS = 200
PACKETS, SECONDS = 800, 30
PER_SECOND = 25
MONEY = {"name": "幸运奖", "stock": WINNERS, "per_selection": WINNERS}
RAIN = {"name": "红包雨", "way": "rain", "stock": PACKETS, "split": "exact", "total_fen": 120 * PACKETS}
RAIN |= {"min_fen": 100, "max_fen": 300, "value_fen": 300, "per_selection": 3, "seconds": SECONDS}


@dataclass(frozen=True)
class Guest:
    """One phone as the web door knows it."""

    openid: str
    session_id: str
    cookie: str


class Wall(Screen):
    """The screen, which notes when each number was on the wall first."""

    def __init__(self, cookie: str, port: int) -> None:
        super().__init__(cookie, port, time.time)
        self.seen: dict[int, float] = {}

    def hear(self, event: bytes) -> None:
        """A state: whoever is new in it."""
        super().hear(event)
        if b"event: state" in event:
            state = json.loads(event.partition(b"data: ")[2])
            for each in state["newest"]:
                self.seen.setdefault(each["no"], time.monotonic())


class Evening:
    """The hall that is measured, and its phones."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.wechat = bench.simulator()
        settings = settings_for(bench, self.wechat, 8)
        self.settings = settings.model_copy(update={"pay_per_second": PER_SECOND, "live_streams": 3 * GUESTS})
        self.runtime = Runtime(self.settings)
        self.web = bench.gunicorn("evening", "wsgi:app", self.settings)
        self.live = bench.live("evening-live", self.settings)
        self.proxy = Proxy(self.web)
        openids = prepare(self.runtime, self.wechat, 10 * (GUESTS + COMING + RUSH))
        self.guests = [self._guest(openid) for openid in openids]
        terms = {"mode": "seed", "channel": "sendredpack", "carry": False}
        self.hall: OpenHall = open_hall(
            self.runtime, (MONEY, RAIN), slug=SLUG, terms=terms, budget_fen=10_000_000, send_name="示例小店"
        )
        accounts.hire(self.runtime.database, "cashier", "财务", "cashier", PASSWORD, self.runtime.clock.now())
        self._come_in(openids[:GUESTS])
        name = screen_pass.cookie_name(self.runtime, SLUG)
        self.wall = Wall(f"{name}={screen_pass.write(self.runtime, SLUG, 1)}", self.live.port)
        self._stack = ExitStack()

    def close(self) -> None:
        """Let go of phones, Redis and the database."""
        self._stack.close()
        self.runtime.close()

    def crowd(self) -> Crowd:
        """Every guest who is here on a stream of their own, until the evening is over."""
        return self._stack.enter_context(Crowd(self.live.port, [guest.cookie for guest in self.guests[:GUESTS]]))

    def empty(self) -> None:
        """Every phone of the crowd leaves; returns when `live` has let go of them."""
        self._stack.close()
        time.sleep(2)

    def _guest(self, openid: str) -> Guest:
        session_id = "0123456789abcdef"
        text = session_text(openid, int(self.runtime.clock.unix()), session_id)
        return Guest(openid, session_id, f"{session_cookie(self.runtime)}={signed(self.runtime, 'session', text)}")

    def _come_in(self, openids: Sequence[str]) -> None:
        """Those who came before anything was measured."""
        for start in range(0, len(openids), 100):
            comers = [
                sign_in.Comer(openid, sign_in.GuestDetails(f"来宾{start + n}"))
                for n, openid in enumerate(openids[start : start + 100])
            ]
            with self.runtime.database.transaction() as session:
                now = self.runtime.database.now(session)
                found = sign_in.sign_in_all(session, self.hall.campaign_id, comers, now)
            for guest in found:
                if not isinstance(guest, Exception):
                    coming.remember(self.runtime, SLUG, guest)
        told.tell(self.runtime, self.hall.campaign_id)

    def show(self, scene: str) -> None:
        """Another scene, of which every phone is told."""
        Host(self.hall).do(scenes.show, self.hall.campaign_id, scene)
        told.tell(self.runtime, self.hall.campaign_id)

    def console(self) -> tuple[str, str]:
        """The host of the console's address, and the cookies of a cashier who is signed in."""
        console = Console(self.web, self.hall.campaign_id, 0)
        console.sign_in()
        return f"127.0.0.1:{self.web.port}", console.cookie

    def form(self, who: Guest, path: str, **fields: str) -> bytes:
        """What this person's page sends."""
        now = self.runtime.clock.unix()
        mark = own_page.mark(lambda text: signature(self.runtime, "form", text), who.session_id, now)
        body = urlencode({"form_mark": mark, **fields}).encode()
        return self._request("POST", path, who, body)

    def get(self, who: Guest, path: str) -> bytes:
        """What this person's page asks for."""
        return self._request("GET", path, who, b"")

    def _request(self, method: str, path: str, who: Guest, body: bytes) -> bytes:
        base = self.settings.public_url
        headers = [("Cookie", who.cookie), ("Accept", "application/json"), ("Origin", base)]
        headers += [("Sec-Fetch-Site", "same-origin")]
        kind = "application/x-www-form-urlencoded"
        return request(method, f"/h5/hall/{SLUG}/{path}", base.split("//")[1], body, kind, headers)

    def sign_in(self, who: Guest, name: str) -> bytes:
        """The form with which somebody signs in."""
        given = passes.make(self.runtime, self.hall.campaign_id, who.openid)
        return self.form(who, "sign-in", **{"way": "pass", "pass": given, "name": name})
