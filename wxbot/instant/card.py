"""The card that leads to a campaign of instant draws, in the chat and from friend to friend: its picture, and a text that promises nothing."""

from wxbot.campaigns.mechanic import DEFAULT_PICTURE, CampaignCard
from wxbot.campaigns.models import Campaign
from wxbot.instant import pictures
from wxbot.text import Text

SQUARE = "/static/h5/card.png"
"""The house's picture for a card from friend to friend, which shows it small and square."""

TEXT = Text("活动规则和中奖机会见页面。", "Rules and odds are on the page.")
"""Sharing changes nothing, so nothing is said for it."""


def card_of(campaign: Campaign) -> CampaignCard:
    """The card of a campaign that has a public page."""
    name = pictures.picture_of(campaign)
    return CampaignCard(TEXT, pictures.path_of(campaign.slug, name) if name else DEFAULT_PICTURE)
