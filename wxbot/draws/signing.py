"""The signed parameters of jumpHongbao (wechat-protocol §1.7)."""

import secrets
from typing import NamedTuple

from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.wechat.sign import lottery_sign


class Jump(NamedTuple):
    """What the page passes to `BeaconShakehbJsBridge.invoke('jumpHongbao', …)`, without the openid."""

    lottery_id: str
    noncestr: str
    sign: str


def jump(snapshot: CampaignSnapshot, openid: str) -> Jump:
    """Sign a fresh set of parameters for one person; `noncestr` has 32 characters, the most WeChat takes.

    A sign has no expiry of its own, so one is made per draw and the same one is handed out again (S34).
    """
    if snapshot.lottery_id is None:
        raise ValueError("a campaign without a lottery cannot be drawn from")
    noncestr = secrets.token_hex(16)
    return Jump(
        snapshot.lottery_id, noncestr, lottery_sign(snapshot.lottery_id, noncestr, openid, snapshot.lottery_key)
    )
