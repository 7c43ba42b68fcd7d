"""Campaigns share beacons: a launch takes nobody's page away, an ended campaign leaves the beacon to the others."""

from __future__ import annotations

from tests.campaigns.stories import MARKETER, campaign_of, is_lottery_on, launched, page_of, work
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot.campaigns import switch
from wxbot.runtime import Runtime


def pages_on_beacons(simulator: SimulatedWeChat) -> list[list[int]]:
    return [beacon["page_ids"] for beacon in simulator.control("GET", "beacons")["beacons"]]


def test_two_campaigns_stand_on_one_beacon_and_the_ended_one_leaves(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    device_id = simulator.control("POST", "beacons", {"comment": "门口"})["beacon"]["device_id"]
    first, second = (launched(runtime, packet_count=2, budget_fen=200, device_ids=[device_id]) for _ in range(2))
    work(runtime)
    pages = [page_of(runtime, campaign_id) for campaign_id in (first, second)]
    assert pages_on_beacons(simulator) == [pages]
    in_one(runtime.database, switch.close, first, MARKETER, runtime.clock.now())
    work(runtime)
    assert pages_on_beacons(simulator) == [[pages[1]]]
    assert campaign_of(runtime, first).status in ("closing", "closed")


def test_a_refused_page_does_not_keep_a_campaign_from_closing(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    device_id = simulator.control("POST", "beacons", {"comment": "门口"})["beacon"]["device_id"]
    campaign_id = launched(runtime, packet_count=2, budget_fen=200, device_ids=[device_id])
    work(runtime)
    simulator.control("PUT", "faults/shakearound/relation/search", {"kind": "refuse", "err_code": "9001002"})
    in_one(runtime.database, switch.close, campaign_id, MARKETER, runtime.clock.now())
    work(runtime, rounds=5)
    assert is_lottery_on(runtime, campaign_id) is False
    simulator.control("DELETE", "faults")
    work(runtime)
    assert pages_on_beacons(simulator) == [[]]
