"""What the pages of a programme and of a kind of voucher show of a change of their rules, and its refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from sqlalchemy.orm import Session

from wxbot.payouts import rule_changes
from wxbot.payouts.models import RuleChange, RuledBy
from wxbot.staff.console import act, me, now, one_or_404, runtime, why_not

RuleWord = tuple[str, Callable[[Any], str]]
"""What a rule is called, and how its value is read."""


@dataclass(frozen=True)
class ShownRules:
    """A change that waits: its lines as (rule, before, after), and the hash that binds an agreement to all of it."""

    change: RuleChange
    lines: list[tuple[str, str, str]]
    content_sha256: str
    blocked: str
    """Why who looks is not offered to agree; '' when they are."""

    @property
    def sentence(self) -> str:
        """The lines in one."""
        return " · ".join(f"{word}：{before} → {after}" for word, before, after in self.lines)


def rules_shown(session: Session, change: RuleChange, subject: Any, words: Mapping[str, RuleWord]) -> ShownRules:
    """A change as its page shows it; `words` has a row for every rule."""
    lines = []
    for name, value in change.asked.items():
        word, read = words[name]
        lines.append((word, read(getattr(subject, name)), read(value)))
    blocked = why_not(rule_changes.require_approvable, session, change, me().id, now())
    return ShownRules(change, lines, rule_changes.content_of(change, subject), blocked)


def rules_subject(subject_kind: RuledBy, change_id: int) -> int:
    """Whose rules a change is about; 404 when there is no such change of this kind of subject."""
    with runtime().database.reading() as session:
        change: RuleChange = one_or_404(session.get(RuleChange, change_id) if change_id < 2**62 else None)
    return int(one_or_404(change.subject_id if change.subject_kind == subject_kind else None))


def refuse_change_of_rules(subject_kind: RuledBy, change_id: int, target: str) -> None:
    """Say no, or take one's own request back; the caller shows the page again."""
    with act("rules_refuse", target, gettext("这项规则修改已作废。"), detail={"rules": change_id}) as session:
        rule_changes.refuse(session, rule_changes.waiting(session, change_id, subject_kind), me().id, now())
