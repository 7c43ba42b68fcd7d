"""Console: a campaign as a phone would meet it, in a frame of the page and by a code for the marketer's own phone."""

import segno
from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.instant import h5_preview
from wxbot.staff.console import guard, locale, me, role_required, runtime
from wxbot.staff.models import WATCHERS

blueprint = guard(Blueprint("previews", __name__))


LANGUAGES = {"zh": "中文", "en": "English"}
"""In which people may read the page; each is called what its readers call it."""


def _chosen() -> str:
    """The language that was asked for, else that of the console."""
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else "en" if locale().startswith("en") else "zh"


@blueprint.get("/campaigns/<int:campaign_id>/preview")
@role_required(*WATCHERS)
def page(campaign_id: int) -> str:
    """The phone, and a code to open the same on one's own."""
    campaign = campaign_or_404(campaign_id, "instant")
    link = runtime().settings.public_url + h5_preview.address(runtime(), campaign_id, me().id, _chosen())
    return render_template(
        "console/preview.html",
        campaign=campaign,
        picture=segno.make(link, error="m").svg_data_uri(border=2, scale=4),
        link=link,
        languages=LANGUAGES,
        language=_chosen(),
        minutes=h5_preview.PASS_LIFE_S // 60,
    )


@blueprint.get("/campaigns/<int:campaign_id>/preview/frame")
@role_required(*WATCHERS)
def frame(campaign_id: int) -> BaseResponse:
    """What a frame of the console loads: the phone's page, or its rules, with a fresh pass."""
    campaign_or_404(campaign_id, "instant")
    at = "rules" if request.args.get("at") == "rules" else "page"
    return redirect(h5_preview.address(runtime(), campaign_id, me().id, _chosen(), at))
