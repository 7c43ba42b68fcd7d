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
    r"(?i)\b((?:oauth_)?access_token|refresh_token|callback_token|secret|appsecret|secret_key|pay_key|aes_key|lottery_key|sign|signature|msg_signature|ticket|sp_ticket|shake_ticket|jsapi_ticket|code|key|password)"
    r"(=|%3D|\"?\s*[:>]\s*\"?)(?!\s)([^&\s\"'<]{4,})"
)


_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What JSON leaves as it is, though a terminal acts on it or a reader takes it for a new line (security S63)."""

_CONTROLS = re.compile(f"[\x00-\x1f]|{_UNSEEN.pattern}")


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


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


def _without_controls(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For the console's lines, which are not JSON: values stay on their line; a traceback keeps its own lines."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = (_UNSEEN if name == "exception" else _CONTROLS).sub(_escaped, value)
    return event


def _json_line(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    return _UNSEEN.sub(_escaped, str(_to_json(logger, method, event)))


_to_json = structlog.processors.JSONRenderer(ensure_ascii=False)


class _MaskingFilter(logging.Filter):
    """Masks what the standard library's loggers (urllib3, celery, gunicorn) would print, and keeps it on one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _CONTROLS.sub(_escaped, mask_text(record.getMessage()))
        record.args = None
        return True


def configure(level: str = "INFO", fmt: str = "json") -> None:
    """Set up structlog and the standard library's logging for this process."""
    renderers: list[Any] = [_json_line]
    if fmt == "console":
        renderers = [_without_controls, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            *renderers,
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
