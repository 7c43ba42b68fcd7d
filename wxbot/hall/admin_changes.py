"""Console: a running hall is prolonged, or gets a prize on the spot, when a second person agrees."""

from collections.abc import Mapping
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns.models import Campaign
from wxbot.hall import changes, journal, seeds, told
from wxbot.hall.admin_pages import HOSTS, blueprint, hall_or_404
from wxbot.hall.draft import PRIZE_FIELDS, absences, kinds, leftovers, scopes, ways
from wxbot.hall.faults import EVENING_MAX
from wxbot.hall.models import Hall
from wxbot.instant import codes
from wxbot.instant.changes import SUBJECT, Proposal
from wxbot.instant.console import shown_change
from wxbot.instant.prize_form import rows_of
from wxbot.payouts import rule_changes
from wxbot.payouts.admin_rules import ShownRules, refuse_change_of_rules, rules_subject
from wxbot.staff import accounts
from wxbot.staff.code_asked import is_code_taken
from wxbot.staff.console import act, cny, me, now, refusal_told, role_required, runtime, text

BLANK_PRIZE = ("selection", "money", *[""] * (len(PRIZE_FIELDS) - 2))


def _to_page(campaign_id: int) -> BaseResponse:
    return redirect(url_for("hall_desk.changes", campaign_id=campaign_id), 303)


@blueprint.get("/halls/<int:campaign_id>/changes", endpoint="changes")
@role_required(*HOSTS)
def page(campaign_id: int) -> str:
    """What waits for a second person, or the form that asks for a change."""
    hall_or_404(campaign_id)
    waiting = None
    with runtime().database.reading() as session:
        campaign, hall = session.get_one(Campaign, campaign_id), session.get_one(Hall, campaign_id)
        with refusal_told("rules_approve", f"campaign:{campaign_id}", is_logged=False):
            waiting = _shown(session, campaign, hall)
        codes_ready = codes.ready(session, campaign_id)
        is_running = changes.may_change(session, campaign, now())
        left = seeds.of(journal.evening(session, campaign_id))
        people = accounts.names(session, [waiting[0].change.requested_by] if waiting else [])
    rules, more_fen = waiting or (None, 0)
    typed = request.form if request.endpoint == "hall_desk.ask_change" else {}
    return render_template(
        "console/hall_changes.html",
        campaign=campaign,
        hall=hall,
        rules=rules,
        more_fen=more_fen,
        people=people,
        codes_ready=codes_ready,
        seeds=left,
        latest=campaign.begin_at + EVENING_MAX,
        typed_end=typed.get("end_at", ""),
        typed_prize=next(iter(rows_of(typed, PRIZE_FIELDS)), BLANK_PRIZE),
        ways=ways(),
        kinds=kinds(),
        scopes=scopes(),
        absences=absences(),
        leftovers=leftovers(),
        is_running=is_running,
    )


def _shown(session: Session, campaign: Campaign, hall: Hall) -> tuple[ShownRules, int] | None:
    """What waits for a second person, as the page shows it, and by how much the budget grows (fen)."""
    change = rule_changes.open_one(session, SUBJECT, campaign.id)
    if change is None:
        return None
    proposal = changes.propose(session, campaign, hall, change.asked)
    added = _added(campaign, proposal)
    return shown_change(session, change, campaign, proposal, changes.require, added)


def _added(campaign: Campaign, proposal: Proposal) -> list[tuple[str, str, str]]:
    lines = []
    for prize in proposal.campaign.terms["prizes"][len(campaign.terms["prizes"]) :]:
        what = [f"{prize['name']} × {prize['stock']:,}", *_how(prize)]
        lines.append((gettext("加奖"), "—", " · ".join(what)))
    return lines


def _how(prize: Mapping[str, Any]) -> list[str]:
    """How a prize more is given, as the form asks it: all that a second person agrees to."""
    kind, lowest, highest = kinds()[prize["kind"]], cny(prize["min_fen"]), cny(prize["value_fen"])
    worth = f"{lowest}–{highest}" if prize["min_fen"] not in (0, prize["value_fen"]) else highest
    if prize["way"] == "selection":
        how = [gettext("一次 %(n)s 人", n=prize["per_selection"])]
        return [f"{kind} {worth}", *how, scopes()[prize["scope"]], absences()[prize["absence"]]]
    how = [ways()[prize["way"]], f"{kind} {worth}", gettext("%(n)s 秒", n=prize["seconds"])]
    if prize["way"] == "rain":
        total_fen = prize["total_fen"] or prize["stock"] * prize["max_fen"]
        how += [gettext("共 %(fen)s，每人最多 %(n)s 个", fen=cny(total_fen), n=prize["per_selection"])]
        how += [leftovers()[prize["leftover"]]]
    return how


@blueprint.post("/halls/<int:campaign_id>/changes")
@role_required(*HOSTS)
def ask_change(campaign_id: int) -> BaseResponse | tuple[str, int]:
    """Ask for a later end, or for a prize more; who is refused finds what they typed, for the hall is waiting."""
    hall_or_404(campaign_id)
    detail: dict[str, Any] = {}
    done = gettext("已提交，另一位财务批准后生效。")
    with act("rules_ask", f"campaign:{campaign_id}", done, detail=detail) as session:
        change = changes.ask(session, campaign_id, changes.read(request.form), me().id, now())
        detail |= {"rules": change.id, **change.asked}
    return _to_page(campaign_id) if detail else (page(campaign_id), 422)


@blueprint.post("/halls/changes/<int:change_id>/approve")
@role_required("cashier")
def approve_change(change_id: int) -> BaseResponse:
    """The second person agrees to exactly what they saw."""
    campaign_id = hall_or_404(rules_subject(SUBJECT, change_id))[0].id
    target = f"campaign:{campaign_id}"
    more_fen = None
    with refusal_told("rules_approve", target, rules=change_id), runtime().database.reading() as session:
        change = rule_changes.waiting(session, change_id, SUBJECT)  # whoever agrees at this moment holds it
        campaign, hall = session.get_one(Campaign, campaign_id), session.get_one(Hall, campaign_id)
        more_fen = changes.propose(session, campaign, hall, change.asked).more_fen
    if more_fen is None or (more_fen and not is_code_taken("rules_approve", target, more_fen)):
        return _to_page(campaign_id)
    detail: dict[str, Any] = {"rules": change_id}
    done = gettext("已批准，新规则已公布，大屏和手机马上显示。")
    with act("rules_approve", target, done, detail=detail) as session:
        detail |= changes.approve(session, change_id, me().id, text("content_sha256"), now())
    told.tell(runtime(), campaign_id)
    return _to_page(campaign_id)


@blueprint.post("/halls/changes/<int:change_id>/refuse")
@role_required(*HOSTS)
def refuse_change(change_id: int) -> BaseResponse:
    """Say no, or take one's own request back."""
    campaign, _ = hall_or_404(rules_subject(SUBJECT, change_id))
    refuse_change_of_rules(SUBJECT, change_id, f"campaign:{campaign.id}")
    return _to_page(campaign.id)
