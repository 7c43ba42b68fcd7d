"""What the console's page of a campaign shows of its lottery."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.shake.models import Lottery, Wave

WAVES_SHOWN = 8


def shown(session: Session, campaign_id: int) -> Mapping[str, Any]:
    """Its lotteries at WeChat, and the latest waves of orders."""
    lotteries = select(Lottery).where(Lottery.campaign_id == campaign_id).order_by(Lottery.ordinal)
    waves = select(Wave).where(Wave.campaign_id == campaign_id).order_by(Wave.ordinal.desc()).limit(WAVES_SHOWN)
    return {"lotteries": session.scalars(lotteries).all(), "waves": session.scalars(waves).all()}
