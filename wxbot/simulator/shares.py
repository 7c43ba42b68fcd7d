"""Cards that people pass on: what a page set for its card, what a friend's chat and 朋友圈 show of it (wechat-protocol §9.4).

No HTTP and no lock: the caller holds `world.lock`.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from wxbot.simulator.ground import Ground, Switch

Way = Literal["friend", "timeline"]

#: Calls that set a card: jweixin's of today, the older ones, and what the real jweixin calls them at the bridge.
SETTING: dict[str, Way] = {
    "updateAppMessageShareData": "friend",
    "onMenuShareAppMessage": "friend",
    "menu:share:appmessage": "friend",
    "updateTimelineShareData": "timeline",
    "onMenuShareTimeline": "timeline",
    "menu:share:timeline": "timeline",
}
MARKS: dict[Way, str] = {"friend": "from=singlemessage", "timeline": "from=timeline"}

KEPT = 5000
PAGES_KEPT = 20
LONGEST = {"title": 200, "desc": 500, "link": 2048, "image": 2048}

SWITCHES = (
    Switch(
        "shared_links_marked",
        "The address that a shared card opens gets from=singlemessage or from=timeline and isappinstalled=0.",
        True,
        "§9.4",
    ),
)


@dataclass(frozen=True, slots=True)
class Card:
    """What a shared card shows, and the address it leads to."""

    title: str
    desc: str
    link: str
    image: str


@dataclass(frozen=True, slots=True)
class Passed:
    """One card that went out: to a friend, or to everybody (`to_id` 0)."""

    n: int
    from_id: int
    to_id: int
    title: str
    desc: str
    link: str
    image: str
    url: str
    """What opens: the link, marked by WeChat."""
    at: float


def card_of(args: dict[str, Any]) -> Card:
    """The card as a page wrote it, cut to what WeChat shows of it; jweixin names the picture in two ways."""
    said = {**args, "image": args.get("imgUrl") or args.get("img_url")}
    return Card(**{name: str(said.get(name) or "")[:longest] for name, longest in LONGEST.items()})


def is_address(text: object) -> bool:
    """Is this the address of a page?"""
    return isinstance(text, str) and text.startswith(("http://", "https://")) and len(text) <= LONGEST["link"]


class Shares:
    """The cards that pages set on each phone, and the cards that went out, numbered from 1."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.set_by_page: dict[int, dict[str, dict[str, Card]]] = {}
        self.passed: deque[Passed] = deque(maxlen=KEPT)
        self.last = 0

    def open(self, person_id: int, page: str) -> None:
        """The page is loaded anew on this phone: what it set before is gone."""
        self.set_by_page.setdefault(person_id, {}).pop(page, None)
        self._page(person_id, page)

    def _page(self, person_id: int, page: str) -> dict[str, Card]:
        """What a page on this phone has set; of the phone's pages the newest are kept."""
        pages = self.set_by_page.setdefault(person_id, {})
        found = pages.setdefault(page, {})
        while len(pages) > PAGES_KEPT:
            del pages[next(iter(pages))]
        return found

    def put(self, person_id: int, page: str, way: Way, args: dict[str, Any]) -> None:
        """A page sets its card. Nothing is shared by it, and nobody learns whether it will be."""
        self._page(person_id, page)[way] = card_of(args)

    def card(self, person_id: int, page: str, way: Way, title: str) -> Card:
        """What this page would be shared as: as it set it, else its title, its address below, no picture."""
        found = self.set_by_page.get(person_id, {}).get(page, {}).get(way) or Card("", "", "", "")
        host = urlsplit(page).netloc
        desc = found.desc or (page if way == "friend" and not found.title else "")
        return Card(found.title or title or host, desc, found.link or page, found.image)

    def pass_on(self, from_id: int, to_id: int, card: Card) -> Passed:
        """Sends a card to a friend, or with `to_id` 0 into everybody's 朋友圈."""
        self.last += 1
        way: Way = "friend" if to_id else "timeline"
        url = marked(card.link, way) if self.ground.switches["shared_links_marked"] else card.link
        passed = Passed(self.last, from_id, to_id, **dataclasses.asdict(card), url=url, at=self.ground.clock.now())
        self.passed.append(passed)
        return passed

    def seen_by(self, person_id: int, after: int = 0) -> list[Passed]:
        """Cards after number `after` that this person sees: sent to them or by them, and all of 朋友圈; oldest first."""
        return [
            one for one in self.passed if one.n > after and (one.to_id in (0, person_id) or one.from_id == person_id)
        ]

    def to_state(self) -> dict[str, Any]:
        pages = {
            str(person_id): {
                page: {way: dataclasses.asdict(card) for way, card in cards.items()} for page, cards in of.items()
            }
            for person_id, of in self.set_by_page.items()
        }
        return {"last": self.last, "pages": pages, "passed": [dataclasses.asdict(one) for one in self.passed]}

    def load_state(self, saved: dict[str, Any]) -> None:
        self.last = saved["last"]
        self.passed = deque((Passed(**one) for one in saved["passed"]), maxlen=KEPT)
        self.set_by_page = {
            int(person_id): {page: {way: Card(**card) for way, card in cards.items()} for page, cards in of.items()}
            for person_id, of in saved["pages"].items()
        }


def marked(link: str, way: Way) -> str:
    """The link as WeChat opens it from a card, its own query and fragment kept."""
    address, mark, fragment = link.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{MARKS[way]}&isappinstalled=0{mark}{fragment}"
