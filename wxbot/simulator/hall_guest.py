"""One guest of a hall [现场抽奖]: a phone that opens the page behind a code, signs in by its form, asks how it stands, catches packets.

Nothing here knows the application but by what its pages say: a form, a JSON state, doors beside the page's own address.
"""

from __future__ import annotations

import html
import json
import re
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

import requests

from wxbot.simulator.people import Person

BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 MicroMessenger/8.0.50"
TIMEOUT_S = 20
PAGE_STATE = re.compile(r'<script type="application/json" id="state">(.*?)</script>', re.S)
SENTENCES = (re.compile(r'id="told"[^>]*>([^<]+)<'), re.compile(r"<h2[^>]*>([^<]+)<"))
"""Where a page says why there is no form."""

State = Literal["coming", "here", "offline", "left", "turned_away"]


class Turned(Exception):
    """The page has no form for this guest, or refused it; the text is its sentence."""


@dataclass(frozen=True)
class Place:
    """The hall that a sign-in address leads to."""

    url: str
    word: str = ""

    @property
    def base(self) -> str:
        """The application's origin."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.url))

    @property
    def path(self) -> str:
        """The page without its code."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def screen(self) -> str:
        """Where the big screen of this hall is."""
        return f"{self.base}/hall/{quote(self.path.rsplit('/', 1)[-1])}/screen"


class Row(NamedTuple):
    """A line of a hall's list of invited people: what somebody on it types."""

    key: str
    name: str


class SignInForm(HTMLParser):
    """The first form that carries a mark: where it goes, what its fields hold, what its lists offer."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self._chosen_from = ""
        self._is_option = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, inputs, lists."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and "form_mark" not in self.fields:
            self.action, self.fields, self.choices = given.get("action", ""), {}, {}
        elif tag == "input" and given.get("name"):
            self.fields.setdefault(given["name"], given.get("value", ""))
        elif tag == "select":
            self._chosen_from = given.get("name", "")
            self.choices[self._chosen_from] = []
        self._is_option = tag == "option" and given.get("value") != ""  # an empty one says what to do

    def handle_endtag(self, tag: str) -> None:
        """An option or a list is over."""
        self._is_option = False
        self._chosen_from = "" if tag == "select" else self._chosen_from

    def handle_data(self, data: str) -> None:
        """The words of an option are its value."""
        if self._is_option and self._chosen_from and data.strip():
            self.choices[self._chosen_from].append(data.strip())

    @property
    def is_there(self) -> bool:
        """Whether the page has such a form."""
        return "form_mark" in self.fields


@dataclass
class Guest:
    """One person of the simulator in a hall. Calls raise requests.RequestException when the network is gone."""

    person_id: int
    nickname: str
    place: Place
    wechat_host: str
    state: State = "coming"
    reason: str = ""
    no: int = 0
    caught: int = 0
    caught_fen: int = 0
    missed: int = 0
    shaken: int = 0
    seq: int = 0
    prizes: int = 0
    game: int = 0
    """The game that this guest plays or has played."""
    is_racing: bool = False
    until: float = 0.0
    """Monotonic time at which a lost network is back."""
    mark: str = ""
    live: str = ""
    form: SignInForm | None = None
    row: Row | None = None
    """Their line of the list, where only invited people may come in."""
    session: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def of(cls, person: Person, place: Place, wechat_url: str, row: Row | None = None) -> Guest:
        """This person with a phone in WeChat."""
        made = cls(person.id, person.nickname, place, urlsplit(wechat_url).hostname or "", row=row)
        made.session.headers["User-Agent"] = BROWSER
        made.session.cookies.set("sim_person", str(person.id), domain=made.wechat_host, path="/")
        return made

    def shown(self) -> dict[str, Any]:
        """What the page and a test see of a guest."""
        names = ("no", "state", "reason", "caught", "caught_fen", "missed", "shaken", "prizes")
        return {"id": self.person_id, "nickname": self.nickname, **{name: getattr(self, name) for name in names}}

    @property
    def is_here(self) -> bool:
        """Signed in, page open, network there."""
        return self.state == "here"

    # --- the page -----------------------------------------------------------------------------------------------

    def open(self, url: str) -> str:
        """A page in WeChat's browser, over the silent way through WeChat when it is the first."""
        reply = self.session.get(url, timeout=TIMEOUT_S)
        page = reply.text
        found = PAGE_STATE.search(page)
        if found is not None:
            state = json.loads(found[1])
            self.mark, self.live = str(state.get("mark", "")), str(state.get("live") or self.place.base)
            self.no = int((state.get("me") or {}).get("no", 0))
        return page

    def read_form(self) -> None:
        """Open the sign-in address: a code of the screen lives half a minute, its form longer. Raises Turned."""
        page = self.open(self.place.url)
        self.form = SignInForm(page)
        if not self.no and (not self.form.is_there or not self.form.action):
            said = (pattern.search(page) for pattern in SENTENCES)
            raise Turned(next((html.unescape(one[1]).strip() for one in said if one), "there is no form on the page"))

    def sign_in(self) -> None:
        """Type the name (and the word of the day, and a group; or one's row of the list) and stay on the page. Raises Turned."""
        if not self.no and self.form is not None:
            groups = {
                name: offered[self.person_id % len(offered)] for name, offered in self.form.choices.items() if offered
            }
            typed = {"name": self.nickname, **({"word": self.place.word} if "word" in self.form.fields else {})}
            typed |= self.row._asdict() if self.row is not None and "key" in self.form.fields else {}
            reply = self._post(urljoin(self.place.base, self.form.action), {**self.form.fields, **groups, **typed})
            if not reply.ok:
                raise Turned(_sentence(reply))
            self.open(self.place.base + self.place.path)
        self.form = None

    def come_back(self) -> None:
        """Open the page again, with the cookies that this phone has kept. Raises Turned when it knows no guest any more."""
        self.no = 0
        page = self.open(self.place.base + self.place.path)
        if not self.no:
            said = SENTENCES[1].search(page)
            raise Turned(html.unescape(said[1]).strip() if said else "the page knows no guest")

    def own(self) -> dict[str, Any]:
        """How this guest stands: number, prizes, what is theirs in the game that runs."""
        reply = self.session.get(f"{self.place.base}{self.place.path}/me", timeout=TIMEOUT_S)
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
        self.prizes = len(found.get("won", ()))
        found["off_s"] = float(found.get("now", time.time())) - time.time()
        return found

    def catch(self, slot: int) -> None:
        """Tap a packet of the rain."""
        reply = self._post(f"{self.place.base}{self.place.path}/rain", {"slot": str(slot)})
        if reply.ok:
            self.caught += 1
            self.caught_fen += int(reply.json().get("fen", 0))
        else:
            self.missed += 1

    def _post(self, url: str, fields: dict[str, str]) -> requests.Response:
        """What the page's script sends."""
        headers = {"X-Form-Mark": self.mark, "Origin": self.place.base, "Accept": "application/json"}
        return self.session.post(url, data=fields, headers=headers, timeout=TIMEOUT_S)

    # --- the socket of a race -----------------------------------------------------------------------------------

    @property
    def race_url(self) -> str:
        """Where shakes are counted."""
        slug = self.place.path.rsplit("/", 1)[-1]
        return f"{(self.live or self.place.base).replace('http', 'ws', 1)}/live/{slug}/race"

    def cookies(self, url: str) -> str:
        """The Cookie header that this phone sends to an address."""
        asked = requests.Request("GET", url.replace("ws", "http", 1) if url.startswith("ws") else url)
        return str(self.session.prepare_request(asked).headers.get("Cookie", ""))


def _sentence(reply: requests.Response) -> str:
    try:
        said = reply.json()
        return str(said.get("text") or said.get("outcome") or reply.status_code)
    except ValueError:
        return f"HTTP {reply.status_code}"
