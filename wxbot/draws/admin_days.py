"""Console: the daily report of a campaign, day by day and as a sheet."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template
from flask_babel import gettext

from wxbot.campaigns import mechanic
from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.campaigns.models import Campaign
from wxbot.draws import days
from wxbot.money import plain_yuan
from wxbot.staff.console import absent, guard, log_export, now, role_required, runtime
from wxbot.staff.downloads import form_or_404, sheet_response

blueprint = guard(Blueprint("campaign_days", __name__))


def _launched_or_404(campaign_id: int) -> Campaign:
    campaign = campaign_or_404(campaign_id)
    if campaign.launched_at is None:
        absent()
    return campaign


@blueprint.get("/campaigns/<int:campaign_id>/days")
@role_required("marketer", "cashier")
def page(campaign_id: int) -> str:
    """Every day of the campaign, the newest first, with the winners of each to take away where we drew them."""
    campaign = _launched_or_404(campaign_id)
    with runtime().database.reading() as session:
        lines = days.listed(session, campaign, now())
    return render_template(
        "console/campaign_days.html", campaign=campaign, lines=lines, way=mechanic.way_of(campaign.mechanic)
    )


@blueprint.post("/campaigns/<int:campaign_id>/days.<form>")
@role_required("marketer", "cashier")
def sheet(campaign_id: int, form: str) -> Response:
    """The same as a spreadsheet; written in the audit log."""
    campaign = _launched_or_404(campaign_id)
    form_or_404(form)
    log_export("days_export", f"campaign:{campaign_id}", form=form)
    with runtime().database.reading() as session:
        lines = days.listed(session, campaign, now())
    has_draws = mechanic.way_of(campaign.mechanic).has_draws
    return sheet_response(form, f"days-{campaign_id}", _header(has_draws), [[_row(line, has_draws) for line in lines]])


def _header(has_draws: bool) -> tuple[str, ...]:
    drawn = (gettext("打开页面"), gettext("抽奖人数"), gettext("抽奖"))
    return (
        *(gettext("日期"), *(drawn if has_draws else (gettext("签到人数"), gettext("抽取次数"))), gettext("中奖")),
        *(gettext("中奖金额（元）"), gettext("点了领取"), gettext("已到账"), gettext("已到账金额（元）")),
        *(gettext("给出卡密"), gettext("过期收回"), gettext("过期收回金额（元）"), gettext("奖品剩余")),
    )


def _row(line: Mapping[str, Any], has_draws: bool) -> tuple[object, ...]:
    def amount(name: str) -> str:
        return plain_yuan(line[name]) if line[name] else ""

    return (
        *(line["day"], *([line["visits"]] if has_draws else []), line["people"], line["draws"]),
        *(line["wins"], amount("won_fen")),
        *(line["tapped"], line["paid"], amount("paid_fen"), line["given"]),
        *(line["forfeited"], amount("forfeited_fen")),
        "；".join(f"{prize['name'] or gettext('红包')} {prize['left']}/{prize['stock']}" for prize in line["prizes"]),
    )
