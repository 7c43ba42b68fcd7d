"""The signed parameters of jumpHongbao (wechat-protocol §1.7)."""

import secrets
from typing import NamedTuple

from wxbot.draws.board import Board
from wxbot.wechat.sign import lottery_sign


class Jump(NamedTuple):
    """What the page passes to `BeaconShakehbJsBridge.invoke('jumpHongbao', …)`, without the openid."""

    lottery_id: str
    noncestr: str
    sign: str


def jump(board: Board, openid: str) -> Jump:
    """Sign a fresh set of parameters for one person; `noncestr` has 32 characters, the most WeChat takes.

    A sign has no expiry of its own, so one is made per draw and the same one is handed out again (S34).
    """
    if board.lottery_id is None:
        raise ValueError("a campaign without a lottery cannot be drawn from")
    noncestr = secrets.token_hex(16)
    return Jump(board.lottery_id, noncestr, lottery_sign(board.lottery_id, noncestr, openid, board.lottery_key))
