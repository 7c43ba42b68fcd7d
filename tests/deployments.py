"""Applications that talk to nobody, for tests of the doors themselves: no simulator, made-up account, any mode."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from tests.pushes import Sender
from wxbot.clock import Clock
from wxbot.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

TOKEN = "abcdefgh12345678"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class GivenSettings(Settings):
    """Settings by what a test gives alone: no variable and no file is looked for, which takes most of the time of making them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The arguments."""
        return (init_settings,)


def settings_for(mode: str, database_url: str, redis_url: str, folder: Path, **changes: Any) -> Settings:
    """A deployment that talks to nobody; plain mode exists only under the simulator profile (S03)."""
    scheme = "http" if mode == "plain" else "https"
    hosts = {f"{name}_base": f"{scheme}://127.0.0.1:1" for name in ("api", "open", "mp", "res", "zb")}
    values: dict[str, Any] = {
        "profile": "simulator" if mode == "plain" else "production",
        "secret_key": "a-secret-key-for-tests-only-0123456789abcdef",
        "database_url": database_url,
        "redis_url": redis_url,
        "data_dir": folder,
        "public_url": f"{scheme}://shop.example.com",
        "appid": "wx0123456789abcdef",
        "appsecret": "0123456789abcdef0123456789abcdef",
        "original_id": "gh_0123456789ab",
        "callback_token": TOKEN,
        "aes_key": AES_KEY,
        "callback_mode": mode,
        "mch_id": "1900000001",
        "pay_key": "k" * 32,
        "pay_cert_file": folder / "apiclient_cert.pem",
        "pay_cert_key_file": folder / "apiclient_key.pem",
        "mch_base": "https://127.0.0.1:1",
    }
    return GivenSettings(**(values | hosts | changes))


def environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables."""
    values = {}
    for name, value in settings.model_dump().items():
        if value is not None:
            shown = value.get_secret_value() if hasattr(value, "get_secret_value") else value
            values[f"WXBOT_{name.upper()}"] = str(shown)
    return values


def app_for(settings: Settings) -> Flask:
    """The web application; its clock is the machine's, since no simulator is there to be followed."""
    # The process that hands out the tests to others needs no application: it begins without loading one.
    from wxbot.app import create_app
    from wxbot.runtime import Runtime

    runtime = Runtime(settings)
    runtime.clock = Clock()
    return create_app(runtime)


def close(app: Flask) -> None:
    """Close what the application opened."""
    app.extensions["wxbot.callback"].close()
    app.extensions["wxbot"].close()


def sender_of(app: Flask) -> Sender:
    """WeChat, as far as this application's account goes."""
    return Sender(app.extensions["wxbot"].settings, time.time())
