"""What can go wrong between wxbot and WeChat, and what each of WeChat's error codes means.

    WeChatError
    ├── NotSent       provably not one byte of the request was written: nothing happened at WeChat
    ├── Unanswered    the request may have been carried out: time-out, reset, 5xx, unreadable, too big, bad sign
    ├── Refused       WeChat answered with an error code; `.row` says what it means and who must act
    ├── BadMessage    a callback that does not come from WeChat (one constant refusal)
    └── UnreadableMessage   a callback that does, and of which nothing can be believed (answered `success`)

The error codes are data: `row_for(api, code)` answers for every code, known or not.
"""

from __future__ import annotations

from typing import Literal

from wxbot.wechat.errors.rows import ACTORS, APIS, ErrorRow, Retry, all_rows, row_for

__all__ = [
    "ACTORS",
    "APIS",
    "BadMessage",
    "ErrorRow",
    "NotSent",
    "Refused",
    "Retry",
    "Unanswered",
    "UnansweredReason",
    "UnreadableMessage",
    "WeChatError",
    "all_rows",
    "row_for",
]

UnansweredReason = Literal["timeout", "reset", "http_status", "unreadable", "too_big", "bad_sign", "wrong_echo"]


class WeChatError(Exception):
    """Anything that went wrong on WeChat's wire. The text never holds a secret."""


class NotSent(WeChatError):
    """The request provably never left: no byte of it was written to a socket. Repeating it is always safe."""


class Unanswered(WeChatError):
    """The outcome at WeChat is unknown. Money stays reserved; only a query may settle it (money §5.2)."""

    def __init__(
        self,
        message: str,
        *,
        reason: UnansweredReason,
        evidence: str = "",
        status: int = 0,
        security: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.evidence = evidence
        """What came back, masked and cut short: for a person to look at, never for the program to decide on."""
        self.status = status
        """HTTP status, 0 when none was read."""
        self.security = security
        """True when the reply looks forged (its sign is wrong): raise an alarm."""


class Refused(WeChatError):
    """WeChat understood the call and said no. `code` is WeChat's spelling, `row` its meaning."""

    def __init__(self, code: int | str, message: str, row: ErrorRow) -> None:
        super().__init__(f"{code}: {message}" if message else str(code))
        self.code = str(code)
        self.message = message
        self.row = row


class BadMessage(WeChatError):
    """A callback request that must be answered with one constant 403. `reason` is for the log, not for the caller."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnreadableMessage(WeChatError):
    """A rightly signed callback whose body cannot be read for certain. Refusing it would bring it again and show the person
    a fault, and thirty of them silence the account (wechat-protocol §5.4). `reason` holds nothing of the content.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
