"""The parts of the process that answers the present request, for whatever answers one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from flask import Flask

    from wxbot.runtime import Runtime

PLACE = "wxbot"
"""Where an application keeps its runtime (Flask: extensions)."""


def keep(app: Flask, runtime: Runtime) -> None:
    """Give an application the parts that its requests find."""
    app.extensions[PLACE] = runtime


def runtime() -> Runtime:
    """The long-lived parts of this process. Raises RuntimeError outside a request or application context."""
    return runtime_of(current_app)


def runtime_of(app: Flask) -> Runtime:
    """The long-lived parts that an application answers with."""
    return cast("Runtime", app.extensions[PLACE])
