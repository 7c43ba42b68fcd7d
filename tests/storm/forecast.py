"""What a storm does and when, decided beforehand from its seed: the same seed plans the same weather."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wxbot.demo.faults import BILL, BILL_NOTICE, BILL_QUERY, PACKET, PACKET_QUERY, SKIES

Fault = dict[str, Any]
PREORDER, GETHBINFO = "mmpaymkttransfers/hbpreorder", "mmpaymkttransfers/gethbinfo"
BIND = "push/ShakearoundLotteryBind"
LANDED: Fault = {"kind": "refuse", "is_landed": True}

FURTHER_SKIES: tuple[dict[str, Fault], ...] = (
    {PREORDER: {"kind": "drop_reply", "rate": 0.3}, BIND: {"kind": "drop_reply", "rate": 0.3}},
    {PREORDER: {"kind": "garble", "rate": 0.3}, BIND: {"kind": "reorder", "seconds": 2, "rate": 0.3}},
    {PREORDER: {**LANDED, "err_code": "SYSTEMERROR", "rate": 0.3}, "cgi-bin/token": {"kind": "garble", "rate": 0.5}},
    {
        PREORDER: {"kind": "repeat", "rate": 0.5},
        "shakearound/lottery/setprizebucket": {"kind": "drop_reply", "rate": 0.5},
    },
    {PACKET: {"kind": "slow", "seconds": 3, "rate": 0.2}, BILL: {"kind": "slow", "seconds": 3, "rate": 0.2}},
    {BILL: {"kind": "reorder", "seconds": 2, "rate": 0.3}, BILL_NOTICE: {"kind": "reorder", "seconds": 2, "rate": 0.5}},
    {"*": {"kind": "drop_request", "rate": 0.1}},
    {"*": {"kind": "drop_reply", "rate": 0.1}},
    {"*": {"kind": "token_invalidated", "times": 3}},
    {"push": {"kind": "repeat", "rate": 0.5}, GETHBINFO: {"kind": "slow", "seconds": 2, "rate": 0.3}},
    {"push": {"kind": "garble", "rate": 0.1}, BILL_QUERY: {"kind": "drop_reply", "rate": 0.3}},
    {
        BILL: {"kind": "refuse", "err_code": "502:SYSTEM_ERROR", "rate": 0.3},
        PACKET_QUERY: {"kind": "repeat", "rate": 0.5},
    },
    {"cgi-bin/media/get": {"kind": "as_text", "rate": 0.5}, BILL_QUERY: {"kind": "gateway_page", "rate": 0.3}},
)
"""Beside the demo's: faults that hit at random, packets that are drawn, callbacks, everything at once."""

ALL_SKIES = (*SKIES, *FURTHER_SKIES)

KILLS = (
    "kill_sender",
    "kill_worker",
    "kill_web",
    "kill_gunicorn",
    "kill_box",
    "kill_postgres",
    "kill_session",
    "kill_redis",
)
"""What is ended by SIGKILL. `kill_sender` is done in calm weather, and the seconds without sending are measured."""

OTHERS = (
    "flush_redis",
    "hold_worker",
    "hold_web",
    "hold_wechat",
    "oversleep",
    "jump_clock",
    "set_clock_back",
    "empty_bank",
    "fill_box_disk",
    "fill_postgres_disk",
)
WHOLE = (*KILLS, *OTHERS)
EVENTS_PER_SKY = 3
JUMPS_S = (20, 90, 200, 700, 3_700, 30_000, 90_000, 260_000)
"""From beyond a lease to beyond a ticket's 72 hours."""


@dataclass(frozen=True)
class Event:
    """One thing that happens; `seconds` is how long it lasts, or how far a clock is moved."""

    at_s: float
    kind: str
    box: int = 0
    seconds: float = 0.0
    sky: dict[str, Fault] | None = None
    """The faults from now on; None leaves those of before."""

    @property
    def lasts_s(self) -> float:
        """How long it takes, as far as that is planned."""
        return self.seconds if self.kind.startswith(("hold", "fill")) else 1.0


def plan(
    seed: int, lasts_s: float, kinds: Sequence[str] = WHOLE, gap_s: tuple[float, float] = (0.5, 5.0)
) -> list[Event]:
    """The weather of `lasts_s` seconds: every kind in each round, in another order; the sky turns after a few events."""
    dice = random.Random(seed)
    skies = dice.sample(ALL_SKIES, len(ALL_SKIES))
    events: list[Event] = []
    at_s = 0.0
    while at_s < lasts_s:
        for kind in dice.sample(list(kinds), len(kinds)):
            at_s += dice.uniform(*gap_s)
            turn, is_turned = divmod(len(events), EVENTS_PER_SKY)
            sky = skies[turn % len(skies)] if not is_turned else None
            seconds = _lasts(kind, dice)
            events.append(Event(at_s, kind, dice.randrange(2), seconds, sky))
            at_s += events[-1].lasts_s
    return [event for event in events if event.at_s < lasts_s]


def _lasts(kind: str, dice: random.Random) -> float:
    if kind == "jump_clock":
        return dice.choice(JUMPS_S)
    if kind == "set_clock_back":
        return dice.uniform(1, 20)
    if kind.startswith("kill"):
        return dice.choice((0.0, 0.0, 0.3, 2.0))  # started again at once, or after a while
    return dice.uniform(1.0, 5.0)
