"""Evenings of which the records are good: one as it should go, and one whose database was restored four times."""

from __future__ import annotations

from typing import Any

from tests.hall.night import TWO, Night, prize
from wxbot.hall import log, rain_rule

RAIN_SEED = bytes(range(32))
RAIN = {
    "prize": 8,
    "kind": "rain",
    "name": "红包雨",
    "seconds": 30,
    "packets": 30,
    "total_fen": 9_000,
    "min_fen": 100,
    "max_fen": 600,
    "cap": 2,
    "seed_hash": rain_rule.seed_hash(RAIN_SEED),
}


RACE = {"prize": 9, "kind": "race", "name": "竞速", "seconds": 30, "packets": 2, "total_fen": 0}
RACE |= {"min_fen": 0, "max_fen": 0, "cap": 1, "seed_hash": log.GENESIS}


MORE_RAIN = {name: value for name, value in RAIN.items() if name != "seed_hash"} | {"prize": 10, "name": "加一场红包雨"}
MORE_RACE = {name: value for name, value in RACE.items() if name != "seed_hash"} | {"prize": 11, "name": "加一场竞速"}
"""Games of the evening itself."""


def gala(mode: Any = "hall", lasts: int = 3600) -> Night:
    """Three prizes and one of the evening itself, two rains and two races, of which the second ones are of the evening itself; an absentee, somebody who gives up, a void selection, somebody late, everybody paid."""
    night = Night(
        [prize(1, 5, absence="evening"), prize(2, 2, groups=["A"]), prize(3, 1, scope="prize")],
        mode,
        games=[RAIN, RACE],
        lasts=lasts,
    )
    night.sign_in(20)
    night.say("excluded", no=7, reason="staff")
    night.freeze()
    gone, gives_up, *_ = night.select(1, 4)
    night.say("absent", d=1, no=gone)
    night.say("forfeited", d=1, no=gives_up, slot="refill")
    night.settle(is_paid=True)
    night.sign_in(3)
    night.freeze()
    night.select(1, 3)
    night.settle(is_paid=True)
    night.rain(RAIN, RAIN_SEED)
    night.play(RACE, {5: 80, 2: 70})
    night.select(2, 1)
    night.void()
    night.say("game_added", game=MORE_RAIN, names=TWO)
    night.say("game_added", game=MORE_RACE, names=TWO)
    night.rain(MORE_RAIN)
    night.play(MORE_RACE, {2: 90, 9: 40})
    night.select(2, 2)
    night.settle(is_paid=True)
    night.select(3, 1)
    night.settle(is_paid=True)
    end = night.evening.until or night.at + 60
    night.say("prolonged", **{"from": end}, until=end + 3600, names=TWO)
    night.say("prize_added", prize=prize(4, 2, scope="prize"), names=TWO)
    night.say("prolonged", **{"from": end + 3600}, until=end + 5400, names=TWO[::-1])
    night.say("closed")
    return night


NEXT_SEED = b"next" * 8


def resumed() -> Night:
    """An evening whose database was restored: during a rain, when some of a selection's winners were confirmed, during a rain
    of the evening itself, and when winners had been paid, of whom one was lost with their number and comes back; by then its end
    has come, which two people put later once more."""
    rain = RAIN | {"seed_hash": rain_rule.seed_hash(bytes.fromhex(rain_rule.seed_hash(NEXT_SEED)))}
    night = Night([prize(1, 4), prize(2, 2), prize(3, 3)], games=[rain], lasts=3600)
    night.sign_in(6)
    night.say("excluded", no=3, reason="left")
    night.freeze()
    night.say("game_begun", prize=8, nos=night.present)
    night.restore()
    night.sign_in(4)
    night.freeze()
    night.rain(rain, NEXT_SEED)
    first, _, third = night.select(1, 3)
    night.say("absent", d=11, no=third)
    night.say("confirmed", d=11, nos=[first])
    night.restore()
    night.select(1, 3)
    night.settle()
    night.say("game_added", game=MORE_RAIN, names=TWO)
    night.begin(MORE_RAIN)
    night.restore()
    night.rain(MORE_RAIN)
    night.select(2, 2)
    night.restore()
    night.at = night.evening.until + 600
    night.say("found", prize=2, no=0)
    night.say("found", prize=2, no=night.pool(2)[0])
    end = night.evening.until
    night.say("prolonged", **{"from": end}, until=end + 3600, names=TWO)
    night.sign_in(2)
    night.say("returned", prize=2, no=night.evening.signed_in)
    night.freeze()
    night.select(3, 3)
    night.settle()
    night.say("closed")
    return night
