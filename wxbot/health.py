"""Two addresses for the machine that looks after this one; they tell nothing else, no version either (security S87)."""

import redis
from flask import Blueprint, Response, jsonify, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from wxbot import current, heartbeat, logs
from wxbot.runtime import Runtime

log = logs.get_logger(__name__)
blueprint = Blueprint("health", __name__)

FOR_MACHINES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Addresses that answer whatever the Host header says: probes ask by IP address, or (HTTP/1.0) name no host at all.
They write no links and set no cookies, so that a foreign name can do nothing here (security S69)."""


PROXIES_HEADER = "X-Proxies-Seen"
"""Set on /healthz while as many proxies stand in front as nobody has said; `wxbot doctor` looks for it."""


@blueprint.get("/healthz")
def alive() -> Response:
    """This process answers; nothing else is asked."""
    response = Response("ok", mimetype="text/plain")
    forwarded = request.headers.get("X-Forwarded-For")
    seen = len(forwarded.split(",")) if forwarded is not None else 0
    runtime = current.runtime()
    if seen != runtime.settings.trusted_proxies:
        response.headers[PROXIES_HEADER] = str(seen)
    return response


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """200 when the database answers, else 503.

    Redis and how many workers live, and how many fell silent without being stopped, are shown but do not decide: callbacks and
    binds work without either, so this process should go on getting them.
    """
    runtime = current.runtime()
    known = _workers(runtime)
    living = sum(worker.is_alive for worker in known or ())
    found = {
        "database": _has_database(runtime),
        "redis": known is not None,
        "workers": living,
        "silent_workers": len(known or ()) - living,
    }
    return jsonify(found), 200 if found["database"] else 503


def _has_database(runtime: Runtime) -> bool:
    try:
        with runtime.database.reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.error("not_ready", part="database", reason=type(error).__name__)
        return False
    logs.worked(kind="database")
    return True


def _workers(runtime: Runtime) -> list[heartbeat.Worker] | None:
    """Every worker that was heard of lately; None when Redis does not answer."""
    try:
        known = heartbeat.workers(runtime.redis)
    except redis.RedisError as error:
        log.error("not_ready", part="redis", reason=type(error).__name__)
        return None
    logs.worked(kind="redis")
    return known
