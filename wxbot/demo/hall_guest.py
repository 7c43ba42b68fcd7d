"""People in a hall: they sign in by the code on the screen, catch what rains, race, and collect what they won."""

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import connect
from websockets.typing import Origin

from wxbot.clock import Clock
from wxbot.demo.actors import TIMEOUT_S
from wxbot.demo.people_clients import Player, field_of, state_of


@dataclass
class Guest(Player):
    """Somebody in a hall: signs in by the code on the screen, and plays on the phone."""

    mark: str = ""

    def may_sign_in(self, url: str) -> bool:
        """Whether there is a form behind the address."""
        reply = self.session.get(url, timeout=TIMEOUT_S)
        return reply.ok and 'name="form_mark"' in reply.text

    def sign_in(self, url: str, word: str = "") -> None:
        """Open the address of the code (or of the door, with its word), type a name, and stay on the page."""
        page = self._page(url.removeprefix(self.base_url))
        fields = {name: field_of(page, name) for name in ("form_mark", "way")}
        fields |= {"word": word} if word else {"pass": field_of(page, "pass")}
        path = urlsplit(url).path
        reply = self._submit(f"{path}/sign-in", {**fields, "name": str(self.known["nickname"])})
        self.mark = str(state_of(reply.text)["mark"])

    def own(self, slug: str) -> dict[str, Any]:
        """How this guest stands."""
        reply = self.session.get(f"{self.base_url}/h5/hall/{slug}/me", timeout=TIMEOUT_S)
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
        return found

    def catch(self, slug: str, slot: int) -> dict[str, Any]:
        """Tap a packet of the rain."""
        headers = {"X-Form-Mark": self.mark, "Origin": self.base_url, "Accept": "application/json"}
        address = f"{self.base_url}/h5/hall/{slug}/rain"
        reply = self.session.post(address, data={"slot": str(slot)}, headers=headers, timeout=TIMEOUT_S)
        answer: dict[str, Any] = reply.json()
        return answer

    def won(self, slug: str) -> list[str]:
        """The awards of money that wait to be collected."""
        return [
            str(each["award"]) for each in self.own(slug)["won"] if each["state"] == "open" and each["kind"] == "money"
        ]

    def race(self, live_url: str, slug: str, game: dict[str, Any], taps_per_s: int, clock: Clock) -> None:
        """Shake to the end of a race, so often a second; once a second the phone says how often it was in all."""
        address = f"{live_url.replace('http', 'ws', 1)}/live/{slug}/race"
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.session.cookies)
        headers = {"Cookie": cookies, "User-Agent": str(self.session.headers["User-Agent"])}
        seconds = round(game["end"] - game["begin"])
        with connect(address, origin=Origin(self.base_url), additional_headers=headers, compression=None) as socket:
            for seq in range(1, seconds + 2):
                clock.refresh()
                time.sleep(max(0.0, game["begin"] + seq - clock.now().timestamp()))
                socket.send(json.dumps({"seq": seq, "count": min(seq, seconds) * taps_per_s}))
