"""Text messages: one small interface, one module per provider, one row here for each."""

import importlib

from wxbot.extras import install_line
from wxbot.people.sms.base import NotDelivered, Provider, Unsure
from wxbot.settings import Settings
from wxbot.wechat.http import Transport

__all__ = ["PROVIDERS", "NotDelivered", "Provider", "Unsure", "provider_of"]

PROVIDERS: dict[str, tuple[str, str, str]] = {
    "console": ("wxbot.people.sms.console", "Console", ""),
    "tencent": ("wxbot.people.sms.tencent", "Tencent", "tencent"),
    "aliyun": ("wxbot.people.sms.aliyun", "Aliyun", "aliyun"),
}
"""Setting → module, class, and the extra of wxbot that brings its SDK."""


def provider_of(settings: Settings, transport: Transport) -> Provider:
    """The provider of this deployment. Its SDK is loaded here and nowhere else; raises NotDelivered when it is not installed."""
    if settings.sms_provider not in PROVIDERS:  # switched off while a message waited
        raise NotDelivered("NO_PROVIDER")
    place, name, extra = PROVIDERS[settings.sms_provider]
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise NotDelivered(
            "NOT_INSTALLED", f"the SDK of {settings.sms_provider} is missing: {install_line(extra)}"
        ) from error
    provider: Provider = getattr(module, name)(settings, transport)
    return provider
