"""A campaign whose tickets were lost: nothing more is ordered for it and nobody draws until they are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.stories import campaign_of, launched
from tests.campaigns.test_launch import assert_sound
from tests.restore.copies import Copies, machine
from tests.restore.offices import found_in, hire, judge_all, open_database, pass_time, sent_numbers, until_asked, work
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot import ledger, lineage
from wxbot.campaigns import launch, switch
from wxbot.draws.outcomes import Outcome
from wxbot.draws.snapshot import Snapshots
from wxbot.orders import lost, newest
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.worker import run_until_quiet


def refusal(runtime: Runtime, campaign_id: int) -> Outcome | None:
    """Why nobody may draw, as the phone's page would say."""
    slug = campaign_of(runtime, campaign_id).slug
    snapshot = Snapshots(runtime.database, runtime.vault).find(slug)
    assert snapshot is not None
    return snapshot.refusal(runtime.clock.unix())


@pytest.mark.timeout(600)
def test_lost_tickets_stop_their_campaign_until_they_are_judged(
    runtime: Runtime, simulator: SimulatedWeChat, copies: Copies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost, "UNKNOWN_IN_A_ROW", 40)
    monkeypatch.setattr(newest, "NEXT_SERIALS", 10)
    monkeypatch.setattr(lineage, "PATIENCE_S", 0.0)
    lineage.look_at_start(runtime)
    hire(runtime)
    campaign_id = launched(runtime)
    copy = copies.take(runtime)
    run_until_quiet(runtime)
    simulator.advance(10)
    runtime.clock.refresh()
    assert campaign_of(runtime, campaign_id).status == "on" and refusal(runtime, campaign_id) is None
    numbers = sent_numbers(simulator, ["hbpreorder"])
    assert len(numbers) == 20
    runtime.redis.flushall()
    with machine(runtime, copy, tmp_path / "bare") as restored:
        work(restored)
        with pytest.raises(Refusal, match="frozen"):
            in_one(restored.database, launch.launch, campaign_id, 1, restored.clock.now())
        with pytest.raises(Refusal, match="frozen"):
            in_one(restored.database, switch.resume, campaign_id, 1, restored.clock.now())
        until_asked(restored)
        assert {each.mch_billno for each in found_in(restored)} == numbers
        open_database(restored)
        work(restored)
        assert sent_numbers(simulator, ["hbpreorder"]) == numbers, "packets were ordered a second time"
        assert campaign_of(restored, campaign_id).trouble == "found_orders"
        assert judge_all(restored) == 20
        work(restored)
        assert sent_numbers(simulator, ["hbpreorder"]) == numbers
        assert_sound(restored)
        pass_time(restored, simulator, 73 * 3600)
        pass_time(restored, simulator, 3600)
        assert campaign_of(restored, campaign_id).status == "closed"
        with restored.database.reading() as session:
            standing = ledger.balances(session, campaign_id)
        assert {name: fen for name, fen in standing.items() if fen} == {}
        assert_sound(restored)
        bank = simulator.control("GET", "bank")
        assert bank["totals"]["returned_fen"] == 2000
