"""What a draft of a hall has in rows before its launch."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from wxbot.hall.models import Invited
from wxbot.instant.terms import forget as forget_prizes


def forget(session: Session, campaign_id: int) -> None:
    """Delete what a draft that is deleted has: imported codes, the list of invited people."""
    session.execute(delete(Invited).where(Invited.campaign_id == campaign_id))
    forget_prizes(session, campaign_id)
