"""The ways into a campaign: one address, told apart by a channel code (`?c=CODE`), so that each way is counted for itself.

A code says where a person came from and nothing else: no openid, no advantage. Only codes that are known are counted; whatever
a stranger types there counts as the bare link.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.campaigns.models import Campaign
from wxbot.text import Refusal, Text

LINK, QR, POSTER, MENU, KEYWORD, SHARED, SCENE = "", "qr", "poster", "menu", "keyword", "shared", "scene"

ENTRIES: dict[str, Text] = {
    LINK: Text("链接", "Link"),
    QR: Text("二维码", "QR code"),
    POSTER: Text("海报", "Poster"),
    MENU: Text("菜单", "Menu"),
    KEYWORD: Text("聊天卡片", "Card in the chat"),
    SHARED: Text("转发卡片", "Shared card"),
    SCENE: Text("粉丝码", "Followers' code"),
}
"""The codes that every campaign has, and what people call them."""

SCENE_PREFIX = "campaign:"
"""A QR code with a scene says the campaign by its slug: for those who follow already, in the chat and on screens; who does not
follow is led to follow first, so it is never on a poster or in print."""

PLACES_AT_MOST = 50
NAME_CHARACTERS = 20


def known(places: Mapping[str, str], given: str) -> str:
    """The channel code to count under: the given one when it is ours, else that of the bare link."""
    return given if given in ENTRIES or given in places else LINK


def address(public_url: str, slug: str, code: str = LINK) -> str:
    """Where a person enters a campaign, by one way."""
    return f"{public_url}/h5/c/{slug}" + (f"?c={code}" if code else "")


def scene_of(slug: str) -> str:
    """The scene of the code that answers followers with a campaign's card."""
    return f"{SCENE_PREFIX}{slug}"


def name_of(places: Mapping[str, str], code: str) -> Text:
    """What people call a code: a place's own name as staff wrote it."""
    own = places.get(code, code)
    return ENTRIES.get(code) or Text(own, own)


def add_place(session: Session, campaign_id: int, staff_id: int, now: datetime, name: str) -> str:
    """A place of its own to put the code up at (a shop, a flyer); returns its channel code, which is never given again.

    Raises Refusal for a name that is missing, too long or there already, and beyond PLACES_AT_MOST.
    """
    name = typed.line(name)
    query = select(Campaign).where(Campaign.id == campaign_id).with_for_update()
    campaign = session.scalars(query).one()
    if not name or len(name) > NAME_CHARACTERS:
        raise Refusal(
            "name",
            Text(
                f"请写出渠道名称，最多 {NAME_CHARACTERS} 个字。",
                f"Name the place in at most {NAME_CHARACTERS} characters.",
            ),
        )
    if name in campaign.places.values():
        raise Refusal("known", Text("已经有这个渠道了。", "This place is there already."))
    if len(campaign.places) >= PLACES_AT_MOST:
        raise Refusal(
            "many",
            Text(f"一个活动最多 {PLACES_AT_MOST} 个渠道。", f"A campaign has at most {PLACES_AT_MOST} places."),
        )
    code = f"p{len(campaign.places) + 1}"
    campaign.places = {**campaign.places, code: name}
    campaign.updated_at = now
    return code
