"""What the page of an instant campaign's rules shows: what was published, as it was published."""

from collections.abc import Mapping
from typing import Any

from flask import request
from sqlalchemy import select

from wxbot import current
from wxbot.draws.door import language as language_of
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.instant.models import InstantTerms, RuleVersion
from wxbot.instant.rules_words import RulesPhrases


def rules_facts(snapshot: CampaignSnapshot) -> Mapping[str, Any]:
    """A version of the published rules (`?version=`, else the last), all versions, and whether the seed is out."""
    runtime = current.runtime()
    query = request.query_string.decode("ascii", "ignore")
    language = language_of(query, request.headers.get("Accept-Language", ""))
    with runtime.database.reading() as session:
        of_campaign = RuleVersion.campaign_id == snapshot.campaign_id
        versions = session.scalars(select(RuleVersion).where(of_campaign).order_by(RuleVersion.version)).all()
        terms = session.get(InstantTerms, snapshot.campaign_id)
    by_number = {str(each.version): each for each in versions}
    chosen = by_number.get(request.args.get("version", "")) or (versions[-1] if versions else None)
    return {
        "w": RulesPhrases(language),
        "chosen": chosen,
        "published": chosen.text[language] if chosen else None,
        "versions": versions,
        "is_revealed": terms is not None and terms.seed is not None,
    }
