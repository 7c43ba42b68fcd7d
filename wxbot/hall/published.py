"""What of a hall's log may be seen now, and whether it is whole."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from wxbot.hall import journal, log
from wxbot.hall.log import LogLine


def until_unrevealed(lines: Sequence[LogLine]) -> list[LogLine]:
    """These lines up to a result that is neither revealed nor void, by people or by a restore: it is in no browser before the screen is stopped."""
    shown = {line.body["d"] for line in lines if line.kind in ("revealed", "voided")}
    restored = max((at for at, line in enumerate(lines) if line.kind == "restored"), default=-1)
    for at, line in enumerate(lines):
        if line.kind == "drawn" and line.body["d"] not in shown and at > restored:
            return list(lines[:at])
    return list(lines)


def public_log(session: Session, campaign_id: int) -> list[LogLine]:
    """The lines that anybody may read now."""
    return until_unrevealed(journal.entries(session, campaign_id))


def is_chained(session: Session, campaign_id: int) -> bool:
    """Whether no line was changed, left out or put in by hand."""
    return next(log.broken(journal.hall_id(session, campaign_id), journal.entries(session, campaign_id)), None) is None
