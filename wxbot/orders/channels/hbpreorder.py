"""The shake channel: a packet pre-ordered with hbpreorder, drawn within 72 hours (wechat-protocol §1.2)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wxbot.orders.channels.base import PaymentRequest
from wxbot.orders.channels.redpack import RedPack
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Text
from wxbot.wechat import limits
from wxbot.wechat.pay import PayAnswer, hbpreorder_params


class HbPreOrder(RedPack):
    """Pre-orders one NORMAL packet; the answer carries the sp_ticket that goes into the lottery.

    Only detail_id together with sp_ticket proves that WeChat has placed the packet.
    """

    name = "hbpreorder"
    amounts_fen = (limits.PACKET_MIN_FEN, limits.PACKET_MAX_FEN)
    word = Text("摇一摇红包", "shake packet")
    api = end_api = "pay"
    life = timedelta(seconds=limits.TICKET_LIFE_S)
    holding = "tickets"
    needs_secret = True
    proof_field = "detail_id"
    secret_field = "sp_ticket"
    echoed: Mapping[str, str] = {"mch_billno": "mch_billno", "total_amount": "amount_fen"}

    def freeze(self, settings: Settings, mch_billno: str, payment_request: PaymentRequest) -> dict[str, Any]:
        """The business parameters of §1.2; nonce_str and sign are added at each call."""
        return dict(
            hbpreorder_params(
                mch_id=settings.mch_id,
                appid=settings.appid,
                auth_pair=(settings.shake_auth_mchid, settings.shake_auth_appid),
                mch_billno=mch_billno,
                amount_fen=payment_request.amount_fen,
                **payment_request.texts,
            )
        )

    def send(self, runtime: Runtime, params: Mapping[str, Any]) -> PayAnswer:
        """Call hbpreorder; re-entrant on mch_billno: the same number gives the same ticket (§1.2, F42)."""
        return runtime.pay.hbpreorder(params)
