"""How programmes and lists say no, beside what all features have in common."""

from wxbot import refusals


class Refused(refusals.Refused):
    """Carries the list it is about when there is another."""

    def __init__(self, reason: str, zh: str, en: str, list_id: int | None = None) -> None:
        super().__init__(reason, zh, en)
        self.list_id = list_id


def moved_on() -> Refused:
    """Somebody else was faster, or the page is old."""
    return Refused(
        "status", "状态已经变化，请刷新页面后再试", "The status has changed by now; reload the page and look again"
    )
