"""The test bench of the rules: which one answers a text and why, and which can never answer or get into each other's way."""

from collections.abc import Iterator
from dataclasses import dataclass

from wxbot.replies.answers import Book, RuleEntry, RuleMatch, find
from wxbot.replies.dialogues.definitions import BY_KEYWORD
from wxbot.replies.models import KEYWORD_TRIGGERS
from wxbot.replies.rules import Rule, first_of, fits, normalise


@dataclass(frozen=True)
class Look:
    """One thing that was asked, in order; `wins` for the one that answers."""

    rule: Rule | None = None
    dialogue: str = ""
    entry: RuleEntry | None = None
    fits: bool = False
    wins: bool = False


@dataclass(frozen=True)
class Trace:
    """The way of a text through the rules. `why` names the reason: rule, dialogue, campaign, default or nothing."""

    looks: tuple[Look, ...]
    found: RuleMatch
    why: str
    set_aside: Rule | None = None
    """A rule that would fit, but only begins or contains what is a dialogue's own keyword."""


def trace(book: Book, text: str) -> Trace:
    """Everything that is asked until something answers."""
    found, words = find(book, text), normalise(text)
    looks: list[Look] = []
    if found.dialogue:
        looks.append(Look(dialogue=found.dialogue, fits=True, wins=True))
        aside = next((rule for rule in book.rules if fits(rule, words)), None)
        return Trace(tuple(looks), found, "dialogue", aside)
    for rule in book.rules:
        if rule.trigger not in KEYWORD_TRIGGERS:
            continue
        wins = rule == found.rule
        looks.append(Look(rule=rule, fits=fits(rule, words), wins=wins))
        if wins:
            return Trace(tuple(looks), found, "rule")
    if found.entry is not None:
        looks.append(Look(entry=found.entry, fits=True, wins=True))
        return Trace(tuple(looks), found, "campaign")
    if found.rule is not None:
        looks.append(Look(rule=found.rule, fits=True, wins=True))
    return Trace(tuple(looks), found, "default" if found.rule else "nothing")


@dataclass(frozen=True)
class Conflict:
    """Something whoever edits the rules should know.

    kind: same (two equal patterns), hidden (an earlier rule always fits first), campaign (a rule answers a campaign's
    keyword), dialogue (a rule or a campaign answers a dialogue's keyword), standing (a second reply for one trigger).
    """

    kind: str
    rule: Rule | None = None
    other: Rule | None = None
    entry: RuleEntry | None = None
    dialogue: str = ""
    keyword: str = ""


def covers(earlier: Rule, later: Rule) -> bool:
    """Whether every text that fits the later rule fits the earlier one, too."""
    if earlier.trigger == "equal":
        return later.trigger == "equal" and later.pattern == earlier.pattern
    if earlier.trigger == "prefix":
        return later.trigger in ("equal", "prefix") and later.pattern.startswith(earlier.pattern)
    return earlier.trigger == "contain" and earlier.pattern in later.pattern


def conflicts(book: Book) -> list[Conflict]:
    """What the rules that are switched on do to each other, to campaigns and to dialogues."""
    return [*_among_rules(book), *_with_campaigns(book), *_with_dialogues(book)]


def _among_rules(book: Book) -> Iterator[Conflict]:
    keyed = [rule for rule in book.rules if rule.trigger in KEYWORD_TRIGGERS]
    for place, later in enumerate(keyed):
        earlier = next((rule for rule in keyed[:place] if covers(rule, later)), None)
        if earlier is not None:
            is_same = (earlier.trigger, earlier.pattern) == (later.trigger, later.pattern)
            yield Conflict("same" if is_same else "hidden", later, earlier)
    for rule in book.rules:
        first = first_of(book.rules, rule.trigger)
        if rule.trigger not in KEYWORD_TRIGGERS and first != rule:
            yield Conflict("standing", rule, first)


def _with_campaigns(book: Book) -> Iterator[Conflict]:
    for keyword, entry in book.by_keyword.items():
        rule = find(book, keyword).rule
        if rule is not None and rule.campaign_id != entry.campaign_id:
            yield Conflict("campaign", rule, entry=entry, keyword=keyword)


def _with_dialogues(book: Book) -> Iterator[Conflict]:
    for keyword, name in BY_KEYWORD.items():
        found = find(book, keyword)
        leads_there = found.rule is not None and found.rule.dialogue == name
        if found.dialogue != name and not leads_there:
            yield Conflict("dialogue", found.rule, entry=found.entry, dialogue=name, keyword=keyword)
