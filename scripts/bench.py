"""Measure wxbot beside bare baselines in the same run: `make bench`, `make bench ARGS="--quick"`. docs/speed.md says what and why.

Starts what it needs (private Redis, gunicorns with the settings of deploy/, the simulator, databases in a scratch
folder) and stops all of it again. Every answer is checked: a wrong one fails the case.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import bench_burst
import bench_callbacks
import bench_door
import bench_draws
import bench_evening
import bench_files
import bench_hall
import bench_instant
import bench_live
import bench_orders
import bench_outage
import bench_payouts
import bench_processes
import bench_screen
import bench_table
from bench_stage import BenchProblem, Figure, Ground, Size
from rich.console import Console
from rich.table import Table

from wxbot.private_servers import ServerProblem

FULL = Size(requests=1500, rounds=9, orders=2000, big_rows=1_000_000, pages=100, payouts=10_000, crowd=20_000)
QUICK = Size(requests=400, rounds=1, orders=300, big_rows=30_000, pages=8, payouts=200, crowd=8_000)

CASES: dict[str, Callable[[Ground], Iterator[Figure]]] = {
    "burst": bench_burst.run,
    "callbacks": bench_callbacks.run,
    "door": bench_door.run,
    "draws": bench_draws.run,
    "evening": bench_evening.run,
    "files": bench_files.run,
    "hall": bench_hall.run,
    "instant": bench_instant.run,
    "live": bench_live.run,
    "orders": bench_orders.run,
    "outage": bench_outage.run,
    "payouts": bench_payouts.run,
    "processes": bench_processes.run,
    "screen": bench_screen.run,
    "table": bench_table.run,
}


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure wxbot beside bare baselines, in the same run.")
    parser.add_argument(
        "--case", action="append", choices=sorted(CASES), help="only this case (may stand several times)"
    )
    parser.add_argument("--quick", action="store_true", help="small numbers, some minutes: does it work at all?")
    parser.add_argument("--rounds", type=int, help="how often each pair is measured")
    parser.add_argument("--requests", type=int, help="requests in one volley")
    parser.add_argument("--concurrency", type=int, help="connections at once (callbacks and draws)")
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL instead of SQLite (private, without fsync)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here, too")
    return parser.parse_args()


def size_of(chosen: argparse.Namespace) -> Size:
    """How much is measured."""
    size = QUICK if chosen.quick else FULL
    named = {"rounds": chosen.rounds, "requests": chosen.requests, "concurrency": chosen.concurrency}
    return Size(**(asdict(size) | {name: value for name, value in named.items() if value is not None}))


def number(value: float) -> str:
    """A figure with as many digits as it deserves."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def as_table(figures: list[Figure]) -> Table:
    """The result as people read it."""
    table = Table(title="wxbot beside its baselines", title_justify="left", pad_edge=False)
    for column in ("case", "what"):
        table.add_column(column)
    for column in ("wxbot", "baseline"):
        table.add_column(column, justify="right")
    table.add_column("baseline is")
    for column in ("ratio", "rounds", "CPU", "aim"):
        table.add_column(column, justify="right")
    for figure in figures:
        spread = f"{min(figure.rounds):.2f}–{max(figure.rounds):.2f}" if len(figure.rounds) > 1 else ""
        aim = "" if figure.aim is None else f"{'≤' if figure.is_better_low else '≥'} {figure.aim}"
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: ""}[figure.is_met]
        table.add_row(
            figure.case,
            figure.what,
            f"{number(figure.ours)} {figure.unit}",
            number(figure.baseline),
            figure.baseline_name,
            f"[bold]{figure.ratio:.2f}[/]",
            spread,
            "" if figure.cpu_ratio is None else f"{figure.cpu_ratio:.2f}",
            f"{aim} {mark}",
        )
    return table


@dataclass
class Found:
    """What the cases came to."""

    figures: list[Figure] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Case → why it could not be measured."""
    left_out: list[str] = field(default_factory=list)
    """What this machine lacks something for."""


def measure(chosen: argparse.Namespace, console: Console) -> Found:
    """Run the cases, each to its end whatever becomes of the others. A case that says nothing has failed."""
    found = Found()
    size = size_of(chosen)
    for name in chosen.case or CASES:
        began = time.monotonic()
        before = len(found.figures)
        with Ground(size, console.print, with_postgres=chosen.postgres) as ground:
            try:
                for figure in CASES[name](ground):
                    found.figures.append(figure)
                    console.print(
                        f"  {figure.case}: {figure.what}, {figure.baseline_name}: [bold]{figure.ratio:.2f}[/]"
                    )
            except (BenchProblem, TimeoutError) as problem:
                found.failed[name] = str(problem)
            except Exception as problem:  # a fault of the case: the others are measured all the same
                found.failed[name] = f"{type(problem).__name__}: {problem}"
                console.print_exception()
            found.left_out += ground.left_out
            if len(found.figures) == before and not ground.left_out:
                found.failed.setdefault(name, "nothing was measured")
        if name in found.failed:
            console.print(f"{name}: {found.failed[name]}", style="red", markup=False)
        console.print(f"[dim]{name} took {time.monotonic() - began:.0f} s[/]")
    return found


def report(found: Found, chosen: argparse.Namespace) -> dict[str, Any]:
    """All of it for a program."""
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()},
        "database": "postgresql" if chosen.postgres else "sqlite",
        "size": asdict(size_of(chosen)),
        "figures": [asdict(figure) | {"is_met": figure.is_met} for figure in found.figures],
        "failed": found.failed,
        "left_out": found.left_out,
    }


def end(_signal: int, _frame: object) -> None:
    """A measurement that is told to end takes down what it started, as one that is interrupted at the keyboard does."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    sys.exit(128 + signal.SIGTERM)


def main() -> int:
    """Measure and print; 0 unless a case could not be measured. A missed aim is a figure, not an error."""
    chosen, console = options(), Console(width=None if sys.stdout.isatty() else 150)
    signal.signal(signal.SIGTERM, end)
    load = os.getloadavg()[0]
    console.print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load before: {load:.1f}")
    try:
        found = measure(chosen, console)
    except ServerProblem as problem:
        console.print(f"[red]{problem}[/]")
        return 1
    console.print(as_table(found.figures))
    if chosen.json:
        chosen.json.write_text(json.dumps(report(found, chosen), indent=1, ensure_ascii=False) + "\n")
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
