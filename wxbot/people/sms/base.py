"""What a provider of text messages must do, and how it says what went wrong."""

from collections.abc import Iterator
from typing import Protocol

CONNECT_S = 3
READ_S = 5
"""A provider that takes longer is treated as one that lost its answer."""

NEVER_CONNECTED = frozenset(
    {"ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "NameResolutionError", "SSLError", "ProxyError"}
)
"""Errors of the SDKs' HTTP libraries that come before one byte of a request was written."""


class NotDelivered(Exception):
    """Provably nothing was sent: refused by the provider, or never reached it. `code` is the provider's."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code[:64]


class Unsure(Exception):
    """The provider's answer was lost or makes no sense: the message may have arrived."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code[:64]


class Provider(Protocol):
    """Sends one verification code."""

    name: str

    def send(self, phone: str, code: str, minutes: int) -> str:
        """Send `code`, valid for `minutes`, to an E.164 number; returns the provider's number of the message.

        Takes a few seconds at most. Raises NotDelivered or Unsure.
        """
        ...


def _causes(error: BaseException, depth: int = 0) -> Iterator[str]:
    yield type(error).__name__
    named = (getattr(error, name, None) for name in ("reason", "inner_exception"))
    inner = [error.__cause__, error.__context__, *named, *error.args[:1]]
    for each in inner:
        if isinstance(each, BaseException) and depth < 6:
            yield from _causes(each, depth + 1)


def never_connected(error: BaseException) -> bool:
    """Whether an SDK failed before it had a connection; it hides the reason at different depths of its exceptions."""
    return not NEVER_CONNECTED.isdisjoint(_causes(error))
