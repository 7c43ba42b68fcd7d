"""Plays of the pure decision, as the writer does them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from wxbot.instant.decide import Amounts, PrizeRule, Rules, decide, dice
from wxbot.instant.release import ReleaseSchedule, Window
from wxbot.instant.versions import digest

SEED = "5e" * 32
BEGIN = 1_772_000_000
WINDOW = Window(BEGIN, BEGIN + 10 * 86_400)


def money(ordinal: int, odds_ppm: int, stock: int, fen: int = 100, **more: Any) -> PrizeRule:
    """A money prize of one amount."""
    return PrizeRule(ordinal, "money", f"P{ordinal}", odds_ppm, stock, **{"min_fen": fen, "max_fen": fen, **more})


def config(rules: Rules) -> dict[str, Any]:
    """The rules as versions.config_of writes them."""
    prizes = [
        {name: getattr(prize, name) for name in prize.__dataclass_fields__ if name != "release"}
        | {"release": {"way": prize.release.way, "weights": list(prize.release.weights)}}
        for prize in rules.prizes
    ]
    window = rules.window
    return {
        "campaign_id": rules.campaign_id,
        "begin": window.begin,
        "end": window.end,
        "daily_from": window.daily_from,
        "daily_until": window.daily_until,
        "prizes": prizes,
    }


def played(rules: Rules, times: Sequence[int], seed: str = SEED) -> list[dict[str, Any]]:
    """A draw at each of these moments, as lines of an archive."""
    given, amounts, lines = [0] * len(rules.prizes), Amounts(rules, seed), []
    for k, at in enumerate(times, 1):
        nonce = hashlib.sha256(f"n{k}".encode()).hexdigest()[:32]
        rolled = dice(seed, rules.campaign_id, k, nonce)
        decision = decide(rules, given, rules.released_at(at), rolled)
        ordinal, amount_fen = None, None
        if decision.place is not None:
            ordinal = rules.prizes[decision.place].ordinal
            amount_fen = amounts.of(decision.place, given[decision.place], k, nonce)
            given[decision.place] += 1
        lines.append(
            {
                "k": k,
                "nonce": nonce,
                "dice": rolled,
                "prize": ordinal,
                "amount_fen": amount_fen,
                "outcome": decision.outcome,
                "rule_version": 1,
                "released": decision.released,
                "left": decision.left,
                "at": at,
                "person": "o***",
            }
        )
    return lines


def archive(rules: Rules, draws: Sequence[dict[str, Any]], seed: str = SEED, **more: Any) -> list[str]:
    """A whole archive, one JSON value a line."""
    published = config(rules)
    header = {
        "archive": 1,
        "campaign_id": rules.campaign_id,
        "seed": seed,
        "seed_sha256": hashlib.sha256(seed.encode()).hexdigest(),
        "next_k": len(draws) + 1,
        "rules": [{"version": 1, "text": {"zh": "x"}, "config": published, "sha256": digest({"zh": "x"}, published)}],
        "gaps": [],
    } | more
    return [json.dumps(each) for each in (header, *draws)]


EVEN = ReleaseSchedule("even")
