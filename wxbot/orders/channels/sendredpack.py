"""The cash red packet: one packet straight to one openid, opened within 24 hours (wechat-protocol §3.1, §3.2)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from wxbot.money import yuan
from wxbot.orders.channels.base import PaymentRequest, SetupFault
from wxbot.orders.channels.redpack import RedPack
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Text
from wxbot.wechat import limits
from wxbot.wechat.pay import PayAnswer, sendredpack_params


class SendRedPack(RedPack):
    """Sends one NORMAL packet; WeChat tells nothing by itself, its state is asked for (§3.1).

    Money that nobody opened comes back after 24 hours, in older agreements after 72: it is asked for until it is seen.
    """

    name = "sendredpack"
    amounts_fen = (limits.REDPACK_MIN_FEN, limits.REDPACK_MAX_FEN)
    word = Text("现金红包", "red packet")
    api = end_api = "redpack"
    life = timedelta(hours=24)
    holding = "unclaimed"
    proof_field = "send_listid"
    echoed: Mapping[str, str] = {"mch_billno": "mch_billno", "total_amount": "amount_fen", "re_openid": "openid"}

    def setup_faults(self, settings: Settings) -> Sequence[SetupFault]:
        """Amounts outside 1 to 200 yuan need a scene (§3.2)."""
        least, most = settings.payout_min_fen, settings.payout_max_fen
        is_usual = least >= limits.REDPACK_MIN_FEN and most <= limits.REDPACK_SCENE_NEEDED_ABOVE_FEN
        if is_usual or settings.direct_scene_id:
            return ()
        return [
            SetupFault(
                Text(
                    f"现金红包单笔 ¥{yuan(least)}–¥{yuan(most)} 超出 1–200 元，微信要求场景",
                    f"cash red packets of ¥{yuan(least)} to ¥{yuan(most)} need a scene_id outside 1 to 200 yuan",
                ),
                Text(
                    "设置 WXBOT_DIRECT_SCENE_ID(商户平台开通时申报的场景)，或收紧 WXBOT_PAYOUT_MIN_FEN / WXBOT_PAYOUT_MAX_FEN",
                    "set WXBOT_DIRECT_SCENE_ID (the scene declared to WeChat Pay), or narrow WXBOT_PAYOUT_MIN_FEN / WXBOT_PAYOUT_MAX_FEN",
                ),
            )
        ]

    def freeze(self, settings: Settings, mch_billno: str, payment_request: PaymentRequest) -> dict[str, Any]:
        """The business parameters of §3.2; nonce_str and sign are added at each call."""
        if payment_request.openid is None:
            raise ValueError("a cash red packet needs the openid of its receiver")
        needs_scene = not limits.REDPACK_MIN_FEN <= payment_request.amount_fen <= limits.REDPACK_SCENE_NEEDED_ABOVE_FEN
        if needs_scene and not settings.direct_scene_id:
            raise ValueError("below 1 or above 200 yuan a red packet needs a scene: set WXBOT_DIRECT_SCENE_ID")
        return dict(
            sendredpack_params(
                mch_id=settings.mch_id,
                appid=settings.appid,
                mch_billno=mch_billno,
                openid=payment_request.openid,
                amount_fen=payment_request.amount_fen,
                client_ip=settings.client_ip,
                scene_id=settings.direct_scene_id,
                **payment_request.texts,
            )
        )

    def send(self, runtime: Runtime, params: Mapping[str, Any]) -> PayAnswer:
        """Call sendredpack; re-entrant on mch_billno: the same number is at most one packet (§3.5, W1)."""
        return runtime.pay.sendredpack(params)
