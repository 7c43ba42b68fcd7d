"""Logs: one event per line, its name static, values as fields; secrets are masked here, once (security S58, S63).

Libraries speak through the same formatter, and so do warnings and exceptions that nobody caught: with the format `json`
every line of a service is one JSON object. What an outage would repeat without end is folded here (wxbot/outages).
"""

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

from wxbot.outages import Repeats, outage_of

MASK = "***"
SECRET_FIELDS = frozenset(
    {
        "access_token",
        "oauth_access_token",
        "refresh_token",
        "appsecret",
        "secret",
        "secret_key",
        "pay_key",
        "aes_key",
        "lottery_key",
        "key",
        "sign",
        "signature",
        "msg_signature",
        "sp_ticket",
        "ticket",
        "shake_ticket",
        "jsapi_ticket",
        "password",
        "code",
        "cookie",
        "authorization",
        "token",
        "phone",
    }
)
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


def _exception_of(event: MutableMapping[str, Any]) -> BaseException | None:
    """The exception that a line is about: handed over in one of the usual ways, or the one being handled just now."""
    told = event.get("exc_info") or True
    if told is True:
        told = sys.exc_info()
    if isinstance(told, tuple):
        told = told[1]
    return told if isinstance(told, BaseException) else None


_repeats = Repeats()


def _fold(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An outage's line says its reason instead of a traceback, and is told once a minute; so is a task that goes on failing,
    whatever the reason. Everything else passes: two alarms about two orders are two lines."""
    error = _exception_of(event) if method not in ("debug", "info") else None
    kind = outage_of(error)
    if error is None or (kind is None and "task" not in event):
        return event
    source = str(event.get("task") or event.get("part") or event["event"])
    key = (event["event"], event.get("module"), source, event.get("campaign_id"), type(error))
    untold = _repeats.tell(key, kind, source)
    if untold is None:
        raise structlog.DropEvent
    if untold:
        event["repeated"] = untold
    if kind is not None:
        event.pop("exc_info", None)
        event["reason"] = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
    return event


def worked(source: str = "", *, kind: str = "") -> None:
    """Say that a task (or another `source` of failures) went well, or that what `kind` names answers: when that ends an
    outage, one line tells it."""
    for outage in _repeats.ended(kind=kind, source=source):
        get_logger(__name__).info(
            "outage_over", kind=outage.kind, failures=outage.failures, seconds=round(outage.seconds, 1)
        )


_rendering: list[Any] = [_json_line]
"""The last steps of every line, the program's own and the libraries': set by configure."""


class _LibraryLines(logging.Formatter):
    """What the standard library's loggers (celery, kombu, gunicorn, alembic, py.warnings) say, as a line of our own."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "event": "library",
            "module": record.name,
            "level": record.levelname.lower(),
            "message": mask_text(record.getMessage()),
        }
        if record.exc_info and (kind := outage_of(record.exc_info[1])):
            event["outage"] = kind
        elif record.exc_info:
            event["exception"] = mask_text(self.formatException(record.exc_info))
        if untold := getattr(record, "untold", 0):
            event["repeated"] = untold
        for step in (structlog.processors.TimeStamper(fmt="iso", utc=True), _mask, *_rendering):
            event = step(None, record.levelname.lower(), event)
        return str(event)


def _fold_library(record: logging.LogRecord) -> bool:
    """Whether a library's line is told: a warning of the same wording (a reconnect that is tried for hours, say) once a
    minute. What the wording leaves open (`%s`) does not make it another one."""
    if record.levelno < logging.WARNING or getattr(record, "untold", None) is not None:
        return True
    wording = str(record.msg) if len(str(record.msg)) > len("%s: %s") else record.getMessage()
    untold = _repeats.tell((record.name, wording[:200]))
    record.untold = untold
    return untold is not None


def _say_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    get_logger(__name__).critical("uncaught", exc_info=(kind, error, trace))


def _say_uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and told.exc_type is not SystemExit:
        name = told.thread.name if told.thread else ""
        get_logger(__name__).critical("uncaught", thread=name, exc_info=told.exc_value)


def _say_unraisable(told: Any) -> None:
    get_logger(__name__).error("unraisable", where=repr(told.object)[:200], exc_info=told.exc_value)


_NOISY = {
    "urllib3": logging.INFO,
    "requests": logging.INFO,
    "kombu": logging.INFO,
    "amqp": logging.INFO,
    "celery": logging.WARNING,
    "celery.worker.consumer.connection": logging.INFO,
    "apprise": logging.WARNING,
    "uvicorn.error": logging.WARNING,
}
"""Libraries that say too much, or secrets, below these levels; Celery's one line about a connection that is back is wanted."""


def configure(level: str = "INFO", fmt: str = "json") -> None:
    """Set up the logs of this process: structlog, the standard library's loggers, warnings, and what nobody caught."""
    _rendering[:] = [_json_line]
    if fmt == "console":
        _rendering[:] = [_without_controls, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _fold,
            structlog.processors.format_exc_info,
            _mask,
            *_rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    stream = logging.StreamHandler(sys.stderr)
    stream.addFilter(_fold_library)
    stream.setFormatter(_LibraryLines())
    logging.basicConfig(level=level, handlers=[stream], force=True)
    for noisy, least in _NOISY.items():
        logging.getLogger(noisy).setLevel(max(least, logging.getLevelNamesMapping()[level]))
    server = logging.getLogger("gunicorn.error")  # gunicorn gave it a handler of its own (deploy/gunicorn.conf.py)
    server.handlers.clear()
    server.propagate = True
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook, sys.unraisablehook = _say_uncaught, _say_uncaught_in_thread, _say_unraisable


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose events carry the module's name."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
