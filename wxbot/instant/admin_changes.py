"""Console: a running campaign is extended, or gets more of its prizes, when a second person agrees."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.campaigns.models import Campaign
from wxbot.instant import changes, versions
from wxbot.instant.console import shown_change
from wxbot.instant.models import InstantTerms
from wxbot.payouts import rule_changes
from wxbot.payouts.admin_rules import ShownRules, refuse_change_of_rules, rules_subject
from wxbot.payouts.models import RuleChange
from wxbot.staff import accounts
from wxbot.staff.code_asked import is_code_taken
from wxbot.staff.console import (
    act,
    guard,
    me,
    now,
    one_or_404,
    role_required,
    runtime,
    text,
)

blueprint = guard(Blueprint("campaign_changes", __name__))


def _to_page(campaign_id: int) -> BaseResponse:
    return redirect(url_for("campaign_changes.page", campaign_id=campaign_id), 303)


def _shown(session: Session, campaign: Campaign) -> tuple[ShownRules, int] | None:
    """What waits for a second person, as the campaign's page shows it, and by how much the budget grows (fen)."""
    change = rule_changes.open_one(session, changes.SUBJECT, campaign.id)
    if change is None:
        return None
    proposal = changes.propose(session, campaign, change.asked)
    return shown_change(session, change, campaign, proposal, changes.require, _stocks(campaign, proposal))


@blueprint.get("/campaigns/<int:campaign_id>/changes")
@role_required("marketer", "cashier")
def page(campaign_id: int) -> str:
    """What waits for a second person, or the form that asks for a change."""
    campaign = campaign_or_404(campaign_id, "instant")
    with runtime().database.reading() as session:
        one_or_404(session.get(InstantTerms, campaign_id))
        waiting = _shown(session, campaign)
        people = accounts.names(session, [waiting[0].change.requested_by] if waiting else [])
        prizes = versions.prizes_of(session, campaign_id)
    rules, more_fen = waiting or (None, 0)
    return render_template(
        "console/campaign_changes.html",
        campaign=campaign,
        rules=rules,
        more_fen=more_fen,
        people=people,
        prizes=prizes,
        is_running=campaign.status in changes.RUNNING and now() < campaign.end_at,
    )


def _stocks(campaign: Campaign, proposal: changes.Proposal) -> list[tuple[str, str, str]]:
    was = campaign.terms.get("prizes", ())
    return [
        (before["name"], f"{before['stock']:,}", f"{after['stock']:,}")
        for before, after in zip(was, proposal.campaign.terms.get("prizes", ()), strict=True)
        if before["stock"] != after["stock"]
    ]


@blueprint.post("/campaigns/<int:campaign_id>/changes")
@role_required("marketer")
def ask(campaign_id: int) -> BaseResponse:
    """Ask for a later end, or for more of the prizes."""
    campaign_or_404(campaign_id, "instant")
    detail: dict[str, Any] = {}
    said = gettext("已提交，财务批准后生效。")
    with act("rules_ask", f"campaign:{campaign_id}", said, detail=detail) as session:
        change = changes.ask(session, campaign_id, changes.read(request.form), me().id, now())
        detail |= {"rules": change.id, **change.asked}
    return _to_page(campaign_id)


@blueprint.post("/campaigns/changes/<int:change_id>/approve")
@role_required("cashier")
def approve(change_id: int) -> BaseResponse:
    """The second person agrees to exactly what they saw."""
    campaign = campaign_or_404(rules_subject(changes.SUBJECT, change_id), "instant")
    target = f"campaign:{campaign.id}"
    with runtime().database.reading() as session:
        change: RuleChange = one_or_404(session.get(RuleChange, change_id))
        more_fen = changes.propose(session, campaign, change.asked).more_fen
    if more_fen and not is_code_taken("rules_approve", target, more_fen):
        return _to_page(campaign.id)
    detail: dict[str, Any] = {"rules": change_id}
    with act("rules_approve", target, gettext("已批准，新规则已公布并生效。"), detail=detail) as session:
        detail |= changes.approve(session, change_id, me().id, text("content_sha256"), now())
    return _to_page(campaign.id)


@blueprint.post("/campaigns/changes/<int:change_id>/refuse")
@role_required("marketer", "cashier")
def refuse(change_id: int) -> BaseResponse:
    """Say no, or take one's own request back."""
    campaign = campaign_or_404(rules_subject(changes.SUBJECT, change_id))
    refuse_change_of_rules(changes.SUBJECT, change_id, f"campaign:{campaign.id}")
    return _to_page(campaign.id)
