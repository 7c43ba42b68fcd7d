"""What the console's page of a campaign shows of its hall."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall.door_sheet import door_url
from wxbot.hall.draft import absences, leftovers, modes, scopes, ways
from wxbot.hall.models import Hall, Invited
from wxbot.instant.codes import counts
from wxbot.instant.conditions import channels
from wxbot.instant.console import yes_or_no
from wxbot.instant.terms import channel_of, claim_s_of
from wxbot.staff.console import runtime, said, said_listed
from wxbot.text import Text

WORD = Text("现场抽奖（大屏）", "On-site lottery with a screen")


def shown(session: Session, campaign: Campaign) -> Mapping[str, Any]:
    """The prizes with their rules as they were drafted, the conditions, the hall once it is launched, the invited."""
    invited = session.scalar(select(func.count()).select_from(Invited).where(Invited.campaign_id == campaign.id))
    return {
        "prizes": [{"ordinal": n, **prize} for n, prize in enumerate(campaign.terms.get("prizes", ()), 1)],
        "ways_given": ways(),
        "scopes": scopes(),
        "absences": absences(),
        "leftovers": leftovers(),
        "codes": counts(session, campaign.id),
        "conditions": _conditions(campaign.terms),
        "hall": session.get(Hall, campaign.id),
        "invited": invited or 0,
        "door_url": door_url(runtime().settings.public_url, campaign),
    }


def _conditions(terms: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what is decided, how) of all that was drafted beside the prizes."""
    channel = channels().get(channel_of(terms))

    return [
        (gettext("随机来源"), " · ".join(modes()[str(terms.get("mode", "hall"))])),
        (gettext("分组"), said_listed(terms.get("groups", ())) or "—"),
        (gettext("只让受邀的人签到"), yes_or_no(terms.get("is_invited_only"))),
        (gettext("门口口令"), str(terms.get("day_word") or gettext("不用"))),
        (gettext("兑奖期限"), gettext("%(n)s 天", n=claim_s_of(terms) // 86_400)),
        (gettext("怎么付款"), said(channel) if channel else ""),
        (gettext("提前结束后仍可领到期限"), yes_or_no(terms.get("carry"))),
        (gettext("彩排"), yes_or_no(terms.get("is_rehearsal"))),
    ]
