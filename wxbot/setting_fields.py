"""The fields of the settings: names, types, defaults and bounds; what they must hold together is wxbot/settings.py's."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

SHAKE_AUTH_MCHID = "1000052601"
SHAKE_AUTH_APPID = "wxbf42bd79c4391863"
"""The shake platform's merchant number and appid: constants of hbpreorder (wechat-protocol §1.2)."""


class SettingFields(BaseSettings):
    """The settings of one deployment (one official account, one merchant)."""

    model_config = SettingsConfigDict(
        env_prefix="WXBOT_", env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    profile: Literal["simulator", "production"] = "production"
    database_url: str = Field(default="sqlite:///instance/wxbot.db", repr=False)
    db_pool_size: int = Field(default=16, ge=1, le=200)
    db_pool_overflow: int = Field(default=8, ge=0, le=200)
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", repr=False)
    public_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr
    secret_key_old: SecretStr = SecretStr("")
    data_dir: Path = Path("instance")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    locale: Literal["zh_CN", "en"] = "zh_CN"
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    live_host: str = "127.0.0.1"
    live_port: int = Field(default=8001, ge=0, le=65_535)
    live_streams: int = Field(default=6_000, ge=1, le=60_000)
    live_state_dir: Path | None = None
    live_url: str = Field(default="", pattern=r"^(https?://[^/?#]+)?$")
    session_hours: int = Field(default=12, ge=1, le=168)
    totp: Literal["optional", "required"] = "optional"
    totp_again_fen: int = Field(default=50_000, ge=0)

    appid: str = Field(pattern=r"^wx[0-9a-f]{16}$")
    appsecret: SecretStr
    original_id: str = Field(pattern=r"^gh_[0-9a-f]{12}$")
    callback_token: SecretStr
    aes_key: SecretStr = SecretStr("")
    callback_token_old: SecretStr = SecretStr("")
    aes_key_old: SecretStr = SecretStr("")
    callback_mode: Literal["plain", "compatible", "encrypted"] = "encrypted"
    mp_verify: str = ""
    brand: str = "wxbot"
    poster_font: Path | None = None

    mch_id: str = Field(pattern=r"^\d{8,10}$")
    pay_key: SecretStr
    pay_cert_file: Path
    pay_cert_key_file: Path
    pay_ca_file: Path | None = None
    client_ip: str = "127.0.0.1"
    shake_auth_mchid: str = SHAKE_AUTH_MCHID
    shake_auth_appid: str = SHAKE_AUTH_APPID
    pay_concurrency: int = Field(default=8, ge=1, le=64)
    pay_per_second: int = Field(default=25, ge=1, le=100_000)
    pay_per_day: int = Field(default=10_000, ge=1)
    pay_quiet_hours: bool = True
    transfer_quiet_hours: bool = False
    pay_fen_per_day: int = Field(default=100_000_000, ge=100)
    number_epoch: int = Field(default=0, ge=0, le=9)

    payout_channel: Literal["sendredpack", "transfer_bills"] = "sendredpack"
    payout_min_fen: int = Field(default=100, ge=30)
    payout_max_fen: int = Field(default=20_000, ge=100)
    second_person_fen: int = Field(default=10_000, ge=0)
    reviewer_fen: int = Field(default=200_000, ge=0)
    person_packets_per_day: int = Field(default=10, ge=1)
    person_fen_per_day: int = Field(default=100_000, ge=100)
    direct_scene_id: Literal[
        "", "PRODUCT_1", "PRODUCT_2", "PRODUCT_3", "PRODUCT_4", "PRODUCT_5", "PRODUCT_6", "PRODUCT_7", "PRODUCT_8"
    ] = ""
    api_v3_key: SecretStr = SecretStr("")
    pay_public_key_id: str = ""
    pay_public_key_file: Path | None = None
    api_v3_key_old: SecretStr = SecretStr("")
    pay_public_key_old_id: str = ""
    pay_public_key_old_file: Path | None = None
    transfer_scene_id: str = Field(default="1000", pattern=r"^\d{4}$")
    transfer_perception: str = Field(default="现金奖励", max_length=32)
    transfer_reports: str = "活动名称={act_name};奖励说明={remark}"

    award_remind_hours: int = Field(default=24, ge=0, le=168)
    drand_relays: str = "https://api.drand.sh https://drand.cloudflare.com"

    sms_provider: Literal["none", "console", "tencent", "aliyun"] = "none"
    sms_key_id: str = ""
    sms_secret_key: SecretStr = SecretStr("")
    sms_app_id: str = ""
    sms_sign_name: str = ""
    sms_template: str = ""
    sms_region: str = ""
    sms_fen: int = Field(default=5, ge=0)
    sms_fen_per_day: int = Field(default=5_000, ge=0)
    binding_policy: Literal["refuse", "hold", "open"] = "refuse"
    rebind_hours: int = Field(default=24, ge=0, le=720)

    voucher_storage: Literal["auto", "database", "folder", "s3"] = "auto"
    voucher_folder: Literal["unsaid", "one_box", "shared"] = "unsaid"
    s3_endpoint: str = ""
    s3_bucket: str = ""
    s3_region: str = ""
    s3_key_id: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    bulk_approve_fen: int = Field(default=5_000, ge=0)

    keep_photos_days: int = Field(default=1095, ge=0)
    keep_evidence_days: int = Field(default=1095, ge=0)
    keep_callbacks_days: int = Field(default=365, ge=0)
    keep_addresses_days: int = Field(default=180, ge=0)
    keep_audit_days: int = Field(default=1095, ge=0)
    keep_dialogues_days: int = Field(default=30, ge=0)
    keep_notices_days: int = Field(default=365, ge=0)
    keep_texts_days: int = Field(default=30, ge=0)
    metrics_key: SecretStr = SecretStr("")
    alert_targets: SecretStr = SecretStr("")
    alert_remind_hours: int = Field(default=12, ge=1, le=168)
    alert_balance_fen: int = Field(default=0, ge=0)
    balance_query: bool = False

    api_base: str = "https://api.weixin.qq.com"
    mch_base: str = "https://api.mch.weixin.qq.com"
    open_base: str = "https://open.weixin.qq.com"
    mp_base: str = "https://mp.weixin.qq.com"
    res_base: str = "https://res.wx.qq.com"
    zb_base: str = "https://zb.weixin.qq.com"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then .env."""
        return init_settings, env_settings, dotenv_settings
