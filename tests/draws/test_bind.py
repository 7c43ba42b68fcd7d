"""Bind events: facts, booked once, in any order; contradictions are put aside and seen."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import SQLAlchemyError

from tests.conftest import Cast
from tests.draws.stage import Phone, Stage, set_stage
from wxbot import ledger
from wxbot.campaigns.models import Packet, PacketCount
from wxbot.campaigns.packets import move_packets
from wxbot.draws.models import Draw
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.shake import bind

OPENID = "oPERSON0001"
OTHER = "oPERSON0002"


def summary(stage: Stage) -> tuple[list[tuple[str, str | None]], list[tuple[str, str]], list[str], dict[str, int]]:
    """Packets, draws, binds and the ledger of a stage, for comparing two ends of a story."""
    with stage.runtime.database.reading() as session:
        money = {name: fen for name, fen in ledger.balances(session).items() if fen}
    return (
        [(packet.status, packet.openid) for packet in stage.packets()],
        [(draw.status, draw.openid) for draw in stage.draws()],
        [f"{one.status} {one.fault or ''}".strip() for one in stage.binds()],
        money,
    )


def admit_row(stage: Stage, openid: str, status: str = "admitted") -> None:
    """A draw as the draw page leaves it."""
    now = stage.runtime.clock.now()
    with stage.runtime.database.transaction() as session:
        session.add(
            Draw(
                campaign_id=stage.campaign_id,
                openid=openid,
                status=status,
                ticket_hash=f"shake-{openid}",
                admitted_at=now,
                handed_out="9sQqUrmdFaY6v9z8TartXX|n|S",
            )
        )


def test_a_bind_moves_packet_draw_order_and_ledger_together(stage: Stage) -> None:
    admit_row(stage, OPENID)
    bind.record(stage.runtime, stage.bind_event(OPENID), stage.runtime.clock.now())
    packets, draws, binds, money = summary(stage)
    assert packets == [("bound", OPENID), ("loaded", None)]
    assert draws == [("bound", OPENID)]
    assert binds == ["matched"]
    assert money == {"tickets": -100, "unclaimed": 100}
    (draw,) = stage.draws()
    assert (draw.amount_fen, draw.packet_id) == (100, stage.packets()[0].id)
    assert [order.holding for order in stage.orders()] == ["unclaimed", "tickets"]
    with stage.runtime.database.reading() as session:
        counts = {row.status: row.n for row in session.query(PacketCount)}
    assert {name: n for name, n in counts.items() if n} == {"bound": 1, "loaded": 1}


def test_after_the_bind_the_page_says_so_and_another_draw_is_refused(stage: Stage, ming: Phone, cast: Cast) -> None:
    shake_ticket = stage.shake(cast.ming.openid)
    assert ming.draw(stage, shake_ticket).get_json()["outcome"] == "admitted"
    page = ming.open(f"{stage.path}?ticket={shake_ticket}")
    assert ming.state_of(page)["mine"] == "admitted"
    assert "红包在你的微信里" not in page.get_data(as_text=True).split("</script>")[-1]
    bind.record(stage.runtime, stage.bind_event(cast.ming.openid), stage.runtime.clock.now())
    assert ming.get(f"{stage.path}/state?mine=1", Accept="application/json").get_json()["mine"] == "bound"
    assert "红包在你的微信里" in ming.open(stage.path).get_data(as_text=True)
    assert ming.draw(stage, shake_ticket).get_json()["outcome"] == "already_drawn"
    stage.runtime.redis.flushall()
    stage.shake(cast.ming.openid)
    assert ming.draw(stage, shake_ticket).get_json()["outcome"] == "already_drawn"
    assert len(stage.draws()) == 1


@pytest.mark.on_postgresql
def test_the_same_events_a_hundred_times_in_any_order_book_once_F33(stage: Stage) -> None:
    for openid in (OPENID, OTHER):
        admit_row(stage, openid)
    events = [stage.bind_event(OPENID, 0), stage.bind_event(OTHER, 1)] * 100
    random.Random(33).shuffle(events)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda event: bind.record(stage.runtime, event, stage.runtime.clock.now()), events))
    packets, draws, binds, money = summary(stage)
    assert packets == [("bound", OPENID), ("bound", OTHER)]
    assert sorted(draws) == [("bound", OPENID), ("bound", OTHER)]
    assert binds == ["matched", "matched"]
    assert money == {"tickets": -200, "unclaimed": 200}


def test_a_bind_after_the_close_is_a_fact_F35(stage: Stage) -> None:
    admit_row(stage, OPENID, "lapsed")
    stage.change(status="closing", end_at=stage.runtime.clock.now() - timedelta(minutes=1))
    bind.record(stage.runtime, stage.bind_event(OPENID), stage.runtime.clock.now())
    assert summary(stage)[:3] == ([("bound", OPENID), ("loaded", None)], [("bound", OPENID)], ["matched"])


def test_a_bind_after_a_pause_is_a_fact_F46(stage: Stage) -> None:
    admit_row(stage, OPENID)
    stage.change(status="off", is_lottery_on=False)
    bind.record(stage.runtime, stage.bind_event(OPENID), stage.runtime.clock.now())
    assert stage.packets()[0].status == "bound"


def test_two_binds_of_one_second_are_two_facts_F36(stage: Stage) -> None:
    now = stage.runtime.clock.now().replace(microsecond=0)
    for number in (0, 1):
        event = stage.bind_event(OPENID, number, created_at=now, bound_at=now)
        bind.record(stage.runtime, event, now)
    assert len(stage.binds()) == 2
    assert [packet.status for packet in stage.packets()] == ["bound", "bound"]
    assert [one.fault for one in stage.binds()] == ["without_a_draw", "second_packet_of_one_person"]
    assert [draw.status for draw in stage.draws()] == ["bound"]


def test_a_bind_before_our_own_replies_is_joined_later_F38(runtime: Runtime) -> None:
    stage = set_stage(runtime, loaded=False)
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(sp_ticket_hash=None, status="unknown", holding="in_flight"))
        session.execute(update(Packet).values(status="ordered"))
    bind.record(runtime, stage.bind_event(OPENID), now)
    assert [one.status for one in stage.binds()] == ["pending"]
    assert bind.match_pending(runtime, now) == 0
    with runtime.database.transaction() as session:
        for packet, ticket in zip(stage.packets(), stage.tickets, strict=True):
            hashed = runtime.vault.index(ticket)
            session.execute(
                update(Order)
                .where(Order.reason_id == packet.id)
                .values(sp_ticket_hash=hashed, status="accepted", holding="tickets")
            )
    assert bind.match_pending(runtime, now) == 0  # the packet has not followed its order yet
    with runtime.database.transaction() as session:
        move_packets(session, [packet.id for packet in stage.packets()], "ordered", "ticketed", now)
    assert bind.match_pending(runtime, now) == 1
    assert bind.match_pending(runtime, now) == 0
    assert summary(stage)[0] == [("bound", OPENID), ("ticketed", None)]


@pytest.mark.on_both
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"amount_fen": 20000}, "amount_differs"),
        ({"lottery_id": "another-lottery"}, "lottery_differs"),
    ],
)
def test_a_bind_that_contradicts_the_books_is_put_aside_F39(
    stage: Stage, changes: dict[str, object], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bind.record(stage.runtime, stage.bind_event(OPENID, 0, **changes), stage.runtime.clock.now())
    assert [(one.status, one.fault) for one in stage.binds()] == [("quarantined", fault)]
    assert [packet.status for packet in stage.packets()] == ["loaded", "loaded"]
    assert summary(stage)[3] == {}
    out = "".join(capsys.readouterr())
    assert "bind_quarantined" in out
    assert stage.tickets[0] not in out


def test_a_ticket_of_nobody_waits_and_a_second_owner_is_put_aside_F39(stage: Stage) -> None:
    now = stage.runtime.clock.now()
    bind.record(stage.runtime, stage.bind_event(OPENID, 0, sp_ticket="v1|made-up"), now)
    bind.record(stage.runtime, stage.bind_event(OPENID), now)
    bind.record(stage.runtime, stage.bind_event(OTHER), now)
    assert [f"{one.status} {one.fault or ''}".strip() for one in stage.binds()] == [
        "pending",
        "matched without_a_draw",
        "quarantined another_person",
    ]
    assert stage.packets()[0].openid == OPENID


def test_a_bind_told_after_the_money_was_received_changes_no_money(stage: Stage) -> None:
    admit_row(stage, OPENID)
    now = stage.runtime.clock.now()
    with stage.runtime.database.transaction() as session:
        session.execute(
            update(Order).where(Order.reason_id == stage.packets()[0].id).values(status="received", openid=OPENID)
        )
        move_packets(session, [stage.packets()[0].id], "loaded", "received", now, openid=OPENID, settled_at=now)
    bind.record(stage.runtime, stage.bind_event(OPENID), now)
    assert summary(stage) == ([("received", OPENID), ("loaded", None)], [("bound", OPENID)], ["matched"], {})


@pytest.mark.on_both
def test_a_database_that_is_down_raises_so_that_wechat_sends_again_F40(stage: Stage) -> None:
    event = stage.bind_event(OPENID)
    with stage.runtime.database.transaction() as session:
        session.execute(text("ALTER TABLE binds RENAME TO binds_away"))
    with pytest.raises(SQLAlchemyError):
        bind.record(stage.runtime, event, stage.runtime.clock.now())
    with stage.runtime.database.transaction() as session:
        session.execute(text("ALTER TABLE binds_away RENAME TO binds"))
    bind.record(stage.runtime, event, stage.runtime.clock.now())
    assert stage.packets()[0].status == "bound"


def test_when_only_the_matching_fails_the_fact_is_kept_F40(stage: Stage) -> None:
    with stage.runtime.database.transaction() as session:
        session.execute(text("ALTER TABLE draws RENAME TO draws_away"))
    bind.record(stage.runtime, stage.bind_event(OPENID), stage.runtime.clock.now())
    with stage.runtime.database.transaction() as session:
        session.execute(text("ALTER TABLE draws_away RENAME TO draws"))
    assert [one.status for one in stage.binds()] == ["pending"]
    assert stage.packets()[0].status == "loaded"
    assert bind.match_pending(stage.runtime, stage.runtime.clock.now()) == 1
    assert stage.packets()[0].status == "bound"


@pytest.mark.on_both
def test_the_callback_and_the_task_racing_book_once_F38(stage: Stage) -> None:
    now = stage.runtime.clock.now()
    admit_row(stage, OPENID)

    def race(number: int) -> None:
        if number % 2:
            bind.match_pending(stage.runtime, now)
        else:
            bind.record(stage.runtime, stage.bind_event(OPENID), now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(race, range(32)))
    assert summary(stage) == (
        [("bound", OPENID), ("loaded", None)],
        [("bound", OPENID)],
        ["matched"],
        {"tickets": -100, "unclaimed": 100},
    )


def test_admitted_draws_lapse_after_72_hours_and_the_person_may_try_again(stage: Stage) -> None:
    admit_row(stage, OPENID)
    now = stage.runtime.clock.now()
    assert bind.lapse(stage.runtime, now + timedelta(hours=71, minutes=59)) == 0
    assert bind.lapse(stage.runtime, now + timedelta(hours=72, minutes=1)) == 1
    assert bind.lapse(stage.runtime, now + timedelta(hours=72, minutes=1)) == 0
    assert [draw.status for draw in stage.draws()] == ["lapsed"]
