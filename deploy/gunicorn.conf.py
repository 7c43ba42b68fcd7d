"""gunicorn's settings for the web application: gunicorn --config deploy/gunicorn.conf.py wsgi:app

Callbacks must be answered within 5 seconds and normally take a few milliseconds; pages read the database and may wait
for it. Threads let one slow page wait without holding up the callbacks behind it.
"""

import json
import logging
import os
import socket
import struct
from datetime import UTC, datetime
from typing import Any

bind = os.environ.get("WXBOT_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WXBOT_WEB_WORKERS", str(max(2, os.cpu_count() or 2))))
worker_class = "gthread"
threads = int(os.environ.get("WXBOT_WEB_THREADS", "16"))

# Every worker builds its own connections: sockets are not shared between processes.
preload_app = False

# A worker that says nothing for this long is replaced; no request of ours may take it.
timeout = 30
graceful_timeout = 20
keepalive = 15

# A worker is renewed now and then, not all at the same moment.
max_requests = 100_000
max_requests_jitter = 20_000

# What a browser or WeChat sends fits easily; the rest is somebody probing.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# Where the application lies is said by its settings alone, never by a header (SCRIPT_NAME, PATH_INFO).
forwarder_headers = ""

# A request whose next byte does not come is given up, and an answer nobody takes; nginx does the same one step earlier.
RECEIVE_S, SEND_S = 8, 30


def post_worker_init(worker: Any) -> None:
    """Each connection inherits these limits from the socket that accepts it, so that none holds a thread for ever."""
    for listener in worker.sockets:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_S, 0))
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_S, 0))


# The application writes its own log, with secrets masked. Query strings hold OAuth codes and shake tickets, so there is
# no access log here; nginx keeps one without them (deploy/nginx/wxbot.conf).
accesslog = None
errorlog = "-"


class JsonLines(logging.Formatter):
    """gunicorn's own lines as the application writes its own (wxbot/logs). Nothing of wxbot is imported here: what the
    first process has loaded stays loaded when new code comes with a reload."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        line = {"event": "library", "module": record.name, "level": record.levelname.lower(), "timestamp": at}
        line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


if os.environ.get("WXBOT_LOG_FORMAT", "json") == "json":
    logging.captureWarnings(True)
    _to_stderr = {"class": "logging.StreamHandler", "formatter": "lines"}
    logconfig_dict = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonLines}},
        "handlers": {"lines": _to_stderr},
        "root": {"level": "INFO", "handlers": ["lines"]},
        "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["lines"], "propagate": False}},
    }

# No control socket: it would stand in the home folder of whoever starts the server, and nothing here uses it.
control_socket_disable = True
proc_name = "wxbot-web"

# Heartbeats of the workers in memory: a slow disk must not look like a dead worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn makes unpredictable names there
