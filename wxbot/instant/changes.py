"""What of a running campaign may still change: a later end, and more of its prizes with the budget that they need.

Only to people's advantage (order no. 32 of 2020, art. 13; better.worse judges). One person asks, a second one agrees to exactly
what the page shows (I16); the rows then change and the next version of the rules is published in one transaction, behind the
lock of the draws: the next draw goes by it, and an archive of both versions is replayed like any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict, TypeVar

from sqlalchemy import inspect, select, update
from sqlalchemy.orm import Session

from wxbot import approval, budget, ledger, lineage
from wxbot.campaigns.draft import RESERVED, content_sha256
from wxbot.campaigns.draft_form import plain, read_moment, read_whole
from wxbot.campaigns.models import Campaign
from wxbot.db import Base, changed
from wxbot.instant import article, better, faults, versions
from wxbot.instant.decide import Rules
from wxbot.instant.models import InstantTerms, Prize, RuleVersion
from wxbot.instant.steps import uncovered
from wxbot.payouts import rule_changes
from wxbot.payouts.models import RuleChange
from wxbot.staff import accounts
from wxbot.text import Faulty, Refusal, Text, fault
from wxbot.transitions import moved_on

SUBJECT: Literal["campaign"] = "campaign"
"""What a change of rules calls a campaign."""

RUNNING = ("on", "off")
"""Statuses in which a campaign can be changed: before, it is sent back to be a draft again; after, nobody draws any more."""

MORE = "more_"
"""Form field of a prize: this and its ordinal."""

Row = TypeVar("Row", bound=Base)


class Asked(TypedDict, total=False):
    """What somebody asks for; what is absent stays as it is."""

    end: int
    """The new end, Unix seconds."""
    more: dict[str, int]
    """Ordinal of a prize → how many more of it."""


@dataclass(frozen=True)
class Proposal:
    """A campaign as it would be. Campaign and prizes are copies that no session knows."""

    campaign: Campaign
    prizes: Sequence[Prize]
    config: dict[str, Any]
    text: dict[str, Any]
    more_fen: int
    """By how much the budget grows, so that it still covers every prize."""


def read(form: Mapping[str, Any]) -> Asked:
    """What the form asks for; an empty field asks for nothing. Raises Faulty."""
    asked: Asked = {}
    more: dict[str, int] = {}
    slips: list[Refusal] = []
    for name, typed in form.items():
        if not plain(typed) or not (name == "end_at" or name.startswith(MORE)):
            continue
        try:
            if name == "end_at":
                asked["end"] = int(read_moment(typed).timestamp())
            elif number := read_whole(typed):
                more[name.removeprefix(MORE)] = number
        except Refusal as slip:
            slips.append(fault(name, slip.text.zh, slip.text.en))
    if slips:
        raise Faulty(slips)
    if more:
        asked["more"] = more
    return asked


def copied(row: Row, **values: Any) -> Row:
    """What a row would be; an object that no session knows."""
    kept = {each.key: getattr(row, each.key) for each in inspect(type(row)).column_attrs}
    return type(row)(**(kept | values))


def propose(session: Session, campaign: Campaign, asked: Mapping[str, Any]) -> Proposal:
    """What the campaign would be; changes nothing. Raises Refusal for a prize that it does not have."""
    terms = session.get_one(InstantTerms, campaign.id)
    more = dict(asked.get("more", {}))
    rows = versions.prizes_of(session, campaign.id)
    if set(more) - {str(prize.ordinal) for prize in rows}:
        raise moved_on()
    prizes = [copied(prize, stock=prize.stock + more.get(str(prize.ordinal), 0)) for prize in rows]
    drafted = [
        {**prize, "stock": prize["stock"] + more.get(str(ordinal), 0)}
        for ordinal, prize in enumerate(campaign.terms.get("prizes", ()), 1)
    ]
    end_at = datetime.fromtimestamp(asked["end"], UTC) if "end" in asked else campaign.end_at
    would_be = copied(campaign, end_at=end_at, terms={**campaign.terms, "prizes": drafted})
    config = versions.config_of(would_be, prizes)
    most_fen = sum(prize.most_fen for prize in Rules.read(config).prizes)
    would_be.budget_fen = max(campaign.budget_fen, most_fen)
    text = article.text_of(would_be, terms, prizes, config)
    return Proposal(would_be, prizes, config, text, would_be.budget_fen - campaign.budget_fen)


def require(session: Session, campaign: Campaign, proposal: Proposal, now: datetime) -> None:
    """Raise Refusal, Faulty for all of it, when the campaign cannot become what is proposed."""
    require_running(session, campaign, now)
    terms = session.get_one(InstantTerms, campaign.id)
    last = session.get_one(RuleVersion, (campaign.id, terms.rule_version))
    if versions.digest(proposal.text, proposal.config) == last.sha256:
        raise fault(
            "",
            "没有要改的内容：请填新的结束时间，或要加的数量",
            "Nothing changes: give a later end, or more of a prize",
        )
    ways = better.worse((last.text["facts"], last.config), (proposal.text["facts"], proposal.config))
    slips = [fault("", f"对参与者不利，不能改：{way.zh}", f"Not to people's advantage: {way.en}") for way in ways]
    slips += article.missing(proposal.text["facts"], proposal.config)
    before = {slip.text for slip in _faults(campaign, now)}  # what was launched with it stays, whatever is asked since
    slips += [slip for slip in _faults(proposal.campaign, now) if slip.text not in before]
    if (open_part := uncovered(session, proposal.campaign, proposal.prizes)) is not None:
        slips.append(open_part)
    if slips:
        raise Faulty(list({slip.text: slip for slip in slips}.values()))


def require_running(session: Session, campaign: Campaign, now: datetime, *, may_be_over: bool = False) -> None:
    """Raise Refusal for a campaign that cannot be changed this way now, or a database that may be old.

    `may_be_over`: also behind an end that a restored database may know wrongly.
    """
    lineage.require_unfrozen(session)
    if campaign.status not in RUNNING or (now >= campaign.end_at and not may_be_over):
        raise Refusal(
            "status",
            Text("只有进行中或暂停的活动可以延期、加奖品", "Only a campaign that is running or paused can be extended"),
        )


def _faults(campaign: Campaign, now: datetime) -> list[Refusal]:
    values = {name: getattr(campaign, name) for name in _CHECKED}
    return [slip for check in faults.FAULTS for slip in check(values, now)]


_CHECKED = ("begin_at", "end_at", "daily_from", "daily_until", "budget_fen", "terms")
"""What the checks of a draft read of a campaign."""


def _held(session: Session, campaign_id: int) -> Campaign:
    """The campaign and its draws, until the end of the transaction. Raises Refusal when it draws nothing by itself."""
    campaign = session.get(Campaign, campaign_id, with_for_update=True, populate_existing=True)
    query = select(InstantTerms).where(InstantTerms.campaign_id == campaign_id).with_for_update()
    if campaign is None or session.scalar(query.execution_options(populate_existing=True)) is None:
        raise Refusal("absent", Text("没有这个活动", "There is no such campaign"))
    return campaign


def ask(session: Session, campaign_id: int, asked: Asked, staff_id: int, now: datetime) -> RuleChange:
    """Ask for a change; nothing changes before a second person agrees. Raises Refusal, also while another one waits."""
    campaign = _held(session, campaign_id)
    accounts.require_tied(session, [staff_id])
    require(session, campaign, propose(session, campaign, asked), now)
    return rule_changes.ask(session, SUBJECT, campaign_id, asked, staff_id, now)


def require_approvable(session: Session, change: RuleChange, staff_id: int, now: datetime) -> None:
    """Raise Refusal when this person cannot agree: what the button asks before it is offered, too."""
    rule_changes.require_approvable(session, change, staff_id, now)
    accounts.require_tied(session, [change.requested_by, staff_id])


def content_of(change: RuleChange, campaign: Campaign, proposal: Proposal) -> str:
    """The hash of all that a second person agrees to: what was asked, the content and budget of now, the rules that come."""
    return approval.content_hash(
        {
            "asked": [change.id, change.requested_by, change.asked],
            "campaign": [campaign.id, campaign.version, campaign.budget_fen, int(campaign.end_at.timestamp())],
            "budget_fen": proposal.campaign.budget_fen,
            "rules": versions.digest(proposal.text, proposal.config),
        }
    )


def approve(session: Session, change_id: int, staff_id: int, seen_sha256: str, now: datetime) -> dict[str, Any]:
    """The second person agrees: budget, stock, end and published rules change together. Returns what the log says. Raises Refusal."""
    change = rule_changes.waiting(session, change_id, SUBJECT)
    campaign = _held(session, change.subject_id)
    proposal = propose(session, campaign, change.asked)
    require(session, campaign, proposal, now)
    require_approvable(session, change, staff_id, now)
    rule_changes.agree(session, change, content_of(change, campaign, proposal), staff_id, seen_sha256, now)
    add_budget(session, campaign, proposal.more_fen, now)
    _add_stock(session, campaign.id, proposal.prizes)
    return take_over(session, campaign, proposal, now)


def take_over(session: Session, campaign: Campaign, proposal: Proposal, now: datetime) -> dict[str, Any]:
    """Make the campaign what was agreed to and publish its rules; returns what the audit log says of it."""
    for name in ("end_at", "budget_fen", "terms"):
        setattr(campaign, name, getattr(proposal.campaign, name))
    campaign.updated_at = now
    campaign.content_sha256 = content_sha256(campaign)
    session.flush()
    published = versions.publish(session, campaign, proposal.text, now)
    return {"more_fen": proposal.more_fen, "rule_version": published.version, "content": campaign.content_sha256}


def add_budget(session: Session, campaign: Campaign, more_fen: int, now: datetime) -> None:
    """Set aside what a campaign whose content has changed needs more, in fen, and count its version. Raises Refusal."""
    campaign.version += 1  # the reference of the posting: one for each content that was approved
    if not more_fen:
        return
    ref = f"{campaign.id}:{campaign.version}"
    posting = ledger.Posting(RESERVED, ref, "merchant", "reserved", more_fen, campaign.id)
    if not budget.change_budget(session, campaign.id, more_fen) or ledger.post(session, [posting], now) != 1:
        raise moved_on()


def _add_stock(session: Session, campaign_id: int, prizes: Sequence[Prize]) -> None:
    for row, would_be in zip(versions.prizes_of(session, campaign_id), prizes, strict=True):
        if n := would_be.stock - row.stock:
            more = update(Prize).where(Prize.id == row.id, Prize.stock == row.stock)
            if not changed(session, more.values(stock=Prize.stock + n, left=Prize.left + n)):
                raise moved_on()
            session.expire(row)
