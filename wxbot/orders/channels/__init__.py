"""Payment channels: the API an order goes through. A further channel is one file here and one row in CHANNELS."""

from wxbot.orders.channels.base import Channel, Sighting, Told, Wish
from wxbot.orders.channels.hbpreorder import HbPreOrder
from wxbot.orders.channels.sendredpack import SendRedPack
from wxbot.orders.channels.transfer_bills import TransferBills

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (HbPreOrder(), SendRedPack(), TransferBills())}
"""Channel name → channel."""

DIRECT = tuple(name for name, channel in CHANNELS.items() if channel.holding == "unclaimed")
"""Channels that pay one known person; a payout may choose among them."""

__all__ = ["CHANNELS", "DIRECT", "Channel", "Sighting", "Told", "Wish"]
