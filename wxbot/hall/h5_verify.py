"""The page with which anybody checks the record of an evening on their own device: one file, which works without a network."""

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from wxbot import own_page

blueprint = Blueprint("hall_verify", __name__)
"""Registered under /h5."""

FILE = "wxbot-hall-verify.html"


@blueprint.get("/hall/verify")
def page() -> Response:
    """The page, or with `?download` the same as a file. A policy within it lets it load nothing and speak to nobody, here and there."""
    response = Response(render_template("hall/verify.html"), mimetype="text/html")
    if "download" in request.args:
        response.headers["Content-Disposition"] = f'attachment; filename="{FILE}"'
    return response


own_page.public(page)  # it says nothing of anybody
