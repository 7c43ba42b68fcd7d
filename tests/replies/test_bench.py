"""The bench says what really answers, and calls hidden what can never answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replies.test_rules import rule_sets, words
from wxbot.campaigns.mechanic import CampaignCard
from wxbot.replies import bench, rules
from wxbot.replies.answers import Book, RuleEntry, find
from wxbot.replies.dialogues.definitions import BY_KEYWORD
from wxbot.replies.rules import Rule
from wxbot.text import Text

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
CARD = CampaignCard(Text("", ""), "/p.png")
keywords = st.sampled_from(["红包", "我的红包", "绑定", "上传凭证", "红", "a"])


def rule(n: int, trigger: str, pattern: str, **changes: object) -> Rule:
    values = {"reply_kind": "text", "text": "x", "campaign_id": None, "priority": 100} | changes
    return Rule(n, trigger, pattern, **values)  # type: ignore[arg-type]


def entry(keyword: str) -> RuleEntry:
    return RuleEntry(7, "slug", "秋日", CARD, "on", keyword, NOW, NOW + timedelta(days=1))


def book(*made: Rule, campaign: str = "") -> Book:
    by_keyword = {campaign: entry(campaign)} if campaign else {}
    return Book(rules.in_order(made), {7: entry(campaign)}, by_keyword)


books = st.builds(
    lambda ordered, campaign: Book(ordered, {7: entry(campaign)}, {campaign: entry(campaign)} if campaign else {}),
    st.one_of(
        rule_sets(),
        st.lists(st.tuples(st.sampled_from(["equal", "prefix", "contain", "default"]), keywords), max_size=6).map(
            lambda made: rules.in_order(
                rule(n, trigger, "" if trigger == "default" else pattern) for n, (trigger, pattern) in enumerate(made)
            )
        ),
    ),
    st.one_of(st.just(""), keywords),
)


@settings(max_examples=40)
@given(books, st.one_of(words, keywords))
def test_exactly_one_look_wins_and_it_is_what_answers(given_book: Book, text: str) -> None:
    found, traced = find(given_book, text), bench.trace(given_book, text)
    assert traced.found == found
    winners = [look for look in traced.looks if look.wins]
    assert len(winners) == (traced.why != "nothing")
    if winners:
        assert (winners[0].rule, winners[0].dialogue, winners[0].entry) == (found.rule, found.dialogue, found.entry)
    assert not any(look.fits and not look.wins and look.rule for look in traced.looks)


@settings(max_examples=40)
@given(books, st.one_of(words, keywords))
def test_a_hidden_rule_never_answers(given_book: Book, text: str) -> None:
    hidden = [c.rule for c in bench.conflicts(given_book) if c.kind in ("same", "hidden", "standing")]
    assert find(given_book, text).rule not in hidden


@settings(max_examples=40)
@given(rule_sets(), words)
def test_covers_means_that_every_text_of_the_one_fits_the_other(ordered: tuple[Rule, ...], text: str) -> None:
    said = rules.normalise(text)
    for earlier in ordered:
        for later in ordered:
            if bench.covers(earlier, later) and rules.fits(later, said):
                assert rules.fits(earlier, said)


def kinds(made: Book) -> list[str]:
    return [conflict.kind for conflict in bench.conflicts(made)]


def test_each_conflict_is_found() -> None:
    assert kinds(book(rule(1, "equal", "红包"), rule(2, "equal", "红包"))) == ["same"]
    assert kinds(book(rule(1, "contain", "红"), rule(2, "equal", "红包", priority=200))) == ["hidden"]
    assert kinds(book(rule(1, "prefix", "红"), rule(2, "contain", "红", priority=200))) == []
    assert kinds(book(rule(1, "equal", "红包"), campaign="红包")) == ["campaign"]
    assert kinds(book(rule(1, "equal", "红包", reply_kind="campaign", campaign_id=7), campaign="红包")) == []
    assert kinds(book(rule(1, "equal", "绑定"))) == ["dialogue"]
    assert kinds(book(rule(1, "equal", "绑定", reply_kind="dialogue", dialogue="bind"))) == []
    assert kinds(book(campaign="绑定")) == ["dialogue"]
    assert kinds(book(rule(1, "default", ""), rule(2, "default", ""))) == ["standing"]


def test_a_dialogues_keyword_yields_only_to_the_very_same_word() -> None:
    for keyword, name in BY_KEYWORD.items():
        assert find(book(rule(1, "contain", keyword[0])), keyword).dialogue == name
        assert find(book(rule(1, "equal", keyword)), keyword).dialogue == ""
        assert find(book(campaign=keyword), keyword).entry is not None
        assert find(book(), keyword + "吗").dialogue == ""
    aside = bench.trace(book(rule(1, "contain", "红包")), "我的红包")
    assert aside.set_aside == rule(1, "contain", "红包")
