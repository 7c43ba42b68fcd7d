"""Every setting of wxbot, read once at start and checked as a whole: a wrong one stops the start with a sentence."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr, ValidationError, ValidationInfo, field_validator, model_validator

from wxbot.setting_fields import SettingFields

WEAK_TOKENS = {"weixin", "wechat", "token", "123456", "test", "wxbot"}
"""Callback tokens found in tutorials; with one of them anyone can sign a callback (security S10)."""

SECRET_FILE_FIELDS = (
    "secret_key",
    "appsecret",
    "callback_token",
    "aes_key",
    "pay_key",
    "api_v3_key",
    "database_url",
    "redis_url",
    "sms_secret_key",
    "s3_secret_key",
    "secret_key_old",
    "callback_token_old",
    "aes_key_old",
    "api_v3_key_old",
    "metrics_key",
    "alert_targets",
)
"""Settings that may also be given as WXBOT_<NAME>_FILE, the path of a file that holds the value."""


PhotoStore = Literal["database", "folder", "s3"]
"""Where photos of vouchers are kept."""


LEAST_EVIDENCE_DAYS = 180
"""Audit log and raw answers stay at least this long (网络安全法 art. 21: six months); the database's triggers hold it, too."""


class SettingsError(Exception):
    """Raised at start when settings are missing or wrong; the message names every fault at once."""


class Settings(SettingFields):
    """The settings of one deployment (one official account, one merchant), checked together."""

    @field_validator("public_url", "api_base", "mch_base", "open_base", "mp_base", "res_base", "zb_base")
    @classmethod
    def _is_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError(
                "须为不带参数的 http(s)://域名[:端口] / must be http(s)://host[:port] without query, for example https://shop.example.com"
            )
        return value.rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _is_long_secret(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError(
                "至少 32 个字符 / needs at least 32 characters; make one with: python -c 'import secrets;print(secrets.token_hex(32))'"
            )
        return value

    @field_validator("callback_token", "callback_token_old")
    @classmethod
    def _is_strong_token(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        token = value.get_secret_value()
        if not token and info.field_name == "callback_token_old":
            return value
        if token.lower() in WEAK_TOKENS or not 16 <= len(token) <= 32 or not token.isalnum():
            raise ValueError(
                "须为 16 到 32 个别人猜不到的字母和数字，并与公众平台的服务器配置相同 / "
                "needs 16 to 32 letters and digits nobody can guess; set the same in WeChat's server configuration"
            )
        return value

    @field_validator("pay_key")
    @classmethod
    def _is_pay_key(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) != 32:
            raise ValueError("是商户平台的 32 位 API 密钥 / is the 32-character API key of the merchant console")
        return value

    @field_validator("keep_audit_days", "keep_evidence_days")
    @classmethod
    def _is_kept_half_a_year(cls, value: int) -> int:
        if 0 < value < LEAST_EVIDENCE_DAYS:
            raise ValueError(
                f"不少于 {LEAST_EVIDENCE_DAYS}：日志须保存六个月；0 表示永久 / is {LEAST_EVIDENCE_DAYS} or more: logs must be kept for six months; 0 keeps for ever"
            )
        return value

    @field_validator("metrics_key")
    @classmethod
    def _is_long_key(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 16:
            raise ValueError("needs at least 16 characters nobody can guess, or leave it empty: no /metrics then")
        return value

    @field_validator("alert_targets")
    @classmethod
    def _are_targets(cls, value: SecretStr) -> SecretStr:
        for place, target in enumerate(value.get_secret_value().split(), 1):
            if "://" not in target:
                raise ValueError(
                    f"target {place} is no address; write addresses like wecombot://KEY, separated by spaces"
                )
        return value

    @field_validator("drand_relays")
    @classmethod
    def _are_relays(cls, value: str) -> str:
        relays = [relay.rstrip("/") for relay in value.split()]
        if not all(re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", relay) for relay in relays):
            raise ValueError(
                "是以空格隔开的网址，例如 https://api.drand.sh / are addresses like https://api.drand.sh, separated by spaces"
            )
        return " ".join(relays)

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        faults = []
        if self.callback_mode != "plain" and len(self.aes_key.get_secret_value()) != 43:
            faults.append(
                "WXBOT_AES_KEY: EncodingAESKey 有 43 个字符，请从公众平台的服务器配置复制 / EncodingAESKey has 43 characters; copy it from WeChat's server configuration"
            )
        if self.profile == "production":
            if self.callback_mode == "plain":
                faults.append(
                    "WXBOT_CALLBACK_MODE: 明文回调可以伪造，正式环境请用 encrypted 或 compatible / plain callbacks can be forged; choose encrypted (or compatible) in production"
                )
            for name in ("public_url", "api_base", "mch_base", "open_base"):
                if not getattr(self, name).startswith("https://"):
                    faults.append(
                        f"WXBOT_{name.upper()}: 正式环境须以 https:// 开头 / must start with https:// in production"
                    )
        if not self.mch_base.startswith("https://"):
            faults.append("WXBOT_MCH_BASE: 微信支付只用 https / WeChat Pay is spoken over https only")
        if self.balance_query and not self.api_v3_key.get_secret_value():
            faults.append(
                "WXBOT_BALANCE_QUERY: 需要 WXBOT_API_V3_KEY，请填写，或关闭查询 / needs WXBOT_API_V3_KEY; set it, or turn the query off"
            )
        faults += self._payout_faults() + self._overlap_faults()
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _payout_faults(self) -> list[str]:
        """What is missing or wrong for direct payouts, SMS codes and voucher photos."""
        faults = []
        v3_key = self.api_v3_key.get_secret_value()
        if v3_key and len(v3_key) != 32:
            faults.append(
                "WXBOT_API_V3_KEY: 是商户平台的 32 位 APIv3 密钥 / is the 32-character APIv3 key of the merchant console"
            )
        if self.payout_channel == "transfer_bills" and not v3_key:
            faults.append(
                "WXBOT_API_V3_KEY: 用 transfer_bills 付款时必填，请先在商户平台设置 / is needed to pay with transfer_bills; set it in the merchant console first"
            )
        if bool(self.pay_public_key_id) != bool(self.pay_public_key_file):
            faults.append(
                "WXBOT_PAY_PUBLIC_KEY_ID: 与 WXBOT_PAY_PUBLIC_KEY_FILE 同时填写（公钥），或都不填（下载平台证书） / goes together with WXBOT_PAY_PUBLIC_KEY_FILE; set both (public key) or "
                "neither (platform certificates are fetched)"
            )
        if self.payout_min_fen > self.payout_max_fen:
            faults.append(
                "WXBOT_PAYOUT_MIN_FEN: 不得大于 WXBOT_PAYOUT_MAX_FEN / must not be above WXBOT_PAYOUT_MAX_FEN"
            )
        if self.sms_provider in ("tencent", "aliyun") and not (
            self.sms_key_id and self.sms_secret_key.get_secret_value() and self.sms_sign_name and self.sms_template
        ):
            faults.append(
                f"WXBOT_SMS_PROVIDER: {self.sms_provider} 需要下列设置 / {self.sms_provider} needs WXBOT_SMS_KEY_ID, WXBOT_SMS_SECRET_KEY, "
                "WXBOT_SMS_SIGN_NAME and WXBOT_SMS_TEMPLATE"
            )
        if self.sms_provider == "console" and self.profile == "production":
            faults.append(
                "WXBOT_SMS_PROVIDER: console 会把验证码写进日志，正式环境请用 tencent 或 aliyun / console writes codes into the log; choose tencent or aliyun in production"
            )
        if (
            self.profile == "production"
            and self.photo_store == "folder"
            and self.voucher_folder == "unsaid"
            and not self._is_sqlite
        ):
            faults.append(
                "WXBOT_VOUCHER_STORAGE: 文件夹只有一台机器看得见，而 PostgreSQL 可能有几台机器：请用 database（或 s3）并运行 "
                "wxbot photos move；只有这台机器时 WXBOT_VOUCHER_FOLDER=one_box，各机器挂载同一文件夹时 =shared / a folder is seen by one machine only, and PostgreSQL may serve several; choose "
                "database (or s3) and run wxbot photos move. If there is only this machine, say WXBOT_VOUCHER_FOLDER=one_box; "
                "if all machines mount the same folder, WXBOT_VOUCHER_FOLDER=shared"
            )
        if self.voucher_storage == "s3" and not (
            self.s3_bucket and self.s3_key_id and self.s3_secret_key.get_secret_value()
        ):
            faults.append(
                "WXBOT_VOUCHER_STORAGE: s3 需要下列设置 / s3 needs WXBOT_S3_BUCKET, WXBOT_S3_KEY_ID and WXBOT_S3_SECRET_KEY"
            )
        return faults

    def _overlap_faults(self) -> list[str]:
        """What is wrong with the former keys that are accepted while keys are changed."""
        faults = []
        if self.secret_key_old.get_secret_value() == self.secret_key.get_secret_value():
            faults.append(
                "WXBOT_SECRET_KEY_OLD: 与 WXBOT_SECRET_KEY 相同，请填旧密钥或删掉 / is the same as WXBOT_SECRET_KEY; set the former key, or remove it"
            )
        if len(self.aes_key_old.get_secret_value()) not in (0, 43):
            faults.append(
                "WXBOT_AES_KEY_OLD: 是旧的 EncodingAESKey，43 个字符；没有就删掉 / is the former EncodingAESKey, 43 characters; remove it when none is left"
            )
        if len(self.api_v3_key_old.get_secret_value()) not in (0, 32):
            faults.append(
                "WXBOT_API_V3_KEY_OLD: 是旧的 APIv3 密钥，32 个字符；没有就删掉 / is the former APIv3 key, 32 characters; remove it when none is left"
            )
        if bool(self.pay_public_key_old_id) != bool(self.pay_public_key_old_file):
            faults.append(
                "WXBOT_PAY_PUBLIC_KEY_OLD_ID: 与 WXBOT_PAY_PUBLIC_KEY_OLD_FILE 同时填写或都不填 / goes together with WXBOT_PAY_PUBLIC_KEY_OLD_FILE; set both or neither"
            )
        return faults

    @property
    def broker_url(self) -> str:
        """redis_url in Celery's words, which spells a socket (unix:///path?db=0) another way."""
        parts = urlsplit(self.redis_url)
        if parts.scheme != "unix":
            return self.redis_url
        owner, at, _ = parts.netloc.rpartition("@")
        number = dict(parse_qsl(parts.query)).get("db", "0")
        return f"redis+socket://{owner}{at}{parts.path}?virtual_host={number}"

    @property
    def _is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def photo_store(self) -> PhotoStore:
        """Where photos are kept: what was chosen, else beside the database's file, or inside a database with several users."""
        if self.voucher_storage != "auto":
            return self.voucher_storage
        return "folder" if self._is_sqlite else "database"

    @property
    def transfer_report_texts(self) -> dict[str, str]:
        """Report item of the transfer's scene → text; `{act_name}` and `{remark}` stand for the payout's own texts."""
        pairs = (part.partition("=") for part in self.transfer_reports.split(";") if part.strip())
        return {name.strip(): text.strip() for name, _, text in pairs}

    @property
    def transfer_notify_url(self) -> str:
        """Where WeChat Pay tells how a transfer ended (wechat-protocol §4.10): https, without a query."""
        return f"{self.public_url}/pay/transfer-notify"

    @property
    def mp_verify_codes(self) -> frozenset[str]:
        """The 16-character codes of the MP_verify files to serve (wechat-protocol §7.5)."""
        return frozenset(code.strip() for code in self.mp_verify.split(",") if code.strip())

    @property
    def is_simulated(self) -> bool:
        """Whether this deployment talks to the WeChat simulator."""
        return self.profile == "simulator"


_ZH = {
    "missing": "没有填写；请写进环境变量或 .env（docs/zh/settings.md）",
    "string_pattern_mismatch": "格式不对，应为 {pattern}",
    "string_too_long": "最多 {max_length} 个字符",
    "literal_error": "只能是 {expected}",
    "int_parsing": "应为整数",
    "bool_parsing": "应为 true 或 false",
    "greater_than_equal": "不小于 {ge}",
    "less_than_equal": "不大于 {le}",
}
"""What pydantic says of a setting, in Chinese."""


def _secrets_from_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Values of the settings that were given as WXBOT_<NAME>_FILE."""
    found = {}
    for name in SECRET_FILE_FIELDS:
        path = environ.get(f"WXBOT_{name.upper()}_FILE")
        if path:
            try:
                found[name] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(
                    f"WXBOT_{name.upper()}_FILE: 读不了 {path} / cannot read {path} ({error.strerror})"
                ) from error
    return found


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from arguments, the environment and .env (not when `wxbot --env-file` has read another file).

    Raises SettingsError with one line per fault, naming the variable and what to do.
    """
    values = {**_secrets_from_files(os.environ), **overrides}
    if os.environ.get("WXBOT_ENV_FILE"):
        values.setdefault("_env_file", None)
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"])
            text = fault["msg"].removeprefix("Value error, ")
            zh = _ZH.get(fault["type"])
            if fault["type"] == "missing":
                text = "is missing; set it in the environment or in .env (docs/settings.md)"
            if zh:
                text = f"{zh.format(**fault.get('ctx', {}))} / {text}"
            lines.append(f"WXBOT_{name.upper()}: {text}" if name else text)
        raise SettingsError(
            "以下设置有误，wxbot 无法启动：\nwxbot cannot start, these settings are wrong:\n  " + "\n  ".join(lines)
        ) from error


def refuse_unsafe_start(settings: Settings) -> None:
    """Raise SettingsError for what must never run in production: debug mode, readable key files (security S61, S80)."""
    if settings.is_simulated:
        return
    if os.environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false"):
        raise SettingsError(
            "设置了 FLASK_DEBUG：调试器会让任何人在这里执行代码，正式环境请取消 / FLASK_DEBUG is set: the debugger would let anyone run code here. Unset it in production."
        )
    for path in (settings.pay_cert_key_file, settings.pay_cert_file):
        if path.exists() and path.stat().st_mode & 0o077:
            raise SettingsError(
                f"{path} 能被本机其他用户读取 / {path} can be read by other users of this machine. chmod 600 {path}"
            )
