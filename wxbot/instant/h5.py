"""The picture of a campaign's page, for phones."""

from flask import Blueprint, Response

from wxbot import current, own_page
from wxbot.draws.draw_state import draw_state_of
from wxbot.instant import pictures

blueprint = Blueprint("instant_h5", __name__)
"""Registered under /h5."""

KEPT_S = 31_536_000
"""A picture is named by its content: what a browser has is right for ever."""


@blueprint.get("/c/<slug>/picture/<name>.jpg")
def picture(slug: str, name: str) -> Response:
    """The picture of this name, while its campaign has a public page."""
    runtime = current.runtime()
    snapshot = draw_state_of(runtime).snapshots.find(slug)
    content = pictures.content_of(runtime, snapshot.campaign_id, name) if snapshot is not None else None
    if content is None:
        return Response("", 404, mimetype="text/plain")
    response = Response(content, mimetype="image/jpeg")
    response.headers["Cache-Control"] = f"public, max-age={KEPT_S}, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    return response


own_page.public(picture)  # the page is for whoever has its address, and so is its picture
