"""What a storm was and how it ended: a table for people, one line of JSON for programs."""

from __future__ import annotations

import io
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.storm.crowd import Crowd
from tests.storm.judge import Verdict
from tests.storm.weather import Storm
from wxbot.money import yuan


def figures(seed: int, seconds: float, storm: Storm, crowd: Crowd, verdict: Verdict) -> dict[str, Any]:
    """Everything that was counted."""
    return {
        "seed": seed,
        "seconds": round(seconds),
        "clock_moved_days": round(storm.moved_s / 86_400, 1),
        "kills": {name: n for name, n in sorted(storm.events.items()) if name.startswith("kill")},
        "other_events": {name: n for name, n in sorted(storm.events.items()) if not name.startswith("kill")},
        "faults_met": dict(sorted(storm.faults.met.items())),
        "orders": verdict.orders,
        "paid_fen": verdict.paid_fen,
        "returned_fen": verdict.returned_fen,
        "payouts": dict(sorted(verdict.ends.items())),
        "people_did": dict(sorted(crowd.did.items())),
        "seconds_without_sending": [silence.seconds for silence in storm.silences],
        "notes": storm.notes[:20],
        "left_out": storm.deployment.left_out + [f"{name}: {n} times" for name, n in sorted(storm.left_out.items())],
        "violations": verdict.violations,
        "blames": {name: sentences[:20] for name, sentences in sorted(verdict.blames.items()) if sentences},
    }


def shown(found: dict[str, Any]) -> str:
    """The figures as a table, then as one line of JSON."""
    table = Table(title=f"storm, seed {found['seed']}", show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in found.items():
        table.add_row(name, f"¥{yuan(value)}" if name.endswith("_fen") else _words(value))
    out = io.StringIO()
    Console(file=out, width=120).print(table)
    return f"{out.getvalue()}{json.dumps(found, ensure_ascii=False)}\n"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return str(value)
