"""What a prize of a hall says of its winners, in the words of its rows and of its log."""

from typing import Literal

Scope = Literal["prize", "evening"]
"""Whose win keeps them out of a prize: who has won this prize, or who has won anything this evening."""

Absence = Literal["slot", "evening", "pool"]
"""What an absentee loses: this prize, everything that is still to come this evening, or nothing (back in the pool)."""

Forfeit = Literal["keep", "refill"]
"""What becomes of a slot that somebody gives up: it stays empty, or it is open again."""
