"""The way to people: robots of 企业微信, 钉钉 and 飞书, mail and webhooks, through apprise, which reads the addresses.

Targets come from the environment alone: nobody can make this server call an address from the console (SSRF). Redirects are not
followed, each target has a time limit of its own, and none is called while this thread holds a transaction.

apprise is loaded with the first address: every process knows this module, and few have a target.
"""

import importlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wxbot.db import assert_no_transaction
from wxbot.logs import get_logger
from wxbot.settings import Settings

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

DEADLINE_S = 15.0
"""So long one target may take; it is left behind then, and its thread ends with its sockets' own limits."""

log = get_logger(__name__)


@dataclass(frozen=True)
class Target:
    """One target: what people may see of its address, and the way there; None when the address cannot be read."""

    shown: str
    way: "NotifyBase | None"


@dataclass(frozen=True)
class Delivery:
    """How it went with one target; `reason` is empty when it took the message."""

    shown: str
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the target took the message."""
        return not self.reason


def of(settings: Settings) -> list[Target]:
    """Where the alerts of this deployment go."""
    return read(settings.alert_targets.get_secret_value())


def read(addresses: str) -> list[Target]:
    """The targets of WXBOT_ALERT_TARGETS, in their order."""
    if not addresses.split():
        return []
    from apprise import AppriseAsset  # noqa: PLC0415 - see above
    from apprise.exception import AppriseException  # noqa: PLC0415

    asset = AppriseAsset(app_id="wxbot", app_desc="wxbot", app_url="", http_redirects=False, async_mode=False)
    found = []
    for address in addresses.split():
        try:
            way = _way(address, asset)
        except (TypeError, AppriseException):
            way = None
        found.append(Target(_shown(address, way), way))
    return found


PLAIN = {
    "json": "apprise.plugins.custom_json:NotifyJSON",
    "jsons": "apprise.plugins.custom_json:NotifyJSON",
    "mailto": "apprise.plugins.email:NotifyEmail",
    "mailtos": "apprise.plugins.email:NotifyEmail",
}
"""Scheme → apprise's plugin, loaded at its first use. Any other scheme makes apprise load all of its plugins: seconds, and
tens of megabytes that few need."""


def _way(address: str, asset: "AppriseAsset") -> "NotifyBase | None":
    """The way to one address; None, TypeError or AppriseException when it cannot be read."""
    from apprise import Apprise  # noqa: PLC0415 - see above

    from wxbot.alerts import robots  # noqa: PLC0415

    scheme = address.partition("://")[0].lower()
    if found := robots.of_address(address):
        plugin, parts = found
    elif place := PLAIN.get(scheme):
        module, _, name = place.partition(":")
        plugin = getattr(importlib.import_module(module), name)
        parts = plugin.parse_url(address)
    elif scheme in robots.SCHEMES:
        return None
    else:
        return Apprise.instantiate(address, asset=asset, suppress_exceptions=False)
    return plugin(asset=asset, **parts) if parts else None


def _shown(address: str, way: "NotifyBase | None") -> str:
    """The service and its host, or a robot's key as apprise masks it: users, paths and queries of an address may be secrets."""
    scheme = address.partition("://")[0][:20]
    if way is None:
        return f"{scheme}://…"
    name = str(way.service_name or scheme)
    place = way.url(privacy=True).partition("://")[2].partition("?")[0].partition("/")[0].rpartition("@")[2]
    return f"{name} · {scheme}://{place}"[:120]


def send(targets: Sequence[Target], title: str, body: str) -> list[Delivery]:
    """Send to all targets at the same time; returns how it went with each, after DEADLINE_S at most.

    Raises OpenTransaction when this thread holds a transaction.
    """
    assert_no_transaction("an alert's target")
    results: list[Delivery | None] = [None] * len(targets)

    def send_one(place: int, target: Target) -> None:
        results[place] = _send_one(target, title, body)

    threads = [
        threading.Thread(target=send_one, args=(place, target), name="alert", daemon=True)
        for place, target in enumerate(targets)
    ]
    for thread in threads:
        thread.start()
    deadline_s = time.monotonic() + DEADLINE_S
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    sent = [found or Delivery(target.shown, "timeout") for found, target in zip(results, targets, strict=True)]
    for delivery in sent:
        if not delivery.is_good:
            log.warning("alert_not_delivered", target=delivery.shown, reason=delivery.reason)
    return sent


def _send_one(target: Target, title: str, body: str) -> Delivery:
    if target.way is None:
        return Delivery(target.shown, "unreadable")
    import apprise  # noqa: PLC0415 - see above

    from wxbot.alerts import robots  # noqa: PLC0415

    try:
        with apprise.LogCapture(level=apprise.logging.WARNING) as said:
            is_sent = target.way.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT)
        reason = "" if is_sent else (robots.refusal_of(target.way) or _last_line(said.getvalue()) or "refused")
    except Exception as error:  # a plugin's surprise is this target's alone
        reason = type(error).__name__
    return Delivery(target.shown, reason)


def _last_line(said: str) -> str:
    return said.strip().splitlines()[-1][:160] if said.strip() else ""
