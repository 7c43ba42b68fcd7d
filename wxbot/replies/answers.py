"""What the account answers in the chat, decided without SQL: the rules are read at most once a second per process."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from wxbot.campaigns import mechanic
from wxbot.campaigns.entries import KEYWORD, SCENE, SCENE_PREFIX, address
from wxbot.campaigns.mechanic import CampaignCard
from wxbot.campaigns.models import Campaign
from wxbot.logs import get_logger
from wxbot.replies import rules as rule_verbs
from wxbot.replies.dialogues.definitions import BY_KEYWORD, DIALOGUES
from wxbot.replies.rules import Rule, fits, normalise
from wxbot.text import Text, moment_text
from wxbot.wechat.messages import Article, NewsReply, Reply, TextReply

log = get_logger(__name__)

FRESH_S = 1.0
"""A changed rule is used by every process after at most this long."""

WELCOME = Text(
    "欢迎关注{brand}！回复活动关键词即可了解红包活动。",
    "Welcome to {brand}! Send a campaign's keyword to learn more.",
)
NOT_YET = Text("活动还没有开始，请留意后续通知。", "The campaign has not started yet.")
OVER = Text("「{name}」活动已经结束，谢谢参与。", "“{name}” is over. Thank you!")
BEGINS = Text("「{name}」将于{begin.zh} 开始，到时见！", "“{name}” starts on {begin.en}. See you then!")
BEGINS_SOON = Text("「{name}」马上开始，到时见！", "“{name}” starts in a moment. See you then!")
PAUSED = Text("「{name}」暂停中，请稍后再来。", "“{name}” is paused. Please come back later.")

RETRY_S = 5.0
"""How long the last known rules serve before an unreachable database is asked again."""


@dataclass(frozen=True)
class RuleEntry:
    """A campaign as the chat shows it."""

    campaign_id: int
    slug: str
    name: str
    card: CampaignCard
    status: str
    keyword: str
    begin_at: datetime
    end_at: datetime


@dataclass(frozen=True)
class Book:
    """All rules and campaign entries at one moment."""

    rules: tuple[Rule, ...]
    entries: dict[int, RuleEntry]
    by_keyword: dict[str, RuleEntry]
    by_slug: dict[str, RuleEntry] = field(default_factory=dict, repr=False)
    """The campaigns that a scanned code with a scene may name."""
    talking: frozenset[str] = field(default=frozenset(), repr=False)
    """Openids whose dialogue moved a short while ago; the callback adds them (wxbot.once)."""


@dataclass(frozen=True)
class Start:
    """Not a reply: this message asks for a dialogue. `greeting` is what the rule says before its first question."""

    name: str
    greeting: str = ""


@dataclass(frozen=True)
class RuleMatch:
    """What answers a text: a rule, a campaign's own keyword or a dialogue's; `is_default` when nothing else did."""

    rule: Rule | None = None
    entry: RuleEntry | None = None
    dialogue: str = ""
    is_default: bool = False


def find(book: Book, text: str) -> RuleMatch:
    """The one decision about a text.

    A dialogue's keyword yields to a rule with the very same keyword and to a campaign's keyword, not to rules that only
    begin or contain: a rule that contains 红包 must not hide 我的红包 from the people it is owed to.
    """
    words = normalise(text)
    rule = next((rule for rule in book.rules if fits(rule, words)), None)
    dialogue = BY_KEYWORD.get(words, "")
    if dialogue and (rule is None or rule.trigger != "equal"):
        has_same = any(rule.trigger == "equal" and rule.pattern == words for rule in book.rules)
        if not has_same and words not in book.by_keyword:
            return RuleMatch(dialogue=dialogue)
    if rule is not None:
        return RuleMatch(rule)
    entry = book.by_keyword.get(words)
    if entry is not None:
        return RuleMatch(entry=entry)
    return RuleMatch(rule_verbs.first_of(book.rules, "default"), is_default=True)


EMPTY = Book((), {}, {})

SHOWN = ("launching", "on", "off", "closing", "closed")
"""Campaigns a person in the chat may hear of; drafts are nobody's business."""


def read_book(session: Session) -> Book:
    """Read the rules that are on and the campaigns that they or a keyword of their own can lead to."""
    rules = rule_verbs.in_order(map(rule_verbs.as_rule, rule_verbs.list_rules(session, only_on=True)))
    named = [rule.campaign_id for rule in rules if rule.campaign_id is not None]
    rows = session.scalars(
        select(Campaign)
        .where(
            Campaign.status.in_(SHOWN), or_(Campaign.status != "closed", Campaign.keyword != "", Campaign.id.in_(named))
        )
        .order_by(Campaign.id)
    )
    mechanics = mechanic.table()
    entries = {
        row.id: RuleEntry(
            row.id,
            row.slug,
            row.act_name,
            mechanics[row.mechanic].card(row),
            row.status,
            normalise(row.keyword),
            row.begin_at,
            row.end_at,
        )
        for row in rows
    }
    by_keyword: dict[str, RuleEntry] = {}
    for entry in entries.values():  # the newest campaign of a keyword wins, one that still runs before one that is over
        known = by_keyword.get(entry.keyword)
        if entry.keyword and (known is None or entry.status != "closed" or known.status == "closed"):
            by_keyword[entry.keyword] = entry
    return Book(rules, entries, by_keyword, {entry.slug: entry for entry in entries.values()})


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
        """The current rules; one thread reads them again, the others go on with the last ones, or wait for the first ones."""
        is_first = self._book is EMPTY
        if (is_first or time.monotonic() >= self._due) and self._guard.acquire(blocking=is_first):
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

    @property
    def known(self) -> Book:
        """The rules as they were last read."""
        return self._book

    def forget(self) -> None:
        """Read the rules again at the next message."""
        self._due = 0.0

    def to_text(self, text: str, now: datetime, language: str = "zh") -> Reply | Start | None:
        """The reply to a text: a rule, a campaign's own keyword, a dialogue, else the default reply; None for silence.

        `language` is the person's; what staff wrote is said as it is.
        """
        book = self.book()
        found = find(book, text)
        if found.entry is not None:
            return self._entry(found.entry, now, language)
        return Start(found.dialogue) if found.dialogue else self._of_rule(book, found.rule, now, language)

    def answers(self, text: str) -> bool:
        """Whether more than the default reply answers a text."""
        return not find(self.book(), text).is_default

    def to_image(self, now: datetime, language: str = "zh") -> Reply | Start | None:
        """The reply to a photo outside a dialogue: the rule for images, else the default reply."""
        book = self.book()
        rule = rule_verbs.first_of(book.rules, "image")
        return self._of_rule(book, rule or rule_verbs.first_of(book.rules, "default"), now, language)

    def to_anything_else(self, now: datetime, language: str = "zh") -> Reply | Start | None:
        """The reply to a message that is not a text: the default reply, or silence."""
        book = self.book()
        return self._of_rule(book, rule_verbs.first_of(book.rules, "default"), now, language)

    def to_scan(self, scene: str, now: datetime, language: str = "zh") -> Reply | None:
        """The card of the campaign that a code with a scene names; None for any other scene. Nothing is promised for following."""
        slug = scene.removeprefix(SCENE_PREFIX)
        entry = self.book().by_slug.get(slug) if slug != scene else None
        return self._entry(entry, now, language, SCENE) if entry is not None else None

    def to_new_follower(self, now: datetime, language: str = "zh", scene: str = "") -> Reply | Start | None:
        """The card of the campaign whose code was scanned, the rule for subscribe, else a plain greeting."""
        scanned = self.to_scan(scene, now, language)
        if scanned is not None:
            return scanned
        book = self.book()
        rule = rule_verbs.first_of(book.rules, "subscribe")
        if rule is not None:
            return self._of_rule(book, rule, now, language)
        return TextReply(WELCOME.format(brand=self._brand).within(language))

    def _of_rule(self, book: Book, rule: Rule | None, now: datetime, language: str) -> Reply | Start | None:
        if rule is None:
            return None
        if rule.reply_kind == "dialogue":
            return Start(rule.dialogue, rule.text) if rule.dialogue in DIALOGUES else None
        if rule.reply_kind == "link":
            return NewsReply((Article(rule.title, rule.text, url=rule.url),))
        if rule.campaign_id is None:
            return TextReply(rule.text)
        entry = book.entries.get(rule.campaign_id)
        return self._entry(entry, now, language) if entry else TextReply(NOT_YET.within(language))

    def _entry(self, entry: RuleEntry, now: datetime, language: str, code: str = KEYWORD) -> Reply:
        """A card that opens the campaign's page while it runs, else a sentence that says why there is none."""
        if entry.status in ("closing", "closed") or now >= entry.end_at:
            return TextReply(OVER.format(name=entry.name).within(language))
        if now < entry.begin_at:
            return TextReply(BEGINS.format(name=entry.name, begin=moment_text(entry.begin_at)).within(language))
        if entry.status == "launching":
            return TextReply(BEGINS_SOON.format(name=entry.name).within(language))
        if entry.status == "off":
            return TextReply(PAUSED.format(name=entry.name).within(language))
        url = address(self._public_url, entry.slug, code)
        picture = self._public_url + entry.card.picture
        return NewsReply((Article(entry.name, entry.card.text.within(language), picture, url),))
