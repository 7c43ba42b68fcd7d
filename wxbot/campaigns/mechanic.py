"""What a campaign asks of the way it gives. The table of the ways is wxbot/mechanics.py, above; what the crowd's door asks
stands in draws/mechanic.py.

A further way is a room of its own beside shake/, a row of that table, and nothing else here. What its campaigns hold beyond the
columns that every campaign has stands in `Campaign.terms`, a JSON object of the mechanic's own: it is written, copied, hashed
for the approval and put aside half-written like the rest of a draft. What every campaign has: name, act_name (what people
read), window, daily hours, budget, tries, expected people, rules, organiser, contact, keyword. The other columns of a draft
are of packets and their words, and may stay empty.

A launch goes on → off → closing → closed by `steps`: they are given the campaign under its lease, and end with `launch.end`
(the window is over) and `close.finish` (nothing is owed any more).
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Refusal, Text

Values = Mapping[str, Any]
"""A draft, or what could be read of one."""

Form = Mapping[str, Any]
"""A form as it came, or as it was put aside; `draft_form.many` reads a field that repeats from either."""

Typed = Mapping[str, str | list[str]]
"""Form field → what stands in it; a list for a field that repeats."""

DraftCheck = Callable[[Values, datetime], Iterator[Refusal]]

Caution = Callable[[Session, Settings, Values, int | None], Iterator[Refusal]]
"""What is allowed and may surprise, beside the field of the draft; the number is the campaign's own, if it has one."""

Forget = Callable[[Session, int], None]
"""Deletes what a draft (its id) has in rows of the mechanic's own, before the draft itself goes."""


def keep_nothing(_session: Session, _campaign_id: int) -> None:
    """A mechanic whose drafts have no rows of their own."""


LaunchStep = Callable[[Runtime, Campaign], int]
"""Does what can be done now and commits it; returns how much that was."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DraftTemplate:
    """A draft to begin with: all that a campaign like it needs but what only its marketer knows (budget, dates, who stands for it)."""

    icon: str
    word: Text
    text: Text
    """For whom it is, and how people come to it."""
    fields: Typed
    """What stands in the form."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DraftPart:
    """The mechanic's own part of a draft's form."""

    fields: tuple[str, ...]
    """Its form fields, kept as they were typed while a draft is half-written."""
    rows: tuple[str, ...] = ()
    """Those of its form fields that repeat, row by row."""
    steps: Mapping[str, str] = field(default_factory=dict)
    """Field → the step of the form that holds it (wizard.STEPS); the others stand beside the prizes, and a hidden one in none ('')."""
    shelf: Mapping[str, DraftTemplate] = field(default_factory=dict)
    """Templates to begin with, by their names in an address."""
    read: Callable[[Form], tuple[dict[str, Any], list[Refusal]]]
    """(columns of the draft by name, `terms` among them, that could be read; faults of the others)."""
    typed: Callable[[Campaign], Typed]
    """The form that a stored draft came from."""
    blank: Callable[[Settings], Typed]
    """The form of a new draft: what is usual; fields of every campaign may be among them."""
    days: int = 6
    """A new draft begins tomorrow, and ends so many days later."""
    hours: tuple[int, int] = (9, 21)
    """At which hours in Shanghai: of the first day, of the last."""
    page: str
    """The template of the form: it extends console/draft.html and fills its blocks."""
    shown: Callable[[Form], Mapping[str, Any]]
    """What the blocks need beside `form` and `faults`."""
    words: Callable[[], Mapping[str, str]]
    """Field → what it is called, in the reader's language; a fault is listed under it."""
    step_words: Callable[[], Mapping[str, str]] = dict
    """Step → what it is called, where that differs from wizard.words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ForecastPart:
    """What a draft will mean, beside its form."""

    fields: frozenset[str]
    """Fields it is made from: beside a fault of one of them no figure is shown."""
    typed_in: Mapping[str, str]
    """Of those, the ones that are no form field themselves → where they are typed."""
    make: Callable[[Values, Settings], Any | None]
    """The forecast, None while something it needs is missing. Reads no row: it is asked while somebody types."""
    part: str
    """The template that shows it as `forecast`."""


DAY_SUMS = (
    "visits",
    "people",
    "draws",
    "wins",
    "won_fen",
    "tapped",
    "paid",
    "paid_fen",
    "given",
    "forfeited",
    "forfeited_fen",
)
"""The figures of a day (draws/days.py); all of them but `people` add up over days. `visits` are counted for every mechanic."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DaysPart:
    """What the report of a campaign's days asks: each by the campaign's id, of the time from one moment to before another."""

    figures: Callable[[Session, int, datetime, datetime], Mapping[str, int | None]]
    """Those of DAY_SUMS that are not 0: draws by their moment, what was asked for, received and taken back by theirs."""
    prizes: Callable[[Session, int, datetime, datetime], list[dict[str, Any]]]
    """Of each prize its name, `stock`, how many were `given` and how many were `left` at the end."""
    owes: Callable[[Session, int], bool]
    """Whether something that was won may still be received or taken back."""
    settled_at: Callable[[Session, int], datetime | None]
    """When this last happened."""


@dataclass(frozen=True, slots=True)
class CampaignCard:
    """What stands on a card that leads to a campaign, beside its name."""

    text: Text
    picture: str
    """The path of a picture under our own address."""


DEFAULT_PICTURE = "/static/h5/card-wide.png"
"""The chat cuts a picture to about 2.35 : 1."""


def plain_card(_campaign: Campaign) -> CampaignCard:
    """A card with nothing but the house's picture beside the campaign's name."""
    return CampaignCard(Text("", ""), DEFAULT_PICTURE)


@dataclass(frozen=True, kw_only=True, eq=False)
class CampaignMechanic:
    """One way to give, as a campaign's life meets it."""

    word: Text
    """What marketers call it."""
    draft: DraftPart
    forecast: ForecastPart
    faults: tuple[DraftCheck, ...]
    """What it cannot do, beside the field of the draft."""
    entrance: DraftCheck
    """Names it when nobody could come in; asked once more at the launch."""
    cautions: tuple[Caution, ...]
    forget: Forget = keep_nothing
    card: Callable[[Campaign], CampaignCard] = plain_card
    """How the chat shows it; no row is read for it."""
    has_draws: bool = True
    """Whether people draw on their phones: then draws, their refusals and the ways in are counted and shown."""
    is_drawn_by_us: bool = False
    """Whether our own program decides who wins: then who submits and who approves has tied a WeChat, which cannot win."""
    steps: Mapping[str, tuple[LaunchStep, ...]]
    """Campaign status (launching, on, off, closing) → the steps a worker takes, in order."""
    lead: timedelta
    """Nothing is ordered earlier than this before the window opens."""
    console_page: str
    """The template of the campaign's page in the console: it extends console/campaign.html and fills its blocks."""
    console: Callable[[Session, Campaign], Mapping[str, Any]]
    """What those blocks show."""
    given: Callable[[Session, Sequence[Campaign]], Mapping[int, tuple[int, int]]]
    """Of some campaigns, by id: how many of its packets or prizes people have won, and how many there are, drafts too."""
    days: DaysPart
    """The figures of its daily report."""
    figures: str
    """The template of the progress on that page from the launch on, asked for anew every two seconds; it is given
    `campaign` and `tally` (its packets), and fetches what else it shows by an address of the mechanic's own."""


def table() -> Mapping[str, Any]:
    """wxbot.mechanics.MECHANICS. It imports this module, so it is looked up by its name when somebody asks, as a plug-in is:
    no door can forget to bring it."""
    found: Mapping[str, Any] = importlib.import_module("wxbot.mechanics").MECHANICS
    return found


def way_of(name: str) -> CampaignMechanic:
    """The way with this name. Raises KeyError."""
    way: CampaignMechanic = table()[name]
    return way
