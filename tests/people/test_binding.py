"""Binding a phone: S51 (bombing), S52 (guessing), S53 (reuse and finding out who is listed), F79 (a phone that moves)."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.people.conftest import GUI, HONG, LISTED, MING, OTHER, STRANGE, Town, enlist
from wxbot.people import bindings, codes, marks
from wxbot.people.models import Binding, Notice, SmsCode, SmsCount, SmsOut
from wxbot.vault import Vault

# --- the way it should go -----------------------------------------------------------------------------------------


def test_a_listed_phone_is_bound_with_the_code_of_the_message(each_town: Town) -> None:
    asked = bindings.ask_code(each_town.runtime, MING, " ８６ 138-0013-8000", "203.0.113.7", each_town.now)
    assert (asked.name, asked.wait_s) == ("sent", 60)
    assert "138****8000" in asked.text.zh and "138****8000" in asked.text.en
    assert each_town.send() == 1
    code = each_town.code()
    outcome = bindings.confirm(each_town.runtime, MING, f"{code[:3]} {code[3:]}", each_town.now, via="h5")
    assert (outcome.name, outcome.is_done) == ("bound", True)
    (row,) = each_town.rows(Binding)
    assert (row.status, row.name, row.via, row.openid) == ("active", "陈一", "h5", MING)
    vault = each_town.runtime.vault
    assert vault.open(row.phone_sealed) == LISTED
    with each_town.runtime.database.reading() as session:
        assert bindings.openid_of_phone(session, vault, "138 0013 8000") == MING
        assert marks.refusal(session, vault, MING) is None
        assert marks.refusal(session, vault, HONG) == "unbound"
    assert each_town.ask(MING) == "already"


def test_the_database_holds_no_phone_and_no_code_in_the_clear(town: Town) -> None:
    town.ask()
    town.send()
    code = town.code()
    town.confirm("000000" if code != "000000" else "000001")
    town.confirm(code)
    texts = [repr(vars(row)) for model in (Binding, SmsCode, SmsOut, SmsCount, Notice) for row in town.rows(model)]
    assert not any("13800138000" in text or f"'{code}'" in text for text in texts)
    assert [row.code_sealed for row in town.rows(SmsOut)] == [""]


# --- S51: limits --------------------------------------------------------------------------------------------------


def test_one_number_gets_one_message_a_minute_five_an_hour_ten_a_day_S51(each_town: Town) -> None:
    sent = 0
    for step in range(36):  # somebody else each time, so that only the number's limits count
        spelling = ("13800138000", "+86 138 0013 8000")[step % 2]
        sent += each_town.ask(f"oASKER{step:018d}", spelling) == "sent"
        if step < 3:
            assert each_town.ask(f"oAGAIN{step:018d}") == "too_often"
        each_town.later(minutes=10 if step < 12 else 50)
    assert sent == 10
    hours = Counter(
        (row.created_at - each_town.rows(SmsOut)[0].created_at) // timedelta(hours=1) for row in each_town.rows(SmsOut)
    )
    assert max(hours.values()) == 5


def test_a_person_gets_three_an_hour_and_an_address_twenty_S51(town: Town) -> None:
    asked = [town.ask(MING, f"1860000000{n}") for n in range(5)]
    assert asked == ["sent", "sent", "sent", "too_often", "too_often"]
    from_one_shop = [town.ask(f"oSHOP{n:020d}", f"186000001{n:02d}", "198.51.100.9") for n in range(30)]
    assert from_one_shop.count("sent") == 20
    town.later(hours=1)
    assert town.ask(MING, "18600000009") == "sent"


def test_the_days_budget_ends_all_messages_and_withheld_ones_cost_nothing_S51(town: Town) -> None:
    town.set(sms_fen=5, sms_fen_per_day=12)
    assert [town.ask(f"oSTRANGER{n:012d}", f"1870000000{n}") for n in range(4)] == ["sent"] * 4
    assert [town.ask(MING, LISTED), town.ask(HONG, OTHER)] == ["sent", "sent"]
    enlist(town.runtime, "+8613700137000", "张三")
    assert town.ask(GUI, "13700137000") == "budget"
    assert town.ask("oSTRANGERxxxxxxxxxx", STRANGE) == "budget"  # nobody learns who is listed from the budget
    town.later(days=1)
    assert town.ask(GUI, "13700137000") == "sent"


@pytest.mark.on_postgresql
def test_a_hundred_askers_at_once_pass_exactly_as_many_as_allowed_S51(each_town: Town) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = Counter(pool.map(lambda n: each_town.ask(f"oCROWD{n:018d}", LISTED), range(100)))
    assert answers == {"sent": 1, "too_often": 99}
    assert len(each_town.rows(SmsOut)) == 1


def test_what_cannot_be_counted_is_not_sent_S51(each_town: Town) -> None:
    with each_town.runtime.database.transaction() as session:
        SmsCount.__table__.drop(session.connection())  # type: ignore[attr-defined]
    try:
        answer = each_town.ask()
    except Exception:  # PostgreSQL calls a missing table a programming error: a 500, and nothing is sent either
        answer = "busy"
    assert answer == "busy"
    assert each_town.rows(SmsOut) == []


# --- S52: guessing ------------------------------------------------------------------------------------------------


def guesses(town: Town, monkeypatch: pytest.MonkeyPatch, count: int, threads: int) -> tuple[Counter[str], int]:
    """Outcomes of wrong guesses by many threads at once, and how many of them were compared with the code."""
    town.ask()
    town.send()
    right, compared = town.code(), []
    real = codes._hash

    def counting(*arguments: Any) -> str:
        compared.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(codes, "_hash", counting)
    wrong = [f"{n:06d}" for n in range(count + 1) if f"{n:06d}" != right][:count]
    with ThreadPoolExecutor(threads) as pool:
        outcomes = Counter(pool.map(town.confirm, wrong))
    number = len(compared)
    assert town.confirm(right) == "spent"
    assert town.live() == {}
    return outcomes, number


@pytest.mark.on_postgresql
def test_of_many_guesses_at_once_five_are_compared_S52(each_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes, compared = guesses(each_town, monkeypatch, 300, 16)
    assert (outcomes, compared) == ({"wrong": 4, "spent": 296}, 5)


@pytest.mark.proof
def test_of_ten_thousand_guesses_at_once_five_are_compared_S52(
    each_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes, compared = guesses(each_town, monkeypatch, 10_000, 64)
    assert (outcomes["wrong"], compared, sum(outcomes.values())) == (4, 5, 10_000)
    assert set(outcomes) <= {"wrong", "spent", "busy"}  # a crowded machine sends a few away unheard


def test_a_code_ends_after_five_minutes_and_after_its_use_S52(each_town: Town) -> None:
    each_town.ask()
    each_town.send()
    each_town.later(minutes=5)
    assert each_town.confirm(each_town.code()) == "expired"
    each_town.ask()
    each_town.send()
    assert each_town.confirm("12 34") == "malformed"  # no guess: costs no try
    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(each_town.confirm, [each_town.code()] * 16))
    assert (outcomes["bound"], outcomes["used"]) == (1, 15)


# --- S53: other session, old code, who is listed ------------------------------------------------------------------


def test_a_code_is_its_persons_newest_and_of_one_purpose_S53(town: Town) -> None:
    town.ask()
    town.send()
    old = town.code()
    assert town.confirm(old, HONG) == "none"
    town.later(minutes=1)
    town.ask()
    town.send()
    newest = town.code()
    if old != newest:
        assert town.confirm(old) == "wrong"
    other = bindings.confirm(town.runtime, MING, newest, town.now, purpose="pay")
    assert other.name == "none"
    assert town.confirm(newest) == "bound"


def test_a_strangers_number_is_answered_like_a_listed_one_S53(town: Town) -> None:
    """Same sentences, same rows, same counts, same guesses; only the message itself is missing."""
    stories = []
    for openid, phone in ((MING, LISTED), (GUI, STRANGE)):
        asked = bindings.ask_code(town.runtime, openid, phone, "203.0.113.7", town.now)
        town.send()
        told = [
            asked.text.zh.replace(asked.values["phone"], "#"),
            asked.text.en.replace(asked.values["phone"], "#"),
            asked.wait_s,
        ]
        told += [town.ask(openid, phone, "203.0.113.7")]
        told += [bindings.confirm(town.runtime, openid, wrong, town.now).text.zh for wrong in ("000000", "x", "111111")]
        (row,) = town.rows(SmsOut, SmsOut.openid == openid)
        stories.append([*told, row.status, len(row.code_sealed), town.rows(SmsCode, SmsCode.openid == openid)[0].tries])
    assert stories[0] == stories[1]
    got = town.simulator.control("GET", "sms")["messages"]
    assert [message["phone"] for message in got] == [LISTED]


def test_a_provider_that_is_down_does_not_tell_who_is_listed_either_S53(town: Town) -> None:
    town.simulator.control("PUT", "faults/sms", {"kind": "refuse"})
    assert [town.ask(MING, LISTED), town.ask(GUI, STRANGE)] == ["sent", "sent"]
    town.send()
    assert town.messages() == ["failed", "failed"]
    assert [town.confirm("123456", MING), town.confirm("123456", GUI)] == ["dead", "dead"]
    assert [(row.kind, row.text) for row in town.rows(Notice)] == [("sms", bindings.words.say("sms_failed"))] * 2  # type: ignore[attr-defined]
    town.simulator.control("DELETE", "faults/sms")
    assert [town.ask(MING, LISTED), town.ask(GUI, STRANGE)] == ["sent", "sent"]  # the counts were given back


# --- F79: phones move ---------------------------------------------------------------------------------------------


def test_a_phone_moves_to_who_proves_it_after_the_rest_and_the_former_owner_is_told_F79(town: Town) -> None:
    assert town.bind(MING) == "bound"
    town.later(hours=1)
    assert town.bind(HONG) == "cooling"
    assert town.live() == {MING: "active"}
    town.later(hours=23)
    assert town.bind(HONG) == "bound"
    assert town.live() == {HONG: "active"}
    (former,) = town.rows(Binding, Binding.status == "ended")
    assert (former.openid, former.end_reason) == (MING, "moved")
    assert "138****8000" in town.rows(Notice, Notice.openid == MING)[0].text
    town.later(minutes=1)
    assert town.bind(MING) == "cooling"  # and not straight back


def test_a_person_changes_their_phone_after_the_rest_F79(town: Town) -> None:
    town.bind(MING, LISTED)
    town.later(hours=2)
    assert town.ask(MING, OTHER) == "cooling"
    town.later(hours=22)
    assert town.bind(MING, OTHER) == "bound"
    assert [(row.status, row.end_reason) for row in town.rows(Binding)] == [("ended", "rebound"), ("active", "")]
    with town.runtime.database.transaction() as session:
        assert bindings.unbind(session, town.runtime.vault, town.rows(Binding)[1].id, 1, town.now)
    town.later(hours=1)
    assert town.bind(HONG, OTHER) == "bound"  # staff took it off: nobody has to wait


@pytest.mark.on_both
def test_two_people_who_type_the_code_of_one_phone_at_once_end_with_one_owner_F79(each_town: Town) -> None:
    people, typed = [f"oRACER{n:020d}" for n in range(4)], []
    for openid in people:
        each_town.ask(openid)
        each_town.send()
        typed.append((each_town.code(), openid))
        each_town.later(minutes=1)
    with ThreadPoolExecutor(4) as pool:
        outcomes = Counter(pool.map(lambda pair: each_town.confirm(*pair), typed))
    assert outcomes == {"bound": 1, "cooling": 3}
    assert list(each_town.live().values()) == ["active"]


# --- who may bind -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "outcome"), [("hold", "held"), ("open", "bound")])
def test_an_unlisted_number_is_held_or_let_in_by_setting(town: Town, policy: str, outcome: str) -> None:
    town.set(binding_policy=policy)
    enlist(town.runtime, "+8613600136000", "走了", is_active=False)
    assert town.bind(GUI, STRANGE) == outcome
    town.ask(HONG, "13600136000")
    town.send()
    assert (
        town.simulator.control("GET", "sms?phone=%2B8613600136000")["messages"] == []
    )  # left the list: no policy helps
    with town.runtime.database.reading() as session:
        assert marks.refusal(session, town.runtime.vault, GUI) == ("held" if policy == "hold" else None)


def test_a_held_binding_waits_for_a_person_and_the_owner_hears_the_answer(each_town: Town) -> None:
    each_town.set(binding_policy="hold")
    assert [each_town.bind(MING, "18600000001"), each_town.bind(HONG, "18600000002")] == ["held", "held"]
    first, second = each_town.rows(Binding)
    with each_town.runtime.database.transaction() as session:
        assert bindings.approve(session, each_town.runtime.vault, first.id, 3, each_town.now)
        assert not bindings.approve(session, each_town.runtime.vault, first.id, 3, each_town.now)
        assert bindings.refuse(session, each_town.runtime.vault, second.id, 3, each_town.now)
    assert each_town.live() == {MING: "active"}
    assert ["通过" in row.text for row in each_town.rows(Notice)] == [True, True]
    assert "没有通过" in each_town.rows(Notice)[1].text


def test_a_mark_on_an_openid_or_a_phone_decides(town: Town) -> None:
    vault = Vault(town.runtime.settings.secret_key.get_secret_value())
    with town.runtime.database.transaction() as session:
        marks.put(session, vault, "block", "phone", "13800138000", "离职", 1, town.now)
        marks.put(session, vault, "block", "openid", GUI, "刷单", 1, town.now)
        marks.put(session, vault, "allow", "openid", HONG, "合作方", 1, town.now)
        marks.put(session, vault, "allow", "phone", STRANGE, "合作方", 1, town.now)
    assert (town.ask(MING, LISTED), town.ask(GUI, OTHER)) == ("sent", "blocked")
    town.send()
    assert town.simulator.control("GET", "sms")["messages"] == []
    assert town.bind("oPARTNERxxxxxxxxxx", STRANGE) == "bound"
    with town.runtime.database.reading() as session:
        assert [marks.refusal(session, vault, who) for who in (MING, GUI, HONG)] == [
            "unbound",
            "blocked",
            "unconfirmed",
        ]
    with town.runtime.database.transaction() as session:
        marks.put(session, vault, "block", "phone", STRANGE, "被投诉", 1, town.now)
        assert marks.refusal(session, vault, "oPARTNERxxxxxxxxxx") == "blocked"
        assert marks.is_blocked(session, "oPARTNERxxxxxxxxxx")


def test_a_session_older_than_the_newest_change_is_known(town: Town) -> None:
    with town.runtime.database.reading() as session:
        assert bindings.last_change(session, MING) is None
    town.bind(MING)
    with town.runtime.database.reading() as session:
        bound = bindings.last_change(session, MING)
    assert bound is not None and bound[1] == town.now
    with town.runtime.database.transaction() as session:
        bindings.unbind(session, town.runtime.vault, town.rows(Binding)[0].id, 1, town.now)
        assert bindings.last_change(session, MING) != bound
