"""How the thaw says no."""

from wxbot.text import Refusal, Text


def moved_on() -> Refusal:
    """Somebody else was faster, or the page is old."""
    return Refusal(
        "status",
        Text("状态已经变化，请刷新页面后再看", "The status has changed by now; reload the page and look again"),
    )


def not_oneself() -> Refusal:
    """The second person must be another one."""
    return Refusal(
        "four_eyes",
        Text("不能确认自己提出的，请另一位财务确认", "You proposed this yourself; a second cashier must confirm it"),
    )
