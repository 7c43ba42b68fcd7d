"""Short messages: everybody has a number, any number has an inbox, the provider can be down."""

from __future__ import annotations

import pytest

from tests.simulator.conftest import Web


def test_a_message_reaches_the_phone_with_that_number(web: Web) -> None:
    people = web.post("/_sim/people", json={"count": 2}).json()["people"]
    assert [one["phone"] for one in people] == ["+8619900000001", "+8619900000002"]
    sent = web.post("/_sim/sms", json={"phone": "+8619900000002", "text": "验证码 123456"}).json()
    assert sent == {"n": 1, "id": "1", "phone": "+8619900000002", "people": [2]}
    (message,) = web.get("/_sim/people/2/sms").json()["messages"]
    assert (message["n"], message["text"]) == (1, "验证码 123456")
    assert web.get("/_sim/people/1/sms").json()["messages"] == []
    assert web.get("/_sim/people/2/sms?after=1").json() == {"messages": [], "last": 1}


def test_a_number_can_be_changed_and_any_number_has_an_inbox(web: Web) -> None:
    web.post("/_sim/people")
    assert web.patch("/_sim/people/1", json={"phone": "+8613800138000"}).json()["phone"] == "+8613800138000"
    assert web.patch("/_sim/people/1", json={"phone": "call me"}).status_code == 400
    assert web.post("/_sim/sms", json={"phone": "13800138000", "text": "一"}).json()["people"] == [1]
    assert web.post("/_sim/sms", json={"phone": "+8619912345678", "text": "二"}).json()["people"] == []
    inbox = web.get("/_sim/sms", params={"phone": "+8619912345678"}).json()["messages"]
    assert [one["text"] for one in inbox] == ["二"]
    assert [one["text"] for one in web.get("/_sim/sms").json()["messages"]] == ["一", "二"]
    web.put("/_sim/world", json=web.get("/_sim/world").json())
    assert len(web.get("/_sim/sms?phone=+8613800138000").json()["messages"]) == 1


@pytest.mark.parametrize("body", [{}, {"phone": "12", "text": "x"}, {"phone": "+8619900000001", "text": " "}])
def test_a_message_that_cannot_be_sent_is_refused(web: Web, body: dict[str, str]) -> None:
    assert web.post("/_sim/sms", json=body).status_code == 400


def test_the_provider_can_be_down_while_the_inbox_can_be_read(web: Web) -> None:
    web.put("/_sim/faults/sms", json={"kind": "refuse"})
    body = {"phone": "+8619900000001", "text": "验证码 123456"}
    assert web.post("/_sim/sms", json=body).status_code == 503
    assert web.get("/_sim/sms").json()["messages"] == []
    web.delete("/_sim/faults/sms")
    assert web.post("/_sim/sms", json=body).status_code == 200
    log = web.get("/_sim/log").json()["log"]
    assert [(row["path"], row["fault"]) for row in log if row["method"] == "POST"] == [
        ("/_sim/sms", "refuse"),
        ("/_sim/sms", ""),
    ]
