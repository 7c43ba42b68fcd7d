"""Payment channels: the API an order goes through. A further channel is one file here and one row in CHANNELS."""

from wxbot.orders.channels.base import Channel, Wish
from wxbot.orders.channels.hbpreorder import HbPreOrder

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (HbPreOrder(),)}
"""Channel name → channel."""

__all__ = ["CHANNELS", "Channel", "HbPreOrder", "Wish"]
