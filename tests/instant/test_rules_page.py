"""The rules that are generated: every field of article 13, in both languages, equal to the configuration, and fit to be published."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.instant.plays import BEGIN, WINDOW, config, money
from tests.instant.stage import PRIZE
from tests.instant.test_verify import RULES
from wxbot.instant.article import faults_of_draft, missing, odds_text, prize_rows, sections, when_lines
from wxbot.instant.better import worse
from wxbot.instant.decide import Rules
from wxbot.instant.release import DAY_S, ReleaseSchedule
from wxbot.linter.check import findings

FACTS: dict[str, Any] = {
    "act_name": "秋日",
    "organiser": "某某超市",
    "contact": "0571-1234567",
    "rules": "请文明参加。",
    "tries_per_person": 6,
    "tries_per_day": 2,
    "wins_per_person": 3,
    "wins_per_day": 1,
    "winners_per_day": 40,
    "gap_s": 5,
    "claim_s": 7 * DAY_S,
    "seed_sha256": "ab" * 32,
    "channel": "transfer_bills",
    "needs_binding": True,
    "is_allow_only": False,
    "has_password": True,
    "carry": False,
    "values_fen": {"1": 900, "2": 100, "3": 2800, "4": 90},
}
CONFIG = config(RULES)


def said(language: str, facts: dict[str, Any] = FACTS, published: dict[str, Any] = CONFIG) -> str:
    lines = [line.within(language) for _, texts in sections(facts, published) for line in texts]
    return "\n".join(
        [*lines, *(text.within(language) for row in prize_rows(facts, published) for text in row.values())]
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_number_of_the_configuration_stands_in_the_rules(language: str) -> None:
    text = said(language)
    assert list(missing(FACTS, CONFIG)) == []
    for prize in CONFIG["prizes"]:
        assert prize["name"] in text
        assert f"{prize['stock']:,}" in text
        assert odds_text(prize["odds_ppm"]).within(language) in text
    for fact in ("某某超市", "0571-1234567", "请文明参加。", "ab" * 32, "28.00", "1.00–9.00", "15.00"):
        assert fact in text
    for number in ("6", "2", "3", "1", "40", "5", "7"):
        assert number in text
    assert ("分享不增加次数" if language == "zh" else "Sharing brings no further tries") in text


def test_one_of_something_is_said_as_one_in_the_rules() -> None:
    one = said("en", FACTS | {"tries_per_person": 1, "tries_per_day": 1, "winners_per_day": 1, "gap_s": 1})
    assert "1 draw a person in all" in one and "At most 1 prize is won a day" in one and "1 second lies between" in one
    many = said("en")
    assert "6 draws a person" in many and "40 prizes are won" in many and "5 seconds lie between" in many


def test_what_we_generate_passes_our_own_linter() -> None:
    for language in ("zh", "en"):
        assert [each for line in said(language).split("\n") for each in findings(line)] == []


@pytest.mark.parametrize(
    ("ppm", "zh", "en"),
    [
        (1, "0.0001%（1,000,000 次中 1 次）", "0.0001 % (1 in 1,000,000)"),
        (5_000, "0.5%（200 次中 1 次）", "0.5 % (1 in 200)"),
        (3_000, "0.3%（约 333 次中 1 次）", "0.3 % (about 1 in 333)"),
        (400_000, "40%（2.5 次中 1 次）", "40 % (1 in 2.5)"),
    ],
)
def test_odds_are_said_as_one_in_n_and_in_percent(ppm: int, zh: str, en: str) -> None:
    told = odds_text(ppm)
    assert (told.zh, told.en) == (zh, en)


@pytest.mark.parametrize("field", ["act_name", "organiser", "contact", "claim_s", "seed_sha256", "tries_per_person"])
def test_a_field_that_is_missing_is_named(field: str) -> None:
    assert [each.field for each in missing(FACTS | {field: type(FACTS[field])()}, CONFIG)] == [field]


def test_a_prize_without_name_worth_or_number_is_named() -> None:
    for name in ("name", "stock"):
        broken = copy.deepcopy(CONFIG)
        broken["prizes"][2][name] = type(broken["prizes"][2][name])()
        assert [each.field for each in missing(FACTS, broken)] == ["prizes"]
    assert len(list(missing(FACTS | {"values_fen": {}}, CONFIG))) == 1  # a code says nothing by itself; money does


@pytest.mark.parametrize(
    ("release", "is_late"),
    [
        (ReleaseSchedule("once"), False),
        (ReleaseSchedule("even"), False),
        (ReleaseSchedule("days", (1, 2, 3)), False),
        (ReleaseSchedule("days", (1,) * 10), False),
        (ReleaseSchedule("days", (1,) * 30), True),
        (ReleaseSchedule("hours", (1,) * 24), False),
    ],
)
def test_a_schedule_that_keeps_something_back_is_an_error(release: ReleaseSchedule, is_late: bool) -> None:
    published = config(Rules(9, WINDOW, (money(1, 1_000, 50, release=release),)))
    assert bool(list(missing(FACTS, published))) == is_late


def test_hours_that_are_never_open_release_nothing() -> None:
    published = config(Rules(9, WINDOW, (money(1, 1_000, 50, release=ReleaseSchedule("hours", (1,) * 24)),)))
    published |= {"daily_from": 600, "daily_until": 1200}
    assert list(missing(FACTS, published))
    published["prizes"][0]["release"]["weights"] = [int(10 <= hour < 20) for hour in range(24)]
    assert not list(missing(FACTS, published))


def test_a_night_releases_behind_midnight_and_the_rules_say_that_it_is_two_days() -> None:
    published = config(Rules(9, WINDOW, (money(1, 1_000, 50, release=ReleaseSchedule("hours", (1,) * 24)),)))
    published |= {"daily_from": 1320, "daily_until": 120}
    assert list(missing(FACTS, published))
    published["prizes"][0]["release"]["weights"] = [int(hour in (22, 23, 0, 1)) for hour in range(24)]
    assert not list(missing(FACTS, published))
    lines = [line.zh for line in when_lines(published)]
    assert "每天 22:00–次日 02:00" in lines and any("0:00 重新计算" in line for line in lines)


# --- edits after the launch --------------------------------------------------------------------------------------


def changed(path: str, value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts and configuration with one value changed: `fact`, or `0.stock` of the first prize, or `:end` of the configuration."""
    facts, published = copy.deepcopy(FACTS), copy.deepcopy(CONFIG)
    if path.startswith(":"):
        published[path[1:]] = value
    elif "." in path:
        number, _, name = path.partition(".")
        published["prizes"][int(number)][name] = value
    else:
        facts[path] = value
    return facts, published


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tries_per_person", 5),
        ("tries_per_day", 1),
        ("wins_per_person", 2),
        ("winners_per_day", 39),
        ("claim_s", DAY_S),
        ("gap_s", 6),
        ("is_allow_only", True),
        ("organiser", "另一家"),
        ("channel", "sendredpack"),
        ("seed_sha256", "cd" * 32),
        ("rules", "奖品可能更换。"),
        ("contact", ""),
        (":begin", BEGIN + 60),
        (":end", WINDOW.end - 60),
        (":daily_until", 1439),
        ("0.odds_ppm", 19_999),
        ("0.stock", 2),
        ("0.max_fen", 899),
        ("0.name", "别的"),
        ("1.when_gone", "miss"),
        ("1.release", {"way": "days", "weights": [0, 0, 0, 1]}),
        ("3.total_fen", 1499),
    ],
)
def test_a_change_for_the_worse_is_named(path: str, value: Any) -> None:
    reasons = worse((FACTS, CONFIG), changed(path, value))
    assert reasons and all(each.zh and each.en for each in reasons)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tries_per_person", 7),
        ("wins_per_person", None),
        ("gap_s", None),
        ("claim_s", 8 * DAY_S),
        ("has_password", False),
        ("contact", "0571-7654321"),
        ("0.odds_ppm", 30_000),
        ("0.stock", 4),
        ("1.release", {"way": "once", "weights": []}),
        ("2.when_gone", "consolation"),
    ],
)
def test_a_change_for_the_better_passes_and_its_way_back_does_not(path: str, value: Any) -> None:
    assert worse((FACTS, CONFIG), changed(path, value)) == []
    if path != "contact":
        assert worse(changed(path, value), (FACTS, CONFIG))


def test_a_prize_may_come_last_and_none_may_go() -> None:
    plain = config(Rules(9, WINDOW, (money(1, 1_000, 50),)))
    more = config(Rules(9, WINDOW, (money(1, 1_000, 50), money(2, 1_000, 5))))
    assert worse((FACTS, plain), (FACTS, more)) == []
    assert worse((FACTS, more), (FACTS, plain))


def test_rules_are_never_worse_than_themselves() -> None:
    assert worse((FACTS, CONFIG), (FACTS, CONFIG)) == []


@pytest.mark.parametrize(
    ("prize", "said"),
    [
        ({}, ""),
        ({"kind": "code", "min_fen": 0, "max_fen": 0, "value_fen": 0}, "价值"),
        ({"odds_ppm": 0}, "永远不会中"),
        ({"release": {"way": "days", "weights": [1] * 30}}, "投放计划"),
    ],
)
def test_a_draft_that_could_not_be_published_is_stopped_at_the_submit(prize: dict[str, Any], said: str) -> None:
    begin = datetime.fromtimestamp(BEGIN, UTC)
    values = {"terms": {"prizes": [PRIZE | prize]}, "begin_at": begin, "end_at": begin + timedelta(days=6)}
    faults = list(faults_of_draft(values, begin))
    assert bool(faults) == bool(said)
    assert all(said in each.text.zh and each.field == "prizes" for each in faults)
