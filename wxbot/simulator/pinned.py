"""What is pinned to the start page of every phone: a page, words for the chat, or the shake; so that a visitor finds the way in.

No HTTP and no lock: the caller holds `world.lock`.
"""

from __future__ import annotations

from typing import Any

from wxbot.simulator.shares import is_address

MOST = 9
LONGEST = {"title": 20, "note": 60, "url": 1024, "say": 200}
WAYS = ("url", "say", "shake")
"""What a tap does: open a page in WeChat's browser, write these words into the chat, go shaking. Each has exactly one."""


def checked(row: object) -> dict[str, Any]:
    """One pin as it is kept. Raises ValueError with what it must be."""
    if not isinstance(row, dict) or not row.keys() <= {*LONGEST, "shake"}:
        raise ValueError(f"pinned: each row is an object with {', '.join((*LONGEST, 'shake'))}")
    for name, longest in LONGEST.items():
        value = row.get(name, "")
        if not isinstance(value, str) or len(value) > longest:
            raise ValueError(f"{name}: must be a text of at most {longest} characters")
    if not row.get("title"):
        raise ValueError("title: must not be empty")
    if sum(bool(row.get(way)) for way in WAYS) != 1 or row.get("shake", True) is not True:
        raise ValueError("pinned: each row has one of url, say, and shake (true)")
    if row.get("url") and not is_address(row["url"]):
        raise ValueError("url: must begin with http:// or https://")
    return dict(row)


class Pinned:
    """The pins, in the order in which the phone shows them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def put(self, rows: object) -> None:
        """These and no others from now on. Raises ValueError and changes nothing."""
        if not isinstance(rows, list) or len(rows) > MOST:
            raise ValueError(f"pinned: must be a list of at most {MOST} rows")
        self.rows = [checked(row) for row in rows]

    def to_state(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state(self, saved: dict[str, Any]) -> None:
        self.put(saved["rows"])
