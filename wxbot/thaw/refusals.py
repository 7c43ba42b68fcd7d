"""How the thaw says no."""

from wxbot import refusals


class Refused(refusals.Refused):
    """Not now, or not by this person; carries both languages."""


def moved_on() -> Refused:
    """Somebody else was faster, or the page is old."""
    return Refused(
        "status", "状态已经变化，请刷新页面后再看", "The status has changed by now; reload the page and look again"
    )


def not_oneself() -> Refused:
    """The second person must be another one."""
    return Refused(
        "four_eyes",
        "不能确认自己提出的，请另一位财务确认",
        "You proposed this yourself; a second cashier must confirm it",
    )
