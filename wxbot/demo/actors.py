"""The people of the demo's story: staff at the console and persons with phones, all over HTTP like anybody else."""

import html
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

PHONE_BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 MicroMessenger/8.0.50"
TIMEOUT_S = 30
PATIENCE_S = 240
"""A step of a story that takes longer than this has failed."""

FOLLOWED_S = 1.0
"""After so long every process lives by a clock that was moved: they read it twice a second, and tasks run once a second."""

SIGN_IN = "/sign-in"


def browser() -> requests.Session:
    """A session that asks for a page again when the server closes the kept connection in that moment, as browsers do.

    Nothing that is posted is sent twice.
    """
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(total=2, redirect=False, allowed_methods=["GET"])))
    return session


class StoryProblem(Exception):
    """Something in the story went another way than it should; the text says where."""


class World:
    """The simulator's control interface."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._session = requests.Session()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One control call; raises StoryProblem when the simulator refuses it."""
        reply = self._session.request(method, f"{self.base_url}/_sim/{path}", json=body, timeout=TIMEOUT_S)
        if not reply.ok:
            raise StoryProblem(f"simulator: {method} {path} → {reply.status_code} {reply.text[:200]}")
        return reply.json() if reply.content else None

    def pass_time(self, seconds: float) -> None:
        """Let simulated time go by, and everybody notice."""
        self.call("POST", "clock", {"advance_s": seconds})
        time.sleep(FOLLOWED_S)

    def wait_until(self, at: float) -> None:
        """Wait for a moment of the simulated time (Unix seconds); but for the last FOLLOWED_S it is skipped."""
        left_s = at - float(self.call("GET", "clock")["now"])
        if left_s > FOLLOWED_S:
            self.call("POST", "clock", {"advance_s": left_s - FOLLOWED_S})
        time.sleep(max(0.0, min(left_s, FOLLOWED_S)))


def until(is_done: Callable[[], bool], what: str) -> None:
    """Ask again and again. Raises StoryProblem when it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_done():
        if time.monotonic() > deadline:
            raise StoryProblem(f"waited {PATIENCE_S} s for {what}; see the worker's log")
        time.sleep(0.2)


class Clerk:
    """One member of staff in a browser of their own."""

    def __init__(self, base_url: str, login: str, password: str) -> None:
        self.base_url = f"{base_url}/admin"
        self._session = browser()
        self._post(SIGN_IN, self._read(SIGN_IN), login=login, password=password)

    def _read(self, path: str) -> str:
        reply = self._session.get(self.base_url + path, timeout=TIMEOUT_S)
        reply.raise_for_status()
        if path != SIGN_IN and urlsplit(reply.url).path.endswith(SIGN_IN):
            raise StoryProblem(f"console: signed out before {path}")
        return reply.text

    def _post(self, path: str, page: str, **fields: Any) -> requests.Response:
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        if found is None:
            raise StoryProblem(f"console: no form on the page before {path}")
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.base_url))
        reply = self._session.post(
            self.base_url + path,
            data={**fields, "csrf_token": html.unescape(found[1])},
            headers={"Origin": origin},
            timeout=TIMEOUT_S,
        )
        if not reply.ok:
            raise StoryProblem(f"console: {path} → {reply.status_code}: {_faults(reply.text)}")
        return reply

    def draft(self, **fields: Any) -> int:
        """Write a draft in the form; returns the campaign's id."""
        reply = self._post("/campaigns/new", self._read("/campaigns/new"), **fields)
        found = re.search(r"/campaigns/(\d+)", urlsplit(reply.url).path)
        if found is None:
            raise StoryProblem(f"console: the draft was not saved: {_faults(reply.text)}")
        return int(found[1])

    def press(self, campaign_id: int, button: str) -> None:
        """Press a button on the campaign's page: submit, approve, launch, pause, resume or close."""
        page = self._read(f"/campaigns/{campaign_id}")
        seen = re.search(r'name="content_sha256" value="([0-9a-f]+)"', page)
        self._post(f"/campaigns/{campaign_id}/{button}", page, **({"content_sha256": seen[1]} if seen else {}))


def _faults(page: str) -> str:
    """The sentences beside the fields of a refused form."""
    words = re.findall(r'class="[^"]*(?:invalid-feedback|alert|fault)[^"]*"[^>]*>\s*([^<]+)<', page)
    return " ".join(html.unescape(word).strip() for word in words)[:400]


@dataclass
class Person:
    """One person: a phone in WeChat, near the shop's beacon."""

    world: World
    known: dict[str, Any]
    session: requests.Session = field(default_factory=browser)

    @property
    def id(self) -> str:
        """The simulator's number of this person."""
        return str(self.known["id"])

    def take_phone(self) -> None:
        """WeChat on this phone belongs to this person from now on."""
        self.session.headers["User-Agent"] = PHONE_BROWSER
        self.session.post(f"{self.world.base_url}/_sim/people/{self.id}/session", timeout=TIMEOUT_S).raise_for_status()

    def walk_to(self, device_id: int) -> None:
        """Stand near a beacon."""
        self.world.call("POST", f"people/{self.id}/near", {"device_ids": [device_id]})

    def shake(self) -> str:
        """Shake; the address behind the first card."""
        cards = self.world.call("POST", f"people/{self.id}/shake").get("cards") or []
        if not cards:
            raise StoryProblem("a shake brought no card")
        return str(cards[0]["url"])

    def open_page(self, url: str) -> dict[str, Any]:
        """Open the page in WeChat: one silent authorisation and back; returns the page's state."""
        reply = self.session.get(url, timeout=TIMEOUT_S)
        reply.raise_for_status()
        found = re.search(r'<script type="application/json" id="state">(.*?)</script>', reply.text, re.S)
        if found is None:
            raise StoryProblem(f"the draw page did not open: {reply.url}")
        state: dict[str, Any] = json.loads(html.unescape(found[1]))
        return state

    def ask_to_draw(self, url: str, state: dict[str, Any]) -> dict[str, Any]:
        """Tap the button: the server's answer."""
        parts = urlsplit(url)
        ticket = parse_qs(parts.query).get("ticket", [""])[0]
        reply = self.session.post(
            f"{parts.scheme}://{parts.netloc}{parts.path}/draw",
            json={"page_token": state["page_token"], "ticket": ticket},
            headers={"Origin": f"{parts.scheme}://{parts.netloc}"},
            timeout=TIMEOUT_S,
        )
        answer: dict[str, Any] = reply.json()
        return answer

    def jump(self, url: str, jump: dict[str, Any]) -> dict[str, Any]:
        """What WeChat does with jumpHongbao."""
        answer: dict[str, Any] = self.world.call("POST", f"people/{self.id}/jump_hongbao", {**jump, "page_url": url})
        return answer

    def open_packets(self) -> int:
        """Open every packet that waits; returns the fen received."""
        packets = self.world.call("GET", f"people/{self.id}/packets")["packets"]
        waiting = [packet for packet in packets if packet["status"] == "pending"]
        return sum(
            int(self.world.call("POST", f"people/{self.id}/packets/{packet['detail_id']}/open")["amount_fen"])
            for packet in waiting
        )
