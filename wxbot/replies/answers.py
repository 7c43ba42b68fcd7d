"""What the account answers in the chat, decided without SQL: the rules are read at most once a second per process."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.logs import get_logger
from wxbot.replies import rules as rule_verbs
from wxbot.replies.rules import Rule, normalise
from wxbot.wechat.messages import Article, NewsReply, Reply, TextReply

log = get_logger(__name__)

FRESH_S = 1.0
"""A changed rule is used by every process after at most this long."""

RETRY_S = 5.0
"""How long the last known rules serve before an unreachable database is asked again."""


@dataclass(frozen=True)
class Entry:
    """A campaign as the chat shows it."""

    campaign_id: int
    slug: str
    name: str
    description: str
    status: str
    keyword: str
    begin_at: datetime
    end_at: datetime


@dataclass(frozen=True)
class Book:
    """All rules and campaign entries at one moment."""

    rules: tuple[Rule, ...]
    entries: dict[int, Entry]
    by_keyword: dict[str, Entry]


EMPTY = Book((), {}, {})

SHOWN = ("launching", "on", "off", "closing", "closed")
"""Campaigns a person in the chat may hear of; drafts are nobody's business."""


def read_book(session: Session) -> Book:
    """Read the rules that are on and the campaigns that they or a keyword of their own can lead to."""
    rules = rule_verbs.in_order(map(rule_verbs.as_rule, rule_verbs.list_rules(session, only_on=True)))
    named = [rule.campaign_id for rule in rules if rule.campaign_id is not None]
    rows = session.scalars(
        select(Campaign)
        .where(Campaign.status.in_(SHOWN), or_(Campaign.keyword != "", Campaign.id.in_(named)))
        .order_by(Campaign.id)
    )
    entries = {
        row.id: Entry(
            row.id, row.slug, row.name, row.description, row.status, normalise(row.keyword), row.begin_at, row.end_at
        )
        for row in rows
    }
    by_keyword: dict[str, Entry] = {}
    for entry in entries.values():  # the newest campaign of a keyword wins, one that still runs before one that is over
        known = by_keyword.get(entry.keyword)
        if entry.keyword and (known is None or entry.status != "closed" or known.status == "closed"):
            by_keyword[entry.keyword] = entry
    return Book(rules, entries, by_keyword)


class Answers:
    """Answers texts and new followers from a Book that is re-read when it is older than FRESH_S."""

    def __init__(self, read: Callable[[], Book], public_url: str, brand: str) -> None:
        """`read` returns the current Book, or raises when the database cannot be asked just now."""
        self._read = read
        self._public_url = public_url
        self._brand = brand
        self._book = EMPTY
        self._due = 0.0
        self._guard = threading.Lock()

    def book(self) -> Book:
        """The current rules; one thread reads them again, the others go on with the last ones."""
        if time.monotonic() >= self._due and self._guard.acquire(blocking=self._book is EMPTY):
            try:
                if time.monotonic() >= self._due:
                    self._due = time.monotonic() + RETRY_S
                    self._book = self._read()
                    self._due = time.monotonic() + FRESH_S
            except Exception as error:  # whatever keeps the database busy, the chat goes on with what it knows
                log.warning("reply_rules_unreadable", reason=type(error).__name__)
            finally:
                self._guard.release()
        return self._book

    def forget(self) -> None:
        """Read the rules again at the next message."""
        self._due = 0.0

    def to_text(self, text: str, now: datetime) -> Reply | None:
        """The reply to a text: a rule, a campaign's own keyword, else the default reply; None for silence."""
        book = self.book()
        rule = rule_verbs.match(book.rules, text)
        if rule is None:
            entry = book.by_keyword.get(normalise(text))
            if entry is not None:
                return self._entry(entry, now)
            rule = rule_verbs.first_of(book.rules, "default")
        return self._of_rule(book, rule, now)

    def to_anything_else(self, now: datetime) -> Reply | None:
        """The reply to a message that is not a text: the default reply, or silence."""
        book = self.book()
        return self._of_rule(book, rule_verbs.first_of(book.rules, "default"), now)

    def to_new_follower(self, now: datetime) -> Reply | None:
        """The welcome: the rule for subscribe, else a plain greeting."""
        book = self.book()
        rule = rule_verbs.first_of(book.rules, "subscribe")
        if rule is not None:
            return self._of_rule(book, rule, now)
        return TextReply(
            f"欢迎关注{self._brand}！回复活动关键词即可了解红包活动。\nWelcome! Send a campaign's keyword to learn more."
        )

    def _of_rule(self, book: Book, rule: Rule | None, now: datetime) -> Reply | None:
        if rule is None:
            return None
        if rule.campaign_id is None:
            return TextReply(rule.text)
        entry = book.entries.get(rule.campaign_id)
        return (
            self._entry(entry, now)
            if entry
            else TextReply("活动还没有开始，请留意后续通知。\nThe campaign has not started yet.")
        )

    def _entry(self, entry: Entry, now: datetime) -> Reply:
        """A card that opens the campaign's page while it runs, else a sentence that says why there is none."""
        name = f"「{entry.name}」"
        if entry.status in ("closing", "closed") or now >= entry.end_at:
            return TextReply(f"{name}活动已经结束，谢谢参与。\nThis campaign is over. Thank you!")
        if now < entry.begin_at or entry.status == "launching":
            begin = max(entry.begin_at, now).astimezone(SHANGHAI)
            when = f"将于{begin.month}月{begin.day}日 {begin:%H:%M} 开始" if now < entry.begin_at else "马上开始"
            return TextReply(f"{name}{when}，到时见！\nThis campaign starts soon.")
        if entry.status == "off":
            return TextReply(f"{name}暂停中，请稍后再来。\nThis campaign is paused, please come back later.")
        return NewsReply((Article(entry.name, entry.description, url=f"{self._public_url}/h5/c/{entry.slug}"),))
