"""What people were alerted of: one row for each thing that is wrong, or was."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base


class Alert(Base):
    """One condition: wrong since `since`, over since `over_at`. A condition that comes back soon is the same one."""

    __tablename__ = "alerts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(400))
    """The sentence as it was true last, in the deployment's language."""
    path: Mapped[str] = mapped_column(String(100), default="")
    """The console's page where it can be mended."""
    since: Mapped[datetime]
    seen_at: Mapped[datetime]
    over_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    """When people were told last; None until they were."""
    is_over_told: Mapped[bool] = mapped_column(default=False)
    tellings: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    """A worker is telling it; when it dies, another one tells it after this."""
