"""Waking the workers: what somebody waits for at their phone is looked at now, and not at the next tick.

A wake-up is a name on the broker's queue, as a tick is. It carries nothing: the row that it tells of was committed before, and
a lost one costs a second, until the next tick. Many within a moment are one.
"""

from functools import cache

from celery import Celery
from kombu.exceptions import OperationalError
from redis import RedisError

from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

PAY = "payouts.pay"
"""The task that places the orders that are due and sends them."""

MOMENT_MS = 200
"""After a wake-up others within this time are left out: the worker looks at the rows after the first one has come."""


def wake(runtime: Runtime, task: str) -> bool:
    """Publish a task's name now, after the commit of what it shall find; False when it was left out or nobody can be
    reached. Never raises: the next tick finds the same."""
    try:
        if not runtime.redis.set(f"wake:{task}", 1, nx=True, px=MOMENT_MS):
            return False
        _publisher(runtime.settings.broker_url).send_task(task, retry=False)
    except (RedisError, OperationalError, OSError) as error:
        log.warning("not_woken", task=task, reason=type(error).__name__)
        return False
    return True


@cache
def _publisher(broker_url: str) -> Celery:
    """An application that only publishes; its connections are made by the process that uses it first."""
    application = Celery("wxbot", broker=broker_url)
    application.conf.update(
        task_ignore_result=True,
        task_default_queue="wxbot",
        broker_transport_options={"socket_timeout": 2, "socket_connect_timeout": 2},
    )
    return application
