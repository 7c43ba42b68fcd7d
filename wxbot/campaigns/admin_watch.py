"""Console pages where campaigns are watched: overview, list, one campaign live, its packets."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot import ledger, lineage
from wxbot.campaigns import launch, listing, mechanic
from wxbot.campaigns.admin_entries import entry_url
from wxbot.campaigns.admin_pages import blueprint, campaign_or_404, own_ids, owner_filter
from wxbot.campaigns.charts import over_time
from wxbot.campaigns.draft import faults_in, require_approver, values_of
from wxbot.campaigns.draft_faults import cautions_of
from wxbot.campaigns.models import PACKET_REASON, PACKET_STATUSES, Campaign, Packet
from wxbot.campaigns.trouble import trouble_of
from wxbot.clock import day_began, shanghai_day
from wxbot.db import Database
from wxbot.ledger import Balance, Entry
from wxbot.money import plain_yuan
from wxbot.orders import bill_faults, throttle
from wxbot.orders import listing as order_listing
from wxbot.orders import words as order_words
from wxbot.orders.channels import LOTTERY
from wxbot.staff import accounts
from wxbot.staff.console import (
    SMALL,
    local,
    log_export,
    may,
    me,
    now,
    number,
    one_or_404,
    role_required,
    runtime,
    said,
    text,
    why_not,
)
from wxbot.staff.downloads import csv_response
from wxbot.staff.models import WATCHERS
from wxbot.text import Refusal

LIVE = ("launching", "on", "off", "closing")
GROUPS = {"all": (), "live": LIVE, "waiting": ("draft", "submitted", "approved"), "closed": ("closed",)}
LIFE_STEPS = ("draft", "submitted", "approved", "launching", "on", "closing", "closed")
MONEY_CACHE_S = 15
MONEY_SHOWN = ("ordered", "bound", "received", "returned")
EXPORT_BATCH = 2_000


def _today_began() -> datetime:
    return day_began(shanghai_day(now()))


def _posted_today(session: Session, ids: Sequence[int] | None) -> dict[str, int]:
    if ids is None:
        return order_listing.posted_since(session, _today_began())
    first = order_listing.first_entry_since(session, _today_began())
    query = select(Entry.kind, func.sum(Entry.amount_fen)).where(Entry.budget_id.in_(ids), Entry.id >= first)
    return {kind: int(amount) for kind, amount in session.execute(query.group_by(Entry.kind))}


def _balances(session: Session, ids: Sequence[int] | None) -> dict[str, int]:
    if ids is None:
        return ledger.balances(session)
    query = select(Balance.account, func.sum(Balance.balance_fen)).where(Balance.budget_id.in_(ids))
    found = {account: int(amount) for account, amount in session.execute(query.group_by(Balance.account))}
    return {account: found.get(account, 0) for account in ledger.ACCOUNTS}


def _overview() -> dict[str, Any]:
    with runtime().database.reading() as session:
        ids = own_ids(session)
        live = listing.campaigns(session, owner_id=owner_filter(), statuses=LIVE, limit=8)
        return {
            "today": _posted_today(session, ids),
            "accounts": _balances(session, ids),
            "open_orders": order_listing.count_open(session),
            "live": live,
            "standings": listing.standings(session, live),
            "troubles": {campaign.id: trouble[1] for campaign in live if (trouble := _trouble(campaign))},
            "differences": bill_faults.findings(session, now()) if may("orders.ledger_page") else [],
        }


@blueprint.get("/")
@role_required(*WATCHERS)
def overview() -> str:
    """Where things stand today."""
    return render_template("console/overview.html", **_overview())


@blueprint.get("/overview/live")
@role_required(*WATCHERS)
def overview_live() -> str:
    """The moving parts of the overview: the figures and campaigns, or (`part=money`) where the money is."""
    if text("part") == "money":
        with runtime().database.reading() as session:
            return render_template("console/_overview_money.html", accounts=_balances(session, own_ids(session)))
    return render_template("console/_overview_live.html", **_overview())


@blueprint.get("/overview/money.json")
@role_required(*WATCHERS)
def overview_money() -> Response:
    """Money by hour of the last three days, of all campaigns that are theirs to see."""
    return _kept_money(f"console:money:of:{owner_filter() or 'all'}", None, timedelta(days=3))


@blueprint.get("/campaigns")
@role_required(*WATCHERS)
def index() -> str:
    """All campaigns that are theirs to see, newest first."""
    group = request.args.get("group", "all")
    group = group if group in GROUPS else "all"
    sought = text("q", 40)
    with runtime().database.reading() as session:
        found = listing.campaigns(
            session, owner_id=owner_filter(), statuses=GROUPS[group], before_id=number("before"), sought=sought
        )
        shown = found[: listing.CAMPAIGN_ROWS]
        standings = listing.standings(session, shown)
    return render_template(
        "console/campaigns.html",
        campaigns=shown,
        has_more=len(found) > len(shown),
        standings=standings,
        troubles={campaign.id: trouble[1] for campaign in shown if (trouble := _trouble(campaign))},
        group=group,
        groups=GROUPS,
        q=sought,
    )


def _blocked(session: Session, campaign: Campaign, faults: Sequence[Refusal]) -> str:
    """Why the next step of its life is not offered to who looks; '' when it is."""
    if faults:
        is_submitted = campaign.status == "submitted"
        return str(gettext("还不能批准，原因见下") if is_submitted else gettext("还不能提交，原因见下"))
    if campaign.status == "submitted" and may("campaigns.approve"):
        return why_not(require_approver, session, campaign, me().id, now())
    if campaign.status == "approved" and may("campaigns.start"):
        return why_not(launch.require_launchable, session, campaign, now())
    if campaign.status == "off" and may("campaigns.resume"):
        return why_not(lineage.require_unfrozen, session)
    return ""


def _standing(campaign: Campaign) -> dict[str, Any]:
    way = mechanic.way_of(campaign.mechanic)
    with runtime().database.reading() as session:
        faults = faults_in(session, campaign, now()) if campaign.status in ("draft", "submitted") else []
        return {
            "faults": faults,
            "blocked": _blocked(session, campaign, faults),
            "campaign": campaign,
            "tally": listing.tallies(session, [campaign.id])[campaign.id],
            "accounts": ledger.balances(session, campaign.id),
            "steps": LIFE_STEPS,
            "at_step": "on" if campaign.status == "off" else campaign.status,
            "trouble": _trouble(campaign),
            "figures": way.figures,
            "has_draws": way.has_draws,
            "is_early": campaign.status == "launching" and now() < campaign.begin_at - way.lead,
            "is_quiet": campaign.status == "launching" and throttle.is_quiet(runtime().settings, now(), LOTTERY),
        }


CODE_OF_WECHAT = re.compile(r"-?[0-9]+|[A-Z][A-Z_]+")
"""A number, or capitals: WeChat's support asks for it, documented or not. Reasons of our own are written small."""


def _trouble(campaign: Campaign) -> tuple[str, str] | None:
    """(WeChat's code where it was WeChat, else nothing; what stops the campaign and what to do, in the reader's language)."""
    told = trouble_of(campaign)
    if told is None:
        return None
    code = campaign.trouble or ""
    return code if CODE_OF_WECHAT.fullmatch(code) else "", said(told)


@blueprint.get("/campaigns/<int:campaign_id>")
@role_required(*WATCHERS)
def page(campaign_id: int) -> str:
    """One campaign: where it stands, what it holds, what can be done."""
    campaign = campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        people = accounts.names(
            session,
            [who for who in (campaign.created_by, campaign.submitted_by, campaign.approved_by) if who is not None],
        )
        way = mechanic.way_of(campaign.mechanic)
        shown = way.console(session, campaign)
        is_before = campaign.status in ("draft", "submitted", "approved")
        values = values_of(campaign) if is_before else {}
        cautions = cautions_of(session, runtime().settings, values, campaign_id) if is_before else []
    return render_template(
        way.console_page,
        people=people,
        words=way.draft.words(),
        cautions=cautions,
        entry_url=entry_url(campaign),
        **shown,
        **_standing(campaign),
    )


@blueprint.get("/campaigns/<int:campaign_id>/live")
@role_required(*WATCHERS)
def page_live(campaign_id: int) -> str:
    """The moving part of a campaign's page."""
    return render_template("console/_campaign_live.html", **_standing(campaign_or_404(campaign_id)))


@blueprint.get("/campaigns/<int:campaign_id>/money.json")
@role_required(*WATCHERS)
def money_chart(campaign_id: int) -> Response:
    """Money of a campaign by hour."""
    campaign_or_404(campaign_id)
    return _kept_money(f"console:money:{campaign_id}", campaign_id, timedelta(days=14))


def _kept_money(key: str, campaign_id: int | None, span: timedelta) -> Response:
    """The chart's numbers, kept in Redis for a few seconds so that many open pages cost one query."""
    kept = None
    with suppress(RedisError):
        kept = runtime().redis.get(key)
    if kept is None:
        with runtime().database.reading() as session:
            ids = own_ids(session) if campaign_id is None else [campaign_id]
            first = order_listing.first_entry_since(session, now() - span)
            kept = json.dumps(over_time(listing.money_by_hour(session, ids, first), MONEY_SHOWN))
        with suppress(RedisError):
            runtime().redis.set(key, kept, ex=MONEY_CACHE_S)
    return Response(kept, mimetype="application/json")


@blueprint.get("/campaigns/<int:campaign_id>/packets")
@role_required("marketer", "cashier")
def packets(campaign_id: int) -> str:
    """The packets of a campaign, page by page."""
    campaign = campaign_or_404(campaign_id)
    status = request.args.get("status", "")
    status = status if listing.is_packet_status(status) else ""
    sought = text("q")
    jump = number("jump", SMALL)
    after = max(0, jump - 1) if jump is not None else number("after", SMALL)
    with runtime().database.reading() as session:
        if sought:
            found = listing.search_packets(session, campaign_id, sought)
            shown = listing.PacketPage(found, has_before=False, has_after=False)
        else:
            shown = listing.packets(session, campaign_id, status=status, after=after, before=number("before", SMALL))
        billnos = listing.billnos(session, [packet.order_id for packet in shown.rows if packet.order_id is not None])
        tally = listing.tallies(session, [campaign_id])[campaign_id]
    return render_template(
        "console/packets.html",
        campaign=campaign,
        page=shown,
        billnos=billnos,
        tally=tally,
        status=status,
        q=sought,
        statuses=list(PACKET_STATUSES),
    )


@blueprint.get("/campaigns/<int:campaign_id>/packets/<int:packet_id>")
@role_required("marketer", "cashier")
def packet(campaign_id: int, packet_id: int) -> str:
    """One packet with its orders and what WeChat answered, word for word."""
    campaign = campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        found: Packet = one_or_404(session.get(Packet, packet_id) if packet_id < 2**62 else None)
        one_or_404(campaign.id == found.campaign_id or None)
        orders = order_listing.orders_for(session, PACKET_REASON, packet_id)
        evidence = order_listing.evidence_of(session, [order.id for order in orders])
    return render_template(
        "console/packet.html",
        campaign=campaign,
        packet=found,
        orders=orders,
        evidence=evidence,
        meanings=order_words.meanings(orders),
    )


def _packet_batches(database: Database, campaign_id: int) -> Iterator[list[tuple[object, ...]]]:
    """All packets, batch by batch, each in a read of its own: a slow download holds nothing open."""
    after = 0
    while True:
        with database.reading() as session:
            rows = listing.packets(session, campaign_id, after=after, limit=EXPORT_BATCH).rows
            billnos = listing.billnos(session, [row.order_id for row in rows if row.order_id is not None])
        if not rows:
            return
        after = rows[-1].ordinal
        yield [
            (
                row.ordinal,
                plain_yuan(row.amount_fen),
                row.tier,
                row.status,
                billnos.get(row.order_id or 0, ""),
                row.openid or "",
                local(row.bound_at),
                local(row.settled_at),
                row.attempts,
            )
            for row in rows
        ]


PACKET_COLUMNS = (
    "ordinal",
    "amount_yuan",
    "tier",
    "status",
    "mch_billno",
    "openid",
    "bound_at",
    "settled_at",
    "attempts",
)


@blueprint.post("/campaigns/<int:campaign_id>/packets.csv")
@role_required("marketer", "cashier")
def export_packets(campaign_id: int) -> Response:
    """All packets as a spreadsheet; a POST, because the export itself is written in the audit log."""
    campaign_or_404(campaign_id)
    log_export("packets_export", f"campaign:{campaign_id}")
    return csv_response(f"packets-{campaign_id}", PACKET_COLUMNS, _packet_batches(runtime().database, campaign_id))
