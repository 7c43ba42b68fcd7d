"""The cash red packet: one packet straight to one openid, opened within 24 hours (wechat-protocol §3.1, §3.2)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wxbot.orders.channels.base import Wish
from wxbot.orders.channels.redpack import RedPack
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.wechat import limits
from wxbot.wechat.pay import PayAnswer, sendredpack_params


class SendRedPack(RedPack):
    """Sends one NORMAL packet; WeChat tells nothing by itself, its state is asked for (§3.1).

    Money that nobody opened comes back after 24 hours, in older agreements after 72: it is asked for until it is seen.
    """

    name = "sendredpack"
    api = "redpack"
    life = timedelta(hours=24)
    holding = "unclaimed"
    needs_secret = False
    is_billed_when_placed = True
    proof_field = "send_listid"
    echoed: Mapping[str, str] = {"mch_billno": "mch_billno", "total_amount": "amount_fen", "re_openid": "openid"}

    def freeze(self, settings: Settings, mch_billno: str, wish: Wish) -> dict[str, Any]:
        """The business parameters of §3.2; nonce_str and sign are added at each call."""
        if wish.openid is None:
            raise ValueError("a cash red packet needs the openid of its receiver")
        needs_scene = not limits.REDPACK_MIN_FEN <= wish.amount_fen <= limits.REDPACK_SCENE_NEEDED_ABOVE_FEN
        if needs_scene and not settings.direct_scene_id:
            raise ValueError("below 1 or above 200 yuan a red packet needs a scene: set WXBOT_DIRECT_SCENE_ID")
        return dict(
            sendredpack_params(
                mch_id=settings.mch_id,
                appid=settings.appid,
                mch_billno=mch_billno,
                openid=wish.openid,
                amount_fen=wish.amount_fen,
                client_ip=settings.client_ip,
                scene_id=settings.direct_scene_id,
                **wish.texts,
            )
        )

    def send(self, runtime: Runtime, params: Mapping[str, Any]) -> PayAnswer:
        """Call sendredpack; re-entrant on mch_billno: the same number is at most one packet (§3.5, W1)."""
        return runtime.pay.sendredpack(params)
