"""Words that guests send to the screen; nothing is shown before somebody has looked (hall/guests)."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import sign_in
from wxbot.hall.models import Danmaku
from wxbot.text import Refusal, Text

WAITING_MOST = 5
"""Of one guest; whoever sends more waits until somebody has looked."""

ABSENT = Text("请先签到", "Please sign in first")
ENOUGH = Text("你前面的几条还在审核，请等一等", "Your words before are still being looked at; please wait")


def send(session: Session, campaign_id: int, openid: str, words: str, now: datetime) -> None:
    """Put words before whoever reviews. Raises Refusal for who has not signed in, after the end, and for too many at once."""
    guest = sign_in.of(session, campaign_id, openid)
    if guest is None:
        raise Refusal("absent", ABSENT)
    if session.get_one(Campaign, campaign_id).status != "on":
        raise Refusal("over", sign_in.OVER)
    mine = (Danmaku.campaign_id == campaign_id) & (Danmaku.guest_no == guest.no) & (Danmaku.status == "waiting")
    if (session.scalar(select(func.count()).select_from(Danmaku).where(mine)) or 0) >= WAITING_MOST:
        raise Refusal("too_often", ENOUGH)
    session.add(Danmaku(campaign_id=campaign_id, guest_no=guest.no, words=words, sent_at=now))
