"""Console: how people come to a campaign. Its codes and posters to download, and the places they are put up at."""

import io
from typing import Any

import segno
from flask import Response, request
from flask_babel import gettext
from redis.exceptions import RedisError
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns import entries, poster
from wxbot.campaigns.admin_pages import act, blueprint, campaign_or_404, to_page
from wxbot.campaigns.models import Campaign
from wxbot.logs import get_logger
from wxbot.staff.console import log_action, log_export, role_required, runtime, said, tell, text
from wxbot.staff.models import WATCHERS
from wxbot.text import Text
from wxbot.wechat.errors import WeChatError
from wxbot.wechat.limits import QR_LIFE_MAX_S

log = get_logger(__name__)

LINKS = (entries.LINK, entries.MENU)
"""Ways that staff put somewhere as an address."""

PRINTED = (entries.QR, entries.POSTER)
"""Ways that are a picture; each place has one too."""

HOW = {
    entries.KEYWORD: Text(
        "公众号在聊天里答的卡片（关键词、欢迎语）", "the card with which the chat answers a keyword or a new follower"
    ),
    entries.SHARED: Text("有人转发活动页", "somebody passed the page on"),
    entries.SCENE: Text(
        "带参二维码，30 天有效：粉丝扫了，公众号答一张活动卡片。只放在聊天或屏幕上",
        "a code with a scene, for 30 days: followers who scan it get the card. For the chat and screens only",
    ),
}
"""Ways that need nothing from staff here."""


def entry_url(campaign: Campaign, code: str = entries.LINK) -> str:
    """Where a person enters the campaign."""
    return entries.address(runtime().settings.public_url, campaign.slug, code)


def ways(campaign: Campaign) -> list[dict[str, Any]]:
    """Every way in as the campaign's page lists it: code, name, address or how it comes about, and whether it is a picture."""
    return [
        {
            "code": code,
            "name": said(entries.name_of(campaign.places, code)),
            "url": "" if code in HOW else entry_url(campaign, code),
            "how": said(HOW[code]) if code in HOW else "",
            "is_printed": code in PRINTED or code in campaign.places,
        }
        for code in (*LINKS, *PRINTED, *campaign.places, *HOW)
    ]


def _asked_url(campaign: Campaign) -> str:
    return entry_url(campaign, entries.known(campaign.places, request.args.get("c", "")))


@blueprint.get("/campaigns/<int:campaign_id>/qr.svg")
@role_required(*WATCHERS)
def qr_code(campaign_id: int) -> Response:
    """The entry as a QR code, for the page."""
    picture = io.BytesIO()
    made = segno.make(_asked_url(campaign_or_404(campaign_id)), error="m")
    made.save(picture, kind="svg", border=2, omitsize=True)
    return Response(picture.getvalue(), mimetype="image/svg+xml")


@blueprint.get("/campaigns/<int:campaign_id>/qr.png")
@role_required(*WATCHERS)
def qr_picture(campaign_id: int) -> Response:
    """The entry as a QR code to print."""
    campaign = campaign_or_404(campaign_id)
    return _printed(_asked_url(campaign), f"qr-{campaign.slug}.png")


@blueprint.get("/campaigns/<int:campaign_id>/poster")
@role_required(*WATCHERS)
def poster_picture(campaign_id: int) -> Response:
    """The poster with this entry's code: PNG, or SVG on a machine without a font that has Chinese letters."""
    campaign = campaign_or_404(campaign_id)
    made = poster.file_of(poster.text_of(campaign), _asked_url(campaign), runtime().settings.poster_font)
    return _download(made.content, made.media_type, f"poster-{campaign.slug}.{made.extension}")


@blueprint.post("/campaigns/<int:campaign_id>/scene")
@role_required("marketer")
def scene_picture(campaign_id: int) -> BaseResponse:
    """A code with a scene, made by WeChat for 30 days: the chat answers whoever scans it with the campaign's card."""
    campaign = campaign_or_404(campaign_id)
    try:
        made = runtime().official_account.qrcode_create(entries.scene_of(campaign.slug), expires_in_s=QR_LIFE_MAX_S)
    except (WeChatError, RedisError) as error:
        log.warning("scene_not_made", reason=type(error).__name__)
        log_action("campaign_scene", f"campaign:{campaign_id}", "refused", reason=type(error).__name__)
        tell(gettext("现在没能从微信拿到粉丝码，请过一会儿再试。"), "danger")
        return to_page(campaign_id)
    log_export("campaign_scene", f"campaign:{campaign_id}")
    return _printed(made.url, f"followers-{campaign.slug}.png")


def _printed(address: str, name: str) -> Response:
    """An address as a QR code to print: 4 modules of white around it, as readers want."""
    picture = io.BytesIO()
    segno.make(address, error="m").save(picture, kind="png", scale=24, border=4)
    return _download(picture.getvalue(), "image/png", name)


def _download(body: bytes, mimetype: str, name: str) -> Response:
    response = Response(body, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blueprint.post("/campaigns/<int:campaign_id>/places")
@role_required("marketer")
def add_place(campaign_id: int) -> BaseResponse:
    """A place of its own for the code (a shop, a flyer), counted for itself; also while the campaign runs."""
    name = text("name", 60)
    return act(
        campaign_id,
        "campaign_place",
        gettext("已添加渠道，二维码和海报可以下载了。"),
        entries.add_place,
        name,
        name=name,
    )
