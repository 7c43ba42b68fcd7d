"""What the draw page of a shake campaign shows besides what every campaign's page has."""

from collections.abc import Mapping
from typing import Any, cast

import redis as redis_client
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns import listing
from wxbot.campaigns.mechanic import DEFAULT_PICTURE, CampaignCard
from wxbot.campaigns.models import Campaign
from wxbot.draws.admission import Booked
from wxbot.draws.mechanic import Entrant
from wxbot.draws.models import Draw
from wxbot.draws.one_winner import drawn_key
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.draws.words import DrawPhrases
from wxbot.money import plain_percent
from wxbot.people.phone_pages import wx_config
from wxbot.runtime import Runtime
from wxbot.shake.stock import ODDS_OF, LotteryStock
from wxbot.shake.terms import terms_of
from wxbot.text import Text

OUTSIDE = Text(
    "用手机微信扫一扫这个二维码；到活动现场摇一摇才能抽红包。",
    "Scan this code with WeChat on your phone. To draw, shake on site.",
)
WORDS = ("draw", "opening", "waiting", "ok", "bound_title", "bound_text", "starts_in", "ready")


def page_state(_runtime: Runtime, _snapshot: CampaignSnapshot, language: str) -> Mapping[str, Any]:
    """The words that the page's script shows, and what hides WeChat's share menu."""
    words = DrawPhrases(language)
    return {
        "share": wx_config("hideOptionMenu", "hideAllNonBaseMenuItem"),
        "words": {name: words(name) for name in WORDS},
    }


def stored(_runtime: Runtime, _snapshot: CampaignSnapshot, _entrant: Entrant) -> Booked | None:
    """Behind shut gates WeChat hands out nothing: an earlier signature is not shown again."""
    return None


def person_state(_runtime: Runtime, _snapshot: CampaignSnapshot, _openid: str, _language: str) -> Mapping[str, Any]:
    """Nothing more: `mine` says it in a word."""
    return {}


def rules_facts(snapshot: CampaignSnapshot) -> Mapping[str, Any]:
    """The odds in percent."""
    odds_ppm = cast(LotteryStock, snapshot.stock).odds_ppm
    return {"odds": plain_percent(odds_ppm), "is_certain": odds_ppm >= ODDS_OF}


def card(campaign: Campaign) -> CampaignCard:
    """The card of a shake: its own words, the house's picture."""
    words = terms_of(campaign).description
    return CampaignCard(Text(words, words), DEFAULT_PICTURE)


def drew(session: Session, campaign_id: int) -> int:
    """How many people have drawn."""
    return session.scalar(select(func.count(Draw.openid.distinct())).where(Draw.campaign_id == campaign_id)) or 0


def reached(session: Session, campaign_id: int) -> Mapping[str, int]:
    """How many people have a packet, and how many have opened theirs."""
    tally = listing.tallies(session, [campaign_id])[campaign_id]
    return {"won": tally.reached("bound"), "paid": tally.reached("received")}


def mine(runtime: Runtime, campaign_id: int, openid: str) -> str:
    """How this person's draw stands: none, admitted or bound (F47: only WeChat's event says so)."""
    try:
        kept = runtime.redis.get(drawn_key(campaign_id, openid))
    except redis_client.RedisError:
        kept = None
    if isinstance(kept, str):
        return kept.partition("|")[0]
    query = select(Draw.status).where(
        Draw.campaign_id == campaign_id, Draw.openid == openid, Draw.status.in_(("admitted", "bound"))
    )
    with runtime.database.reading() as session:
        return session.scalar(query) or "none"
