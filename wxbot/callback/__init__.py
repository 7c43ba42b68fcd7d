"""The door for WeChat's server: the kinds of messages (routes), the way through (door), HTTP (wire)."""

from wxbot.callback.door import CallbackDoor
from wxbot.callback.routes import ROUTES
from wxbot.callback.wire import Body, finish_body, has_body

__all__ = ["ROUTES", "Body", "CallbackDoor", "finish_body", "has_body"]
