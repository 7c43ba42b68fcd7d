"""Console: the colour and picture of a campaign's page, while it is a draft."""

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns import wizard
from wxbot.campaigns.admin_pages import campaign_or_404, to_page
from wxbot.confined.run import Busy
from wxbot.instant import pictures
from wxbot.staff.console import (
    act,
    guard,
    now,
    one_or_404,
    refusal_told,
    role_required,
    runtime,
    tell,
    text,
)
from wxbot.staff.models import WATCHERS
from wxbot.staff.uploads import allow_upload
from wxbot.vouchers import photos

UPLOAD_BYTES = photos.MOST_BYTES + 64 * 1024
"""Largest body of the upload; every other page keeps the small limit (S16)."""


_pages = Blueprint("looks", __name__)
allow_upload(_pages, "looks.save", UPLOAD_BYTES)
blueprint = guard(_pages)


@blueprint.post("/campaigns/<int:campaign_id>/look")
@role_required("marketer")
def save(campaign_id: int) -> BaseResponse:
    """Give a draft its colour and picture: a new one, none, or the one it has."""
    campaign_or_404(campaign_id)
    target = f"campaign:{campaign_id}"
    raw = None
    if (sent := request.files.get("picture")) is not None:
        raw = sent.read(photos.MOST_BYTES + 1) if sent.filename else None
        sent.close()
    with refusal_told("campaign_look", target):
        try:
            content = pictures.read(runtime(), raw) if raw else None
        except Busy:
            tell(gettext("现在有很多照片在处理，请过一会儿再传。"), "danger")
            return _back(campaign_id)
        detail = {"colour": text("colour"), "has_picture": raw is not None}
        with act("campaign_look", target, gettext("外观已保存。"), detail=detail) as session:
            pictures.dress(session, campaign_id, text("colour"), content, text("bare") == "1", now())
    return _back(campaign_id)


def _back(campaign_id: int) -> BaseResponse:
    """To the step of the draft that it was sent from, else to the campaign's page."""
    if text("step") in wizard.STEPS:
        return redirect(url_for("campaigns.edit", campaign_id=campaign_id, step=text("step")), 303)
    return to_page(campaign_id)


@blueprint.get("/campaigns/<int:campaign_id>/look/<name>.jpg")
@role_required(*WATCHERS)
def picture(campaign_id: int, name: str) -> Response:
    """The picture, for those who write and approve the campaign: it has no public page yet."""
    campaign_or_404(campaign_id)
    content = one_or_404(pictures.content_of(runtime(), campaign_id, name))
    return Response(content, mimetype="image/jpeg")
