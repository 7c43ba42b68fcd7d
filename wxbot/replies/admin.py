"""The console's page of reply rules: what the account answers, in which order, what gets in whose way, and a bench to try."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns import listing
from wxbot.campaigns.admin_pages import campaign_or_404, owner_filter
from wxbot.replies import bench, rules
from wxbot.replies.answers import read_book
from wxbot.replies.dialogues.definitions import DIALOGUES
from wxbot.replies.models import KEYWORD_TRIGGERS, ReplyRule
from wxbot.replies.rules import PRIORITY_AT_MOST, Content
from wxbot.staff import audit
from wxbot.staff.console import (
    actor,
    guard,
    log_refusal,
    now,
    number,
    one_or_404,
    role_required,
    runtime,
    said,
    tell,
    text,
)
from wxbot.text import Refusal, Text

blueprint = guard(Blueprint("reply_rules", __name__))

MESSAGE_CHARS = 600
STANDING = ("subscribe", "image", "default")


def _page(fault: str = "", faulty: str = "") -> str:
    """The page; `faulty` names the form that `fault` belongs to: add, a rule's id, or a trigger."""
    tried = request.args.get("try", "").strip()[:MESSAGE_CHARS]
    with runtime().database.reading() as session:
        rows = {row.id: row for row in rules.list_rules(session)}
        live = listing.campaigns(session, owner_id=owner_filter(), statuses=("approved", "launching", "on", "off"))
        book = read_book(session)
    keyed = [row for row in rows.values() if row.trigger in KEYWORD_TRIGGERS]
    order = rules.in_order(rules.as_rule(row) for row in keyed)
    found: dict[int, list[bench.Conflict]] = {}
    general = []
    for conflict in bench.conflicts(book):
        if conflict.rule is not None:
            found.setdefault(conflict.rule.id, []).append(conflict)
        else:
            general.append(conflict)
    return render_template(
        "console/reply_rules.html",
        rules=[rows[rule.id] for rule in order],
        campaigns=live,
        tried=tried,
        fault=fault,
        standing={name: next((row for row in rows.values() if row.trigger == name), None) for name in STANDING},
        trace=bench.trace(book, tried) if tried else None,
        conflicts=found,
        general=general,
        dialogues=DIALOGUES,
        faulty=faulty,
        edited=faulty if faulty.isdigit() else request.args.get("edit", ""),
        triggers=KEYWORD_TRIGGERS,
        entries=book.entries,
    )


def _content(kept: ReplyRule | None = None) -> Content:
    """What the form says a rule answers with; a campaign must be the person's own, or be there already."""
    campaign_id = number("campaign") or None
    kind = text("kind") or ("campaign" if campaign_id else "text")
    words = text("text", 3_000)
    if kind == "campaign":
        if campaign_id is None:
            raise Refusal("rule", Text("请选择一个活动。", "Choose a campaign."))
        if kept is None or kept.campaign_id != campaign_id:
            campaign_or_404(campaign_id)
        return Content(campaign_id=campaign_id)
    if kind == "dialogue":
        if text("dialogue") not in DIALOGUES:
            raise Refusal("rule", Text("请选择一个对话。", "Choose a dialogue."))
        return Content(words, dialogue=text("dialogue"))
    if kind == "link":
        return Content(words, title=text("title", 200) or " ", url=text("url", 2_000))
    return Content(words)


def _priority(kept: int = 100) -> int:
    asked = number("priority")
    return min(asked if asked is not None else kept, PRIORITY_AT_MOST)


def _refused(bad: Refusal, faulty: str) -> tuple[str, int]:
    log_refusal("reply_rule", "", bad, form=faulty)
    return _page(said(bad.text), faulty), 422


def _done(sentence: str, anchor: str = "", content: Content | None = None) -> BaseResponse:
    tell(sentence)
    for caution in rules.cautions(content) if content else ():
        tell(said(caution), "warning")
    return redirect(url_for("reply_rules.index", _anchor=anchor or None), 303)


def _record(session: Any, rule_id: int, **detail: Any) -> None:
    audit.record(session, actor(), "reply_rule", f"rule:{rule_id}", now(), detail=detail)


@blueprint.get("/replies")
@role_required("marketer")
def index() -> str:
    """All rules in the order in which they are asked; `try` shows which one a message would meet, and why."""
    return _page()


@blueprint.post("/replies")
@role_required("marketer")
def add() -> tuple[str, int] | BaseResponse:
    """Add a keyword rule."""
    try:
        content = _content()
        with runtime().database.transaction() as session:
            rule = rules.add_rule(
                session,
                text("trigger"),
                text("pattern", 100),
                now(),
                text=content.text,
                campaign_id=content.campaign_id,
                dialogue=content.dialogue,
                title=content.title,
                url=content.url,
                priority=_priority(),
            )
            _record(session, rule.id, trigger=rule.trigger, pattern=rule.pattern, kind=rule.reply_kind)
    except Refusal as bad:
        return _refused(bad, "add")
    return _done(gettext("回复规则已添加，几秒内生效。"), f"rule-{rule.id}", content)


@blueprint.post("/replies/<int:rule_id>")
@role_required("marketer")
def change(rule_id: int) -> tuple[str, int] | BaseResponse:
    """Write a rule anew, where it stands."""
    row = _row(rule_id)
    try:
        content = _content(row)
        with runtime().database.transaction() as session:
            rules.change_rule(
                session, rule_id, text("trigger"), text("pattern", 100), content, _priority(row.priority), now()
            )
            _record(session, rule_id, trigger=text("trigger"), pattern=text("pattern"), kind=content.reply_kind)
    except Refusal as bad:
        return _refused(bad, str(rule_id))
    return _done(gettext("回复规则已保存，几秒内生效。"), f"rule-{rule_id}", content)


def _row(rule_id: int) -> ReplyRule:
    with runtime().database.reading() as session:
        row: ReplyRule = one_or_404(session.get(ReplyRule, rule_id) if rule_id < 2**31 else None)
    return row


@blueprint.post("/replies/<int:rule_id>/switch")
@role_required("marketer")
def switch(rule_id: int) -> BaseResponse:
    """Switch a rule on or off."""
    row, is_on = _row(rule_id), text("on") == "1"
    with runtime().database.transaction() as session:
        rules.switch_rule(session, row.id, is_on, now())
        _record(session, row.id, is_on=is_on)
    return _done(gettext("规则已启用。") if is_on else gettext("规则已停用。"), f"rule-{rule_id}")


@blueprint.post("/replies/<int:rule_id>/move")
@role_required("marketer")
def move(rule_id: int) -> BaseResponse:
    """Let a rule be asked one place earlier or later."""
    row, is_up = _row(rule_id), text("way") == "up"
    with runtime().database.transaction() as session:
        if rules.move_rule(session, row.id, is_up, now()):
            _record(session, row.id, moved="up" if is_up else "down")
    return redirect(url_for("reply_rules.index", _anchor=f"rule-{rule_id}"), 303)


@blueprint.post("/replies/<int:rule_id>/remove")
@role_required("marketer")
def remove(rule_id: int) -> BaseResponse:
    """Delete a rule."""
    with runtime().database.transaction() as session:
        one_or_404((rule_id < 2**31 and rules.remove_rule(session, rule_id)) or None)
        _record(session, rule_id, removed=True)
    return _done(gettext("回复规则已删除。"))


@blueprint.post("/replies/standing/<trigger>")
@role_required("marketer")
def stand(trigger: str) -> tuple[str, int] | BaseResponse:
    """The welcome, the reply to a bare photo, and the reply when nothing else fits; an empty text takes it away."""
    one_or_404(trigger if trigger in STANDING else None)
    try:
        content = _content()
        is_empty = content == Content(content.text) and not content.text
        with runtime().database.transaction() as session:
            rules.stand(session, trigger, None if is_empty else content, now())
            _record(session, 0, trigger=trigger, kind="" if is_empty else content.reply_kind)
    except Refusal as bad:
        return _refused(bad, trigger)
    return _done(gettext("已保存，几秒内生效。"), trigger, content)
