"""Reply rules: what a person wrote (or that they followed) → which reply. `match` is pure; the rest are rows."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.replies.models import REPLY_KINDS, TRIGGERS, ReplyRule
from wxbot.wechat.limits import TEXT_REPLY_BYTES

PATTERN_CHARACTERS = 64

_STRICTNESS = {"equal": 0, "prefix": 1, "contain": 2}


class BadRule(ValueError):
    """A rule that can never work; the text says what to change, in Chinese and English."""


@dataclass(frozen=True)
class Rule:
    """One rule as the matching sees it; `pattern` is already normalised."""

    id: int
    trigger: str
    pattern: str
    reply_kind: str
    text: str
    campaign_id: int | None
    priority: int


def normalise(text: str) -> str:
    """What people mean by "the same words": full-width equals half-width, case and outer spaces do not matter."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def in_order(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Rules in the order in which they are asked: priority, then the stricter trigger, the longer pattern, the older rule."""
    return tuple(
        sorted(rules, key=lambda rule: (rule.priority, _STRICTNESS.get(rule.trigger, 3), -len(rule.pattern), rule.id))
    )


def match(rules: Sequence[Rule], text: str) -> Rule | None:
    """The first rule of an ordered sequence whose pattern fits the text; None when no keyword does.

    Rules for `subscribe` and `default` are never matched by a text.
    """
    words = normalise(text)
    for rule in rules:
        if rule.trigger == "equal":
            fits = words == rule.pattern
        elif rule.trigger == "prefix":
            fits = words.startswith(rule.pattern)
        elif rule.trigger == "contain":
            fits = rule.pattern in words
        else:
            continue
        if fits:
            return rule
    return None


def first_of(rules: Sequence[Rule], trigger: str) -> Rule | None:
    """The first rule of an ordered sequence with this trigger (for subscribe and default)."""
    return next((rule for rule in rules if rule.trigger == trigger), None)


def add_rule(
    session: Session,
    trigger: str,
    pattern: str,
    now: datetime,
    *,
    text: str = "",
    campaign_id: int | None = None,
    priority: int = 100,
) -> ReplyRule:
    """Write a rule that answers with `text`, or with the entry of a campaign. Raises BadRule with what to change."""
    reply_kind = "text" if campaign_id is None else "campaign"
    _refuse_bad(trigger, pattern, reply_kind, text)
    rule = ReplyRule(
        trigger=trigger, pattern=pattern.strip(), reply_kind=reply_kind, text=text, campaign_id=campaign_id,
        priority=priority, is_on=True, updated_at=now,
    )  # fmt: skip
    session.add(rule)
    session.flush()
    return rule


def _refuse_bad(trigger: str, pattern: str, reply_kind: str, text: str) -> None:
    if trigger not in TRIGGERS or reply_kind not in REPLY_KINDS:
        raise BadRule(f"触发方式只能是 {'、'.join(TRIGGERS)} 之一。The trigger must be one of {', '.join(TRIGGERS)}.")
    if trigger in _STRICTNESS and not normalise(pattern):
        raise BadRule("请填写关键词。A keyword rule needs a keyword.")
    if trigger not in _STRICTNESS and pattern:
        raise BadRule("关注回复和默认回复不带关键词。Rules for subscribe and default take no keyword.")
    if len(pattern) > PATTERN_CHARACTERS:
        raise BadRule(f"关键词最多 {PATTERN_CHARACTERS} 个字。A keyword has at most {PATTERN_CHARACTERS} characters.")
    if reply_kind == "text" and not text.strip():
        raise BadRule("请填写回复内容。A text reply must not be empty.")
    if len(text.encode()) > TEXT_REPLY_BYTES:
        raise BadRule(
            f"回复内容最多 {TEXT_REPLY_BYTES} 字节（约 680 个汉字）。A text reply has at most {TEXT_REPLY_BYTES} bytes."
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in text + pattern):
        raise BadRule("内容里有看不见的控制字符。The text holds control characters that WeChat refuses.")


def remove_rule(session: Session, rule_id: int) -> bool:
    """Delete a rule; False when it is not there."""
    return bool(changed(session, delete(ReplyRule).where(ReplyRule.id == rule_id)))


def list_rules(session: Session, *, only_on: bool = False) -> Sequence[ReplyRule]:
    """All rules, or those switched on, by priority and age."""
    query = select(ReplyRule).order_by(ReplyRule.priority, ReplyRule.id)
    return session.scalars(query.where(ReplyRule.is_on) if only_on else query).all()


def as_rule(row: ReplyRule) -> Rule:
    """A row in the shape that `match` takes."""
    return Rule(row.id, row.trigger, normalise(row.pattern), row.reply_kind, row.text, row.campaign_id, row.priority)
