"""How the web and worker processes and `wxbot live` tell each other of a hall: names in Redis and on the open streams. Pure.

| name | what it is | written by |
|---|---|---|
| `hall:<slug>:state` | the whole public state (wxbot/hall/state), JSON with a growing `v` | who changed the hall, after the commit |
| channel `hall:<slug>` | "read the state again"; its payload is not looked at | the same |
| `hall:<slug>:guest:<openid>` | `no|team|name` of a guest (`guest_value`) | sign-in, and again whenever the phone asks for its part |
| `hall:<slug>:race`, channel `hall:<slug>:ranks` | the ranks of the race, twice a second, JSON (`Ranks`) | the `live` that counts |
| channels `hall:<slug>:reports`, `hall:<slug>:acks` | what phones of another `live` sent, and its answers | the `live` processes; in a rehearsal the worker for simulated guests |
| `hall:<slug>:screen:<epoch>` | the screen of this pairing is there; gone after SCREEN_S | the `live` at which it listens, or the application that it asks |
| `hall:<slug>:lease`, `hall:<slug>:epoch` | which `live` counts | the same |

All of it may be emptied at any time: the rows are what is true.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

SLUG = re.compile(r"[a-z0-9-]{1,64}")
"""What stands in an address for a hall: the slug of its campaign."""

CHANNELS = "hall:*"
"""The pattern of every channel here."""

KEEP_S = 3 * 86_400
"""How long names in Redis are kept after they were written last: an evening, and the days in which prizes are collected."""


SCREEN_S = 8
"""A screen that has not been heard of for so long is not there. One that listens is named every two seconds, one that asks does so
each second."""


def channel(slug: str) -> str:
    """Where it is said that the state changed."""
    return f"hall:{slug}"


def state_key(slug: str) -> str:
    """The public state."""
    return f"hall:{slug}:state"


def guest_key(slug: str, openid: str) -> str:
    """Who a signed-in phone is in this hall."""
    return f"hall:{slug}:guest:{openid}"


def screen_key(slug: str, epoch: int) -> str:
    """That the screen of a pairing is there."""
    return f"hall:{slug}:screen:{epoch}"


def race_key(slug: str) -> str:
    """The newest ranks."""
    return f"hall:{slug}:race"


def ranks_channel(slug: str) -> str:
    """Where the newest ranks are said."""
    return f"hall:{slug}:ranks"


def reports_channel(slug: str) -> str:
    """Where a `live` that does not count hands on what phones sent it, and the worker what simulated guests would send."""
    return f"hall:{slug}:reports"


def acks_channel(slug: str) -> str:
    """Where the one that counts answers."""
    return f"hall:{slug}:acks"


def lease_key(slug: str) -> str:
    """Which `live` counts in this hall."""
    return f"hall:{slug}:lease"


def epoch_key(slug: str) -> str:
    """How often that was decided; what a former one still says carries a smaller number."""
    return f"hall:{slug}:epoch"


class KnownGuest(NamedTuple):
    """A guest as `live` knows them; the name is empty where the screen shall not show it."""

    no: int
    team: str = ""
    name: str = ""


def guest_value(guest: KnownGuest) -> str:
    """A guest as stored under `guest_key`."""
    return f"{guest.no}|{guest.team.replace('|', ' ')}|{guest.name}"


def read_guest(value: str | None) -> KnownGuest | None:
    """What `guest_value` made; None when nothing is known of them."""
    if not value:
        return None
    no, _, rest = value.partition("|")
    team, _, name = rest.partition("|")
    return KnownGuest(int(no), team, name) if no.isdigit() else None


class Rank(TypedDict):
    """One line of the ranks."""

    no: int
    name: str
    team: str
    counted: int


class TeamRank(TypedDict):
    """One team in the ranks."""

    team: str
    people: int
    counted: int
    mean: float


class Ranks(TypedDict):
    """How a race stands; the first TOP of it, and all teams."""

    game: int
    epoch: int
    at: float
    people: int
    final: bool
    """Whether the last message that still counts is in, and every row is written."""
    top: list[Rank]
    teams: list[TeamRank]


TOP = 30
"""So many lines of the ranks are told."""


def without_hidden(ranks: Mapping[str, Any], state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ranks as they may be shown: whom the host took off the wall (`hidden` of the state) keeps the place and has no name."""
    hidden = set(state.get("hidden") or ())
    if hidden.isdisjoint(rank["no"] for rank in ranks["top"]):
        return ranks
    return {**ranks, "top": [{**rank, "name": ""} if rank["no"] in hidden else rank for rank in ranks["top"]]}


_OF_SELECTION = ("d", "prize", "k", "status")
_OF_GAME = ("id", "kind", "status", "begin", "end", "seconds")
_OF_HALL = ("slug", "name", "scene", "mode", "commitment", "rehearsal", "roster", "added", "until")


def _only(found: Any, names: tuple[str, ...]) -> dict[str, Any] | None:
    return {name: found.get(name) for name in names} if isinstance(found, Mapping) else None


def _of_winners(selection: Mapping[str, Any]) -> dict[str, Any]:
    """`won`: the numbers of its winners, and `marked`: [number, status] of whom the host has marked, or taken back. Their phones ask
    how they stand. No other's need to, so that two thousand of them do not ask when a selection is revealed."""
    usual = "confirmed" if selection.get("status") == "confirmed" else "won"
    lines = selection.get("winners") or ()
    marked = [[line["no"], line["status"]] for line in lines if line["status"] not in (usual, "voided")]
    return {"won": [line["no"] for line in lines], "marked": marked}


def for_phones(state: Mapping[str, Any]) -> dict[str, Any]:
    """What every phone is told of a hall: what goes on, and nobody's name; of who won what the screen shows, the number alone.

    A phone may ask for its own part when this changed (static/h5/hall.js), so nothing is in it that changes whenever somebody signs
    in; and as nobody is named in it, a file of it may be served to anybody.
    """
    told = {name: state.get(name) for name in _OF_HALL}
    selection: Mapping[str, Any] | None = state.get("selection")
    return {
        **told,
        "selection": {**(_only(selection, _OF_SELECTION) or {}), **_of_winners(selection)} if selection else None,
        "game": _only(state.get("game"), _OF_GAME),
    }
