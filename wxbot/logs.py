"""Logs: one event per line, its name static, values as fields; secrets are masked here, once (security S58, S63)."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

MASK = "***"
SECRET_FIELDS = frozenset(
    {
        "access_token", "oauth_access_token", "refresh_token", "appsecret", "secret", "secret_key", "pay_key", "aes_key",
        "lottery_key", "key", "sign", "signature", "msg_signature", "sp_ticket", "ticket", "shake_ticket", "jsapi_ticket",
        "password", "code", "cookie", "authorization", "token", "phone",
    }
)  # fmt: skip
"""Field names whose values never reach a log line."""

_IN_TEXT = re.compile(
    r"(?i)\b(access_token|refresh_token|secret|appsecret|sign|signature|msg_signature|ticket|sp_ticket|code|key|password)"
    r"(=|%3D|\"?\s*[:>]\s*\"?)(?!\s)([^&\s\"'<]{4,})"
)


def mask_text(text: str) -> str:
    """The text with every `name=value` of a secret masked, for messages that come from libraries (security S59)."""
    return _IN_TEXT.sub(lambda found: f"{found[1]}{found[2]}{MASK}", text)


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if name.lower() in SECRET_FIELDS and value:
            event[name] = MASK
        elif isinstance(value, str) and name != "event":
            event[name] = mask_text(value)
    return event


class _MaskingFilter(logging.Filter):
    """Masks what the standard library's loggers (urllib3, celery, gunicorn) would print."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = mask_text(record.getMessage())
        record.args = None
        return True


def configure(level: str = "INFO", fmt: str = "json") -> None:
    """Set up structlog and the standard library's logging for this process."""
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if fmt == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    stream = logging.StreamHandler(sys.stderr)
    stream.addFilter(_MaskingFilter())
    stream.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[stream], force=True)
    for noisy in ("urllib3", "requests", "kombu", "amqp"):
        logging.getLogger(noisy).setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level]))


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose events carry the module's name."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
