"""Console pages where a campaign is written, approved and steered."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns import draft, launch, switch
from wxbot.campaigns.admin_pages import act, blueprint, campaign_or_404, to_page
from wxbot.campaigns.draft_faults import faults_of
from wxbot.campaigns.draft_form import read_form
from wxbot.campaigns.forecast import Forecast, forecast
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.money import yuan
from wxbot.staff.console import log_action, me, now, refusal_told, role_required, runtime, said, tell
from wxbot.text import Faulty, Refusal

BLANK_TIERS = (("一等奖", "", ""), ("二等奖", "", ""), ("三等奖", "", ""))


def _percent(ppm: int) -> str:
    whole, rest = divmod(ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def _time_of_day(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _plain_yuan(amount_fen: int) -> str:
    return yuan(amount_fen).replace(",", "") if amount_fen else ""


def form_of(campaign: Campaign) -> MultiDict[str, str]:
    """The form that a stored draft came from."""
    moments = {
        name: getattr(campaign, name).astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M") for name in ("begin_at", "end_at")
    }
    texts = {
        name: str(getattr(campaign, name))
        for name in (
            "name",
            "split",
            "packet_count",
            "tries_per_person",
            "tries_per_day",
            "expected_people",
            "send_name",
            "act_name",
            "wishing",
            "remark",
            "title",
            "description",
            "jump_url",
            "rules",
            "organiser",
            "contact",
            "keyword",
        )
    }
    money = {
        "budget": campaign.budget_fen,
        "packet_amount": campaign.packet_fen,
        "min_amount": campaign.min_fen,
        "max_amount": campaign.max_fen,
    }
    form = MultiDict(
        texts
        | moments
        | {name: _plain_yuan(amount) for name, amount in money.items()}
        | {
            "daily_from": _time_of_day(campaign.daily_from),
            "daily_until": _time_of_day(campaign.daily_until),
            "odds": _percent(campaign.odds_ppm),
            "device_ids": ", ".join(map(str, campaign.device_ids)),
        }
    )
    for tier in draft.tiers_of(campaign):
        form.add("tier_label", tier.label)
        form.add("tier_amount", _plain_yuan(tier.amount_fen))
        form.add("tier_count", str(tier.count))
    return form


def _blank_form() -> MultiDict[str, str]:
    tomorrow = (now().astimezone(SHANGHAI) + timedelta(days=1)).replace(hour=9, minute=0)
    return MultiDict(
        {
            "begin_at": tomorrow.strftime("%Y-%m-%dT%H:%M"),
            "end_at": (tomorrow + timedelta(days=6)).replace(hour=21).strftime("%Y-%m-%dT%H:%M"),
            "daily_from": "09:00",
            "daily_until": "21:00",
            "split": "random",
            "min_amount": "1.00",
            "max_amount": "8.88",
            "packet_count": "500",
            "budget": "1000.00",
            "tries_per_person": "3",
            "tries_per_day": "1",
            "odds": "100",
            "expected_people": "600",
            "wishing": "恭喜发财，大吉大利",
            "send_name": runtime().settings.brand,
        }
    )


def _tier_rows(form: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    getlist = form.getlist  # type: ignore[attr-defined]
    rows = list(zip(getlist("tier_label"), getlist("tier_amount"), getlist("tier_count"), strict=False))
    return rows or BLANK_TIERS


def _forecast(form: Mapping[str, Any]) -> Forecast | None:
    values, _ = read_form(form)
    settings = runtime().settings
    return forecast(values, per_second=settings.pay_per_second, per_day=settings.pay_per_day)


def _form_page(form: MultiDict[str, str], faults: Sequence[Refusal], campaign: Campaign | None) -> str:
    by_field: dict[str, list[str]] = {}
    for fault in faults:
        by_field.setdefault(fault.field, []).append(said(fault.text))
    return render_template(
        "console/draft.html",
        form=form,
        faults=by_field,
        campaign=campaign,
        tier_rows=_tier_rows(form),
        forecast=_forecast(form),
    )


@blueprint.get("/campaigns/new")
@role_required("marketer")
def new() -> str:
    """An empty draft, with values that are usual."""
    return _form_page(_blank_form(), (), None)


@blueprint.post("/campaigns/new")
@role_required("marketer")
def create() -> tuple[str, int] | BaseResponse:
    """Save a new draft, or show every fault beside its field."""
    try:
        campaign_id = draft.save(runtime().database, draft.read(request.form, now()), me().id, now())
    except Faulty as faulty:
        return _form_page(request.form, _all_faults(request.form, faulty), None), 422
    log_action("campaign_save", f"campaign:{campaign_id}", version=1)
    tell(gettext("草稿已保存。检查无误后提交审批。"))
    return to_page(campaign_id)


def _all_faults(form: Mapping[str, Any], faulty: Faulty) -> Sequence[Refusal]:
    """The faults of the verb are complete as they are; the same sentence twice is shown once."""
    return list({(each.field, each.text): each for each in faulty.faults}.values())


@blueprint.get("/campaigns/<int:campaign_id>/edit")
@role_required("marketer")
def edit(campaign_id: int) -> str | BaseResponse:
    """A draft again."""
    campaign = campaign_or_404(campaign_id)
    if campaign.status != "draft":
        tell(gettext("只有草稿可以修改。请先退回草稿。"), "danger")
        return to_page(campaign_id)
    form = form_of(campaign)
    return _form_page(form, faults_of(read_form(form)[0], now()), campaign)


@blueprint.post("/campaigns/<int:campaign_id>/edit")
@role_required("marketer")
def update(campaign_id: int) -> tuple[str, int] | BaseResponse:
    """Save a draft again."""
    campaign = campaign_or_404(campaign_id)
    target = f"campaign:{campaign_id}"
    with refusal_told("campaign_save", target):
        try:
            draft.save(runtime().database, draft.read(request.form, now()), me().id, now(), campaign_id)
        except Faulty as faulty:
            return _form_page(request.form, _all_faults(request.form, faulty), campaign), 422
        log_action("campaign_save", target, version=campaign.version + 1)
        tell(gettext("草稿已保存。检查无误后提交审批。"))
    return to_page(campaign_id)


@blueprint.post("/campaigns/forecast")
@role_required("marketer")
def show_forecast() -> str:
    """The forecast of what stands in the form right now; changes nothing."""
    return render_template("console/_forecast.html", forecast=_forecast(request.form))


@blueprint.post("/campaigns/<int:campaign_id>/copy")
@role_required("marketer")
def copy(campaign_id: int) -> BaseResponse:
    """A new draft with the same content."""
    campaign_or_404(campaign_id)
    copied = draft.copy(runtime().database, campaign_id, me().id, now())
    log_action("campaign_copy", f"campaign:{copied}", source=campaign_id)
    tell(gettext("已复制为新草稿，请修改日期和关键词。"))
    return redirect(url_for("campaigns.edit", campaign_id=copied), 303)


@blueprint.post("/campaigns/<int:campaign_id>/submit")
@role_required("marketer")
def submit(campaign_id: int) -> BaseResponse:
    """Hand the draft to a second person."""
    return act(campaign_id, "campaign_submit", gettext("已提交，等待财务审批。"), draft.submit)


@blueprint.post("/campaigns/<int:campaign_id>/approve")
@role_required("cashier")
def approve(campaign_id: int) -> BaseResponse:
    """Approve what was shown, and set its budget aside."""
    seen = request.form.get("content_sha256", "")
    return act(campaign_id, "campaign_approve", gettext("已批准，预算已预留。"), draft.approve, seen, seen=seen[:64])


@blueprint.post("/campaigns/<int:campaign_id>/send-back")
@role_required("cashier", "marketer")
def send_back(campaign_id: int) -> BaseResponse:
    """Make it a draft again."""
    reason = request.form.get("reason", "")[:200]
    return act(campaign_id, "campaign_send_back", gettext("已退回草稿。"), draft.send_back, note=reason)


@blueprint.post("/campaigns/<int:campaign_id>/launch")
@role_required("marketer")
def start(campaign_id: int) -> BaseResponse:
    """Start: the worker orders the packets and builds the lottery."""
    return act(campaign_id, "campaign_launch", gettext("已启动，正在向微信下单备货。"), launch.launch)


@blueprint.post("/campaigns/<int:campaign_id>/pause")
@role_required("marketer", "cashier")
def pause(campaign_id: int) -> BaseResponse:
    """Stop new draws within a second."""
    return act(campaign_id, "campaign_pause", gettext("已暂停，新的抽奖会被婉拒。"), switch.pause)


@blueprint.post("/campaigns/<int:campaign_id>/resume")
@role_required("marketer")
def resume(campaign_id: int) -> BaseResponse:
    """Let people draw again."""
    return act(campaign_id, "campaign_resume", gettext("已恢复，可以继续抽奖。"), switch.resume)


@blueprint.post("/campaigns/<int:campaign_id>/close")
@role_required("marketer", "cashier")
def end(campaign_id: int) -> BaseResponse:
    """End the campaign for good."""
    return act(campaign_id, "campaign_close", gettext("正在结束，未领取的红包到期后退回。"), switch.close)
