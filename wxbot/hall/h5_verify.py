"""The page with which anybody checks the record of an evening on their own device: one file, which works without a network."""

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from wxbot.headers import csp_nonce

blueprint = Blueprint("hall_verify", __name__)
"""Registered under /h5."""

FILE = "wxbot-hall-verify.html"


@blueprint.get("/hall/verify")
def page() -> Response:
    """The page, or with `?download` the same as a file. Its own policy lets it load nothing and speak to nobody."""
    response = Response(render_template("hall/verify.html"), mimetype="text/html")
    nonce = csp_nonce()
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'"
    response.headers["Content-Security-Policy"] = (
        f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    if "download" in request.args:
        response.headers["Content-Disposition"] = f'attachment; filename="{FILE}"'
    return response


page.guard = "public"  # type: ignore[attr-defined]  # it says nothing of anybody
