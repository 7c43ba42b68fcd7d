"""Bind events that never come, questions whose answers are lost: the ledger still ends where the bank's book ends."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.campaigns.stories import MARKETER, campaign_of, launched, work
from tests.campaigns.test_launch import assert_sound
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot import ledger
from wxbot.campaigns import switch
from wxbot.campaigns.models import Campaign, Packet
from wxbot.runtime import Runtime
from wxbot.shake.models import Lottery
from wxbot.wechat.sign import lottery_sign

NONCE = "378507853820041854759013"


def draw_and_open(runtime: Runtime, simulator: SimulatedWeChat, campaign_id: int, people: int) -> int:
    """`people` persons shake, draw with parameters we signed, and open; returns the fen they received."""
    with runtime.database.reading() as session:
        lottery = session.scalars(select(Lottery)).one()
        slug = session.get_one(Campaign, campaign_id).slug
    key = runtime.vault.open(lottery.lottery_key)
    device_id = simulator.control("GET", "beacons")["beacons"][0]["device_id"]
    received_fen = 0
    for number in range(people):
        person = simulator.person(f"人{number}")
        simulator.control("POST", f"people/{person['id']}/near", {"device_ids": [device_id]})
        card = simulator.control("POST", f"people/{person['id']}/shake")["cards"][0]
        assert slug in card["url"]
        jump = {"lottery_id": str(lottery.lottery_id), "noncestr": NONCE, "openid": person["openid"]}
        answer = simulator.control(
            "POST",
            f"people/{person['id']}/jump_hongbao",
            {**jump, "sign": lottery_sign(**jump, lottery_key=key), "page_url": card["url"]},
        )
        assert answer["code"] == 0, answer
        opened = simulator.control("POST", f"people/{person['id']}/packets/{answer['packet']['detail_id']}/open")
        received_fen += opened["amount_fen"]
    return received_fen


def finish(runtime: Runtime, simulator: SimulatedWeChat, campaign_id: int) -> None:
    """Close the campaign and let time pass until it is closed."""
    in_one(runtime.database, switch.close, campaign_id, MARKETER, runtime.clock.now())
    for _ in range(12):
        work(runtime)
        if campaign_of(runtime, campaign_id).status == "closed":
            return
        simulator.advance(12 * 3600)
        runtime.clock.refresh()
    pytest.fail("the campaign did not close")


@pytest.mark.parametrize("call", [pytest.param(None, marks=pytest.mark.proof), "mmpaymkttransfers/gethbinfo"])
def test_no_bind_event_ever_comes_and_the_books_close_from_queries_F34(
    runtime: Runtime, simulator: SimulatedWeChat, call: str | None
) -> None:
    """All pushes are lost (nobody listens), and half the answers to our questions: received and returned agree to the fen."""
    device = simulator.control("POST", "beacons", {"comment": "门口"})["beacon"]
    campaign_id = launched(runtime, device_ids=[device["device_id"]])
    work(runtime)
    received_fen = draw_and_open(runtime, simulator, campaign_id, 7)
    if call is not None:
        simulator.control("PUT", f"faults/{call}", {"kind": "drop_reply", "times": 15})
    finish(runtime, simulator, campaign_id)
    with runtime.database.reading() as session:
        assert ledger.balances(session, campaign_id)["paid"] == received_fen == 700
        assert ledger.total_posted(session, "returned", campaign_id) == 1300
        packets = session.scalars(select(Packet)).all()
    bank = simulator.control("GET", "bank?check=1")
    assert (bank["totals"]["paid_fen"], bank["totals"]["returned_fen"], bank["broken"]) == (700, 1300, [])
    assert sorted({packet.status for packet in packets}) == ["dropped", "received"]
    assert sum(packet.openid is not None for packet in packets) == 7
    assert_sound(runtime)
