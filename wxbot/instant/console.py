"""What the console's page of a campaign shows of its instant draws."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.instant import pictures, versions
from wxbot.instant.draft import releases
from wxbot.instant.models import InstantTerms
from wxbot.text import Text

WORD = Text("抽奖（转盘、刮刮卡…）", "Instant draws (wheel, scratch card …)")


def shown(session: Session, campaign: Campaign) -> Mapping[str, Any]:
    """The prizes as they were drafted, what is left of them since the launch, and the hash of the seed."""
    terms = session.get(InstantTerms, campaign.id)
    left = {prize.ordinal: prize.left for prize in versions.prizes_of(session, campaign.id)}
    return {
        "prizes": [{"ordinal": n, **prize} for n, prize in enumerate(campaign.terms.get("prizes", ()), 1)],
        "left": left,
        "releases": releases(),
        "terms": terms,
        "look": pictures.look_of(campaign),
    }
