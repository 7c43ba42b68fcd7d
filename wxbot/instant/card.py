"""The card that leads to a campaign of instant draws, in the chat and from friend to friend: its picture, and a text that promises nothing."""

from wxbot.campaigns.mechanic import DEFAULT_PICTURE, CampaignCard
from wxbot.campaigns.models import Campaign
from wxbot.instant import pictures
from wxbot.text import Text

TEXT = Text("活动规则和中奖机会见页面。", "Rules and odds are on the page.")
"""Sharing changes nothing, so nothing is said for it."""


def card_of(campaign: Campaign) -> CampaignCard:
    """The card of a campaign that has a public page."""
    return CampaignCard(TEXT, picture_path(campaign.slug, pictures.picture_of(campaign)))


def picture_path(slug: str, name: str) -> str:
    """The path of a campaign's own picture (the name of one, or empty), else of the house's."""
    return pictures.path_of(slug, name) if name else DEFAULT_PICTURE
