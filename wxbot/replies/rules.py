"""Reply rules: what a person wrote (or that they followed) → which reply. `match` is pure; the rest are rows."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.db import changed
from wxbot.linter.check import findings
from wxbot.replies.models import KEYWORD_TRIGGERS, REPLY_KINDS, TRIGGERS, ReplyRule
from wxbot.text import Refusal, Text, listed
from wxbot.wechat.limits import MENU_URL_BYTES, TEXT_REPLY_BYTES

PATTERN_CHARACTERS = 64
TITLE_CHARACTERS = 64
GREETING_BYTES = 600
"""Of a rule that starts a dialogue: the first question follows in the same message and must not be cut off."""

PRIORITY_AT_MOST = 10_000
PRIORITY_STEP = 10

_STRICTNESS = {"equal": 0, "prefix": 1, "contain": 2}


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
    title: str = ""
    url: str = ""
    dialogue: str = ""


@dataclass(frozen=True)
class Content:
    """What a rule answers with: its kind follows from what is filled in."""

    text: str = ""
    campaign_id: int | None = None
    dialogue: str = ""
    title: str = ""
    url: str = ""

    @property
    def reply_kind(self) -> str:
        """campaign, dialogue, link or text."""
        if self.campaign_id is not None:
            return "campaign"
        return "dialogue" if self.dialogue else "link" if self.title or self.url else "text"


@lru_cache(maxsize=64)
def normalise(text: str) -> str:
    """What people mean by "the same words": full-width equals half-width, case and outer spaces do not matter."""
    return unicodedata.normalize("NFKC", typed.clean(text)).casefold().strip()


def in_order(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Rules in the order in which they are asked: priority, then the stricter trigger, the longer pattern, the older rule."""
    return tuple(
        sorted(rules, key=lambda rule: (rule.priority, _STRICTNESS.get(rule.trigger, 3), -len(rule.pattern), rule.id))
    )


def fits(rule: Rule, words: str) -> bool:
    """Whether a rule's pattern fits a normalised text; rules for other triggers never do."""
    if rule.trigger == "equal":
        return words == rule.pattern
    if rule.trigger == "prefix":
        return words.startswith(rule.pattern)
    return rule.trigger == "contain" and rule.pattern in words


def match(rules: Sequence[Rule], text: str) -> Rule | None:
    """The first rule of an ordered sequence whose pattern fits the text; None when no keyword does.

    Rules for `subscribe` and `default` are never matched by a text.
    """
    words = normalise(text)
    return next((rule for rule in rules if fits(rule, words)), None)


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
    dialogue: str = "",
    title: str = "",
    url: str = "",
    priority: int = 100,
) -> ReplyRule:
    """Write a rule that answers with a text, a campaign's entry, a dialogue or a link. Raises Refusal with what to change."""
    content = Content(text, campaign_id, dialogue, title, url)
    refuse_bad(trigger, pattern, content)
    rule = ReplyRule(trigger=trigger, priority=priority, is_on=True, **_columns(pattern, content, now))
    session.add(rule)
    session.flush()
    return rule


def change_rule(
    session: Session, rule_id: int, trigger: str, pattern: str, content: Content, priority: int, now: datetime
) -> bool:
    """Write a rule anew; False when it is not there. Raises Refusal with what to change."""
    refuse_bad(trigger, pattern, content)
    values = {"trigger": trigger, "priority": priority} | _columns(pattern, content, now)
    return bool(changed(session, update(ReplyRule).where(ReplyRule.id == rule_id).values(**values)))


def _columns(pattern: str, content: Content, now: datetime) -> dict[str, object]:
    return {
        "pattern": typed.line(pattern),
        "reply_kind": content.reply_kind,
        "text": typed.clean(content.text),
        "campaign_id": content.campaign_id,
        "dialogue": content.dialogue,
        "title": typed.line(content.title),
        "url": content.url,
        "updated_at": now,
    }


def refuse_bad(trigger: str, pattern: str, content: Content) -> None:
    """Raise Refusal for a rule that can never work."""
    reply_kind, text = content.reply_kind, content.text
    if trigger not in TRIGGERS or reply_kind not in REPLY_KINDS:
        raise Refusal(
            "rule",
            Text("触发方式只能是 {names.zh} 之一。", "The trigger must be one of {names.en}.").format(
                names=listed(TRIGGERS)
            ),
        )
    if trigger in KEYWORD_TRIGGERS and not normalise(pattern):
        raise Refusal("rule", Text("请填写关键词。", "A keyword rule needs a keyword."))
    if trigger not in KEYWORD_TRIGGERS and pattern:
        raise Refusal(
            "rule",
            Text("关注、图片和其他消息的回复不带关键词。", "Rules for subscribe, image and default take no keyword."),
        )
    if len(pattern) > PATTERN_CHARACTERS:
        raise Refusal(
            "rule",
            Text(f"关键词最多 {PATTERN_CHARACTERS} 个字。", f"A keyword has at most {PATTERN_CHARACTERS} characters."),
        )
    if reply_kind == "text" and not text.strip():
        raise Refusal("rule", Text("请填写回复内容。", "A text reply must not be empty."))
    if reply_kind == "dialogue" and trigger == "default":
        raise Refusal(
            "rule",
            Text("其他消息不能开始对话，否则每句闲聊都会被当成回答。", "The default reply cannot start a dialogue."),
        )
    if reply_kind == "dialogue" and len(text.encode()) > GREETING_BYTES:
        raise Refusal(
            "rule",
            Text(
                f"对话之前的话最多 {GREETING_BYTES} 字节（约 200 个汉字）。",
                f"What is said before a dialogue has at most {GREETING_BYTES} bytes.",
            ),
        )
    if len(text.encode()) > TEXT_REPLY_BYTES:
        raise Refusal(
            "rule",
            Text(
                f"回复内容最多 {TEXT_REPLY_BYTES} 字节（约 680 个汉字）。",
                f"A text reply has at most {TEXT_REPLY_BYTES} bytes.",
            ),
        )
    if reply_kind == "link":
        _refuse_bad_link(content)
    for found in (*findings(content.title), *findings(text)):
        if found.is_error:
            raise Refusal("rule", found.text)


def cautions(content: Content) -> list[Text]:
    """What may be said and may surprise."""
    return [found.text for found in (*findings(content.title), *findings(content.text)) if not found.is_error]


def _refuse_bad_link(content: Content) -> None:
    if not content.title.strip() or len(content.title) > TITLE_CHARACTERS:
        raise Refusal(
            "rule",
            Text(
                f"卡片要有标题，最多 {TITLE_CHARACTERS} 个字。",
                f"A card needs a title of at most {TITLE_CHARACTERS} characters.",
            ),
        )
    if not content.url.startswith("https://") or len(content.url.encode()) > MENU_URL_BYTES or " " in content.url:
        raise Refusal("rule", Text("卡片的链接要以 https:// 开头。", "The link of a card must begin with https://."))


def switch_rule(session: Session, rule_id: int, is_on: bool, now: datetime) -> bool:
    """Switch a rule on or off; False when it is not there."""
    statement = update(ReplyRule).where(ReplyRule.id == rule_id).values(is_on=is_on, updated_at=now)
    return bool(changed(session, statement))


def move_rule(session: Session, rule_id: int, is_up: bool, now: datetime) -> bool:
    """Let a keyword rule be asked one place earlier or later; False when there is none or no further place.

    Priorities are written anew as 10, 20, 30 …, so that the order is what the page showed.
    """
    rows = {row.id: row for row in list_rules(session) if row.trigger in KEYWORD_TRIGGERS}
    order = [rule.id for rule in in_order(map(as_rule, rows.values()))]
    if rule_id not in order:
        return False
    place = order.index(rule_id)
    other = place - 1 if is_up else place + 1
    if not 0 <= other < len(order):
        return False
    order[place], order[other] = order[other], order[place]
    for n, each in enumerate(order, 1):
        if rows[each].priority != n * PRIORITY_STEP:
            rows[each].priority, rows[each].updated_at = n * PRIORITY_STEP, now
    return True


def stand(session: Session, trigger: str, content: Content | None, now: datetime) -> None:
    """Set the one reply of a trigger without a keyword (subscribe, image, default); None takes it away.

    Raises Refusal with what to change.
    """
    if content is not None:
        refuse_bad(trigger, "", content)
    rows = [row for row in list_rules(session) if row.trigger == trigger]
    for row in rows[1:] if content is not None else rows:
        session.delete(row)
    if content is None:
        return
    if rows:
        change_rule(session, rows[0].id, trigger, "", content, rows[0].priority, now)
        switch_rule(session, rows[0].id, True, now)
    else:
        session.add(ReplyRule(trigger=trigger, priority=100, is_on=True, **_columns("", content, now)))
        session.flush()


def remove_rule(session: Session, rule_id: int) -> bool:
    """Delete a rule; False when it is not there."""
    return bool(changed(session, delete(ReplyRule).where(ReplyRule.id == rule_id)))


def list_rules(session: Session, *, only_on: bool = False) -> Sequence[ReplyRule]:
    """All rules, or those switched on, by priority and age."""
    query = select(ReplyRule).order_by(ReplyRule.priority, ReplyRule.id)
    return session.scalars(query.where(ReplyRule.is_on) if only_on else query).all()


def as_rule(row: ReplyRule) -> Rule:
    """A row in the shape that `match` takes."""
    return Rule(
        row.id,
        row.trigger,
        normalise(row.pattern),
        row.reply_kind,
        row.text,
        row.campaign_id,
        row.priority,
        row.title,
        row.url,
        row.dialogue,
    )
