"""Payment channels: the API an order goes through. A further channel is one file here and one row in CHANNELS."""

from wxbot.orders.channels.base import Channel, PaymentRequest, ProviderStatus, Sighting
from wxbot.orders.channels.hbpreorder import HbPreOrder
from wxbot.orders.channels.sendredpack import SendRedPack
from wxbot.orders.channels.transfer_bills import V3_PAGE, TransferBills
from wxbot.wechat.pay_texts import TextFault

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (HbPreOrder(), SendRedPack(), TransferBills())}
"""Channel name → channel."""

DIRECT = tuple(name for name, channel in CHANNELS.items() if channel.holding == "unclaimed")
"""Channels that pay one known person; a payout may choose among them."""

CONFIRMED = tuple(name for name, channel in CHANNELS.items() if channel.is_confirmed)
"""Channels whose money a person takes on a page of ours."""

LOTTERY = next(name for name, channel in CHANNELS.items() if channel.holding == "tickets")
"""The channel of packets that people draw from a lottery of WeChat's."""

VERSIONS = {CHANNELS[name].version: CHANNELS[name] for name in reversed(DIRECT)}
"""API version → the channel that speaks for all of it: its question tells of a number whatever channel that went through
(gethbinfo knows tickets and packets alike), and its codes say why the version is stopped."""


def text_fault(field: str, text: str) -> TextFault | None:
    """What one of the channels that pay a known person would refuse in a text of ours; None: it may go by any of them."""
    return next(filter(None, (CHANNELS[name].text_fault(field, text) for name in DIRECT)), None)


__all__ = [
    "CHANNELS",
    "CONFIRMED",
    "DIRECT",
    "LOTTERY",
    "V3_PAGE",
    "VERSIONS",
    "Channel",
    "PaymentRequest",
    "ProviderStatus",
    "Sighting",
    "text_fault",
]
