"""Keyword rules: which one answers, what people mean by the same word, and which rules are refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot.db import Database
from wxbot.replies import rules
from wxbot.replies.rules import Rule
from wxbot.text import Refusal

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=6).filter(rules.normalise)
triggers = st.sampled_from(["equal", "prefix", "contain", "subscribe", "default"])


@st.composite
def rule_sets(draw: st.DrawFn) -> tuple[Rule, ...]:
    made = draw(st.lists(st.tuples(triggers, words, st.integers(1, 3)), max_size=8))
    return rules.in_order(
        Rule(
            n,
            trigger,
            "" if trigger in ("subscribe", "default") else rules.normalise(pattern),
            "text",
            "x",
            None,
            priority,
        )
        for n, (trigger, pattern, priority) in enumerate(made)
    )


def fits(rule: Rule, text: str) -> bool:
    """The meaning of the triggers, written a second time."""
    said = rules.normalise(text)
    return {
        "equal": said == rule.pattern,
        "prefix": said[: len(rule.pattern)] == rule.pattern,
        "contain": rule.pattern in said,
    }.get(rule.trigger, False)


@given(rule_sets(), words)
def test_the_first_rule_that_fits_answers(ordered: tuple[Rule, ...], text: str) -> None:
    expected = next((rule for rule in ordered if fits(rule, text)), None)
    assert rules.match(ordered, text) == expected


@given(rule_sets(), words)
def test_priority_decides_before_everything_else(ordered: tuple[Rule, ...], text: str) -> None:
    found = rules.match(ordered, text)
    if found is not None:
        assert found.priority == min(rule.priority for rule in ordered if fits(rule, text))


@given(rule_sets(), words, st.sampled_from(["{}", " {} ", "\u3000{}\n", "{}\u00a0"]))
def test_outer_spaces_never_change_the_answer(ordered: tuple[Rule, ...], text: str, form: str) -> None:
    assert rules.match(ordered, form.format(text)) == rules.match(ordered, text)


@given(words)
def test_normal_words_stay_normal(text: str) -> None:
    assert rules.normalise(rules.normalise(text)) == rules.normalise(text)


@pytest.mark.parametrize(
    ("written", "meant"), [("ＨＯＮＧＢＡＯ", "hongbao"), ("红包 ", "红包"), ("HongBao", "hongbao"), ("１２３", "123")]
)
def test_full_width_case_and_spaces_do_not_matter(written: str, meant: str) -> None:
    ordered = (Rule(1, "equal", rules.normalise(meant), "text", "x", None, 100),)
    assert rules.match(ordered, written) == ordered[0]


def test_rules_are_written_listed_switched_and_removed(database: Database) -> None:
    with database.transaction() as session:
        second = rules.add_rule(session, "contain", "红包", NOW, text="b", priority=200)
        first = rules.add_rule(session, "equal", "红包", NOW, text="a")
        entry = rules.add_rule(session, "default", "", NOW, campaign_id=7, priority=300)
    with database.transaction() as session:
        assert [rule.id for rule in rules.list_rules(session)] == [first.id, second.id, entry.id]
        assert rules.list_rules(session)[2].reply_kind == "campaign"
        rules.list_rules(session)[0].is_on = False
    with database.transaction() as session:
        assert [rule.text for rule in rules.list_rules(session, only_on=True)] == ["b", ""]
        assert rules.remove_rule(session, second.id)
        assert not rules.remove_rule(session, second.id)


@pytest.mark.parametrize(
    ("trigger", "pattern", "text", "said"),
    [
        ("sometimes", "x", "y", "触发方式"),
        ("equal", "  ", "y", "关键词"),
        ("default", "x", "y", "不带关键词"),
        ("equal", "x" * 65, "y", "最多 64"),
        ("equal", "x", " ", "回复内容"),
        ("equal", "x", "红" * 700, "字节"),
        ("equal", "\u200b\u3164", "y", "关键词"),
        ("subscribe", "", "转·发·朋友圈，领红包", "诱导分享"),
        ("equal", "x", "观注后再抽一次", "诱导关注"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_with_a_sentence(
    database: Database, trigger: str, pattern: str, text: str, said: str
) -> None:
    with pytest.raises(Refusal, match=said), database.transaction() as session:
        rules.add_rule(session, trigger, pattern, NOW, text=text)
    with database.reading() as session:
        assert not rules.list_rules(session)
