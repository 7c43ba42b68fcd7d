"""The shake channel: a packet pre-ordered with hbpreorder, drawn within 72 hours (wechat-protocol §1.2)."""

from collections.abc import Mapping
from datetime import timedelta

from wxbot.orders.channels.base import Wish
from wxbot.settings import Settings
from wxbot.wechat import limits
from wxbot.wechat.pay import PayAnswer, PayClient, hbpreorder_params


class HbPreOrder:
    """Pre-orders one NORMAL packet; the answer carries the sp_ticket that goes into the lottery."""

    name = "hbpreorder"
    life = timedelta(seconds=limits.TICKET_LIFE_S)

    def freeze(self, settings: Settings, mch_billno: str, wish: Wish) -> dict[str, str]:
        """The business parameters of §1.2; nonce_str and sign are added at each call."""
        return hbpreorder_params(
            mch_id=settings.mch_id,
            appid=settings.appid,
            auth_pair=(settings.shake_auth_mchid, settings.shake_auth_appid),
            mch_billno=mch_billno,
            amount_fen=wish.amount_fen,
            **wish.texts,
        )

    def send(self, pay: PayClient, params: Mapping[str, str]) -> PayAnswer:
        """Call hbpreorder; re-entrant on mch_billno: the same number gives the same ticket (§1.2, F42)."""
        return pay.hbpreorder(params)

    def query(self, pay: PayClient, mch_billno: str) -> PayAnswer:
        """Ask gethbinfo; it knows the state of the packet but never the ticket (§3.5b)."""
        return pay.gethbinfo(mch_billno)

    def proof(self, fields: Mapping[str, str]) -> tuple[str, str | None] | None:
        """Only detail_id together with sp_ticket proves that WeChat has placed the packet."""
        detail_id, sp_ticket = fields.get("detail_id"), fields.get("sp_ticket")
        return (detail_id, sp_ticket) if detail_id and sp_ticket else None
