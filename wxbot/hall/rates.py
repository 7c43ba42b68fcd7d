"""How often one person may ask: by openid and never by address, because a hall is two thousand people behind one. Only the digits
that pair a screen, which no guest types, are counted by address.
"""

from typing import Literal

from wxbot import rate_limit
from wxbot.rate_limit import Rate
from wxbot.runtime import Runtime

RateName = Literal["page", "look", "sign_in", "word", "words", "catch", "pair"]


RATES: dict[RateName, Rate] = {
    "page": Rate(60, 60),
    "look": Rate(150, 60),
    "sign_in": Rate(20, 60),
    "word": Rate(10, 300),
    "words": Rate(1, 5),
    "catch": Rate(120, 60),
    "pair": Rate(10, 300),
}
"""What a person asks for → how often: the page, how they stand, to sign in, a guess at the word of the day, danmaku, packets of a rain,
the digits of one offer."""


def is_too_often(runtime: Runtime, asked: RateName, campaign_id: int, asker: str) -> bool:
    """Count one more, and say whether that is too many."""
    return rate_limit.is_over(runtime, f"hall:{asked}:{campaign_id}:{asker}", RATES[asked])
