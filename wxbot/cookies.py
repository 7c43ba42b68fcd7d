"""Flask's signed cookie, its age counted by the deployment's clock: two boxes whose own clocks differ read each other's."""

from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from wxbot.clock import Clock

AHEAD_S = 60
"""A cookie may be signed so much in the future: itsdangerous itself refuses one second, which rounding alone makes."""


class Cookies(SecureCookieSessionInterface):
    """The session cookie of pages with forms (the console's CSRF secret is in it)."""

    def __init__(self, clock: Clock) -> None:
        class ClockSigner(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock.unix())

            def unsign(self, signed_value: Any, max_age: int | None = None, return_timestamp: bool = False) -> Any:
                value, signed_at = super().unsign(signed_value, max_age=None, return_timestamp=True)
                age_s = clock.unix() - signed_at.timestamp()
                if max_age is not None and not -AHEAD_S <= age_s <= max_age:
                    raise SignatureExpired(f"signed {age_s:.0f} s ago", payload=value, date_signed=signed_at)
                return (value, signed_at) if return_timestamp else value

        self.signer: type[TimestampSigner] = ClockSigner

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Flask's own serializer with our signer."""
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = self.signer
        return serializer
