"""Maker and checker (four eyes): one person asks, a second one agrees to exactly the same content (I16, money rule 14).

What the content is, and in which status it waits, belongs to each feature. What is the same everywhere is here: the hash that
binds an answer to what was asked, the evidence that the asking needs, and how a second person is refused.
"""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.staff import accounts
from wxbot.text import Refusal, Text

EVIDENCE_MIN = 10
"""Characters of evidence: a bill line's number and date, or who at WeChat said what and when."""

SEND_BACK = Text("内容与提交时不一致，请退回后重新提交", "The content differs from what was submitted; send it back")
CASHIER = Text("请另一位财务处理", "a second cashier must do this")
LOOK_AGAIN = Text("内容与看到的不一致，请刷新页面后再决定", "The content differs from what you saw; reload the page")


def content_hash(content: object) -> str:
    """SHA-256, in hex, of content made of plain JSON values.

    It is stored with what waits for a second person: the same content must give the same hash in every later version.
    """
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def require_second(
    session: Session,
    checker_id: int,
    maker_ids: Collection[int | None],
    own: Text,
    now: datetime,
    second: Text = CASHIER,
) -> None:
    """Raise Refusal `four_eyes` when the one who agrees has asked for it, `held` when their account may not agree yet.

    `own` says what they did themselves, `second` who must do this.
    """
    accounts.require_settled(session, checker_id, now)
    if checker_id in maker_ids:
        raise Refusal("four_eyes", Text(f"{own.zh}，{second.zh}", f"{own.en}; {second.en}"))


def require_unchanged(asked: str | None, *later: str | None, changed: Text = SEND_BACK) -> None:
    """Raise Refusal `content` unless what was seen, and what is there now, have the hash of what was asked; `changed` says what to do."""
    if any(each != asked for each in later):
        raise Refusal("content", changed)


def require_evidence(words: str, most: int) -> str:
    """What a maker writes down for the checker, without blanks around it; EVIDENCE_MIN to `most` characters. Raises Refusal."""
    words = typed.line(words)
    if not EVIDENCE_MIN <= len(words) <= most:
        raise Refusal(
            "evidence",
            Text(
                f"请写明依据（{EVIDENCE_MIN} 至 {most} 字），例如账单的日期与流水号，或微信客服的答复",
                f"Write how it is known, in {EVIDENCE_MIN} to {most} characters: a bill line's date and number, or WeChat's answer",
            ),
        )
    return words
