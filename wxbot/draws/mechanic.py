"""What the crowd's door asks of the way a campaign gives. The table of the ways is wxbot/mechanics.py, far above; a snapshot
carries its campaign's way. What a campaign's life asks stands in campaigns/mechanic.py.

A page load asks `welcome`, then shows `page` with `page_state`. A tap goes through the door (session, own page, page token) and
`admit`: one look into Redis (rates, `proof_key`, `drawn_key`), `recall` of an earlier answer, the window and `Stock`, `prove`,
`hand_out`, and one place in a shared commit, where `book` decides among up to 128 people at once. Whatever may change between
two people of one batch (a number, a stock, a budget) is decided there and nowhere before. What `book` says is `kept` in Redis
for two minutes, for repeats; the rows hold it for ever.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import table
from wxbot.campaigns.models import Campaign
from wxbot.draws.admission import BookDraws, Booked
from wxbot.draws.outcomes import Outcome
from wxbot.runtime import Runtime
from wxbot.text import Text
from wxbot.vault import Vault

FunnelPart = Literal["channel_code", "hour"]
"""By what people are told apart."""


class Stock(Protocol):
    """What can be handed out now, as a snapshot keeps it; further fields are the mechanic's own."""

    @property
    def packets(self) -> int:
        """How many packets wait to be drawn."""

    @property
    def is_open(self) -> bool:
        """Whether the other side hands them out."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who asks, the ticket their page came with, and the word [口令] they typed, where a campaign asks for one."""

    openid: str
    ticket: str
    password: str = ""


class Proven(Protocol):
    """A person was where the campaign is."""

    @property
    def device_id(self) -> str:
        """At which place."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawMechanic:
    """One way to give, as the crowd meets it. A `stock` that is passed is what `read_stock` returned."""

    read_stock: Callable[[Session, Vault, Campaign, int, datetime], Stock]
    """What can be handed out of so many loaded packets; asked twice a second per campaign and process, never in a draw."""
    proof_key: Callable[[str], str]
    """The Redis key under which a proven ticket stands, from the ticket's hash: fetched in the one look of a draw."""
    drawn_key: Callable[[int, str, str], str]
    """The Redis key under which a draw is remembered, from campaign, openid and the ticket's hash: fetched in the same look."""
    recall: Callable[[str], tuple[Booked, bool]]
    """What stands there: the earlier answer, and whether it holds whatever the gates say now (else they are asked first)."""
    prove: Callable[[Runtime, Any, Entrant, str | None, float], Proven | Outcome]
    """The proof behind a request to draw (what Redis holds, Unix seconds), or the refusal."""
    proves_alone: bool = False
    """Whether `prove` asks nobody, even when Redis holds nothing: then no thread is kept for its answer."""
    welcome: Callable[[Runtime, Any, Entrant, float], Outcome | None]
    """What is wrong with the way a person came to the page, or None: what WeChat says is kept, the draw finds it in Redis."""
    arrival: str | None = None
    """As what a page is counted besides whose ticket proved its person's place (`arrival_word` in the funnel); None where no place
    is proven."""
    arrival_word: Text | None = None
    hand_out: Callable[[Any, str], str | None]
    """What an openid gets, as one line that is kept with the draw and handed out again (S34); None when odds that are known
    before the commit say no."""
    book: BookDraws
    """The durable decision, in the commit that the admissions of one moment share; `one_winner.book` where a person wins once."""
    answer: Callable[[str, str, str], Mapping[str, Any]]
    """A line that was handed out, the openid and the language, as the page's script needs them: what the JSON answer holds besides
    the words, or in their place."""
    sentence: Callable[[Outcome, str], tuple[str, str]]
    """An outcome in "zh" or "en": its headline, and what to do next."""
    page: str
    """The template of the page; it is given `snapshot`, `state`, `mine`, `refusal`, `sentences` and the addresses of WeChat's scripts."""
    page_state: Callable[[Runtime, Any, str], Mapping[str, Any]]
    """What its script needs beside the live part, from the snapshot and the language; called within the request."""
    stored: Callable[[Runtime, Any, Entrant], Booked | None]
    """What an earlier request with this ticket ended in, when the gates are shut now and Redis has forgotten it."""
    person_state: Callable[[Runtime, Any, str, str], Mapping[str, Any]]
    """What page and script are told of one openid, from the snapshot and the language: fresh with every look."""
    mine: Callable[[Runtime, int, str], str]
    """How an openid stands in a campaign, in a word: the page shows it, and its script asks again."""
    rules: str
    """The template of the rules everybody may read."""
    rules_facts: Callable[[Any], Mapping[str, Any]]
    """What it shows beside the snapshot."""
    outside: Text
    """What to do instead, for those who open the page outside WeChat."""
    has_afterwards: bool = False
    """Whether WeChat shows a packet page of its own, and leads from there to the page that says so (jump_url)."""
    drew: Callable[[Session, int], int]
    """How many people of a campaign have drawn, each once; asked twice a minute at most, for the console."""
    reached: Callable[[Session, int], Mapping[str, int]]
    """How many people of a campaign have come to each step behind the draw (funnel.STEPS), each once; asked every five seconds at
    most, for the console."""
    people_by: Callable[[Session, int, FunnelPart, str | None], Mapping[str, Mapping[str, int]]] | None = None
    """The same, and who drew, for each channel code or Shanghai hour in which people drew first, of one channel code alone where one is
    given; None where the draws do not tell."""


def way_of(name: str) -> DrawMechanic:
    """The way with this name. Raises KeyError."""
    way: DrawMechanic = table()[name]
    return way


def ticket_hash(ticket: str) -> str:
    """How an entrance ticket is named in our tables and in Redis: 64 hex characters, whatever a stranger sends."""
    return hashlib.sha256(ticket.encode(errors="surrogatepass")).hexdigest()
