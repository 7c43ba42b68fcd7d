"""A broker on Redis that goes away does not take its worker with it.

What a worker has taken from a connection that was lost is begun all the same, and then told to that connection, or given back to it
when it closes. kombu (5.7) asks a closed connection for its address: an AttributeError, which ends Celery for good.

kombu's methods have no types: whoever calls them says so to mypy.
"""

from typing import Any

from kombu.transport.redis import Channel, Transport
from kombu.transport.virtual import QoS
from redis.exceptions import ConnectionError as Lost


class LastingChannel(Channel):
    """Says of a connection that was closed what is true of it, so that kombu and Celery go on as after any that is lost."""

    do_restore = False
    """What was taken and not begun is not given back at the end: the schedule publishes it again."""

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection is None:
            raise Lost("this connection to the broker is closed")
        return super()._connparams(*args, **kwargs)  # type: ignore[no-untyped-call]

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Tell the broker that a tick was begun. One that cannot be told comes again after its visibility timeout: one look more."""
        try:
            super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]
        except self.connection_errors:
            if not self.closed:  # it would count as not begun, and after some such nothing more would be taken
                QoS.ack(self.qos, delivery_tag)  # type: ignore[no-untyped-call]


def outlive() -> None:
    """Let every connection of this process to a broker on Redis outlive the broker."""
    Transport.Channel = LastingChannel
