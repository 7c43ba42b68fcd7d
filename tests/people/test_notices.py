"""What people are told: once, in the window WeChat allows, never twice; and forgetting them when they ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import Cast
from tests.people.conftest import LISTED, Town, enlist
from tests.servers import SimulatedWeChat
from wxbot.people import erasure, followers, notices, outbox
from wxbot.people.models import Binding, Follower, Notice, SmsCode, SmsOut, Withdrawal
from wxbot.text import Text

SEND = "faults/cgi-bin/message/custom/send"


def tell(town: Town, openid: str, ref: str = "1", text: str = "红包已发出", url: str = "") -> bool:
    with town.runtime.database.transaction() as session:
        return notices.tell(session, openid, "payout", ref, Text(text, text), url, now=town.now)


def chat(simulator: SimulatedWeChat, person: Any) -> list[str]:
    """What the account wrote to somebody, oldest first."""
    shown = simulator.control("GET", f"people/{person.id}/chat")["messages"]
    return [message["content"] for message in shown if message.get("way") == "custom"]


def talk(simulator: SimulatedWeChat, person: Any) -> None:
    """The person writes something: WeChat's window opens."""
    simulator.control("POST", f"people/{person.id}/messages", {"type": "text", "content": "你好"})


def statuses(town: Town) -> list[tuple[str, str]]:
    return [(row.status, row.err_code) for row in town.rows(Notice)]


def test_a_notice_goes_into_the_chat_once_and_stands_on_the_persons_page(
    town: Town, simulator: SimulatedWeChat, cast: Cast
) -> None:
    talk(simulator, cast.ming)
    assert tell(town, cast.ming.openid, text="<a href='//evil'>红包</a>", url="https://shop.example.com/h5/me")
    assert not tell(town, cast.ming.openid, text="again")
    assert notices.tell_due(town.runtime) == 1
    assert notices.tell_due(town.runtime) == 0
    assert statuses(town) == [("sent", "")]
    (written,) = chat(simulator, cast.ming)
    assert "＜a href='//evil'＞" in written and '<a href="https://shop.example.com/h5/me">' in written
    with town.runtime.database.reading() as session:
        assert len(notices.of(session, cast.ming.openid)) == 1
        assert notices.of(session, cast.hong.openid) == []


MEANINGS = {
    "45015": "unreachable",
    "45047": "unreachable",
    "43004": "unreachable",
    "50002": "unreachable",
    "45002": "failed",
    "40008": "failed",
    "-1": "planned",
    "45009": "planned",
    "88888": "planned",
}


def test_what_a_refusal_means_is_the_catalogues_word(town: Town, simulator: SimulatedWeChat, cast: Cast) -> None:
    for code in MEANINGS:
        simulator.control("PUT", SEND, {"kind": "refuse", "err_code": code})
        talk(simulator, cast.ming)
        tell(town, cast.ming.openid, ref=code)
        with town.runtime.database.reading() as session:
            due = session.scalars(select(Notice.id).where(Notice.ref == code)).one()
        notices._send(town.runtime, due)
    assert statuses(town) == [(status, code) for code, status in MEANINGS.items()]
    simulator.control("DELETE", SEND)
    talk(simulator, cast.ming)
    town.later(hours=1)
    notices.tell_due(town.runtime)
    assert [row.status for row in town.rows(Notice)] == [
        "sent" if status == "planned" else status for status in MEANINGS.values()
    ]


def test_an_unknown_code_is_tried_a_few_times_and_then_given_up(
    town: Town, simulator: SimulatedWeChat, cast: Cast
) -> None:
    simulator.control("PUT", SEND, {"kind": "refuse", "err_code": "88888"})
    tell(town, cast.ming.openid)
    for _ in range(10):
        notices.tell_due(town.runtime)
        town.later(hours=5)
    assert statuses(town)[0][0] == "failed"
    assert town.rows(Notice)[0].tries == notices.TRIES


def test_a_lost_answer_is_not_sent_again_and_a_dead_worker_neither(
    town: Town, simulator: SimulatedWeChat, cast: Cast
) -> None:
    talk(simulator, cast.ming)
    simulator.control("PUT", SEND, {"kind": "drop_reply", "times": 1})
    tell(town, cast.ming.openid)
    tell(town, cast.ming.openid, ref="2")
    first = town.rows(Notice)[0]
    notices.tell_due(town.runtime)
    assert statuses(town)[0] == ("unknown", "UNANSWERED")
    tell(town, cast.ming.openid, ref="3")
    assert notices._claim(town.runtime, town.rows(Notice)[2].id) is not None  # and here its worker dies
    town.later(hours=1)
    notices.tell_due(town.runtime)
    assert [status for status, _ in statuses(town)] == ["unknown", "sent", "unknown"]
    assert len(chat(simulator, cast.ming)) == 2
    assert first.tries == 0


@pytest.mark.on_both
def test_two_workers_at_once_send_each_notice_once(each_town: Town, simulator: SimulatedWeChat, cast: Cast) -> None:
    talk(simulator, cast.ming)
    for ref in "12345":
        tell(each_town, cast.ming.openid, ref=ref)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _n: notices.tell_due(each_town.runtime), range(4)))
    assert statuses(each_town) == [("sent", "")] * 5
    assert len(chat(simulator, cast.ming)) == 5


@pytest.mark.on_both
def test_two_workers_at_once_send_each_code_once(each_town: Town, simulator: SimulatedWeChat) -> None:
    for n in range(5):
        enlist(each_town.runtime, f"+861590000000{n}", f"人{n}")
        each_town.ask(f"oPERSON{n:018d}", f"1590000000{n}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _n: outbox.send_due(each_town.runtime), range(4)))
    assert each_town.messages() == ["sent"] * 5
    assert len(simulator.control("GET", "sms")["messages"]) == 5


def test_a_message_whose_worker_died_or_came_late_is_not_sent(town: Town, simulator: SimulatedWeChat) -> None:
    town.ask()
    assert outbox._claim(town.runtime, town.rows(SmsOut)[0].id) is not None
    town.later(minutes=2)
    town.ask("oANOTHERxxxxxxxxxxx", "13900139000")
    town.later(minutes=6)
    town.send()
    assert town.messages() == ["unknown", "late"]
    assert simulator.control("GET", "sms")["messages"] == []


def test_a_message_that_waits_when_sms_is_switched_off_is_given_up(town: Town) -> None:
    town.ask()
    town.set(sms_provider="none")
    assert (town.send(), town.messages(), town.ask()) == (1, ["failed"], "closed")


def test_who_takes_back_the_authorisation_is_forgotten_but_not_their_openid(each_town: Town) -> None:
    openid = "oLEAVERxxxxxxxxxxxxx"
    assert each_town.bind(openid, LISTED) == "bound"
    tell(each_town, openid, text="红包已发出，尾号 8000")
    with each_town.runtime.database.transaction() as session:
        followers.follow(session, openid, "qrscene_shop", each_town.now)
        followers.note_withdrawal(session, openid, "user_authorization_revoke", each_town.now)
    assert erasure.erase_due(each_town.runtime) == 1
    assert erasure.erase_due(each_town.runtime) == 0
    (binding,) = each_town.rows(Binding)
    assert (binding.openid, binding.status, binding.phone_sealed, binding.phone_index, binding.name) == (
        openid,
        "ended",
        "",
        "",
        "",
    )
    assert {row.text for row in each_town.rows(Notice)} == {""}
    assert each_town.rows(SmsCode) == each_town.rows(SmsOut) == []
    assert [row.openid for row in each_town.rows(Follower)] == [openid]
    with each_town.runtime.database.transaction() as session:  # a late copy changes nothing, a second farewell does
        assert not followers.note_withdrawal(session, openid, "user_authorization_revoke", each_town.now)
        assert followers.note_withdrawal(
            session, openid, "user_authorization_revoke", each_town.now + timedelta(days=9)
        )
    assert each_town.rows(Withdrawal)[0].erased_at is None


def test_what_is_kept_for_a_while_is_swept(town: Town) -> None:
    town.ask()
    town.send()
    town.later(days=31)
    erasure.erase_due(town.runtime)
    assert town.rows(SmsOut) == town.rows(SmsCode) == []
