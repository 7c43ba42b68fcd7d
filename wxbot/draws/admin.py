"""The console's view of draws: the funnel of a campaign, why people were turned away, and draws over time."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns import listing
from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.clock import SHANGHAI
from wxbot.draws.models import DrawCount
from wxbot.draws.outcomes import SENTENCES, Outcome
from wxbot.staff.console import guard, now, role_required, runtime, said
from wxbot.staff.models import WATCHERS

blueprint = guard(Blueprint("draw_charts", __name__))

STEPS = ("page", "shake", "admitted")
"""Counted by the draw page: it was opened, it was opened by a proven shake, the draw was admitted."""

REFUSALS = frozenset(Outcome) - {Outcome.ADMITTED}
CHART_DAYS = 14
HOURS_SHOWN = 72


def _totals(session: Session, campaign_id: int) -> dict[str, int]:
    query = select(DrawCount.outcome, func.sum(DrawCount.n)).where(DrawCount.campaign_id == campaign_id)
    return {outcome: int(n) for outcome, n in session.execute(query.group_by(DrawCount.outcome))}


def _title(outcome: str) -> str:
    return said(SENTENCES[Outcome(outcome)][0]) if outcome in set(Outcome) else outcome


@blueprint.get("/campaigns/<int:campaign_id>/funnel")
@role_required(*WATCHERS)
def funnel(campaign_id: int) -> str:
    """Pages → proven shakes → admitted → bound → received, and the refusals by reason."""
    campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        totals = _totals(session, campaign_id)
        tally = listing.tallies(session, [campaign_id])[campaign_id]
    steps = [(step, totals.get(step, 0)) for step in STEPS]
    steps += [("bound", tally.reached("bound")), ("received", tally.reached("received"))]
    refusals = sorted(
        ((n, _title(outcome)) for outcome, n in totals.items() if outcome in REFUSALS and n), reverse=True
    )
    return render_template("console/_funnel.html", steps=steps, refusals=refusals, most=max(n for _, n in steps) or 1)


@blueprint.get("/campaigns/<int:campaign_id>/draws.json")
@role_required(*WATCHERS)
def chart(campaign_id: int) -> Response:
    """Pages, admissions and refusals by hour; by day once there are more than three days."""
    campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        rows = session.execute(
            select(DrawCount.hour, DrawCount.outcome, DrawCount.n)
            .where(DrawCount.campaign_id == campaign_id, DrawCount.hour >= now() - timedelta(days=CHART_DAYS))
            .order_by(DrawCount.hour)
        ).all()
    form = "%m-%d" if len({row.hour for row in rows}) > HOURS_SHOWN else "%m-%d %H:00"
    series: dict[str, dict[str, int]] = {"page": {}, "admitted": {}, "refused": {}}
    labels: dict[str, Any] = {}
    for row in rows:
        label = row.hour.astimezone(SHANGHAI).strftime(form)
        labels[label] = True
        name = "refused" if row.outcome in REFUSALS else row.outcome
        if name in series:
            series[name][label] = series[name].get(label, 0) + row.n
    return jsonify(
        labels=list(labels),
        series={name: [counts.get(label, 0) for label in labels] for name, counts in series.items()},
    )
