"""The bars of a story: one a step, and a crowd that moves it on."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Someone = TypeVar("Someone")

CROWD = 6
"""How many people act at a time."""


class Bars(Progress):
    """What a story shows of its steps while it is played."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # Where nobody watches, a bar is shown once, when its story ends: a thread that draws it all the time takes from the others.
        super().__init__(*columns, console=console, auto_refresh=console.is_terminal)

    def each(self, step: str | TaskID, verb: Callable[[Someone], object], whom: Sequence[Someone]) -> None:
        """Everybody does the same, some at a time: a step of its own by its name, or a part of one that is on."""
        bar = self.add_task(step, total=len(whom)) if isinstance(step, str) else step
        with ThreadPoolExecutor(CROWD) as crowd:
            for _ in crowd.map(verb, whom):
                self.advance(bar)
