"""What a simulator is started with, and the values of its one official account."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALLBACK_MODES = ("plain", "compatible", "encrypted")

RIGHTS: dict[str, tuple[str, ...]] = {
    "service": ("",),
    "service_unverified": ("/cgi-bin/menu/",),
    "subscription": ("/cgi-bin/menu/", "/cgi-bin/user/", "/cgi-bin/message/custom/", "/cgi-bin/media/"),
    "subscription_unverified": (),
}
"""Kind of account → beginnings of the calls that only some kinds may make, and this one does (wechat-protocol §5.14)."""

FOR_EVERY_KIND = (
    "/cgi-bin/token",
    "/cgi-bin/stable_token",
    "/cgi-bin/ticket/",
    "/cgi-bin/get",
    "/cgi-bin/clear_quota",
    "/cgi-bin/openapi/",
)

# The fixed pair of the shake platform (wechat-protocol §1.2).
SHAKE_AUTH_MCHID = "1000052601"
SHAKE_AUTH_APPID = "wxbf42bd79c4391863"


@dataclass
class Account:
    """Console settings of the official account and its merchant. Clearly fake; changeable under /_sim/account."""

    appid: str = "wx0123456789abcdef"
    appsecret: str = "5imu1at0r5imu1at0r5imu1at0rfake0"
    original_id: str = "gh_0123456789ab"
    name: str = "示例小店"
    kind: str = "service"
    callback_url: str = ""
    callback_token: str = "simulatorcallbacktoken01"
    aes_key: str = "5imu1atorAESkey5imu1atorAESkey5imu1atorAESk"
    callback_mode: str = "encrypted"
    oauth_domains: list[str] = field(default_factory=list)
    js_domains: list[str] = field(default_factory=list)
    business_domains: list[str] = field(default_factory=list)
    ip_whitelist: list[str] = field(default_factory=list)
    pay_ips: list[str] = field(default_factory=list)
    mch_id: str = "1900000001"
    pay_key: str = "5imu1atorPayKey5imu1atorPayKey00"
    api_v3_key: str = "5imu1atorApiV3Key5imu1atorV3Key0"
    pay_public_key_id: str = "PUB_KEY_ID_SIM0001"

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def may_call(self, path: str) -> bool:
        """Whether an account of this kind has the right to a call of the account's API."""
        return path.startswith((*FOR_EVERY_KIND, *RIGHTS[self.kind]))

    def change(self, changes: dict[str, Any]) -> None:
        """Takes a part of the values. Raises ValueError, naming the field, on an unknown name or a wrong value."""
        known = {each.name: each for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"{name}: no such account value; known are {', '.join(known)}")
            wanted = type(getattr(self, name))
            if not isinstance(value, wanted):
                raise ValueError(f"{name}: must be a {wanted.__name__}")
        mode = changes.get("callback_mode", self.callback_mode)
        if mode not in CALLBACK_MODES:
            raise ValueError(f"callback_mode: must be one of {', '.join(CALLBACK_MODES)}")
        if changes.get("kind", self.kind) not in RIGHTS:
            raise ValueError(f"kind: must be one of {', '.join(RIGHTS)}")
        if len(changes.get("aes_key", self.aes_key)) != 43:
            raise ValueError("aes_key: must have 43 characters")
        if len(changes.get("api_v3_key", self.api_v3_key).encode()) != 32:
            raise ValueError("api_v3_key: must have 32 characters")
        if not changes.get("pay_public_key_id", self.pay_public_key_id).startswith("PUB_KEY_ID_"):
            raise ValueError("pay_public_key_id: must begin with PUB_KEY_ID_")
        for name, value in changes.items():
            setattr(self, name, value)


@dataclass
class SimulatorConfig:
    """How to start a simulator. Port 0 takes a free one; `app_urls` are the pages allowed for OAuth and the JS-SDK."""

    host: str = "127.0.0.1"
    http_port: int = 9000
    https_port: int = 9443
    proxy_port: int | None = None
    """A proxy for programs whose addresses cannot be changed; None: no proxy."""
    state_dir: Path | str = "simulator-state"
    callback_url: str = ""
    app_urls: tuple[str, ...] = ()
    appid: str = Account.appid
    appsecret: str = Account.appsecret
    original_id: str = Account.original_id
    callback_token: str = Account.callback_token
    aes_key: str = Account.aes_key
    callback_mode: str = Account.callback_mode
    mch_id: str = Account.mch_id
    pay_key: str = Account.pay_key
    api_v3_key: str = Account.api_v3_key
    balance_fen: int = 10_000_000
    seed: int = 1
    is_saved: bool = True
    """False keeps the world in memory only (tests, benchmarks)."""

    def account(self) -> Account:
        """The account at the start of a world. Hosts with a port are allowed as domains, as test accounts may (§7.5)."""
        hosts = [url.split("://", 1)[-1].split("/", 1)[0] for url in self.app_urls]
        return Account(
            appid=self.appid,
            appsecret=self.appsecret,
            original_id=self.original_id,
            callback_url=self.callback_url,
            callback_token=self.callback_token,
            aes_key=self.aes_key,
            callback_mode=self.callback_mode,
            oauth_domains=list(hosts),
            js_domains=list(hosts),
            business_domains=list(hosts),
            mch_id=self.mch_id,
            pay_key=self.pay_key,
            api_v3_key=self.api_v3_key,
        )
