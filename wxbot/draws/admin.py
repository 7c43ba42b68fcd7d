"""The console's view of draws: the funnel of a campaign, why people were turned away, and draws over time."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from flask_babel import gettext
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns import entries as ways_in
from wxbot.campaigns.admin_entries import ways
from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.campaigns.charts import over_time
from wxbot.draws import mechanic
from wxbot.draws.counts import PAGE, VISITOR
from wxbot.draws.funnel import STEPS, lines
from wxbot.draws.mechanic import DrawMechanic
from wxbot.draws.models import DrawCount
from wxbot.draws.outcomes import DRAWN, Outcome
from wxbot.staff.console import guard, locale, now, role_required, runtime, said
from wxbot.staff.models import WATCHERS

blueprint = guard(Blueprint("draw_charts", __name__))

REFUSALS = frozenset(Outcome) - frozenset(DRAWN)
LINES: dict[str, str] = {
    Outcome.WON: "admitted",
    **dict.fromkeys((Outcome.LOST, Outcome.RAN_OUT, Outcome.NOT_RELEASED), "missed"),
    **dict.fromkeys(REFUSALS, "refused"),
}
"""Outcome → the line of the chart it is drawn on, where that has another name."""

CHART_DAYS = 14
HOURS_SHOWN = 24
"""Hours in which people came; the page of awards shows more of them."""

ANY = "any"
"""For a channel code: of all of them."""

PEOPLE_CACHE_S, REACHED_CACHE_S = 30, 5


def _totals(session: Session, campaign_id: int) -> dict[str, int]:
    query = select(DrawCount.outcome, func.sum(DrawCount.n)).where(DrawCount.campaign_id == campaign_id)
    return {outcome: int(n) for outcome, n in session.execute(query.group_by(DrawCount.outcome))}


def _kept(name: str, campaign_id: int, seconds: int, count: Callable[[], Any]) -> Any:
    """A count of people, kept in Redis for a while, so that many open pages cost one."""
    key, kept = f"console:{name}:{campaign_id}", None
    with suppress(RedisError):
        kept = runtime().redis.get(key)
    if kept is None:
        kept = json.dumps(count())
        with suppress(RedisError):
            runtime().redis.set(key, kept, ex=seconds)
    return json.loads(kept)


def _title(way: DrawMechanic, outcome: str) -> str:
    return way.sentence(Outcome(outcome), locale())[0] if outcome in set(Outcome) else outcome


@blueprint.get("/campaigns/<int:campaign_id>/funnel")
@role_required(*WATCHERS)
def funnel(campaign_id: int) -> str:
    """How many people came, drew, won and got their money, in all, by way in and by hour (of one way in alone, if one is named);
    apart from that how often a page was opened, and refusals by reason."""
    campaign = campaign_or_404(campaign_id)
    way, named = mechanic.way_of(campaign.mechanic), request.args.get("channel", ANY)
    channel_code = None if named == ANY else ways_in.known(campaign.places, named)
    with runtime().database.reading() as session:
        totals = _totals(session, campaign_id)
        reached = _kept("people", campaign_id, REACHED_CACHE_S, lambda: way.reached(session, campaign_id))
        drew = _kept("drew", campaign_id, PEOPLE_CACHE_S, lambda: way.drew(session, campaign_id))
        by_way_in = lines(session, campaign_id, way, "channel_code")
        by_hour = lines(session, campaign_id, way, "hour", channel_code)
    drew = max(drew, reached["won"])
    visited = max(totals.get(VISITOR, 0), drew)
    steps = {"visited": visited, "drew": drew, **reached}
    times = [
        (gettext("打开页面"), totals.get(PAGE, 0)),
        *([(said(way.arrival_word), totals.get(way.arrival, 0))] if way.arrival and way.arrival_word else []),
        (gettext("抽奖"), sum(totals.get(outcome, 0) for outcome in DRAWN)),
    ]
    missed = sum(n for outcome, n in totals.items() if LINES.get(outcome, outcome) == "missed")
    refusals = sorted(
        ((n, _title(way, outcome)) for outcome, n in totals.items() if outcome in REFUSALS and n), reverse=True
    )
    names = {each["code"]: each["name"] for each in ways(campaign)}
    return render_template(
        "console/_funnel.html",
        people=[(step, steps[step]) for step in STEPS if step in steps],
        times=times,
        missed=missed,
        refusals=refusals,
        by_way_in=[{**line, "by": names.get(line["by"], line["by"])} for line in by_way_in],
        by_hour=by_hour[:HOURS_SHOWN],
        way_in=None if channel_code is None else names.get(channel_code, channel_code),
    )


@blueprint.get("/campaigns/<int:campaign_id>/entries")
@role_required(*WATCHERS)
def entries(campaign_id: int) -> str:
    """The ways in: links, codes and posters to take away, and how often the page was opened by each."""
    campaign = campaign_or_404(campaign_id)
    query = select(DrawCount.channel_code, func.sum(DrawCount.n)).where(
        DrawCount.campaign_id == campaign_id, DrawCount.outcome == "page"
    )
    with runtime().database.reading() as session:
        visits = {code: int(n) for code, n in session.execute(query.group_by(DrawCount.channel_code))}
    return render_template("console/_entries.html", campaign=campaign, ways=ways(campaign), visits=visits)


@blueprint.get("/campaigns/<int:campaign_id>/draws.json")
@role_required(*WATCHERS)
def chart(campaign_id: int) -> Response:
    """Pages, admissions, lost tries and refusals by hour; by day once there are more than three days."""
    campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        rows = session.execute(
            select(DrawCount.hour, DrawCount.outcome, func.sum(DrawCount.n).label("n"))
            .where(DrawCount.campaign_id == campaign_id, DrawCount.hour >= now() - timedelta(days=CHART_DAYS))
            .group_by(DrawCount.hour, DrawCount.outcome)
            .order_by(DrawCount.hour)
        ).all()
    named = [(row.hour, LINES.get(row.outcome, row.outcome), int(row.n)) for row in rows]
    return jsonify(over_time(named, ("page", "admitted", "missed", "refused")))
