"""Console pages where a campaign is written, approved and steered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns import draft, launch, mechanic, switch, wizard
from wxbot.campaigns.admin_pages import act, blueprint, campaign_or_404, to_page
from wxbot.campaigns.draft_faults import cautions_of, faults_of
from wxbot.campaigns.draft_form import read_form, way_in
from wxbot.campaigns.mechanic import CampaignMechanic
from wxbot.campaigns.models import FIRST_MECHANIC, Campaign
from wxbot.campaigns.wizard import WrittenForm
from wxbot.clock import SHANGHAI
from wxbot.staff import audit
from wxbot.staff.code_asked import code_for
from wxbot.staff.console import act as act_at_once
from wxbot.staff.console import actor, local, log_action, me, now, number, role_required, runtime, said, tell
from wxbot.text import Faulty, Refusal


def _blank_form(name: str) -> WrittenForm:
    """What is usual, and above it what the template that is asked for brings."""
    part = mechanic.way_of(name).draft
    tomorrow = (now().astimezone(SHANGHAI) + timedelta(days=1)).replace(hour=part.hours[0], minute=0)
    common = {
        "mechanic": name,
        "begin_at": tomorrow.strftime("%Y-%m-%dT%H:%M"),
        "end_at": (tomorrow + timedelta(days=part.days)).replace(hour=part.hours[1]).strftime("%Y-%m-%dT%H:%M"),
        "daily_from": "09:00",
        "daily_until": "21:00",
    }
    begun = part.shelf.get(request.args.get("template", ""))
    return wizard.as_form({**common, **part.blank(runtime().settings), **(begun.fields if begun else {})})


def _way_in(form: WrittenForm) -> tuple[str, CampaignMechanic]:
    """The way to give that a form is about; the first one when it names none that there is."""
    try:
        return way_in(form)
    except Refusal:
        return FIRST_MECHANIC, mechanic.way_of(FIRST_MECHANIC)


@dataclass(frozen=True)
class Foreseen:
    """What stands beside the form: what is wrong with what it needs, else the forecast, and what may surprise."""

    part: str
    """The template that shows the forecast."""
    words: Mapping[str, str]
    forecast: Any | None
    wrong: Sequence[Refusal]
    cautions: Sequence[Refusal]
    is_incomplete: bool


def _foreseen(form: WrittenForm, campaign_id: int | None) -> Foreseen:
    """A field that is still empty is no fault yet; beside a fault no figure is shown, because it would be a wrong one."""
    _, way = _way_in(form)
    values, faults = read_form(form)
    faults += faults_of(values, now())
    faults = [each for each in _once(faults) if each.field in way.forecast.fields]
    wrong = [each for each in faults if not _is_empty(form, way, each.field)]
    settings = runtime().settings
    made = None if faults else way.forecast.make(values, settings)
    with runtime().database.reading() as session:
        cautions = cautions_of(session, settings, values, campaign_id)
    return Foreseen(way.forecast.part, way.draft.words(), made, wrong, cautions, len(faults) > len(wrong))


def _is_empty(form: WrittenForm, way: CampaignMechanic, field: str) -> bool:
    """Whether nothing is typed yet where a fault of this name is mended."""
    return not "".join(form.getlist(way.forecast.typed_in.get(field, field))).strip()


def _form_page(
    form: WrittenForm,
    faults: Sequence[Refusal],
    campaign: Campaign | None,
    step: str = "",
    *,
    is_mending: bool = True,
    is_kept: bool = True,
) -> str:
    """One step of the form, with what is wrong beside its fields; a field that is empty is no fault until somebody mends.

    Without a step it is the first that has something to mend.
    """
    name, way = _way_in(form)
    faults = _once(faults)
    is_empty = {each.field: _is_empty(form, way, each.field) for each in faults}
    by_field: dict[str, list[str]] = {}
    for each in faults:
        if is_mending or not is_empty[each.field]:
            by_field.setdefault(each.field, []).append(said(each.text))
    steps = wizard.shown(form, way, faults, is_empty)
    step = step or next((each.name for each in steps if each.wrong or each.missing), wizard.STEPS[0])
    return render_template(
        way.draft.page,
        form=form,
        faults=by_field,
        unmended=faults,
        campaign=campaign,
        mechanic=name,
        ways=mechanic.table(),
        steps=steps,
        step=step,
        step_of=lambda field: wizard.step_of(form, field),
        seen=wizard.seen(wizard.form_of(campaign), step) if campaign else "",
        is_kept=is_kept,
        foreseen=_foreseen(form, campaign.id if campaign else None),
        **way.draft.shown(form),
    )


def _step_asked(given: Mapping[str, str]) -> str:
    """The step that an address or a form names; '' for none."""
    step = given.get("step", "")
    return step if step in wizard.STEPS else ""


def _once(faults: Sequence[Refusal]) -> list[Refusal]:
    """The same sentence twice at one field is shown once."""
    return list({(each.field, each.text): each for each in faults}.values())


@blueprint.get("/campaigns/new")
@role_required("marketer")
def new() -> str:
    """The shelf of templates; of a way that is asked for, a draft with values that are usual, or those of one template."""
    if "mechanic" not in request.args:
        return render_template("console/shelf.html", ways=mechanic.table())
    name = _way_in(request.args)[0]
    return _form_page(_blank_form(name), (), None, _step_asked(request.args) or wizard.STEPS[0])


@blueprint.post("/campaigns/new")
@role_required("marketer")
def create() -> BaseResponse | tuple[str, int]:
    """Keep what was written, right or not."""
    return _keep(None)


def _keep(campaign: Campaign | None) -> BaseResponse | tuple[str, int]:
    """Put the form aside, or of a form that names its step that step alone: right or not.

    Only what cannot be kept at all is shown again unsaved. How a campaign gives is chosen once.
    """
    form: WrittenForm = MultiDict(request.form)
    step = _step_asked(form)
    if campaign is not None:
        form["mechanic"] = campaign.mechanic
    try:
        campaign_id, faults = _put_aside(form, campaign, step)
    except Refusal as refused:
        differs = refused.faults if isinstance(refused, Faulty) else ()
        tell(_overtaken() if differs else said(refused.text), "danger")
        log_action("campaign_save", f"campaign:{campaign.id}" if campaign else "", "refused", reason=refused.reason)
        return _form_page(form, differs, campaign, step, is_kept=False), 422
    return _onwards(form, campaign_id, faults)


def _overtaken() -> str:
    sentence: str = gettext(
        "这一步刚在别的窗口或由同事改过。下面是您填的，还没有保存：再点一次就用您的；要看对方的，请重新打开这一步。"
    )
    return sentence


def _put_aside(form: WrittenForm, campaign: Campaign | None, step: str) -> tuple[int, Sequence[Refusal]]:
    """The campaign's id and its faults; a step that changes nothing writes nothing. Raises Refusal."""
    with runtime().database.transaction() as session:
        whole = form
        if campaign is not None and step:
            merged = wizard.with_step(session, campaign.id, form, step)
            if merged is None:
                return campaign.id, ()
            whole = merged
        campaign_id, faults = draft.put_aside(session, whole, me().id, now(), campaign.id if campaign else None)
        detail = {"version": campaign.version + 1 if campaign else 1, "faults": len(_once(faults))}
        audit.record(session, actor(), "campaign_save", f"campaign:{campaign_id}", now(), detail=detail)
    return campaign_id, faults


def _onwards(form: WrittenForm, campaign_id: int, faults: Sequence[Refusal]) -> BaseResponse:
    """To the step that was asked for, or to the field that is to be mended; of a form sent as a whole to what comes of it."""
    mended, to = form.get("mend", ""), form.get("go") or form.get("step")
    if mended.isidentifier() and mended.isascii():
        to = wizard.step_of(form, mended) or wizard.STEPS[0]
        return redirect(
            url_for("campaigns.edit", campaign_id=campaign_id, step=to, mend=1, _anchor=f"fault-{mended}"), 303
        )
    if to in wizard.STEPS:
        if to == form.get("step"):
            tell(gettext("草稿已保存。"))
        return redirect(url_for("campaigns.edit", campaign_id=campaign_id, step=to), 303)
    if not faults:
        tell(gettext("草稿已保存。检查无误后提交审批。"))
        return to_page(campaign_id)
    tell(gettext("草稿已保存。提交前请把标出的地方改好。"))
    return redirect(url_for("campaigns.edit", campaign_id=campaign_id), 303)


@blueprint.get("/campaigns/<int:campaign_id>/edit")
@role_required("marketer")
def edit(campaign_id: int) -> str | BaseResponse:
    """A draft again: a step of it, or the first that has something to mend."""
    campaign = campaign_or_404(campaign_id)
    if campaign.status != "draft":
        tell(gettext("只有草稿可以修改。请先退回草稿。"), "danger")
        return to_page(campaign_id)
    with runtime().database.reading() as session:
        faults = draft.faults_in(session, campaign, now())
    step = _step_asked(request.args)
    is_mending = not step or "mend" in request.args or step == "check"
    return _form_page(wizard.form_of(campaign), faults, campaign, step, is_mending=is_mending)


@blueprint.post("/campaigns/<int:campaign_id>/edit")
@role_required("marketer")
def update(campaign_id: int) -> BaseResponse | tuple[str, int]:
    """Keep a draft again."""
    return _keep(campaign_or_404(campaign_id))


@blueprint.post("/campaigns/forecast")
@role_required("marketer")
def show_forecast() -> str:
    """The forecast of what stands in the form right now; changes nothing."""
    return render_template("console/_forecast.html", foreseen=_foreseen(request.form, number("campaign")))


@blueprint.post("/campaigns/<int:campaign_id>/copy")
@role_required("marketer")
def copy(campaign_id: int) -> BaseResponse:
    """A new draft with the same content."""
    source = campaign_or_404(campaign_id)
    with runtime().database.transaction() as session:
        copied = draft.copy(session, campaign_id, me().id, now())
        audit.record(session, actor(), "campaign_copy", f"campaign:{copied}", now(), detail={"source": campaign_id})
    made = campaign_or_404(copied)
    if made.half_written is None and made.begin_at != source.begin_at:
        begin, until = local(made.begin_at), local(made.end_at)
        tell(
            gettext("已复制为新草稿。日期顺延到 %(begin)s – %(until)s，请核对并填写关键词。", begin=begin, until=until)
        )
    else:
        tell(gettext("已复制为新草稿，请修改日期和关键词。"))
    return redirect(url_for("campaigns.edit", campaign_id=copied), 303)


@blueprint.post("/campaigns/<int:campaign_id>/delete")
@role_required("marketer")
def delete(campaign_id: int) -> BaseResponse:
    """Delete a draft; the audit log keeps who did it, and what it was called."""
    campaign = campaign_or_404(campaign_id)
    detail = {"name": campaign.name, "version": campaign.version}
    is_gone = False
    with act_at_once("campaign_delete", f"campaign:{campaign_id}", gettext("草稿已删除。"), detail=detail) as session:
        draft.delete(session, campaign_id)
        is_gone = True
    return redirect(url_for("campaigns.index"), 303) if is_gone else to_page(campaign_id)


@blueprint.post("/campaigns/<int:campaign_id>/submit")
@role_required("marketer")
def submit(campaign_id: int) -> BaseResponse:
    """Hand the draft to a second person."""
    return act(campaign_id, "campaign_submit", gettext("已提交，等待财务审批。"), draft.submit)


@blueprint.post("/campaigns/<int:campaign_id>/approve")
@role_required("cashier")
@code_for("campaign_approve", Campaign.budget_fen, to_page)
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
    """Start: the worker makes the campaign ready, as its mechanic does."""
    return act(campaign_id, "campaign_launch", gettext("已启动，正在准备；到了开始时间就能抽。"), launch.launch)


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
    return act(campaign_id, "campaign_close", gettext("正在结束；抽中的照样能领到期限，没领的到期退回。"), switch.close)
