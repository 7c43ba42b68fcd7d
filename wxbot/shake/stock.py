"""What a campaign's lotteries can hand out now, and the signed parameters of one draw (wechat-protocol §1.7)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign, Packet
from wxbot.shake.models import Bucket, Lottery, ShakePage, TicketOrder
from wxbot.shake.pool import has_stock
from wxbot.shake.terms import terms_of
from wxbot.vault import Vault
from wxbot.wechat.sign import lottery_sign

KEPT_KEYS = 2000
ODDS_OF = 1_000_000


@dataclass(frozen=True, slots=True)
class LotteryStock:
    """The lottery that hands out tickets now. `lottery_key` signs and never leaves the server (S36)."""

    page_id: int | None
    is_lottery_on: bool
    lottery_id: str | None
    lottery_key: str = field(repr=False)
    packets: int
    odds_ppm: int

    @property
    def is_open(self) -> bool:
        """Whether WeChat hands out tickets."""
        return self.is_lottery_on and self.lottery_id is not None


def read_stock(session: Session, vault: Vault, campaign: Campaign, loaded: int, now: datetime) -> LotteryStock:
    """What a campaign can hand out of its `loaded` packets."""
    live = loaded if has_stock(session, campaign.id, now) else 0
    query = (
        select(ShakePage.page_id, Lottery)
        .outerjoin(Lottery, (Lottery.campaign_id == ShakePage.campaign_id) & Lottery.lottery_id.is_not(None))
        .where(ShakePage.campaign_id == campaign.id)
        .order_by(Lottery.ordinal)
    )
    rows = session.execute(query).all()
    lotteries = [row.Lottery for row in rows if row.Lottery is not None]
    lottery, packets = _lottery_to_sign(session, campaign, lotteries, live, now)
    return LotteryStock(
        page_id=rows[0].page_id if rows else None,
        is_lottery_on=any(one.is_on for one in lotteries),
        lottery_id=lottery.lottery_id if lottery else None,
        lottery_key=_opened(vault, lottery.lottery_key) if lottery else "",
        packets=packets,
        odds_ppm=terms_of(campaign).odds_ppm,
    )


def _lottery_to_sign(
    session: Session, campaign: Campaign, lotteries: Sequence[Lottery], loaded: int, now: datetime
) -> tuple[Lottery | None, int]:
    """The lottery whose tickets are handed out now, and how many packets wait in it; expired ones do not count (F45).

    A campaign normally has one. With several, packets may be left in an earlier one: that one goes first.
    """
    if len(lotteries) <= 1:
        return (lotteries[0] if lotteries else None), loaded
    waiting: dict[int, int] = {}
    per_lottery = (
        select(Bucket.lottery_id, func.count().label("packets"))
        .join(TicketOrder, TicketOrder.bucket_id == Bucket.id)
        .join(Packet, Packet.order_id == TicketOrder.order_id)
        .where(Packet.campaign_id == campaign.id, Packet.status == "loaded", Packet.expires_at > now)
        .group_by(Bucket.lottery_id)
    )
    for row in session.execute(per_lottery):
        waiting[row.lottery_id] = row.packets
    for lottery in lotteries:
        if waiting.get(lottery.id) and lottery.is_on:
            return lottery, waiting[lottery.id]
    return lotteries[-1], 0


@lru_cache(maxsize=KEPT_KEYS)
def _opened(vault: Vault, sealed: str) -> str:
    """The opened lottery_key; opened once per process and kept in memory only (S36)."""
    return vault.open(sealed)


PARAMETERS = ("lottery_id", "noncestr", "sign")
"""What the page passes to `BeaconShakehbJsBridge.invoke('jumpHongbao', …)`, beside the openid."""


def hand_out(stock: LotteryStock, openid: str) -> str | None:
    """Sign a fresh set of parameters for one person, or None when the odds say no; `noncestr` has 32 characters, the most
    WeChat takes.

    A sign has no expiry of its own, so one is made per draw and the same one is handed out again (S34).
    """
    if secrets.randbelow(ODDS_OF) >= stock.odds_ppm:
        return None
    if stock.lottery_id is None:
        raise ValueError("a campaign without a lottery cannot be drawn from")
    noncestr = secrets.token_hex(16)
    sign = lottery_sign(stock.lottery_id, noncestr, openid, stock.lottery_key)
    return "|".join((stock.lottery_id, noncestr, sign))


def answer(handed_out: str, openid: str, _language: str) -> dict[str, dict[str, str]]:
    """What `hand_out` made, for the page."""
    return {"jump": {**dict(zip(PARAMETERS, handed_out.split("|"), strict=True)), "openid": openid}}
