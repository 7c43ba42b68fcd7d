"""The shake channel: a packet pre-ordered with hbpreorder, drawn within 72 hours (wechat-protocol §1.2)."""

from collections.abc import Mapping
from datetime import timedelta

from wxbot.orders.channels.base import Wish
from wxbot.settings import Settings
from wxbot.wechat import limits
from wxbot.wechat.pay import PayAnswer, PayClient


class HbPreOrder:
    """Pre-orders one NORMAL packet; the answer carries the sp_ticket that goes into the lottery."""

    name = "hbpreorder"
    life = timedelta(seconds=limits.TICKET_LIFE_S)

    def freeze(self, settings: Settings, mch_billno: str, wish: Wish) -> dict[str, str]:
        """The business parameters of §1.2; nonce_str and sign are added at each call."""
        return {
            "mch_billno": mch_billno,
            "mch_id": settings.mch_id,
            "wxappid": settings.appid,
            "send_name": wish.texts["send_name"],
            "hb_type": "NORMAL",
            "total_amount": str(wish.amount_fen),
            "total_num": "1",
            "amt_type": "ALL_RAND",
            "wishing": wish.texts["wishing"],
            "act_name": wish.texts["act_name"],
            "remark": wish.texts["remark"],
            "auth_mchid": settings.shake_auth_mchid,
            "auth_appid": settings.shake_auth_appid,
            "risk_cntl": "NORMAL",
        }

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
