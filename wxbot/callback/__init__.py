"""The door for WeChat's server: the kinds of messages (routes), the way through (door), HTTP (wire)."""

from wxbot.callback.door import CallbackDoor
from wxbot.callback.routes import ROUTES

__all__ = ["ROUTES", "CallbackDoor"]
