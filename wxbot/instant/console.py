"""What the console's page of a campaign shows of its instant draws."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask_babel import gettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns import entries
from wxbot.campaigns.models import Campaign
from wxbot.instant import changes, pictures
from wxbot.instant.codes import counts
from wxbot.instant.conditions import channels, gap_text
from wxbot.instant.draft import releases
from wxbot.instant.models import InstantTerms, Prize
from wxbot.instant.release import DAY_S
from wxbot.instant.terms import channel_of, claim_s_of
from wxbot.payouts import rule_changes
from wxbot.payouts.admin_rules import ShownRules
from wxbot.payouts.models import RuleChange
from wxbot.staff.console import cny, local, me, now, said, why_not
from wxbot.text import Text

WORD = Text("抽奖（转盘、刮刮卡…）", "Instant draws (wheel, scratch card …)")


def shown(session: Session, campaign: Campaign) -> Mapping[str, Any]:
    """The prizes as they were drafted, what is left of them since the launch, and the hash of the seed."""
    terms = session.get(InstantTerms, campaign.id)
    return {
        "prizes": [{"ordinal": n, **prize} for n, prize in enumerate(campaign.terms.get("prizes", ()), 1)],
        "releases": releases(),
        "codes": counts(session, campaign.id),
        "conditions": _conditions(campaign.terms),
        "terms": terms,
        "look": pictures.look_of(campaign),
        "funnel_ways": {
            code: said(entries.name_of(campaign.places, code)) for code in (*entries.ENTRIES, *campaign.places)
        },
        "has_waiting_change": rule_changes.open_one(session, changes.SUBJECT, campaign.id) is not None,
    }


def yes_or_no(is_so: object) -> str:
    """Whether something was drafted, in the reader's language."""
    word: str = gettext("是") if is_so else gettext("否")
    return word


def _conditions(terms: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what is limited, how) of all that was drafted beside prizes and tries; a limit that is not offered is said to be none."""
    days, gap_s = claim_s_of(terms) // DAY_S, terms.get("gap_s")
    channel = channels().get(channel_of(terms))

    def times(name: str) -> str:
        most = terms.get(name)
        said_times: str = gettext("最多 %(n)s 次", n=most) if most else gettext("不限")
        return said_times

    return [
        (gettext("每人总中奖次数"), times("wins_per_person")),
        (gettext("每人每日中奖次数"), times("wins_per_day")),
        (gettext("全活动每日中奖次数"), times("winners_per_day")),
        (gettext("两次抽奖的间隔"), gap_text(gap_s) if gap_s else gettext("不限")),
        (gettext("兑奖期限"), gettext("%(n)s 天", n=days)),
        (gettext("怎么付款"), said(channel) if channel else ""),
        (gettext("提前结束后仍可领到期限"), yes_or_no(terms.get("carry"))),
        (gettext("要先绑定手机号"), yes_or_no(terms.get("needs_binding"))),
        (gettext("只让名单上的人抽"), yes_or_no(terms.get("is_allow_only"))),
        (gettext("口令"), str(terms.get("password") or gettext("不用"))),
    ]


def given(session: Session, campaigns: Sequence[Campaign]) -> Mapping[int, tuple[int, int]]:
    """(prizes that were won, prizes there are) of each; what was only drafted yet stands in its terms."""
    found = {
        each.id: (0, sum(int(prize.get("stock") or 0) for prize in each.terms.get("prizes", ()))) for each in campaigns
    }
    laid = select(Prize.campaign_id, func.sum(Prize.stock - Prize.left), func.sum(Prize.stock))
    for campaign_id, won, in_all in session.execute(
        laid.where(Prize.campaign_id.in_(found)).group_by(Prize.campaign_id)
    ):
        found[campaign_id] = (int(won), int(in_all))
    return found


def shown_change(
    session: Session,
    change: RuleChange,
    campaign: Campaign,
    proposal: changes.Proposal,
    require: Callable[..., object],
    between: Sequence[tuple[str, str, str]],
) -> tuple[ShownRules, int]:
    """What waits for a second person, and by how much the budget grows (fen): the end, what `between` says, the budget.

    `require` refuses what may not be agreed to at this moment, whoever agrees.
    """
    ends, sums = (
        [each.end_at for each in (campaign, proposal.campaign)],
        (campaign.budget_fen, proposal.campaign.budget_fen),
    )
    lines = [(gettext("结束时间"), local(ends[0]), local(ends[1]))] if ends[0] != ends[1] else []
    lines += between
    lines += [(gettext("预算"), cny(sums[0]), cny(sums[1]))] if proposal.more_fen else []
    blocked = why_not(changes.require_approvable, session, change, me().id, now())
    blocked = blocked or why_not(require, session, campaign, proposal, now())
    return ShownRules(change, lines, changes.content_of(change, campaign, proposal), blocked), proposal.more_fen
