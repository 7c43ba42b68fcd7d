"""What the last run of the invariants found: kept, so that a page or another machine can tell without running them."""

from datetime import datetime

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base


class InvariantRun(Base):
    """The last run of one set of rules (`quick` or `audit`): which of them were broken, by how many rows."""

    __tablename__ = "invariant_runs"

    name: Mapped[str] = mapped_column(String(8), primary_key=True)
    broken: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    at: Mapped[datetime]


def note_run(session: Session, name: str, broken: dict[str, int], now: datetime) -> None:
    """Keep what a run found; empty when all rules hold."""
    session.merge(InvariantRun(name=name, broken=broken, at=now))
