"""The console's page of reply rules: what the account answers, with a bench to try a message."""

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns import listing
from wxbot.campaigns.admin_pages import campaign_or_404, owner_filter
from wxbot.replies.answers import read_book
from wxbot.replies.models import TRIGGERS
from wxbot.replies.rules import BadRule, add_rule, first_of, list_rules, match, normalise, remove_rule
from wxbot.staff import audit
from wxbot.staff.console import (
    actor,
    guard,
    locale,
    log_action,
    now,
    number,
    one_or_404,
    role_required,
    runtime,
    tell,
    text,
)

blueprint = guard(Blueprint("reply_rules", __name__))

MESSAGE_CHARS = 600


def _sentence(bad: BadRule) -> str:
    """The half of a two-language sentence that the reader understands."""
    chinese, stop, english = str(bad).partition("。")
    return chinese + stop if locale().startswith("zh") else english.strip() or chinese


def _page(fault: str = "", tried: str = "") -> str:
    with runtime().database.reading() as session:
        rows = list_rules(session)
        live = listing.campaigns(session, owner_id=owner_filter(), statuses=("approved", "launching", "on", "off"))
        book = read_book(session)
    hit = match(book.rules, tried) if tried else None
    entry = book.by_keyword.get(normalise(tried)) if tried and hit is None else None
    if tried and hit is None and entry is None:
        hit = first_of(book.rules, "default")
    return render_template(
        "console/reply_rules.html", rules=rows, triggers=TRIGGERS, campaigns=live, fault=fault, tried=tried, hit=hit,
        entry=entry,
    )  # fmt: skip


@blueprint.get("/replies")
@role_required("marketer")
def index() -> str:
    """All rules in the order in which they are asked; `try` shows which one a message would meet."""
    return _page(tried=text("try", MESSAGE_CHARS))


@blueprint.post("/replies")
@role_required("marketer")
def add() -> tuple[str, int] | BaseResponse:
    """Add a rule that answers with a text or with a campaign's entry."""
    campaign_id, priority = number("campaign") or None, number("priority")
    if campaign_id is not None:
        campaign_or_404(campaign_id)
    try:
        with runtime().database.transaction() as session:
            rule = add_rule(
                session, text("trigger"), text("pattern", 100), now(), text=text("text", 3_000), campaign_id=campaign_id,
                priority=min(priority if priority is not None else 100, 10_000),
            )  # fmt: skip
            detail = {"trigger": rule.trigger, "pattern": rule.pattern}
            audit.record(session, actor(), "reply_rule", f"rule:{rule.id}", now(), detail=detail)
    except BadRule as bad:
        log_action("reply_rule", "", "refused", trigger=text("trigger"))
        return _page(_sentence(bad)), 422
    tell(gettext("回复规则已添加，几秒内生效。"))
    return redirect(url_for("reply_rules.index"), 303)


@blueprint.post("/replies/<int:rule_id>/remove")
@role_required("marketer")
def remove(rule_id: int) -> BaseResponse:
    """Delete a rule."""
    with runtime().database.transaction() as session:
        one_or_404((rule_id < 2**31 and remove_rule(session, rule_id)) or None)
        audit.record(session, actor(), "reply_rule", f"rule:{rule_id}", now(), detail={"removed": True})
    tell(gettext("回复规则已删除。"))
    return redirect(url_for("reply_rules.index"), 303)
